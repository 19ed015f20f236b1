"""Labels and answers become exact class indices, or an error that names the place."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider.convert import (
    as_answers,
    as_rows,
    class_names,
    first_and_accepted,
    smallest_int,
    to_index,
)
from barnspider.errors import InputError


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 2], [0, 2]),
        ([0.0, 2.0], [0, 2]),
        ((3,), [3]),
        (np.array([1, 2], np.uint8), [1, 2]),
        (np.array([1, 2], object), [1, 2]),
        (np.float32([1.0]), [1]),
        (["b", "a"], ["b", "a"]),
        (np.array(["b", "a"], object), ["b", "a"]),
        (np.array(["b", "a"], np.dtypes.StringDType()), ["b", "a"]),
        (np.array(["né"]).astype(object), ["né"]),
        (np.array([b"n\xc3\xa9"]), ["né"]),
        (pd.Series(["a", "b"], index=[5, 6]), ["a", "b"]),
        (pl.Series(["a", "b"]), ["a", "b"]),
        (pd.Series([1, 2]), [1, 2]),
        ([np.int64(1), 2], [1, 2]),
        ([], []),
        ([[0, 1], [1, 1]], [[0, 1], [1, 1]]),
        ([np.array([0, 1]), [1, 1]], [[0, 1], [1, 1]]),
    ],
)
def test_answers_are_converted_exactly(values, expected):
    array = as_answers("label", values)
    assert array.tolist() == expected
    assert array.dtype.kind in "iuU"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([True, False], "label is boolean; expected the class of each answer, not whether it was right"),
        ([0, True], "label mixes bool, numbers"),
        (["a", 1], "label mixes numbers, text"),
        ([["a"], [1]], "label mixes numbers, text"),
        ([0, None], "label mixes NoneType, numbers"),
        ([None, None], "label holds objects (NoneType)"),
        (["a", float("nan")], "label mixes numbers, text"),
        (["a\0"], "a class name that ends with a NUL"),
        (np.array(["a\0"], object), "a class name that ends with a NUL"),
        ([0, 0.5], "label[1]=0.5 is no class"),
        ([0, float("nan")], "label[1]=nan is no class"),
        ([0.0, 1e300], "label[1]=1e+300 is no class"),
        ([0, -1], "label[1]=-1 is negative; expected a class from 0 up"),
        ([2**70], "label holds 1180591620717411303424"),
        ([[0, 1], [1]], "label is no array"),
        (np.array([{}], object), "label holds objects (dict)"),
        (np.array([1j]), "label has type complex128"),
        (np.array(["2020-01-01"], "datetime64[D]"), "label has type datetime64[D]"),
        (np.array([b"\xff"]), "label holds what is no text"),
        (np.array([["a", 1]], object), "label holds objects (int, str)"),
    ],
)
def test_what_is_no_class_is_refused(values, words):
    with pytest.raises(InputError) as caught:
        as_answers("label", values)
    assert words in str(caught.value)


def test_rows_have_two_dimensions():
    assert as_rows("guess", [0, 1]).tolist() == [[0, 1]]
    for values in (5, np.zeros((1, 2, 3), int)):
        with pytest.raises(InputError, match=r"guess has shape .*; expected \[runs, samples\]"):
            as_rows("guess", values)


@pytest.mark.parametrize(
    "label", [[{1, 0}, [2], (0, 2)], pd.Series([[0, 1], [2], [0, 2]]), np.array([{1, 0}, [2], (0, 2)], object)]
)
def test_sets_of_acceptable_classes(label):
    first, accepted = first_and_accepted(label)
    assert first.tolist() == [0, 2, 0]
    assert accepted is not None
    assert accepted.tolist() == [[0, 1], [2, -1], [0, 2]]


def test_sets_of_names_and_of_unsigned_numbers():
    first, accepted = first_and_accepted([["b", "a"], ["c"]])
    assert first.tolist() == ["b", "c"]
    assert accepted is not None
    assert accepted.tolist() == [["b", "a"], ["c", ""]]
    _, accepted = first_and_accepted([list(np.array([1, 0], np.uint8)), [np.uint8(2)]])
    assert accepted is not None
    assert accepted.tolist() == [[1, 0], [2, -1]]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([[0], []], "label[1] is an empty set; leave out the samples without a label (1 of them)"),
        ([[0], 1], "label[1]=1 is no set, but others are"),
        ([0, [1]], "label[0]=0 is no set, but others are"),
        ([{0, "a"}], "label[0] mixes kinds"),
        ([[0, "a"]], "label mixes numbers, text"),
        (np.eye(3), "label has shape (3, 3); expected [samples] (of one-hot labels, give the argmax)"),
    ],
)
def test_wrong_sets_are_refused(label, words):
    with pytest.raises(InputError) as caught:
        first_and_accepted(label)
    assert words in str(caught.value)


def test_class_names():
    assert class_names(["b", "a"], []) == ("b", "a")
    assert class_names(None, [np.array([0, 3]), None, np.array([], int)]) == ("0", "1", "2", "3")
    assert class_names(None, [np.array(["b", "", "a"])]) == ("a", "b")
    assert class_names(None, []) == ()
    with pytest.raises(InputError, match="some labels or answers are names and others numbers"):
        class_names(None, [np.array(["a"]), np.array([0])])
    with pytest.raises(InputError, match="the largest class is 4294967295; expected indices from 0 up"):
        class_names(None, [np.array([2**32 - 1])])


def test_to_index():
    index = {"a": 0, "b": 1}
    assert to_index("label", np.array(["b", "a"]), index).tolist() == [1, 0]
    assert to_index("label", np.array([["b", ""]]), index, pad=True).tolist() == [[1, -1]]
    assert to_index("label", np.array([1, 0]), index).dtype == np.int16
    with pytest.raises(InputError, match=r"label\[1\]=2 is no class; expected 0 to 1 \(2 classes\)"):
        to_index("label", np.array([0, 2]), index)
    with pytest.raises(InputError, match="label has classes that are not in `classes`: '', 'c'"):
        to_index("label", np.array(["a", "", "c"]), index)


def test_the_smallest_type_holds_all_classes():
    assert smallest_int(2**15) is np.int16
    assert smallest_int(2**15 + 1) is np.int32


@given(st.lists(st.text(min_size=1).filter(lambda text: not text.endswith("\0")), min_size=1))
def test_names_come_back(names):
    array = as_answers("label", names)
    classes = class_names(None, [array])
    index = to_index("label", array, {name: i for i, name in enumerate(classes)})
    assert [classes[i] for i in index] == names


@given(st.lists(st.integers(0, 10_000), min_size=1), st.sampled_from([np.int64, np.uint16, np.float32, object]))
def test_numbers_come_back(numbers, dtype):
    assert as_answers("label", np.array(numbers, dtype)).tolist() == numbers
