"""Which run each of many files is of: from names of files, a mapping, or the files themselves."""

from pathlib import Path

import brought
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider import InputError, read_predictions
from barnspider.sources import provenance, read_beside, recognised
from barnspider.tables.origins import by_pattern

ROWS = "sample,label,prediction\na,cat,cat\nb,dog,cat\n"


def put(path, text=ROWS):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return path


def runs(preds):
    return list(zip(preds.arm, preds.seed, preds.dose, strict=True))


def test_without_a_word_each_file_is_an_arm(tmp_path):
    for name in ("b.csv", "a.v2.tsv", ".hidden.csv", "README.md", "notes"):
        put(tmp_path / name)
    rows = (
        '{"sample": "a", "label": "cat", "prediction": "cat"}',
        '{"sample": "b", "label": "dog", "prediction": "cat"}',
    )
    put(tmp_path / "c.jsonl", "\n".join(rows))
    assert runs(read_predictions(tmp_path)) == [("a.v2", 0, None), ("b", 0, None), ("c", 0, None)]


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("{arm}-seed{seed}.csv", ["mix-up-seed1", "mix-up-seed0"], [("mix-up", 0, None), ("mix-up", 1, None)]),
        ("{arm}-seed{seed}", ["p-seed1", "p-seed-1"], [("p", -1, None), ("p", 1, None)]),
        ("crop{dose}_s{seed}_{}", ["crop0.50_s0_x", "crop0_s0_yy"], [("dose 0", 0, 0.0), ("dose 0.50", 0, 0.5)]),
        ("{arm}@{dose}", ["a@1e-1", "b@2"], [("a", 0, 0.1), ("b", 0, 2.0)]),
        ("{seed}", ["10", "9"], [("FOLDER", 9, None), ("FOLDER", 10, None)]),
    ],
)
def test_patterns(tmp_path, pattern, names, expected):
    for name in names:
        put(tmp_path / f"{name}.csv")
    found = runs(read_predictions(tmp_path, pattern=pattern))
    assert found == [(arm.replace("FOLDER", tmp_path.name), seed, dose) for arm, seed, dose in expected]


def test_patterns_reach_into_folders(tmp_path):
    for name in ("p/seed0.csv", "p/seed1.csv", "q/seed0.csv"):
        put(tmp_path / "preds" / name)
    expected = [("p", 0, None), ("p", 1, None), ("q", 0, None)]
    assert runs(read_predictions(tmp_path / "preds", pattern="{arm}/seed{seed}.csv")) == expected
    assert runs(read_predictions(f"{tmp_path}/preds/*/*.csv", pattern="{arm}/seed{seed}.csv")) == expected
    assert runs(read_predictions(f"{tmp_path}/**/*.csv", pattern="{}/{arm}/seed{seed}.csv")) == expected
    assert runs(read_predictions(f"{tmp_path}/preds/p/*.csv", pattern="seed{seed}.csv")) == expected[:2]
    with pytest.raises(InputError, match="of folders in it, give a glob"):
        read_predictions(tmp_path / "preds")


def test_without_an_arm_in_the_pattern_the_arm_is_the_folder_of_its_runs(tmp_path):
    """A folder for each arm, and a pattern with only a seed: these are several arms, and not one."""
    for name in ("p/seed0.csv", "p/seed1.csv", "q/seed2.csv", "r/run3/out.csv", "r/run4/out.csv"):
        put(tmp_path / "preds" / name)
    found = runs(read_predictions(f"{tmp_path}/preds/*/seed*.csv", pattern="seed{seed}.csv"))
    assert found == [("p", 0, None), ("p", 1, None), ("q", 2, None)]
    assert runs(read_predictions(f"{tmp_path}/preds/*/seed*.csv", pattern="{}/seed{seed}.csv")) == found
    found = runs(read_predictions(f"{tmp_path}/preds/*/*/out.csv", pattern="run{seed}/out.csv"))
    assert found == [("r", 3, None), ("r", 4, None)]


