"""Asked to end, a worker ends well: a training between two steps, its state saved; whatever else it does, at once."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

Said = TypeVar("Said")

AWAKE = 0.5
"""Seconds after which whoever waits looks whether a signal came, which by itself may not end a wait."""


class Stopped(BaseException):
    """Somebody wants this process to end."""


@dataclass
class _Ear:
    """Whether this process was asked to end, and whether what it does looks for that by itself."""

    asked: bool = False
    patient: bool = False


_EAR = _Ear()


def listen() -> None:
    """Take SIGTERM as being asked to end, from now on; what only the parent shall hear is ignored."""
    signal.signal(signal.SIGTERM, _hear)
    for name in ("SIGINT", "SIGUSR1", "SIGUSR2"):  # they may reach the whole group: the parent decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _hear(*_: object) -> None:
    first, _EAR.asked = not _EAR.asked, True
    if first and not _EAR.patient:
        raise Stopped


@contextlib.contextmanager
def patience() -> Generator[None]:
    """Let the block decide when it ends: it calls `end_if_asked` where that costs nothing."""
    _EAR.patient = True
    try:
        yield
    finally:
        _EAR.patient = False


def next_of(told: queue.SimpleQueue[Said]) -> Said:
    """Wait for what is put into a queue next, as long as it takes; a signal is handled meanwhile.

    A signal that comes as the wait begins, or to another thread, does not end the wait of the main thread, in which
    alone Python handles signals.
    """
    while True:
        with contextlib.suppress(queue.Empty):
            return told.get(timeout=AWAKE)


def is_asked() -> bool:
    """Return whether this process was asked to end."""
    return _EAR.asked


def end_if_asked() -> None:
    """Raise `Stopped` where this process was asked to end."""
    if _EAR.asked:
        raise Stopped
