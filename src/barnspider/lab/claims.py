"""Who trains which run right now. Claims save double work; the store's "first seal wins" is what keeps it correct.

A claim is a file made with exclusive creation. Its owner touches it while it works; a claim whose owner is dead, or
that was not touched for `LEASE` seconds, may be taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import StoreError
from barnspider.files import cannot_write

LEASE = 60.0
"""Seconds without a sign of life after which a claim is void."""

UNSIGNED = 5.0
"""Seconds after which a claim without an owner's name is void."""

ABANDONED = 86_400.0
"""Seconds after which what is still being built, elsewhere, is taken for abandoned."""

HALF_DONE = ("building/*-*-*", ".writing-*", "*/.writing-*", "studies/*/.writing-*", "images/*/.writing-*")
"""Where in a store there is what its owner has not finished."""

_MADE_BY = re.compile(r"[^-]+-(?P<host>.+)-(?P<pid>[0-9]+)-[a-z0-9_]+")
"""Names of folders and files that are there for a while, with `files.owner` in them."""


@contextlib.contextmanager
def claimed(root: Path, key: str) -> Generator[bool]:
    """Hold the claim on a run while the block runs; yields False when somebody else holds it.

    Raises
    ------
    StoreError
        When the disk is full or the folder cannot be written.
    """
    path, signature = root / "claims" / key, _signature()
    if not (_take(path, signature) or (_is_void(path) and _retire(path) and _take(path, signature))):
        yield False
        return
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, signature, done), daemon=True)
    heart.start()
    try:
        yield True
    finally:
        done.set()
        heart.join()
        if _read(path) == signature:  # else taken over after a long pause: then it is another's
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
    """Return who has signed a claim; None when it has just been given back, is just being signed, or is damaged."""
    try:
        signed = json.loads(_read(claim) or "")
        return Holder(str(signed["host"]), int(signed["pid"]), float(signed.get("since", claim.stat().st_mtime)))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def clear_abandoned(root: Path) -> None:
    """Remove what killed workers left: void claims, checkpoints of sealed runs, half-built runs, half-written files.

    What a process of this host made goes when that is dead; what others made, when it is a day old.

    Raises
    ------
    StoreError
        When the folder cannot be written.
    """
    try:
        for claim in (root / "claims").glob("*"):
            if _is_void(claim):
                _retire(claim)
        for checkpoint in (root / "checkpoints").glob("[!.]*"):
            if (root / "runs" / checkpoint.name).exists():
                checkpoint.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(cannot_write(root, error)) from error
    for pattern in HALF_DONE:
        for left in root.glob(pattern):
            _clear(left)


def clear_shared() -> None:
    """Remove the copies of data that killed commands of this host shared with their workers."""
    for left in Path(tempfile.gettempdir()).glob("barnspider-*"):
        if _MADE_BY.fullmatch(left.name):
            _clear(left)


def _clear(left: Path) -> None:
    """Remove a folder or file whose owner, who is in its name, is dead."""
    made = _MADE_BY.fullmatch(left.name)
    here = made is not None and made["host"] == socket.gethostname()
    with contextlib.suppress(FileNotFoundError):  # its owner has just finished it
        old = time.time() - left.stat().st_mtime > ABANDONED
        if (made and here and not _is_alive(int(made["pid"]))) or (old and not here):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _signature() -> str:
    """Return what the owner of a claim writes into it; no two are the same."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time(), "nonce": secrets.token_hex(4)}
    return json.dumps(owner)


def _take(path: Path, signature: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(signature)
    except FileExistsError:
        return False
    except OSError as error:
        with contextlib.suppress(OSError):  # the one error is enough
            path.unlink(missing_ok=True)
        raise StoreError(cannot_write(path, error)) from error
    return True


def _read(path: Path) -> str | None:
    """Return what is in a claim; None when it has just been given back."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _is_void(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    holder = _holder(path)
    if holder is None and _read(path) == "":  # its owner was killed before it could sign, unless it is just signing
        return age > UNSIGNED
    return age > LEASE or (holder is not None and holder.host == socket.gethostname() and not _is_alive(holder.pid))


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


def _beat(path: Path, signature: str, done: threading.Event) -> None:
    while not done.wait(LEASE / 6) and _read(path) == signature:
        with contextlib.suppress(FileNotFoundError):  # taken over just now: our seal will come second
            os.utime(path)
