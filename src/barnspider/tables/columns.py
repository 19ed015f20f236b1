"""The columns of a table that mean something to us, each as text or as numbers, whatever type it came in."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.errors import InputError

REQUIRED = ("arm", "seed", "sample", "label", "prediction")
OPTIONAL = ("dose", "p_label", "on")
KNOWN = (*REQUIRED, *OPTIONAL)
TEXTS: frozenset[Any] = frozenset({pl.String, pl.Null})
CATEGORIES: tuple[Any, ...] = (pl.Categorical, pl.Enum)

Place = Callable[[int], str]


@dataclass(frozen=True)
class Piece:
    """Some rows of a table: its known columns, the table's name, and where (in words) each row stands."""

    frame: pl.DataFrame
    where: str
    place: Place


def refuse_twice(where: str, names: Sequence[str], needed: Iterable[str]) -> None:
    """Raise `InputError` when a needed column stands twice."""
    if twice := [name for name in needed if names.count(name) > 1]:
        raise InputError(f"{where} has the column {twice[0]!r} more than once; rename or remove one")


def refuse_near_misses(where: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise `InputError` when names of columns differ from known ones only in case or spaces."""
    if meant := near_misses(names, known):
        theirs, ours = (", ".join(map(repr, own)) for own in (meant, meant.values()))
        one = len(meant) == 1
        option = shlex.quote(",".join(f"{name}={theirs}" for theirs, name in meant.items()))
        raise InputError(
            f"{where} has {'a column' if one else 'the columns'} {theirs}; did you mean {ours}? Rename"
            f" {'it' if one else 'them'} exactly so, or say which is which: --columns {option}"
        )


def near_misses(names: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return which known name is meant by a column whose name differs from it only in case or spaces.

    Examples
    --------
    >>> near_misses(["Arm", " seed", "label", "other"], ["arm", "seed", "label"])
    {'Arm': 'arm', ' seed': 'seed'}
    """
    bare = {name: name.strip().lower().replace(" ", "_").replace("-", "_") for name in names}
    return {name: meant for name, meant in bare.items() if meant in known and meant not in names}


def hint_of_near_misses(names: Sequence[str], known: Sequence[str]) -> str:
    """Return what to rename in a file of which the columns cannot be called otherwise; "" where nothing is near."""
    meant = near_misses(names, known)
    return f"; rename {', '.join(f'{theirs!r} to {ours}' for theirs, ours in meant.items())}" if meant else ""


def refuse_empty(piece: Piece, column: str, text: pl.Series) -> None:
    """Raise `InputError` where a column that must say something says nothing; an empty dose is an unknown one."""
    if column == "dose":
        return
    empty = text.is_null() | (text == "")
    if empty.any():
        place = piece.place(int(empty.arg_max() or 0))
        raise InputError(f"{place}: {column} is empty; expected a value in every row")


def as_text(piece: Piece, column: str) -> pl.Series:
    """Return a column as text, whole numbers without a point; `InputError` for what is neither."""
    values = piece.frame[column]
    if values.dtype in TEXTS:
        return values.cast(pl.String)
    if values.dtype.is_float() and column not in ("dose", "arm"):
        return _whole_text(piece, column, values)
    if values.dtype.is_numeric() or values.dtype in CATEGORIES:
        return values.cast(pl.String)
    hint = ", not whether it was right" if values.dtype == pl.Boolean and column == "prediction" else ""
    raise InputError(
        f"{piece.where}: the column {column!r} has type {values.dtype}; expected names or whole numbers{hint}"
    )


def _whole_text(piece: Piece, column: str, values: pl.Series) -> pl.Series:
    whole = values.cast(pl.Int64, strict=False)
    bad = values.is_not_null() & (whole.is_null() | (whole.cast(pl.Float64) != values.cast(pl.Float64)))
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise InputError(
            f"{piece.place(row)}: {column}={values[row]} is not whole; expected names or whole numbers"
            " (of logits or probabilities, give the argmax)"
        )
    return whole.cast(pl.String)


def probabilities(piece: Piece) -> NDArray[np.float32]:
    """Return `p_label` as Float32[rows]; `InputError` for what is missing or not from 0 to 1."""
    column = piece.frame["p_label"]
    usable = column.dtype.is_numeric() or column.dtype in TEXTS
    if not usable:
        raise InputError(f"{piece.where}: the column 'p_label' has type {column.dtype}; expected numbers from 0 to 1")
    values = column.cast(pl.Float32, strict=False)
    bad = ~values.is_between(0, 1).fill_null(False)  # NaN is not between
    if bad.any():
        row = int(bad.arg_max() or 0)
        what = "p_label is empty" if column[row] in (None, "") else f"p_label={column[row]!r} is no probability"
        raise InputError(
            f"{piece.place(row)}: {what}; expected a number from 0 to 1 in every row, or no such column"
            f"{decimal_comma(str(column[row]))}"
        )
    return values.to_numpy()


def decimal_comma(text: str) -> str:
    """Return what to do with a number that is written with a comma; "" where there is none."""
    return "; write a decimal point, not a comma" if "," in text else ""
