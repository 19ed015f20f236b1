"""Files of rows (CSV, JSON lines, Parquet) -> pieces of their columns, with the place of every row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from barnspider.errors import InputError
from barnspider.tables.columns import Piece
from barnspider.tables.csv_rows import line_of, read_header, read_rows
from barnspider.tables.formats import TABLE_SCHEMA, kind_of
from barnspider.tables.json_rows import read_json, read_json_names

ROWS = 1 << 20
PANIC: Any = pl.exceptions.PanicException  # a damaged Parquet file can make polars panic


def names_in(path: Path) -> list[str]:
    """Return the names of a file's columns; `InputError` when it cannot be read."""
    kind = kind_of(path)
    if kind == "csv":
        return list(read_header(path).names)
    return read_json_names(path) if kind == "json" else _scan(path).collect_schema().names()


def pieces_of(path: Path, columns: Sequence[str]) -> Iterator[Piece]:
    """Yield these columns of a file, some rows at a time; `InputError` when it cannot be read."""
    kind = kind_of(path)
    if kind == "csv":
        yield from _csv_pieces(path, columns)
    elif kind == "json":
        for rows in read_json(path, columns):
            yield Piece(rows.frame, repr(str(path)), lambda row, rows=rows: f"{str(path)!r}, {rows.places[row]}")
    else:
        yield from _parquet_pieces(path, columns)


def _csv_pieces(path: Path, columns: Sequence[str]) -> Iterator[Piece]:
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


def _parquet_pieces(path: Path, columns: Sequence[str]) -> Iterator[Piece]:
    table, where = _scan(path).select(columns), repr(str(path))
    try:
        height = int(table.select(pl.len()).collect().item())
        for start in range(0, height, ROWS):
            frame = table.slice(start, ROWS).collect()
            yield Piece(frame, where, lambda row, start=start, where=where: f"{where}, row {start + row} (from 0)")
    except (pl.exceptions.PolarsError, OSError, PANIC) as error:
        raise InputError(_unreadable(path, error)) from None


def read_about(path: Path) -> dict[str, Any]:
    """Return what `write_table` noted beside the rows of a Parquet file; nothing when another program wrote it."""
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
