"""Files and data frames -> Predictions: the doors. What the rows say is checked in `long_table`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barnspider.errors import InputError, listing, pick
from barnspider.predictions import LeftOut, Predictions, concat, with_classes
from barnspider.tables.arrays import from_npz
from barnspider.tables.class_list import natural
from barnspider.tables.columns import Piece, known_columns
from barnspider.tables.csv_rows import line_of, read_header, read_rows
from barnspider.tables.formats import TABLE_SCHEMA, kind_of
from barnspider.tables.long_table import Samples, SamplesLeftOut, to_predictions

ROWS = 1 << 20
PANIC: Any = pl.exceptions.PanicException  # a damaged Parquet file can make polars panic


def read_table(
    path: str | Path | Sequence[str | Path],
    *,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    on: str | None = None,
    samples: Samples = "all",
) -> Predictions:
    r"""Read the answers in one file, or in several that are parts of one table.

    A CSV (`,`, `;`, tab or `|`; UTF-8; also .gz and .zst) or Parquet file has one row for each answer, with the
    columns `arm, seed, sample, label, prediction` and optionally `dose, p_label, on`; others are left alone. An
    .npz file was written by `Predictions.save`, or holds arrays: `label` [samples], `guess` [runs, samples], and
    optionally `arm`, `seed`, `dose` (NaN: unknown) for each run, `p_label` [runs, samples], `classes`, `sample`,
    `on`; its integers are indices into the classes, and without `arm` all runs are one arm with the file's name.

    The order of rows does not matter. Runs are ordered by the arm's dose (unknown: last), arm, seed; samples and
    classes as numbers when they are plain whole numbers, else by code point. In CSV and Parquet, classes are the
    texts that occur: "NA", " dog" and "001" are names like any other. If all are whole numbers, "3.0" is read as "3".

    Parameters
    ----------
    classes
        The names, in order; needed to keep classes that never occur. Then integers that are not names among them are
        indices into them, and no two names are taken for the same by mistake.
    paired
        Say True only when runs of equal seed share their randomness across arms.
    on
        Which images, where the column `on` holds several values.
    samples
        "all": every run answers the same samples, or an error. "common": those that all runs answered; how many
        were left out is told by the warning `SamplesLeftOut`.

    Raises
    ------
    InputError
        Naming file, line and column: for a missing column or value, a duplicate or missing answer, two labels for one
        sample, two doses for one arm, an unknown type, and whatever is no UTF-8 or no table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "answers.csv")
    ...     _ = file.write_text("arm,seed,sample,label,prediction\nplain,0,a.png,cat,dog\nplain,0,b.png,dog,dog\n")
    ...     read_table(file).correct().tolist()
    [[False, True]]
    """
    pick("samples", samples, ["all", "common"])
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]
    if not paths:
        raise InputError("path=[] names no file; expected at least one")
    rows = [p for p in paths if kind_of(p) != "npz"]
    parts = [_read_rows(rows, classes, paired, on, samples)] if rows else []
    parts += [from_npz(p, classes=classes, paired=paired, on=on) for p in paths if kind_of(p) == "npz"]
    return parts[0] if len(parts) == 1 else join(parts, samples=samples)


def from_frame(
    frame: Any,
    *,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    on: str | None = None,
    samples: Samples = "all",
) -> Predictions:
    """Return the Predictions in a polars, pandas or Arrow table with the columns of `read_table`.

    Raises
    ------
    InputError
        As `read_table`; rows are counted from 0.

    Examples
    --------
    >>> frame = {"arm": ["a", "a"], "seed": [0, 0], "sample": [7, 8], "label": [0, 1], "prediction": [1, 1]}
    >>> from_frame(pl.DataFrame(frame)).sample.tolist()
    ['7', '8']
    """
    pick("samples", samples, ["all", "common"])
    names = [str(name) for name in getattr(frame, "column_names", getattr(frame, "columns", ()))]
    if not names:
        raise InputError(f"frame is a {type(frame).__name__}; expected a polars, pandas or Arrow table with columns")
    columns = known_columns("the data frame", names)
    table = _polars(frame, columns)
    pieces = (
        Piece(table[start : start + ROWS], "the data frame", lambda row, start=start: f"row {start + row} (from 0)")
        for start in range(0, table.height, ROWS)
    )
    return to_predictions(pieces, where="the data frame", classes=classes, paired=paired, on=on, samples=samples)


def _read_rows(
    paths: list[Path], classes: Sequence[str] | None, paired: bool, on: str | None, samples: Samples
) -> Predictions:
    where = listing((repr(str(p)) for p in paths), most=3)
    abouts = [_read_about(path) if kind_of(path) == "parquet" else {} for path in paths]
    saved = {tuple(about.get("classes", ())) for about in abouts}
    if classes is None and len(saved) == 1:
        classes = next(iter(saved)) or None
    pieces = (piece for path in paths for piece in _pieces(path, paths[0]))
    preds = to_predictions(pieces, where=where, classes=classes, paired=paired, on=on, samples=samples)
    return replace(
        preds,
        paired=paired or all(about.get("paired", False) for about in abouts),
        left_out=tuple(LeftOut(*x) for about in abouts for x in about.get("left_out", ())),
    )


def _pieces(path: Path, first: Path) -> Iterator[Piece]:
    columns = _columns(path)
    if columns != (expected := columns if path == first else _columns(first)):
        differ = listing(sorted(set(columns) ^ set(expected)))
        raise InputError(f"{str(path)!r} and {str(first)!r} differ in the columns {differ}; give both the same")
    yield from (_csv_pieces if kind_of(path) == "csv" else _parquet_pieces)(path, columns)


def _columns(path: Path) -> list[str]:
    csv = kind_of(path) == "csv"
    return known_columns(repr(str(path)), read_header(path).names if csv else _scan(path).collect_schema().names())


def _csv_pieces(path: Path, columns: list[str]) -> Iterator[Piece]:
    above = 0
    for frame in read_rows(path, read_header(path), columns):

        def place(row: int, above: int = above) -> str:
            return f"{str(path)!r}, line {line_of(path, above + row)}"

        yield Piece(frame, repr(str(path)), place)
        above += frame.height


def _scan(path: Path) -> pl.LazyFrame:
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist or is no file")
    try:
        table = pl.scan_parquet(path, glob=False)
        table.collect_schema()
    except (pl.exceptions.PolarsError, OSError, PANIC) as error:
        raise InputError(_unreadable(path, error)) from None
    return table


def _unreadable(path: Path, error: BaseException) -> str:
    return f"{str(path)!r} cannot be read as Parquet: {error}; is it whole?"


def _parquet_pieces(path: Path, columns: list[str]) -> Iterator[Piece]:
    table, where = _scan(path).select(columns), repr(str(path))
    try:
        height = int(table.select(pl.len()).collect().item())
        for start in range(0, height, ROWS):
            frame = table.slice(start, ROWS).collect()
            yield Piece(frame, where, lambda row, start=start, where=where: f"{where}, row {start + row} (from 0)")
    except (pl.exceptions.PolarsError, OSError, PANIC) as error:
        raise InputError(_unreadable(path, error)) from None


def _read_about(path: Path) -> dict[str, Any]:
    """Return what `write_table` noted beside the rows; nothing when another program wrote the file."""
    _scan(path)
    note = pl.read_parquet_metadata(path).get("barnspider")
    if note is None:
        return {}
    try:
        about: dict[str, Any] = json.loads(note)
        schema = about.get("schema")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{str(path)!r}: its metadata 'barnspider' cannot be read: {error}") from None
    if schema != TABLE_SCHEMA:
        raise InputError(f"{str(path)!r} has schema {schema!r}; this version reads {TABLE_SCHEMA!r}")
    return about


def _polars(frame: Any, columns: list[str]) -> pl.DataFrame:
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pl.DataFrame({name: _from_pandas(frame[name], name) for name in columns})
        return pl.DataFrame(frame).select(columns)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InputError(f"the data frame cannot be read: {error}; expected a polars, pandas or Arrow table") from error


def _from_pandas(column: Any, name: str) -> pl.Series:
    """Return a pandas column without the help of pyarrow, which polars would ask for."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iufb" and isinstance(column.dtype, np.dtype):
        return pl.Series(name, column.to_numpy())
    values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) > 1:
        found = listing(sorted(kind.__name__ for kind in kinds))
        raise InputError(f"the data frame: the column {name!r} mixes {found}; make them all of one kind, such as str")
    return pl.Series(name, values, strict=True)


