"""One run diverged: the others stay paired, and every analysis says nearly what it says of the whole study."""

from dataclasses import replace

import numpy as np
import pytest

from barnspider.design import Design
from barnspider.doses import best_doses, dose_curves, tolls
from barnspider.effects import estimate
from barnspider.inequality import inequality
from barnspider.power import class_power
from barnspider.simulate import Noise, simulate

TRUE = np.outer([0.02, 0.0, -0.05, -0.1], np.ones(10)) + np.linspace(-0.03, 0.03, 10)
NOISE = Noise(run=0.3, run_class=0.6, pairing=0.97)


def study(seed=0, runs=6):
    return simulate(
        classes=10, images=400, runs=runs, effect=TRUE, noise=NOISE, paired=True, doses=(0, 1, 2, 3, 4), seed=seed
    ).predictions


def without_a_run(preds):
    return preds.where(runs=np.delete(np.arange(len(preds.arm)), preds.rows("arm 2")[1]))


@pytest.fixture(scope="module")
def studies():
    """The whole study, the one that lacks a run, and the same with no pairs at all."""
    whole = study()
    part = without_a_run(whole)
    return [Design.of(x) for x in (whole, part, replace(part, paired=False))]


def test_tolls(studies):
    whole, part, unpaired = (tolls(x) for x in studies)
    width = [np.mean(x.high - x.low) for x in (whole, part, unpaired)]
    assert width[0] == pytest.approx(width[1], rel=0.15)
    assert width[2] > 1.5 * width[1]
    assert np.abs(part.toll - whole.toll).max() < 0.02


def test_best_doses(studies):
    whole, part, unpaired = (best_doses(x).class_contenders for x in studies)
    assert np.mean(whole != part) < 0.1
    assert unpaired.sum() > part.sum() + 5


def test_curves(studies):
    whole, part, unpaired = (dose_curves(x).noise for x in studies)
    assert np.median(part / whole) < 2
    assert np.median(unpaired / whole) > 5


def test_power(studies):
    whole, part, unpaired = (class_power(x, "baseline", "arm 2") for x in studies)
    assert part.run.mean() == pytest.approx(whole.run.mean(), rel=0.5)
    assert unpaired.run.mean() > 5 * whole.run.mean()


def test_a_design_stands_for_its_predictions(studies):
    """Whoever asks several questions counts once."""
    preds = studies[1].preds
    for ask in (tolls, best_doses, dose_curves, lambda x: estimate(x, "arm 1"), lambda x: inequality(x, "arm 1")):
        assert str(ask(preds)) == str(ask(studies[1]))


def test_intervals_of_tolls_hold_without_a_run():
    held, loss = [], TRUE.max(axis=0).clip(0) - np.maximum(TRUE[0], 0)
    for seed in range(12):
        t = tolls(without_a_run(study(seed, runs=4)))
        true = np.vstack([np.zeros(10), TRUE])
        loss = true.max(axis=0) - true[t.arms.index(t.average)]
        held.append((t.low <= loss) & (loss <= t.high))
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 120)
