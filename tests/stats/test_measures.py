"""Dispersion, selection and curves: agreement with plain formulas, and edges."""

import numpy as np
import pytest

from barnspider.doses import best_doses, dose_curves, tolls
from barnspider.errors import InputError
from barnspider.inequality import inequality
from barnspider.predictions import Predictions
from barnspider.simulate import simulate
from barnspider.stats.curves import fit
from barnspider.stats.dispersion import gini, harmonic, worst_share
from barnspider.stats.ladder import Scatter
from barnspider.stats.selection import splits

X = np.random.default_rng(0).random(30)


def test_gini_is_the_mean_absolute_difference():
    assert gini(X) == pytest.approx(np.abs(X[:, None] - X).mean() / (2 * X.mean()))


def test_worst_share_and_harmonic_mean():
    assert worst_share(X, 0.1) == pytest.approx(np.sort(X)[:3].mean())
    assert harmonic(X) == pytest.approx(1 / np.mean(1 / X))


@pytest.mark.parametrize(("runs", "count"), [(1, 1), (2, 2), (4, 6), (10, 20)])
def test_splits(runs, count):
    assert len(splits(runs)) == count
    assert all(m.sum() in {runs // 2, runs} for m in splits(runs))


def test_a_curve_without_noise_goes_through_its_points():
    x = np.linspace(0, 1, 7)
    y = np.stack([0.9 - 0.3 * x, 0.5 + 0.2 * np.sin(3 * x)], axis=1)
    made = fit(x, y, Scatter.known(np.full(y.shape, 1e-8)), delta=0.15, level=0.95)
    assert np.interp(x, made.dose, made.mean[:, 1]) == pytest.approx(y[:, 1], abs=5e-3)
    assert made.lost[0] == pytest.approx(0.5, abs=0.05)
    assert np.isinf(made.lost[1])
    assert made.peak[0] == 0


def test_curves_need_doses():
    with pytest.raises(InputError, match="three different"):
        dose_curves(simulate(doses=(0.0, 1.0)).predictions)


def test_a_class_without_images_has_no_toll_and_no_curve():
    sim = simulate(classes=3, images=[50, 50, 0], runs=3, effect=np.zeros((3, 1)), doses=(0, 1, 2, 3))
    assert np.isnan(tolls(sim.predictions).toll[2])
    assert np.isnan(dose_curves(sim.predictions).fit.peak[2])
    assert "cannot be told from" in str(best_doses(sim.predictions))
    assert "Toll" in str(tolls(sim.predictions))


def test_the_order_of_runs_does_not_matter():
    p = simulate(classes=4, images=60, runs=4, effect=[[0.0], [0.02]], paired=True).predictions
    rng = np.random.default_rng(0)
    shuffled = p.where(runs=rng.permutation(12), samples=rng.permutation(240)).where(arms=None)
    arms = {a: i for i, a in enumerate(shuffled.arms)}
    order = [r for a in p.arms for r in shuffled.rows(a)]
    assert set(arms) == set(p.arms)
    assert tolls(shuffled.where(runs=order)).toll == pytest.approx(tolls(p).toll, abs=1e-12)


def test_one_arm_has_no_toll():
    with pytest.raises(InputError, match="two or more"):
        tolls(Predictions.from_arrays([0, 1], {"a": [[0, 1]]}))


def test_choosing_needs_the_same_runs():
    p = simulate(runs=4).predictions
    with pytest.raises(InputError, match="other runs"):
        tolls(p, choose_on=simulate(runs=3).predictions)


def test_inequality_of_perfect_classes_is_zero_and_finite():
    label = np.repeat([0, 1, 2], 20)
    made = inequality(Predictions.from_arrays(label, {"a": np.tile(label, (3, 1)), "b": np.tile(label, (3, 1))}), "a")
    assert made.measures[0]["sd"].naive == 0
    assert all(np.isfinite([m.value, m.low, m.high]).all() for m in made.measures[0].values())
    assert made.worst_precision[0].value == 1
    assert "worst tenth" in str(made)


def test_the_worst_pair_is_the_one_that_is_confused():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 200)
    swapped = np.where((label < 2) & (rng.random((2, 600)) < 0.3), 1 - label, label)
    made = inequality(Predictions.from_arrays(label, {"a": swapped}, classes=["shirt", "t-shirt", "bag"]), "a")
    assert made.worst_pair[0].name == "shirt / t-shirt"
    assert made.worst_pair[0].value == pytest.approx(0.3, abs=0.05)


def test_an_accepted_answer_is_neither_wrong_nor_confused():
    label = [[0, 1]] * 20 + [[1]] * 20
    made = inequality(Predictions.from_arrays(label, {"a": np.ones((2, 40), dtype=int)}, classes=["cup", "mug"]), "a")
    assert made.worst_precision[0].value == 1
    assert made.worst_pair[0].name == "(none is confused)"


def test_arms_may_come_in_any_order_of_dose():
    p = simulate(classes=3, images=80, runs=3, effect=np.zeros((3, 1)), doses=(0, 1, 2, 3), paired=True).predictions
    first, second = (dose_curves(x) for x in (p, p.where(runs=np.arange(12)[::-1])))
    assert second.dose.tolist() == [0, 1, 2, 3]
    assert str(first) == str(second)


def test_doses_far_apart_have_curves_as_fine_as_doses_that_are_near():
    x = np.array([0.0, 0.001, 0.01, 0.1, 1.0])
    y = 0.8 - 0.05 * (np.arange(5)[:, None] - 1) ** 2
    made = fit(x, y, Scatter.known(np.full(y.shape, 1e-6)), delta=0.1, level=0.95)
    assert made.peak[0] == pytest.approx(0.001, abs=5e-4)
    assert 0.01 < made.lost[0] < 0.1


def test_many_arms_stand_in_tables_that_fit_a_window():
    made = inequality(simulate(classes=5, effect=np.zeros((7, 1))).predictions, "baseline")
    tables = str(made).split("\n\n")
    assert [table.count("arm ") for table in tables] == [3, 3, 1]
    assert all("baseline" in table and "change of sd" in table for table in tables)
