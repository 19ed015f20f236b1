"""What is drawn has the accuracy that was asked for."""

import numpy as np
import pytest

from barnspider.errors import InputError
from barnspider.simulate import Noise, simulate


@pytest.mark.parametrize("paired", [False, True])
def test_accuracy_is_the_one_asked_for(paired):
    sim = simulate(classes=4, images=20_000, runs=6, accuracy=[0.3, 0.6, 0.9, 0.97], effect=[0.1, -0.2, 0.05, 0],
                   paired=paired, noise=Noise(run_class=0.02, run=0.02))  # fmt: skip
    right = sim.predictions.correct().reshape(2, 6, 4, 20_000).mean(axis=(1, 3))
    assert right == pytest.approx(sim.accuracy, abs=0.012)
    assert sim.effect[0] == pytest.approx([0.1, -0.2, 0.05, 0])


def test_pairing_makes_differences_steadier():
    def scatter(paired):
        sim = simulate(classes=2, images=4000, runs=40, paired=paired, noise=Noise(run_class=0.4, pairing=0.9))
        by_run = sim.predictions.correct().reshape(2, 40, 2, 4000).mean(axis=3)
        return (by_run[1] - by_run[0]).var(axis=0).mean()

    assert scatter(True) < 0.5 * scatter(False)


def test_same_seed_same_answers():
    a, b, c = (simulate(seed=s).predictions.guess for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_arms_runs_and_doses():
    sim = simulate(classes=3, images=[5, 0, 2], runs=(4, 1, 2), effect=[[0.0], [0.1]], doses=(0, 0.5, 1))
    p = sim.predictions
    assert [len(p.rows(a)) for a in p.arms] == [4, 1, 2]
    assert p.dose_of("arm 2") == 1
    assert np.bincount(p.label, minlength=3).tolist() == [5, 0, 2]


@pytest.mark.parametrize(
    "wrong",
    [{"classes": 1}, {"accuracy": 1.0}, {"effect": 0.5}, {"effect": [0.1, 0.1]}, {"runs": (3, 3, 3)}],
)
def test_impossible_requests_say_so(wrong):
    with pytest.raises(InputError, match="expected"):
        simulate(**wrong)
