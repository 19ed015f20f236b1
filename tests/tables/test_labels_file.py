"""Labels that stand in a file of their own."""

import gzip

import brought
import numpy as np
import pandas as pd
import polars as pl
import pytest

from barnspider import InputError, read_predictions
from barnspider.tables import SamplesLeftOut

ANSWERS = "sample,prediction\na,cat\nb,dog\n"


def put(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def answers(tmp_path):
    return put(tmp_path / "plain.csv", ANSWERS)


def as_csv(folder):
    return put(folder / "y.csv", "\ufefffile_name;label;note\r\nb;cat;x\r\na;cat;x\r\n")


def as_json(folder):
    return put(folder / "y.jsonl", '{"filename": "a", "label": "cat"}\n{"filename": "b", "label": "cat"}\n')


def as_parquet(folder):
    pl.DataFrame({"sample": ["b", "a"], "label": ["cat", "cat"]}).write_parquet(folder / "y.parquet")
    return folder / "y.parquet"


def as_npz(folder):
    np.savez(folder / "y.npz", label=np.array(["cat", "cat"]), sample=np.array(["b", "a"]))
    return folder / "y.npz"


def as_text(folder):
    return put(folder / "y.txt", "sample,label\na,cat\nb,cat\n")


@pytest.mark.parametrize("write", [as_csv, as_json, as_parquet, as_npz, as_text])
def test_labels_are_joined_by_sample(tmp_path, answers, write):
    preds = read_predictions(answers, labels=write(tmp_path))
    assert preds.arm == ("plain",)
    assert {(s, label) for _, _, s, label, _ in brought.known(preds)} == {("a", "cat"), ("b", "cat")}


def test_labels_that_nobody_answered_are_counted(tmp_path, answers):
    labels = put(tmp_path / "y.csv", "sample,label\na,cat\nb,cat\nc,dog\n")
    with pytest.warns(SamplesLeftOut, match=r"1 of 3 samples with a label in .*y.csv' are left out: not all runs"):
        assert len(read_predictions(answers, labels=labels).sample) == 2


@pytest.mark.parametrize("ending", ["txt", "txt.gz", "npy", "npz"])
def test_labels_in_order_are_of_samples_0_1_2(tmp_path, ending):
    path = tmp_path / f"y.{ending}"
    if ending == "npy":
        np.save(path, np.array(["cat", "dog"]))
    elif ending == "npz":
        np.savez(path, label=np.array(["cat", "dog"]))
    else:
        put(path, gzip.compress(b"cat\ndog\n") if ending.endswith("gz") else "cat\r\ndog")
    preds = read_predictions(put(tmp_path / "plain.csv", "sample,prediction\n1,dog\n0,dog\n"), labels=path)
    assert preds.label.tolist() == [0, 1]
    np.save(tmp_path / "guess.npy", np.array([[0, 1], [1, 1]]))
    preds = read_predictions(tmp_path / "guess.npy", labels=path, classes=["cat", "dog"])
    assert (preds.correct().tolist(), preds.arm, preds.seed) == ([[True, True], [False, True]], ("guess",) * 2, (0, 1))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("y.csv", "sample,label\na,cat\n", r"plain.csv', line 3: sample 'b' has no label in .*y.csv', which knows 1"),
        ("y.csv", "sample,label\na,cat\na,dog\nb,cat\n", r"y.csv' has the sample 'a' more than once"),
        ("y.csv", "sample,label\na,cat\nb,\n", r"y.csv', line 3: label is empty"),
        ("y.csv", "sample,target\na,cat\n", r"y.csv' has the columns 'sample', 'target'; expected the columns sample"),
        (
            "y.csv",
            "sample,file_name,label\na,a,cat\n",
            r"y.csv' has the columns 'sample', 'file_name', 'label'; expected",
        ),
        ("y.csv", "sample,label\n", r"y.csv' has a header but no rows"),
        ("y.csv", "", r"y.csv' is empty"),
        ("y.txt", "cat\n\ndog\n", r"y.txt', line 2 is empty; expected one label on each line"),
        ("y.txt", "cat\ndog\n", r"sample 'a' has no label in .*y.txt', which knows 2 samples such as '0'"),
        ("y.npz", "nonsense", r"y.npz' is no .npz file"),
        ("y.npy", "nonsense", r"y.npy' is no .npy file"),
        ("y.xlsx", "", r"y.xlsx' has no known ending"),
        ("y.csv", "sample,label\na,3\nb,4\n", r"line 2: label='3' but prediction='cat': one column holds names"),
    ],
)
def test_faulty_labels_are_refused(tmp_path, answers, name, text, words):
    with pytest.raises(InputError, match=words):
        read_predictions(answers, labels=put(tmp_path / name, text))


def test_labels_that_are_not_there_are_refused(tmp_path, answers):
    for name in ("y.csv", "y.npz", "y.npy", "y.txt"):
        with pytest.raises(InputError, match=rf"{name}' does not exist or is no file"):
            read_predictions(answers, labels=tmp_path / name)


def test_labels_that_are_said_twice_are_refused(tmp_path):
    labels = put(tmp_path / "y.csv", "sample,label\na,cat\nb,dog\n")
    path = put(tmp_path / "a.csv", "sample,prediction,label\na,cat,cat\nb,dog,dog\n")
    with pytest.raises(InputError, match=r"a.csv' has a column 'label', and .*y.csv' was given as well"):
        read_predictions(path, labels=labels)
    saved = brought.example().save(tmp_path / "a.npz")
    with pytest.raises(InputError, match="says label itself"):
        read_predictions(saved, labels=labels)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": [0]}, "no array 'label'; it holds y"), ({"label": [[0, 1]]}, r"label has shape \(1, 2\)"),
        ({"label": [0.5]}, "is no class"), ({"label": [0], "sample": [0.5]}, "sample has type float64"),
        ({"label": [0, 1], "sample": ["a"]}, "expected \\(2,\\) ids"),
        ({"label": [0, 1], "sample": ["a", "a"]}, "more than once"),
    ],
)  # fmt: skip
def test_faulty_arrays_of_labels_are_refused(tmp_path, answers, arrays, words):
    np.savez(tmp_path / "y.npz", **arrays)
    with pytest.raises(InputError, match=words):
        read_predictions(answers, labels=tmp_path / "y.npz")


def test_numbers_in_any_type_are_the_same_samples(tmp_path):
    pd.DataFrame({"sample": [1.0, 0.0], "prediction": [3, 4]}).to_parquet(tmp_path / "a.parquet")
    labels = put(tmp_path / "y.csv", "sample,label\n0,4\n1,4\n")
    assert read_predictions(tmp_path / "a.parquet", labels=labels).correct().tolist() == [[True, False]]
