"""Several workers on one store, one of them paused beyond its lease: every cell once, and the first seal wins."""

import os
import signal
import subprocess
import sys
import time

import pytest

from barnspider.lab import Store, read_study

WORKER = """
import sys, time
from barnspider.lab import claims, worker

claims.LEASE = {lease}
real = worker.result_of


def result_of(run, data, *rest):
    print("begun", run.key, file=sys.__stdout__, flush=True)
    time.sleep({seconds})
    return real(run, data, *rest)


worker.result_of = result_of
worker.main()
"""


def start(store, study, *, lease=60.0, seconds=0.0) -> subprocess.Popen[str]:
    script = WORKER.format(lease=lease, seconds=seconds)
    return subprocess.Popen(
        [sys.executable, "-c", script, str(store), study],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def until_it_begins(process) -> str:
    """Wait until a worker trains; return the run's key."""
    for line in process.stdout:
        if line.startswith("begun"):
            return line.split()[1]
    pytest.fail("the worker ended without a run")


@pytest.fixture
def planned(commands):
    sweep = read_study(commands.folder / "tiny.toml")
    Store(commands.store).plan(sweep.identity, sweep.runs(), sweep.as_dict())
    return sweep.identity


def test_a_paused_worker_is_taken_over_and_its_late_seal_changes_nothing(commands, planned, expected):
    paused = start(commands.store, planned, lease=1.0, seconds=0.5)
    key = until_it_begins(paused)
    paused.send_signal(signal.SIGSTOP)
    time.sleep(1.5)  # the lease runs out
    other = start(commands.store, planned, lease=1.0)
    said, _ = other.communicate(timeout=120)
    assert other.returncode == 0
    assert f"begun {key}" in said, "the run of the paused worker was taken over"
    assert said.count('"sealed"') == 4
    before = {path: path.read_bytes() for path in commands.store.glob("runs/*/*")}
    paused.send_signal(signal.SIGCONT)
    late, _ = paused.communicate(timeout=120)
    assert paused.returncode == 0
    assert '"sealed"' not in late, "it came second"
    assert {path: path.read_bytes() for path in commands.store.glob("runs/*/*")} == before
    assert not commands.half_written()
    assert commands.table() == expected


def test_two_workers_train_every_cell_once(commands, planned, expected):
    both = [start(commands.store, planned, seconds=0.2) for _ in range(2)]
    said = "".join(process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    begun = [line for line in said.splitlines() if line.startswith("begun")]
    assert len(begun) == len(set(begun)) == 4
    assert not commands.half_written()
    assert commands.table() == expected
