"""Every door, with files made as the tool makes them; and every door lets any class name through."""

import json
import subprocess
import sys

import brought
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from barnspider import InputError, from_frame, read_predictions, write_table
from barnspider.tables import join, opened

SEEDED = {"pattern": "{arm}-seed{seed}"}
DOORS = {
    "imagenet-x": (brought.imagenet_x, SEEDED),
    "timm csv": (brought.timm, SEEDED),
    "timm parquet": (lambda preds, folder: brought.timm(preds, folder, "parquet"), SEEDED),
    "timm json": (lambda preds, folder: brought.timm(preds, folder, "json"), SEEDED),
    "timm json-split": (lambda preds, folder: brought.timm(preds, folder, "json-split"), SEEDED),
    "timm json-records": (lambda preds, folder: brought.timm(preds, folder, "json-records"), SEEDED),
    "json lines": (brought.jsonl, {}),
    "csv.gz": (brought.csv_gz, SEEDED),
    "npz": (brought.npz, {}),
    "npz of logits": (brought.logits, {}),
}

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda x: not x.endswith("\0"))
any_names = given(classes=st.lists(names, min_size=2, max_size=4, unique=True))
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("door", DOORS)
def test_a_folder_of_files_is_read(tmp_path, door):
    write, options = DOORS[door]
    preds = brought.example()
    write(preds, tmp_path)
    assert brought.known(read_predictions(tmp_path, **options)) == brought.known(preds)


@pytest.mark.parametrize("door", DOORS)
@any_names
@few
def test_any_text_is_a_class_name_at_every_door(tmp_path_factory, door, classes):
    folder = tmp_path_factory.mktemp("folder")
    write, options = DOORS[door]
    # With Python below 3.13 pandas does not quote a lone CR: such a file is refused, with the line.
    assume(door not in ("timm csv", "imagenet-x") or "\r" not in "".join(classes))
    preds = brought.example(classes)
    write(preds, folder)
    back = read_predictions(folder, classes=classes, **options)
    assert back.classes == tuple(classes)
    assert brought.known(back) == brought.known(preds)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
@any_names
@few
def test_any_text_is_a_class_name_in_data_frames(tmp_path_factory, kind, classes):
    preds = brought.example(classes)
    tables = brought.frames(preds)
    labels = brought.write_labels(preds, tmp_path_factory.mktemp("folder"))
    turned = {
        "pandas": lambda frame: frame,
        "polars": pl.from_pandas,
        "arrow": lambda frame: pl.from_pandas(frame).to_arrow(),
    }
    back = from_frame({run: turned[kind](table) for run, table in tables.items()}, labels=labels, classes=classes)
    assert brought.known(back) == brought.known(preds)


@any_names
@few
def test_json_lines_lose_nothing(tmp_path_factory, classes):
    folder = tmp_path_factory.mktemp("folder")
    preds = brought.example(classes)
    for ending in ("jsonl", "jsonl.gz"):
        path = write_table(preds, folder / f"a.{ending}")
        assert brought.known(read_predictions(path, classes=classes)) == brought.known(preds)


@given(order=st.permutations(range(4)), seed=st.integers(0, 5))
@few
def test_the_order_of_files_and_rows_does_not_matter(tmp_path_factory, order, seed):
    folder = tmp_path_factory.mktemp("folder")
    preds = brought.example()
    tables = list(brought.frames(preds, label="label").items())
    for place in order:
        (arm, number), frame = tables[place]
        frame.sample(frac=1, random_state=seed).to_csv(folder / f"{arm}-seed{number}.csv", index=False)
    files = sorted(folder.iterdir())
    expected = read_predictions(folder, **SEEDED)
    back = read_predictions([files[i] for i in order], **SEEDED)
    assert (back.arm, back.seed, back.classes) == (expected.arm, expected.seed, expected.classes)
    np.testing.assert_array_equal(back.guess, expected.guess)
    assert brought.known(back) == brought.known(preds)


