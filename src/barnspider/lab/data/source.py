"""What is to be decoded: which images, of which class and part, and who reads their bytes."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError

PARTS = ("train", "validation", "test")

MOST_BYTES = 200_000_000
"""A larger encoded image is not read."""


@dataclass(frozen=True, eq=False)
class Source:
    """Encoded images in a fixed order.

    Attributes
    ----------
    kind : "folder", "zip" or "parquet"
    root : where they are
    classes : names of the classes
    names : Str[N], an id for each image: its path inside the root (in a table: the file, a colon, the row)
    labels : Int64[N]
    parts : UInt8[N], index into `PARTS`
    stamp : what changes when the source does: names, sizes, and times or sums of all images
    column : a table's column of images; elsewhere empty
    """

    kind: str
    root: Path
    classes: tuple[str, ...]
    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    parts: NDArray[np.uint8]
    stamp: str
    column: str = ""


Read = Callable[[Sequence[str]], Iterator[bytes]]
"""Yields the encoded images of these names, in this order; nothing (b"") for one that is damaged in its archive."""


@contextlib.contextmanager
def contents(kind: str, root: Path, column: str) -> Generator[Read]:
    """Open a source, once, and yield how to read images of it.

    Raises
    ------
    DataError
        When the source is no longer what was listed; also while it is read.
    """
    with contextlib.ExitStack() as stack:
        if kind == "zip":
            # Kept open, for to read the names of a million files takes seconds.
            with _careful(root):
                archive = stack.enter_context(zipfile.ZipFile(root))
            yield lambda names: _each(root, (_member(archive, archive.getinfo(name)) for name in names))
        elif kind == "parquet":
            yield lambda names: _each(root, _from_tables(root, column, names))
        else:
            yield lambda names: _each(root, ((root / name).read_bytes() for name in names))


def _each(root: Path, images: Iterator[bytes]) -> Iterator[bytes]:
    with _careful(root):
        yield from images


@contextlib.contextmanager
def _careful(root: Path) -> Generator[None]:
    try:
        yield
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"{str(root)!r} changed, or cannot be read: {error}; run the same again") from error


def _member(archive: zipfile.ZipFile, about: zipfile.ZipInfo) -> bytes:
    """Return a file of an archive, no more of it than was said; nothing when it is damaged."""
    try:
        with archive.open(about) as member:
            return member.read(min(MOST_BYTES, about.file_size))
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return b""


def _from_tables(root: Path, column: str, names: Sequence[str]) -> Iterator[bytes]:
    """Read neighbouring rows of one file together: a table is stored in blocks."""
    wanted: dict[str, list[int]] = {}
    for name in names:
        file, _, row = name.rpartition(":")
        wanted.setdefault(file, []).append(int(row))
    for file, rows in wanted.items():
        first = min(rows)
        values = column_of(root / file, column, first, max(rows) + 1 - first)
        yield from (_bytes_of(values[row - first]) for row in rows)


def column_of(path: Path, column: str, first: int = 0, count: int | None = None) -> list[Any]:
    """Return some values of a Parquet file's column."""
    import polars as pl

    return pl.scan_parquet(path, glob=False).select(column).slice(first, count).collect()[column].to_list()


def _bytes_of(value: Any) -> bytes:
    """Return a cell's encoded image: itself, or the field `bytes` as Hugging Face writes it; empty when it has none."""
    return (value.get("bytes") if isinstance(value, Mapping) else value) or b""