def join(parts: Sequence[Predictions], *, samples: Samples = "all") -> Predictions:
    """Put Predictions together that were read one by one; their lists of classes and samples may differ.

    Where the lists of classes differ, the result has all of them, in the order of `read_table`.

    Raises
    ------
    InputError
        As `concat`; with `samples="common"` only when no sample is in all parts.

    Examples
    --------
    >>> a = Predictions.from_arrays(["cat", "dog"], {"a": [["cat", "cat"]]})
    >>> b = Predictions.from_arrays(["cat", "dog"], {"b": [["cow", "dog"]]})
    >>> join([a, b]).classes
    ('cat', 'cow', 'dog')
    """
    if any(part.classes != parts[0].classes for part in parts):
        classes = tuple(sorted({name for part in parts for name in part.classes}, key=natural))
        parts = [with_classes(part, classes) for part in parts]
    return concat(_on_common_samples(parts) if samples == "common" else parts)


def _on_common_samples(parts: Sequence[Predictions]) -> list[Predictions]:
    common = set(parts[0].sample.tolist()).intersection(*(part.sample.tolist() for part in parts))
    if not common:
        raise InputError("no sample is in all files; do they name the samples in the same way?")
    everything = set(parts[0].sample.tolist()).union(*(part.sample.tolist() for part in parts))
    if left := sorted(everything - common, key=natural):
        text = f"{len(left)} of {len(everything)} samples are left out, as they are not in all files:"
        warnings.warn(f"{text} {listing(map(repr, left), most=5)}", SamplesLeftOut, stacklevel=4)
    return [part.where(samples=[s in common for s in part.sample.tolist()]) for part in parts]
