"""`python benchmarks/machines.py`: thousands of runs on many machines that fail, pause and straggle, in a minute.

A discrete simulation. The clock, the disk and the trainings are none; what takes a claim, finds it void and takes it
over is the real code of `barnspider.lab.claims`, operation by operation, with other workers' operations between. It
tells what failures cost beside the time that `barnspider plan` says.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import json
import math
import random
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from barnspider.lab import claims
from barnspider.lab.cost import Cost
from barnspider.lab.settling import until_next_look

CHECKPOINT = 180.0
"""Seconds of training between two checkpoints (`barnspider.lab.checkpoint.EVERY`, which needs torch)."""

BEAT = claims.LEASE / 6
"""Seconds between two heartbeats of a claim, and between two looks of a training that nothing has paused."""

STEP = 1.0
"""Seconds of a training's step: after a pause, the step in which it fell is taken to its end."""

LATENCY = 0.05
"""Mean seconds that one operation on a shared disk takes."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong: mean seconds of a worker between two deaths and between two pauses, and how long these last.

    `slow` workers, a share of all, are `slowness` times slower than the others.
    """

    death_every: float = math.inf
    down: float = 300.0
    pause_every: float = math.inf
    pause: float = 120.0
    slow: float = 0.0
    slowness: float = 3.0


@dataclass
class Worker:
    """One place where workers run, one after the other: each that dies is followed by another."""

    speed: float
    dies: float = math.inf
    pauses: float = math.inf


@dataclass
class Simulated:
    """How it went.

    Attributes
    ----------
    wall : seconds until the last run was sealed
    sealed : who sealed each run: the first who came
    late : times that somebody came later, and dropped his own
    work : seconds of training done, also those that were lost
    lifted : claims that were moved out of their place, to be judged there
    taken_over : those of them that were void, and retired
    dropped : trainings that ended because their run was another's by then
    set_back : seconds that a checkpoint was older than the one in whose place it came
    """

    wall: float = 0.0
    sealed: dict[str, int] = field(default_factory=dict[str, int])
    late: int = 0
    work: float = 0.0
    deaths: int = 0
    pauses: int = 0
    lifted: int = 0
    taken_over: int = 0
    dropped: int = 0
    set_back: float = 0.0


class Claim:
    """A file of claims that is on no disk: as much of a `Path` as `claims` uses."""

    def __init__(self, folder: Cluster, name: str) -> None:
        self.folder, self.name, self.parent = folder, name, self

    @contextlib.contextmanager
    def open(self, mode: str, encoding: str) -> Iterator[Any]:
        assert (mode, encoding) == ("x", "utf-8")
        if self.name in self.folder.files:
            raise FileExistsError
        made = self.folder.files[self.name] = SimpleNamespace(text="", st_mtime=self.folder.now)
        yield SimpleNamespace(write=lambda text: setattr(made, "text", text))

    def stat(self) -> Any:
        if self.name not in self.folder.files:
            raise FileNotFoundError
        return self.folder.files[self.name]

    def read_text(self, **_: str) -> str:
        return self.stat().text

    def touch_if_there(self) -> None:
        self.stat().st_mtime = self.folder.now

    def glob(self, pattern: str) -> list[Claim]:
        graves = [name for name in self.folder.files if name.startswith(pattern.removesuffix("*"))]
        return [Claim(self.folder, name) for name in graves]

    def with_name(self, name: str) -> Claim:
        return Claim(self.folder, name)

    def rename(self, other: Claim) -> None:
        self.folder.files[other.name] = self.stat()
        del self.folder.files[self.name]

    def hardlink_to(self, other: Claim) -> None:
        if self.name in self.folder.files:
            raise FileExistsError
        self.folder.files[self.name] = other.stat()

    def unlink(self, missing_ok: bool = False) -> None:
        if missing_ok:
            self.folder.files.pop(self.name, None)
        else:
            del self.folder.files[self.name]