def test_files_of_several_formats_are_joined(tmp_path):
    preds = brought.example(arms=("a",), seeds=1)
    brought.imagenet_x(preds, tmp_path)
    brought.npz(brought.example(arms=("b",), seeds=1), tmp_path)
    with pytest.raises(InputError, match=r"array 'label', and .*labels.csv' was given as well"):
        read_predictions(tmp_path)
    one = read_predictions(tmp_path / "a-seed0.csv", labels=tmp_path / "labels.csv")
    both = join([one, read_predictions(tmp_path / "b.npz")])
    assert both.arms == ("a-seed0", "b")


def test_columns_are_called_what_the_user_says(tmp_path):
    frame = pd.DataFrame({"model": ["p", "p", "q", "q"], "run": 1, "id": [0, 1] * 2, "target": [3, 4] * 2, "pred": 3})
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    columns = {"arm": "model", "seed": "run", "sample": "id", "label": "target", "prediction": "pred"}
    preds = read_predictions(path, columns=columns)
    assert (preds.arm, preds.seed) == (("p", "q"), (1, 1))
    assert brought.known(from_frame(frame, columns=columns)) == brought.known(preds)
    with pytest.raises(InputError, match=r"prediction='guess', but .* has no such column; it has 'model', 'run', 'id'"):
        read_predictions(path, columns=columns | {"prediction": "guess"})
    with pytest.raises(InputError, match="columns='predictoin' is unknown"):
        read_predictions(path, columns={"predictoin": "pred"})
    with pytest.raises(
        InputError, match=r"line 4: arm 'a', seed 0 answers .* no column 'arm' and no column 'seed' tells"
    ):
        read_predictions(path, columns={name: columns[name] for name in ("sample", "label", "prediction")})


# timm


def test_timm_says_indices_where_it_is_asked_for_them(tmp_path):
    (tmp_path / "a.csv").write_text("filename,index,label,prob\nx,2,owl,0.5\ny,0,cat,0.5\n")
    (tmp_path / "labels.csv").write_text("sample,label\nx,owl\ny,dog\n")
    preds = read_predictions(tmp_path / "a.csv", labels=tmp_path / "labels.csv", classes=["cat", "dog", "owl"])
    assert (preds.label.tolist(), preds.guess.tolist()) == ([2, 1], [[2, 0]])
    with pytest.raises(InputError, match="line 2: label='owl' but prediction='2': one column holds names"):
        read_predictions(tmp_path / "a.csv", labels=tmp_path / "labels.csv")


