"""What users bring: right, or an error that names the file, the line and the column."""

import contextlib
import csv
import gzip
import io
import tracemalloc
import zipfile

import hypothesis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barnspider import InputError, LeftOut, Predictions, StoreError
from barnspider.tables import (
    NotWritten,
    SamplesLeftOut,
    coded,
    completeness,
    csv_rows,
    frames,
    from_frame,
    join,
    read_table,
    rows,
    write_table,
)
from barnspider.tables.columns import Piece
from barnspider.tables.long_table import to_predictions

HEADER = "arm,seed,sample,label,prediction\n"
GOOD = HEADER + "plain,0,a,cat,cat\nplain,0,b,dog,cat\nmixup,0,a,cat,dog\nmixup,0,b,dog,dog\n"


def put(folder, text, name="answers.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def said(folder, text, name="answers.csv", **options):
    """The error of a table, without the folder's name."""
    path = put(folder, text, name)
    with pytest.raises(InputError) as caught:
        read_table(path, **options)
    return str(caught.value).replace(str(folder) + "/", "")


def same(a, b):
    for name in ("arm", "seed", "dose", "classes", "on", "paired", "left_out"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("guess", "label", "sample", "p_label", "accepted"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_array_equal(one, other, err_msg=name)


# What a good table says


def test_reads_the_long_table(tmp_path):
    preds = read_table(put(tmp_path, GOOD))
    assert preds.arm == ("mixup", "plain")
    assert preds.seed == (0, 0)
    assert preds.dose == (None, None)
    assert preds.classes == ("cat", "dog")
    assert preds.sample.tolist() == ["a", "b"]
    assert preds.label.tolist() == [0, 1]
    assert preds.guess.tolist() == [[1, 1], [0, 0]]
    assert preds.p_label is None
    assert not preds.paired
    assert read_table(str(tmp_path / "answers.csv"), paired=True).paired


def test_reads_the_optional_columns(tmp_path):
    text = "arm,seed,sample,label,prediction,dose,p_label,on,note\n"
    text += "b,0,x,1,1,10,0.25,test,hello\nb,1,x,1,2,10,1e-3,test,\na,0,x,1,2,9.5,1,test,\nc,0,x,1,1,,0,test,\n"
    preds = read_table(put(tmp_path, text))
    assert preds.arm == ("a", "b", "b", "c")
    assert preds.dose == (9.5, 10.0, 10.0, None)
    assert preds.p_label is not None
    assert preds.p_label.dtype == np.float32
    np.testing.assert_allclose(preds.p_label[:, 0], [1, 0.25, 1e-3, 0])
    assert preds.on == "test"


def test_numbers_are_ordered_as_numbers(tmp_path):
    rows = [("plain", 0, 10, 2, 10), ("plain", 0, 9, 10, 2), ("plain", 0, 100, 9, 9)]
    preds = read_table(put(tmp_path, HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows)))
    assert preds.classes == ("2", "9", "10")
    assert preds.sample.tolist() == ["9", "10", "100"]
    assert preds.label.tolist() == [2, 0, 1]
    assert preds.guess.tolist() == [[0, 2, 1]]


def test_seeds_are_ordered_as_numbers_and_may_be_large(tmp_path):
    seeds = [2**64, 10, 9, -1]
    text = HEADER + "".join(f"plain,{seed},a,x,x\n" for seed in seeds)
    assert read_table(put(tmp_path, text)).seed == (-1, 9, 10, 2**64)


def test_given_classes_keep_order_and_absent_classes(tmp_path):
    preds = read_table(put(tmp_path, GOOD), classes=["dog", "bird", "cat"])
    assert preds.classes == ("dog", "bird", "cat")
    assert preds.label.tolist() == [2, 0]
    assert preds.guess.tolist() == [[0, 0], [2, 2]]


def test_integers_index_given_classes(tmp_path):
    path = put(tmp_path, HEADER + "plain,0,a,0,2\nplain,0,b,1,1.0\n")
    preds = read_table(path, classes=["dog", "bird", "cat"])
    assert preds.label.tolist() == [0, 1]
    assert preds.guess.tolist() == [[2, 1]]
    numbers = read_table(path, classes=["2", "1", "1.0", "0"])
    assert numbers.label.tolist() == [3, 1]
    assert numbers.guess.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("classes", "words"),
    [(["dog"], "is no class; expected 0 to 0: `classes` has 1"), (["0", "1"], "prediction='2' is no class")],
)
def test_integers_beyond_given_classes_are_refused(tmp_path, classes, words):
    assert words in said(tmp_path, HEADER + "plain,0,a,0,2\nplain,0,b,0,1.0\n", classes=classes)


def test_a_name_that_is_not_given_is_refused(tmp_path):
    message = said(tmp_path, GOOD, classes=["cat", "dogs"])
    assert "'answers.csv', line 3: label='dog' is not in `classes` ('cat', 'dogs')" in message
    assert "did you mean 'dogs'?" in message


# Class names (ecosystem.md, 12)


@pytest.mark.parametrize(
    "name",
    [
        "NA", "nan", "null", "None", "001", " dog", "dog ", "\tdog", "=1+1", "+cmd", "<img onerror=x>", "</script>",
        "a|b", "@you", "[/red]", "\x1b[31m", "\u200fמים", "a\nb", "a\r\nb", "a\rb", "a\r",
        "a,b", "a;b", 'a"b', '"', "x" * 10_000,
        "cafe\u0301", "caf\u00e9", "\x00", "a\x00", "\ufeffdog", "True", "../x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "jsonl", "parquet", "npz"])
def test_strange_class_names_come_back_as_they_were(tmp_path, name, ending):
    preds = Predictions(
        guess=np.array([[0, 1]], np.int16), label=np.array([1, 0], np.int16), arm=("plain",), seed=(0,), dose=(None,),
        classes=tuple(sorted(["dog!", name])), sample=np.array(["a", "b"]),
    )  # fmt: skip
    same(read_table(write_table(preds, tmp_path / f"answers.{ending}")), preds)


@pytest.mark.parametrize(
    ("label", "guess", "classes"),
    [
        ("3", "3.0", ("3",)), ("3.", "4.000", ("3", "4")), ("001", "002", ("001", "002")), ("001", "NA", ("001", "NA")),
        ("v1", "3.0", ("3.0", "v1")), ("1", "01x", ("1", "01x")),
    ],
)  # fmt: skip
def test_whole_numbers_are_made_plain_only_when_all_are(tmp_path, label, guess, classes):
    text = HEADER + f"plain,0,a,{label},{guess}\nplain,0,b,{guess},{label}\n"
    assert read_table(put(tmp_path, text)).classes == classes


@pytest.mark.parametrize(
    ("label", "guess", "words"),
    [
        ("3", "0.5", "line 2: prediction='0.5' is no class (of logits or probabilities, give the argmax)"),
        ("3", "-1", "line 2: prediction='-1' is negative"),
        ("3", "1e999", "line 2: prediction='1e999' is no class"),
        ("dog", "3", "line 2: label='dog' but prediction='3': one column holds names, the other numbers"),
        ("3", "True", "line 2: label='3' but prediction='True'"),
        ("dog", "", "line 2: prediction is empty"),
        ('""', "dog", "line 2: label is empty"),
    ],
)
def test_what_is_no_class_is_refused(tmp_path, label, guess, words):
    assert words in said(tmp_path, HEADER + f"plain,0,a,{label},{guess}\n")


@pytest.mark.parametrize("missing", ["NA", "nan", "None", "null", "<NA>"])
def test_a_missing_value_among_numbers_is_refused(tmp_path, missing):
    text = HEADER + f"plain,0,a,3,3\nplain,0,b,4,{missing}\n"
    assert f"line 3: prediction={missing!r} stands among numbers" in said(tmp_path, text)
    assert read_table(tmp_path / "answers.csv", classes=["3", "4", missing]).guess.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [("caf\u00e9", "cafe\u0301", "NFC and NFD"), ("001", "1", "same number"), ("1.5", "1.50", "same number")],
)
def test_names_that_look_alike_are_refused_unless_given(tmp_path, one, other, words):
    text = HEADER + f"plain,0,a,{one},x\nplain,0,b,{other},{one}\n"
    message = said(tmp_path, text)
    assert "'answers.csv', line " in message
    assert words in message
    assert read_table(tmp_path / "answers.csv", classes=[one, other, "x"]).label.tolist() == [0, 1]


# Samples, duplicates, runs: ecosystem.md, 8 and 9


def test_a_duplicate_names_both_lines(tmp_path):
    message = said(tmp_path, GOOD + "plain,0,a,cat,dog\n")
    assert message.startswith("'answers.csv', line 6: arm 'plain', seed 0 answers sample 'a' again")
    assert "'answers.csv', line 2" in message


def test_a_duplicate_that_hides_a_missing_answer_is_found(tmp_path):
    text = HEADER + "p,0,a,x,x\np,0,b,x,x\nq,0,a,x,x\nq,0,a,x,x\n"
    assert "line 5: arm 'q', seed 0 answers sample 'a' again" in said(tmp_path, text)


def test_a_seed_written_in_two_ways_is_one_seed(tmp_path):
    assert "answers sample 'a' again" in said(tmp_path, HEADER + "p,1,a,x,x\np,1.0,a,x,x\n")


def test_columns_that_are_mixed_up_end_in_an_error_soon(tmp_path):
    text = HEADER + "".join(f"{i},{i},{i},x,x\n" for i in range(3000))
    assert "lacks 2999 of 3000 samples: '1', '2', '3', '4', '5' and 2994 more; 3000 of 3000 runs" in said(
        tmp_path, text
    )


def test_numbers_of_thousands_of_digits_are_no_trouble(tmp_path):
    long = "9" * 5000
    assert read_table(put(tmp_path, HEADER + f"p,0,{long},x,x\np,0,b,{long},x\n")).classes == (long, "x")
    assert "is no class" in said(tmp_path, HEADER + f"p,0,a,{long},{long}\n")
    assert len(said(tmp_path, HEADER + f"p,0,a,{long},x\n")) < 1000
    assert "is no whole number" in said(tmp_path, HEADER + f"p,{long},a,x,x\n")


def test_a_missing_answer_is_refused(tmp_path):
    message = said(tmp_path, GOOD + "mixup,0,c,cat,dog\n")
    assert "arm 'plain', seed 0 lacks 1 of 3 samples: 'c'; 1 of 2 runs lack some" in message
    assert 'samples="common"' in message


def test_common_samples_are_paired_and_the_others_counted(tmp_path):
    path = put(tmp_path, GOOD + "mixup,0,c,bird,dog\nmixup,0,A,dog,dog\n")
    with pytest.warns(SamplesLeftOut, match=r"2 of 4 samples are left out, .* 2 runs answered them: 'A', 'c'"):
        preds = read_table(path, samples="common")
    assert preds.sample.tolist() == ["a", "b"]
    assert preds.classes == ("bird", "cat", "dog")
    assert [preds.classes[i] for i in preds.label] == ["cat", "dog"]
    assert [preds.classes[i] for i in preds.guess[0]] == ["dog", "dog"]


def test_common_samples_are_silent_when_nothing_is_left_out(tmp_path):
    same(read_table(put(tmp_path, GOOD), samples="common"), read_table(tmp_path / "answers.csv"))


def test_common_samples_keep_their_probabilities(tmp_path):
    text = "arm,seed,sample,label,prediction,p_label\n"
    text += "p,0,c,x,x,0.5\np,0,a,x,x,0.25\nq,0,b,y,x,0.125\nq,0,c,x,y,0.75\nq,0,a,x,x,1\n"
    with pytest.warns(SamplesLeftOut, match="1 of 3 samples"):
        preds = read_table(put(tmp_path, text), samples="common")
    assert preds.sample.tolist() == ["a", "c"]
    assert preds.p_label is not None
    assert preds.p_label.tolist() == [[0.25, 0.5], [1, 0.75]]


def test_no_common_sample_is_refused(tmp_path):
    message = said(tmp_path, HEADER + "p,0,a,x,x\nq,0,b,x,x\n", samples="common")
    assert "no sample was answered by all 2 runs" in message


def test_unknown_samples_option_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"samples='al' is unknown; expected one of: all, common\. Did you mean"):
        read_table(put(tmp_path, GOOD), samples="al")  # type: ignore[arg-type]


def test_two_labels_for_one_sample_are_refused(tmp_path):
    message = said(tmp_path, GOOD.replace("mixup,0,b,dog", "mixup,0,b,cat"))
    assert message.startswith(
        "'answers.csv', line 5: sample 'b' has label='cat' here and 'dog' at 'answers.csv', line 3"
    )
    assert "(1 such samples)" in message


def test_two_doses_for_one_arm_are_refused(tmp_path):
    text = "arm,seed,sample,label,prediction,dose\np,0,a,x,x,0.1\np,1,a,x,x,0.10\np,2,a,x,x,{}\n"
    assert read_table(put(tmp_path, text.format("1e-1"))).dose == (0.1,) * 3
    assert "arm 'p' has dose 0.1 here and 0.2 elsewhere" in said(tmp_path, text.format("0.2"))
    assert "arm 'p' has dose 0.1 here and None elsewhere" in said(tmp_path, text.format(""))


@pytest.mark.parametrize("dose", ["nan", "inf", "x", "0,1", "NA", "1_0x"])
def test_a_dose_is_a_number(tmp_path, dose):
    text = f'arm,seed,sample,label,prediction,dose\np,0,a,x,x,1\nq,0,a,x,x,"{dose}"\n'
    message = said(tmp_path, text)
    assert f"line 3: dose={dose!r} is no number" in message
    assert ("decimal point" in message) == ("," in dose)


@pytest.mark.parametrize("seed", ["x", "0.5", "nan", "1e3", " 1", "1_0", "²"])
def test_a_seed_is_a_whole_number(tmp_path, seed):
    assert f"line 3: seed={seed!r} is no whole number" in said(tmp_path, HEADER + f"p,0,a,x,x\np,{seed},a,x,x\n")


@pytest.mark.parametrize("p", ["nan", "1.01", "-0.1", "x", "inf", "", "0,5"])
def test_p_label_is_a_probability(tmp_path, p):
    text = f'arm,seed,sample,label,prediction,p_label\np,0,a,x,x,0.5\np,1,a,x,x,"{p}"\n'
    message = said(tmp_path, text)
    assert f"'answers.csv', line 3: p_label{'=' if p else ' is empty'}" in message
    assert ("decimal point" in message) == ("," in p)


def test_several_sets_of_images_are_refused_until_one_is_chosen(tmp_path):
    text = "arm,seed,sample,label,prediction,on\n"
    text += "p,0,a,x,x,test\np,0,a,x,y,validation\np,0,b,y,y,validation\n"
    assert "holds 'test', 'validation'; choose one by on=" in said(tmp_path, text)
    chosen = read_table(put(tmp_path, text), on="validation")
    assert chosen.on == "validation"
    assert chosen.sample.tolist() == ["a", "b"]
    assert read_table(put(tmp_path, text), on="test").guess.tolist() == [[0]]
    assert "on='tst' is not in 'answers.csv'" in said(tmp_path, text, on="tst")
    assert "there is no column 'on'" in said(tmp_path, GOOD, on="test")
    wrong = text + "p,0,b,y,y,validation\n"
    assert "line 5: arm 'p', seed 0 answers sample 'b' again, after 'answers.csv', line 4" in said(
        tmp_path, wrong, on="validation"
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("arm,seed,sample,label,guess", "no column 'prediction'; it has 'arm', 'seed', 'sample', 'label', 'guess'"),
        ("seed,sample", "no column 'label' and no column 'prediction'"),
        ("arm,seed,sample,label,Prediction", "a column 'Prediction'; did you mean 'prediction'?"),
        ("arm, seed,sample,label,prediction", "a column ' seed'; did you mean 'seed'?"),
        ("arm,seed,sample,label,prediction,p-label", "a column 'p-label'; did you mean 'p_label'?"),
        ("arm,seed,sample,label,prediction,arm", "the column 'arm' more than once"),
    ],
)
def test_wrong_columns_are_named(tmp_path, header, words):
    assert words in said(tmp_path, header + "\n" + ",".join(["1"] * (header.count(",") + 1)))


