"""The command of one worker among many: work."""

from __future__ import annotations

import math
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.options import Data, Device
from barnspider.cli.output import talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError, TrainingError
from barnspider.words import counted

if TYPE_CHECKING:
    from barnspider.lab.shift import Shift
    from barnspider.lab.work import Worked
    from barnspider.store import Store

Planned = Annotated[Path, typer.Argument(metavar="STORE", help="A store's folder, in which studies are planned.")]
Which = Annotated[
    str | None, typer.Option("--study", help="Which study of the store. Default: all, one after the other.")
]
Crew = Annotated[int, typer.Option("--workers", min=1, help="Processes, or commands side by side.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Make N runs at the most.")]
Minutes = Annotated[
    float | None, typer.Option("--for", min=0, metavar="MINUTES", help="Begin no run after so many minutes.")
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="End when all that is left is in others' hands; else wait, lest they die.")
]


def work(
    store: Planned,
    study: Which = None,
    workers: Crew = 1,
    device: Device = "cpu",
    data: Data = None,
    limit: Limit = None,
    minutes: Minutes = None,
    no_wait: NoWait = False,
) -> None:
    """Make what is missing of the studies that a store has planned. Start it anywhere, as often as you like.

    Every machine that sees the store may run it; each run is made by whoever claims it first. Ctrl-C, SIGTERM,
    SIGUSR1 and SIGUSR2 end it well: a training saves its state, claims are given back. Exit 0 where nothing is left for
    it, 2 where a run failed, 130 stopped, 75 stopped by SIGUSR1 or SIGUSR2: start it again.
    """
    from barnspider.lab.work import in_order, work_on
    from barnspider.store import Store

    look_for_data_in(data)
    there = Store.existing(store)
    names = [study] if study is not None else _of_any_worker(there, in_order(there))
    missing, failed = 0, list[TrainingError]()
    shift = _shift(limit, minutes, waits=not no_wait)
    for name in names:
        if shift.is_over(0):
            missing += len(there.missing(there.study(name).cells))
            continue
        try:
            done = work_on(there, name, workers=workers, device=device, shift=shift)
        except TrainingError as error:  # the other studies may do better
            failed.append(error)
            continue
        _say(done)
        missing += done.missing
        shift = replace(shift, most=None if shift.most is None else shift.most - done.here)
    for error in failed[1:]:
        talk(f"error: {error}")
    if failed:
        raise failed[0]
    talk(f"Next: barnspider {'status' if missing else 'audit'} {shlex.quote(str(store))}")


def _shift(limit: int | None, minutes: float | None, *, waits: bool) -> Shift:
    from barnspider.lab.shift import Shift

    if minutes is not None and not math.isfinite(minutes):
        raise InputError(f"for={minutes!r}; expected minutes, 0 or more")
    until = None if minutes is None else time.monotonic() + 60 * minutes
    return Shift(most=limit, until=until, waits=waits)


def _of_any_worker(store: Store, names: list[str]) -> list[str]:
    """Return the studies that can be worked on; say which only their own command makes."""
    from barnspider.lab.work import is_anybodys

    if not names:
        raise InputError(f"{str(store.root)!r} holds no study yet; plan one with `barnspider run`")
    for name in names:
        if not is_anybodys(store.study(name)) and store.missing(store.study(name).cells):
            talk(f"note: {name} asks references, which `barnspider preserve` does; it is left alone")
    return [name for name in names if is_anybodys(store.study(name))]


def _say(done: Worked) -> None:
    rest = f", {done.missing} missing" if done.missing else ""
    there = f"{done.planned - done.missing} of {done.planned} there"
    talk(f"{done.study}: {counted(done.here, 'run')} made now, {there}{rest}")
