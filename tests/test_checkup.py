"""The doctor of answers: every fault that is planted is found and named, and sound answers raise no alarm."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barnspider import LeftOut, Predictions, grouped
from barnspider.checkup import examine
from barnspider.simulate import simulate

SHARED = Path(__file__).parents[2] / "shared" / "data"


def answers(classes=10, images=40, runs=3, seed=0, accuracy=0.8, names=None):
    made = simulate(classes=classes, images=images, runs=runs, accuracy=accuracy, seed=seed).predictions
    return made if names is None else replace(made, classes=tuple(names))


def changed(preds, rows, guess):
    new = np.array(preds.guess)
    new[rows] = guess
    return replace(preds, guess=new)


def wrong(found):
    return [x.kind for x in found.findings if x.wrong]


def only(found, kind):
    (one,) = (x for x in found.findings if x.kind == kind)
    return one


# The order of classes


@pytest.mark.parametrize("classes", [3, 10, 100])
@pytest.mark.parametrize("step", [1, -1])
def test_counting_from_one_is_found_and_named(classes, step):
    p = answers(classes, names=map(str, range(classes)))
    found = examine(changed(p, [4], (p.guess[4] + step) % classes))
    assert wrong(found) == ["permuted"]
    one = only(found, "permuted")
    assert one.names == ("arm 1 seed 1",)
    assert f"answers are one class too {'high' if step > 0 else 'low'}" in one.text
    assert "were counted from" in one.text


def test_names_sorted_as_texts_are_found_and_named():
    p = answers(30, names=map(str, range(30)))
    as_text = np.array(sorted(range(30), key=str))  # where an answer's index comes from
    one = only(examine(replace(p, guess=np.argsort(as_text)[p.guess])), "permuted")
    assert one.count == 6
    assert "all 6 runs" in one.text
    assert "sorted as texts (0, 1, 10, 2)" in one.text


@pytest.mark.parametrize(
    ("classes", "images", "accuracy"), [(7, 60, 0.9), (50, 30, 0.5), (300, 10, 0.7), (1500, 10, 0.7)]
)
def test_any_order_is_found(classes, images, accuracy):
    p = answers(classes, images, 1, accuracy=accuracy)
    order = np.random.default_rng(1).permutation(classes)
    one = only(examine(changed(p, [1], order[p.guess[1]])), "permuted")
    assert one.names == ("arm 1 seed 0",)
    moved = int(np.flatnonzero(order != np.arange(classes))[0])
    assert f"{p.classes[moved]!r} is answered {p.classes[order[moved]]!r}" in one.text


def test_two_classes_exchanged_among_many_are_found():
    p = answers(200, 40, 3)
    order = np.arange(200)
    order[[7, 90]] = 90, 7
    one = only(examine(replace(p, guess=order[p.guess])), "permuted")
    assert one.count == 6
    assert "'class 007' and 'class 090' are exchanged." in one.text


def test_names_are_not_counted_from_one():
    """Their order is ours: to call an answer one too high would be a guess about what nobody did."""
    names = ["bird", "bird ", "cat", "cat ", "dog", "dog "]
    label = np.repeat([0, 2, 4], 50)
    one = only(examine(Predictions.from_arrays(label, {"a": label + 1, "b": label}, classes=names)), "permuted")
    assert "of classes: 'bird' is answered 'bird ', 'cat' is answered 'cat ', 'dog' is answered 'dog '." in one.text
    two = np.arange(100) % 2
    one = only(examine(Predictions.from_arrays(two, {"a": 1 - two, "b": two}, classes=["cat", "dog"])), "permuted")
    assert "in another order of classes: 'cat' and 'dog' are exchanged. Accuracy 100.0 % instead of 0.0 %" in one.text


@pytest.mark.parametrize(("classes", "images"), [(500, 2), (20, 5), (2, 30), (1000, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_guessing_is_no_other_order(classes, images, seed):
    """Among many classes of few samples some order always fits better: by luck."""
    p = answers(classes, images, 2)
    luck = np.random.default_rng(seed).integers(classes, size=p.guess.shape)
    assert "permuted" not in wrong(examine(replace(p, guess=luck.astype(np.int16))))


def test_twins_that_are_often_confused_are_no_other_order():
    """As ImageNet's sunglass and sunglasses: most of one is taken for the other, but not the other way round."""
    p = answers(50, 40, 4, accuracy=0.85)
    rng = np.random.default_rng(0)
    taken = (p.label == 3) & (rng.random(p.guess.shape) < 0.8)
    assert wrong(examine(replace(p, guess=np.where(taken, 4, p.guess)))) == []