# CSV as it comes (ecosystem.md, 11)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.replace(",", "|").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.rstrip("\n").replace("\n", "\r\n").encode(),
        lambda text: ("\n\n" + text.replace("\n", "\n\n")).encode(),
        lambda text: ("\r\n" + text.replace("\n", "\r\n\r\n")).encode(),
        lambda text: text.replace("cat", '"cat"').replace("arm", '"arm"').encode(),
        lambda text: ('"' + text.rstrip("\n").replace(",", '","').replace("\n", '"\n"') + '"').encode(),
        lambda text: gzip.compress(text.encode(), mtime=0),
        lambda text: pa.compress(text.encode(), codec="zstd").to_pybytes(),
        lambda text: pa.compress(text.replace("\n", "\r\n").encode(), codec="zstd").to_pybytes(),
    ],
)
def test_dialects_of_csv_are_read_alike(tmp_path, change):
    expected = read_table(put(tmp_path, GOOD, "plain.csv"))
    data = change(GOOD)
    name = {b"\x1f": "answers.csv.gz", b"\x28": "answers.csv.zst"}.get(data[:1], "answers.csv")
    same(read_table(put(tmp_path, data, name)), expected)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "'answers.csv' is empty"),
        (b"\n\r\n\n", "'answers.csv' is empty"),
        (b"\xef\xbb\xbf", "'answers.csv' is empty"),
        (HEADER.encode(), "has a header but no rows"),
        (HEADER.strip().encode(), "has a header but no rows"),
        (GOOD.encode("utf-16"), "is UTF-16"),
        (GOOD.replace("dog", "chaton né").encode("latin-1"), "line 3: byte 0xe9 is not UTF-8"),
        (GOOD.replace("\n", "\r").encode(), "line 1: a CR stands alone"),
        ((GOOD + "plain,0,c,cat\n").encode(), "line 6: the row has 4 fields; expected 5"),
        ((GOOD + "plain,0,c,cat,cat,\n").encode(), "line 6: the row has 6 fields; expected 5"),
        ((GOOD + "plain,0,c,cat\nplain,0,c,cat,cat,dog\n").encode(), "line 6: the row has 4 fields"),
        ((GOOD + "\n \n").encode(), "line 7: the row has 1 fields"),
        (
            GOOD.replace("plain,0,b,dog", 'plain,0,b,"dog').encode(),
            "line 3: a quote mark opens a field and is never closed",
        ),
        (GOOD.replace("b,dog", 'b,5"dog').encode(), "line 3: "),
        (GOOD.replace("b,dog,cat", 'b,"dog"s,cat').encode(), "line 3: a quote mark stands inside of a field"),
        ((GOOD + "plain\r,0,c,cat,cat\n").encode(), "line 6: a CR stands alone"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-12], "cannot be read to its end"),
        (b"\x28\xb5\x2f\xfdnonsense", "'answers.csv' cannot be "),
        (b"\x00" * 100, "has no column 'sample'"),
    ],
)
def test_faulty_csv_is_refused_with_the_line(tmp_path, data, words):
    message = said(tmp_path, data)
    assert words in message
    assert "'answers.csv'" in message


