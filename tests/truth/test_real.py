"""Real numbers: public answers of ImageNet models, against numbers that were computed independently."""

from pathlib import Path

import numpy as np
import pytest

from barnspider.effects import estimate
from barnspider.gate import Gate
from barnspider.inequality import inequality
from barnspider.predictions import Predictions
from barnspider.readings import readings
from barnspider.tables import read_label_sets, with_label_sets

FILE = Path(__file__).parents[3] / "shared" / "data" / "imagenet_val_predictions_dev.npz"
KNOWN = {
    "pytorch_resnet50": (0.75062, 0.81982, 0.52, 0.7917, 0.22, 0.6531, 0.1647, 0.1191, 0.2180),
    "pytorch_vgg19": (0.71190, 0.78269, 0.52, 0.7500, 0.16, 0.5306, 0.1764, 0.1361, 0.1880),
    "pytorch_vgg19_bn": (0.72902, 0.80317, 0.46, 0.7708, 0.08, 0.5918, 0.1714, 0.1236, 0.1700),
    "pytorch_alexnet": (0.54502, 0.60790, 0.34, 0.5625, 0.12, 0.3673, 0.1993, 0.1792, 0.0740),
}


@pytest.fixture(scope="module")
def file() -> dict[str, np.ndarray]:
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not beside the checkout (shared/data)")
    with np.load(FILE) as z:
        return {name: z[name] for name in z.files}


@pytest.fixture(scope="module")
def preds(file) -> Predictions:
    answers = dict(zip(file["model"].tolist(), file["top1"], strict=True))
    return Predictions.from_arrays(file["label"], answers, classes=file["wnid"].tolist(), on="imagenet/val")


@pytest.fixture(scope="module")
def real(preds) -> Predictions:
    """The same with ReaL's label sets: images without one are left out; an image stays in its own class."""
    return with_label_sets(preds, read_label_sets(FILE))


@pytest.mark.parametrize("model", KNOWN)
def test_agrees_with_independent_numbers(preds, real, model):
    other = "pytorch_alexnet" if model != "pytorch_alexnet" else "pytorch_vgg19"
    plain, sets = (estimate(p, model, arms=[other]) for p in (preds, real))
    spread, tail = np.nanstd, np.sort(plain.before)[:10].mean()
    got = (
        plain.overall_before, sets.overall_before, plain.before[73], sets.before[73], plain.before[836],
        sets.before[836], spread(plain.before), spread(sets.before), tail,
    )  # fmt: skip
    assert got == pytest.approx(KNOWN[model], abs=6e-5)


def test_label_sets_leave_out_what_has_none_and_know_what_has_several(real):
    assert (len(real.label), real.unlabelled, int((real.accepted[:, 1] >= 0).sum())) == (46_837, 3163, 7443)


def test_the_first_exam_by_both_readings(preds, real):
    """AlexNet against ResNet-50: most of the harm is no matter of labels."""
    r = readings(real, estimate(real, "pytorch_resnet50", arms=["pytorch_alexnet"]))
    assert (r.single.harmed.sum(), r.still_harmed().sum(), r.sets.harmed.sum()) == (699, 641, 740)
    known = np.isfinite(r.share)
    assert (known <= r.single.harmed).all()
    assert known.sum() > 0.98 * r.single.harmed.sum()  # of a few, at the edge, the ratio has no bounds
    np.testing.assert_allclose(r.share[known], 1 - r.sets.effect[known] / r.single.effect[known])
    assert ((r.share_low < r.share) & (r.share < r.share_high))[known].all()
    np.testing.assert_allclose(r.apart, r.sets.effect - r.single.effect, atol=1e-12)
    few = readings(real, estimate(real, "pytorch_vgg19", arms=["pytorch_vgg19_bn"]))
    assert few.count("pytorch_vgg19_bn") == "By the single label, no class can be shown to be harmed"


def test_the_first_exam_which_of_three_hundred_losses_can_be_believed(preds):
    """Batch normalization: +1.7 points, 300 classes lower by the counts; one model a side believes next to none."""
    e = estimate(preds, "pytorch_vgg19", arms=["pytorch_vgg19_bn"])
    assert e.overall[0] == pytest.approx(0.0171, abs=1e-4)
    assert e.method.generalizes_to == "images"
    assert 250 < (e.effect < 0).sum() < 350
    assert e.harmed.sum() <= 5
    assert e.tau_low[0] < 0.04


@pytest.mark.parametrize(
    ("base", "arm", "status"),
    [("pytorch_vgg19", "pytorch_vgg19_bn", "inconclusive"), ("pytorch_resnet50", "pytorch_alexnet", "fail")],
)
def test_the_gate_knows_what_one_model_on_each_side_can_tell(preds, base, arm, status):
    assert Gate(max_drop=0.02).check(estimate(preds, base, arms=[arm])).status == status


def test_half_of_the_images_foretells_the_other_half(preds):
    """Effects on 25 images of a class and on the other 25 differ as their standard errors say."""
    order = np.argsort(preds.label, kind="stable")
    halves = [estimate(preds.where(samples=np.sort(order[h::2])), "pytorch_vgg19") for h in (0, 1)]
    off = halves[0].effect - halves[1].effect
    se = np.hypot(halves[0].se, halves[1].se)
    held = np.mean(np.abs(off) < 1.96 * se)
    assert 0.94 < held < 0.985


def test_two_halves_of_the_same_models_show_no_class_dependence(preds):
    """A/A on real answers: two "arms" that are the same six models' answers in another split find nothing."""
    models = preds.arms
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(5):
        # Two arms of three models each are no A/A; the same model with images swapped between arms is one.
        swap = rng.random(len(preds.label)) < 0.5
        one, two = (preds.guess[models.index(m)] for m in ("pytorch_resnet50", "pytorch_vgg19"))
        mixed = {"a": np.where(swap, one, two), "b": np.where(swap, two, one)}
        e = estimate(Predictions.from_arrays(preds.label, mixed, classes=preds.classes), "a")
        found += int((e.harmed | e.helped).sum())
        assert e.tau_p[0] > 0.001
    assert found <= 2


def test_inequality_agrees(preds):
    m = inequality(preds.where(arms=["pytorch_resnet50"]), "pytorch_resnet50").measures[0]
    assert m["sd"].naive == pytest.approx(0.1647, abs=6e-5)
    assert m["sd"].value < 0.1647
