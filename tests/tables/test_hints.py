"""What a first-time user's files are called, and what the message says to do about it."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from barnspider import InputError, Predictions, estimate, from_frame, read_label_sets, read_predictions, with_label_sets
from barnspider.sources import default_baseline, holds_answers
from barnspider.tables.class_file import read_classes
from barnspider.tables.groups import read_groups

FRAME = pl.DataFrame({"sample": ["a", "b"], "label": ["x", "y"], "prediction": ["x", "x"]})


def put(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "Arm,Seed,sample,Label,prediction",
            "the columns 'Arm', 'Seed', 'Label'; did you mean 'arm', 'seed', ",
        ),
        ("Arm,Seed,sample,Label,prediction", "say which is which: --columns arm=Arm,seed=Seed,label=Label"),
        ("arm, seed, sample,label,prediction", "--columns 'seed= seed,sample= sample'"),
    ],
)
def test_all_columns_in_another_case_are_named_and_the_option_mends_them(tmp_path, header, words):
    file = put(tmp_path / "a.csv", f"{header}\np,0,a,x,x\n")
    with pytest.raises(InputError) as caught:
        read_predictions(file)
    assert words in str(caught.value)
    option = str(caught.value).rsplit("--columns ", 1)[1].strip("'")
    columns = dict(part.split("=") for part in option.split(","))
    assert read_predictions(file, columns=columns).arm == ("p",)


def test_files_of_labels_and_groups_say_what_to_rename(tmp_path):
    FRAME.select("sample", "prediction").write_csv(tmp_path / "a.csv")
    labels = put(tmp_path / "l.csv", "Sample,Label\na,x\nb,y\n")
    with pytest.raises(InputError, match="and label; rename 'Sample' to sample, 'Label' to label"):
        read_predictions(tmp_path / "a.csv", labels=labels)
    with pytest.raises(InputError, match="and group; rename 'Class' to class, ' group' to group"):
        read_groups(put(tmp_path / "g.csv", "Class, group\nx,one\n"))


def test_ids_with_and_without_leading_zeros_are_shown_side_by_side(tmp_path):
    rows = [f"p,{seed},{name},x,x\n" for seed, names in enumerate((["00", "01"], ["0", "1"])) for name in names]
    file = put(tmp_path / "a.csv", "arm,seed,sample,label,prediction\n" + "".join(rows))
    with pytest.raises(InputError, match="a sample is '00' here and '0' there: write both in one way") as caught:
        read_predictions(file)
    assert "common" not in str(caught.value)
    plain = put(tmp_path / "p.csv", "sample,prediction\n0,x\n")
    with pytest.raises(InputError, match="a sample is '0' here and '0000' there: write both in one way"):
        read_predictions(plain, labels=put(tmp_path / "l.csv", "sample,label\n0000,x\n"))
    preds = Predictions.from_arrays(["x"], {"p": [["x"]]}, sample=["007"])
    with pytest.raises(InputError, match="a sample is '007' here and '7' there"):
        with_label_sets(preds, read_label_sets(put(tmp_path / "s.json", '{"7": ["x"]}')))
    with pytest.raises(InputError, match="in a table of labels a row with an empty one, says that none is right"):
        with_label_sets(preds, read_label_sets(put(tmp_path / "s.csv", "sample,label\nother,x\n")))


def test_names_of_classes_are_read_from_lines_or_a_list(tmp_path):
    for text in ("cat\nbig dog\n", "cat\nbig dog\n\n\n", "cat\r\nbig dog\r\n\r\n", "\ufeffcat\nbig dog"):
        (tmp_path / "c.txt").write_bytes(text.encode())
        assert read_classes(tmp_path / "c.txt") == ["cat", "big dog"]
    assert read_classes(put(tmp_path / "c.json", json.dumps(["cat", "big dog"]))) == ["cat", "big dog"]
    for name, text, words in (
        ("c.txt", "cat\n\ndog\n", "has no name in place 2 of 3"),
        ("c.txt", "\n", "holds no name"),
        ("c.json", '{"cat": 0}', "is no list of names; expected one name on each line, or a JSON list"),
        ("c.json", "[1, 2]", "is no list of names"),
        ("c.json", "[", "cannot be read"),
    ):
        with pytest.raises(InputError, match=f"{name}' {words}"):
            read_classes(put(tmp_path / name, text))


def test_a_frame_that_has_its_samples_in_the_index_or_no_rows_yet():
    with pytest.raises(InputError, match=r"no column 'sample'.*; 'sample' is in the index: give frame.reset_index\(\)"):
        from_frame({"p": FRAME.to_pandas().set_index("sample")})
    arms = pd.DataFrame(FRAME.to_dict(as_series=False)).assign(arm="p", seed=0).set_index(["arm", "seed"])
    with pytest.raises(InputError, match="'arm', 'seed' is in the index"):
        from_frame(arms)
    with pytest.raises(InputError, match=r"is a LazyFrame, which holds no rows yet; give frame.collect\(\)"):
        from_frame({"p": FRAME.lazy()})


def test_what_can_be_no_data_set_is_taken_for_predictions(tmp_path):
    """So the doctor says what audit says, and not what a data set should be."""
    np.savez(tmp_path / "keras.npz", y_true=[0], y_pred=[0])
    np.savez(tmp_path / "data.npz", x_train=[0], y_train=[0])
    found = {name: holds_answers(str(tmp_path / name)) for name in ("keras.npz", "data.npz")}
    assert found == {"keras.npz": True, "data.npz": False}
    for name in ("a.pt", "a.pkl", "a.xlsx"):
        assert holds_answers(str(put(tmp_path / name, "")))
    assert not holds_answers(str(put(tmp_path / "images.zip", "")))


def test_names_of_files_that_end_with_a_seed_suggest_a_pattern():
    arms = {f"{arm}-seed{seed}": [[0, 1]] for arm in ("plain", "mixup") for seed in (0, 1)}
    preds = Predictions.from_arrays([0, 1], arms)
    words = r"Are these runs of fewer arms\? Then say --pattern '\{arm\}-seed\{seed\}'"
    with pytest.raises(InputError, match=f"baseline='plain' is unknown; expected one of: plain-seed0, .*{words}"):
        estimate(preds, "plain")
    with pytest.raises(InputError, match=f"no arm has dose 0, .*{words}"):
        default_baseline(preds)
