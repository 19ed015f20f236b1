"""Labels from a tree of folders, one for each class."""

import os

import numpy as np
import polars as pl
import pytest

from barnspider import InputError, from_frame, read_predictions
from barnspider.tables import SamplesLeftOut
from barnspider.tables.labels import read_labels

VAL = ("n02/v3.JPEG", "n01/v1.JPEG", "n01/v2.JPEG", "n10/v4.JPEG")


def tree(folder, files=VAL, empty=()):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in empty:
        (folder / name).mkdir()
    return folder


def put(path, text):
    path.write_text(text)
    return path


def read(folder, rows, header="sample,prediction", **options):
    path = put(folder / "a.csv", f"{header}\n" + "".join(f"{row}\n" for row in rows))
    return read_predictions(path, labels=folder / "val", **options)


@pytest.mark.parametrize("name", ["{1}", "{0}/{1}", "val/{0}/{1}", "/data/images/val/{0}/{1}"])
@pytest.mark.parametrize("answers", [("n10", "n01", "n02", "n02"), ("2", "0", "1", "1")])
def test_a_sample_is_known_by_its_file_or_its_path(tmp_path, name, answers):
    tree(tmp_path / "val")
    rows = [f"{name.format(*file.split('/'))},{answer}" for file, answer in zip(VAL, answers, strict=True)]
    preds = read(tmp_path, rows)
    assert preds.classes == ("n01", "n02", "n10")
    found = {(str(s).rpartition("/")[2], preds.classes[y]) for s, y in zip(preds.sample, preds.label, strict=True)}
    assert found == {tuple(reversed(file.split("/"))) for file in VAL}
    assert {str(s)[-7:-5] for s, right in zip(preds.sample, preds.correct()[0], strict=True) if right} == {"v1"}


def test_an_empty_folder_is_a_class_and_hidden_ones_are_none(tmp_path):
    tree(tmp_path / "val", [*VAL, ".git/x", "n01/.DS_Store", "README.txt"], empty=["n00"])
    labels = read_labels(tmp_path / "val")
    assert (labels.classes, labels.count) == (("n00", "n01", "n02", "n10"), 4)
    preds = read(tmp_path, [f"{file},1" for file in VAL])
    assert preds.correct().sum() == 2
    with pytest.warns(SamplesLeftOut, match=r"1 of 4 samples with a label in '.*val' are left out"):
        read(tmp_path, [f"{file},1" for file in VAL[:3]])


def test_links_are_followed(tmp_path):
    tree(tmp_path / "real")
    (tmp_path / "val").mkdir()
    for name in ("n01", "n02"):
        os.symlink(tmp_path / "real" / name, tmp_path / "val" / name)
    os.symlink(tmp_path / "nowhere", tmp_path / "val" / "n03")
    assert read_labels(tmp_path / "val").classes == ("n01", "n02")


def test_files_of_one_name_are_known_by_their_paths(tmp_path):
    tree(tmp_path / "val", ["cat/1.png", "dog/1.png", "dog/2.png"])
    preds = read(tmp_path, ["cat/1.png,cat", "dog/1.png,cat", "2.png,dog"])
    assert preds.correct().tolist() == [[True, True, False]]
    with pytest.raises(InputError, match=r"line 2: sample '1.png' has no label in .*val', which knows 3 samples"):
        read(tmp_path, ["1.png,cat", "dog/1.png,cat", "2.png,dog"])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), r"val' holds nothing; expected a folder for each class"),
        ((".hidden",), r"val' holds nothing"),
        (("v1.JPEG", "v2.JPEG"), r"val' holds 2 files such as 'v1.JPEG', but no folder; expected a folder for each"),
        (("a/.x",), r"val' holds folders such as 'a', but no file"),
        (("val/a/x", "val/b/y"), r"val' has a folder 'val/a' in a folder of a class; .* is '.*val/val' meant"),
        ((b"a/\xff.png".decode("utf-8", "surrogateescape"),), r"has a name that is not UTF-8; rename it"),
    ],
)
def test_what_is_no_tree_of_classes_is_refused(tmp_path, files, words):
    (tmp_path / "val").mkdir()
    tree(tmp_path / "val", files)
    with pytest.raises(InputError, match=words):
        read(tmp_path, ["x,a"])


