"""Numbers for the classes' logits: the best single moves are found, a known world too, and noise is left alone."""

import numpy as np
import pytest

from barnspider.errors import InputError
from barnspider.lab.derived import shifts
from barnspider.lab.derived.shifts import choose, objective, search


def world(classes, images, seed, sharp=3.0):
    """Logits that are the true log probabilities but for one number an image, and labels drawn evenly."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), images)
    x = draw.normal(size=(len(labels), classes))
    x[np.arange(len(labels)), labels] += sharp
    return (sharp * x).astype(np.float32), labels


def accuracy(logits, labels):
    right = np.bincount(labels[logits.argmax(1) == labels], minlength=logits.shape[1])
    return right / np.bincount(labels, minlength=logits.shape[1])


def moved_world(classes, images, seed, sharp=3.0):
    """The same world, its logits moved by known numbers, and those numbers."""
    true, labels = world(classes, images, seed, sharp)
    wrong = np.random.default_rng(99).normal(scale=2, size=classes).astype(np.float32)
    return true, true + wrong, labels, wrong


@pytest.mark.parametrize(("classes", "images", "sharp"), [(2, 200, 1.5), (10, 50, 3.0), (40, 50, 3.0)])
def test_where_the_best_numbers_are_known_they_are_found(classes, images, sharp):
    true, given, labels, wrong = moved_world(classes, images, 0, sharp)
    found = choose(given, labels, accuracy(true, labels))
    left = found.shift + wrong
    assert found.strength >= 0.75
    assert np.std(left) < 0.4 * np.std(wrong)
    true, given, labels, _ = moved_world(classes, 400, 1, sharp)  # images that chose nothing
    before, after, best = (accuracy(x, labels) for x in (given, given + found.shift, true))
    assert best.mean() - after.mean() < 0.15 * (best.mean() - before.mean()) + 0.005
    assert after.min() > best.min() - 0.08 > before.min()


@pytest.mark.parametrize("other", [0, 1000])
def test_where_nothing_is_to_be_gained_little_is_lost(other):
    """Fifty images a class, a baseline as good as the network or the network itself: the numbers would be noise."""
    lost, whole = [], []
    for seed in range(8):
        (given, labels), (unseen, more) = world(10, 50, seed), world(10, 300, 100 + seed)
        floor = accuracy(world(10, 50, seed + other)[0], labels)
        before = accuracy(unseen, more).mean()
        lost.append(before - accuracy(unseen + choose(given, labels, floor).shift, more).mean())
        whole.append(before - accuracy(unseen + search(given, labels, floor), more).mean())
    assert np.mean(lost) < 0.25 * np.mean(whole)
    assert np.mean(lost) < 0.002


def test_no_single_move_is_better_than_what_was_found():
    given, labels = world(5, 12, 3)
    floor = accuracy(world(5, 12, 4)[0], labels)
    found = search(given, labels, floor)
    reached = objective((given + found).argmax(1) == labels, labels, floor)
    assert reached > objective(given.argmax(1) == labels, labels, floor)
    for k in range(5):
        for place in np.linspace(-15, 15, 301):
            other = found.copy()
            other[k] = place
            assert objective((given + other).argmax(1) == labels, labels, floor) <= reached + 1e-9


def test_a_class_that_would_pay_is_spared():
    """Answering more often with class 0 is right for five images of it, wrong for one of class 1."""
    logits = np.array([[0.0, 1.0]] * 5 + [[0.0, 0.5]] + [[0.0, 9.0]] * 9)
    labels = np.array([0] * 5 + [1] * 10)
    assert search(logits, labels, np.array([0.0, 0.0]))[0] > 1
    assert search(logits, labels, np.array([0.0, 1.0]))[0] == 0.0


def test_it_is_the_same_again_and_of_the_order_of_images_only_the_folds_know():
    true, given, labels, _ = moved_world(6, 30, 2)
    floor, mixed = accuracy(true, labels), np.random.default_rng(0).permutation(len(labels))
    assert np.array_equal(choose(given, labels, floor).shift, choose(given, labels, floor).shift)
    assert np.array_equal(search(given, labels, floor), search(given[mixed], labels[mixed], floor))


def test_every_fold_has_images_of_every_class():
    labels = np.array([1, 0, 1, 1, 0, 1, 1, 0, 0, 0])
    assert sorted(shifts._place_in_class(labels)[labels == 0]) == [0, 1, 2, 3, 4]
    assert sorted(shifts._place_in_class(labels)[labels == 1]) == [0, 1, 2, 3, 4]


def test_classes_without_images_and_odd_numbers_of_them():
    given, labels = world(4, 10, 0)
    some = labels != 2
    floor = np.where(np.arange(4) == 2, np.nan, 1.0)
    found = choose(given[some], labels[some], floor)
    assert found.shift[2] == 0
    assert np.isfinite(found.shift).all()
    assert np.isfinite(found.values).all()
    assert choose(np.zeros((3, 1)), np.zeros(3, int), np.ones(1)).shift.tolist() == [0.0]
    assert choose(np.array([[0.0, 1.0]]), np.array([0]), np.ones(2)).strength == 0.0, "one image decides nothing"
    with pytest.raises(InputError, match="there is no validation image"):
        choose(np.zeros((0, 3)), np.zeros(0, int), np.ones(3))
