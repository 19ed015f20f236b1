"""What is in the cache, and how to make room: packed sets and downloads, which can be made again.

Nothing is removed but what this tool has put there, known by its place and name; nothing that links elsewhere is
followed; what a running process is making is left alone.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from barnspider.errors import InputError, StoreError, listing
from barnspider.files import cannot_write
from barnspider.lab import download
from barnspider.lab.data.checkup import said_size
from barnspider.lab.data.named import FASHION_FILES
from barnspider.lab.holds import free
from barnspider.words import text_table

_KEY = re.compile(r"[0-9a-f]{32}(\.building)?|\.removing-[0-9a-f]+")
_SHORT = 12
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Entry:
    """Something in the cache.

    Attributes
    ----------
    name : what `--remove` takes
    kind : "packed", "half-built", "leftover" or "download"
    source : what it was made from
    size : bytes on the disk
    used : when it was last used, in seconds since 1970
    paths : the folder or files that it is
    """

    name: str
    kind: str
    source: str
    size: int
    used: float
    paths: tuple[str, ...]


def entries() -> tuple[Entry, ...]:
    """Return what this tool has put into the cache, what was used last at the end."""
    root = download.cache_folder()
    found = [_packed(path) for path in sorted((root / "packed").glob("*")) if _is_ours(path)]
    found += _downloads(root)
    return tuple(sorted(found, key=lambda entry: entry.used))


def _is_ours(path: Path) -> bool:
    return bool(_KEY.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _packed(path: Path) -> Entry:
    kind = "leftover" if path.name.startswith(".") else "half-built" if path.suffix else "packed"
    job, about = _read(path / "job.json"), _read(path / "about.json")
    source = f"{about.get('source', job.get('root', 'unknown'))}"
    shape = about.get("shape") or [0, job.get("size", 0), job.get("size", 0)]
    said = f"{source} at {shape[1]}x{shape[2]}" if shape[1] else source
    times = [file.stat().st_mtime for file in (path / "about.json", path / "states", path) if file.exists()]
    return Entry(path.name.removesuffix(".building")[:_SHORT], kind, said, _on_disk(path), times[0], (str(path),))


def _read(path: Path) -> dict[str, Any]:
    """Return a file of JSON; nothing where it is absent or damaged, for then it names no source."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _downloads(root: Path) -> Iterator[Entry]:
    for name in download.HOMES:
        known = {made for file in FASHION_FILES for made in (file, f"{file}.gz", f"{file}.gz.part")}
        files = tuple(sorted(p for p in (root / name).glob("*") if p.name in known and not p.is_symlink()))
        if files:
            used = max(file.stat().st_mtime for file in files)
            yield Entry(
                name, "download", download.HOMES[name][0], sum(map(_on_disk, files)), used, tuple(map(str, files))
            )


def _on_disk(path: Path) -> int:
    """Return the bytes that a file, or a folder's files, take on the disk."""
    inner = (path, *path.rglob("*")) if path.is_dir() else (path,)
    return sum(file.lstat().st_blocks * 512 for file in inner)


def choose(
    found: Sequence[Entry],
    now: float,
    *,
    names: Sequence[str] = (),
    older_than: float | None = None,
    most: float | None = None,
) -> tuple[Entry, ...]:
    """Return what is to go: what has one of the names, what was not used for long, and what is too much, oldest first.

    Parameters
    ----------
    names
        Names, beginnings of names, or sources.
    older_than
        Seconds.
    most
        Bytes that may stay.

    Raises
    ------
    InputError
        When nothing has a name.
    """
    gone = {entry for name in names for entry in _called(found, name)}
    if older_than is not None:
        gone |= {entry for entry in found if now - entry.used > older_than}
    left = sum(entry.size for entry in found if entry not in gone)
    for entry in sorted(found, key=lambda entry: entry.used):
        if most is not None and left > most and entry not in gone:
            gone.add(entry)
            left -= entry.size
    return tuple(entry for entry in found if entry in gone)


def _called(found: Sequence[Entry], name: str) -> list[Entry]:
    called = [
        e for e in found if name and (e.name.startswith(name) or name in (e.source, e.source.rpartition(" at ")[0]))
    ]
    if not called:
        raise InputError(f"remove={name!r} is not in the cache; it has {listing([e.name for e in found]) or 'nothing'}")
    return called


def remove(entry: Entry) -> bool:
    """Remove an entry; return False, and leave it alone, when a running process is making it.

    A process that has a packed set open goes on reading it; the disk has the room when that process ends.

    Raises
    ------
    StoreError
        When it cannot be removed.
    """
    paths = [Path(path) for path in entry.paths]
    try:
        with _nobody_works_on(paths) as mine:
            for path in paths if mine else []:
                _remove(path)
            return mine
    except FileNotFoundError:  # it was finished, or removed, meanwhile
        return False
    except OSError as error:
        raise StoreError(cannot_write(paths[0], error)) from error


@contextlib.contextmanager
def _nobody_works_on(paths: Sequence[Path]) -> Generator[bool]:
    worked_on = [path for path in paths if path.suffix == ".part"]
    worked_on += [path / "job.json" for path in paths if (path / "job.json").is_file()]
    with contextlib.ExitStack() as stack:
        yield all(stack.enter_context(free(path)) for path in worked_on)


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    # Under another name first, so that nobody opens half of it.
    going = path.with_name(f".removing-{secrets.token_hex(4)}")
    path.rename(going)
    shutil.rmtree(going)


def told(found: Sequence[Entry], root: Path) -> str:
    """Say in words what is in the cache.

    Examples
    --------
    >>> print(told([], Path("cache")))
    0 entries, 0 bytes, in 'cache'
    """
    total = f"{len(found):,} {'entry' if len(found) == 1 else 'entries'}, {said_size(sum(e.size for e in found))}"
    where = f"{total}, in {str(root)!r}"
    if not found:
        return where
    rows = [[e.name, e.kind, said_size(e.size), _said_time(e.used)] for e in found]
    lines = text_table(["name", "kind", "size", "last used"], rows).splitlines()
    sources = ["source", *(listing([e.source]) for e in found)]
    return "\n".join([*map("  ".join, zip(lines, sources, strict=True)), "", where])


def _said_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def read_size(text: str) -> float:
    """Return a number of bytes.

    Examples
    --------
    >>> read_size("10GB"), read_size("1.5 mb")
    (10000000000.0, 1500000.0)
    """
    return _measured("to", text, _UNITS, "a size such as 500MB, 10GB or 0B")


def read_time(text: str) -> float:
    """Return a number of seconds.

    Examples
    --------
    >>> read_time("30d"), read_time("2h")
    (2592000.0, 7200.0)
    """
    return _measured("older-than", text, _TIMES, "a time such as 12h, 30d or 8w")


def _measured(name: str, text: str, units: dict[str, int], expected: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip().lower())
    if not found or found[2] not in units:
        raise InputError(f"{name}={text!r}; expected {expected}")
    return float(found[1]) * units[found[2]]