def test_a_prediction_is_a_folder_or_its_place(tmp_path):
    tree(tmp_path / "val")
    with pytest.raises(InputError, match=r"line 2: prediction='3' is no class; expected 0 to 2"):
        read(tmp_path, [f"{file},3" for file in VAL])
    with pytest.raises(InputError, match=r"prediction='tench' is not in `classes` \('n01', 'n02', 'n10'\)"):
        read(tmp_path, [f"{file},tench" for file in VAL])
    preds = read(tmp_path, [f"{file},0" for file in VAL], classes=["n02", "n01", "n10"])
    assert preds.correct().sum() == 1
    assert preds.classes[0] == "n02"


@pytest.mark.parametrize("names", [("1", "2", "10"), ("001", "002", "010"), ("3", "5", "7")])
def test_folders_that_are_numbers_are_unclear(tmp_path, names):
    tree(tmp_path / "val", [f"{name}/{i}.png" for i, name in enumerate(names)])
    rows = [f"{i}.png,{int(name)}" for i, name in enumerate(names)]
    with pytest.raises(InputError, match=rf"line 2: prediction='{int(names[0])}' may be the folder of that name"):
        read(tmp_path, rows)
    if names[0] != "001":
        assert read(tmp_path, rows, classes=names).correct().all()
    named = [f"{i}.png,{name}" for i, name in enumerate(names)]
    if names[0] == "001":
        assert read(tmp_path, named).correct().all()


def test_ten_digits_are_clear(tmp_path):
    tree(tmp_path / "val", [f"{i}/{i}.png" for i in range(10)])
    assert read(tmp_path, [f"{i}.png,{i}" for i in range(10)]).correct().all()


def test_timm_sorts_folders_in_its_own_way(tmp_path):
    tree(tmp_path / "val", ["a1/x.png", "a2/y.png", "a10/z.png"])
    header, rows = "filename,index,label,prob", ["x.png,0,a1,0.5", "y.png,1,a2,0.5", "z.png,2,a10,0.5"]
    with pytest.raises(InputError, match=r"column 'index' counts classes, and timm sorts .* from 'a10' on; give the"):
        read(tmp_path, rows, header)
    assert read(tmp_path, rows, header, classes=["a1", "a2", "a10"]).correct().all()
    assert read(tmp_path, ["x.png,a1", "y.png,a2", "z.png,a10"], "filename,label").correct().all()
    (tmp_path / "same").mkdir()
    tree(tmp_path / "same" / "val")
    assert read(tmp_path / "same", [f"{file},0" for file in VAL], "filename,index").correct().sum() == 2


def test_arrays_count_the_folders(tmp_path):
    tree(tmp_path / "val")
    sample = np.array([file.rpartition("/")[2] for file in VAL])
    scores = np.eye(3)[[1, 0, 0, 0]]
    np.savez(tmp_path / "a.npz", sample=sample, guess=[[1, 0, 0, 0]])
    np.savez(tmp_path / "b.npz", sample=sample, probabilities=scores)
    for name in ("a", "b"):
        preds = read_predictions(tmp_path / f"{name}.npz", labels=tmp_path / "val")
        assert (preds.classes, preds.correct().tolist()) == (("n01", "n02", "n10"), [[True, True, True, False]])
    np.savez(tmp_path / "c.npz", sample=sample, guess=[[0, 1, 1, 1]], classes=["n02", "n01", "n10"])
    assert read_predictions(tmp_path / "c.npz", labels=tmp_path / "val").correct().tolist() == [[True] * 3 + [False]]
    tree(tmp_path / "digits", [f"{i}/{i}.png" for i in range(11)])
    np.savez(tmp_path / "d.npz", sample=np.array(["10.png"]), guess=[[2]])  # the third folder is "10"
    with pytest.warns(SamplesLeftOut):
        assert read_predictions(tmp_path / "d.npz", labels=tmp_path / "digits").correct().all()


def test_frames_and_groups_know_trees(tmp_path):
    tree(tmp_path / "val")
    frame = pl.DataFrame({"sample": VAL, "prediction": [0, 0, 0, 0], "camera": ["x", "x", "y", "y"]})
    assert from_frame({"a": frame}, labels=tmp_path / "val").correct().sum() == 2
    frame.write_csv(tmp_path / "a.csv")
    preds = read_predictions(tmp_path / "a.csv", labels=tmp_path / "val", by="camera")
    assert preds.units == ("x", "y")
    with pytest.raises(InputError, match="by='lens' is no file, and no column of the answers or the labels"):
        read_predictions(tmp_path / "a.csv", labels=tmp_path / "val", by="lens")
