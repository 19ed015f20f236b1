"""Files from a data set's public homes: resumed when broken off, believed only when their SHA-256 is right.

All addresses stand here. A user's own mirrors come first: set BARNSPIDER_MIRRORS to one or more addresses, separated
by spaces; each holds a folder named after the data set, as in `<mirror>/fashion-mnist/train-images-idx3-ubyte.gz`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from barnspider.errors import DataError
from barnspider.lab.holds import held

HOMES: dict[str, tuple[str, ...]] = {
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
}
"""Where the authors of each data set publish it."""

TRIES = 4
"""How often a broken-off transfer is resumed from one mirror before the next one is asked."""

TIMEOUT = 30.0
"""Seconds without a byte after which a transfer counts as broken off."""

_BLOCK = 1 << 18
_BROKEN = (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError)


def mirrors(dataset: str) -> tuple[str, ...]:
    """Return the addresses of a data set's folder: the user's mirrors first, then its homes."""
    own = os.environ.get("BARNSPIDER_MIRRORS", "").split()
    return (*(f"{base.rstrip('/')}/{dataset}" for base in own), *HOMES.get(dataset, ()))


def cache_folder() -> Path:
    """Return where downloads and packed images are kept: BARNSPIDER_CACHE, or `barnspider` in the XDG cache folder."""
    own, root = os.environ.get("BARNSPIDER_CACHE", ""), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return Path(own)
    return (Path(root) if root else Path.home() / ".cache") / "barnspider"


def data_folder() -> Path | None:
    """Return where the user keeps data sets: BARNSPIDER_DATA, if it is set."""
    own = os.environ.get("BARNSPIDER_DATA", "")
    return Path(own) if own else None


def content_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content; of a .gz file, of what it holds (compressed forms differ).

    Raises
    ------
    DataError
        When a .gz file is truncated or damaged.
    """
    if path.suffix != ".gz":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{str(path)!r} is truncated or damaged: {error}; remove it and run the same again") from error
    return digest.hexdigest()


def fetch(file: str, sha256: str, target: Path, bases: Sequence[str], timeout: float = TIMEOUT) -> Path:
    """Download `file` from the first base address that gives the right content, and return `target`.

    What arrived of a broken-off transfer stays beside the target as `.part` and is continued (HTTP Range), by this call
    or a later one. The target appears only when it is whole and right.

    Parameters
    ----------
    sha256
        Of the content: for a .gz file, of what it holds.

    Raises
    ------
    DataError
        When no mirror gave the file: each one's reason, and what to do instead.
    """
    reasons: list[str] = []
    for base in bases:
        reason = _from_mirror(_address(base, file), sha256, target, timeout)
        if reason is None:
            return target
        reasons.append(f"{base}: {reason}")
    tried = "; ".join(reasons) or "no mirror is known"
    raise DataError(
        f"{file!r} could not be downloaded ({tried}); put the file into a folder and set BARNSPIDER_DATA to it,"
        " or set BARNSPIDER_MIRRORS to an address that has it"
    )


def _address(base: str, file: str) -> str:
    url = f"{base.rstrip('/')}/{file}"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"mirror={base!r} is no web address; expected http://... or https://... (BARNSPIDER_MIRRORS)")
    return url


def _from_mirror(url: str, sha256: str, target: Path, timeout: float) -> str | None:
    """Return None when the target is there and right, otherwise why not."""
    part = target.with_name(target.name + ".part")
    reason = "nothing arrived"
    for _ in range(TRIES):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            resumed = part.exists()
            _continue(url, part, timeout)
            wrong = _accept(part, sha256, target)
            if wrong is None or not resumed:
                return wrong
            reason = wrong  # two mirrors may compress differently, so their halves do not fit: once more, from scratch
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code} {error.reason}"
        except _BROKEN as error:
            reason = f"broken off ({error})"
        except OSError as error:
            raise DataError(f"cannot write {str(part)!r}: {error.strerror or error}; free some space") from error
    return reason


def _continue(url: str, part: Path, timeout: float) -> None:
    """Append what is missing; a server that ignores Range sends the whole file again, which replaces the part."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "barnspider", "Range": f"bytes={have}-"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            _append(answer, part, fresh=answer.status != 206)
    except urllib.error.HTTPError as error:
        # 416: nothing is left after `have` bytes. The part is whole, or not this file; its SHA-256 will tell.
        if error.code != 416 or not have:
            raise


def _append(answer: HTTPResponse, part: Path, *, fresh: bool) -> None:
    expected = answer.headers.get("Content-Length")
    got = 0
    with part.open("wb" if fresh else "ab") as file, held(part):
        while block := answer.read(_BLOCK):
            file.write(block)
            got += len(block)
    if expected is not None and got < int(expected):
        raise ConnectionError(f"{got} of {expected} bytes arrived")


def _accept(part: Path, sha256: str, target: Path) -> str | None:
    """Give a right file its name; remove a wrong one."""
    renamed = part.with_name(f".checking-{target.name}")
    part.replace(renamed)
    try:
        got = content_sha256(renamed)
    except DataError:
        got = "none, it is damaged"
    if got == sha256:
        renamed.replace(target)
        return None
    renamed.unlink()
    return f"wrong content: sha256 is {got}, expected {sha256}"
