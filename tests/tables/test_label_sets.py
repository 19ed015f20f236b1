"""Files of label sets: what is read, how it is joined, and what is refused by name."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider import InputError, Predictions, read_label_sets, with_label_sets
from barnspider.tables import LabelSets, SamplesLeftOut, rows
from barnspider.tables.groups import read_groups
from barnspider.tables.labels import read_labels
from barnspider.tables.origins import by_mapping

SETS = {"a": ("cat", "dog"), "b": (), "c": ("cow",)}


def put(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv(folder):
    return put(folder / "s.csv", "\ufefffile_name;note;label\r\na;x;cat\r\nc;x;cow\r\na;x;dog\r\nb;x;\r\na;x;cat\r\n")


def rows_of_json(folder):
    lines = [{"sample": s, "label": x} for s, own in SETS.items() for x in own or ("",)]
    return put(folder / "s.jsonl", "\n".join(map(json.dumps, lines)))


def lists_of_json(folder):
    return put(folder / "s.ndjson", "\n".join(json.dumps({"sample": s, "labels": own}) for s, own in SETS.items()))


def mapping(folder):
    return put(folder / "s.json", json.dumps(SETS))


def objects(folder):
    return put(folder / "s.json", json.dumps([{"filename": s, "label": own} for s, own in SETS.items()], indent=1))


def parquet(folder):
    pl.DataFrame({"sample": list(SETS), "label": list(map(list, SETS.values()))}).write_parquet(folder / "s.parquet")
    return folder / "s.parquet"


def npz(folder):
    np.savez(folder / "s.npz", real_flat=["cat", "dog", "cow"], real_offset=[0, 2, 2, 3], sample=["a", "b", "c"])
    return folder / "s.npz"


@pytest.mark.parametrize("write", [csv, rows_of_json, lists_of_json, mapping, objects, parquet, npz])
def test_every_form_says_the_same(tmp_path, write):
    assert read_label_sets(write(tmp_path)).sets == SETS


def test_no_line_is_looked_for_unless_something_is_wrong(tmp_path, monkeypatch):
    """To find the line of a row costs a look through the file: for every row, hours for the labels of ImageNet."""
    monkeypatch.setattr(rows, "line_of", lambda *_: pytest.fail("a line was looked for"))
    assert read_label_sets(csv(tmp_path)).sets == SETS
    assert read_labels(put(tmp_path / "l.csv", "sample,label\na,cat\n")).count == 1
    assert read_groups(put(tmp_path / "g.csv", "class,group\ncat,pet\ncat,pet\n")).groups == {"cat": "pet"}
    put(tmp_path / "a.csv", "")
    assert by_mapping(put(tmp_path / "m.csv", "file,arm\na.csv,p\n"), tmp_path)[0].said == {"arm": "p"}


def test_entries_of_other_samples_are_counted(tmp_path):
    names = ["cat", "cow", "dog"]
    preds = Predictions.from_arrays(["cat", "cow"], {"p": [["cat", "cat"]]}, sample=["a", "c"], classes=names)
    with pytest.warns(SamplesLeftOut, match=r"1 of 3 samples with labels in '.*s.csv' are left out: nothing is"):
        with_label_sets(preds, read_label_sets(csv(tmp_path)))


def numbered_json(folder):
    return put(folder / "real.json", "[[0, 2], [], [1]]")


def numbered_npz(folder):
    np.savez(folder / "s.npz", real_flat=np.array([0, 2, 1]), real_offset=np.array([0, 2, 2, 3]))
    return folder / "s.npz"


def fractions(folder):
    pl.DataFrame({"sample": [0, 1, 2], "label": [[0.0, 2.0], [], [1.0]]}).write_parquet(folder / "s.parquet")
    return folder / "s.parquet"


@pytest.mark.parametrize("write", [numbered_json, numbered_npz, fractions])
def test_without_names_samples_are_numbered_and_labels_are_indices(tmp_path, write):
    preds = Predictions.from_arrays([0, 1, 2], {"a": [[2, 1, 2]]}, classes=["cat", "dog", "cow"])
    found = with_label_sets(preds, read_label_sets(write(tmp_path)))
    assert found.correct().tolist() == [[True, False]]
    assert (found.sample.tolist(), found.label.tolist(), found.unlabelled) == (["0", "2"], [0, 2], 1)
    assert found.accepted.tolist() == [[0, 2], [1, -1]]


def answers(**more):
    return Predictions.from_arrays(
        ["cat", "dog", "cow"], {"a": [["cow", "dog", "cow"]]}, sample=["a", "b", "c"], **more
    )


def test_samples_are_joined_by_id_never_by_order():
    turned = dict(reversed(SETS.items())) | {"d": ("cat",)}
    with pytest.warns(SamplesLeftOut, match="1 of 4 samples with labels in x"):
        found = with_label_sets(answers(), LabelSets("x", turned))
    assert found.sample.tolist() == ["a", "c"]
    assert found.correct().tolist() == [[False, True]]
    assert with_label_sets(answers(), turned).correct().tolist() == [[False, True]]
    assert with_label_sets(answers(), [["cow", "cat"], ["cat"], [0]]).correct().tolist() == [[True, False, False]]


def test_where_classes_are_numbers_a_label_is_never_an_index():
    """Classes 0, 2, 3 occur; an index 2 would be class 3."""
    preds = Predictions.from_arrays([0, 1, 2], {"a": [[1, 1, 1]]}, classes=["0", "2", "3"])
    assert with_label_sets(preds, [[2], ["2.0"], [3]]).correct().tolist() == [[True, True, False]]
    with pytest.raises(
        InputError, match=r"sets: sample '1': label '1' is no class; expected one of '0', '2', '3'; the"
    ):
        with_label_sets(preds, [[2], [1], [3]])


def test_it_is_kept_by_all_that_keeps_predictions(tmp_path):
    found = with_label_sets(answers(), SETS)
    assert Predictions.load(found.save(tmp_path / "x.npz")).unlabelled == 1
    assert with_label_sets(found, {"a": [], "c": ["cow"]}).unlabelled == 2
    assert found.where(samples=[1]).unlabelled == 1


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (
            {"a": ["cat"], "b": []},
            r"sets has no entry for sample 'c' \(1 of 3 samples\); it knows 2 samples such as 'a'",
        ),
        ({"a": ["caat"], "b": [], "c": []}, r"sample 'a': label 'caat' is not in `classes` .* did you mean 'cat'\?"),
        ({"a": "cat", "b": [], "c": []}, r"sets\['a'\]='cat' is no set; expected a list of labels"),
        ({"a": [1.5], "b": [], "c": []}, r"sets\['a'\] holds 1.5; expected names"),
        ({"a": [7], "b": [], "c": []}, r"label '7' is no class; expected 0 to 2"),
        ([[], [], []], r"sets has no label for any of 3 samples"),
        ([["cat"]], r"sets has 1 entries; expected 3"),
    ],
)
def test_what_does_not_fit_is_refused(sets, said):
    with pytest.raises(InputError, match=said):
        with_label_sets(answers(), sets)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.json", "[[1], 2]", r"s.json', entry 1 \(from 0\) has no list of labels; expected such as \[3\] or \[\]"),
        ("s.json", "[[1], [null]]", r"entry 1 \(from 0\) holds None; expected names or whole numbers"),
        ("s.json", "[[1], [NaN]]", r"cannot be read as JSON: holds NaN"),
        ("s.json", '{"a": [1], "a": [2]}', r"sample 'a': sample 'a' has a list of labels already"),
        ("s.json", "[[1], [2", r"cannot be read as JSON: .*; is it whole\?"),
        ("s.json", "3", r"is no list and no object"),
        ("s.json", "[]", r"s.json' holds no sample"),
        ("s.jsonl", '{"sample": "a", "label": ["x"]}\n{"sample": "b"}\n', r"line 2 has the names sample; expected"),
        ("s.jsonl", '{"sample": "a", "label": ["x"]}\n{"sample" "b"}\n', r"line 2 cannot be read"),
        ("s.jsonl", '{"sample": ["a"], "label": "x"}\n{"sample": "b", "label": "x"}', r"line 1: sample is no name"),
        ("s.jsonl", '{"sample": "a", "label": ["x"]}\n{"sample": "a", "label": "x"}', r"line 2: .* a list of labels"),
        ("s.csv", "sample,label\na,cat\na,\n", r"sample 'a' has an empty label beside 'cat'"),
        ("s.csv", "sample,label\n,cat\n", r"s.csv', line 2: sample is empty"),
        ("s.csv", "image,label\na,cat\n", r"has the columns 'image', 'label'; expected the columns sample"),
        ("s.csv", b"sample,label\na,\xff\n", r"line 2: byte 0xff is not UTF-8"),
        ("s.npy", b"", r"is .npy, which has one label for each sample"),
        ("s.doc", b"", r"has no known ending"),
        ("s.npz", b"no zip", r"is no .npz file"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_by_file_row_and_field(tmp_path, name, text, said):
    with pytest.raises(InputError, match=said):
        read_label_sets(put(tmp_path / name, text))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"real_flat": [1, 2]}, "has no array 'real_offset'; it holds real_flat"),
        ({"real_flat": [1, 2], "real_offset": [0, 2, 1]}, "real_offset does not part real_flat"),
        ({"real_flat": [1, 2], "real_offset": [0, 1]}, r"whole numbers that never fall, from 0 to 2"),
        ({"real_flat": [1.5, 2], "real_offset": [0, 2]}, r"real_flat\[0\]=1.5 is no class"),
        ({"real_flat": [1], "real_offset": [0, 1], "sample": ["a", "b"]}, r"sample has type <U1 and shape \(2,\)"),
        ({"real_flat": [1, 2], "real_offset": [0, 1, 2], "sample": ["a", "a"]}, r"'a' has a list of labels already"),
    ],
)  # fmt: skip
def test_bad_arrays_are_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(InputError, match=said):
        read_label_sets(tmp_path / "s.npz")


def test_a_list_column_of_nothing_is_refused(tmp_path):
    pl.DataFrame({"sample": ["a", "b"], "label": [["x"], None]}).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(InputError, match=r"row 1 \(from 0\): label holds None; expected a list"):
        read_label_sets(tmp_path / "s.parquet")
    with pytest.raises(InputError, match="does not exist or is no file"):
        read_label_sets(tmp_path / "none.json")


NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda x: not x.endswith("\0"))


@given(st.dictionaries(NAME, st.lists(NAME, max_size=3), min_size=1, max_size=5))
def test_any_names_pass_through_json_and_parquet(tmp_path_factory, sets):
    folder = tmp_path_factory.mktemp("any")
    wanted = {sample: tuple(dict.fromkeys(own)) for sample, own in sets.items()}
    assert read_label_sets(put(folder / "s.json", json.dumps(sets))).sets == wanted
    frame = pl.DataFrame({"sample": list(sets), "label": pl.Series(list(sets.values()), dtype=pl.List(pl.String))})
    frame.write_parquet(folder / "s.parquet")
    assert read_label_sets(folder / "s.parquet").sets == wanted
