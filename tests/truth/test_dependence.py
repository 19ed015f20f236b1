"""Class dependence is measured without bias, and the probability of harm is a probability."""

import numpy as np

from barnspider.effects import estimate
from barnspider.predictions import Predictions
from barnspider.simulate import simulate

SETS = 40


def study(tau, classes=60, n=60, runs=4):
    out = []
    for seed in range(SETS):
        effect = np.clip(0.005 + tau * np.random.default_rng(seed).standard_normal(classes), -0.4, 0.08)
        accuracy = np.linspace(0.55, 0.9, classes)
        sim = simulate(classes=classes, images=n, runs=runs, accuracy=accuracy, effect=effect, paired=True, seed=seed)
        out.append((estimate(sim.predictions, "baseline"), effect))
    return out


def test_tau_is_unbiased_and_its_interval_covers():
    made = study(0.05)
    true = np.array([effect.std(ddof=1) for _, effect in made])
    off = np.array([e.tau[0] for e, _ in made]) ** 2 - true**2
    assert abs(off.mean()) < 4 * off.std(ddof=1) / np.sqrt(SETS)
    held = np.mean([e.tau_low[0] <= t <= e.tau_high[0] for (e, _), t in zip(made, true, strict=True)])
    assert held > 0.95 - 4 * np.sqrt(0.05 * 0.95 / SETS)


def test_probability_of_harm_is_calibrated():
    made = study(0.04)
    p = np.concatenate([e.prob_harm[0] for e, _ in made])
    harmed = np.concatenate([effect < 0 for _, effect in made])
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        here = (p >= low) & (p < high)
        error = np.sqrt(0.25 / here.sum())
        assert abs(harmed[here].mean() - p[here].mean()) < 0.03 + 4 * error


def test_without_dependence_tau_reaches_zero():
    made = study(0.0)
    assert np.mean([e.tau_low[0] == 0 for e, _ in made]) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / SETS)
    assert all((e.prob_harm[0] < 0.99).all() for e, _ in made)


def test_shrunken_effects_are_nearer_to_the_truth():
    made = study(0.03)
    raw = np.mean([(e.effect[0] - effect) ** 2 for e, effect in made])
    shrunk = np.mean([(e.shrunk[0] - effect) ** 2 for e, effect in made])
    assert shrunk < 0.8 * raw


def test_relative_effects_cover():
    hits = [
        (e.relative_low[0] <= effect - effect.mean()) & (effect - effect.mean() <= e.relative_high[0])
        for e, effect in study(0.03)
    ]
    assert 0.935 - 0.01 < np.mean(hits) < 0.985


def test_the_upper_limit_of_two_classes_that_agree_is_not_zero():
    highs, held = [], []
    for seed in range(150):
        sim = simulate(classes=2, images=30, runs=2, effect=[0.0, -0.1], seed=seed)
        e = estimate(sim.predictions, "baseline")
        highs.append(e.tau_high[0])
        held.append(e.tau_low[0] <= 0.1 / np.sqrt(2) <= e.tau_high[0])
    assert min(highs) > 0.05, "chance alone scatters by more than this"
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 150)


def test_tau_of_one_class_cannot_be_told():
    label = np.zeros(30, dtype=int)
    right = np.random.default_rng(0).random((2, 3, 30)) < 0.7
    preds = Predictions.from_arrays(label, {"a": 1 - right[0], "b": 1 - right[1]}, classes=["x", "y"])
    e = estimate(preds, "a")
    assert np.isnan([e.tau[0], e.tau_low[0], e.tau_high[0], e.tau_p[0]]).all()
    assert e.to_json()["arms"][0]["class_dependence"] == dict.fromkeys(("tau", "low", "high", "p"))
    assert "class dependence: cannot tell" in e.headline("b")
