"""A file of pairs of classes -> how alike the two are: by WordNet, by word embeddings, by whatever measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.errors import InputError, listing
from barnspider.tables.class_list import shown
from barnspider.tables.columns import Piece, as_text, refuse_empty, refuse_twice
from barnspider.tables.formats import ARRAYS, kind_of
from barnspider.tables.rows import names_in, pieces_of

COLUMNS = ("class", "other", "similarity")
EXPECTED = f"expected the columns {', '.join(COLUMNS)}: two classes and a number in each row"


@dataclass(frozen=True, eq=False)
class Similarities:
    """How alike pairs of classes are; pairs that are not there are not alike.

    Attributes
    ----------
    where : the file
    pair : Int[S]
        low * C + high of the numbers of the two classes, ascending.
    value : Float[S]
    """

    where: str
    pair: NDArray[np.int64]
    value: NDArray[np.float64]


def read_similarities(path: str | Path, classes: Sequence[str]) -> Similarities:
    r"""Read how alike classes are: a table with the columns `class`, `other`, `similarity`, either way round.

    Rows about other classes than these are passed over. Pairs that the file leaves out are not alike, so that a file
    for 10,000 classes may hold only those that matter.

    Raises
    ------
    InputError
        Naming file, line and field: when it cannot be read, a similarity is no number, or a pair has two.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "alike.csv")
    ...     _ = file.write_text("class,other,similarity\ncat,dog,0.8\ncat,car,0.2\n")
    ...     found = read_similarities(file, ["car", "cat", "dog"])
    >>> found.pair.tolist(), found.value.tolist()
    ([1, 5], [0.2, 0.8])
    """
    path = Path(path)
    where = repr(str(path))
    if not path.is_file():
        raise InputError(f"similarity={where} does not exist or is no file")
    if kind_of(path) in ARRAYS:
        raise InputError(f"{where} is a file of arrays; {EXPECTED}, as CSV, JSON lines or Parquet")
    names = names_in(path)
    refuse_twice(where, names, COLUMNS)
    if absent := [name for name in COLUMNS if name not in names]:
        raise InputError(f"{where} has the columns {listing(map(repr, names))}, but no {absent[0]!r}; {EXPECTED}")
    parts = list(_codes(path, classes))
    pair = np.concatenate([pair for pair, _ in parts]) if parts else np.array([], dtype=np.int64)
    value = np.concatenate([value for _, value in parts]) if parts else np.array([])
    if not len(pair):
        raise InputError(f"{where} holds no pair of these classes: {listing(map(shown, classes), most=5)}")
    order = np.lexsort((value, pair))
    pair, value = pair[order], value[order]
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    last = np.append(first[1:], len(pair)) - 1
    if (differ := np.flatnonzero(value[first] != value[last])).size:
        i = int(differ[0])
        low, high = divmod(int(pair[first[i]]), len(classes))
        raise InputError(
            f"{where}: {shown(classes[low])} and {shown(classes[high])} have the similarities {value[first[i]]:g} and"
            f" {value[last[i]]:g}; expected one"
        )
    return Similarities(where, pair[first], value[first])


def _codes(path: Path, classes: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield the pairs of these classes and their similarities, some rows at a time."""
    number = pl.DataFrame({"name": list(classes), "number": np.arange(len(classes))})
    for piece in pieces_of(path, list(COLUMNS)):
        ends = [_numbered(piece, column, number) for column in COLUMNS[:2]]
        value = _numbers(piece)
        kept = (ends[0] >= 0) & (ends[1] >= 0) & (ends[0] != ends[1])
        low, high = np.minimum(*ends)[kept], np.maximum(*ends)[kept]
        yield low * len(classes) + high, value[kept]


def _numbered(piece: Piece, column: str, number: pl.DataFrame) -> NDArray[np.int64]:
    """Return the number of every row's class; -1 where it is none of these."""
    text = as_text(piece, column)
    refuse_empty(piece, column, text)
    found = pl.DataFrame({"name": text}).join(number, on="name", how="left", maintain_order="left")
    return found["number"].fill_null(-1).to_numpy()


def _numbers(piece: Piece) -> NDArray[np.float64]:
    column = piece.frame["similarity"]
    values = column.cast(pl.Float64, strict=False)
    bad = ~values.is_finite().fill_null(False)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise InputError(f"{piece.place(row)}: similarity={column[row]!r} is no number; expected one such as 0.8")
    return values.to_numpy()