def test_files_of_which_a_pattern_knows_the_runs_are_one_arm_at_the_gate(tmp_path):
    files = [put(tmp_path / name) for name in ("p/seed0.csv", "p/seed1.csv", "q/seed0.csv", "q/seed2.csv")]
    preds, base = read_beside(files, pattern="seed{seed}.csv")
    assert (base, runs(preds)) == ("p", [("p", 0, None), ("p", 1, None), ("q", 0, None), ("q", 2, None)])
    preds, base = read_beside([files[2], files[0]], pattern="seed{seed}.csv")
    assert (base, preds.arms) == ("q", ("q", "p"))
    same = [put(tmp_path / name) for name in ("x/p-0.csv", "y/p-0.csv")]
    assert read_beside(same, pattern="{arm}-{seed}.csv")[1] == "base"


def test_files_beside_predictions_are_left_alone_and_counted(tmp_path):
    for name in ("p-0.csv", "q-0.csv"):
        put(tmp_path / name)
    put(tmp_path / "README.txt", "These are my predictions.\n")
    put(tmp_path / "metrics.json", '{"acc": 0.9}')
    assert runs(read_predictions(tmp_path, pattern="{arm}-{seed}.csv")) == [("p", 0, None), ("q", 0, None)]
    assert read_predictions(tmp_path).arms == ("p-0", "q-0")
    assert read_predictions(sorted(tmp_path.iterdir())).arms == ("p-0", "q-0")
    assert recognised(tmp_path) == "2 files; 2 files left alone: README.txt, metrics.json"
    put(tmp_path / "summary.csv", "model,acc\np,0.9\n")
    with pytest.raises(InputError, match=r"'summary.csv' does not fit pattern='\{arm\}-\{seed\}.csv'; move the file"):
        read_predictions(tmp_path, pattern="{arm}-{seed}.csv")
    with pytest.raises(InputError, match=r"pattern='\{arm\}_\{seed\}.csv' fits none of 3 files: 'p-0.csv', "):
        read_predictions(tmp_path, pattern="{arm}_{seed}.csv")


def test_labels_under_the_name_that_imagenet_x_gives_them(tmp_path):
    put(tmp_path / "filename_label.csv", "file_name,label\na,0\nb,1\n")
    for name in ("p.csv", "q.csv"):
        put(tmp_path / name, "file_name,predicted_class\na,0\nb,1\n")
    assert read_predictions(tmp_path).arms == ("p", "q")
    assert read_predictions(sorted(tmp_path.iterdir())).arms == ("p", "q")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{arm}-{sed}.csv", "expected a file's name with {arm}, {seed}, {dose}"), ("{arm}{arm}.csv", "each once"),
        ("a.csv", "expected a file's name with"), ("{}", "expected a file's name with"), ("{arm", "expected a file's"),
        ("{seed}.csv", "'p.csv' does not fit pattern='{seed}.csv'; move the file away"),
    ],
)  # fmt: skip
def test_wrong_patterns_are_refused(tmp_path, pattern, words):
    put(tmp_path / "p.csv")
    with pytest.raises(InputError) as caught:
        read_predictions(tmp_path, pattern=pattern)
    assert words in str(caught.value)


def test_two_files_of_one_run_are_refused(tmp_path):
    put(tmp_path / "p-0.csv")
    put(tmp_path / "p-00.csv")
    with pytest.raises(
        InputError, match=r"p-00.csv', line 2: arm 'p', seed 0 answers sample 'a' again, after .*p-0.csv'"
    ):
        read_predictions(tmp_path, pattern="{arm}-{seed}")


def test_what_a_file_says_may_not_be_said_again(tmp_path):
    put(tmp_path / "p.csv", "arm," + ROWS.replace("\na", "\nq,a").replace("\nb", "\nq,b"))
    assert read_predictions(tmp_path / "p.csv").arm == ("q",)
    with pytest.raises(InputError, match="has a column 'arm', and the pattern or mapping says arm='p'"):
        read_predictions(tmp_path / "p.csv", pattern="{arm}")
    np.savez(tmp_path / "z.npz", label=[0], guess=[[0]], arm=["q"])
    with pytest.raises(InputError, match="there is an array 'arm', and the pattern or mapping says arm='z'"):
        read_predictions(tmp_path / "z.npz", pattern="{arm}")


