"""Asked to stop, a study stops without a traceback and goes on later; a run that diverged is counted and left out."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize(
    ("sign", "runs"),
    [
        (signal.SIGTERM, 0),
        (signal.SIGINT, 1),
        pytest.param(signal.SIGHUP, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 0, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 0, marks=pytest.mark.slow),
    ],
)
def test_a_study_that_is_stopped_goes_on_to_the_same_bytes(commands, expected, sign, runs):
    """Before the first run is sealed, while Python is still loading; and in the middle of the study."""
    process = subprocess.Popen(
        [sys.executable, "-m", "barnspider", "run", "tiny.toml", "--store", str(commands.store), "--workers", "1"],
        cwd=commands.folder, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - as a terminal, not as nohup
    )  # fmt: skip
    while len(list(commands.store.glob("runs/*/seal"))) < runs or not commands.store.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, sign)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped; what was finished is kept. Run the same command to go on." in said
    assert "Traceback" not in said
    commands.run()
    assert not commands.half_written()
    assert commands.table() == expected


@pytest.mark.slow
def test_runs_that_diverge_are_sealed_counted_left_out_and_not_trained_again(commands):
    study = commands.folder / "tiny.toml"
    study.write_text(
        study.read_text()
        .replace('vary = "rotation"', 'vary = "lr"\nbaseline = 0.1')
        .replace("doses = [0, 90]", "doses = [0.1, 0.2, 1e30]")
        .replace("epochs = 1", "epochs = 4")
    )
    commands.run()
    with_it = commands.table()
    table = json.loads(with_it)
    assert [(left["seed"], left["why"]) for left in table["left_out"]] == [(0, "diverged"), (1, "diverged")]
    assert [arm["arm"] for arm in table["arms"]] == ["lr=0.2"]
    assert "0 of 6 runs trained now" in commands.run()
    assert commands.table() == with_it
