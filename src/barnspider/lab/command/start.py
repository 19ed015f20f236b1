"""Start one command, keep the end of what it says, and stop all that it started: when it is over, late or unwanted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from barnspider.errors import StoreError
from barnspider.files import cannot_write
from barnspider.lab.command import watchman
from barnspider.lab.command.watchman import PATIENCE

KEPT = 256 * 1024
"""Bytes of the end of what a command says that are kept, at the least; twice as many at the most."""

DROPPED = b"[the beginning was dropped]\n"

LOOK = 0.05
"""Seconds between two looks at a command that is running."""

TALKATIVE = {"PYTHONUNBUFFERED": "1"}
"""So that what a Python script has said is there when it is stopped; what the user has set wins."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and after how many seconds: `why` is "" when it ended well."""

    why: str
    seconds: float


class Stopped(Exception):  # noqa: N818 - it is no error: whoever started the commands wants them to end
    """Nobody wants the command any more; it was stopped."""


@dataclass
class Watch:
    """Everything that was started and is not over: stopped by `stop`, or when this process dies.

    As a context, it starts the watchman, who outlives us if need be.
    """

    unwanted: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watchman: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Watch:
        command = [sys.executable, "-I", "-S", watchman.__file__]
        null = subprocess.DEVNULL
        self._watchman = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.unwanted.set()
        if self._watchman is not None and self._watchman.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watchman.stdin.close()
            self._watchman.wait()

    @contextlib.contextmanager
    def started(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Generator[subprocess.Popen[bytes]]:
        """Start a command as the leader of a group of its own; when the block is left, nothing of the group is."""
        with self._lock:  # no group may begin of which the watchman does not know
            process = subprocess.Popen(
                list(words), cwd=folder, env=TALKATIVE | dict(os.environ) | dict(environment), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            self._tell(f"+{process.pid}")
        try:
            yield process
        finally:
            _end(process)
            with self._lock:
                self._tell(f"-{process.pid}")

    def _tell(self, line: str) -> None:
        if self._watchman is not None and self._watchman.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):  # it was killed: then only we can stop commands
                self._watchman.stdin.write(f"{line}\n".encode())
                self._watchman.stdin.flush()


def run_to_end(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    log: Path,
    timeout: float | None,
    watch: Watch,
) -> Ended:
    """Start a command, wait until it is over, and append what it says to a log of which the end is kept.

    Raises
    ------
    Stopped
        When it was stopped because nobody wants it any more.
    StoreError
        When the log cannot be written.
    """
    began = time.monotonic()
    try:
        with watch.started(words, folder, environment) as process, _kept(process, log):
            why = _wait(process, None if timeout is None else began + timeout, watch)
    except OSError as error:
        return Ended(f"cannot be started: {error.strerror or error}: {error.filename or words[0]}", 0.0)
    except ValueError as error:  # text that no system can pass on
        return Ended(f"cannot be started: {error}", 0.0)
    late = f"was stopped after {timeout:g} seconds, its timeout" if timeout is not None else ""
    return Ended(late if why is None else why, time.monotonic() - began)


def _wait(process: subprocess.Popen[bytes], deadline: float | None, watch: Watch) -> str | None:
    """Return how it ended, "" for well, or None when its time is over."""
    while not watch.unwanted.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _said(process.wait(LOOK))
        if deadline is not None and time.monotonic() > deadline:
            return None
    raise Stopped


def _said(status: int) -> str:
    if status < 0:
        return f"was ended by {_name(-status)}"
    return f"ended with exit code {status}" if status else ""


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a group to end, if its leader has not ended, then kill what is left of it."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, sign)


@contextlib.contextmanager
def _kept(process: subprocess.Popen[bytes], log: Path) -> Generator[None]:
    """Append what a process says to a log while the block runs; raise when that fails, after all was read."""
    assert process.stdout is not None
    failed: list[OSError] = []
    reader = threading.Thread(target=_listen, args=(process.stdout, log, failed), daemon=True)
    reader.start()
    try:
        yield
    finally:
        _end(process)
        reader.join(PATIENCE)  # a process that left the group may keep the pipe open
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
