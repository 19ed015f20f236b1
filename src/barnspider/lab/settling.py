"""What a worker does, whatever is to be made: it settles one run after the other, each by whoever claims it first.

What it has to say goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeVar

from barnspider.errors import BarnspiderError, InputError, StoreError, TrainingError
from barnspider.lab import stopping
from barnspider.lab.claims import Claim, LostClaim, claimed
from barnspider.lab.data import Dataset
from barnspider.lab.data.sharing import shared
from barnspider.lab.lines import keep_for_lines, keys, say
from barnspider.lab.machine import placed
from barnspider.lab.shift import Share, Shift
from barnspider.store import Planned, Store

WAIT = 0.5
"""Seconds between two looks at runs that other workers hold, at the least."""

LONGEST_WAIT = 10.0
"""The same at the most: a tenth of the time that was waited, lest many that wait keep a shared disk busy."""

R = TypeVar("R", bound=Planned)

Seal = Callable[[R, Claim], bool]
"""Makes a run and seals it while the claim is ours, else raises `LostClaim`; False when another sealed it first."""

Work = Callable[[Store, str, Dataset | None, str, Shift], None]
"""Works on a study of a store: its data, where that is shared; the device; what this worker has to do."""

Outcome = Literal["made", "there", "held"]
"""What came of a look at a run: it was made here, or could not be; it is sealed already; somebody else makes it."""

ALL = Shift()
"""Everything, by the only worker there is."""


def settle_all(store: Store, runs: Iterable[R], seal: Seal[R], shift: Shift = ALL) -> None:
    """Make every missing run of a shift that nobody else is making; come back when all are sealed or failed.

    Of several workers, each begins at a place of its own, lest all reach for the same run. One that is told which runs
    to make makes those, and says of each what came of it, until it is asked to end.
    """
    if shift.told:
        _settle_told(store, runs, seal)
        return
    missing, made, waited = store.missing(shift.of(runs)), 0, 0.0
    first = shift.number % max(1, len(missing))
    waiting = missing[first:] + missing[:first]
    while waiting:
        held: list[R] = []
        for run in waiting:
            stopping.end_if_asked()
            if shift.is_over(made):
                return
            outcome = _settle(store, run, seal)
            made += outcome == "made"
            held += [run] if outcome == "held" else []
        if held and not shift.waits:
            return
        waited = waited + _wait(waited) if len(held) == len(waiting) else 0.0
        waiting = held


def _settle_told(store: Store, runs: Iterable[R], seal: Seal[R]) -> None:
    planned = {run.key: run for run in runs}
    for key in keys():
        if key not in planned:
            raise InputError(
                f"run {key} is not in the study as it is read here: it takes the same version of barnspider everywhere,"
                " and the same file of a network of yours"
            )
        say(event="settled", outcome=_settle(store, planned[key], seal))


def until_next_look(waited: float) -> float:
    """Return the seconds until the next look at runs that others hold, so many having been waited.

    Examples
    --------
    >>> [until_next_look(waited) for waited in (0.0, 20.0, 10_000.0)]
    [0.5, 2.0, 10.0]
    """
    return min(max(WAIT, waited / 10), LONGEST_WAIT)


def _wait(waited: float) -> float:
    seconds = until_next_look(waited)
    time.sleep(seconds)
    return seconds


def _settle(store: Store, run: R, seal: Seal[R]) -> Outcome:
    """Make a run, unless it is sealed or somebody else makes it, from the beginning or by now."""
    if not store.missing([run]):
        return "there"
    with contextlib.suppress(LostClaim), claimed(store.root, run.key) as claim:
        if claim is None:
            return "held"
        if not store.missing([run]):
            return "there"
        _make(store, run, seal, claim)
        return "made"
    return "held"


def _make(store: Store, run: R, seal: Seal[R], claim: Claim) -> None:
    store.forget_failure(run.key)
    try:
        first = seal(run, claim)
    except StoreError:
        raise
    except Exception as error:
        claim.look()
        known = isinstance(error, BarnspiderError)
        store.note_failure(run.key, str(error) if known else f"{type(error).__name__}: {error}")
        if not isinstance(error, TrainingError):
            raise
        say(event="failed", error=f"{run.arm}, seed {run.seed}: {error}")
    else:
        if first:
            say(event="sealed")


def serve(room: str, what: str, work: Work) -> None:
    """Work on the store and study that the command line of `python -m room` names."""
    stopping.listen()
    asked = _parser(room, what).parse_args()
    keep_for_lines()
    try:
        device = placed(asked.device, asked.number)
        work(Store.existing(asked.store), asked.study, asked.data and shared(asked.data), device, _shift(asked))
    except BarnspiderError as error:
        say(event="stopped", error=str(error))
        sys.exit(2)
    except stopping.Stopped:
        sys.exit(130)


def _parser(room: str, what: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {room}", description=what)
    parser.add_argument("store")
    parser.add_argument("study")
    parser.add_argument("--data", type=Path, help="folder in which the data set is laid down for all workers")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or one GPU: cuda:0")
    parser.add_argument(
        "--number", type=int, default=0, help="which of several workers this is: spreads them over GPUs and runs"
    )
    parser.add_argument("--share", type=Share.parse, help="which share of the runs is for it: 3/16")
    parser.add_argument("--most", type=int, help="how many runs it makes at the most")
    parser.add_argument("--seconds", type=float, help="after how many seconds it begins no run any more")
    parser.add_argument("--no-wait", action="store_true", help="end when all that is left is in others' hands")
    parser.add_argument("--told", action="store_true", help="make the runs whose keys standard input names, in turn")
    return parser


def _shift(asked: argparse.Namespace) -> Shift:
    until = None if asked.seconds is None else time.monotonic() + asked.seconds
    return Shift(asked.number, asked.share, asked.most, until, not asked.no_wait, os.getppid(), asked.told)
