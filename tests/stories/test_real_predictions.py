"""Real predictions of real models on ImageNet's validation images, with the ReaL label sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import barnspider as barn

FILE = Path(__file__).parents[3] / "shared" / "data" / "imagenet_val_predictions_dev.npz"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"needs {FILE.name}, which is not part of this repository")

# Recomputed independently: top-1, ReaL accuracy, classes 73 and 836 (plain, ReaL), sd over classes (plain, ReaL), the
# mean of the ten worst classes.
KNOWN = {
    "pytorch_resnet50": (0.75062, 0.81982, 0.52, 0.7917, 0.22, 0.6531, 0.1647, 0.1191, 0.2180),
    "pytorch_vgg19": (0.71190, 0.78269, 0.52, 0.7500, 0.16, 0.5306, 0.1764, 0.1361, 0.1880),
    "pytorch_vgg19_bn": (0.72902, 0.80317, 0.46, 0.7708, 0.08, 0.5918, 0.1714, 0.1236, 0.1700),
    "pytorch_alexnet": (0.54502, 0.60790, 0.34, 0.5625, 0.12, 0.3673, 0.1993, 0.1792, 0.0740),
}


@pytest.fixture(scope="module")
def data():
    with np.load(FILE) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def plain(data):
    names = [f"{name} ({i})" for i, name in enumerate(data["class_names"])]
    guess = {str(model): top1 for model, top1 in zip(data["model"], data["top1"], strict=True)}
    return barn.Predictions.from_arrays(data["label"], guess, classes=names, on="imagenet/validation")


@pytest.fixture(scope="module")
def real(data, plain):
    """The same answers, judged by sets of acceptable labels; images without any are left out."""
    size = np.diff(data["real_offset"])
    accepted = np.full((len(size), size.max()), -1, dtype=np.int16)
    accepted[np.arange(size.max()) < size[:, None]] = data["real_flat"]
    some = size > 0
    assert (some.sum(), (size > 1).sum()) == (46_837, 7_443)
    return replace(plain.where(samples=some), accepted=accepted[some])


def by_class(preds, model):
    right = preds.where(arms=[model]).correct()[0]
    return right.mean(), np.array([right[preds.label == c].mean() for c in range(1000)])


@pytest.mark.parametrize("model", KNOWN)
def test_accuracies_agree_with_what_is_known(plain, real, model):
    top1, classes = by_class(plain, model)
    real_top1, real_classes = by_class(real, model)
    worst = np.sort(classes)[:10].mean()
    found = (
        top1, real_top1, classes[73], real_classes[73], classes[836], real_classes[836], classes.std(),
        real_classes.std(), worst,
    )  # fmt: skip
    assert found == pytest.approx(KNOWN[model], abs=6e-5)


def test_batch_normalization_raises_the_average_and_nobody_can_be_shown_to_pay(plain):
    """One model on each side, 50 images a class: some 300 classes look worse, and none can be believed to be."""
    effects = barn.estimate(plain, "pytorch_vgg19", arms=["pytorch_vgg19_bn"])
    assert effects.overall[0] == pytest.approx(0.01712, abs=1e-5)
    assert effects.overall_low[0] > 0.01
    assert 250 < (effects.effect < 0).sum() < 350
    assert not effects.harmed.any()
    assert effects.tau_low[0] > 0, "that the effect depends on the class can be shown, though not on which"
    assert effects.method.generalizes_to == "images"
    assert barn.Gate(max_drop=0.02).check(effects).status == "inconclusive"


def test_a_much_worse_network_harms_hundreds_of_classes(plain):
    effects = barn.estimate(plain, "pytorch_resnet50", arms=["pytorch_alexnet"])
    assert effects.harmed.sum() > 300
    assert barn.Gate(max_drop=0.02).check(effects).status == "fail"