class Cluster:
    """Workers on one store, and a clock that jumps from one thing that happens to the next."""

    def __init__(self, seconds: dict[str, float], workers: int, trouble: Trouble, seed: int) -> None:
        self.seconds, self.trouble, self.chance = seconds, trouble, random.Random(seed)
        self.now, self.files, self.kept = 0.0, dict[str, Any](), dict[str, float]()
        self.found = Simulated()
        self.order, self.due = itertools.count(), list[Any]()
        slow = round(trouble.slow * workers)
        self.workers = [Worker(1 / trouble.slowness if i < slow else 1.0) for i in range(workers)]

    def run(self) -> Simulated:
        """Let all happen until no worker is left."""
        for worker in self.workers:
            self._start(worker)
        while self.due:
            self.now, _, worker, steps, dies = heapq.heappop(self.due)
            if dies:
                self._bury(worker, steps)
                continue
            with contextlib.suppress(StopIteration):
                self._schedule(worker, steps, next(steps))
        return self.found

    def _expo(self, mean: float) -> float:
        return math.inf if mean == math.inf else self.chance.expovariate(1 / mean)

    def _start(self, worker: Worker) -> None:
        worker.dies = self.now + self._expo(self.trouble.death_every)
        worker.pauses = self.now + self._expo(self.trouble.pause_every)
        self._schedule(worker, self._work(worker), self._latency())

    def _latency(self) -> float:
        return self.chance.expovariate(1 / LATENCY)

    def _schedule(self, worker: Worker, steps: Generator[float], delay: float) -> None:
        """Let a worker go on after a while, later if it is paused meanwhile, never if it dies."""
        when = self.now + delay
        if worker.pauses <= when:
            self.found.pauses += 1
            when += self._expo(self.trouble.pause)
            worker.pauses = when + self._expo(self.trouble.pause_every)
        dies = worker.dies <= when
        heapq.heappush(self.due, (worker.dies if dies else when, next(self.order), worker, steps, dies))

    def _bury(self, worker: Worker, steps: Generator[float]) -> None:
        self.found.deaths += 1
        steps.close()
        up = self.now + self.trouble.down
        heapq.heappush(self.due, (up, next(self.order), worker, self._again(worker), False))
        worker.dies = worker.pauses = math.inf

    def _again(self, worker: Worker) -> Generator[float]:
        self._start(worker)
        yield from ()

    def _work(self, worker: Worker) -> Generator[float]:
        """Do what `settle_all` does, by the real operations on claims."""
        waiting, waited = [key for key in self.seconds if key not in self.found.sealed], 0.0
        while waiting:
            held: list[str] = []
            for key in waiting:
                if key in self.found.sealed:
                    continue
                if not (yield from self._settle(worker, key)):
                    held.append(key)
            pause = until_next_look(waited) if len(held) == len(waiting) else 0.0
            waited = waited + pause if pause else 0.0
            yield pause
            waiting = held

    def _settle(self, worker: Worker, key: str) -> Generator[float, None, bool]:
        """Do what `settling` does with a run; return whether it was made here, or could be."""
        path, held = Claim(self, key), self.files.get(key)
        if held and self.now - held.st_mtime <= claims.LEASE:
            return False  # as the real code would find, at less cost: most looks are at what others hold
        signature = json.dumps({"host": f"node {id(worker)}", "pid": next(self.order)})
        claim = claims.Claim(path, signature, self.now)  # type: ignore[arg-type]
        if not (yield from self._take(path, signature)):
            return False
        yield self._latency()
        try:
            if key not in self.found.sealed:
                yield from self._train(worker, key, claim)
        except claims.LostClaim:
            self.found.dropped += 1
            return False
        yield self._latency()
        claim.give_back()
        return True

    def _take(self, path: Any, signature: str) -> Generator[float, None, bool]:
        """Take a claim or take it over, as `claims.claimed` does."""
        if claims._take(path, signature):
            return True
        yield self._latency()
        if not claims._is_void(path):
            return False
        yield self._latency()
        if (grave := claims._lifted(path)) is None:
            return False
        self.found.lifted += 1
        yield self._latency()
        if not claims._is_buried(grave, path):
            return False
        self.found.taken_over += 1
        yield self._latency()
        return claims._take(path, signature)

    def _train(self, worker: Worker, key: str, claim: claims.Claim) -> Generator[float]:
        """Train a run from its checkpoint on, and seal it unless somebody else was faster."""
        done, need = self.kept.get(key, 0.0), self.seconds[key]
        kept = done
        while done < need:
            done += yield from self._some(worker, min(need - done, kept + CHECKPOINT - done))
            self._live(claim)
            if done < need and done >= kept + CHECKPOINT:
                claim.look()
                yield self._latency()
                self.found.set_back += max(0.0, self.kept.get(key, 0.0) - done)
                kept = self.kept[key] = done
        claim.look()
        yield self._latency()
        self.found.late += key in self.found.sealed
        if key not in self.found.sealed:
            self.found.sealed[key], self.found.wall = id(worker), self.now

    def _some(self, worker: Worker, left: float) -> Generator[float, None, float]:
        """Train until the next heartbeat, the next checkpoint or a step beyond the next pause; return for how long."""
        some = min(left, BEAT * worker.speed, (worker.pauses - self.now + STEP) * worker.speed)
        self.found.work += some  # a death on the way loses it
        yield some / worker.speed
        return some

    def _live(self, claim: claims.Claim) -> None:
        """Let a training and its heart look at the claim, in any order: after a pause both wake at once."""
        looks = [claim.look_if_late, claim.beat]
        if self.chance.random() < 0.5:
            looks.reverse()
        for look in looks:
            look()


