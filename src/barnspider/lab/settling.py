"""What a worker does, whatever is to be made: it settles one run after the other, each by whoever claims it first.

What it has to say goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO, TypeVar

from barnspider.errors import BarnspiderError, StoreError, TrainingError
from barnspider.lab.claims import claimed
from barnspider.lab.data import Dataset
from barnspider.lab.data.sharing import shared
from barnspider.lab.machine import placed
from barnspider.store import Planned, Store

WAIT = 0.5
"""Seconds between two looks at runs that other workers hold."""

R = TypeVar("R", bound=Planned)

_LINE: ContextVar[TextIO | None] = ContextVar("line", default=None)
"""Where lines for the process that started this one go, once standard output is left to others."""

Seal = Callable[[R], bool]
"""Makes a run and seals it; False when somebody else sealed it first."""

Work = Callable[[Store, str, Dataset | None, str, int], None]
"""Works on a study of a store: its data, where that is shared; the device; which of several workers this is."""


def settle_all(store: Store, runs: Iterable[R], seal: Seal[R], number: int = 0) -> None:
    """Make every missing run that nobody else is making; come back when all are sealed or failed.

    Of several workers, each begins at a place of its own, lest all reach for the same run.
    """
    missing, parent = store.missing(runs), os.getppid()
    first = number % max(1, len(missing))
    waiting = missing[first:] + missing[:first]
    while waiting and os.getppid() == parent:
        held = [run for run in waiting if not _settle(store, run, seal)]
        if len(held) == len(waiting):
            time.sleep(WAIT)
        waiting = held


def _settle(store: Store, run: R, seal: Seal[R]) -> bool:
    """Return True when the run needs no more attention: it is sealed, or it failed. False when somebody holds it."""
    if not store.missing([run]):
        return True
    with claimed(store.root, run.key) as mine:
        if not mine:
            return False
        if store.missing([run]):
            _make(store, run, seal)
        return True


def _make(store: Store, run: R, seal: Seal[R]) -> None:
    store.forget_failure(run.key)
    try:
        first = seal(run)
    except StoreError:
        raise
    except Exception as error:
        known = isinstance(error, BarnspiderError)
        store.note_failure(run.key, str(error) if known else f"{type(error).__name__}: {error}")
        if not isinstance(error, TrainingError):
            raise
        say(event="failed", error=f"{run.arm}, seed {run.seed}: {error}")
    else:
        if first:
            say(event="sealed")


def say(**event: object) -> None:
    """Write one line for the process that started this one."""
    out = _LINE.get() or sys.stdout
    out.write(json.dumps(event) + "\n")
    out.flush()


def serve(room: str, what: str, work: Work) -> None:
    """Work on the store and study that the command line of `python -m room` names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    parser = argparse.ArgumentParser(prog=f"python -m {room}", description=what)
    parser.add_argument("store")
    parser.add_argument("study")
    parser.add_argument("--data", type=Path, help="folder in which the data set is laid down for all workers")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or one GPU: cuda:0")
    parser.add_argument(
        "--number", type=int, default=0, help="which of several workers this is: spreads them over GPUs and runs"
    )
    asked = parser.parse_args()
    _LINE.set(sys.stdout)
    sys.stdout = sys.stderr  # what strangers' networks print is no line of ours
    try:
        device = placed(asked.device, asked.number)
        work(Store.existing(asked.store), asked.study, asked.data and shared(asked.data), device, asked.number)
    except BarnspiderError as error:
        say(event="stopped", error=str(error))
        sys.exit(2)
