"""Who trains which run right now. Claims save double work; the store's "first seal wins" is what keeps it correct.

A claim is a file made with exclusive creation. Its owner touches it while it works; a claim whose owner is dead, or
that was not touched for `LEASE` seconds, may be taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

LEASE = 60.0
"""Seconds without a sign of life after which a claim is void."""

UNSIGNED = 5.0
"""Seconds after which a claim without an owner's name is void."""

ABANDONED = 86_400.0
"""Seconds after which a run that is still being built, elsewhere, is taken for abandoned."""


@contextlib.contextmanager
def claimed(root: Path, key: str) -> Generator[bool]:
    """Hold the claim on a run while the block runs; yields False when somebody else holds it."""
    path = root / "claims" / key
    if not (_take(path) or (_is_void(path) and _retire(path) and _take(path))):
        yield False
        return
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, done), daemon=True)
    heart.start()
    try:
        yield True
    finally:
        done.set()
        heart.join()
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Holder:
    """Who trains a run, and since when (seconds of the epoch)."""

    host: str
    pid: int
    since: float


def holders(root: Path) -> dict[str, Holder]:
    """Return who holds which run right now, by the run's key; claims of the dead are left out."""
    found = {claim.name: _holder(claim) for claim in sorted((root / "claims").glob("*")) if not _is_void(claim)}
    return {key: holder for key, holder in found.items() if holder is not None}


def _holder(claim: Path) -> Holder | None:
    """Return who has signed a claim; None when it has just been given back, or is just being signed."""
    try:
        owner = json.loads(claim.read_text(encoding="utf-8"))
        return Holder(str(owner["host"]), int(owner["pid"]), float(owner.get("since", claim.stat().st_mtime)))
    except (FileNotFoundError, ValueError, KeyError):
        return None


def clear_abandoned(root: Path) -> None:
    """Remove what killed workers left: void claims, checkpoints of sealed runs, half-built runs.

    Half-built runs of workers that are dead, where that can be told: here; others when they are a day old.
    """
    for claim in (root / "claims").glob("*"):
        if _is_void(claim):
            _retire(claim)
    for checkpoint in (root / "checkpoints").glob("*"):
        if (root / "runs" / checkpoint.name).exists():
            checkpoint.unlink(missing_ok=True)
    for folder in (root / "building").glob("*-*-*"):
        before, pid, _ = folder.name.rsplit("-", 2)
        host = before.partition("-")[2]
        with contextlib.suppress(FileNotFoundError):  # its owner has just sealed it
            old = time.time() - folder.stat().st_mtime > ABANDONED
            if old or (host == socket.gethostname() and not _is_alive(int(pid))):
                shutil.rmtree(folder, ignore_errors=True)


def _take(path: Path) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump({"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}, file)
    except FileExistsError:
        return False
    return True


def _is_void(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
        text = path.read_text(encoding="utf-8")
        owner = json.loads(text) if text else {}
    except (FileNotFoundError, json.JSONDecodeError):  # just given back, or just being written
        return False
    if not owner:  # its owner was killed before it could sign, unless it is just signing
        return age > UNSIGNED
    return age > LEASE or (owner.get("host") == socket.gethostname() and not _is_alive(int(owner["pid"])))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process: alive
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended, and only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:  # gone by now, or a system without /proc
        return False


def _retire(path: Path) -> bool:
    """Move a void claim out of the way; of several that try, one succeeds."""
    grave = path.with_name(f"{path.name}.void-{secrets.token_hex(4)}")
    try:
        path.rename(grave)
    except FileNotFoundError:
        return False
    grave.unlink()
    return True


def _beat(path: Path, done: threading.Event) -> None:
    while not done.wait(LEASE / 6):
        with contextlib.suppress(FileNotFoundError):  # taken over after a long pause: our seal will come second
            os.utime(path)
