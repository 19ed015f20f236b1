"""Both readings of the same answers: counts, words, and the edges."""

import numpy as np
import pytest

from barnspider import InputError, Predictions, estimate, readings, with_label_sets


def read(label, arms, sets, **more):
    preds = with_label_sets(Predictions.from_arrays(label, arms, **more), sets)
    return readings(preds, estimate(preds, next(iter(arms))))


LABEL = np.repeat([0, 1, 2], 100)


def test_a_class_may_be_harmed_by_the_sets_only():
    """Of class 0 both readings change; class 1 loses only what the sets accept and the label does not."""
    base, arm = LABEL.copy(), LABEL.copy()
    base[100:150] = 2
    arm[100:150] = 0
    sets = [[x] for x in LABEL[:100]] + [[1, 2]] * 50 + [[x] for x in LABEL[150:]]
    r = read(LABEL, {"a": base, "b": arm}, sets)
    assert r.count("b") == "By the single label, no class can be shown to be harmed; 1 is harmed by the sets only"
    assert r.explained(0, 1) == ""
    assert r.order("b")[0] == 1
    assert "cannot tell -> harmed" in str(r)


def test_without_sets_there_is_one_reading():
    preds = Predictions.from_arrays(LABEL, {"a": LABEL, "b": LABEL})
    with pytest.raises(InputError, match="can be read in one way; expected label sets"):
        readings(preds, estimate(preds, "a"))


def test_a_class_that_lost_all_its_images_is_not_told():
    r = read(LABEL, {"a": LABEL, "b": LABEL}, [[] if x == 1 else [x] for x in LABEL.tolist()])
    assert r.sets.method.unlabelled == 100
    assert "cannot tell" in r.text()
    assert r.to_json()["arms"][0]["classes"][1]["explained"]["apart"] is None
    assert "nan" not in r.text()


@pytest.mark.parametrize("images", [1, 2])
def test_one_class_and_few_images(images):
    r = read([0] * images, {"a": [[0] * images] * 2, "b": [[0] * images] * 2}, [[0]] * images, classes=["x"])
    assert r.several == 0
    assert "nan" not in r.text()
    assert r.to_json()["arms"][0]["still_harmed"] == 0


def test_judged_as_the_effects_were():
    arm = LABEL.copy()
    arm[:30] = 1
    preds = with_label_sets(Predictions.from_arrays(LABEL, {"a": LABEL, "b": arm}), [[x] for x in LABEL.tolist()])
    e = estimate(preds, "a", level=0.9).corrected("holm").within(0.05).simultaneous()
    r = readings(preds, e)
    for name in ("level", "correction", "margin", "simultaneous"):
        assert getattr(r.single.method, name) == getattr(e.method, name)
    np.testing.assert_array_equal(r.single.low, e.low)
    assert "Holm p" in r.text()


def test_ten_thousand_classes():
    label = np.repeat(np.arange(10_000), 5)
    guess = np.where(np.random.default_rng(0).random((4, 50_000)) < 0.7, label, 0)
    r = read(label, {"a": guess[:2], "b": guess[2:]}, [[x] for x in label.tolist()])
    assert r.share.shape == (1, 10_000)
    assert "... and 9,990 more" in r.text(10)
