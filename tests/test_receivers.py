"""Who receives false answers: by brute force, and nothing where nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, Predictions, estimate, grouped
from barnspider.receivers import receivers


def study(classes=4, images=40, runs=3, seed=0, paired=False):
    rng = np.random.default_rng(seed)
    label = np.arange(classes).repeat(images)
    guess = {arm: np.where(rng.random((runs, len(label))) < right, label, rng.integers(0, classes, len(label)))
             for arm, right in (("off", 0.8), ("on", 0.6))}  # fmt: skip
    return Predictions.from_arrays(label, guess, classes=[f"c{i}" for i in range(classes)], paired=paired)


def found(preds):
    return receivers(preds, estimate(preds, preds.arms[0]))


@pytest.mark.parametrize("paired", [False, True])
def test_by_brute_force(paired):
    preds = study(paired=paired)
    r = found(preds)
    off, on = (preds.guess[preds.rows(arm)] for arm in ("off", "on"))
    for c in range(4):
        other = preds.label != c
        before, after = ((guess[:, other] == c).mean() for guess in (off, on))
        assert r.before[c] == pytest.approx(before)
        assert r.false.change[0, c] == pytest.approx(after - before)
        precision = [(preds.label[np.nonzero(guess == c)[1]] == c).mean() for guess in (off, on)]
        assert r.precision[:, c].tolist() == pytest.approx(precision)
        assert r.precise.change[0, c] == pytest.approx(precision[1] - precision[0])
        assert r.answers[:, c].tolist() == pytest.approx([(guess == c).sum() / 3 for guess in (off, on)])
    for growth in (r.false, r.precise):
        assert ((growth.low < growth.change) & (growth.change < growth.high)).all()
    assert (r.others == 120).all()


def test_with_label_sets_what_they_allow_is_no_false_answer():
    preds = Predictions.from_arrays([0, 0, 1, 1], {"off": [[0, 0, 1, 1]], "on": [[0, 1, 1, 0]]}, classes=["a", "b"])
    allowed = replace(preds, accepted=np.array([[0, -1], [0, 1], [1, -1], [1, -1]]))
    r = found(allowed)
    assert r.others.tolist() == [2, 1]
    assert r.false.change[0].tolist() == [0.5, 0.0]
    assert r.precision[1].tolist() == [0.5, 1.0]


def test_a_class_that_is_never_answered_has_no_precision():
    preds = Predictions.from_arrays([0, 1, 1], {"off": [[0, 0, 0]], "on": [[0, 1, 0]]}, classes=["a", "b", "never"])
    r = found(preds)
    assert np.isnan(r.precision[:, 2]).all()
    assert np.isnan(r.precise.change[0, 1])
    assert r.precise.q[0, 1] == 1
    assert "cannot tell" in str(r)
    assert "nan" not in str(r)


def test_one_class_receives_nothing():
    preds = Predictions.from_arrays([0, 0], {"off": [[0, 0]], "on": [[0, 0]]}, classes=["only"])
    r = found(preds)
    assert np.isnan(r.false.change).all()
    assert "0 classes of 1 certainly receive more false answers" in str(r)


def test_equal_arms_give_exactly_nothing():
    preds = study()
    guess = preds.guess[preds.rows("off")]
    r = found(Predictions.from_arrays(preds.label, {"off": guess, "on": guess}, paired=True))
    assert (r.false.change == 0).all()
    assert (r.precise.change == 0).all()
    assert (r.precise.high > 0).all()
    assert not r.certain().any()


def test_the_order_of_runs_and_images_changes_nothing():
    preds = study()
    rng = np.random.default_rng(3)
    moved = preds.where(runs=[1, 0, 2, 5, 4, 3], samples=rng.permutation(len(preds.label)))
    first, second = found(preds), found(moved)
    for growth, other in ((first.false, second.false), (first.precise, second.precise)):
        for name in ("change", "low", "high", "q"):
            np.testing.assert_allclose(getattr(growth, name), getattr(other, name), atol=1e-12)


def test_who_receives_most_stands_first():
    label = np.arange(3).repeat(60)
    off = [label] * 2
    on = [np.where((label == 0) & (np.arange(180) < 40), 2, label)] * 2
    r = found(Predictions.from_arrays(label, {"off": off, "on": on}, classes=["loser", "other", "\x1b[31mtaker"]))
    assert r.classes[r.order("on")[0]].endswith("taker")
    assert r.certain()[0].tolist() == [False, False, True]
    assert "+40.0" in r.row(0, 2)[3]
    assert "\x1b" not in str(r)


def test_answers_of_groups_are_refused():
    preds = grouped(study(), {f"c{i}": "g" for i in range(4)})
    with pytest.raises(InputError, match="an answer is of no group"):
        found(preds)
