"""The waist: what it accepts, what it gives back, and what it refuses."""

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barnspider import InputError, LeftOut, Predictions, StoreError, concat, estimate
from barnspider.files import read_arrays
from barnspider.joining import with_classes
from barnspider.predictions import SCHEMA


def example(**changes):
    fields = {
        "guess": np.array([[0, 1, 2], [1, 1, 1], [2, 2, 0]], np.int16), "label": np.array([0, 1, 2], np.int16),
        "arm": ("plain", "plain", "mixup"), "seed": (0, 1, 0), "dose": (0.0, 0.0, 0.5), "classes": ("a", "b", "c"),
        "sample": np.array(["x", "y", "z"]), "on": "test", "p_label": np.full((3, 3), 0.25, np.float32),
        "accepted": np.array([[0, 1], [1, -1], [2, 0]], np.int16), "paired": True,
        "left_out": (LeftOut("mixup", 1, "diverged"),),
    }  # fmt: skip
    return Predictions(**{**fields, **changes})


def same(a, b):
    for name in ("arm", "seed", "dose", "classes", "on", "paired", "left_out"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("guess", "label", "sample", "p_label", "accepted"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other, err_msg=name)


# From arrays


def test_from_arrays():
    preds = Predictions.from_arrays(
        [0, 1, 1], {"plain": [[0, 1, 1], [0, 0, 1]], "mixup": [1, 1, 1]}, classes=["cat", "dog", "cow"],
        seeds={"plain": [3, 5], "mixup": [3]}, dose={"mixup": 0.5}, sample=[7, 8, 9], on="test",
        p_label={"plain": [[0.5] * 3] * 2, "mixup": [0, 0.5, 1]}, paired=True,
    )  # fmt: skip
    assert preds.arm == ("plain", "plain", "mixup")
    assert preds.seed == (3, 5, 3)
    assert preds.dose == (None, None, 0.5)
    assert preds.classes == ("cat", "dog", "cow")
    assert preds.sample.tolist() == ["7", "8", "9"]
    assert preds.guess.tolist() == [[0, 1, 1], [0, 0, 1], [1, 1, 1]]
    assert preds.p_label is not None
    assert preds.p_label[2].tolist() == [0, 0.5, 1]
    assert preds.arms == ("plain", "mixup")
    assert preds.rows("plain").tolist() == [0, 1]
    assert (preds.dose_of("plain"), preds.dose_of("mixup")) == (None, 0.5)


def test_names_become_classes():
    preds = Predictions.from_arrays(pd.Series(["dog", "cat"], index=[4, 9]), {"a": [["dog", "cow"]]})
    assert preds.classes == ("cat", "cow", "dog")
    assert preds.label.tolist() == [2, 0]
    assert preds.guess.tolist() == [[2, 1]]
    assert preds.seed == (0,)
    assert preds.sample.tolist() == ["0", "1"]


def test_sets_of_labels_are_acceptable_answers():
    preds = Predictions.from_arrays([{0, 1}, [2]], {"a": [[1, 1], [0, 2], [2, 0]]})
    assert preds.label.tolist() == [0, 2]
    assert preds.correct().tolist() == [[True, False], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"guess": {}}, "guess={} has no arm"),
        ({"guess": {"a": [[0, 1, 0]]}}, "guess has shape (1, 3); expected (1, 2): 1 runs, 2 samples"),
        ({"guess": {"a": [[0.5, 1]]}}, "guess['a'][0, 0]=0.5 is no class; expected whole numbers or class names"),
        ({"guess": {"a": [["x", "y"]]}}, "some labels or answers are names and others numbers"),
        ({"guess": {"a": [[True, False]]}}, "guess['a'] is boolean"),
        ({"classes": ["cat"]}, "guess['a'][0, 1]=1 is no class; expected 0 to 0 (1 classes)"),
        ({"classes": ["cat", "cat"]}, "classes has names that stand more than once: 'cat'"),
        ({"seeds": [0, 1]}, "seeds for arm 'a' are 2; expected 1"),
        ({"seeds": [0.5]}, "seeds=[0.5] for arm 'a' are not whole numbers"),
        ({"seeds": {}}, "seeds has arms ; expected those of guess: a"),
        ({"seeds": {"a": [0], "b": [1]}}, "seeds has arms a, b; expected those of guess: a"),
        ({"dose": {"A": 1.0}}, "dose has arms A; expected those of guess: a"),
        ({"dose": {"a": float("nan")}}, "must be finite"),
        ({"dose": {"a": (1.0, 2.0)}}, "dose['a']=(1.0, 2.0) is no number"),
        ({"dose": {"a": "strong"}}, "dose['a']='strong' is no number"),
        ({"sample": ["x", "x"]}, "sample id stands more than once: 'x'"),
        ({"sample": ["x"]}, "sample has shape (1,); expected (2,)"),
        ({"sample": ["x\0", "y"]}, "sample has an id that ends with a NUL"),
        ({"p_label": {"b": [[0, 1]]}}, "p_label has arms ['b']; expected those of guess: ['a']"),
        ({"p_label": {"a": [[0, 1, 1]]}}, "p_label['a'] has shape (1, 3); expected (1, 2)"),
        ({"p_label": {"a": [[0, 1.5]]}}, "p_label must hold probabilities from 0 to 1"),
        ({"p_label": {"a": [[0, float("nan")]]}}, "p_label must hold probabilities"),
        ({"p_label": {"a": [["x", "y"]]}}, "p_label holds what is no number"),
    ],
)
def test_wrong_arrays_are_refused(changes, words):
    given = {"label": [0, 1], "guess": {"a": [[0, 1]]}, **changes}
    with pytest.raises(InputError) as caught:
        Predictions.from_arrays(given.pop("label"), given.pop("guess"), **given)
    assert words in str(caught.value)


