"""Start one command, keep the end of what it says, and stop all that it started: when it is over, late or unwanted.

Between us and the command stands its keeper (`keeper.py`), who ends it when we are gone, however we ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from barnspider.errors import StoreError
from barnspider.files import cannot_write
from barnspider.lab.command import keeper

KEPT = 256 * 1024
"""Bytes of the end of what a command says that are kept, at the least; twice as many at the most."""

DROPPED = b"[the beginning was dropped]\n"

LOOK = 0.05
"""Seconds between two looks at a command that is running."""

PATIENCE = 10.0
"""Seconds that a command has for ending when asked."""

TALKATIVE = {"PYTHONUNBUFFERED": "1"}
"""So that what a Python script has said is there when it is stopped; what the user has set wins."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and after how many seconds: `why` is "" when it ended well."""

    why: str
    seconds: float


class Stopped(Exception):  # noqa: N818 - it is no error: whoever started the commands wants them to end
    """Nobody wants the command any more; it was stopped."""


def run_to_end(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    log: Path,
    timeout: float | None,
    unwanted: threading.Event,
    look: Callable[[], None] = lambda: None,
) -> Ended:
    """Start a command, wait until it is over, and append what it says to a log of which the end is kept.

    Meanwhile `look` is called, all the time; what it raises ends the command.

    Raises
    ------
    Stopped
        When it was stopped because nobody wants it any more.
    StoreError
        When the log cannot be written.
    """
    began = time.monotonic()
    given = TALKATIVE | dict(os.environ) | dict(environment)
    try:
        with _kept(words, folder, given, log) as (process, report):
            in_time = _wait(process, None if timeout is None else began + timeout, unwanted, look)
    except (OSError, ValueError) as error:  # no such folder; text that no system can pass on
        return Ended(f"cannot be started: {error}", 0.0)
    seconds = time.monotonic() - began
    return Ended(_said(report), seconds) if in_time else Ended(f"was stopped after {timeout:g} s, its timeout", seconds)


@contextlib.contextmanager
def _kept(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Generator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Start a command by its keeper, and append what it says to a log.

    Yields the keeper, and a document that says how the command ended, once the block is left; then nothing of the
    command is left.
    """
    reading, writing = os.pipe()
    how: dict[str, Any] = {}
    with os.fdopen(reading, "rb") as report:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(writing), str(PATIENCE), *words], cwd=folder,
                env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True, pass_fds=(writing,),
            )  # fmt: skip
        finally:
            os.close(writing)
        with _logged(process, log):
            yield process, how
        how |= json.loads(report.read() or b"{}")


def _wait(
    process: subprocess.Popen[bytes], deadline: float | None, unwanted: threading.Event, look: Callable[[], None]
) -> bool:
    """Wait for the end of a command; return False when its time is over before."""
    while not unwanted.is_set():
        look()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return True
        if deadline is not None and time.monotonic() > deadline:
            return False
    raise Stopped


def _said(how: Mapping[str, Any]) -> str:
    """Return how a command ended in words, "" for well."""
    if "error" in how:
        return f"cannot be started: {how['error']}"
    if "status" not in how:
        return "was lost: its keeper was killed"
    status = int(how["status"])
    if status < 0:
        return f"was ended by {_name(-status)}"
    return f"ended with exit code {status}" if status else ""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@contextlib.contextmanager
def _logged(process: subprocess.Popen[bytes], log: Path) -> Generator[None]:
    """Append what a process says to a log, and end it when the block is left; raise when the log cannot be written."""
    assert process.stdin is not None
    assert process.stdout is not None
    failed: list[OSError] = []
    reader = threading.Thread(target=_listen, args=(process.stdout, log, failed), daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.stdin.close()  # by this its keeper learns that it is unwanted, if it is not over
        process.wait()
        reader.join(PATIENCE)  # what has left the command's group may keep the pipe open
    if failed:
        raise StoreError(cannot_write(log, failed[0])) from failed[0]


def _listen(said: IO[bytes], log: Path, failed: list[OSError]) -> None:
    """Copy to the log, and drop its beginning when it grows; goes on reading when it cannot be written."""
    with said:
        while chunk := os.read(said.fileno(), 1 << 16):
            if not failed:
                try:
                    append_to(log, chunk)
                except OSError as error:
                    failed.append(error)


def append_to(log: Path, chunk: bytes) -> None:
    """Write at the end of a log, and drop its beginning where it grows too long."""
    with log.open("ab") as file:
        file.write(chunk)
        size = file.tell()
    if size > 2 * KEPT:
        end = log.read_bytes()[-KEPT:]
        log.write_bytes(DROPPED + end[end.find(b"\n") + 1 :])


def last_lines(log: Path, count: int, after: int = 0) -> list[str]:
    """Return the last lines of a log that say something, below its first `after` bytes; none when there is no log."""
    try:
        said = log.read_bytes()
    except OSError:
        return []
    text = (said if said.startswith(DROPPED) else said[after:])[-KEPT:].decode(errors="replace")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
