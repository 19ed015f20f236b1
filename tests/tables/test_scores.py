"""Logits and probabilities: exact answers, or an error that names run and sample."""

import json
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider import InputError, Predictions, from_frame, from_scores, read_predictions
from barnspider.tables import NotLogits, Ties, scores

LOGITS = np.array([[[2.0, 1.0, -1.0], [0.0, 0.5, 0.25]], [[-3.0, -2.0, -1.0], [9.0, 8.0, 7.0]]])
LABEL = [0, 2]


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def test_the_highest_score_is_the_answer():
    preds = from_scores(LABEL, {"a": LOGITS}, kind="logits", classes=["x", "y", "z"])
    assert preds.guess.tolist() == [[0, 1], [2, 0]]
    np.testing.assert_allclose(preds.p_label, softmax(LOGITS)[:, [0, 1], LABEL], rtol=1e-6)
    same = from_scores(LABEL, {"a": softmax(LOGITS)}, kind="probabilities", classes=["x", "y", "z"])
    np.testing.assert_allclose(same.p_label, preds.p_label, rtol=1e-6)
    unknown = from_scores(LABEL, {"a": LOGITS[0]})
    assert (unknown.p_label, unknown.classes, unknown.guess.tolist()) == (None, ("0", "1", "2"), [[0, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_any_type_of_number_will_do(dtype):
    assert from_scores(LABEL, {"a": (LOGITS * 4).astype(dtype)}).guess.tolist() == [[0, 1], [2, 0]]


def changed(place, value):
    array = LOGITS.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("array", "kind", "words"),
    [
        (changed((1, 0, 2), np.nan), None, "scores['a'], run 1, sample 0 (from 0) has a score that is not finite"),
        (changed((1, 1, 0), np.inf), "logits", "run 1, sample 1 (from 0) has a score that is not finite"),
        (changed((0, 1), -np.inf), "logits", "run 0, sample 1 (from 0) has a score that is not finite"),
        (changed((0, 1), 0), None, "run 0, sample 1 (from 0) has the same score for all classes"),
        (LOGITS, "probabilities", "run 0, sample 0 (from 0) does not add up to 1, or has a negative part: are these"),
        (np.array([[[-0.5, 1.0, 0.5]] * 2]), "probabilities", "does not add up to 1, or has a negative part"),
        (LOGITS, "logit", "kind='logit' is unknown"),
        (LOGITS[0, 0], None, "scores['a'] has shape (3,); expected [samples, classes]"),
        (np.zeros((1, 2, 0)), None, "none of them 0"),
        (LOGITS > 0, None, "scores['a'] has type bool"),
        (LOGITS.astype(str), None, "has type <U32"),
        ([[1.0, 2.0], [1.0]], None, "is no array"),
    ],
)
def test_what_is_no_answer_is_refused(array, kind, words):
    with pytest.raises(InputError) as caught:
        from_scores(LABEL, {"a": array}, kind=kind)
    assert words in str(caught.value)


def test_a_masked_class_may_have_the_logit_minus_infinity():
    preds = from_scores(LABEL, {"a": changed((0, 0, 2), -np.inf)}, kind="logits")
    assert preds.guess[0, 0] == 0
    assert preds.p_label is not None
    assert np.isfinite(preds.p_label).all()


def test_a_tie_goes_to_the_first_class_and_is_said():
    with pytest.warns(Ties, match=r"scores\['a'\]: 2 of 4 answers are ties; the first"):
        preds = from_scores([0, 1], {"a": [[[1, 1, 0], [0, 2, 1]], [[0, 3, 3], [0, 2, 1]]]})
    assert preds.guess.tolist() == [[0, 1], [1, 1]]
    with pytest.warns(Ties, match="1 of 1 answers"):
        assert from_scores([0], {"a": [[0.5, 0.5]]}).guess.tolist() == [[0]]


def test_arms_have_the_same_classes():
    with pytest.raises(InputError, match=r"scores=\{\} has no arm"):
        from_scores(LABEL, {})
    with pytest.raises(InputError, match="scores are of 2, 3 classes"):
        from_scores(LABEL, {"a": LOGITS, "b": LOGITS[:, :, :2]})
    with pytest.raises(InputError, match="scores are of 3 classes"):
        from_scores(LABEL, {"a": LOGITS}, classes=["x", "y"])


def test_a_single_score_is_no_answer_among_two_classes(tmp_path):
    """Of one sigmoid output, column 0 would always win: every answer would be the class 0."""
    logits, label = np.array([[-3.0], [3.0], [2.0]]), [0, 1, 1]
    words = "scores of one class only, but labels of 2; a single sigmoid output must become two columns, or guess"
    with pytest.raises(InputError, match=words):
        from_scores(label, {"a": logits}, kind="logits")
    np.savez(tmp_path / "a.npz", label=label, logits=logits)
    np.save(tmp_path / "b.npy", logits)
    np.save(tmp_path / "labels.npy", label)
    pl.DataFrame({"sample": range(3), "label": label, "logits": logits.tolist()}).write_parquet(tmp_path / "c.parquet")
    for name, labels in (("a.npz", None), ("b.npy", tmp_path / "labels.npy"), ("c.parquet", None)):
        with pytest.raises(InputError, match=f"{name}'.*: .* has {words}"):
            read_predictions(tmp_path / name, labels=labels)
    with pytest.raises(InputError, match=r"shape \(3,\); expected .*; a single sigmoid output must become"):
        from_scores(label, {"a": logits[:, 0]})
    assert from_scores([0, 0], {"a": [[0.5], [2.0]]}).correct().all()


def test_probabilities_that_are_called_logits_are_told(tmp_path):
    values = softmax(LOGITS[0])
    with pytest.warns(NotLogits, match="all rows are from 0 to 1 and add up to 1: these look like probabilities"):
        from_scores(LABEL, {"a": values}, kind="logits")
    np.savez(tmp_path / "a.npz", label=LABEL, logits=values)
    pl.DataFrame({"sample": [0, 1], "label": LABEL, "logits": values.tolist()}).write_parquet(tmp_path / "b.parquet")
    for name in ("a.npz", "b.parquet"):
        with pytest.warns(NotLogits, match=f"{name}': logits: all rows"):
            read_predictions(tmp_path / name)
    from_scores(LABEL, {"a": [values, LOGITS[0]]}, kind="logits")  # some rows may add up to 1
    from_scores(LABEL, {"a": np.eye(3)[:2]}, kind="logits")  # answers written as scores


def test_faults_of_arrays_name_what_is_wrong(tmp_path):
    np.savez(tmp_path / "short.npz", label=[0], logits=LOGITS[0])
    with pytest.raises(
        InputError, match=r"short.npz': logits has 2 samples, but label has 1; expected a label for each"
    ):
        read_predictions(tmp_path / "short.npz")
    np.savez(tmp_path / "flat.npz", label=[[0], [1]], logits=LOGITS[0])
    with pytest.raises(InputError, match=r"label has shape \(2, 1\); expected \[samples\] \(flatten it: label.ravel"):
        read_predictions(tmp_path / "flat.npz")
    np.savez(tmp_path / "tie.npz", label=[0, 1], logits=[[1.0, 1.0], [0.0, 2.0]])
    with pytest.warns(Ties, match=r"tie.npz': logits: 1 of 2 answers are ties"):
        read_predictions(tmp_path / "tie.npz")


one_image = st.lists(st.floats(-50, 50, width=16), min_size=4, max_size=4, unique=True)


@given(st.lists(one_image, min_size=1, max_size=9), st.integers(1, 12))
def test_parts_do_not_matter(rows, cells):
    expected = np.argmax(rows, axis=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "CELLS", cells)
        found = from_scores([0] * len(rows), {"a": rows}, kind="logits")
    assert found.guess[0].tolist() == expected.tolist()


# In files


def test_arrays_of_scores_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", label=LABEL, logits=LOGITS, classes=["x", "y", "z"])
    preds = read_predictions(tmp_path / "a.npz")
    assert (preds.guess.tolist(), preds.classes, preds.arm) == ([[0, 1], [2, 0]], ("x", "y", "z"), ("a", "a"))
    assert preds.p_label is not None
    np.savez(tmp_path / "b.npz", label=["z", "x"], probabilities=softmax(LOGITS[0]), classes=["x", "y", "z"])
    preds = read_predictions(tmp_path / "b.npz")
    assert (preds.label.tolist(), preds.guess.tolist()) == ([2, 0], [[0, 1]])
    np.savez(tmp_path / "c.npz", label=LABEL, scores=LOGITS)
    assert read_predictions(tmp_path / "c.npz").p_label is None


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("cells", [1, 7, 1 << 22])
def test_an_npz_says_what_its_arrays_would(tmp_path, monkeypatch, save, order, cells):
    monkeypatch.setattr(scores, "CELLS", cells)
    rng = np.random.default_rng(3)
    logits, label = rng.normal(size=(3, 11, 5)).astype(np.float32), rng.integers(5, size=11)
    save(tmp_path / "a.npz", label=label, logits=np.asarray(logits, order=order))
    preds, expected = read_predictions(tmp_path / "a.npz"), from_scores(label, {"a": logits}, kind="logits")
    assert preds.guess.tolist() == expected.guess.tolist()
    assert preds.p_label is not None
    np.testing.assert_array_equal(preds.p_label, expected.p_label)


def test_an_npz_of_scores_is_never_whole_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "CELLS", 1 << 16)
    size = 1 << 25
    array = np.zeros((size // 4096, 1024), np.float32)
    array[:, 5] = 1
    np.savez_compressed(tmp_path / "a.npz", label=np.full(len(array), 5), logits=array)
    del array
    tracemalloc.start()
    try:
        assert read_predictions(tmp_path / "a.npz").correct().all()
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def test_a_flipped_bit_is_told_as_damage_and_not_as_a_score(tmp_path):
    np.savez(tmp_path / "a.npz", label=[0] * 50, logits=np.tile([1.5, 0.5, 0.25], (50, 1)))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    place = data.find(np.array([1.5, 0.5]).tobytes())
    data[place + 6 : place + 8] = b"\xff\xff"  # not a number, in the first sample
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"^'\S+a.npz' cannot be read as .npz: Bad CRC-32 for file 'logits.npy'"):
        read_predictions(tmp_path / "a.npz")


def test_an_npy_holds_answers_or_scores(tmp_path):
    np.save(tmp_path / "labels.npy", LABEL)
    np.save(tmp_path / "a.npy", LOGITS)
    np.save(tmp_path / "b.npy", np.array([[1, 2], [0, 2]]))
    preds = read_predictions(tmp_path)
    assert (preds.arm, preds.guess.tolist()) == (("a", "a", "b", "b"), [[0, 1], [2, 0], [1, 2], [0, 2]])
    told = read_predictions(tmp_path / "a.npy", labels=tmp_path / "labels.npy", scores="logits")
    assert told.p_label is not None
    with pytest.raises(InputError, match=r"run 0, sample 0 .* are these logits"):
        read_predictions(tmp_path / "a.npy", labels=tmp_path / "labels.npy", scores="probabilities")
    with pytest.raises(InputError, match=r"a.npy': there is no array 'label'; it holds scores; add it, or give a file"):
        read_predictions(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"logits": LOGITS, "guess": [[0, 1]]}, "there are the arrays guess, logits; expected one of them"),
        (
            {"logits": changed((0, 1, 0), np.nan)},
            "a.npz': logits, run 0, sample 1 (from 0) has a score that is not finite",
        ),
        ({"logits": LOGITS, "classes": ["x"]}, "there are scores of 3 classes, but `classes` has 1"),
        ({"logits": LOGITS[:, :1]}, "logits has 1 sample, but label has 2"),
    ],
)
def test_faulty_arrays_of_scores_are_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", label=LABEL, **arrays)
    with pytest.raises(InputError) as caught:
        read_predictions(tmp_path / "a.npz")
    assert words in str(caught.value)


