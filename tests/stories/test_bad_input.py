"""A user's mistake: one message that names the thing and what to do, exit code 2, nothing half-written."""

import os
import shutil
import subprocess
import sys

import pytest

HEAD = "arm,seed,sample,label,prediction\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("audit", "nowhere.csv"), "'nowhere.csv' does not exist"),
        (("audit", "nowhere"), "'nowhere' does not exist"),
        (("audit", "empty"), "is no store"),
        (("run", "nowhere.toml"), "'nowhere.toml' cannot be read"),
        (("plan", "nowhere.toml"), "'nowhere.toml' cannot be read"),
        (("report", "good.csv"), "the baseline must be named; the arms are: a, b"),
        (("audit", "good.csv", "--baseline", "c"), "baseline='c' is unknown; expected one of: a, b"),
        (("audit", "good.csv", "--baseline", "a", "--level", "95"), "level=95"),
        (("audit", "good.csv", "--baseline", "a", "--study", "x"), "only a store has studies and splits"),
        (("gate", "good.csv", "--baseline", "a", "--max-drop", "2"), "max_drop=2.0; expected a proportion"),
        (("gate", "good.csv", "good.csv"), "holds the arms a, b; expected one"),
        (("audit", "short.csv"), "prediction"),
        (("audit", "twice.csv"), "twice.csv"),
        (("audit", "header.csv"), "header.csv"),
        (("audit", "good.csv", "--baseline", "a", "--split", "validation"), "only a store has studies and splits"),
        (("audit", "good.csv", "--baseline", "a", "--json", "--markdown"), "were both given"),
        (("audit", "good.csv", "--baseline", "a", "--json", "--all"), "--json and --all were both given"),
        (("audit", "good.csv", "--baseline", "a", "--bands", "--relative"), "--bands and --relative were both given"),
        (("audit", "good.csv", "--baseline", "a", "--margin", "1"), "margin=1.0; expected a proportion"),
        (("audit", "good.csv", "--baseline", "a", "--class", "cot"), "class='cot' is unknown"),
        (("audit", "good.csv", "--baseline", "a", "--classes", "none.txt"), "classes='none.txt' cannot be read"),
        (("doses", "good.csv", "--delta", "2"), "delta=2.0; expected a proportion"),
        (("power", "--images", "9"), "expected --images, --runs and --classes"),
        (("power", "--like", "good.csv", "--images", "9"), "--like was given with --images"),
        (
            ("power", "--images", "9", "--runs", "2", "--classes", "2", "--label-sets", "s.json"),
            "--label-sets says how",
        ),
        (("power", "--images", "9", "--runs", "2", "--classes", "two"), "classes='two'; expected how many, from 1"),
        (("power", "--like", "good.csv", "--baseline", "a", "--by", "none.csv"), "by='none.csv' does not exist"),
        (("power", "--like", "good.csv", "--baseline", "a", "--effect", "3"), "effect=3.0; expected a proportion"),
        (("power", "--like", "good.csv", "--baseline", "a", "--arm", "c"), "arm='c' is unknown"),
        (("audit", "one.csv", "--baseline", "a"), "the only arm is the baseline 'a'"),
        (("doses", "one.csv"), "expected two or more"),
        (("report", "good.csv", "--baseline", "a", "-o", "good.csv"), "is a file that is read"),
        (("report", "good.csv", "--baseline", "a", "-o", "/dev/null"), "is no ordinary file"),
        (("demo", "--out", "good.csv"), "good.csv"),
        (("report", "good.csv", "--baseline", "a", "-o", "good.csv/x.html"), "cannot write"),
    ],
)
def test_mistakes(barnspider, tmp_path, args, message):
    (tmp_path / "empty").mkdir()
    rows = [f"{arm},{seed},{i},cat,{'cat' if i else 'dog'}\n" for arm in "ab" for seed in (0, 1) for i in range(3)]
    (tmp_path / "good.csv").write_text(HEAD + "".join(rows))
    (tmp_path / "twice.csv").write_text(HEAD + "".join(rows + rows[:1]))
    (tmp_path / "header.csv").write_text(HEAD)
    (tmp_path / "short.csv").write_text("arm,seed,sample,label\na,0,1,cat\n")
    (tmp_path / "one.csv").write_text(HEAD + "".join(row for row in rows if row.startswith("a")))
    before = sorted(p.name for p in tmp_path.iterdir())
    done = barnspider(*args, check=2)
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rotation", "rotatoin", "vary='rotatoin' is unknown"),
        ("180", "181", "rotation=181.0 is out of range"),
        ('"digits"', '"digitz"', "digitz"),
        ('"mlp"', '"mpl"', "network='mpl' is unknown"),
        ("train_images = 200", "train_images = 20000", "20000"),
        ("60", "[1, 2, 3]", "rotation has 3 doses; expected one for each of 10 classes"),
    ],
)
def test_mistakes_in_a_study(barnspider, study, tmp_path, old, new, message):
    study.write_text(study.read_text().replace(old, new))
    done = barnspider("run", study, "--store", "runs", "--workers", "1", check=2)
    assert message in done.stderr
    assert not list((tmp_path / "runs").glob("runs/*"))