# Runs


def test_a_run_that_answers_one_class_is_found():
    p = answers()
    found = examine(changed(p, [5], 3))
    assert wrong(found) == ["fixed"]
    assert only(found, "fixed").lines == ("arm 1 seed 2: class 3 in 100.0 %",)


def test_a_run_at_the_level_of_chance_is_found():
    p = answers()
    luck = np.random.default_rng(0).integers(10, size=len(p.label))
    found = examine(changed(p, [0], luck))
    assert wrong(found) == ["chance"]
    assert only(found, "chance").names == ("baseline seed 0",)


def test_a_dose_that_ruins_every_run_may_be_meant():
    p = simulate(classes=10, images=40, runs=3, doses=(0.0, 1.0)).predictions
    luck = np.random.default_rng(0).integers(10, size=(3, len(p.label)))
    assert wrong(examine(changed(p, [3, 4, 5], luck))) == []
    assert not only(examine(changed(p, [3, 4, 5], luck)), "chance").wrong
    assert wrong(examine(changed(p, [3, 4], luck[:2]))) == ["chance"]
    assert wrong(examine(changed(p, [0, 1, 2], luck))) == ["chance"]


def test_copies_are_found_and_near_copies_mentioned():
    p = answers(images=200)
    found = examine(changed(p, [4], p.guess[0]))
    assert only(found, "copies").lines == ("arm 1 seed 1 is baseline seed 0",)
    assert wrong(found) == ["copies"]
    nearly = p.guess[0].copy()
    nearly[:3] = (nearly[:3] + 1) % 10
    found = examine(changed(p, [4], nearly))
    assert wrong(found) == []
    assert only(found, "near").lines == ("arm 1 seed 1 differs from baseline seed 0 in 3 answers",)


def test_two_perfect_runs_are_no_copies():
    label = np.tile(np.arange(4), 50)
    assert wrong(examine(Predictions.from_arrays(label, {"a": [label, label], "b": [label]}))) == []


def test_arms_with_fewer_runs_and_missing_runs_are_named():
    p = answers()
    p = replace(p.where(runs=[0, 1, 2, 3]), left_out=(LeftOut("arm 1", 1, "diverged"),))
    found = examine(p)
    assert only(found, "seeds").lines == ("arm 1: 1 run",)
    assert only(found, "left out").lines == ("arm 1 seed 1: diverged",)
    assert found.is_well


# Probabilities


def with_p(p, right, other):
    return replace(p, p_label=np.where(p.guess == p.label, right, other).astype(np.float32))


def test_probabilities_must_belong_to_the_answers():
    p = answers()
    assert wrong(examine(with_p(p, 0.9, 0.2))) == []
    assert wrong(examine(with_p(p, 0.4, 0.45))) == ["p_label"]
    found = examine(with_p(p, 0.9, 0.8))  # the probability of the answer, not of the label
    assert wrong(found) == ["p_label"]
    assert "above one half where another class was answered" in only(found, "p_label").text
    few = with_p(p, 0.9, 0.2).p_label.copy()
    few[0, np.flatnonzero(p.guess[0] != p.label)[0]] = 0.7
    found = examine(replace(p, p_label=few))
    assert wrong(found) == []
    assert only(found, "p_label").lines == ("baseline seed 0: 1 answer",)


def test_a_constant_p_label_is_called_one():
    one = only(examine(with_p(answers(), 0.5, 0.5)), "p_label")
    assert "p_label is the same for all samples: was it filled in?" in one.text
    assert one.lines[0] == "baseline seed 0: 0.5"


def test_words_about_one_class_and_about_designs_that_find_nothing():
    found = str(examine(Predictions.from_arrays([0] * 9, {"a": [[0] * 9], "b": [[0] * 9]}, classes=["only"])))
    assert "1 class of 9 samples;" in found
    label = np.arange(12) % 2
    odd = Predictions.from_arrays(label, {"a": [label, 1 - label], "b": [label, 1 - label]}, classes=["x", "y"])
    assert "in the median class, of 6 samples, a comparison of 2 runs against 2 runs finds no change" in str(
        examine(odd)
    )
    label = np.arange(30) % 3
    apart = [np.where(label > 0, label, answer) for answer in (1, 2, 1)]
    text = only(examine(Predictions.from_arrays(label, {"a": apart, "b": [label * 0 + 2]})), "disputed").text
    assert text == "10 of 30 labels no run agrees with"


# Classes and labels


def test_a_class_that_is_never_answered_is_found():
    p = answers()
    found = examine(replace(p, guess=np.where(p.guess == 6, 7, p.guess)))
    assert wrong(found) == ["unanswered"]
    assert only(found, "unanswered").lines == ("class 6: 40 samples",)