def test_a_class_without_a_score_has_no_chance(tmp_path):
    np.savez(tmp_path / "a.npz", label=[0, 3], logits=LOGITS)
    preds = read_predictions(tmp_path / "a.npz")
    assert preds.classes == ("0", "1", "2", "3")
    assert preds.p_label is not None
    assert preds.p_label[:, 1].tolist() == [0, 0]


def test_objects_in_npy_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a.npy' holds Python objects, which can run code"):
        read_predictions(tmp_path / "a.npy", labels=tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.arange(100))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-300])
    with pytest.raises(InputError, match=r"b.npy' cannot be read as .npy"):
        read_predictions(tmp_path / "b.npy", labels=tmp_path / "b.npy")


ROWS = [{"sample": s, "label": x, "logits": row} for s, x, row in zip("ab", LABEL, LOGITS[0].tolist(), strict=True)]


def test_lists_of_scores_stand_in_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    pl.DataFrame(ROWS).write_parquet(tmp_path / "b.parquet")
    preds = read_predictions(tmp_path)
    assert (preds.arm, preds.guess.tolist()) == (("a", "b"), [[0, 1], [0, 1]])
    assert from_frame({"c": pl.DataFrame(ROWS)}).guess.tolist() == [[0, 1]]
    array = pl.DataFrame(ROWS).with_columns(pl.col("logits").cast(pl.Array(pl.Float32, 3)))
    assert from_frame({"c": array}).guess.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"logits": [1.0, 2.0]}, "line 2: logits has 2 scores; expected 3, as above"),
        ({"logits": []}, "line 2: logits has 0 scores"), ({"logits": None}, "line 2: logits has 0 scores"),
        ({"logits": [0.0, 0.0, 0.0]}, "line 2: logits has the same score for all classes"),
        ({"logits": [None, 1.0, 0.0]}, "line 2: logits has a score that is not finite"),
        ({"logits": "x"}, "logits is a list"),
        ({"logits": ["x", 1, 2]}, "line 2: logits holds what is no number"),
    ],
)  # fmt: skip
def test_faulty_lists_of_scores_are_refused(tmp_path, row, words):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(x) + "\n" for x in (ROWS[0], {**ROWS[1], **row})))
    with pytest.raises(InputError) as caught:
        read_predictions(tmp_path / "a.jsonl")
    assert words in str(caught.value)