def test_the_first_of_timms_top_five_is_the_answer(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("sample,label\nx,281\ny,282\n")
    top = [np.array([281, 282, 285]), np.array([7, 282, 1])]
    frame = pd.DataFrame({"filename": ["x", "y"], "index": top, "prob": [np.array([0.5, 0.25, 0.125])] * 2})
    brought.save_timm(frame, tmp_path / "cell", "csv")
    brought.save_timm(frame, tmp_path / "list", "parquet")
    brought.save_timm(frame, tmp_path / "list", "json")
    wide = pd.DataFrame(
        {"filename": ["x", "y"], "index_0": [281, 7], "index_1": [282, 282], "prob_0": 0.5, "prob_1": 0.25}
    )
    brought.save_timm(wide, tmp_path / "wide", "csv")
    for name in ("cell.csv", "list.parquet", "list.json", "wide.csv"):
        preds = read_predictions(tmp_path / name, labels=labels)
        assert [preds.classes[i] for i in preds.guess[0]] == ["281", "7"], name


TOP_3 = """filename,label,prob
ILSVRC2012_val_00000001.JPEG,"['tench, Tinca tinca' ""bishop's cap""
 'German shepherd, German shepherd dog, German police dog, alsatian']",[0.7 0.2 0.1]
ILSVRC2012_val_00000002.JPEG,"[""yellow lady's slipper, yellow lady-slipper, Cypripedium calceolus"" 'daisy'
 'goldfish, Carassius auratus']",[0.5 0.3 0.2]
"""


def test_the_first_of_several_names_in_one_cell_is_the_answer(tmp_path):
    (tmp_path / "labels.csv").write_text(
        'sample,label\nILSVRC2012_val_00000001.JPEG,"tench, Tinca tinca"\nILSVRC2012_val_00000002.JPEG,daisy\n'
    )
    (tmp_path / "resnet50.csv").write_text(TOP_3)
    preds = read_predictions(tmp_path)
    lady = "yellow lady's slipper, yellow lady-slipper, Cypripedium calceolus"
    assert [preds.classes[i] for i in preds.guess[0]] == ["tench, Tinca tinca", lady]
    assert preds.correct().tolist() == [[True, False]]


def mapped(names, otypes):
    """Names as timm makes them of indices: newer releases say that they are objects, older ones do not."""
    index = np.arange(len(names)).reshape(2, -1)
    return list(np.vectorize(dict(enumerate(names)).__getitem__, otypes=otypes)(index))


@pytest.mark.parametrize("otypes", [[object], None])
@pytest.mark.parametrize("kind", ["csv", "parquet", "json", "json-split", "json-records"])
@pytest.mark.parametrize(
    "first",
    ["it's", 'say "a"', 'it\'s "b"', "back\\slash", "n01440764", "comma, semicolon;", "[1 2]", "日本", "x" * 90],
)
def test_any_first_name_survives(tmp_path, kind, otypes, first):
    names = mapped([first, "b", "c c", "plain", "y's", "z"], otypes)
    frame = pd.DataFrame({"filename": ["x", "y"], "label": names, "prob": [np.array([0.5, 0.25, 0.125])] * 2})
    brought.save_timm(frame, tmp_path / "a", kind)
    pd.DataFrame({"sample": ["x", "y"], "label": [first, "plain"]}).to_csv(tmp_path / "labels.csv", index=False)
    preds = read_predictions(next(tmp_path.glob("a.*")), labels=tmp_path / "labels.csv")
    assert preds.correct().all()
    assert sorted(preds.classes) == sorted([first, "plain"])


def test_a_column_for_each_rank_of_names(tmp_path):
    (tmp_path / "labels.csv").write_text("sample,label\nx,tench\ny,dog\n")
    (tmp_path / "a.csv").write_text(
        "filename,label_0,label_1,prob_0,prob_1\nx,tench,cat,0.5,0.25\ny,cat,dog,0.5,0.25\n"
    )
    assert read_predictions(tmp_path / "a.csv", labels=tmp_path / "labels.csv").correct().tolist() == [[True, False]]


@pytest.mark.parametrize(("column", "cell"), [("index", "[1 2]"), ("label", "['a' 'b']")])
def test_a_cell_without_a_list_among_lists_is_refused(tmp_path, column, cell):
    (tmp_path / "labels.csv").write_text("sample,label\nx,1\ny,2\n")
    (tmp_path / "a.csv").write_text(f"filename,{column}\nx,{cell}\ny,[...]\n")
    with pytest.raises(InputError, match=r"line 3: prediction='\[...\]' holds no list of classes, but other rows do"):
        read_predictions(tmp_path / "a.csv", labels=tmp_path / "labels.csv")


def test_timms_validate_says_only_averages(tmp_path):
    (tmp_path / "results.csv").write_text("model,top1,top1_err,top5\nresnet50,80.1,19.9,95.0\n")
    with pytest.raises(InputError, match=r"is what timm's validate.py writes: .* inference.py write them"):
        read_predictions(tmp_path / "results.csv")


def test_what_other_tools_do_not_say_must_be_given(tmp_path):
    (tmp_path / "a.csv").write_text("filename,label,prob\nx,cat,0.5\n")
    with pytest.raises(InputError, match=r"no column 'label' \(files of timm say only what was predicted\)"):
        read_predictions(tmp_path / "a.csv")
    with pytest.raises(InputError, match="no column 'file_name', 'predicted_class', so it is no imagenet-x file"):
        read_predictions(tmp_path / "a.csv", format="imagenet-x")
    with pytest.raises(InputError, match="format='imagenetx' is unknown"):
        read_predictions(tmp_path / "a.csv", format="imagenetx")
    (tmp_path / "b.csv").write_text("filename,prob\nx,0.5\n")
    with pytest.raises(InputError, match=r"timm's inference.py writes it with --include-index"):
        read_predictions(tmp_path / "b.csv", format="timm", labels=tmp_path / "a.csv")


# JSON


def put(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


GOOD = '{"arm": "p", "seed": 0, "sample": "a", "label": 3, "prediction": 3}\n'


def test_json_numbers_and_texts_are_one_class(tmp_path):
    path = put(tmp_path / "a.jsonl", GOOD + GOOD.replace('"a"', '"b"').replace("3}", '"4"}') + "\n\r\n")
    assert read_predictions(path).classes == ("3", "4")
    one = put(tmp_path / "b.json", "[" + ",".join((GOOD, GOOD.replace('"a"', '"b"'))) + "]")
    assert len(read_predictions(one).sample) == 2
    many = put(tmp_path / "c.json", GOOD + GOOD.replace('"a"', '"b"'))
    assert brought.known(read_predictions(many)) == brought.known(read_predictions(one))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'a.jsonl' is empty; expected one JSON object on each line"),
        ("\n\n", "'a.jsonl' is empty"),
        (GOOD + "{", "line 2 cannot be read: Expecting property name"),
        (GOOD + "[1, 2]\n", "line 2 is no JSON object"),
        (GOOD + '"text"\n', "line 2 is no JSON object"),
        (GOOD + GOOD, "line 2: arm 'p', seed 0 answers sample 'a' again, after 'a.jsonl', line 1"),
        (GOOD + GOOD.replace("3}", "null}"), "line 2: prediction is empty"),
        (GOOD + GOOD.replace("3}", "NaN}"), "line 2 cannot be read: it holds NaN, which is no answer"),
        (GOOD + GOOD.replace("3}", "true}"), "line 2: prediction is true or false; expected a name or a whole number"),
        (GOOD.replace("3}", "true}"), "the column 'prediction' has type Boolean"),
        (GOOD + GOOD.replace("3}", "[3]}"), "line 2: prediction is a list"),
        (GOOD + GOOD.replace("3}", '{"a": 1}}'), "line 2: prediction is an object"),
        (GOOD + GOOD.replace("3}", "0.5}").replace('"a"', '"b"'), "line 2: prediction='0.5' is no class"),
        (GOOD + GOOD.replace("3}", "-1}").replace('"a"', '"b"'), "line 2: prediction='-1' is negative"),
        (GOOD + GOOD.replace('"seed": 0, ', ""), "line 2 has no 'seed'; expected the names of the first line"),
        (GOOD + GOOD.replace("}", ', "dose": 1}'), "line 2 has 'dose', which the first line has not"),
        (GOOD + GOOD.replace("}", ', "seed": 1}'), "line 2 has a name twice"),
        (GOOD + GOOD.replace('"a"', '"\\ud800"'), "line 2: sample holds half of a character"),
        ((GOOD + GOOD.replace('"a"', '"né"')).encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        (GOOD.encode("utf-16"), "is UTF-16"),
        ("[" * 100_000, "line 1 cannot be read"),
        (GOOD + GOOD.replace("}", "},") + GOOD, "line 2 cannot be read: Extra data"),
        (GOOD + "{}\n", "line 2 has no 'arm'"),
    ],
)
def test_faulty_json_lines_are_refused_with_the_line(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.jsonl", text)
    with pytest.raises(InputError) as caught:
        read_predictions("a.jsonl")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "holds no table of objects"), ("[]", "holds no rows"),
        ("3", "holds no table of objects"),
        ("[" + GOOD + ", {}]", "entry 1 (from 0) and the first entry differ in arm, label"),
        ('{"columns": ["a"], "data": [[1, 2]]}', "has in 'data' a row 0 (from 0) that does not fit"),
        ('{"columns": [["a"]], "data": [[1]]}', "has in 'columns' what is no name"),
        ('{"columns": 3, "data": 5}', "has 'columns' or 'data' that is no list"),
        ("{\n", "cannot be read as JSON"), ("", "cannot be read as JSON"),
    ],
)  # fmt: skip
def test_faulty_json_documents_are_refused(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        read_predictions(put(tmp_path / "a.json", text))
    assert words in str(caught.value)
    assert "a.json'" in str(caught.value)


@pytest.mark.parametrize("module", [None, "pyarrow"])
def test_json_lines_may_be_packed_by_zstd(tmp_path, monkeypatch, module):
    monkeypatch.setattr(opened.importlib.util, "find_spec", lambda name: name == module or None)
    packed = [pa.compress(text.encode(), codec="zstd").to_pybytes() for text in (GOOD, GOOD.replace('"a"', '"b"'))]
    for mark in ("", "\ufeff"):
        first = pa.compress(f"{mark}{GOOD}".encode(), codec="zstd").to_pybytes()
        assert read_predictions(put(tmp_path / "a.jsonl.zst", first)).classes == ("3",)
    path = put(tmp_path / "a.jsonl.zst", b"".join(packed))  # frames follow each other where files were joined
    assert len(read_predictions(path).sample) == 2
    rng = np.random.default_rng(0)
    torn = pa.compress("".join(GOOD.replace('"a"', f'"{x}"') for x in rng.integers(2**40, size=999)).encode(), "zstd")
    with pytest.raises(InputError, match=r"a.jsonl.zst' cannot be (read to its end|unpacked here)"):
        read_predictions(put(path, torn.to_pybytes()[:-900]))


def test_zstd_is_unpacked_as_it_is_read(tmp_path):
    data = "arm,seed,sample,label,prediction,note\n" + "".join(
        f"a,0,{i},{i % 7},{i % 5},{'x' * 500}\n" for i in range(60_000)
    )
    path = put(tmp_path / "a.csv.zst", pa.compress(data.encode(), codec="zstd").to_pybytes())
    code = "import sys; from barnspider.tables import opened; from pathlib import Path; import pyarrow, resource\n"
    code += "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    code += "before = used(); size = sum(len(b.data) for b in opened.whole_lines(Path(sys.argv[1]), 1 << 20))\n"
    code += "print(size, (used() - before) * 1024)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    size, used = map(int, done.stdout.split())
    assert size == len(data)
    assert used < size * 0.8


def test_blocks_of_json_lines_do_not_matter(tmp_path, monkeypatch):
    path = write_table(brought.example(samples=40), tmp_path / "a.jsonl")
    expected = brought.known(read_predictions(path))
    monkeypatch.setattr(opened.whole_lines, "__defaults__", (100,))
    assert brought.known(read_predictions(path)) == expected
    put(path, path.read_text() + "{}\n")
    with pytest.raises(InputError, match="line 161 has no 'arm'"):
        read_predictions(path)


values = st.none() | st.booleans() | st.floats() | st.text(max_size=3)
documents = st.recursive(
    values, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=2), x, max_size=3), max_leaves=5
)


@given(document=documents, ending=st.sampled_from(["json", "jsonl"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_that_is_no_table_is_refused(tmp_path, document, ending):
    path = put(tmp_path / f"a.{ending}", json.dumps(document))
    with pytest.raises(InputError):
        read_predictions(path)