def test_lines_are_counted_as_an_editor_does(tmp_path):
    text = '\n"arm",seed,sample,label,prediction,"a\nnote"\n\nplain,0,"a\n\nb",x,x,\nplain,0,b,,x,\n'
    assert "'answers.csv', line 8: label is empty" in said(tmp_path, text)


def test_a_latin1_byte_in_the_header_is_refused(tmp_path):
    assert "line 1: byte 0xe9" in said(tmp_path, "arm,pr\xe9diction\n".encode("latin-1"))


def test_rows_that_only_polars_would_misread_are_refused(tmp_path):
    # The number of commas is right in sum, not in each row.
    text = HEADER + "plain,0,a,x\nplain,0,b,x,x,x\n"
    assert "line 2: the row has 4 fields" in said(tmp_path, text)
    text = HEADER[:-1] + ",note\nplain,0,a,x,x,x,x\nplain,0,b,x,x\n"
    assert "line 2: the row has 7 fields" in said(tmp_path, text)


@pytest.mark.parametrize("field", ['5"', 'x"y"', '"x"y', '"x" ', ' "x"', '""x', 'x""', '"a"b"c"', '""a"', '"'])
def test_stray_quotes_are_refused(tmp_path, field):
    text = HEADER + f"plain,0,a,x,x\nplain,0,{field},x,x\nplain,0,c,x,x\n"
    assert "'answers.csv', line 3: a quote mark " in said(tmp_path, text)


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_blocks_do_not_matter(tmp_path, monkeypatch, size):
    rows = [f'arm {a},{s},"id\n{i}",{i % 7},{(i * s + a) % 7}\n' for a in range(3) for s in range(2) for i in range(20)]
    path = put(tmp_path, HEADER + "".join(rows))
    expected = read_table(path)
    monkeypatch.setattr(csv_rows._blocks, "__defaults__", (size,))
    same(read_table(path), expected)
    path.write_text(HEADER + "".join(rows[:50]) + "arm 0,1,z,,1\n" + "".join(rows[50:]))
    with pytest.raises(InputError, match="line 102: label is empty"):
        read_table(path)
    path.write_text(HEADER + "".join(rows) + rows[3])
    with pytest.raises(InputError, match=r"line 242: arm 'arm 0', seed 0 .* again, after '.*', line 8;"):
        read_table(path)


