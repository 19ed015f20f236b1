"""Classes that do badly count more: by the formulas of the papers, whatever is mixed or smoothed, and nothing else."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from barnspider.errors import InputError
from barnspider.lab import nets
from barnspider.lab.data import Dataset, load
from barnspider.lab.material import Batch, Material
from barnspider.lab.recipe import Recipe
from barnspider.lab.sweep import Run
from barnspider.lab.train import train
from barnspider.lab.weighing import STEP, Clam, GroupDro, weighing_of
from barnspider.lab.worker import result_of

SMALL = Recipe("digits", width=8, epochs=2, batch=64, train_images=200, crop=0.5)
CLASSES = 4


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def a_batch(seed=0, classes=None, n=32):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=draw)  # the fourth class is not there
    targets = torch.nn.functional.one_hot(labels, CLASSES) * 0.8 + 0.2 / CLASSES
    logits = 3 * torch.randn(n, CLASSES, generator=draw)
    return Batch(torch.zeros(n), targets, {}, labels if classes is None else classes), logits


def losses_by_hand(batch, logits):
    return -(batch.targets * logits.log_softmax(1)).sum(1).double().numpy()


def test_clams_loss_is_that_of_its_source():
    batch, logits = a_batch()
    w = np.array([0.5, 1.0, 2.0, 1.1])
    own = (w / w.mean())[batch.classes.numpy()]
    loss = Clam(torch.tensor(w, dtype=torch.float32)).loss(logits, batch)
    assert float(loss) == pytest.approx((own * losses_by_hand(batch, logits)).mean(), rel=1e-5)


def test_clams_weights_are_multiplied_and_clipped():
    accuracy, w, clam = np.array([0.9, 0.2, 1.0, 0.5]), np.ones(4), Clam(torch.ones(4))
    for _ in range(6):
        factor = np.exp(-accuracy)
        w = np.clip(w * factor / factor.mean(), 0.5, 2)
        clam.update(torch.tensor(accuracy, dtype=torch.float32))
        assert np.allclose(clam.state.numpy(), w, rtol=1e-5)
    assert (w.min(), w.max()) == (0.5, 2)


def test_clam_measures_augmented_images_and_leaves_the_network_alone(digits):
    recipe = dataclasses.replace(SMALL, network="resnet", width=4, mixup=0.5, label_smoothing=0.1, dropout=0.5)
    material, net = Material.of(digits, recipe, "cpu"), nets.build(recipe, digits.shape, 10, 0)
    before, chance = {n: t.clone() for n, t in net.state_dict().items()}, torch.get_rng_state()
    clam = Clam(torch.ones(10))
    clam.after_epoch(net, material, recipe, seed=3, epoch=1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)
    plain = Recipe("digits", network="resnet", width=4, batch=64, train_images=200, crop=0.5)
    batches = list(material.batches(plain, 3, recipe.epochs + 1))
    with torch.no_grad():
        hit = torch.cat([net.eval()(b.images).argmax(1) == b.targets for b in batches]).numpy()
    labels = torch.cat([b.targets for b in batches]).numpy()
    factor = np.exp([-hit[labels == k].mean() for k in range(10)])
    assert np.allclose(clam.state.numpy(), np.clip(factor / factor.mean(), 0.5, 2), rtol=1e-5)


def test_group_dro_is_that_of_its_source():
    """Against the formulas of Sagawa et al., in double precision; where all classes are there, to the letter."""
    dro, q = GroupDro(torch.full((CLASSES,), 1 / CLASSES).log()), np.full(CLASSES, 1 / CLASSES)
    for seed in range(40):
        batch, logits = a_batch(seed)
        each, labels = losses_by_hand(batch, logits), batch.classes.numpy()
        by_class = np.array([each[labels == k].mean() if (labels == k).any() else 0 for k in range(CLASSES)])
        q = q * np.exp(STEP * by_class)
        q /= q.sum()
        loss = dro.loss(logits, batch)
        assert float(loss) == pytest.approx(q @ by_class / q[:3].sum(), rel=1e-5)
    assert np.allclose(dro.weights().numpy(), CLASSES * q, rtol=1e-4)
    assert q[3] < 1 / CLASSES


@pytest.mark.parametrize("kind", [Clam, GroupDro])
def test_a_mixed_image_belongs_to_its_classes_by_their_shares(kind):
    batch, logits = a_batch()
    whole = torch.nn.functional.one_hot(batch.classes, CLASSES).float()
    start = torch.tensor([0.1, 0.2, 0.3, 0.4]) if kind is Clam else torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    by_label, by_share = (kind(start.clone()).loss(logits, b) for b in (batch, batch._replace(classes=whole)))
    assert float(by_label) == pytest.approx(float(by_share), rel=1e-6)
    half = batch._replace(classes=(whole + whole.roll(1, 1)) / 2)
    assert float(kind(start.clone()).loss(logits, half)) != pytest.approx(float(by_label), rel=1e-3)


@pytest.mark.parametrize("kind", ["clam", "group-dro"])
@pytest.mark.parametrize("besides", [{}, {"mixup": 0.5, "cutmix": 1.0, "label_smoothing": 0.1, "fade": 1.0}])
def test_it_trains_and_says_its_weights(digits, kind, besides):
    recipe = dataclasses.replace(SMALL, class_weights=kind, **besides)
    result = result_of(Run(recipe, 0, "arm", None), digits)
    assert result.status == "done"
    weights = np.array(json.loads(json.dumps(result.about))["class_weights"])
    assert weights.mean() == pytest.approx(1, abs=1e-3)
    assert np.ptp(weights) > 0.01
    plain = train(dataclasses.replace(recipe, class_weights=""), 0, digits)
    assert plain.class_weights == ()
    assert not np.array_equal(plain.test.p_label, result.answers["test"].p_label)


@pytest.mark.parametrize("kind", ["clam", "group-dro"])
def test_a_class_without_training_images_breaks_nothing(digits, kind):
    more = Dataset("digits", (*digits.classes, "none"), "0", digits.train, digits.validation, digits.test)
    trained = train(dataclasses.replace(SMALL, class_weights=kind), 0, more)
    assert not trained.diverged
    assert np.isfinite(trained.class_weights).all()


def test_off_it_is_no_part_of_a_recipe():
    assert "class_weights" not in SMALL.as_dict()
    assert weighing_of(SMALL, 10, "cpu") is None
    assert Recipe(**dataclasses.replace(SMALL, class_weights="clam").as_dict()).class_weights == "clam"
    with pytest.raises(InputError, match="class_weights='dro' is unknown; expected one of: , clam, group-dro"):
        dataclasses.replace(SMALL, class_weights="dro")
