import numpy as np
import polars as pl
import pytest

import barnspider as barn
from barnspider import InputError
from barnspider.lab import Command, CommandSweep
from barnspider.lab.command.answers import Harvest, harvest, left_at, read_one

HEAD = "sample,label,prediction\n"
ROWS = "a,cat,cat\nb,dog,cat\nc,dog,dog\n"


def run(dose=0.5, seed=1, classes=()):
    command = Command("t --d {dose} --s {seed} {out}", classes=classes)
    return CommandSweep(command, vary="d", doses=(dose,), seeds=(seed,), baseline_dose=dose).runs()[0]


def left(folder, text=HEAD + ROWS, name="predictions.csv"):
    (folder / name).write_text(text)
    return folder / "predictions"


def gather(folder, *args, **which) -> Harvest:
    return harvest({"test": left(folder, *args)}, run(**which))


@pytest.mark.parametrize("name", ["predictions", "predictions.csv", "predictions.tsv"])
def test_a_table_of_one_run_needs_no_arm_and_no_seed(tmp_path, name):
    text = (HEAD + ROWS).replace(",", "\t") if name.endswith("tsv") else HEAD + ROWS
    found = gather(tmp_path, text, name).splits["test"]
    assert (found.classes, found.guess.tolist(), found.label.tolist()) == (("cat", "dog"), [[0, 0, 1]], [0, 1, 1])
    assert found.p_label is None


def test_columns_that_we_do_not_know_are_left_alone(tmp_path):
    text = "epoch,p_label,prediction,label,sample\n" + "".join(f"9,0.{n}5,cat,dog,{n}\n" for n in range(3))
    found = gather(tmp_path, text).splits["test"]
    assert found.p_label is not None
    assert found.p_label[0].round(2).tolist() == pytest.approx([0.05, 0.15, 0.25])


def frame(**more):
    return pl.DataFrame({"sample": ["a", "b"], "label": ["x", "y"], "prediction": ["y", "y"], **more})


@pytest.mark.parametrize("name", ["predictions", "predictions.parquet", "predictions.pq"])
@pytest.mark.parametrize("more", [{}, {"seed": [1, 1]}, {"arm": ["mine"] * 2, "seed": [1, 1]}])
def test_parquet(tmp_path, name, more):
    frame(**more).write_parquet(tmp_path / name)
    assert harvest({"test": tmp_path / "predictions"}, run()).splits["test"].guess.tolist() == [[1, 1]]