# Files


def test_several_files_are_parts_of_one_table(tmp_path):
    lines = GOOD.splitlines(keepends=True)
    one = put(tmp_path, "".join(lines[:2]), "one.csv")
    two = put(tmp_path, lines[0].replace(",", ";") + "".join(lines[2:]).replace(",", ";"), "two.csv")
    same(read_table([two, one]), read_table(put(tmp_path, GOOD)))
    put(tmp_path, lines[0] + lines[1], "two.csv")
    with pytest.raises(InputError, match=r"two.csv', line 2: arm .* again, after '.*one.csv', line 2"):
        read_table([one, two])
    put(tmp_path, "arm,seed,sample,label,prediction,dose\np,0,a,x,x,1\n", "two.csv")
    with pytest.raises(InputError, match=r"two.csv' and '.*one.csv' differ in the columns dose"):
        read_table([one, two])


def test_parts_of_different_formats_are_joined(tmp_path):
    table = put(tmp_path, HEADER + "plain,0,0,cat,cow\nplain,0,1,dog,dog\n")
    other = Predictions.from_arrays(["cat", "dog"], {"mixup": [["cat", "cat"]]})
    preds = read_table([table, other.save(tmp_path / "mixup.npz")])
    assert preds.classes == ("cat", "cow", "dog")
    assert preds.arms == ("plain", "mixup")
    assert preds.label.tolist() == [0, 2]
    assert preds.guess.tolist() == [[1, 2], [0, 0]]
    put(tmp_path, HEADER + "plain,0,0,cat,cow\nplain,0,2,dog,dog\n")
    with pytest.raises(InputError, match="the parts are about different samples"):
        read_table([table, tmp_path / "mixup.npz"])
    with pytest.warns(SamplesLeftOut, match="2 of 3 samples are left out, as they are not in all files: '1', '2'"):
        assert read_table([table, tmp_path / "mixup.npz"], samples="common").sample.tolist() == ["0"]


