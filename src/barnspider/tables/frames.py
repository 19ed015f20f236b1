"""Data frames of polars, pandas and Arrow -> Predictions, without importing the last two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barnspider.errors import InputError, listing, pick
from barnspider.predictions import Predictions
from barnspider.tables.asked import Asked, Format, Origin, Samples
from barnspider.tables.columns import KNOWN, Piece
from barnspider.tables.dialects import Meaning, meaning
from barnspider.tables.labels import Labels, read_labels
from barnspider.tables.long_table import to_predictions
from barnspider.tables.strangers import refuse_strangers

ROWS = 1 << 20
EXPECTED = "expected a polars, pandas or Arrow table"


def from_frame(
    frame: Any,
    *,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    on: str | None = None,
    samples: Samples = "all",
    labels: str | Path | None = None,
    format: Format = "auto",
    columns: Mapping[str, str] | None = None,
) -> Predictions:
    """Return the Predictions in a polars, pandas or Arrow table with the columns of `read_table`.

    A mapping from arms to tables, or from (arm, seed) to tables, holds one run, or one arm, in each; these need no
    columns `arm` and `seed`.

    Parameters
    ----------
    labels, format, columns
        As in `read_table`.

    Raises
    ------
    InputError
        As `read_table`; rows are counted from 0.

    Examples
    --------
    >>> frame = {"arm": ["a", "a"], "seed": [0, 0], "sample": [7, 8], "label": [0, 1], "prediction": [1, 1]}
    >>> from_frame(pl.DataFrame(frame)).sample.tolist()
    ['7', '8']
    >>> one = pl.DataFrame({"sample": [7, 8], "label": [0, 1], "prediction": [1, 1]})
    >>> from_frame({"plain": one, "mixup": one}).arms
    ('mixup', 'plain')
    """
    pick("samples", samples, ["all", "common"])
    asked = Asked(classes=classes, paired=paired, on=on, samples=samples, format=format, columns=columns)
    known = None if labels is None else read_labels(labels)
    frames = _named(frame)
    found = [_meaning(where, table, asked, origin, known) for where, table, origin in frames]
    _refuse_uneven([where for where, _, _ in frames], found)
    pieces = (
        piece for (where, table, _), means in zip(frames, found, strict=True) for piece in _pieces(where, table, means)
    )
    names = known.classes if classes is None and known is not None else classes
    preds = to_predictions(pieces, where=frames[0][0], classes=names, paired=paired, on=on, samples=samples)
    if classes is None:
        refuse_strangers(frames[0][0], preds)
    return preds


def _named(frame: Any) -> list[tuple[str, Any, Origin | None]]:
    """Return each table with the words for it, and the run that it is of where a mapping says so."""
    if not isinstance(frame, Mapping):
        return [("the data frame", frame, None)]
    if not frame:
        raise InputError(f"frame={{}} holds no table; {EXPECTED} for each arm")
    return [_of_run(key, table) for key, table in frame.items()]


def _of_run(key: Any, table: Any) -> tuple[str, Any, Origin]:
    where = f"the data frame of {key!r}"
    if isinstance(key, tuple) and len(key) == 2:
        return where, table, Origin(Path(), {"arm": str(key[0]), "seed": str(key[1])}, str(key[0]))
    return where, table, Origin(Path(), {"arm": str(key)}, str(key))


def _meaning(where: str, table: Any, asked: Asked, origin: Origin | None, labels: Labels | None) -> Meaning:
    if isinstance(table, pl.LazyFrame):
        raise InputError(f"{where} is a LazyFrame, which holds no rows yet; give frame.collect()")
    names = [str(name) for name in getattr(table, "column_names", getattr(table, "columns", ()))]
    if not names:
        raise InputError(f"{where} is a {type(table).__name__}; {EXPECTED} with columns")
    try:
        return meaning(where, names, asked, origin=origin, labels=labels)
    except InputError as error:
        index = [name for name in getattr(getattr(table, "index", None), "names", ()) if name in KNOWN]
        hint = f"; {listing(map(repr, index))} is in the index: give frame.reset_index()" if index else ""
        raise InputError(f"{error}{hint}") from None


def _refuse_uneven(where: list[str], found: list[Meaning]) -> None:
    for name, means in zip(where, found, strict=True):
        if means.ours != found[0].ours:
            differ = listing(sorted(set(means.ours) ^ set(found[0].ours)))
            raise InputError(f"{name} and {where[0]} differ in the columns {differ}; give both the same")


def _pieces(where: str, table: Any, means: Meaning) -> Iterator[Piece]:
    frame = _polars(where, table, list(dict.fromkeys(means.columns.values())))
    for start in range(0, frame.height, ROWS):
        rows = frame[start : start + ROWS]
        yield means.applied(Piece(rows, where, lambda row, start=start: f"{where}, row {start + row} (from 0)"))


def _polars(where: str, frame: Any, columns: list[str]) -> pl.DataFrame:
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pl.DataFrame({name: _from_pandas(where, frame[name], name) for name in columns})
        return pl.DataFrame(frame).select(columns)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{where} cannot be read: {error}; {EXPECTED}") from error


def _from_pandas(where: str, column: Any, name: str) -> pl.Series:
    """Return a pandas column without the help of pyarrow, which polars would ask for."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iufb" and isinstance(column.dtype, np.dtype):
        return pl.Series(name, column.to_numpy())
    values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) > 1:
        found = listing(sorted(kind.__name__ for kind in kinds))
        raise InputError(f"{where}: the column {name!r} mixes {found}; make them all of one kind, such as str")
    return pl.Series(name, values, strict=True)