# The value itself


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"guess": np.full((3, 3), 3)}, "guess must hold class indices from 0 to 2"),
        ({"guess": np.full((3, 3), -1)}, "guess must hold class indices from 0 to 2"),
        ({"guess": np.zeros((3, 3))}, "guess must hold class indices from 0 to 2, as integers"),
        ({"label": np.array([0, 1, 3])}, "label must hold class indices"),
        ({"accepted": np.full((3, 2), -2)}, "accepted must hold class indices from -1 to 2"),
        ({"accepted": np.zeros(3, int)}, "accepted has shape (3,); expected (3, k)"),
        ({"seed": (0, 0, 0)}, "(arm, seed) stands more than once: \"('plain', 0)\""),
        ({"dose": (0.0, 0.5, 0.5)}, "arm 'plain' has dose 0.0 and dose 0.5; expected one for all its runs"),
        ({"dose": (0.0, None, 0.5)}, "arm 'plain' has dose 0.0 and dose None"),
        ({"sample": np.array([1, 2, 3])}, "sample has type int64; expected texts"),
        ({"dose": (0.0,)}, "dose has shape (1,); expected (3,)"),
    ],
)
def test_values_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(InputError) as caught:
        example(**changes)
    assert words in str(caught.value)


def test_values_do_not_change():
    mine = np.array([[0, 1]], np.int16)
    preds = Predictions.from_arrays([0, 1], {"a": mine})
    for array in (preds.guess, preds.label, preds.sample):
        assert not array.flags.writeable
    with pytest.raises(FrozenInstanceError):
        preds.on = "x"  # type: ignore[misc]
    assert mine.flags.writeable


def test_unknown_arms_are_named():
    with pytest.raises(
        InputError, match=r"arm='Mixup' is unknown; expected one of: plain, mixup. Did you mean 'mixup'"
    ):
        example().rows("Mixup")


# Parts


def test_where():
    part = example().where(arms=(a for a in ["plain"]), samples=np.array([True, False, True]))
    assert part.seed == (0, 1)
    assert part.guess.tolist() == [[0, 2], [1, 1]]
    assert part.sample.tolist() == ["x", "z"]
    assert part.accepted is not None
    assert part.accepted.tolist() == [[0, 1], [2, 0]]
    assert part.left_out == ()
    assert example().where(arms=(a for a in ["mixup"])).left_out == example().left_out
    assert example().where(runs=[2, 0]).arm == ("mixup", "plain")
    assert example().where(samples=[]).guess.shape == (3, 0)
    assert example().where(runs=[]).guess.shape == (0, 3)
    same(example().where(), example())


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"arms": ["x"]}, "arm='x' is unknown"),
        ({"runs": [3]}, "runs cannot be chosen: .*expected a mask of 3, or positions below it"),
        ({"samples": [True]}, "samples cannot be chosen"),
        ({"samples": [0.5]}, "samples cannot be chosen"),
        ({"samples": [0, 0]}, "sample id stands more than once: 'x'"),
        ({"runs": [0, 0]}, "stands more than once"),
    ],
)
def test_parts_that_are_not_there_are_refused(chosen, words):
    with pytest.raises(InputError, match=words):
        example().where(**chosen)


def test_concat_joins_by_id():
    one, other = example().where(arms=["plain"]), example().where(arms=["mixup"], samples=[2, 0, 1])
    both = concat([one, other])
    same(both, example())
    same(concat([example()]), example())


def test_concat_keeps_what_some_parts_know():
    one = replace(example().where(arms=["plain"]), on="", accepted=None, paired=False)
    both = concat([one, example().where(arms=["mixup"])])
    assert both.on == "test"
    assert both.accepted is not None
    assert not both.paired
    assert concat([replace(one, p_label=None), example().where(arms=["mixup"])]).p_label is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ("a", "b", "d")}, "the parts have different classes: c, d; map them to one list first"),
        ({"classes": ("a", "c", "b")}, "the same names in another order"),
        ({"sample": np.array(["x", "y", "w"])}, "the parts are about different samples: 3 against 3.*: z, .*: w; add"),
        ({"label": np.array([0, 1, 1])}, r"label sample 'z' differently \(1 such samples\)"),
        ({"on": "train"}, "the parts differ in on: 'test' and 'train'"),
        ({"accepted": np.array([[0], [1], [2]])}, "the parts differ in accepted"),
        ({"arm": ("plain", "x", "y")}, "stands more than once"),
        (
            {"arm": ("x", "x", "mixup"), "seed": (0, 1, 2), "dose": (None, None, 1.0)},
            "arm 'mixup' has dose 0.5 and dose 1",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, words):
    other = example(**{"arm": ("x", "x", "y"), **changes})
    with pytest.raises(InputError, match=words):
        concat([example(), other])
    with pytest.raises(InputError, match=r"parts=\[\] is empty"):
        concat([])


