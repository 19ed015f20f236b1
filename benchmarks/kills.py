"""`python benchmarks/kills.py --kills 50`: kill workers at named points and at random moments; compare the tables.

Every worker is a fork of this process, so that a kill costs a fraction of a second and not a start of Python. After
each kill the next worker begins as `barnspider run` does. When all is sealed, what `barnspider audit --json` prints
must be, byte for byte, what it prints for a study that nobody disturbed, and nothing of the killed may be left.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch._dynamo  # noqa: F401  what the first optimizer loads: once here, not for seconds in each fork

from barnspider.lab import Recipe, Store, Sweep, checkpoint, worker
from barnspider.lab.claims import clear_abandoned
from barnspider.lab.data import Dataset, load
from barnspider.lab.images import describe
from barnspider.store import folder as store_room

BASE = Recipe("digits", network="mlp", width=8, epochs=2, batch=32, train_images=100)
SWEEP = Sweep(BASE, vary="rotation", doses=(0, 90), seeds=range(4))


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def half(write: Callable[[BinaryIO], object]) -> Callable[[BinaryIO], object]:
    """Return a writer that dies when half of the file is on the disk."""

    def write_half(file: BinaryIO) -> None:
        write(file)
        file.truncate(file.tell() // 2)
        os.fsync(file.fileno())
        die()

    return write_half


def die_before(room: Any, name: str) -> None:
    setattr(room, name, lambda *_, **__: die())


def die_after(room: Any, name: str) -> None:
    real = getattr(room, name)
    setattr(room, name, lambda *args, **rest: (real(*args, **rest), die()))


def die_halfway(room: Any, ending: str) -> None:
    """Die while a file of this name is written."""
    real = room.write_whole
    room.write_whole = lambda path, write: real(path, half(write) if path.match(ending) else write)


def often() -> None:
    """Let a checkpoint be due before every step."""
    checkpoint.Checkpoint.due = lambda self: True


POINTS: dict[str, Callable[[], object]] = {
    "after the claim": lambda: die_before(worker, "_sealed"),
    "while answers are written": lambda: die_halfway(store_room, "validation.npz"),
    "while run.json is written": lambda: die_halfway(store_room, "run.json"),
    "before the seal": lambda: die_halfway(store_room, "seal"),
    "before the rename": lambda: die_before(store_room, "move_first"),
    "after the rename": lambda: die_after(store_room, "move_first"),
    "while a checkpoint is written": lambda: (often(), die_halfway(checkpoint, "checkpoints/*")),
    "after a checkpoint": lambda: (often(), die_after(checkpoint.Checkpoint, "save")),
    "at a random moment": lambda: None,
    "at a random moment, with checkpoints": often,
}  # fmt: skip


def forked(work: Callable[[], object]) -> int:
    """Start a process that does this work and nothing else; return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what workers say to their parents
        work()
        status = 0
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Study:
    """A study in a folder, on which workers are killed."""

    def __init__(self, folder: Path, data: Dataset) -> None:
        self.folder, self.data = folder, data
        self.begun = folder / "begun"
        folder.mkdir()
        self.prepare()

    def prepare(self) -> None:
        """Do what `barnspider run` does before it starts workers."""
        self.store = Store(self.folder / "runs")
        self.store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
        clear_abandoned(self.store.root)
        describe(self.store, self.data)

    def work(self) -> None:
        real = worker.result_of

        def counted(*args: Any) -> Any:
            with self.begun.open("ab", buffering=0) as file:
                file.write(b".")
            return real(*args)

        worker.result_of = counted
        worker.work(self.store, SWEEP.identity, self.data)

    def kill(self, point: str, within: float, chance: random.Random) -> bool:
        """Let a worker die at a point, or two within some seconds; return whether one was killed."""
        is_random = "random" in point
        pids = [forked(lambda: (POINTS[point](), self.work())) for _ in range(2 if is_random else 1)]
        if is_random:
            time.sleep(chance.uniform(0, within))
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        codes = [ended(pid) for pid in pids]
        assert set(codes) <= {0, -signal.SIGKILL}, f"{point}: a worker ended with {codes}"
        self.prepare()
        return -signal.SIGKILL in codes

    def finish(self) -> str:
        """Let a worker do the rest, undisturbed; return what `audit` prints."""
        assert ended(forked(self.work)) == 0
        self.prepare()
        command = [sys.executable, "-m", "barnspider", "audit", "runs", "--json"]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def leftovers(self) -> list[Path]:
        """Return what should not be there: everything that is neither a plan nor images nor one of the sealed runs."""
        wanted = {self.store.root / "runs" / run.key for run in SWEEP.runs()}
        places = ("runs/*", "building/*", "claims/*", "checkpoints/*", "failed/*", "set-aside/*")
        found = {path for place in places for path in self.store.root.glob(place)}
        return sorted((found - wanted) | set(self.store.root.rglob(".writing-*")))


def main(kills: int, seed: int) -> None:
    chance, data = random.Random(seed), load("digits")
    done, repeated, rounds = dict.fromkeys(POINTS, 0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Study(Path(folder) / "undisturbed", data)
        began = time.monotonic()
        assert ended(forked(undisturbed.work)) == 0
        within = (time.monotonic() - began) / 2
        expected = undisturbed.finish()
        while sum(done.values()) < kills:
            study = Study(Path(folder) / str(rounds), data)
            while sum(done.values()) < kills and study.store.missing(SWEEP.runs()):
                point = min(POINTS, key=lambda name: done[name])
                done[point] += study.kill(point, within, chance)
            assert study.finish() == expected, f"round {rounds}: another table"
            assert not study.leftovers(), study.leftovers()
            repeated += len(study.begun.read_bytes()) - len(SWEEP.runs())
            rounds += 1
    sys.stdout.writelines(f"{count:4d} {point}\n" for point, count in done.items())
    sys.stdout.write(
        f"{sum(done.values())} kills in {rounds} studies of {len(SWEEP.runs())} runs: {repeated} trainings repeated,"
        f" {rounds} of {rounds} tables identical to an undisturbed study's\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    main(asked.kills, asked.seed)