def test_join_without_common_samples_is_refused():
    a = Predictions.from_arrays([0], {"a": [[0]]}, sample=["x"])
    b = Predictions.from_arrays([0], {"b": [[0]]}, sample=["y"])
    with pytest.raises(InputError, match="no sample is in all files"):
        join([a, b], samples="common")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.csv", "cannot be opened: No such file"), ("absent.parquet", "does not exist"),
        ("absent.npz", "does not exist"),
        ("a.xlsx", "has no known ending; expected .csv"), ("a", "has no known ending"),
        ("a.parquet.gz", "has no known ending"), ("folder.csv", "cannot be opened: Is a directory"),
        ("folder.npz", "does not exist or is no file"), ("folder.parquet", "does not exist or is no file"),
    ],
)  # fmt: skip
def test_wrong_paths_are_named(tmp_path, name, words):
    for ending in ("csv", "npz", "parquet"):
        (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(InputError, match=words) as caught:
        read_table(tmp_path / name)
    assert name in str(caught.value)


def test_no_path_is_refused():
    with pytest.raises(InputError, match=r"path=\[\] names no file"):
        read_table([])


def test_reading_twice_gives_the_same_bytes(tmp_path):
    path = put(tmp_path, GOOD)
    for ending in ("csv", "csv.gz", "parquet", "npz"):
        one, two = (write_table(read_table(path), tmp_path / f"{i}.{ending}").read_bytes() for i in range(2))
        assert one == two


# Parquet and data frames (ecosystem.md, 10)

FRAME = {
    "arm": ["p", "p", "q", "q"], "seed": [0, 0, 0, 0], "sample": [1, 2, 1, 2], "label": [3, 4, 3, 4],
    "prediction": [3, 3, 4, 4],
}  # fmt: skip


def changed(**columns):
    return pl.DataFrame({**FRAME, **columns}, strict=False)


@pytest.mark.parametrize(
    "frame",
    [
        changed(),
        changed(label=[3.0, 4.0, 3.0, 4.0], seed=[0.0] * 4, sample=[1.0, 2.0, 1.0, 2.0]),
        changed().with_columns(pl.all().cast(pl.String)),
        changed().with_columns(pl.all().cast(pl.String).cast(pl.Categorical)),
        changed().with_columns(pl.col("label", "prediction").cast(pl.UInt8), pl.col("seed").cast(pl.Int8)),
        changed().with_columns(pl.col("label").cast(pl.Float32)),
        changed(extra=[[1]] * 4),
        changed().lazy().collect(),
    ],
)
def test_types_of_columns_are_converted_exactly(tmp_path, frame):
    expected = from_frame(pl.DataFrame(FRAME))
    assert expected.classes == ("3", "4")
    same(from_frame(frame), expected)
    frame.write_parquet(tmp_path / "answers.parquet")
    same(read_table(tmp_path / "answers.parquet"), expected)
    same(from_frame(frame.to_arrow()), expected)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(FRAME),
        pd.DataFrame({**FRAME, "arm": pd.Categorical(FRAME["arm"])}, index=[7, 7, 8, 9]),
        pd.DataFrame({**FRAME, "label": pd.array(FRAME["label"], dtype="Int64")}),
        pd.DataFrame({**FRAME, "label": [3.0, 4.0, 3.0, 4.0]}),
        pd.DataFrame({**FRAME, "arm": np.array(FRAME["arm"], dtype=object)}),
        pd.DataFrame(FRAME).astype(str),
    ],
)
def test_pandas_frames_are_read(frame):
    same(from_frame(frame), from_frame(pl.DataFrame(FRAME)))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": [3, 4, 3, None]}, "row 3 (from 0): label is empty"),
        ({"label": [3.0, 4.0, 3.0, float("nan")]}, "row 3 (from 0): label=nan is not whole"),
        ({"prediction": [0.1, 0.2, 3.0, 4.0]}, "row 0 (from 0): prediction=0.1 is not whole"),
        ({"prediction": [True, False, True, True]}, "the column 'prediction' has type Boolean"),
        ({"prediction": [[0.1, 0.9]] * 4}, "the column 'prediction' has type List"),
        ({"prediction": [3, 3, -1, 4]}, "row 2 (from 0): prediction='-1' is negative"),
        ({"label": [None] * 4}, "row 0 (from 0): label is empty"),
        ({"p_label": [0.5, 0.5, float("nan"), 1.0]}, "row 2 (from 0): p_label=nan is no probability"),
        ({"p_label": [0.5, None, 0.5, 1.0]}, "row 1 (from 0): p_label is empty; expected a number from 0 to 1"),
        ({"p_label": [True] * 4}, "the column 'p_label' has type Boolean"),
        ({"dose": [0.0, 0.0, 1.0, float("nan")]}, "row 3 (from 0): dose='NaN' is no number"),
        ({"arm": ["p", "p", "q", ""]}, "row 3 (from 0): arm is empty"),
        ({"sample": [1, 2, 1, 1], "label": [3, 4, 3, 3]}, "row 3 (from 0): arm 'q', seed 0 answers sample '1' again"),
        ({"label": ["dog", "cat", "dog", "cat"]}, "row 0 (from 0): label='dog' but prediction='3'"),
    ],
)
def test_wrong_columns_of_frames_are_refused(tmp_path, monkeypatch, columns, words):
    monkeypatch.setattr(frames, "ROWS", 3)
    monkeypatch.setattr(rows, "ROWS", 3)
    frame = changed(**columns)
    with pytest.raises(InputError) as caught:
        from_frame(frame)
    assert words in str(caught.value)
    frame.write_parquet(tmp_path / "answers.parquet")
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "answers.parquet")
    assert words in str(caught.value)
    assert "answers.parquet'" in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": ["3", 4, "3", 4]}, "the column 'label' mixes int, str"),
        ({"label": [3, 4, 3, None]}, "label=|label is empty"),
        ({"prediction": [True, False, True, True]}, "has type Boolean"),
        ({"prediction": [(1, 2)] * 4}, "has type List"),
        ({"prediction": pd.to_datetime(["2020-01-01"] * 4)}, "the column 'prediction' has type"),
    ],
)
def test_wrong_columns_of_pandas_are_refused(columns, words):
    with pytest.raises(InputError, match=words):
        from_frame(pd.DataFrame({**FRAME, **columns}))