@pytest.mark.parametrize("name", ["predictions", "predictions.npz"])
def test_arrays(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        np.savez(file, label=[0, 2], guess=[1, 2], p_label=[0.25, 0.5])
    found = harvest({"test": tmp_path / "predictions"}, run()).splits["test"]
    assert (found.classes, found.guess.tolist()) == (("0", "1", "2"), [[1, 2]])


def test_predictions_that_were_saved(tmp_path):
    preds = barn.Predictions.from_arrays(["x", "y"], {"mine": [["x", "x"]]}, seeds=[1], dose={"mine": 0.5})
    preds.save(tmp_path / "predictions.npz")
    assert harvest({"test": tmp_path / "predictions"}, run()).splits["test"].guess.tolist() == [[0, 0]]
    with pytest.raises(InputError, match=r"'predictions.npz' says that its seed is 1; this run's is 2"):
        harvest({"test": tmp_path / "predictions"}, run(seed=2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "'predictions.csv' has a header but no rows"),
        ("", r"left an empty file at \{out\}"),
        ("sample,label\na,cat\n", "has no column 'prediction'"),
        ("sample,label,Prediction\na,cat,cat\n", "column 'Prediction'; did you mean 'prediction'"),
        (HEAD + "a,cat,cat\nb,dog\n", "'predictions.csv', line 3: the row has 2 fields; expected 3"),
        (HEAD + "a,cat,cat\nb,,dog\n", "'predictions.csv', line 3: label is empty"),
        (HEAD + "a,cat,cat\na,cat,dog\n", "'predictions.csv', line 3: .*answers sample 'a' again"),
        (HEAD + "a,0,0\nb,1,nan\n", "'predictions.csv', line 3: prediction='nan'"),
        (HEAD.strip() + ",p_label\na,cat,cat,1.5\n", "'predictions.csv', line 2: p_label='1.5' is no probability"),
        (HEAD.strip() + ",seed\na,cat,cat,1\nb,cat,dog,2\n", "'predictions.csv' holds 2 runs|lacks"),
        (HEAD.strip() + ",seed\na,cat,cat,7\nb,cat,dog,7\n", "says that its seed is 7; this run's is 1"),
        (HEAD.strip() + ",seed,arm,dose\na,cat,cat,1,x,0.3\n", "says that its dose is 0.3; this run's is 0.5"),
    ],
)
def test_a_malformed_table_is_said_with_its_row(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        gather(tmp_path, text)
    assert str(tmp_path) not in str(caught.value), "the folder will be gone when this is read"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("predictions.npz", b"PK\x03\x04 no", "'.*predictions.npz' "),
        ("predictions.parquet", b"PAR1 no", "'predictions.parquet' cannot be read as Parquet"),
        ("predictions", b"PAR1", "'predictions.parquet' cannot be read as Parquet"),
        ("predictions.xlsx", b"x", "has no known ending"),
    ],
)
def test_files_that_are_none_of_ours(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        harvest({"test": tmp_path / "predictions"}, run())


def test_parquet_with_a_wrong_value_is_said(tmp_path):
    frame(p_label=[0.5, 2.0]).write_parquet(tmp_path / "predictions.parquet")
    with pytest.raises(InputError, match=r"'predictions.parquet', row 1 .*p_label=2.0 is no probability"):
        harvest({"test": tmp_path / "predictions"}, run())


def test_no_file_two_files_and_a_folder(tmp_path):
    place = tmp_path / "predictions"
    with pytest.raises(InputError, match=r"it left no file at \{out\}"):
        left_at(place)
    left(tmp_path)
    left(tmp_path, name="predictions.tsv")
    with pytest.raises(InputError, match=r"it left \{out\}\.csv, \{out\}\.tsv; expected one"):
        left_at(place)
    (tmp_path / "validation").mkdir()
    with pytest.raises(InputError, match=r"a folder at \{out_validation\}"):
        harvest({"validation": tmp_path / "validation"}, run())


def like(folder, text, *, first=HEAD + ROWS):
    return gather(folder, text).like(gather(folder, first))


def test_runs_are_joined_by_id_and_not_by_place(tmp_path):
    found = like(tmp_path, HEAD + "c,dog,cat\na,cat,dog\nb,dog,dog\n").splits["test"]
    assert (found.sample.tolist(), found.guess.tolist()) == (["a", "b", "c"], [[1, 1, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "a,cat,cat\nb,dog,cat\n", "2 test images, the runs before it 3; it lacks 'c', and has besides none"),
        (HEAD + ROWS + "d,dog,dog\n", "4 test images, the runs before it 3; it lacks none, and has besides 'd'"),
        (
            HEAD + ROWS.replace("b,dog", "b,cat"),
            r"labels test image 'b' 'cat', the runs before it 'dog' \(1 such image",
        ),
        (HEAD + ROWS.replace("c,dog,dog", "c,dog,cow"), "knows the classes 'cow', which the runs before it do not"),
    ],
)
def test_a_run_about_other_images_is_refused_and_the_difference_said(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        like(tmp_path, text)


def test_a_run_that_never_names_a_class_is_no_other(tmp_path):
    first = HEAD + "a,cat,cat\nb,dog,cow\n"
    found = like(tmp_path, HEAD + "a,cat,dog\nb,dog,dog\n", first=first).splits["test"]
    assert (found.classes, found.guess.tolist()) == (("cat", "cow", "dog"), [[2, 2]])


def test_named_classes_may_be_missing_from_any_run(tmp_path):
    names = ("dog", "cow", "cat")
    first, later = (
        gather(tmp_path, classes=names),
        gather(tmp_path, HEAD + ROWS.replace("dog\n", "cow\n"), classes=names),
    )
    assert later.like(first).splits["test"].guess.tolist() == [[2, 2, 1]]


def test_both_parts_of_the_images_have_the_same_classes(tmp_path):
    places = {"test": left(tmp_path), "validation": tmp_path / "validation"}
    (tmp_path / "validation.csv").write_text(HEAD + "v,cow,cat\n")
    found = harvest(places, run())
    assert found.splits["test"].classes == found.splits["validation"].classes == ("cat", "cow", "dog")
    with pytest.raises(InputError, match="it answers test images, runs before it test, validation"):
        gather(tmp_path).like(found)
    with pytest.raises(InputError, match=r"it left no file at \{out_validation\}"):
        harvest(places | {"validation": tmp_path / "nowhere"}, run())


def test_a_fingerprint_stands_for_labels_ids_and_classes(tmp_path):
    same = {
        gather(tmp_path, text).fingerprint("pets") for text in (HEAD + ROWS, HEAD + ROWS.replace(",cat\n", ",dog\n"))
    }
    assert len(same) == 1, "answers are no part of it"
    assert gather(tmp_path).fingerprint("cattle") not in same
    others = [ROWS.replace("a,", "z,"), ROWS.replace("b,dog", "b,cat"), ROWS.replace("dog", "cow")]
    assert len(same | {gather(tmp_path, HEAD + rows).fingerprint("pets") for rows in others}) == 4


def test_read_one_knows_what_a_table_says_of_itself(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(HEAD.strip() + ",seed,arm\na,cat,cat,1,anything\n")
    assert read_one(path, run()).arm == ("anything",)