def test_arrays_take_their_run_from_the_name(tmp_path):
    for name in ("p-0-0.5", "p-1-0.5"):
        np.savez(tmp_path / f"{name}.npz", label=[0, 1], guess=[0, 1])
    assert runs(read_predictions(tmp_path, pattern="{arm}-{seed}-{dose}")) == [("p", 0, 0.5), ("p", 1, 0.5)]
    np.savez(tmp_path / "p-2-0.5.npz", label=[0, 1], guess=[[0, 1], [0, 1]])
    with pytest.raises(InputError, match=r"p-2-0.5.npz': there are 2 runs, but the pattern or mapping says seed=2"):
        read_predictions(tmp_path, pattern="{arm}-{seed}-{dose}")


def test_permuted_lists_of_classes_are_joined_by_name(tmp_path):
    np.savez(tmp_path / "p.npz", label=[0, 1], guess=[0, 0], classes=["dog", "cat"])
    np.savez(tmp_path / "q.npz", label=[1, 0], guess=[1, 0], classes=["cat", "dog"])
    preds = read_predictions(tmp_path)
    assert (preds.classes, preds.correct().tolist()) == (("cat", "dog"), [[True, False], [True, True]])
    np.savez(tmp_path / "q.npz", label=[0, 1], guess=[1, 0], classes=["cat", "dog"])
    with pytest.raises(InputError, match=r"the parts label sample '0' differently \(2 such samples\)"):
        read_predictions(tmp_path)


def test_mappings(tmp_path):
    for name in ("one.csv", "two.csv", "deep/three.csv", "other.csv"):
        put(tmp_path / name)
    table = put(tmp_path / "runs.csv", "file,arm,seed,dose\none.csv,p,0,0\ntwo.csv,p,1,0\ndeep/three.csv,q,0,1.5\n")
    expected = [("p", 0, 0.0), ("p", 1, 0.0), ("q", 0, 1.5)]
    assert runs(read_predictions(f"{tmp_path}/**/*.csv", mapping=table)) == expected
    assert runs(read_predictions(tmp_path, mapping=table)) == expected[:2]
    text = '["one.csv"]\narm = "p"\nseed = 0\ndose = 0\n["two.csv"]\narm = "p"\nseed = 1\ndose = 0.0\n'
    assert runs(read_predictions(tmp_path, mapping=put(tmp_path / "runs.toml", text))) == expected[:2]
    named = put(tmp_path / "arms.jsonl", '{"file": "one.csv", "arm": "p"}\n{"file": "two.csv", "arm": "q"}\n')
    assert runs(read_predictions(f"{tmp_path}/*.csv", mapping=named)) == [("p", 0, None), ("q", 0, None)]


def test_a_mapping_may_name_files_of_the_source_and_what_it_leaves_out_is_said(tmp_path):
    for name in ("preds/one.csv", "preds/two.csv", "preds/other.csv"):
        put(tmp_path / name)
    table = put(tmp_path / "runs.csv", "file,arm\none.csv,p\ntwo.csv,q\n")
    for source in (tmp_path / "preds", f"{tmp_path}/preds/*.csv"):
        assert read_predictions(source, mapping=table).arms == ("p", "q")
        assert recognised(source, mapping=table) == "2 files; 1 file left alone: other.csv"
    put(table, "file,arm\nthree.csv,p\n")
    with pytest.raises(InputError, match=r"line 2: 'three.csv' does not exist .*; looked for '.*', '.*/preds/"):
        read_predictions(tmp_path / "preds", mapping=table)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.csv", "file,arm\na.csv,p\na.csv,q\n", r"m.csv', line 3: .*a.csv' stands in the mapping twice"),
        ("m.csv", "file,arm\nb.csv,p\n", r"m.csv', line 2: .*b.csv' does not exist"),
        ("m.csv", "file,arm\n,p\n", r"m.csv', line 2: file is empty"),
        ("m.csv", "path,arm\na.csv,p\n", r"has the columns 'path', 'arm'; expected file, and arm, seed, dose"),
        ("m.csv", "file\na.csv\n", r"has the columns 'file'; expected file, and arm"),
        ("m.csv", "file,arm\n", r"names no file"),
        ("m.csv", "file,arm,seed\na.csv,p,x\n", r"seed='x' is no whole number"),
        ("m.toml", "[", r"mapping=.*m.toml' cannot be read"),
        ("m.toml", '["a.csv"]\nrun = 1\n', r"'a.csv' = \{'run': 1\}; expected a table with arm, seed, dose"),
        ("m.toml", '["a.csv"]\narm = [1]\n', r"'a.csv' has arm=\[1\]; expected a text or a number"),
        ("m.npz", "", r"is no table; expected CSV, JSON lines, Parquet or TOML"),
        ("other/m.csv", "file,arm\n../other.csv,p\n", r"names none of the files"),
    ],
)
def test_wrong_mappings_are_refused(tmp_path, name, text, words):
    put(tmp_path / "a.csv")
    put(tmp_path / "other.csv")
    with pytest.raises(InputError, match=words):
        read_predictions(f"{tmp_path}/a*.csv", mapping=put(tmp_path / name, text))