def test_what_is_no_frame_is_refused():
    for thing in (object(), 3, "text", None, [1, 2]):
        with pytest.raises(InputError, match="expected a polars, pandas or Arrow table"):
            from_frame(thing)
    with pytest.raises(InputError, match="the data frame has no column 'arm'"):
        from_frame(pl.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="the data frame has a header but no rows"):
        from_frame(pl.DataFrame(FRAME).head(0))


@pytest.mark.parametrize("cut", [0, 3, 50, -1, -20])
def test_a_torn_parquet_is_refused(tmp_path, cut, capfd):
    path = tmp_path / "answers.parquet"
    pl.DataFrame(FRAME).write_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"answers.parquet' cannot be read as Parquet"):
        read_table(path)


def test_a_flipped_byte_in_parquet_is_refused_or_harmless(tmp_path, capfd):
    path = tmp_path / "answers.parquet"
    pl.DataFrame(FRAME).write_parquet(path)
    whole = path.read_bytes()
    for i in range(0, len(whole), 7):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        with contextlib.suppress(InputError):
            read_table(path)


@pytest.mark.parametrize("samples", ["all", "common"])
def test_memory_is_a_few_bytes_for_each_answer(monkeypatch, samples):
    monkeypatch.setattr(coded, "ROWS", 1 << 12)
    runs, count = 100, 5_000
    one = pl.DataFrame({"sample": range(count), "label": np.arange(count) % 10, "prediction": np.arange(count) % 7})
    frames = [one.with_columns(pl.lit(run).alias("seed"), pl.lit("a").alias("arm"), dose=0.5) for run in range(runs)]
    if samples == "common":
        frames[7] = frames[7][1:]
    pieces = (Piece(frame.with_columns(p_label=pl.lit(0.5)), "x", str) for frame in frames)
    tracemalloc.start()
    try:
        with pytest.warns(SamplesLeftOut) if samples == "common" else contextlib.nullcontext():
            preds = to_predictions(pieces, where="x", samples=samples)
        assert preds.guess.shape == (runs, count - (samples == "common"))
        assert tracemalloc.get_traced_memory()[1] < 20 * runs * count
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sparse", [False, True])
def test_second_answers_are_counted_in_every_part(monkeypatch, sparse):
    monkeypatch.setattr(coded, "ROWS", 4)
    monkeypatch.setattr(completeness, "_is_sparse", lambda *_: sparse)
    frame = pl.DataFrame(
        {"arm": "a", "seed": [0] * 9 + [1] * 4, "sample": [0, 1, 2, 3, 4, 1, 5, 5, 0, 1, 1, 2, 3], "label": 0}
    ).with_columns(prediction=0)
    piece = Piece(frame, "x", lambda row: f"row {row}")
    with pytest.raises(InputError, match=r"row 5: .* seed 0 answers sample '1' again, after row 1; .* \(4 such rows\)"):
        to_predictions([piece], where="x", samples="common")


# npz


def arrays(**changes):
    return {"label": np.array([0, 1, 1]), "guess": np.array([[0, 1, 0], [1, 1, 1]]), **changes}


def put_npz(folder, **changes):
    path = folder / "plain.npz"
    np.savez(path, **{k: v for k, v in arrays(**changes).items() if v is not None})
    return path


