"""A table of answers as numbers: what stands between its rows and Predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from barnspider.tables.columns import Place

BOOKS = {"arm": "arm", "seed": "seed", "sample": "sample", "label": "class", "prediction": "class", "dose": "dose"}
ROWS = 1 << 20

Codes = NDArray[np.unsignedinteger[Any]]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Coded:
    """All rows of a table as numbers.

    `codes[column]` is UInt[rows] into the distinct texts `books[BOOKS[column]]`; `p_label` is Float32[rows].
    """

    codes: dict[str, Codes]
    books: dict[str, list[str]]
    p_label: NDArray[np.float32] | None
    where: str
    place: Place
    on: str

    def let_go(self, found: Found, *columns: str) -> Found:
        """Return what was found in some columns, which nobody needs any more: at 10^8 rows each is 0.2 GB."""
        for column in columns:
            self.codes.pop(column, None)
        return found


@dataclass(frozen=True)
class Runs:
    """The runs in canonical order, and for each row the number of its run."""

    arm: tuple[str, ...]
    seed: tuple[int, ...]
    dose: tuple[float | None, ...]
    of_row: Codes


def count_of(codes: Codes, size: int) -> NDArray[np.int64]:
    """Return Int[size], how often each code occurs."""
    count = np.zeros(size, dtype=np.int64)
    for rows in parts_of(len(codes)):
        count += np.bincount(codes[rows], minlength=size)
    return count


def looked_up(table: NDArray[Any], codes: Codes) -> NDArray[Any]:
    """Return `table[codes]`, without the indices of eight bytes that NumPy would make of all codes at once."""
    found = np.empty(len(codes), dtype=table.dtype)
    for rows in parts_of(len(codes)):
        found[rows] = table[codes[rows]]
    return found


def parts_of(count: int) -> Iterator[slice]:
    """Yield some rows at a time: what stands beside 10^8 rows must not grow with them."""
    return (slice(start, start + ROWS) for start in range(0, count, ROWS))
