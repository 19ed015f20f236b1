"""Which images an arm lost and gained, against plain loops."""

from fractions import Fraction

import numpy as np
import pytest

import barnspider as barn
from barnspider.examples import Turned, turned

CLASSES = ("cat", "dog", "cow")


def answers(seed=0, images=60, runs=5):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=images)
    ease = rng.random(images)
    guess = {
        arm: np.where(rng.random((n, images)) < np.abs(ease - shift), label, rng.integers(3, size=(n, images)))
        for arm, n, shift in (("off", runs, 0.0), ("on", runs - 1, 0.9))
    }
    ids = [f"image {i}" for i in rng.permutation(images)]
    return barn.Predictions.from_arrays(label, guess, classes=CLASSES, sample=ids)


def by_loops(preds, better, worse, class_):
    """What is lost from one arm to another: (id, right in the better arm, in the worse, wrong answers there)."""
    found = []
    for i in range(len(preds.label)):
        if preds.classes[preds.label[i]] != class_:
            continue
        told = {}
        for arm in (better, worse):
            told[arm] = [preds.classes[preds.guess[r, i]] for r in preds.rows(arm)]
        right = {arm: sum(name == class_ for name in names) for arm, names in told.items()}
        shares = {arm: Fraction(right[arm], len(told[arm])) for arm in told}
        if shares[better] > Fraction(1, 2) > shares[worse]:
            wrong = [name for name in told[worse] if name != class_]
            found.append((shares[worse] - shares[better], str(preds.sample[i]), right[better], right[worse], wrong))
    return [each[1:] for each in sorted(found)]


@pytest.mark.parametrize("class_", CLASSES)
@pytest.mark.parametrize("seed", range(5))
def test_lost_and_gained_are_those_of_plain_loops(seed, class_):
    preds = answers(seed)
    lost, gained = turned(preds, "off", "on", class_)
    for side, expected in (
        (lost, by_loops(preds, "off", "on", class_)),
        (gained, by_loops(preds, "on", "off", class_)),
    ):
        assert [t.sample for t in side] == [sample for sample, *_ in expected]
        for t, (_, better, worse, wrong) in zip(side, expected, strict=True):
            assert (t.before, t.after) == ((better, worse) if side is lost else (worse, better))
            assert t.times == max(map(wrong.count, CLASSES)) == wrong.count(t.called)
            assert t.called != class_
    assert lost or gained


def test_the_order_of_images_and_runs_changes_nothing():
    preds = answers(3)
    rng = np.random.default_rng(1)
    moved = preds.where(runs=rng.permutation(len(preds.arm)), samples=rng.permutation(len(preds.label)))
    for class_ in CLASSES:
        assert turned(moved, "off", "on", class_) == turned(preds, "off", "on", class_)


def test_half_of_the_runs_is_not_most():
    label = [0, 0, 0, 0]
    guess = {"off": [[0, 0, 0, 1], [0, 0, 1, 1]], "on": [[1, 1, 1, 0], [1, 0, 1, 0]]}
    lost, gained = turned(barn.Predictions.from_arrays(label, guess, classes=CLASSES), "off", "on", "cat")
    assert lost == (Turned("0", 2, 0, "dog", 2),)
    assert gained == (Turned("3", 0, 2, "dog", 2),)


def test_an_answer_that_is_acceptable_is_right():
    label = [[0, 1], [0]]
    preds = barn.Predictions.from_arrays(label, {"off": [[0, 0]], "on": [[1, 1]]}, classes=CLASSES)
    assert [t.sample for t in turned(preds, "off", "on", "cat")[0]] == ["1"]


def test_a_class_without_images_turned_none():
    preds = barn.Predictions.from_arrays([0], {"off": [[0]], "on": [[1]]}, classes=CLASSES)
    assert turned(preds, "off", "on", "cow") == ((), ())


def test_an_unknown_name_is_refused():
    with pytest.raises(barn.InputError, match="class='cot' is unknown"):
        turned(answers(), "off", "on", "cot")
    with pytest.raises(barn.InputError, match="arm='of' is unknown"):
        turned(answers(), "of", "on", "cat")
