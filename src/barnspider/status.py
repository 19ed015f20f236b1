"""How far a study in a store is: what is done, who works on what, what failed, how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from barnspider.effects import estimate
from barnspider.lab.claims import Holder, holders
from barnspider.names import visible
from barnspider.progress import clock
from barnspider.sources import stated_baseline
from barnspider.store import Cell, Kept, Study
from barnspider.words import counted, text_table

ENOUGH = 2
"""Runs that an arm must have before anything is said about it."""


@dataclass(frozen=True)
class ArmStatus:
    """One arm: runs that are planned, done, diverged; and its headline, as `audit` says it, once there is one."""

    arm: str
    planned: int
    done: int
    diverged: int
    headline: str


@dataclass(frozen=True)
class Running:
    """A run that somebody is training: who, and for how many seconds."""

    arm: str
    seed: int
    host: str
    pid: int
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A run that could not be trained, why, and where."""

    arm: str
    seed: int
    reason: str
    host: str


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes
    ----------
    planned : runs of the study; each is done, diverged, running, failed or missing
    seconds_each : mean wall time of the runs that are there; None while there is none
    seconds_left : wall time for the rest with those who work on it now, or None
    baseline : the arm that the others are compared with, or None where none is stated
    """

    study: str
    planned: int
    done: int
    diverged: int
    missing: int
    running: tuple[Running, ...]
    failed: tuple[Failed, ...]
    arms: tuple[ArmStatus, ...]
    seconds_each: float | None
    seconds_left: float | None
    baseline: str | None

    @property
    def is_over(self) -> bool:
        """Whether every run is sealed, as done or as diverged."""
        return self.done + self.diverged == self.planned

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON knows it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it as a person wants it."""
        counts = {"done": self.done, "diverged": self.diverged, "running": len(self.running)}
        counts |= {"failed": len(self.failed), "missing": self.missing}
        said = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        busy = [
            f"running    {_cell(r)}, on {visible(r.host)} (process {r.pid}) for {clock(r.seconds)}"
            for r in self.running
        ]
        broken = [f"failed     {_cell(f)}, on {visible(f.host)}: {visible(f.reason, longest=300)}" for f in self.failed]
        lines = [f"study      {self.study}", f"runs       {self.planned}: {said}", *busy, *broken, *self._rest()]
        return "\n".join([*lines, "", self._table()])

    def _rest(self) -> list[str]:
        if self.is_over:
            return []
        if not self.running:
            return [f"the rest   {self._why_nobody()}"]
        workers = counted(len(self.running), "worker")
        if self.seconds_left is None or self.seconds_each is None:
            return [f"the rest   {workers}; no run is done yet, so nothing tells how long one takes"]
        return [f"the rest   about {clock(self.seconds_left)} with {workers}; a run takes {clock(self.seconds_each)}"]

    def _why_nobody(self) -> str:
        """Return how the rest stands that nobody works on."""
        if not self.failed:
            return "nobody is working on it; `barnspider run` goes on"
        if not self.missing:
            return "has failed; `barnspider run` tries it again"
        return "nobody is working on it; `barnspider run` goes on, and tries again what failed"

    def _table(self) -> str:
        """Return a line for each arm; what was found stands below it, for it is long."""
        head, rows = ["arm", "done"], [[a.arm, f"{a.done} of {a.planned}"] for a in self.arms]
        if self.diverged:
            head, rows = [*head, "diverged"], [[*r, str(a.diverged)] for r, a in zip(rows, self.arms, strict=True)]
        found = [f"{visible(a.arm)}: {a.headline}" for a in self.arms if a.headline]
        return "\n".join([text_table(head, rows), "", *(found or [self._why_nothing()])])

    def _why_nothing(self) -> str:
        """Return why nothing is found yet."""
        if len(self.arms) == 1:
            return "The study has one arm: there is nothing to compare it with."
        if self.baseline is None:
            return "No baseline is stated, and not one arm alone has dose 0: name one to `barnspider audit`."
        return f"Nothing to compare yet: that takes {ENOUGH} runs of {visible(self.baseline)} and of another arm."


def _cell(cell: Running | Failed) -> str:
    return f"{visible(cell.arm)}, seed {cell.seed}"


def status(store: Kept, study: str | None = None) -> Status:
    """Return how far a study is; reads the store, and changes nothing.

    Raises
    ------
    InputError
        When the store holds no such study, or several and none is named.
    StoreError
        When the plan is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.lab import Recipe, Store, Sweep
    >>> sweep = Sweep(Recipe("digits"), vary="crop", doses=(0.0, 0.3), seeds=range(3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     _ = store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    ...     status(store).missing
    6
    """
    plan = store.study(study)
    sealed = {document["key"]: document for document in store.sealed(plan.cells)}
    open_cells = {cell.key: cell for cell in plan.cells if cell.key not in sealed}
    busy = {key: holder for key, holder in holders(store.root).items() if key in open_cells}
    failures = {key: f for key, f in store.failures().items() if key in open_cells and key not in busy}
    now, done = time.time(), [d for d in sealed.values() if d["status"] == "done"]
    running = tuple(_running(open_cells[key], holder, now) for key, holder in busy.items())
    each = sum(d["seconds"] for d in sealed.values()) / len(sealed) if sealed else None
    return Status(
        study=plan.identity, planned=len(plan.cells), done=len(done), diverged=len(sealed) - len(done),
        missing=len(open_cells) - len(busy) - len(failures), running=running,
        failed=tuple(Failed(open_cells[k].arm, open_cells[k].seed, f.reason, f.host) for k, f in failures.items()),
        arms=_arms(store, plan, sealed), seconds_each=each, seconds_left=_left(each, len(open_cells), running),
        baseline=_baseline(plan),
    )  # fmt: skip


def _running(cell: Cell, holder: Holder, now: float) -> Running:
    return Running(cell.arm, cell.seed, holder.host, holder.pid, max(0.0, now - holder.since))


def _left(each: float | None, unfinished: int, running: tuple[Running, ...]) -> float | None:
    """Return the wall time for all unfinished runs, if as many go on side by side as now."""
    if each is None or not running:
        return None
    spent = sum(min(run.seconds, each) for run in running)
    return (each * unfinished - spent) / len(running)


def _arms(store: Kept, plan: Study, sealed: Mapping[str, Mapping[str, Any]]) -> tuple[ArmStatus, ...]:
    """Return every arm in the plan's order."""
    arms: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        arms.setdefault(cell.arm, []).append(cell)
    states = {arm: [sealed[c.key]["status"] for c in cells if c.key in sealed] for arm, cells in arms.items()}
    said = _headlines(store, plan, {arm for arm, state in states.items() if state.count("done") >= ENOUGH})
    return tuple(
        ArmStatus(
            arm, len(cells), states[arm].count("done"), len(states[arm]) - states[arm].count("done"), said.get(arm, "")
        )
        for arm, cells in arms.items()
    )


def _headlines(store: Kept, plan: Study, ready: set[str]) -> dict[str, str]:
    """Return what is found so far of each arm that can be compared."""
    baseline = _baseline(plan)
    if baseline is None or baseline not in ready or len(ready) < 2:
        return {}
    effects = estimate(store.load([cell for cell in plan.cells if cell.arm in ready]), baseline=baseline)
    return {arm: effects.headline(arm) for arm in effects.arms}


def _baseline(plan: Study) -> str | None:
    """Return the arm that the plan states, else the only one of dose 0, else None."""
    off = {cell.arm for cell in plan.cells if cell.dose == 0}
    return stated_baseline(plan) or (off.pop() if len(off) == 1 else None)