def test_plain_arrays_are_read(tmp_path):
    preds = read_table(put_npz(tmp_path))
    assert preds.arm == ("plain", "plain")
    assert preds.seed == (0, 1)
    assert preds.classes == ("0", "1")
    assert preds.sample.tolist() == ["0", "1", "2"]
    full = put_npz(
        tmp_path, arm=["a", "b"], seed=[5, 5], dose=[0.5, np.nan], p_label=np.full((2, 3), 0.5), on="test",
        classes=["cat", "dog", "cow"], sample=["x", "y", "z"],
    )  # fmt: skip
    preds = read_table(full, paired=True)
    assert (preds.arm, preds.seed, preds.dose) == (("a", "b"), (5, 5), (0.5, None))
    assert preds.classes == ("cat", "dog", "cow")
    assert preds.sample.tolist() == ["x", "y", "z"]
    assert (preds.on, preds.paired) == ("test", True)
    assert read_table(full, classes=["A", "B"]).classes == ("A", "B")
    assert read_table(put_npz(tmp_path, guess=np.array([0.0, 1.0, 0.0]))).guess.tolist() == [[0, 1, 0]]
    names = put_npz(tmp_path, label=["a", "b", "b"], guess=[["a", "c", "b"]])
    assert read_table(names).classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"guess": None}, "no array 'guess'; it holds label"),
        ({"guess": np.zeros((2, 4), int)}, "guess has 4 samples, but label has 3"),
        ({"guess": np.zeros((2, 3, 5))}, "guess has shape (2, 3, 5); expected [runs, samples]"),
        ({"guess": np.full((2, 3), 0.5)}, "guess[0, 0]=0.5 is no class"),
        ({"guess": np.full((2, 3), -1)}, "guess[0, 0]=-1 is negative"),
        ({"guess": np.ones((2, 3), bool)}, "guess is boolean"),
        ({"guess": np.array([["a", "b", "c"]])}, "some labels or answers are names and others numbers"),
        ({"guess": np.array([[{}, 1, 2]])}, "holds Python objects, which can run code"),
        ({"label": np.eye(3)}, "label has shape (3, 3)"),
        ({"label": np.array([0, 1, 2.0**60])}, "label[2]="),
        ({"label": np.array([0, 1, 2**40])}, "the largest class is 1099511627776"),
        ({"label": np.array(3)}, "label has shape ()"),
        ({"arm": ["a"]}, "expected (1, 3): 1 runs"),
        ({"arm": [0.5, 1.5]}, "arm has type float64"),
        ({"seed": [0.5, 1]}, "seed has type float64"),
        ({"seed": [1, 1]}, "(arm, seed) stands more than once"),
        ({"seed": [1]}, "seed has shape (1,); expected (2,)"),
        ({"dose": ["x", "y"]}, "dose has type"),
        ({"dose": [1.0, 2.0]}, "arm 'plain' has dose 1.0 and dose 2.0"),
        ({"dose": [np.inf, np.inf]}, "must be finite"),
        ({"p_label": np.full((2, 3), 1.5)}, "p_label must hold probabilities"),
        ({"p_label": np.full((2, 3), np.nan)}, "p_label must hold probabilities"),
        ({"p_label": np.full((1, 3), 0.5)}, "p_label has shape (1, 3)"),
        ({"p_label": np.array([["a"] * 3] * 2)}, "p_label has type"),
        ({"sample": ["x", "x", "y"]}, "sample id stands more than once: 'x'"),
        ({"classes": ["a", "a"]}, "classes has names that stand more than once"),
        ({"classes": ["a"]}, "is no class; expected 0 to 0"),
        ({"on": ["a", "b"]}, "on has 2 values"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, changes, words):
    with pytest.raises(InputError) as caught:
        read_table(put_npz(tmp_path, **changes))
    assert words in str(caught.value)
    assert "plain.npz'" in str(caught.value)


def test_what_is_no_npz_is_refused(tmp_path):
    whole = put_npz(tmp_path).read_bytes()
    npy = io.BytesIO()
    np.save(npy, np.arange(3))
    for data in (b"", b"text", whole[:100], whole[:-30], npy.getvalue()):
        assert "is no .npz file" in said(tmp_path, data, "answers.npz")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("label.npy", b"nonsense")
        file.writestr("guess.txt", b"nonsense")
    assert "'answers.npz'" in said(tmp_path, archive.getvalue(), "answers.npz")


def test_an_npz_that_claims_to_be_huge_is_refused(tmp_path):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<i8", "fortran_order": False, "shape": (2**60,)})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("label.npy", member.getvalue())
    assert "cannot be read as .npz" in said(tmp_path, archive.getvalue(), "answers.npz")


def test_classes_and_on_of_a_saved_file(tmp_path):
    path = Predictions.from_arrays(["cat", "dog"], {"a": [["cat", "cat"]]}, on="test").save(tmp_path / "a.npz")
    assert read_table(path, classes=["dog", "cow", "cat"]).label.tolist() == [2, 0]
    assert read_table(path, on="test", paired=True).paired
    with pytest.raises(InputError, match=r"on='validation' is not in .*a.npz': it is about 'test'"):
        read_table(path, on="validation")
    with pytest.raises(InputError, match="lacks 'cat'"):
        read_table(path, classes=["dog"])


# Writing


def example(**changes):
    fields = {
        "guess": np.array([[0, 1], [1, 1]], np.int16), "label": np.array([0, 1], np.int16), "arm": ("a", "b"),
        "seed": (0, 0), "dose": (0.1, None), "classes": ("cat", "dog"), "sample": np.array(["x", "y"]), "on": "test",
        "p_label": np.array([[0.1, 1 / 3], [1e-8, 1]], np.float32),
    }  # fmt: skip
    return Predictions(**{**fields, **changes})


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "jsonl", "parquet", "npz"])
def test_what_is_written_is_read(tmp_path, ending):
    preds = example()
    path = tmp_path / "new" / f"answers.{ending}"
    assert write_table(preds, path) == path
    same(read_table(path), preds)


@pytest.mark.parametrize("ending", ["parquet", "npz"])
def test_parquet_and_npz_keep_everything(tmp_path, ending):
    preds = example(
        classes=("dog", "never", "1", "01"), paired=True, left_out=(LeftOut("c", 1, "diverged"),), seed=(2**70, 0)
    )
    same(read_table(write_table(preds, tmp_path / f"answers.{ending}")), preds)


def test_csv_says_what_it_cannot_keep(tmp_path):
    preds = example(left_out=(LeftOut("c", 1, "diverged"),))
    with pytest.warns(NotWritten, match=r"does not tell which runs were left out: 'c' seed 1 \(diverged\)"):
        path = write_table(preds, tmp_path / "answers.csv")
    same(read_table(path), example())


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"accepted": np.array([[0, 1], [1, -1]])}, "a.csv", "sets of acceptable labels; write .npz"),
        ({"arm": ("", "b")}, "a.csv", "the arm name '' is empty"),
        ({"classes": ("cat", "\ud800")}, "a.parquet", "the class name '\\ud800' is empty or no valid text"),
        ({"sample": np.array(["", "y"])}, "a.csv", "the sample name '' is empty"),
        ({"on": "\ud800"}, "a.csv", "on='\\ud800' is no valid text"),
        ({}, "a.xlsx", "no known ending"),
        ({}, "a.csv.zst", ".zst is read, not written"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, changes, name, words):
    with pytest.raises(InputError) as caught:
        write_table(example(**changes), tmp_path / name)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_refused(tmp_path):
    with pytest.raises(InputError, match="there are no answers to write"):
        write_table(example().where(runs=[]), tmp_path / "a.csv")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    put(tmp_path, "text", "file")
    with pytest.raises(StoreError, match="cannot write"):
        write_table(example(), tmp_path / "file" / "a.csv")