def test_only_commands_that_keep_something_say_so_when_they_are_stopped():
    from barnspider.cli import said_when_stopped

    assert said_when_stopped(["run", "study.toml", "--store", "runs"]).endswith("Run the same command to go on.")
    assert said_when_stopped(["audit", "run", "--baseline", "a"]) == "stopped"


def test_wrong_options_are_exit_2(barnspider):
    assert "No such command" in barnspider("adit", check=2).stderr
    assert "Missing argument" in barnspider("audit", check=2).stderr
    assert "'all' is not one of" in barnspider("audit", "x", "--generalize-to", "all", check=2).stderr


def test_a_store_of_a_newer_version(barnspider, study, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "barnspider.json").write_text('{"format": 7}')
    for args in (("audit", "runs"), ("run", study, "--store", "runs"), ("plan", study, "--store", "runs")):
        assert "written by a newer barnspider" in barnspider(*args, check=2).stderr


def test_data_that_changed_since(barnspider, study, tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    study.write_text(study.read_text().replace('"digits"', '"pictures.npz"').replace("train_images = 200", ""))
    for change in range(2):
        images, labels = rng.integers(0, 256, (90, 8, 8), dtype=np.uint8), np.arange(90) % 3
        np.savez(tmp_path / "pictures.npz", x_train=images, y_train=labels, x_test=images[:30], y_test=labels[:30])
        done = barnspider("run", study, "--store", "runs", "--workers", "1", check=2 if change else 0)
    assert "is not what it was" in done.stderr


def test_output_that_nobody_takes_is_an_error_and_a_closed_pipe_is_none(small_store):
    command = f"{sys.executable} -m barnspider audit {small_store}"
    full = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, text=True, check=False)
    assert full.returncode == 2
    assert full.stderr == "error: the output cannot be written: No space left on device\n"
    pipe = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, text=True, check=False)
    assert pipe.stderr == ""


def test_names_cannot_act_on_the_terminal(barnspider, tmp_path):
    rows = [f"{arm},{s},{i},x\x1b[31m,x\x1b[31m\n" for arm in ("a", "b\x1b[2J") for s in (0, 1) for i in range(3)]
    (tmp_path / "hostile.csv").write_text(HEAD + "".join(rows))
    for args in (
        ("audit", "hostile.csv", "--baseline", "a"),
        ("audit", "hostile.csv", "--baseline", "a", "--relative", "--bands"),
        ("audit", "hostile.csv", "--baseline", "a", "--relative"),
        ("audit", "hostile.csv", "--baseline", "a", "--class", "x\x1b[31m"),
        ("audit", "hostile.csv", "--baseline", "a", "--markdown"),
        ("audit", "hostile.csv", "--baseline", "b\x1b[2J", "--paired", "--class", "\x1b"),
        ("gate", "hostile.csv", "--baseline", "a"),
        ("power", "--like", "hostile.csv", "--baseline", "a"),
        ("inequality", "hostile.csv", "--baseline", "a"),
        ("audit", "hostile.csv"),
    ):
        done = barnspider(*args, check=None)
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
@pytest.mark.slow
def test_a_full_disk(study, tmp_path, barnspider):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        done = barnspider("run", study, "--store", disk / "runs", check=2)
        assert "No space left on device" in done.stderr
        assert not list((disk / "runs" / "building").glob("*"))
        for run in (disk / "runs" / "runs").glob("*"):
            assert (run / "seal").exists(), "a torn run"
    finally:
        subprocess.run(["umount", disk], check=True)
