"""Choosing and measuring are kept apart: toll, best dose, curves, worst class, inequality."""

import numpy as np
import pytest

from barnspider.doses import best_doses, dose_curves, tolls
from barnspider.effects import estimate
from barnspider.inequality import inequality
from barnspider.power import class_power
from barnspider.predictions import Predictions
from barnspider.simulate import simulate
from barnspider.stats.dispersion import MEASURES


def test_there_is_no_toll_where_doses_do_nothing_and_the_naive_one_invents_it():
    fitted, naive = [], []
    for seed in range(25):
        sim = simulate(classes=10, images=100, runs=6, effect=np.zeros((4, 10)), paired=True, seed=seed)
        t = tolls(sim.predictions)
        fitted.append(t.toll.mean())
        naive.append(t.naive.mean())
    error = np.std(fitted, ddof=1) / 5
    assert abs(np.mean(fitted)) < 4 * error + 1e-3
    assert np.mean(naive) > 0.005


def test_toll_chosen_on_validation_images():
    effect = [[-0.15, 0.08, 0.08, 0.08]]
    val, test = (
        simulate(classes=4, images=400, runs=6, effect=effect, seed=s, paired=True).predictions for s in (1, 2)
    )
    t = tolls(test, choose_on=val)
    assert t.average == "arm 1"
    assert t.own[0] == "baseline"
    assert t.low[0] < 0.15 < t.high[0]
    assert np.abs(t.toll[1:]).max() < 1e-12


def test_the_best_dose_is_among_the_contenders():
    held = []
    for seed in range(40):
        effect = np.array([0.01, 0.02, 0.015, -0.05])[:, None] * np.ones(5)
        sim = simulate(classes=5, images=150, runs=4, effect=effect, seed=seed)
        held.append("arm 2" in best_doses(sim.predictions).contenders)
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 40)


@pytest.mark.parametrize("paired", [True, False])
def test_the_best_dose_of_a_class_is_among_its_contenders(paired):
    """Classes have their best at different doses, next to others that are nearly as good."""
    peak = np.arange(20) % 5
    accuracy = 0.7 - 0.01 * np.abs(np.arange(5)[:, None] - peak)
    held = []
    for seed in range(20):
        sim = simulate(
            classes=20, images=150, runs=3, accuracy=accuracy[0], effect=accuracy[1:] - accuracy[0], paired=paired,
            seed=seed,
        )  # fmt: skip
        found = best_doses(sim.predictions).class_contenders
        held.append(found[peak, np.arange(20)])
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 400)
    far = simulate(
        classes=4, images=600, runs=3, effect=np.full((4, 4), [[0.0], [-0.1], [-0.2], [-0.3]]), paired=paired
    )
    assert best_doses(far.predictions).class_contenders[:2].all()
    assert not best_doses(far.predictions).class_contenders[3:].any()


@pytest.mark.parametrize(("runs", "paired", "effect"), [(5, True, 0.05), (5, False, 0.05), (10, True, 0.04)])
def test_the_images_that_a_class_is_said_to_need_find_the_effect_four_times_in_five(runs, paired, effect):
    design = {"classes": 20, "runs": runs, "paired": paired}
    pilots = [simulate(images=100, seed=1000 + s, **design).predictions for s in range(8)]
    asked = np.median([class_power(p, "baseline", "arm 1", effect=effect).images_needed for p in pilots])
    found = [
        estimate(simulate(images=int(asked), effect=effect, seed=s, **design).predictions, "baseline").p < 0.05
        for s in range(25)
    ]
    assert 0.75 < np.mean(found) < 0.9


def test_three_runs_with_a_curve_find_peaks_as_well_as_ten_without():
    ladder, peak = np.linspace(0, 1, 8), np.linspace(0.2, 0.8, 6)
    effect = (-0.25 * (ladder[:, None] - peak) ** 2 + 0.25 * peak**2)[1:]
    curve, argmax, held = [], [], []
    for seed in range(10):
        sim = simulate(
            classes=6, images=400, runs=10, effect=effect, accuracy=0.7, paired=True, seed=seed, doses=tuple(ladder)
        )
        p = sim.predictions
        fit = dose_curves(p.where(runs=[r for r in range(len(p.arm)) if p.seed[r] < 3])).fit
        means = p.correct().reshape(8, 10, 6, 400).mean(axis=(1, 3))
        curve.append(np.mean((fit.peak - peak) ** 2))
        argmax.append(np.mean((ladder[means.argmax(0)] - peak) ** 2))
        held.append((fit.peak_low <= peak) & (peak <= fit.peak_high))
    assert np.mean(curve) < np.mean(argmax)
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 60)


def test_noise_does_not_pass_for_inequality():
    true = np.clip(0.75 + 0.08 * np.random.default_rng(1).standard_normal(30), 0.5, 0.95)
    off, naive, held = [], [], []
    for seed in range(25):
        sim = simulate(classes=30, images=40, runs=4, accuracy=true, seed=seed)
        m = inequality(sim.predictions, "baseline").measures[0]
        truth = MEASURES["sd"](true)
        off.append(m["sd"].value - truth)
        naive.append(m["sd"].naive - truth)
        held.append([m[x].low <= MEASURES[x](true) <= m[x].high for x in ("sd", "worst class", "harmonic mean")])
    assert abs(np.mean(off)) < 4 * np.std(off, ddof=1) / 5
    assert np.mean(naive) > 0.005
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 75)


def test_the_interval_of_a_toll_reaches_zero():
    """A class whose best arm is one by luck of a run measures lower in the other run; no true toll is below zero."""
    rng = np.random.default_rng(1)
    label = np.arange(6).repeat(200)
    right = {"off": [[0.8] * 6] * 2, "on": [[0.82] * 6] * 2, "far": [[0.9] * 2 + [0.2] * 4, [0.3] * 6]}
    guess = {
        arm: np.where(rng.random((2, 1200)) < np.array(p)[:, label], label, (label + 1) % 6) for arm, p in right.items()
    }
    found = tolls(Predictions.from_arrays(label, guess, paired=True))
    assert (found.toll[:2] < -0.2).all()
    assert (found.low < found.toll).all()
    assert (found.high >= 0).all()
