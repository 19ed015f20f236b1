"""Planning numbers behave, and agree with statsmodels where it knows."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from barnspider.errors import InputError
from barnspider.power import class_power, plan_power
from barnspider.simulate import simulate
from barnspider.stats.power import Components, detectable, needed, smallest_effect


def test_smallest_effect_is_nearly_statsmodels():
    n = 200
    ours = smallest_effect(np.array([1 / np.sqrt(n)]), np.array([n - 1.0]), 0.95, 0.8)[0]
    assert ours == pytest.approx(TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8), rel=0.01)


def test_more_of_anything_sees_more():
    parts = Components(0.02, 0.1, 0.0004)
    sizes = [detectable(parts, n, j, level=0.95, power=0.8) for n, j in ((50, 5), (500, 5), (500, 50))]
    assert sizes == sorted(sizes, reverse=True)


def test_needed_is_the_fewest():
    parts = Components(0.02, 0.1, 0.0004)
    runs = needed(parts, 0.03, images=500, runs=None, level=0.95, power=0.8)
    assert runs is not None
    assert detectable(parts, 500, runs, level=0.95, power=0.8) <= 0.03
    assert detectable(parts, 500, runs - 1, level=0.95, power=0.8) > 0.03


def test_some_effects_need_more_images_whatever_the_runs():
    assert needed(Components(0.02, 0.1, 0.0), 0.001, images=50, runs=None, level=0.95, power=0.8) is None


def test_plan_says_what_it_needs():
    text = str(plan_power(images=50, runs=10, classes=1000, effect=0.02))
    assert "images of each class; no number of runs is enough by itself" in text
    assert "a change of 0.0 points" not in str(plan_power(images=50, runs=10, classes=10, effect=1e-9)).lower()
    assert "no number of runs is enough, and" in str(plan_power(images=50, runs=10, classes=10, effect=1e-9))


NAN = float("nan")
WRONG = [
    {"images": 1}, {"images": NAN}, {"accuracy": 1.0}, {"effect": 2.0}, {"effect": NAN}, {"classes": 0},
    {"run_sd": -0.01}, {"run_sd": NAN}, {"level": 0.5}, {"level": NAN}, {"power": NAN}, {"likeness": NAN},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_plan_refuses(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}=.*; expected"):
        plan_power(**({"images": 50, "runs": 5, "classes": 10} | wrong))


def test_measured_components_say_what_is_needed():
    sim = simulate(classes=3, images=[300, 300, 0], runs=6, seed=1)
    made = class_power(sim.predictions, "baseline", "arm 1", effect=0.05)
    assert np.isfinite(made.images_needed[:2]).all()
    assert np.isnan(made.images_needed[2])
    with pytest.raises(InputError, match=r"level=0\.4; expected"):
        class_power(sim.predictions, "baseline", "arm 1", level=0.4)
    with pytest.raises(InputError, match="one run"):
        class_power(simulate(runs=1).predictions, "baseline", "arm 1")
