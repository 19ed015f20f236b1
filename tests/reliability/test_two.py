"""Several workers on one store, one of them paused beyond its lease: every cell once, and the first seal wins."""

import os
import signal
import tempfile
import time

import pytest

import forked
from barnspider.lab import Store, read_study


def start(store, study, *, lease=60.0, seconds=0.0) -> forked.Worker:
    with tempfile.TemporaryFile() as complaints:
        return forked.Worker("paced", [str(lease), str(seconds), str(store), study], dict(os.environ), complaints)


def until_it_begins(process) -> str:
    """Wait until a worker trains; return the run's key."""
    for line in process.stdout:
        if line.startswith("begun"):
            return line.split()[1]
    pytest.fail("the worker ended without a run")


def ended(process) -> str:
    """Wait until a worker has done all; return what it said meanwhile."""
    with process.stdout as said:
        text = said.read()
    assert process.wait(120) == 0
    return text


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
    said = ended(other)
    assert f"begun {key}" in said, "the run of the paused worker was taken over"
    assert said.count('"sealed"') == 4
    before = {path: path.read_bytes() for path in commands.store.glob("runs/*/*")}
    paused.send_signal(signal.SIGCONT)
    late = ended(paused)
    assert '"sealed"' not in late, "it came second"
    assert {path: path.read_bytes() for path in commands.store.glob("runs/*/*")} == before
    assert not commands.half_written()
    assert commands.table() == expected


def test_two_workers_train_every_cell_once(commands, planned, expected):
    both = [start(commands.store, planned, seconds=0.2) for _ in range(2)]
    said = "".join(map(ended, both))
    begun = [line for line in said.splitlines() if line.startswith("begun")]
    assert len(begun) == len(set(begun)) == 4
    assert not commands.half_written()
    assert commands.table() == expected