def test_with_classes():
    moved = with_classes(example(), ["c", "new", "b", "a"])
    assert moved.label.tolist() == [3, 2, 0]
    assert moved.accepted is not None
    assert moved.accepted.tolist() == [[3, 2], [2, -1], [0, 3]]
    np.testing.assert_array_equal(moved.correct(), example().correct())
    same(with_classes(moved.where(), ("c", "new", "b", "a")), moved)
    with pytest.raises(InputError, match="classes='a', 'b' lacks 'c'; add them"):
        with_classes(example(), ["a", "b"])
    with pytest.raises(InputError, match="class name stands more than once: 'a'"):
        with_classes(example(), ["a", "b", "c", "a"])


# Files


def test_save_and_load(tmp_path):
    for preds in (example(), example(p_label=None, accepted=None, left_out=()), example().where(samples=[])):
        same(Predictions.load(preds.save(tmp_path / "preds.npz")), preds)
    one = example().save(tmp_path / "one.npz").read_bytes()
    assert example().save(str(tmp_path / "two.npz")).read_bytes() == one


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (
            {"schema": "barnspider/predictions/9"},
            f"has schema 'barnspider/predictions/9'; this version reads {SCHEMA!r}",
        ),
        ({"schema": None}, "has schema None"),
        ({"arm": ["a"]}, "guess has shape (3, 3); expected (1, 3)"),
        ({"mood": "good"}, "lacks, or does not know, mood; the file is damaged"),
        ({"left_out": [[1]]}, "'about' cannot be read"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, about, words):
    path = example().save(tmp_path / "a.npz")
    arrays = read_arrays(path)
    changed = {**json.loads(arrays.pop("about").tobytes()), **about}
    np.savez(path, about=np.frombuffer(json.dumps(changed).encode(), np.uint8), **arrays)
    with pytest.raises(InputError) as caught:
        Predictions.load(path)
    assert words in str(caught.value)
    assert "a.npz" in str(caught.value)


@pytest.mark.parametrize("about", [b"", b"nonsense", b"[]", b"3", b'{"schema": "barnspider/predictions/1"}', b"\xff"])
def test_a_damaged_about_is_refused(tmp_path, about):
    np.savez(tmp_path / "a.npz", about=np.frombuffer(about, np.uint8), guess=np.zeros((1, 1), int))
    with pytest.raises(InputError, match=r"a\.npz'"):
        Predictions.load(tmp_path / "a.npz")


def test_what_is_no_saved_file_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", label=[0])
    with pytest.raises(InputError, match=r"has no 'about'; it was not written by Predictions.save"):
        Predictions.load(tmp_path / "a.npz")
    with pytest.raises(InputError, match="does not exist"):
        Predictions.load(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"")
    with pytest.raises(InputError, match=r"is no \.npz file"):
        Predictions.load(tmp_path / "c.npz")
    with pytest.raises(StoreError, match="cannot write"):
        example().save(tmp_path / "a.npz" / "d.npz")


texts = st.text(min_size=1, max_size=8)
ids = texts.filter(lambda text: not text.endswith("\0"))


@given(
    classes=st.lists(texts, min_size=1, max_size=5, unique=True),
    sample=st.lists(ids, max_size=5, unique=True),
    runs=st.lists(st.tuples(st.text(max_size=5), st.integers()), min_size=1, max_size=4, unique=True),
    on=st.text(max_size=5),
    data=st.data(),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saving_loses_nothing(tmp_path, classes, sample, runs, on, data):
    index = st.integers(0, len(classes) - 1)
    doses = {arm: data.draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)) for arm, _ in runs}
    preds = Predictions(
        guess=np.array([[data.draw(index) for _ in sample] for _ in runs], np.int32).reshape(len(runs), len(sample)),
        label=np.array([data.draw(index) for _ in sample], np.int16),
        arm=tuple(arm for arm, _ in runs),
        seed=tuple(seed for _, seed in runs),
        dose=tuple(doses[arm] for arm, _ in runs),
        classes=tuple(classes),
        sample=np.array(sample, dtype=np.str_),
        on=on,
    )
    same(Predictions.load(preds.save(tmp_path / "preds.npz")), preds)


def test_a_representation_is_one_line():
    preds = Predictions.from_arrays([0] * 5000, {"a": [[0] * 5000], "b\x1b": [[1] * 5000]}, on="test")
    said = r"<Predictions: 2 runs, 5,000 samples of test, 2 classes; arms: a, b\x1b>"
    assert repr(preds) == said
    assert repr(estimate(preds, "a")) == r"<Effects against 'a': 2 classes, 5,000 images; arms: b\x1b>"
