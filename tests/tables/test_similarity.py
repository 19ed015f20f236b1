"""A file of similarities: either way round, sparse, and wrong in every way that a file can be."""

import polars as pl
import pytest

from barnspider import InputError
from barnspider.tables.similarity import read_similarities

CLASSES = ["car", "cat", "dog"]


def written(path, text):
    path.write_text(text)
    return path


def test_either_way_round_and_others_are_passed_over(tmp_path):
    text = "class,other,similarity\ndog,cat,0.8\ncat,dog,0.8\ncow,cat,0.9\ncar,car,1\ncat,car,-0.5\n"
    found = read_similarities(written(tmp_path / "s.csv", text), CLASSES)
    assert dict(zip(found.pair.tolist(), found.value.tolist(), strict=True)) == {1: -0.5, 5: 0.8}


def test_parquet_with_numbers(tmp_path):
    pl.DataFrame({"class": [0], "other": [2], "similarity": [1]}).write_parquet(tmp_path / "s.parquet")
    assert read_similarities(tmp_path / "s.parquet", ["0", "1", "2"]).pair.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class,similarity\ncat,0.8\n", "no 'other'"),
        ("class,class,similarity\ncat,dog,0.8\n", "'class' more than once"),
        ("class,other,similarity\ncat,dog,high\n", r"line 2: similarity='high' is no number"),
        ("class,other,similarity\ncat,dog,nan\n", "is no number"),
        ("class,other,similarity\ncat,,0.2\n", "other is empty"),
        ("class,other,similarity\ncat,dog,0.8\ndog,cat,0.7\n", "'cat' and 'dog' have the similarities 0.7 and 0.8"),
        ("class,other,similarity\nnewt,frog,0.8\n", "no pair of these classes"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_similarities(written(tmp_path / "s.csv", text), CLASSES)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_similarities(tmp_path / "none.csv", CLASSES)
    (tmp_path / "s.npy").write_bytes(b"")
    with pytest.raises(InputError, match="a file of arrays"):
        read_similarities(tmp_path / "s.npy", CLASSES)
