"""Planning numbers behave, and agree with statsmodels where it knows."""

import time

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from barnspider.design import Design
from barnspider.errors import InputError
from barnspider.power import ClassPower, class_power, plan_power
from barnspider.predictions import Predictions
from barnspider.simulate import simulate
from barnspider.stats.power import Components, detectable, needed, smallest_effect


def test_smallest_effect_is_nearly_statsmodels():
    n = 200
    ours = smallest_effect(np.array([1 / np.sqrt(n)]), np.array([n - 1.0]), 0.95, 0.8)[0]
    assert ours == pytest.approx(TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8), rel=0.01)


def of(image, residual, run):
    return Components(*np.array([[image], [residual], [run]], dtype=float))


ASKED = {"level": 0.95, "power": 0.8}


def test_more_of_anything_sees_more():
    parts = of(0.02, 0.1, 0.0004)
    sizes = [detectable(parts, n, j, **ASKED)[0] for n, j in ((50, 5), (500, 5), (500, 50))]
    assert sizes == sorted(sizes, reverse=True)


def test_needed_is_the_fewest():
    parts = of(0.02, 0.1, 0.0004)
    runs = int(needed(parts, 0.03, images=500, runs=None, **ASKED)[0])
    assert detectable(parts, 500, runs, **ASKED)[0] <= 0.03
    assert detectable(parts, 500, runs - 1, **ASKED)[0] > 0.03


def test_some_effects_need_more_images_whatever_the_runs():
    assert np.isinf(needed(of(0.02, 0.1, 0.0), 0.001, images=50, runs=None, **ASKED)).all()


def test_classes_are_planned_one_by_one():
    rng = np.random.default_rng(0)
    parts, n = Components(*(rng.random((3, 20)) * [[0.02], [0.1], [0.0004]])), rng.integers(10, 1000, 20)
    parts.image[3] = np.nan
    images, runs = (needed(parts, 0.03, images=i, runs=r, **ASKED) for i, r in ((None, 4), (n, None)))
    for c in range(20):
        own = of(parts.image[c], parts.residual[c], parts.run[c])
        want = [needed(own, 0.03, images=i, runs=r, **ASKED)[0] for i, r in ((None, 4), (int(n[c]), None))]
        assert np.array_equal([images[c], runs[c]], want, equal_nan=True)
    assert np.isnan([images[3], runs[3]]).all()


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


def test_who_needs_most_stands_first():
    table = str(ClassPower(("a", "b", "c"), *np.ones((3, 3)), np.array([9, np.nan, np.inf]), np.array([1e5, np.nan, 3]),
                           0.02, 0.95, 0.8)).splitlines()  # fmt: skip
    assert [line.split()[0] for line in table[2:]] == ["a", "c", "b"]
    assert "no number is enough" in table[3]
    assert "cannot tell" in table[4]


def test_a_class_without_an_error_is_not_known_to_be_perfect():
    label = np.repeat([0, 1], 10)
    twins = Predictions.from_arrays(label, {"a": [label] * 3, "b": [label] * 3}, paired=True)
    few, many = (class_power(twins, "a", "b", effect=x).images_needed for x in (0.2, 0.01))
    assert (few >= 2).all()
    assert (many > 100).all()


def test_ten_thousand_classes_are_planned_quickly():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(10_000), 10)
    arms = {a: np.where(rng.random((3, 100_000)) < 0.75, label, (label + 1) % 10_000) for a in "ab"}
    design = Design.of(Predictions.from_arrays(label, arms, paired=True))
    start = time.process_time()
    made = class_power(design, "a", "b")
    assert time.process_time() - start < 2
    assert (made.images_needed >= 2).all()
