"""What a class loses, others receive; and nothing else changes the answer."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, Predictions, estimate, flows, simulate


def study(classes=4, images=30, runs=3, seed=0, paired=True):
    rng = np.random.default_rng(seed)
    label = np.arange(classes).repeat(images)
    guess = {arm: np.where(rng.random((runs, len(label))) < right, label, rng.integers(0, classes, len(label)))
             for arm, right in (("off", 0.8), ("on", 0.6), ("more", 0.4))}  # fmt: skip
    return Predictions.from_arrays(label, guess, classes=[f"c{i}" for i in range(classes)], paired=paired)


def found(preds, baseline="off"):
    return flows(preds, estimate(preds, baseline))


def test_what_a_class_loses_others_receive():
    preds = study()
    effects = estimate(preds, "off")
    f = flows(preds, effects)
    for a in range(2):
        received = np.bincount(f.source, weights=f.change[a], minlength=4)
        np.testing.assert_allclose(received, -effects.effect[a], atol=1e-12)
    np.testing.assert_allclose(f.rest, 0, atol=1e-12)


def test_shares_by_brute_force():
    preds = study()
    f = found(preds)
    off, on = (preds.guess[preds.rows(arm)] for arm in ("off", "on"))
    for i, (k, to) in enumerate(zip(f.source, f.target, strict=True)):
        here = preds.label == k
        before, after = ((guess[:, here] == to).mean() for guess in (off, on))
        assert f.before[i] == pytest.approx(before)
        assert f.change[0, i] == pytest.approx(after - before)
        assert f.low[0, i] < f.change[0, i] < f.high[0, i]


def test_the_order_of_runs_and_images_changes_nothing():
    preds = study()
    rng = np.random.default_rng(5)
    moved = preds.where(runs=rng.permutation(len(preds.arm)), samples=rng.permutation(len(preds.label)))
    first, second = found(preds), found(moved)
    for name in ("source", "target", "before", "change", "low", "high", "q"):
        a, b = getattr(first, name), getattr(second, name)
        if a.ndim == 2:  # the arms stand in another order
            b = b[[second.arms.index(arm) for arm in first.arms]]
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_equal_arms_give_exactly_nothing():
    preds = study()
    guess = preds.guess[preds.rows("off")]
    same = Predictions.from_arrays(preds.label, {"off": guess, "on": guess}, classes=preds.classes, paired=True)
    f = found(same)
    assert (f.change == 0).all()
    assert not f.certain().any()


def test_an_acceptable_answer_is_no_confusion():
    label = [{0}, {0, 1}, {1}, {1}]
    preds = Predictions.from_arrays(label, {"off": [[0, 0, 1, 1]], "on": [[0, 1, 1, 0]]}, classes=["a", "b"])
    f = found(preds)
    assert [(f.classes[s], f.classes[t]) for s, t in zip(f.source, f.target, strict=True)] == [("b", "a")]


def test_nothing_is_confused():
    label = [0, 1, 1]
    preds = Predictions.from_arrays(label, {"off": [label], "on": [label]}, classes=["a", "b", "never seen"])
    f = found(preds)
    assert len(f.source) == 0
    assert f.rest[0, :2].tolist() == [0, 0]
    assert "0 pairs of 0 certainly changed" in str(f)
    assert f.to_frame().height == 0


def test_one_class_has_no_pairs():
    preds = Predictions.from_arrays([0, 0], {"off": [[0, 0]], "on": [[0, 0]]}, classes=["only"])
    assert found(preds).change.shape == (1, 0)


def test_rare_pairs_are_counted_with_the_rest(monkeypatch):
    preds = study(classes=6)
    effects = estimate(preds, "off")
    monkeypatch.setattr(sys.modules["barnspider.flows"], "MOST", 5)
    f = flows(preds, effects)
    assert len(f.source) == 5
    told = np.bincount(f.source, weights=f.change[0], minlength=6) + f.rest[0]
    np.testing.assert_allclose(told, -effects.effect[0], atol=1e-12)


def test_the_surest_come_first():
    f = found(study(images=200))
    order = f.surest("more")
    certain = f.certain()[1][order]
    assert certain.any()
    assert (np.diff(certain.astype(int)) <= 0).all()
    size = np.abs(f.change[1][order])[certain]
    assert (np.diff(size) <= 0).all()


def test_the_table_and_the_frame_are_inert_and_whole():
    preds = study()
    renamed = Predictions.from_arrays(
        preds.label, {"off": preds.guess[:3], "on": preds.guess[3:6]}, classes=["<b>", "\x1b[31m", "c", "d"]
    )
    f = found(renamed)
    assert "\x1b" not in str(f)
    assert "&lt;b&gt;" in f._repr_html_()
    frame = f.to_frame()
    assert frame.height == len(f.source)
    assert frame["change"].to_list() == f.change[0].tolist()


def test_an_arm_that_is_not_there():
    preds = simulate(classes=2).predictions
    effects = estimate(preds, "baseline")
    with pytest.raises(Exception, match="arm 1"):
        flows(preds.where(arms=["baseline"]), effects)


def test_a_label_that_is_not_right_is_no_confusion_with_itself():
    """Label sets may not hold the single label; an answer that is it is wrong, and goes to no other class."""
    preds = Predictions.from_arrays([0] * 20 + [1] * 20, {"a": [[1] * 10 + [0] * 30], "b": [[0] * 15 + [1] * 25]})
    preds = replace(preds, accepted=np.array([[1]] * 20 + [[1]] * 20))
    found = flows(preds, estimate(preds, "a"))
    assert [(s, t) for s, t in zip(found.source, found.target, strict=True)] == [(1, 0)]
    assert (found.source != found.target).all()
    assert found.rest[0, 0] == pytest.approx(0.25)


def own_best(preds, **options):
    return flows(preds, estimate(preds, "off"), against="own best", **options)


def rising(images=100, runs=2, seed=0, **options):
    """Class 0 is best at "on", class 1 at "more", class 2 at "off"; what is wrong is taken for the next class."""
    rng = np.random.default_rng(seed)
    label = np.arange(3).repeat(images)
    right = {"off": (0.4, 0.4, 0.9), "on": (0.9, 0.6, 0.6), "more": (0.2, 0.9, 0.3)}
    guess = {
        arm: np.where(rng.random((runs, len(label))) < np.array(share)[label], label, (label + 1) % 3)
        for arm, share in right.items()
    }
    return Predictions.from_arrays(label, guess, classes=["x", "y", "z"], **options)


@pytest.mark.parametrize("paired", [False, True])
def test_against_the_own_best_by_brute_force(paired):
    """Where the best is never in doubt, all splits choose it, and their mean is the plain difference."""
    preds = rising(paired=paired)
    f = own_best(preds)
    assert f.own == ("on", "more", "off")
    answers = {arm: preds.guess[preds.rows(arm)] for arm in preds.arms}
    pairs = list(zip(f.source, f.target, strict=True))
    share = {arm: [(x[:, preds.label == s] == t).mean() for s, t in pairs] for arm, x in answers.items()}
    best = np.array([share[f.own[s]][i] for i, s in enumerate(f.source)])
    np.testing.assert_allclose(f.before, best, atol=1e-12)
    for a, arm in enumerate(f.arms):
        np.testing.assert_allclose(f.change[a], share[arm] - best, atol=1e-12)
    assert ((f.low < f.change) & (f.change < f.high)).all()
    assert f.certain()[f.arms.index("more"), 0]
    np.testing.assert_allclose(f.rest, 0, atol=1e-12)
    assert "each class's own best arm (chosen on half of the images" in str(f)


def test_the_own_best_may_be_an_arm_that_is_not_compared():
    preds, validation = rising(), rising(seed=1)
    whole = own_best(preds, choose_on=validation)
    part = flows(preds, estimate(preds, "off", arms=["more"]), against="own best", choose_on=validation)
    assert part.arms == ("more",)
    assert part.own == whole.own == ("on", "more", "off")
    np.testing.assert_allclose(part.change[0], whole.change[1], atol=1e-12)
    np.testing.assert_allclose(
        part.low[0], whole.low[1], atol=0.02
    )  # at its own best, an arm borrows a neighbour's noise


def test_the_own_best_is_chosen_on_other_images_where_there_are_some():
    test, validation = rising(on="test"), rising(seed=1, on="validation")
    f = own_best(test, choose_on=validation)
    assert (f.chosen_on, f.measured_on) == ("validation", "test")
    assert "chosen on validation, measured on test" in str(f)
    with pytest.raises(InputError, match="other runs or classes"):
        own_best(test, choose_on=rising(runs=3))


def test_arms_of_different_seeds_are_compared_with_the_own_best():
    preds = rising(runs=3)
    fewer = preds.where(runs=[r for r in range(9) if (preds.arm[r], preds.seed[r]) != ("on", 2)])
    f = own_best(replace(fewer, paired=True))
    assert np.isfinite(f.change).all()
    assert (f.high - f.low > 0).all()


def test_one_image_cannot_both_choose_and_measure():
    preds = Predictions.from_arrays([0, 1, 1], {"off": [[1, 1, 1]], "on": [[0, 0, 1]]}, classes=["one", "two", "none"])
    f = own_best(preds)
    alone = f.source == 0
    assert np.isnan(f.change[0, alone]).all()
    assert (f.q[0, alone] == 1).all()
    assert f.own == ("on", "off", "")
    assert "one -> two: cannot tell; n 1" in str(f)
    assert "nan" not in str(f)


def test_against_what():
    preds = rising()
    with pytest.raises(InputError, match="against='best' is unknown"):
        flows(preds, estimate(preds, "off"), against="best")
