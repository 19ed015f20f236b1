"""Measures of inequality: intervals of levels and of changes hold, whatever the shape of true accuracies."""

import time

import numpy as np
import pytest

from barnspider.inequality import inequality
from barnspider.predictions import Predictions
from barnspider.simulate import simulate
from barnspider.stats.dispersion import MEASURES

SETS = 25
LEAST = 0.95 - 3 * np.sqrt(0.05 * 0.95 / SETS)


def equal(seed):
    """Two arms of independent answers, 80 % right, of classes and images that are all alike."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(100), 50)
    made = {a: np.where(rng.random((3, 5000)) < 0.8, label, (label + 1) % 100) for a in ("baseline", "arm 1")}
    return Predictions.from_arrays(label, made), np.full((2, 100), 0.8)


def drawn(accuracy, effect, images=50, runs=3):
    def draw(seed):
        sim = simulate(classes=len(accuracy), images=images, runs=runs, accuracy=accuracy, effect=effect, seed=seed)
        return sim.predictions, sim.accuracy

    return draw


STUDIES = {
    "all alike": equal,
    "even, nothing changes": drawn(np.linspace(0.5, 0.95, 100), 0.0),
    "one in twenty is harmed": drawn(np.full(100, 0.85), np.where(np.arange(100) % 20 == 3, -0.35, 0.01)),
    "ten classes, two runs": drawn(np.full(10, 0.8), 0.0, images=100, runs=2),
}


@pytest.mark.parametrize("study", STUDIES)
def test_levels_and_changes_are_covered(study):
    level = {name: [] for name in MEASURES}
    change = {name: [] for name in MEASURES}
    for seed in range(SETS):
        preds, true = STUDIES[study](seed)
        found = inequality(preds, "baseline")
        for name, f in MEASURES.items():
            first, second = float(f(true[0])), float(f(true[1]))
            for m, truth in zip(found.measures, (first, second), strict=True):
                level[name].append(m[name].low - 1e-9 <= truth <= m[name].high + 1e-9)
            change[name].append(found.change[0][name].low <= second - first <= found.change[0][name].high)
    assert min(np.mean(x) for x in level.values()) >= LEAST, level
    assert min(np.mean(x) for x in change.values()) >= LEAST, change


def test_nothing_impossible_is_said():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        classes, images = int(rng.integers(1, 6)), int(rng.integers(1, 8))
        label = np.repeat(np.arange(classes), images)
        right = rng.random((int(rng.integers(1, 4)), len(label))) < rng.choice([0.05, 0.5, 0.97])
        arm = np.where(right, label, classes)
        preds = Predictions.from_arrays(label, {"a": arm, "b": arm}, classes=[str(c) for c in range(classes + 1)])
        found = inequality(preds, "a")
        for m in found.measures[0].values():
            assert np.isnan(m.value) or 0 <= m.low <= m.value <= m.high <= 1
        assert all(np.isnan(m.value) or m.value == 0 for m in found.change[0].values()), "equal arms"
        assert all(np.isnan(m.value) or m.low <= 0 <= m.high for m in found.change[0].values())
        assert "-0.0" not in str(found)


def test_changes_are_differences_of_levels():
    found = inequality(simulate(effect=np.linspace(-0.2, 0.1, 10), seed=1).predictions, "baseline")
    for name, m in found.change[0].items():
        assert m.value == found.measures[1][name].value - found.measures[0][name].value
        assert m.low <= m.value <= m.high


def test_one_class_is_its_accuracy():
    label = np.zeros(20, dtype=int)
    right = np.random.default_rng(0).random((2, 3, 20)) < 0.7
    arms = {"a": np.where(right[0], 0, 1), "b": np.where(right[1], 0, 1)}
    found = inequality(Predictions.from_arrays(label, arms, classes=["x", "y"]), "a")
    own = [found.measures[0][name] for name in ("worst tenth", "worst twentieth", "harmonic mean", "worst class")]
    assert all(m == own[0] and m.value == pytest.approx(right[0].mean()) for m in own)
    assert np.isnan(found.measures[0]["sd"].value)
    assert found.change[0]["worst class"].low < found.change[0]["worst class"].value
    assert "cannot tell" in str(found)


def test_ten_thousand_classes_are_quick():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(10_000), 5)
    arms = {a: np.where(rng.random((3, 50_000)) < 0.75, label, rng.integers(0, 10_000, (3, 50_000))) for a in "ab"}
    preds = Predictions.from_arrays(label, arms)
    start = time.process_time()
    m = inequality(preds, "a").measures[0]["worst tenth"]
    assert time.process_time() - start < 5
    assert m.low < 0.75 < m.high
