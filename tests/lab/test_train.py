import dataclasses
from hashlib import blake2b

import numpy as np
import pytest
import torch

from barnspider.errors import InputError
from barnspider.lab import augment, averaging, material, nets
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.evaluation import logits
from barnspider.lab.material import Material
from barnspider.lab.recipe import KNOBS, Recipe
from barnspider.lab.train import train

SMALL = Recipe("digits", network="resnet", width=4, epochs=2, batch=64, train_images=200)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def same(a, b):
    return all(
        np.array_equal(getattr(getattr(a, part), field), getattr(getattr(b, part), field))
        for part in ("validation", "test")
        for field in ("guess", "p_label")
    )


def test_answers_cover_every_image(digits):
    trained = train(SMALL, 0, digits)
    assert trained.test.guess.shape == trained.test.p_label.shape == (600,)
    assert trained.validation.guess.shape == (300,)
    assert trained.test.guess.dtype == np.int16
    assert trained.test.p_label.dtype == np.float32
    assert ((trained.test.p_label >= 0) & (trained.test.p_label <= 1)).all()
    assert (trained.validation_every, len(trained.validation_accuracy)) == (2, 1)
    assert trained.validation_accuracy[-1] == (trained.validation.guess == digits.validation.labels).mean()
    assert trained.seconds > 0
    assert not trained.diverged
    assert trained.environment["torch"] == torch.__version__


@pytest.mark.parametrize("network", ["mlp", "resnet"])
def test_the_same_run_gives_the_same_bits(digits, network):
    recipe = dataclasses.replace(SMALL, network=network, crop=0.3, rotation=20, flip=0.2, cutout=0.3, weight_decay=0.01)
    first = train(recipe, 5, digits)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    assert same(first, train(recipe, 5, digits))
    assert not same(first, train(recipe, 6, digits))


def colourful():
    """Noise in colour, of two classes."""
    rng = np.random.default_rng(0)

    def part(n, name):
        images = rng.integers(256, size=(n, 16, 20, 3), dtype=np.uint8)
        return Split(images, np.arange(n) % 2, np.array([f"{name}-{i}" for i in range(n)]))

    return Dataset("noise", ("a", "b"), "0", part(40, "train"), part(10, "validation"), part(10, "test"))


NOISE = Recipe("noise", network="resnet", width=4, epochs=1, batch=16)


def test_the_answers_are_those_of_the_first_release(digits):
    """Old recipes give old answers, whatever knobs come: if this fails, raise TRAINING_VERSION."""
    mlp = Recipe("digits", network="mlp", width=4, epochs=2, batch=64, train_images=200)
    augmented = dataclasses.replace(mlp, crop=0.3, rotation=20, flip=0.2, cutout=0.3, weight_decay=0.01)
    sums = [blake2b(train(r, 5, digits).test.guess.tobytes(), digest_size=8).hexdigest() for r in (mlp, augmented)]
    assert sums == ["893e20aae6552205", "0d0be354d64e1a3e"]


@pytest.mark.parametrize("knob", KNOBS)
def test_dose_0_is_bit_identical_to_not_having_the_knob(digits, knob):
    assert same(train(SMALL, 0, digits), train(SMALL.with_(knob, 0.0), 0, digits))
    if KNOBS[knob].per_class:
        assert same(train(SMALL, 0, digits), train(SMALL.with_(knob, (0.0,) * 10), 0, digits))


@pytest.mark.parametrize("knob", [name for name, knob in KNOBS.items() if knob.per_class])
def test_equal_doses_per_class_give_the_scalars_bits(digits, knob):
    recipe, data = (NOISE, colourful()) if KNOBS[knob].needs_colour else (SMALL, digits)
    if knob == "fade":  # with what is cut away, so something must be
        recipe = recipe.with_("crop", 0.5)
    dose = KNOBS[knob].strongest / 2
    scalar = train(recipe.with_(knob, dose), 0, data)
    assert same(scalar, train(recipe.with_(knob, (dose,) * len(data.classes)), 0, data))
    assert not same(scalar, train(recipe, 0, data))