def test_a_parquet_of_a_newer_version_is_refused(tmp_path):
    pl.DataFrame(FRAME).write_parquet(
        tmp_path / "a.parquet", metadata={"barnspider": '{"schema": "barnspider/table/9"}'}
    )
    with pytest.raises(InputError, match="has schema 'barnspider/table/9'; this version reads"):
        read_table(tmp_path / "a.parquet")
    pl.DataFrame(FRAME).write_parquet(tmp_path / "a.parquet", metadata={"barnspider": "nonsense"})
    with pytest.raises(InputError, match=r"a\.parquet"):
        read_table(tmp_path / "a.parquet")


# What holds for all tables

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ids = texts.filter(lambda text: not text.endswith("\0"))
fewer = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def predictions(draw, numbers=False):
    classes = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    sample = draw(st.lists(ids, min_size=1, max_size=5, unique=True))
    arms = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    runs = [(a, s) for a in arms for s in draw(st.lists(st.integers(-3, 2**40), min_size=1, max_size=3, unique=True))]
    finite = st.floats(allow_nan=False, allow_infinity=False)
    dose = {a: draw(st.none() | finite) for a in arms}
    index = st.integers(0, len(classes) - 1)
    p = st.lists(st.floats(0, 1, width=32), min_size=len(sample), max_size=len(sample))
    return Predictions(
        guess=np.array([[draw(index) for _ in sample] for _ in runs], np.int16),
        label=np.array([draw(index) for _ in sample], np.int16),
        arm=tuple(a for a, _ in runs),
        seed=tuple(s for _, s in runs),
        dose=tuple(dose[a] for a, _ in runs),
        classes=tuple(classes),
        sample=np.array(sample),
        on=draw(st.just("") | texts),
        p_label=np.array([draw(p) for _ in runs], np.float32) if draw(st.booleans()) else None,
        paired=draw(st.booleans()),
    )


def answers(preds):
    """All that is known, whatever the order: {(arm, seed, dose, sample, label, answer, probability)}."""
    p = np.full(preds.guess.shape, -1) if preds.p_label is None else preds.p_label
    return {
        (arm, seed, dose, str(sample), preds.classes[preds.label[i]], preds.classes[preds.guess[r, i]], float(p[r, i]))
        for r, (arm, seed, dose) in enumerate(zip(preds.arm, preds.seed, preds.dose, strict=True))
        for i, sample in enumerate(preds.sample)
    }


@given(preds=predictions())
@fewer
def test_nothing_is_lost_on_the_way(tmp_path, preds):
    for ending in ("csv", "csv.gz", "jsonl", "parquet", "npz"):
        path = write_table(preds, tmp_path / f"answers.{ending}")
        classes = None if ending in ("parquet", "npz") else preds.classes
        back = read_table(path, classes=classes, paired=preds.paired and classes is not None)
        assert answers(back) == answers(preds)
        assert (back.classes, back.on, back.paired) == (preds.classes, preds.on, preds.paired)
        assert back.guess.shape == preds.guess.shape
        again = read_table(write_table(back, path), classes=classes, paired=preds.paired)
        same(again, back)


@given(preds=predictions(), random=st.randoms(use_true_random=False))
@fewer
def test_the_order_of_rows_does_not_matter(tmp_path, preds, random):
    path = write_table(preds, tmp_path / "answers.parquet")
    expected = read_table(path)
    table = pl.read_parquet(path)
    rows = list(range(table.height))
    random.shuffle(rows)
    same(from_frame(table[rows], classes=preds.classes, paired=preds.paired), expected)
    columns = table.columns
    random.shuffle(columns)
    table[rows].select(columns).write_csv(tmp_path / "answers.csv")
    same(read_table(tmp_path / "answers.csv", classes=preds.classes, paired=preds.paired), expected)


@given(preds=predictions(), size=st.integers(1, 60))
@fewer
def test_the_size_of_blocks_does_not_matter(tmp_path, preds, size):
    path = write_table(preds, tmp_path / "answers.csv")
    expected = read_table(path, classes=preds.classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows._blocks, "__defaults__", (size,))
        same(read_table(path, classes=preds.classes), expected)


@given(data=st.binary(max_size=60), header=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path, data, header):
    path = put(tmp_path, HEADER.encode() * header + data)
    with contextlib.suppress(InputError):
        read_table(path)


alphabet = st.sampled_from([*'a1,"\n ;', "\r\n", "\r", "0", "\u00e9", "a,b", '"a"', "\n", ",", '"'])


@given(text=st.lists(alphabet, max_size=30).map("".join))
@hypothesis.example(text=',"";""')
@hypothesis.example(text=",\n\r\n,,")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_those_of_the_standard_library_or_refused(tmp_path, text):
    """Where we read a table at all, we read what Python's own csv reads."""
    path = put(tmp_path, "v,w\n" + text)
    try:
        header = csv_rows.read_header(path)
        frames = list(csv_rows.read_rows(path, header, ["v", "w"]))
    except InputError:
        return
    ours = [row for frame in frames for row in frame.fill_null("").rows()]
    theirs = [tuple(row) for row in csv.reader(io.StringIO(path.read_bytes().decode(), newline="")) if row]
    assert ours == theirs[1:]
