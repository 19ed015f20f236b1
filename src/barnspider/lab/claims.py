"""Who trains which run right now. Claims save double work; the store's "first seal wins" is what keeps it correct.

A claim is a file made with exclusive creation. Its owner touches it while it works; a claim whose owner is dead, or
that was not touched for `LEASE` seconds, may be taken over. An owner that was paused for so long looks when it wakes,
and drops what is another's by then.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import StoreError
from barnspider.files import cannot_write, process_space

LEASE = 60.0
"""Seconds without a sign of life after which a claim is void."""

UNSIGNED = 5.0
"""Seconds after which a claim without an owner's name is void."""

ABANDONED = 86_400.0
"""Seconds after which what is still being built, elsewhere, is taken for abandoned."""

HALF_DONE = ("building/*-*-*", ".writing-*", "*/.writing-*", "studies/*/.writing-*", "images/*/.writing-*")
"""Where in a store there is what its owner has not finished."""

_GRAVE = ".void-"
"""What stands behind a claim's name once somebody has moved it to look whether it is void."""

_MADE_BY = re.compile(r"[^-]+-(?P<host>.+)-(?P<pid>[0-9]+)(\.(?P<space>[0-9]+))?-[a-z0-9_]+")
"""Names of folders and files that are there for a while, with `files.owner` in them; older ones name no space."""


class LostClaim(BaseException):
    """What this process makes is another's by now: nothing of it may be written any more."""


@dataclass(eq=False)
class Claim:
    """A claim that this process holds, or has held.

    Attributes
    ----------
    signature : what is in the file as long as it is ours
    seen : when it was last seen to be ours, in seconds of the epoch
    lost : whether it was seen to be another's, or gone
    """

    path: Path
    signature: str
    seen: float
    lost: bool = False

    def look(self) -> None:
        """Raise `LostClaim` where the claim is no longer ours. This asks the disk: do it before writing.

        Raises
        ------
        StoreError
            When the disk does not answer.
        """
        now = time.time()
        try:
            self.lost = self.lost or self._place() is None
        except OSError as error:
            raise StoreError(cannot_write(self.path, error)) from error
        if self.lost:
            raise LostClaim
        self.seen = now

    def look_if_late(self) -> None:
        """Do the same where there was no heartbeat for a lease, as after a pause; else believe the last heartbeat.

        By the clock that those who find claims void go by: the heart may wake later than who calls this.
        """
        if self.lost or time.time() - self.seen > LEASE:
            self.look()

    def beat(self) -> None:
        """Touch the file where it is ours; `LostClaim` where it is not."""
        self.look()
        with contextlib.suppress(FileNotFoundError):  # somebody looks at it just now, or has taken it
            os.utime(self.path)

    def give_back(self) -> None:
        """Remove the file where it is ours; what is another's stays."""
        while (place := self._place()) is not None:
            place.unlink(missing_ok=True)

    def _place(self) -> Path | None:
        """Return where the file is: in its place or, while somebody looks whether it is void, beside that."""
        places = itertools.chain([self.path], _graves(self.path), [self.path])
        return next((place for place in places if _read(place) == self.signature), None)


@contextlib.contextmanager
def claimed(root: Path, key: str) -> Generator[Claim | None]:
    """Hold the claim on a run while the block runs; yields None when somebody else holds it.

    Raises
    ------
    StoreError
        When the disk is full or the folder cannot be written.
    """
    path, signature, now = root / "claims" / key, _signature(), time.time()
    if not (_take(path, signature) or (_is_void(path) and _retire(path) and _take(path, signature))):
        yield None
        return
    claim, done = Claim(path, signature, now), threading.Event()
    try:
        heart = threading.Thread(target=_live, args=(claim, done), daemon=True)
        heart.start()
        yield claim
    finally:
        done.set()
        claim.give_back()  # first of all: whoever asks this process to end may do so while it waits
    heart.join()


@dataclass(frozen=True)
class Holder:
    """Who trains a run, and since when (seconds of the epoch)."""

    host: str
    pid: int
    since: float
    space: str = ""

    @property
    def is_dead(self) -> bool:
        """Whether that is known here: it is not of processes elsewhere, or in another container."""
        return _is_here(self.host, self.space) and not _is_alive(self.pid)


def holders(root: Path) -> dict[str, Holder]:
    """Return who holds which run right now, by the run's key; claims of the dead are left out."""
    found = {claim.name: _holder(claim) for claim in sorted((root / "claims").glob("*")) if not _is_void(claim)}
    return {key: holder for key, holder in found.items() if holder is not None}


def _holder(claim: Path) -> Holder | None:
    """Return who has signed a claim; None when it has just been given back, is just being signed, or is damaged."""
    try:
        signed = json.loads(_read(claim) or "")
        since = float(signed.get("since", claim.stat().st_mtime))
        return Holder(str(signed["host"]), int(signed["pid"]), since, str(signed.get("space", "")))
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
    here = made is not None and _is_here(made["host"], made["space"] or "")
    with contextlib.suppress(FileNotFoundError):  # its owner has just finished it
        old = time.time() - left.stat().st_mtime > ABANDONED
        if (made and here and not _is_alive(int(made["pid"]))) or (old and not here):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _signature() -> str:
    """Return what the owner of a claim writes into it; no two are the same."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "space": process_space(), "since": time.time()}
    return json.dumps(owner | {"nonce": secrets.token_hex(4)})


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
    return age > LEASE or (holder is not None and holder.is_dead)


def _is_here(host: str, space: str) -> bool:
    """Return whether a process's number holds here; one that names no space is of the host's only one."""
    return host == socket.gethostname() and space in ("", process_space())


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
    grave = _lifted(path)
    return grave is not None and _is_buried(grave, path)


def _lifted(path: Path) -> Path | None:
    """Move a claim beside its place; None when it is gone."""
    grave = path.with_name(f"{path.name}{_GRAVE}{secrets.token_hex(4)}")
    try:
        path.rename(grave)
    except FileNotFoundError:
        return None
    return grave


def _is_buried(grave: Path, path: Path) -> bool:
    """Remove what was moved where it is void; else put it back, and return False.

    Since it was found void it may have been touched, or another may have taken it over: then this is the claim of
    somebody who is at work. Where its place is taken by now, it is lost, and its owner will see that.
    """
    void = _is_void(grave)
    if not void:
        with contextlib.suppress(OSError):
            path.hardlink_to(grave)
    grave.unlink(missing_ok=True)
    return void


def _graves(path: Path) -> Iterator[Path]:
    """Return where others have moved a claim to, looking only once that is asked for."""
    yield from path.parent.glob(f"{glob.escape(path.name)}{_GRAVE}*")


def _live(claim: Claim, done: threading.Event) -> None:
    """Be the heart of a claim: touch it as long as it is ours."""
    with contextlib.suppress(LostClaim):
        while not done.wait(LEASE / 6):
            with contextlib.suppress(OSError, StoreError):  # a disk that is away for a while; who writes will look
                claim.beat()