def test_classes_without_and_with_few_samples_are_mentioned():
    p = answers(images=[0, 5, *[40] * 8])
    found = examine(p)
    assert found.is_well
    assert only(found, "empty").names == ("class 0",)
    assert only(found, "few").lines == ("class 1: 5 samples",)


def test_labels_that_no_run_agrees_with_are_counted():
    p = answers(images=200)
    guess = np.array(p.guess)
    guess[:, :3] = 9
    one = only(examine(replace(p, guess=guess)), "disputed")
    assert one.count >= 3
    assert {"0", "1", "2"} <= set(one.names)
    assert one.lines[0] == "0: class 0, answered class 9"


# What is sound


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("classes", "images", "runs"), [(2, 20, 2), (10, 50, 3), (200, 10, 2), (1000, 3, 1)])
def test_sound_answers_raise_no_alarm(classes, images, runs, seed):
    assert wrong(examine(answers(classes, images, runs, seed))) == []


@pytest.mark.parametrize("count", [0, 1])
def test_one_class_one_sample_or_none_is_no_crash(count):
    p = Predictions.from_arrays([0] * count, {"a": [[0] * count]}, classes=["only"])
    assert wrong(examine(p)) == ([] if count else ["nothing"])
    assert str(examine(p))


def test_real_imagenet_answers_are_sound():
    file = SHARED / "imagenet_val_predictions_dev.npz"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside the checkout (shared/data)")
    with np.load(file) as z:
        p = Predictions.from_arrays(z["label"], dict(zip(z["model"].tolist(), z["top1"], strict=True)))
    assert wrong(examine(p)) == []
    assert only(examine(p), "disputed").count == 1260
    order = np.random.default_rng(0).permutation(1000)
    assert only(examine(changed(p, [3], order[p.guess[3]])), "permuted").names == ("pytorch_resnet50 seed 0",)


def test_real_cifar_answers_and_probabilities_are_sound():
    file = SHARED / "cifar10_test_predictions.npz"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside the checkout (shared/data)")
    with np.load(file) as z:
        label, top, prob = z["label"], z["top5"], z["top5_prob"].astype(np.float32)
        p_label = np.where(top == label[:, None], np.clip(prob, 0, 1), 0).max(axis=2)
        models = z["model"].tolist()
    guess, chance = ({m: x[i] for i, m in enumerate(models)} for x in (top[..., 0], p_label))
    assert wrong(examine(Predictions.from_arrays(label, guess, p_label=chance))) == []


def test_ten_thousand_classes_and_ten_million_answers_take_seconds():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(10_000), 50)
    guess = np.where(rng.random((20, 500_000)) < 0.7, label, rng.integers(10_000, size=(20, 500_000))).astype(np.int16)
    guess[7] = (guess[7] + 1) % 10_000
    guess[9] = rng.permutation(10_000)[guess[9]]
    p = Predictions.from_arrays(label, {"a": guess[:10], "b": guess[10:]})
    start = time.process_time()
    found = examine(p)
    assert [x.kind for x in found.findings if x.wrong] == ["permuted", "permuted"]
    assert time.process_time() - start < 60


def test_groups_are_named_with_their_sizes_and_accuracies():
    label, right = np.arange(40) % 4, np.arange(40) % 4
    turned = np.where(label == 3, 0, label)
    p = Predictions.from_arrays(label, {"a": [right, turned], "b": [right]}, classes=["w", "x", "y", "z"])
    found = examine(grouped(p, {"w": "one", "x": "one", "y": "one", "z": "two"}, by="kind"))
    assert (found.by, [x.group for x in found.groups], [x.samples for x in found.groups]) == (
        "kind",
        ["two", "one"],
        [10, 30],
    )
    worst = found.groups[0]
    assert (worst.accuracy, worst.lowest, worst.highest) == (pytest.approx(2 / 3), 0.5, 1.0)
    assert "kind  samples  accuracy  lowest arm  highest arm\ntwo        10    66.7 %      50.0 %" in str(found)
    assert (examine(p).by, examine(p).groups) == ("", ())


def test_names_from_strangers_are_inert():
    bad = "\x1b[31m<b>\u202e"
    p = answers(names=[f"{bad}{i}" for i in range(10)])
    p = replace(p, arm=(bad,) * 3 + ("b",) * 3, guess=np.where(p.guess == 6, 7, p.guess))
    said = str(examine(p, bad))
    assert "\x1b" not in said
    assert "\u202e" not in said
