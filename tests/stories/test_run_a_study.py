"""Plan, run, stop, be killed, go on: nothing that was finished is lost, and the answers do not depend on it."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from barnspider.lab import Store, read_study


def answers(store: Path) -> dict[str, bytes]:
    """The bytes of every run's answers: what must not depend on workers or accidents."""
    return {str(p.relative_to(store)): p.read_bytes() for p in sorted(store.glob("runs/*/*.npz"))}


def start(study: Path, store: str = "runs", *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "barnspider", "run", study.name, "--store", store, *args]
    return subprocess.Popen(command, cwd=study.parent, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_runs(store: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(list(store.glob("runs/*/seal"))) < count:
        assert time.monotonic() < deadline, f"{count} runs were not sealed within a minute"
        time.sleep(0.01)


def test_plan_says_what_will_be_trained_and_trains_nothing(barnspider, study, tmp_path):
    said = barnspider("plan", study, "--store", "runs").stdout
    assert "9 planned (3 seeds for each arm), 0 there, 9 missing" in said
    assert "rotation=0, rotation=60, rotation=180" in said
    assert not (tmp_path / "runs").exists()


def test_run_trains_what_is_missing_and_then_nothing(barnspider, study, tmp_path):
    first = barnspider("run", study, "--store", "runs")
    assert "9 of 9 runs trained now" in first.stderr
    assert "9 of 9, 0 s left" in first.stderr
    assert first.stdout == ""
    before = answers(tmp_path / "runs")
    assert "0 of 9 runs trained now" in barnspider("run", study, "--store", "runs").stderr
    assert answers(tmp_path / "runs") == before
    assert "9 there, 0 missing" in barnspider("plan", study, "--store", "runs").stdout


def test_answers_do_not_depend_on_the_number_of_workers(barnspider, study, tmp_path, small_store):
    barnspider("run", study, "--store", "one", "--workers", "1")
    assert answers(tmp_path / "one") == answers(small_store)


def test_more_seeds_train_only_the_new_ones(barnspider, study, tmp_path):
    study.write_text(study.read_text().replace("seeds = 3", "seeds = 1"))
    barnspider("run", study, "--store", "runs", "--workers", "1")
    study.write_text(study.read_text().replace("seeds = 1", "seeds = 2"))
    assert "3 of 6 runs trained now" in barnspider("run", study, "--store", "runs", "--workers", "1").stderr


def test_ctrl_c_keeps_what_is_finished(study, tmp_path, barnspider, small_store):
    process = start(study)
    wait_for_runs(tmp_path / "runs", 2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; what was finished is kept" in said
    assert "Traceback" not in said
    barnspider("run", study, "--store", "runs", "--workers", "1")
    assert answers(tmp_path / "runs") == answers(small_store)


@pytest.mark.slow  # a worker that is asked to end is in the tests of reliability, too
def test_sigterm_stops_the_workers_too(study, tmp_path):
    process = start(study)
    wait_for_runs(tmp_path / "runs", 1)
    process.terminate()
    assert process.wait(timeout=30) == 130
    assert process.stderr is not None
    process.stderr.close()
    count = len(list((tmp_path / "runs").glob("runs/*/seal")))
    time.sleep(1)
    assert len(list((tmp_path / "runs").glob("runs/*/seal"))) == count


@pytest.mark.parametrize("kill_after", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_kill_9_loses_only_the_runs_in_flight(study, tmp_path, barnspider, small_store, kill_after):
    process = start(study)
    wait_for_runs(tmp_path / "runs", kill_after)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    sealed = len(list((tmp_path / "runs").glob("runs/*")))
    assert sealed >= kill_after
    again = barnspider("run", study, "--store", "runs", "--workers", "1")
    assert f"{9 - sealed} of 9 runs trained now" in again.stderr
    assert answers(tmp_path / "runs") == answers(small_store)
    assert not list((tmp_path / "runs" / "building").iterdir())
    assert not list((tmp_path / "runs" / "claims").iterdir())


def test_two_commands_on_one_store_share_the_work(barnspider, study, tmp_path, small_store):
    with ThreadPoolExecutor(2) as both:
        tuple(both.map(lambda _: barnspider("run", study, "--store", "runs", "--workers", "1"), range(2)))
    assert answers(tmp_path / "runs") == answers(small_store)
    assert not list((tmp_path / "runs" / "set-aside").glob("*"))


def test_a_run_says_what_it_was(small_store):
    document = json.loads(next(small_store.glob("runs/*/run.json")).read_text())
    assert document["recipe"]["dataset"] == "digits"
    assert document["environment"]["torch"]
    assert len(document["validation_accuracy"]) * document["validation_every"] >= 2
    assert document["seconds"] > 0


def test_a_flipped_bit_is_noticed_and_trained_again(barnspider, study, tmp_path, small_store):
    barnspider("run", study, "--store", "runs", "--workers", "1")
    path = next((tmp_path / "runs").glob("runs/*/test.npz"))
    content = bytearray(path.read_bytes())
    content[100] ^= 4
    path.write_bytes(content)
    assert "(damaged)" in barnspider("audit", "runs").stdout
    assert "1 of 9 runs trained now" in barnspider("run", study, "--store", "runs", "--workers", "1").stderr
    assert answers(tmp_path / "runs") == answers(small_store)


def test_a_diverged_run_is_sealed_and_counted(barnspider, study, tmp_path):
    study.write_text(study.read_text().replace("epochs = 2", "epochs = 2\nlr = 1e30").replace("seeds = 3", "seeds = 1"))
    barnspider("run", study, "--store", "runs", "--workers", "1")
    sweep = read_study(study)
    assert {Store(tmp_path / "runs").document(run.key)["status"] for run in sweep.runs()} == {"diverged"}
    said = barnspider("audit", "runs", check=2).stderr
    assert "no finished run" in said
    assert "(3 diverged)" in said


def test_seeds_are_paired_same_order_same_weights(small_store):
    predictions = Store(small_store).load(Store(small_store).study().cells)
    assert predictions.paired
    assert predictions.seed[:3] == (0, 0, 0)
