"""Smooth curves over doses are no surer than they may be, with few runs and with many, and no wider than points."""

import numpy as np
import pytest
from scipy.special import ndtr

from barnspider.doses import dose_curves
from barnspider.effects import estimate
from barnspider.predictions import Predictions
from barnspider.simulate import simulate
from barnspider.stats.ladder import scatter

CLASSES = np.linspace(0.1, 0.9, 10)
SHAPES = {
    "flat": lambda x: 0 * x * CLASSES,
    "hump": lambda x: 0.25 * (CLASSES**2 - (x - CLASSES) ** 2),
    "kink": lambda x: np.where(x < CLASSES, 0.1 * x, 0.7 * CLASSES - 0.6 * x),
}


def fitted(shape, doses, sets, **design):
    """Yield curves, the true changes at their doses, and the intervals of the measured effects."""
    ladder = np.linspace(0, 1, doses)[:, None]
    true = SHAPES[shape](ladder) - SHAPES[shape](0.0)
    for seed in range(sets):
        answers = simulate(
            classes=10, accuracy=0.75, effect=true[1:], doses=tuple(ladder[:, 0]), seed=seed, **design
        ).predictions
        fit, e = dose_curves(answers).fit, estimate(answers, "baseline")
        yield fit, SHAPES[shape](fit.dose[:, None]) - SHAPES[shape](0.0), e.high - e.low


@pytest.mark.parametrize(
    ("shape", "doses", "runs", "paired", "widest"),
    [
        ("flat", 6, 2, True, 0.7), ("flat", 6, 3, False, 0.7), ("hump", 6, 2, False, 0.8), ("hump", 5, 3, True, 0.9),
        ("kink", 6, 3, False, 1.0), ("hump", 5, 10, True, 1.05),
    ],
)  # fmt: skip
def test_the_interval_of_a_change_holds(shape, doses, runs, paired, widest):
    held, width, level = [], [], []
    for fit, true, points in fitted(shape, doses, 8, images=100, runs=runs, paired=paired):
        held.append(np.mean((fit.change_low <= true) & (true <= fit.change_high)))
        level.append(np.mean((fit.low <= 0.75 + true) & (0.75 + true <= fit.high)))
        width.append(np.mean((fit.change_high - fit.change_low)[1:]) / np.mean(points))
    assert np.mean(held) > 0.95 - 4 * np.std(held, ddof=1) / np.sqrt(8)
    assert np.mean(held) > 0.9
    assert np.mean(level) > 0.9
    assert np.mean(width) < widest


def test_a_class_that_falls_alone_is_not_drawn_as_flat_as_the_others():
    ladder, held = np.linspace(0, 1, 6), []
    true = np.where(np.arange(20) == 7, -0.15 * ladder[:, None] ** 3, 0.0)
    for seed in range(12):
        answers = simulate(
            classes=20, images=200, runs=2, effect=true[1:], paired=True, doses=tuple(ladder), seed=seed
        ).predictions
        fit = dose_curves(answers).fit
        held.append((fit.change_low[-1, 7] <= -0.15) & (fit.change_high[-1, 7] >= -0.15))
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 12)


@pytest.mark.parametrize("runs", [2, 4])
def test_peaks_at_corners_and_losses_hold(runs):
    found, lost = [], []
    for fit, _, _ in fitted("kink", 11, 6, images=200, runs=runs, paired=True):
        found.append((fit.peak_low <= CLASSES + 1e-9) & (fit.peak_high >= CLASSES - 1e-9))
        at = (0.7 * CLASSES + 0.02) / 0.6
        lost.append((fit.lost_low <= at + 0.01) & ((at <= fit.lost_high + 0.01) | (at > 1)))
    assert np.mean(found) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(lost) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 60)


def test_errors_that_drift_along_the_doses_are_no_part_of_the_curve():
    """Images that respond alike to doses next to one another: neighbours differ little, and the ends differ much."""
    held, ladder = [], np.linspace(0, 1, 8)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        label, hard = np.arange(10).repeat(150), rng.normal(size=1500)
        slope = rng.normal(size=1500)  # of an image: the mean is 0, so that a class's true curve is nearly flat
        guess = {
            f"{x:.3f}": np.where(hard + 2 * x * slope + 0.3 * rng.normal(size=(3, 1500)) < 1.5, label, (label + 1) % 10)
            for x in ladder
        }
        answers = Predictions.from_arrays(label, guess, dose={f"{x:.3f}": float(x) for x in ladder}, paired=True)
        fit = dose_curves(answers).fit
        true = ndtr(1.5 / np.sqrt(1.09 + 4 * fit.dose**2)) - ndtr(1.5 / np.sqrt(1.09))
        held.append(np.mean((fit.change_low <= true[:, None]) & (true[:, None] <= fit.change_high)))
    assert np.mean(held) > 0.95 - 4 * np.std(held, ddof=1) / np.sqrt(12)
    assert np.mean(held) > 0.9


def test_changes_are_from_any_arm_also_one_without_a_dose():
    ladder = (0.0, 0.3, 0.6, 0.9)
    true = np.array([[0.0], [-0.02], [-0.1], [0.05]]) * np.ones(4)
    made = simulate(classes=4, images=600, runs=3, accuracy=0.8, effect=true, doses=(*ladder, 1.2), paired=True)
    arms = {arm: made.predictions.guess[made.predictions.rows(arm)] for arm in made.predictions.arms}
    dose = dict(zip(arms, ladder, strict=False))
    answers = Predictions.from_arrays(made.predictions.label, arms, dose=dose, paired=True)
    for baseline, first in (("arm 2", 0.02), ("arm 4", -0.05)):
        fit = dose_curves(answers, baseline=baseline).fit
        assert np.all((fit.change_low[0] <= first) & (first <= fit.change_high[0]))
        assert np.max(fit.change_high[0] - fit.change_low[0]) < 0.12


def test_no_drift_is_found_where_there_is_none_and_doses_lend_one_another():
    rng, arms = np.random.default_rng(0), 6
    own = rng.chisquare(2, size=(arms, 200)) / 2
    between = (own[:, None] + own) * (1 - np.eye(arms))[:, :, None]
    df, one = np.full((arms, arms, 200), 2.0), np.ones((arms, 200))
    s = scatter(np.linspace(0, 1, arms), between, df, one, 9 * one, one)
    assert s.drift.mean() < 0.15
    assert np.std(s.own) < np.std(own) / 2
    assert np.mean(s.own) == pytest.approx(1, abs=0.05)
