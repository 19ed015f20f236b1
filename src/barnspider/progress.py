"""Progress and time left: a bar on a terminal, a plain line every few seconds elsewhere. Talk goes to stderr."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

QUIET = 5.0
"""Seconds between two plain lines."""
PATIENCE = 2.0
"""Seconds that a command may take in silence."""


@dataclass
class Progress:
    """Counts what is done of `total` and says how long the rest will take.

    Attributes
    ----------
    what, total : what is done, and of how many
    patience : seconds from the beginning in which nothing is said
    guess : seconds that all of it may take, told until something is done

    Examples
    --------
    >>> with Progress("training", total=2) as progress:  # talks to stderr
    ...     progress.show(2)
    """

    what: str
    total: int
    patience: float = 0.0
    guess: float | None = None
    _bar: Bar | None = None
    _spoke: float = 0.0
    _began: float | None = None

    def __enter__(self) -> Progress:
        if not self.patience:
            self._start_bar()
        return self

    def _start_bar(self) -> None:
        console = Console(stderr=True)
        if console.is_terminal and self.total:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Bar(*columns, console=console, transient=True)
            self._bar.start()
            self._bar.add_task(self.what, total=self.total, left="")

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, failed: int = 0) -> None:
        """Show that so many of the total are done, and so many have failed."""
        now, over = time.monotonic(), done + failed
        if self.patience:
            if now - (self._began or now) < self.patience:
                return
            self.patience = 0.0
            self._start_bar()
        left = self._left(over, now)
        if self._bar is not None:
            lost = f"{failed} failed, " if failed else ""
            self._bar.update(self._bar.task_ids[0], completed=done, left=f"{lost}{left}")
        elif now - self._spoke >= QUIET or over == self.total:
            self._spoke = now
            said = f"{done} done, {failed} failed of" if failed else f"{done} of"
            sys.stderr.write(f"{self.what}: {said} {self.total}, {left}\n")

    def begin(self) -> None:
        """Start the clock by which the time left is judged: what was before was preparation."""
        if self._began is None:
            self._began = time.monotonic()

    def _left(self, over: int, now: float) -> str:
        if not over and self.guess is not None:
            return f"about {clock(self.guess)} left"
        if self._began is None:
            return "starting"
        seconds = seconds_left(over, self.total - over, now - self._began)
        return "..." if seconds is None else f"{clock(seconds)} left"


@dataclass
class Stages:
    """Says what a command is at once it has taken longer than two seconds; of what is quick, nothing is said.

    Examples
    --------
    >>> with Stages("report") as stages:  # talks to stderr, if at all
    ...     stages.begin("reading answers")
    """

    what: str
    _stage: str = ""
    _late: bool = False
    _timer: threading.Timer | None = None

    def __enter__(self) -> Stages:
        self._timer = threading.Timer(PATIENCE, self._speak)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, stage: str) -> None:
        """Take note of what is begun, and say it if the command is slow."""
        self._stage = stage
        if self._late:
            self._say()

    def _speak(self) -> None:
        self._late = True
        if self._stage:
            self._say()

    def _say(self) -> None:
        sys.stderr.write(f"{self.what}: {self._stage} ...\n")


def seconds_left(done: int, rest: int, elapsed: float) -> float | None:
    """Return the time that the rest takes at the pace so far; None when nothing tells the pace.

    Examples
    --------
    >>> seconds_left(5, 10, elapsed=20.0)
    40.0
    """
    if not rest:
        return 0.0
    return elapsed / done * rest if done else None


def clock(seconds: float) -> str:
    """Return a duration as people say it.

    Examples
    --------
    >>> clock(8.4), clock(250), clock(4000), clock(200000)
    ('8 s', '4 min 10 s', '1 h 6 min', '55 h 33 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
