"""Many commands make one study: each takes what is missing, gives way when asked, and the table is as if one had."""

import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from barnspider.cli import app
from barnspider.errors import BarnspiderError
from barnspider.lab import Store, read_study
from trainer import STUDY, lay_out

SLOW = STUDY.replace("{out}", "{out} --seconds 60")


@pytest.fixture
def planned(tmp_path):
    """A study of commands, planned in a store, of which nothing is made."""
    sweep = read_study(lay_out(tmp_path))
    Store(tmp_path / "runs").plan(sweep.identity, sweep.runs(), sweep.as_dict())
    return sweep


def test_shares_together_are_the_study(barnspider, tmp_path):
    lay_out(tmp_path)
    said = [barnspider("run", "pets.toml", "--store", "shares", "--shard", f"{k}/2").stderr for k in (1, 2)]
    assert "shard 1/2: 3 of 6 runs, 1 or 2 of each arm, of 3 seeds" in said[0]
    assert "3 of 3 runs trained now, all 3 of shard 1/2 are in shares/. Next: barnspider status shares" in said[0]
    assert "3 of 3 runs trained now, all 3 of shard 2/2" in said[1]
    made = {folder.name for folder in tmp_path.glob("shares/runs/*")}
    assert made == {run.key for run in read_study(tmp_path / "pets.toml").runs()}


def test_workers_take_what_is_missing_until_nothing_is(barnspider, planned):
    said = barnspider("work", "runs", "--limit", "2").stderr
    assert f"{planned.identity}: 2 runs made now, 2 of 6 there, 4 missing\nNext: barnspider status runs" in said
    assert "status runs" in barnspider("work", "runs", "--for", "0").stderr
    said = barnspider("work", "runs", "--study", "pets", "--workers", "2").stderr
    assert f"{planned.identity}: 4 runs made now, 6 of 6 there\nNext: barnspider audit runs" in said
    assert "0 runs made now" in barnspider("work", "runs").stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["work", "nowhere"], "is no store"),
        (["work", "runs", "--study", "pest"], "study='pest' is unknown"),
        (["work", "runs", "--for", "inf"], "for=inf; expected minutes"),
        (["run", "pets.toml", "--store", "runs", "--shard", "3"], "shard='3'; expected which share of how many"),
        (["run", "pets.toml", "--store", "runs", "--shard", "1/2", "--refine"], "leave --shard and --on out"),
        (["run", "pets.toml", "--on", "slurm", "--shard", "1/2"], "--shard is for machines that share no store"),
        (["run", "pets.toml", "--mem", "3G"], "--mem is about the jobs of a cluster; expected --on slurm with it"),
        (["run", "pets.toml", "--gpus", "1"], "--gpus is about the jobs of a cluster; expected --on slurm or --on ray"),
        (
            ["run", "pets.toml", "--address", "x:1"],
            "--address is about the workers of a cluster; expected --on ray with",
        ),
        (["run", "pets.toml", "--on", "ray", "--mem", "3G"], "--mem is for --on slurm; leave it out with --on ray"),
        (
            ["run", "pets.toml", "--on", "slurm", "--address", "x"],
            "--address is for --on ray; leave it out with --on sl",
        ),
        (["run", "pets.toml", "--on", "ray", "--gpus", "a100:1"], "gpus='a100:1'; with --on ray expected a number"),
        (["run", "pets.toml", "--on", "ray", "--shard", "1/2"], "--shard is for machines that share no store"),
        (["run", "pets.toml", "--on", "ray", "--refine"], "leave --shard and --on out"),
        (["run", "pets.toml", "--on", "slurm", "--mem", "3 G"], "mem='3 G'; expected as SLURM takes it"),
        (["run", "pets.toml", "--on", "slurm", "--setup", "x.sh"], "setup='x.sh' cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told(planned, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BarnspiderError) as told:  # which the command line prints, and exits with 2
        CliRunner().invoke(app, args, catch_exceptions=False)
    assert said in str(told.value)


DIGITS = """
name = "pets"
[recipe]
dataset = "digits"
network = "mlp"
width = 8
epochs = 1
train_images = 100
[sweep]
vary = "rotation"
doses = [0, 90]
seeds = 2
"""


@pytest.mark.slow
@pytest.mark.parametrize(("study", "runs"), [(STUDY, 6), (DIGITS, 4)])
def test_an_array_of_jobs_makes_the_study_as_one_machine_does(barnspider, tmp_path, study, runs):
    folder = tmp_path / 'it\'s "a" $(place)'
    folder.mkdir()
    study = lay_out(folder, study=study)
    store = folder / "ru ns"
    done = barnspider("run", study, "--store", store, "--on", "slurm", "--jobs", "2", "--time", "10")
    script = done.stdout.strip()
    assert f"{runs} of {runs} runs missing; 2 jobs may take them. Next: sbatch '" in done.stderr
    array = {"SLURM_ARRAY_JOB_ID": "1", "OMP_NUM_THREADS": "1"}
    tasks = [
        subprocess.Popen(
            ["bash", script],
            env=os.environ | array | {"SLURM_ARRAY_TASK_ID": str(k)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    said = [task.communicate(timeout=120)[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    made = [int(line.split(": ")[1].split()[0]) for text in said for line in text.splitlines() if "made now" in line]
    assert sum(made) == runs, "each run was sealed once"
    barnspider("run", study, "--store", "here", "--workers", "1")
    tables = [barnspider("audit", place, "--json").stdout for place in (store, "here")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("sign", "code"),
    [
        (signal.SIGUSR2, 75),
        pytest.param(signal.SIGUSR1, 75, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 130, marks=pytest.mark.slow),
    ],
)
def test_asked_to_give_way_it_ends_what_it_does_gives_its_claim_back_and_says_so(tmp_path, sign, code):
    sweep = read_study(lay_out(tmp_path, study=SLOW))
    store = Store(tmp_path / "runs")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    process = subprocess.Popen(
        [sys.executable, "-m", "barnspider", "work", "runs"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip
    while not list(store.root.glob("logs/*.txt")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, sign)  # schedulers tell all processes of a job
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopped; what was finished is kept. Run the same command to go on." in said
    assert "Traceback" not in said
    assert not list(store.root.glob("claims/*")) + list(store.root.glob("building/*"))
