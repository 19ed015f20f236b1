"""work_on(store, study): make what is missing of a study that the store has planned, beside whoever else does.

Whoever starts this needs to know the store, and nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import InputError
from barnspider.files import owner
from barnspider.lab.claims import clear_abandoned, clear_shared
from barnspider.lab.command.run import run_planned
from barnspider.lab.command.sweep import CommandSweep
from barnspider.lab.data.sharing import share as lay_down
from barnspider.lab.images import describe
from barnspider.lab.run import check_torch, commands, fitting_data, set_to_work
from barnspider.lab.shift import Shift
from barnspider.lab.sweep import Sweep
from barnspider.store import Planned, Store, Study

PATIENCE = 25.0
"""Seconds that workers have for ending when asked: schedulers kill after 30."""

DOING = {
    "worker": ("training", "trained"),
    "derived.worker": ("averaging", "averaged"),
    "transfer.worker": ("transferring", "transferred"),
}
"""What the workers of a room do, and have done."""


@dataclass(frozen=True)
class Worked:
    """What came of working on a study: runs that are planned, were made now, and are missing still."""

    study: str
    planned: int
    here: int
    missing: int


def work_on(store: Store, study: str, *, workers: int = 1, device: str = "cpu", shift: Shift | None = None) -> Worked:
    """Make the missing runs of a planned study that nobody else makes, in the plan's order.

    Of trainings, commands, derived networks and transfers. Stopped at any moment, it gives its claims back; a training
    saves its state first, and whoever takes it up goes on from there.

    Parameters
    ----------
    workers
        Processes, each of one thread, or commands side by side.
    device
        As in `barnspider.lab.run`; a command chooses its own.
    shift
        How many runs, until when, and whether to wait for what others hold; by default all there are.

    Raises
    ------
    InputError
        When there is no such study, when its runs would now have other keys than were planned, or when it is of a kind
        that only its own command makes.
    TrainingError, StoreError
        As `barnspider.lab.run`.
    """
    plan, asked = store.study(study), shift or Shift()
    clear_abandoned(store.root)
    if "command" in plan.sweep:
        here = _start_commands(plan, store, workers, device, asked)
    elif room := room_of(plan):
        here = _set_workers(plan, store, room, workers, device, asked)
    else:
        raise InputError(f"study {plan.identity!r} asks references, which only `barnspider preserve` does")
    cells = _now_planned(plan)
    return Worked(plan.identity, len(cells), here, len(store.missing(cells)))


def room_of(plan: Study) -> str:
    """Return the room of the laboratory whose workers make a plan's runs; "" where there is none."""
    if "recipe" in plan.sweep:
        return "worker"
    if plan.sweep.get("made") == "derive":
        return "derived.worker"
    return "transfer.worker" if "to" in plan.sweep else ""


def is_anybodys(plan: Study) -> bool:
    """Return whether `work_on` makes a plan's runs: all but label preservation's."""
    return "command" in plan.sweep or bool(room_of(plan))


def _now_planned(plan: Study) -> list[Planned]:
    return list(plan.cells[: len(plan.cells) - len(plan.earlier)])


def _start_commands(plan: Study, store: Store, workers: int, device: str, shift: Shift) -> int:
    if device != "cpu":
        raise InputError(f"device={device!r} is for our own trainings; a command chooses its own")
    sweep = planned_commands(plan)
    return run_planned(sweep, store, sweep.runs(), shift, workers=workers).here


def planned_commands(plan: Study) -> CommandSweep:
    """Return the sweep of commands that was planned.

    Raises
    ------
    InputError
        When its folder is not on this machine, or its runs would now have other keys.
    """
    sweep = CommandSweep.from_dict(plan.sweep)
    if not sweep.base.folder.is_dir():
        raise InputError(
            f"study {plan.identity!r} starts its command in {str(sweep.base.folder)!r}, which is no folder here;"
            " expected the folder of the study file, on a disk that this machine sees"
        )
    _refuse_other_keys(plan, sweep.runs(), "a file that the study lists")
    return sweep


def _set_workers(plan: Study, store: Store, room: str, workers: int, device: str, shift: Shift) -> int:
    check_torch()
    missing = store.missing(shift.of(_now_planned(plan)))
    count = min(workers, len(missing))
    if not count:
        return 0
    clear_shared()
    with tempfile.TemporaryDirectory(prefix=f"barnspider-{owner()}-") as folder:
        data = _checked(plan, store, Path(folder), shared=count > 1) if room == "worker" else None
        started = commands(room, store, plan.identity, data, device, count)
        shifts = shift.split(count)
        orders = [[*command, *_said(each)] for command, each in zip(started, shifts, strict=False)]
        total = len(missing) if shift.most is None else min(shift.most, len(missing))
        doing, done = DOING[room]
        return set_to_work(orders, store, missing, total, doing=doing, done=done, all_of_them=False, patience=PATIENCE)


def _said(shift: Shift) -> list[str]:
    """Return a shift as a worker's command line takes it."""
    given = {"--share": shift.share, "--most": shift.most, "--seconds": shift.seconds_left}
    options = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    return options if shift.waits else [*options, "--no-wait"]


def _checked(plan: Study, store: Store, folder: Path, *, shared: bool) -> Path | None:
    """See that a plan of trainings fits the data; lay these down for several workers, and return where."""
    sweep = Sweep.from_dict(plan.sweep)
    _refuse_other_keys(plan, sweep.runs(), "barnspider's way to train, or the file of a network of yours")
    data = fitting_data(sweep, store)
    describe(store, data)
    if not shared:
        return None
    lay_down(data, folder)
    return folder


def _refuse_other_keys(plan: Study, runs: Sequence[Planned], what: str) -> None:
    if {run.key for run in runs} != {cell.key for cell in _now_planned(plan)}:
        raise InputError(
            f"the plan of {plan.identity!r} is of another time: {what} has changed since; run its study file again"
            " (`barnspider run`), which plans it anew, and use one version of barnspider on all machines"
        )


def in_order(store: Store) -> list[str]:
    """Return all studies of a store, those that were made of others last."""
    return sorted(store.studies(), key=lambda name: store.study(name).of is not None)