def test_pattern_and_mapping_exclude_one_another(tmp_path):
    with pytest.raises(InputError, match="were both given"):
        read_predictions(put(tmp_path / "a.csv"), pattern="{arm}", mapping="m.csv")


def test_a_folders_labels_are_found_and_said(tmp_path):
    brought.imagenet_x(brought.example(seeds=1), tmp_path)
    assert recognised(tmp_path) == f"read as imagenet-x; labels from '{tmp_path}/labels.csv'; 2 files"
    assert read_predictions(tmp_path).arms == ("mixup-seed0", "plain-seed0")
    put(tmp_path / "labels.txt", "cat\n")
    with pytest.raises(InputError, match=r"labels.csv.*labels.txt; say which has the labels: --labels FILE"):
        read_predictions(tmp_path)
    labels = tmp_path / "labels.csv"
    (tmp_path / "labels.txt").unlink()
    assert brought.known(read_predictions(tmp_path, labels=labels)) == brought.known(read_predictions(tmp_path))
    assert recognised(tmp_path, labels=labels, format="imagenet-x") == "2 files"


def test_sources_that_hold_nothing_are_refused(tmp_path):
    for source, words in [
        (tmp_path, "is no store .* and holds no file of predictions"), (f"{tmp_path}/*.csv", "matches no file"),
        ([], "names no file"), (["a.csv", "a.csv"], "or one twice"), ("", "source='' is empty"),
        (tmp_path / "a.csv", "does not exist; expected a store's folder, a file"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_predictions(source)


def test_a_file_whose_name_looks_like_a_glob_is_read(tmp_path):
    assert read_predictions(put(tmp_path / "a[1].csv")).arm == ("a[1]",)


def test_two_folders_of_seeds_are_compared(tmp_path):
    for name in ("base/s0.csv", "base/s1.csv", "new/s0.csv", "new/s1.csv"):
        put(tmp_path / name)
    preds, base = read_beside([tmp_path / "base", tmp_path / "new"], pattern="s{seed}.csv")
    assert (base, runs(preds)) == ("base", [("base", 0, None), ("base", 1, None), ("new", 0, None), ("new", 1, None)])


def test_the_sum_of_several_files_is_told(tmp_path):
    one = provenance(put(tmp_path / "a.csv"))
    assert one["File"] == "a.csv"
    put(tmp_path / "b.csv")
    both = provenance(tmp_path)
    assert both["Files"] == "2: a.csv, b.csv"
    put(tmp_path / "b.csv", ROWS + "c,cat,cat\n")
    assert provenance(tmp_path)["SHA-256"] != both["SHA-256"]


@given(arm=st.text(min_size=1).filter(lambda text: "/" not in text), seed=st.integers(-9, 10**20))
def test_any_arm_is_read_back_from_a_name(arm, seed):
    name = f"{arm}-seed{seed}.csv"
    found = by_pattern({Path("x"): name}, "{arm}-seed{seed}.csv")
    assert f"{found[0].said['arm']}-seed{found[0].said['seed']}.csv" == name