@pytest.mark.parametrize("network", ["mlp", "resnet"])
@pytest.mark.parametrize("knob", [name for name, knob in KNOBS.items() if not knob.per_class])
def test_knobs_of_the_network_change_answers_and_repeat(digits, network, knob):
    if (network, knob) == ("mlp", "stochastic_depth"):
        pytest.skip("a network without residual branches: see test_nets")
    recipe = dataclasses.replace(SMALL, network=network).with_(knob, 0.3)
    first = train(recipe, 0, digits)
    torch.manual_seed(99)
    assert same(first, train(recipe, 0, digits))
    assert not same(first, train(recipe.with_(knob, 0.0), 0, digits))


@pytest.mark.parametrize("knob", [name for name, knob in KNOBS.items() if knob.needs_colour])
def test_knobs_for_colour_are_refused_on_grey_images(digits, knob):
    with pytest.raises(InputError, match=f"{knob}=0.1 does nothing to grey images"):
        train(SMALL.with_(knob, 0.1), 0, digits)


def batches(recipe, seed, data):
    whole = dataclasses.replace(recipe, train_images=0)
    return list(Material.of(data, whole, "cpu").batches(recipe, seed, 3))


@pytest.mark.parametrize("knob", [step.knob for step in (*augment.STEPS, *augment.MIXING)])
def test_a_dose_changes_pixels_but_never_the_order(digits, knob):
    recipe, data = (NOISE, colourful()) if KNOBS[knob].needs_colour else (SMALL, digits)
    plain, dosed = (batches(recipe.with_(knob, d), 2, data) for d in (0.0, KNOBS[knob].strongest))
    if knob not in {step.knob for step in augment.MIXING}:
        assert all(torch.equal(a.targets, b.targets) for a, b in zip(plain, dosed, strict=True))
    assert not all(torch.equal(a.images, b.images) for a, b in zip(plain, dosed, strict=True))
    unchanged = batches(recipe.with_(knob, (KNOBS[knob].strongest,) + (0.0,) * (len(data.classes) - 1)), 2, data)
    for a, b in zip(plain, unchanged, strict=True):
        assert torch.equal(a.images[a.targets > 0], b.images[a.targets > 0]), "the order is that of dose 0"


def test_labels_are_smoothed_as_torch_does(digits):
    logits = torch.randn(64, 10)
    for smoothed, plain in zip(
        batches(SMALL.with_("label_smoothing", 0.2), 2, digits), batches(SMALL, 2, digits), strict=True
    ):
        assert torch.equal(smoothed.images, plain.images)
        own = logits[: len(plain.targets)]
        expected = torch.nn.functional.cross_entropy(own, plain.targets, label_smoothing=0.2)
        torch.testing.assert_close(torch.nn.functional.cross_entropy(own, smoothed.targets), expected)


def test_one_knob_does_not_change_what_another_draws(digits):
    alone = batches(SMALL.with_("flip", 0.5), 2, digits)
    beside = batches(SMALL.with_("flip", 0.5).with_("cutout", 1e-9), 2, digits)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(alone, beside, strict=True))


def test_classes_at_dose_0_keep_their_images(digits):
    plain, dosed = batches(SMALL, 2, digits), batches(SMALL.with_("rotation", (0.0,) * 5 + (90.0,) * 5), 2, digits)
    for (images, labels, *_), (turned, *_) in zip(plain, dosed, strict=True):
        assert torch.equal(images[labels < 5], turned[labels < 5])
        assert not torch.equal(images[labels >= 5], turned[labels >= 5])


def test_an_epoch_shows_every_image_once_in_even_batches(digits):
    sizes = [len(labels) for _, labels, *_ in batches(SMALL, 0, digits)]
    assert sum(sizes) == len(digits.train)
    assert max(sizes) - min(sizes) <= 1
    seen = torch.cat([labels for _, labels, *_ in batches(SMALL, 0, digits)])
    assert torch.bincount(seen).tolist() == np.bincount(digits.train.labels).tolist()


def test_augmenting_several_batches_at_once_changes_nothing(digits, monkeypatch):
    recipe = dataclasses.replace(SMALL, crop=0.5, rotation=30, mixup=0.5, cutmix=1, dropout=0.5)
    together = batches(recipe, 0, digits)
    monkeypatch.setattr(material, "_AUGMENTED_PIXELS", 1)
    one_by_one = batches(recipe, 0, digits)
    assert all(torch.allclose(a[0], b[0], atol=1e-5) for a, b in zip(together, one_by_one, strict=True))


