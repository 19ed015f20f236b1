"""A `Source` -> a packed set: every image decoded once, into one file of bytes that all processes map.

    <cache>/packed/<key>/            appears only when it is whole
        images       UInt8[N, size, size, 1 or 3], without a header
        states       UInt8[N]: grey, colour or bad
        names.npy    Str[N]: the ids
        about.json   shape, which images could not be decoded and why, and the SHA-256 of each of these files; its time
                     is when the set was last opened
    <cache>/packed/<key>.building/   the same while it is being decoded; a later call goes on from there

The key is a hash of the source's listing, of the size and of the decoding rules. A packed set whose sums are wrong is
removed and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError, StoreError
from barnspider.files import cannot_write, sha256, sync_folder, write_whole
from barnspider.lab import download
from barnspider.lab.cores import core_count
from barnspider.lab.data.decoder import BAD, CHUNK, COLOUR, WAITING, decode_share
from barnspider.lab.data.pictures import POLICY
from barnspider.lab.data.source import Source
from barnspider.lab.holds import held
from barnspider.progress import Progress

SMALLEST, LARGEST = 8, 256
"""Pixels of a side."""

_SUMMED = ("images", "states", "names.npy")
_LOOK = 0.2


@dataclass(frozen=True, eq=False)
class Packed:
    """A packed set, open for reading.

    Attributes
    ----------
    pixels : UInt8[N, size, size, 1 or 3], a memory map
    names : Str[N], a memory map
    sha256 : of the file of images
    bad : row -> why it could not be decoded; its pixels are 0
    """

    pixels: NDArray[np.uint8]
    names: NDArray[np.str_]
    sha256: str
    bad: dict[int, str]


def packed(source: Source, size: int, *, workers: int | None = None) -> Packed:
    """Return the packed set of a source: open it, or finish it first.

    Parameters
    ----------
    size
        Height and width that images are brought to, 8 to 256 pixels.
    workers
        Processes that decode; by default one for each core that this process may use.

    Raises
    ------
    DataError
        When the size is out of range, the cache cannot be written, or a worker died.
    """
    folder = _home(source, size)
    opened = _opened(folder)
    if opened is None:
        try:
            _pack(source, size, folder, workers or core_count())
        except (OSError, StoreError, DataError) as error:
            if not folder.exists():  # otherwise another process was faster, and took the half-built set with it
                raise _stopped(folder, error) from error
        opened = _opened(folder)
    if opened is None:
        raise DataError(f"{str(folder)!r} is damaged as soon as it is written; is the disk sound?")
    return opened


def is_packed(source: Source, size: int) -> bool:
    """Return whether a source's packed set is there; whether it is whole is found when it is opened.

    Raises
    ------
    DataError
        When the size is out of range.
    """
    return _home(source, size).exists()


def room() -> int:
    """Return how many bytes are free where packed sets are kept."""
    folder = download.cache_folder()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def _home(source: Source, size: int) -> Path:
    if not SMALLEST <= size <= LARGEST:
        raise DataError(f"size={size}; expected {SMALLEST} to {LARGEST} pixels")
    return download.cache_folder() / "packed" / _key(source, size)


def _stopped(folder: Path, error: Exception) -> DataError:
    """Return what to say when a set could not be made."""
    if isinstance(error, DataError):
        return error
    said = cannot_write(folder, error) if isinstance(error, OSError) else str(error)
    return DataError(f"{said} (BARNSPIDER_CACHE says where)")


def _key(source: Source, size: int) -> str:
    # A folder's times are rough, so another folder is another key; a zip file's sums are exact.
    where = "" if source.kind == "zip" else str(source.root.resolve())
    text = repr(("packed/1", POLICY, source.kind, where, source.column, source.stamp, size))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _opened(folder: Path) -> Packed | None:
    """Return a set that is there and whole; remove a damaged one."""
    if not folder.exists():
        return None
    try:
        about: dict[str, Any] = json.loads((folder / "about.json").read_text("utf-8"))
        wrong = [name for name in _SUMMED if sha256(folder / name) != about["sha256"][name]]
    except (OSError, ValueError, KeyError):
        wrong = ["about.json"]
    else:
        if not wrong:
            pixels = np.memmap(folder / "images", np.uint8, "r", shape=tuple(about["shape"]))
            names = np.load(folder / "names.npy", mmap_mode="r", allow_pickle=False)
            with contextlib.suppress(OSError):  # a cache that only others may write to: they say when it was used
                os.utime(folder / "about.json")
            return Packed(
                pixels, names, about["sha256"]["images"], {int(row): why for row, why in about["bad"].items()}
            )
    sys.stderr.write(f"note: {str(folder)!r} is damaged ({', '.join(wrong)}); it is decoded again\n")
    shutil.rmtree(folder, ignore_errors=True)  # another process may be removing it, too
    return None


def _pack(source: Source, size: int, folder: Path, workers: int) -> None:
    building = folder.with_name(folder.name + ".building")
    _prepare(source, size, building)
    with held(building / "job.json"):
        _finish(source, size, building, folder, workers)


def _finish(source: Source, size: int, building: Path, folder: Path, workers: int) -> None:
    done, total = _done(building)
    _decode(building, min(workers, -(-(total - done) // CHUNK)))
    done, _ = _done(building)
    if done < total:
        raise DataError(f"{total - done} of {total} images were not decoded; run the same again")
    # Whoever is killed from here on does these quick steps again.
    colour = bool((_read(building / "states") == COLOUR).any())
    if not colour:
        _drop_channels(building, size)
    about = {
        "shape": [len(source.labels), size, size, 3 if colour else 1],
        "sha256": {name: sha256(building / name) for name in _SUMMED},
        "bad": _bad(building),
        "source": str(source.root.resolve()),
    }
    write_whole(building / "about.json", lambda file: file.write(json.dumps(about, indent=1).encode()))
    if folder.exists():  # another process was faster
        shutil.rmtree(building, ignore_errors=True)
    else:
        building.rename(folder)
        sync_folder(folder.parent)


def _prepare(source: Source, size: int, building: Path) -> None:
    """Lay out the files of a set; what an earlier call has decoded stays."""
    building.mkdir(parents=True, exist_ok=True)
    count = len(source.labels)
    if not (building / "job.json").exists():
        for name, length in (("images", count * size * size * 3), ("states", count)):
            with (building / name).open("ab") as file:
                _reserve(file, length)
        write_whole(building / "names.npy", lambda file: np.save(file, source.names, allow_pickle=False))
        job = {"kind": source.kind, "root": str(source.root.resolve()), "column": source.column, "size": size}
        write_whole(building / "job.json", lambda file: file.write(json.dumps(job).encode()))


def _reserve(file: BinaryIO, length: int) -> None:
    """Take the disk that will be needed, now: better too little space is known before hours of work."""
    file.truncate(length)
    if hasattr(os, "posix_fallocate") and length:
        os.posix_fallocate(file.fileno(), 0, length)


def _decode(building: Path, workers: int) -> None:
    """Decode what waits: here when it is little, otherwise in worker processes."""
    if workers <= 1:
        if workers:
            decode_share(building, 0, 1)
        return
    command = [sys.executable, "-m", "barnspider.lab.data.decoder", str(building)]
    with tempfile.TemporaryFile() as complaints:
        processes = [
            subprocess.Popen([*command, str(i), str(workers)], stdout=subprocess.DEVNULL, stderr=complaints)
            for i in range(workers)
        ]
        try:
            _watch(building, processes)
        finally:
            for process in processes:
                process.terminate()
                process.wait()
        if any(process.returncode for process in processes):
            complaints.seek(0)
            raise DataError(complaints.read()[-2000:].decode(errors="replace").strip() or "a decoding process died")


def _watch(building: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    """Show how far all are, until all have ended."""
    before, total = _done(building)
    shown = 0
    with Progress("decoding", total=total - before) as progress:
        progress.begin()
        while any(process.poll() is None for process in processes):
            time.sleep(_LOOK)
            done = _done(building)[0] - before
            if done > shown:
                progress.show(shown := done)


def _done(building: Path) -> tuple[int, int]:
    """Return how many images no longer wait, and how many there are."""
    states = _read(building / "states")
    return int((states != WAITING).sum()), len(states)


def _read(states: Path) -> NDArray[np.uint8]:
    return np.fromfile(states, np.uint8)


def _drop_channels(building: Path, size: int) -> None:
    """Keep one of three equal channels, when no image has colour."""
    images = building / "images"
    if images.stat().st_size != len(_read(building / "states")) * size * size * 3:
        return  # an earlier call has done it, and was killed then
    rows = np.memmap(images, np.uint8, "r", shape=(len(_read(building / "states")), size, size, 3))

    def write(file: BinaryIO) -> None:
        for start in range(0, len(rows), CHUNK):
            file.write(np.ascontiguousarray(rows[start : start + CHUNK, ..., 0]).data)

    write_whole(images, write)


def _bad(building: Path) -> dict[int, str]:
    """Return which images could not be decoded, and why."""
    bad = np.flatnonzero(_read(building / "states") == BAD).tolist()
    if not bad:
        return {}
    noted = [json.loads(line) for line in (building / "bad.jsonl").read_text("utf-8").splitlines()]
    reasons = {note["row"]: note["reason"] for note in noted}
    return {row: reasons[row] for row in bad}
