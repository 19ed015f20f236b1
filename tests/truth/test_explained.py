"""The share of a harm that label sets explain: its interval holds as often as it says, also of what was found only."""

from dataclasses import replace

import numpy as np
import pytest

from barnspider import estimate, readings
from barnspider.readings import Readings
from barnspider.simulate import Noise, simulate


def twice_read(n, runs, share, *, paired, seed, effect=-0.25, classes=20) -> Readings:
    """Of wrong answers, `share` go to a second label that is right, too: so much of any change is none by the sets.

    Half of the images have the second label, and their wrong answers go there with probability 2 * share.
    """
    sim = simulate(classes=classes, images=n, runs=runs, effect=effect, noise=NOISE, paired=paired, seed=seed)
    p, rng = sim.predictions, np.random.default_rng([seed, 1])
    several = rng.random(len(p.label)) < 0.5
    second, third = (p.label + 1) % classes, (p.label + 2) % classes
    there = several & (rng.random(p.guess.shape) < 2 * share)
    guess = np.where(p.guess == p.label, p.label, np.where(there, second, third)).astype(np.int16)
    accepted = np.stack([p.label, np.where(several, second, -1)], axis=1).astype(np.int16)
    p = replace(p, guess=guess, accepted=accepted)
    return readings(p, estimate(p, "baseline"))


NOISE = Noise(run=0.05, run_class=0.2)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(("n", "runs", "share"), [(50, 1, 0.3), (50, 3, 0.1), (100, 4, 0.05), (200, 3, 0.45)])
def test_the_interval_of_the_share_holds(n, runs, share, paired):
    """Harm of 25 points is found nearly always: what is told is not chosen by luck, and its level is nearly 95 %."""
    hit, told = [], 0
    for seed in range(30):
        r = twice_read(n, runs, share, paired=paired and runs > 1, seed=seed)
        known = np.isfinite(r.share)
        told += int(known.sum())
        hit.append(((r.share_low <= share) & (share <= r.share_high))[known])
    rate = np.mean(np.concatenate(hit))
    assert told > 200
    assert rate > 0.95 - 4 * np.sqrt(0.05 * 0.95 / told)
    assert rate < 0.995


def test_the_interval_of_the_difference_holds():
    hit = []
    for seed in range(40):
        r = twice_read(60, 3, 0.3, paired=True, seed=seed)
        hit.append((r.apart_low <= 0.25 * 0.3) & (r.apart_high >= 0.25 * 0.3))
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / 800) < np.mean(hit) < 0.99


def test_of_what_was_found_by_luck_few_shares_are_wrong():
    """Small harms, of which only the luckiest are found: the shares that are told still miss one time in twenty."""
    hit = []
    for seed in range(60):
        r = twice_read(50, 3, 0.3, paired=True, seed=seed, effect=np.where(np.arange(40) % 4, 0.0, -0.1), classes=40)
        known = np.isfinite(r.share) & (np.arange(40) % 4 == 0)
        hit.append(((r.share_low <= 0.3) & (r.share_high >= 0.3))[known])
    told = np.concatenate(hit)
    assert 60 < len(told) < 500  # of 600 harms
    assert told.mean() > 0.95 - 4 * np.sqrt(0.05 * 0.95 / len(told))


def test_sets_of_one_label_explain_nothing():
    r = twice_read(50, 3, 0.0, paired=True, seed=0)
    assert replace(r.single.method, labels="sets") == r.sets.method
    np.testing.assert_array_equal(r.single.effect, r.sets.effect)
    assert (r.apart == 0).all()
    assert (r.share[np.isfinite(r.share)] == 0).all()
    assert (r.share_low[np.isfinite(r.share)] < 0).all()