@pytest.mark.parametrize(("images", "epochs", "every", "asked"), [(400, 5, 1, 5), (200, 5, 2, 3), (100, 6, 3, 2)])
def test_answering_never_takes_more_images_than_training(digits, images, epochs, every, asked):
    trained = train(dataclasses.replace(SMALL, network="mlp", train_images=images, epochs=epochs), 0, digits)
    assert (trained.validation_every, len(trained.validation_accuracy)) == (every, asked)
    assert trained.validation_accuracy[-1] == (trained.validation.guess == digits.validation.labels).mean()


def test_a_diverged_run_says_so_and_does_not_crash(digits):
    trained = train(dataclasses.replace(SMALL, network="mlp", lr=1e6), 0, digits)
    assert trained.diverged
    assert trained.test is None
    assert trained.validation is None
    assert len(trained.validation_accuracy) < SMALL.epochs


@pytest.mark.parametrize("network", ["mlp", "resnet"])
def test_the_average_is_that_of_the_last_steps_weights(digits, network, monkeypatch):
    recipe = dataclasses.replace(SMALL, network=network)
    monkeypatch.setattr(averaging, "SHARE", 0.5)
    trained = train(recipe, 0, digits)
    assert set(trained.answers) == {"test", "validation", "test-averaged", "validation-averaged"}
    assert not np.array_equal(trained.answers["test"].p_label, trained.answers["test-averaged"].p_label)
    monkeypatch.setattr(averaging, "SHARE", 0.0)  # the last step alone
    alone = train(recipe, 0, digits)
    assert same(alone, trained)
    assert np.array_equal(alone.answers["test"].p_label, alone.answers["test-averaged"].p_label)


def test_mirrored_answers_are_the_mean_over_image_and_mirror_image(digits):
    recipe = dataclasses.replace(SMALL, mirrored=True)
    assert not same(train(recipe, 0, digits), train(SMALL, 0, digits))
    laid_out = Material.of(digits, SMALL, "cpu")
    net = nets.build(SMALL, digits.shape, 10, 0)
    images = digits.test.images[:20]
    some, turned = (
        Split(part, digits.test.labels[:20], digits.test.sample[:20])
        for part in (images, np.ascontiguousarray(images[:, :, ::-1]))
    )
    both = [logits(net, part, laid_out, SMALL) for part in (some, turned)]
    torch.testing.assert_close(logits(net, some, laid_out, recipe), (both[0] + both[1]) / 2)


def test_progress_is_told_after_every_epoch(digits):
    told = []
    train(SMALL, 0, digits, progress=lambda done, epochs: told.append((done, epochs)))
    assert told == [(1, 2), (2, 2)]


def test_threads_and_determinism_are_put_back(digits):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train(SMALL, 0, digits)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_doses_for_other_classes_are_refused(digits):
    with pytest.raises(InputError, match="crop has 3 doses; expected one number, or one for each of 10 classes"):
        train(SMALL.with_("crop", (0.1, 0.2, 0.3)), 0, digits)


def test_more_training_images_than_there_are_are_refused(digits):
    with pytest.raises(InputError, match="train_images=5000; expected at most 897"):
        train(dataclasses.replace(SMALL, train_images=5000), 0, digits)


def test_colour_images_with_everything_on_and_without_momentum():
    everything = {knob.name: knob.strongest / 10 for knob in KNOBS.values()}
    recipe = dataclasses.replace(NOISE, momentum=0.0, **everything)
    assert train(recipe, 0, colourful()).test.guess.shape == (10,)


def test_digits_are_learned_and_half_turns_destroy_them(digits):
    recipe = Recipe("digits", network="resnet", width=8, epochs=15, batch=64)
    plain, turned = (train(recipe.with_("rotation", d), 0, digits) for d in (0.0, 180.0))
    right = [(t.test.guess == digits.test.labels) for t in (plain, turned)]
    assert right[0].mean() > 0.95
    lost = right[0].mean() - right[1].mean()
    six_nine = np.isin(digits.test.labels, [6, 9])
    assert lost > 0.03
    assert right[0][six_nine].mean() - right[1][six_nine].mean() > lost
