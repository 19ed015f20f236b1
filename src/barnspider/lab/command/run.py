"""Start the commands of what is missing, a few side by side, and stay until all is sealed or said."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from barnspider.errors import StoreError, TrainingError
from barnspider.files import cannot_write
from barnspider.lab.claims import clear_abandoned
from barnspider.lab.command.agreement import Agreement
from barnspider.lab.command.copies import copies_note
from barnspider.lab.command.slot import Event, Slot
from barnspider.lab.command.sweep import CommandRun, CommandSweep
from barnspider.lab.shift import Share, Shift
from barnspider.lab.stopping import next_of
from barnspider.lab.tally import Tally
from barnspider.progress import Progress
from barnspider.store import Store
from barnspider.words import counted

SHOWN = 3
"""Of how many failures the last lines are shown: a mistake in a study file makes all fail alike."""


def run_missing(
    sweep: CommandSweep,
    store: Store,
    *,
    workers: int | None = None,
    about: Mapping[str, Any] | None = None,
    share: Share | None = None,
) -> Tally:
    """Start the commands of all runs that are not in the store; return who has run how many of them.

    In the plan's order, seed by seed, `workers` side by side. A run that fails does not stop the others. What other
    processes have claimed is left to them, and waited for.

    Parameters
    ----------
    workers
        How many commands run side by side; by default as the study says, which by default says one.
    about
        What the store's plan shall say beside the sweep.
    share
        Which share of the runs is made; by default all.

    Raises
    ------
    InputError
        When a file that the study lists is not there, or doses are prescribed for other classes than the study's.
    TrainingError
        When a command failed, or left what cannot be sealed; all others are run and sealed first.
    StoreError
        When the store cannot be written.
    """
    runs = sweep.runs()
    store.plan(sweep.identity, runs, sweep.as_dict() | dict(about or {}))
    clear_abandoned(store.root)
    return run_planned(sweep, store, runs, Shift(share=share), workers=workers)


def run_planned(
    sweep: CommandSweep, store: Store, runs: Iterable[CommandRun], shift: Shift, *, workers: int | None = None
) -> Tally:
    """Start the commands of those runs of a plan that are for this shift and missing, as `run_missing`."""
    missing = store.missing(shift.of(runs))
    images = Agreement(sweep, store)
    for run in missing:
        images.check_prescribed(run)
    if not missing:
        images.check()
        _say_copies(images)
        return Tally(0)
    return _work(store, missing, images, min(workers or sweep.base.workers, len(missing)), shift)


def _work(store: Store, missing: list[CommandRun], images: Agreement, workers: int, shift: Shift) -> Tally:
    """Stay until all are sealed or have failed; raise when runs are still missing then."""
    reasons: list[str] = []
    shifts, seen = shift.split(workers), Counter[str]()
    total = len(missing) if shift.most is None else min(shift.most, len(missing))
    with Progress("running", total=total) as progress, _slots(store, missing, images, shifts) as events:
        progress.begin()
        progress.show(0)
        for event in events:
            if event.error is not None:
                raise event.error
            first = event.text.partition("\n")[0]
            if event.kind == "failed":
                reasons.append(first)
            if event.text:
                sys.stderr.write(f"{event.kind}: {event.text if len(reasons) <= SHOWN else first}\n")
            seen[event.kind] += 1
            progress.show(seen["sealed"] + seen["found"], seen["failed"])
    _say_copies(images)
    still = len(store.missing(missing))
    if still and (reasons or shift.takes_all):
        why = reasons[0] if reasons else "what was sealed of it is damaged"
        failed = still if shift.takes_all else len(reasons)
        raise TrainingError(
            f"{failed} of {counted(total, 'run')} failed; the first: {why}. What commands said is in"
            f" {store.root / 'logs'}; run the same again to try again"
        )
    return Tally(seen["sealed"], len(missing) - still - seen["sealed"])


def _say_copies(images: Agreement) -> None:
    if note := copies_note(images.store, images.store.study(images.sweep.identity).cells):
        sys.stderr.write(f"note: {note}\n")


@contextlib.contextmanager
def _slots(
    store: Store, missing: list[CommandRun], images: Agreement, shifts: Sequence[Shift]
) -> Generator[Iterator[Event]]:
    """Start commands, a thread for each shift, yield what they tell until all is done, and stop them whatever comes."""
    try:
        (store.root / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(cannot_write(store.root / "logs", error)) from error
    left, told, unwanted = deque(missing), queue.SimpleQueue[Event](), threading.Event()
    slots = [Slot(shift, store, left, unwanted, images, told) for shift in shifts]
    threads = [threading.Thread(target=slot.work, daemon=True) for slot in slots]
    try:
        for thread in threads:
            thread.start()
        yield _told(told, len(threads))
    finally:
        unwanted.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _told(events: queue.SimpleQueue[Event], slots: int) -> Iterator[Event]:
    while slots:
        event = next_of(events)
        if event.kind == "ended":
            slots -= 1
        else:
            yield event
