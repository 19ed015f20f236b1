import pytest
import torch

from barnspider.errors import InputError
from barnspider.lab import augment
from barnspider.lab.augment.targets import mix, smooth
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe
from barnspider.lab.sweep import Sweep
from conformance import constant, some_images

LABELS = torch.arange(12) % 4
PLAIN = torch.nn.functional.one_hot(LABELS, 4).float()


def mixed(**knobs):
    draws = {knob: torch.from_numpy(uniforms(0, knob, 0, 12, count)) for knob, count in augment.DRAWS.items()}
    return augment.mixed(some_images((12, 1, 8, 8)), LABELS, Recipe("digits", **knobs), draws, 4)


def test_labels_stay_labels_while_nothing_touches_them():
    images = some_images((12, 1, 8, 8))
    out, targets = augment.mixed(images, LABELS, Recipe("digits", crop=0.5), {}, 4)
    assert out is images
    assert targets is LABELS


def test_smoothing_is_monotone_and_off_at_0():
    distance = [float((smooth(PLAIN, constant(12, dose)) - PLAIN).abs().sum()) for dose in (0, 0.1, 0.5, 1)]
    assert distance[0] == 0
    assert distance == sorted(set(distance))
    assert torch.equal(smooth(PLAIN, constant(12, 0)), PLAIN)


def test_equal_smoothing_per_class_is_the_scalars_and_classes_differ():
    assert torch.equal(mixed(label_smoothing=0.3)[1], mixed(label_smoothing=(0.3,) * 4)[1])
    targets = mixed(label_smoothing=(0.0, 0.4, 0.0, 0.4))[1]
    assert torch.equal(targets[LABELS % 2 == 0], PLAIN[LABELS % 2 == 0])
    assert targets[1].tolist() == pytest.approx([0.1, 0.7, 0.1, 0.1])


@pytest.mark.parametrize("knobs", [{"mixup": 0.5}, {"cutmix": 1.0}, {"mixup": 0.5, "cutmix": 1.0}])
def test_targets_are_shares_whatever_is_on(knobs):
    targets = mixed(label_smoothing=0.2, **knobs)[1]
    assert targets.sum(1).tolist() == pytest.approx([1.0] * 12, abs=1e-5)
    assert (targets > 0).all()


def test_a_class_is_smoothed_before_it_is_mixed():
    share = torch.tensor([0.25, 0.25])
    expected = 0.75 * torch.tensor([0.5, 0.5]) + 0.25 * torch.tensor([0.0, 1.0])
    smoothed = smooth(torch.eye(2), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(mix(smoothed, share)[0], expected)


def test_a_batch_of_one_is_mixed_with_itself():
    images = some_images((1, 1, 8, 8))
    draws = {"mixup": torch.tensor([[0.9]]), "cutmix": torch.tensor([[0.9, 0.5, 0.5]])}
    recipe = Recipe("digits", mixup=0.5, cutmix=1)
    out, targets = augment.mixed(images, LABELS[:1], recipe, draws, 4)
    torch.testing.assert_close(out, images)
    torch.testing.assert_close(targets, PLAIN[:1])


# --- targets that fade with what is cut away --------------------------------------------------------------------------


def read_by(recipe, size=(16, 20)):
    """Which share of each image's pixels what the network sees depends on, by the gradient; and the share visible."""
    images = torch.rand(60, 1, *size).requires_grad_()
    labels = torch.zeros(60, dtype=torch.long)
    draws = {knob: torch.from_numpy(uniforms(0, knob, 0, 60, count)) for knob, count in augment.DRAWS.items()}
    out = augment.apply(augment.LEVELS, images, labels, recipe, draws, 1)
    weights = torch.rand(out.shape) + 0.5
    kept = torch.autograd.grad((out * weights).sum(), images)[0].ne(0).float().mean((1, 2, 3))
    faded = augment.mixed(images, labels, recipe, draws, 2)[1][:, 0]
    return kept, 1 - (2 * (1 - faded)).clamp(min=0).sqrt()  # of two classes, at fade=1: 1 - (1 - v)**2 / 2


@pytest.mark.parametrize("knobs", [{"crop": 0.9}, {"fixed_crop": 0.6}, {"translation": 0.7}, {"translation": 1.0}])
def test_what_is_visible_is_what_the_network_sees_depends_on(knobs):
    kept, visible = read_by(Recipe("digits", fade=1.0, **knobs))
    torch.testing.assert_close(visible, kept, rtol=0, atol=1e-3)
    assert visible.min() < 0.5 < visible.max() if "fixed_crop" not in knobs else True


def test_cuts_multiply():
    kept, visible = read_by(Recipe("digits", fade=1.0, crop=0.5, translation=0.3))
    torch.testing.assert_close(visible, kept, rtol=0, atol=0.12)  # a shift of the enlarged crop cuts pixels in two
    assert float((visible - kept).mean().abs()) < 0.05


def test_fading_is_monotone_and_off_at_0():
    draws = {"crop": torch.from_numpy(uniforms(0, "crop", 0, 12, augment.DRAWS["crop"]))}

    def faded(dose):
        recipe = Recipe("digits", crop=0.9, fade=dose)
        return augment.mixed(some_images((12, 1, 8, 8)), LABELS, recipe, draws, 4)[1]

    doses = (0.1, 0.5, 1.0)
    own = [faded(dose)[range(12), LABELS] for dose in doses]
    assert (own[0] >= own[1]).all()
    assert (own[1] >= own[2]).all()
    assert own[2].mean() < own[1].mean() < own[0].mean() < 1
    assert faded(0.0) is LABELS
    assert torch.equal(faded(0.3), faded((0.3,) * 4))
    assert torch.equal(faded((0.0, 0.8, 0.0, 0.8))[LABELS % 2 == 0], PLAIN[LABELS % 2 == 0])
    assert faded(1.0).sum(1).tolist() == pytest.approx([1.0] * 12)


def test_an_image_that_is_whole_is_sure():
    recipe = Recipe("digits", crop=(0.0, 0.9, 0.0, 0.9), fade=1.0)
    draws = {"crop": torch.from_numpy(uniforms(0, "crop", 0, 12, augment.DRAWS["crop"]))}
    targets = augment.mixed(some_images((12, 1, 8, 12)), LABELS, recipe, draws, 4)[1]
    assert torch.equal(targets[LABELS % 2 == 0], PLAIN[LABELS % 2 == 0]), "not even cropped to another aspect"


def test_fading_in_vain_is_refused():
    with pytest.raises(InputError, match=r"fade=1\.0 does nothing while nothing of an image is cut away; turn up crop"):
        Sweep(Recipe("digits", rotation=10), "fade", doses=(0, 1), seeds=(0,))
    with pytest.raises(InputError, match=r"fade=0\.5 does nothing"):
        Sweep(Recipe("digits", fade=0.5), "rotation", doses=(0, 10), seeds=(0,))
    Sweep(Recipe("digits", fade=0.5), "crop", doses=(0, 0.3), seeds=(0,))
    Sweep(Recipe("digits", translation=0.1), "fade", doses=(0, 1), seeds=(0,))