def test_a_column_of_scores_that_is_no_list_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("sample,label,logits\na,0,0.5\n")
    with pytest.raises(InputError, match="the column 'logits' has type String; expected a list in every row"):
        read_predictions(tmp_path / "a.csv")


# torch


def test_tensors_are_taken_as_they_are():
    torch = pytest.importorskip("torch")
    label = torch.tensor([0, 1])
    logits = torch.tensor([[0.5, -0.5], [1.0, 2.0]], requires_grad=True)
    assert from_scores(label, {"a": logits}, kind="logits").guess.tolist() == [[0, 1]]
    assert from_scores(label, {"a": logits.bfloat16()}).guess.tolist() == [[0, 1]]
    assert from_scores(label, {"a": [logits, logits.half()]}).guess.tolist() == [[0, 1]] * 2
    preds = Predictions.from_arrays(label, {"a": logits.argmax(1)}, p_label={"a": logits.softmax(1)[:, 0]})
    assert preds.guess.tolist() == [[0, 1]]
    assert preds.p_label is not None
    sets = Predictions.from_arrays([torch.tensor([0, 1]), torch.tensor([1])], {"a": [label, label]})
    assert sets.correct().tolist() == [[True, True]] * 2
    with pytest.raises(InputError, match=r"guess\['a'\]\[1\]=0.5 is no class"):
        Predictions.from_arrays(label, {"a": torch.tensor([0.0, 0.5])})