def simulate(seconds: list[float], workers: int, trouble: Trouble, seed: int) -> Simulated:
    """Let so many workers make runs that take so many seconds each."""
    cluster = Cluster({str(i): s for i, s in enumerate(seconds)}, workers, trouble, seed)
    real = claims.time, claims.os
    claims.time = SimpleNamespace(time=lambda: cluster.now)  # type: ignore[assignment]
    claims.os = SimpleNamespace(utime=Claim.touch_if_there)  # type: ignore[assignment]
    try:
        return cluster.run()
    finally:
        claims.time, claims.os = real


def estimated(seconds: list[float], workers: int) -> float:
    """Return the wall time that `barnspider plan` says, which knows the mean time of a run."""
    mean = sum(seconds) / len(seconds)
    return Cost.seconds.fget(SimpleNamespace(seconds_each=mean, missing=len(seconds), workers=workers))  # type: ignore[misc]


TROUBLES = {
    "nothing goes wrong": Trouble(),
    "a twentieth of the workers is three times slower": Trouble(slow=0.05),
    "every worker dies once in 10 hours": Trouble(death_every=36_000),
    "every worker is paused once in 2 hours, for 2 minutes": Trouble(pause_every=7200),
    "all of that, and deaths every 5 hours": Trouble(18_000, 300, 7200, 120, 0.05),
}


def main(runs: int, workers: int, minutes: float, seed: int) -> None:
    chance = random.Random(seed)
    seconds = [60 * minutes * chance.lognormvariate(0, 0.1) for _ in range(runs)]
    plan, need = estimated(seconds, workers), sum(seconds)
    sys.stdout.write(f"{runs} runs of {minutes:g} min on {workers} workers; the plan says {plan / 3600:.2f} h\n\n")
    sys.stdout.write(
        "| | wall time / plan | work / needed | deaths | pauses | taken over | dropped | sealed second |\n"
    )
    sys.stdout.write("|:--|--:|--:|--:|--:|--:|--:|--:|\n")
    for name, trouble in TROUBLES.items():
        found = simulate(seconds, workers, trouble, seed)
        assert len(found.sealed) == runs
        sys.stdout.write(
            f"| {name} | {found.wall / plan:.3f} | {found.work / need:.4f} | {found.deaths} | {found.pauses} |"
            f" {found.taken_over} | {found.dropped} | {found.late} |\n"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    main(asked.runs, asked.workers, asked.minutes, asked.seed)
