"""JSON lines, one object for each answer -> blocks of rows. Numbers stay as they are written: 3 and "3" are one class.

A file that ends in .json may also be one document: a list of objects, or what pandas writes with `orient="index"` or
`orient="split"` (as timm does).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from barnspider.errors import InputError, listing
from barnspider.tables.opened import Block, decoded, opened, read, whole_lines

Row = dict[str, Any]


@dataclass(frozen=True)
class JsonRows:
    """Some rows: their values by column, and where each stands, in words."""

    frame: pl.DataFrame
    places: tuple[str, ...]


class _BadError(Exception):
    """What is wrong with one value."""


def _refuse_constant(name: str) -> NoReturn:
    raise _BadError(f"holds {name}, which is no answer; leave out such samples, or write null for an unknown dose")


def _distinct(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise _BadError(f"has a name twice: {listing(name for name, _ in pairs)}")
    return row


_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_distinct
)


def read_json_names(path: Path) -> list[str]:
    """Return the names in the first object.

    Raises
    ------
    InputError
        When the file is empty, is no JSON, or holds something other than objects.
    """
    if (rows := _document(path)) is not None:
        return list(rows[0][1])
    for block in whole_lines(path, size=1 << 16):
        for _, row in _rows(path, block):
            return list(row)
    raise InputError(f"{str(path)!r} is empty; expected one JSON object on each line")


def read_json(path: Path, columns: Sequence[str]) -> Iterator[JsonRows]:
    """Yield the rows in blocks; whole numbers and fractions are text, lists of numbers are lists of floats.

    Raises
    ------
    InputError
        Naming the line: when it is no JSON object, a column mixes kinds, or a row has a column that the first lacks.
    """
    if (entries := _document(path)) is not None:
        rows = [row for _, row in entries]
        where = [where for where, _ in entries]
        yield JsonRows(_frame(path, rows, columns, where), tuple(where))
        return
    first: Row | None = None
    for block in whole_lines(path):
        numbered = list(_rows(path, block))
        if not numbered:
            continue
        first = first or numbered[0][1]
        _refuse_new_names(path, first, numbered, columns)
        where = [f"line {line}" for line, _ in numbered]
        yield JsonRows(_frame(path, [row for _, row in numbered], columns, where), tuple(where))


def _rows(path: Path, block: Block) -> Iterator[tuple[int, Row]]:
    for number, text in enumerate(decoded(path, block).split("\n"), start=block.line):
        if not text.strip():
            continue
        try:
            row = _DECODER.decode(text)
        except (ValueError, RecursionError, _BadError) as error:
            raise InputError(f"{str(path)!r}, line {number} cannot be read: {_why(error)}") from None
        if not isinstance(row, dict):
            raise InputError(f"{str(path)!r}, line {number} is no JSON object; expected one on each line")
        yield number, row


def _why(error: Exception) -> str:
    return f"it {error}" if isinstance(error, _BadError) else f"{error}; expected one JSON object on each line"


def _refuse_new_names(path: Path, first: Row, rows: list[tuple[int, Row]], columns: Sequence[str]) -> None:
    for line, row in rows:
        if row.keys() == first.keys():
            continue
        for name in columns:
            if name not in row:
                raise InputError(f"{str(path)!r}, line {line} has no {name!r}; expected the names of the first line")
        if new := [name for name in row if name not in first]:
            raise InputError(f"{str(path)!r}, line {line} has {new[0]!r}, which the first line has not; give it to all")


def _frame(path: Path, rows: list[Row], columns: Sequence[str], where: list[str]) -> pl.DataFrame:
    return pl.DataFrame({name: _series(path, name, [row.get(name) for row in rows], where) for name in columns})


def _series(path: Path, name: str, values: list[Any], where: list[str]) -> pl.Series:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {str}:
        return _texts(path, name, values, where)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    kind = next(iter(kinds - {str}))
    row = next(i for i, value in enumerate(values) if isinstance(value, kind))
    if kinds != {list}:
        said = {bool: "true or false", list: "a list", dict: "an object"}[kind]
        raise InputError(
            f"{str(path)!r}, {where[row]}: {name} is {said}; expected a name or a whole number in every row"
        )
    try:
        return pl.Series(name, [value and [float(x) for x in value] for value in values], dtype=pl.List(pl.Float64))
    except (TypeError, ValueError):
        raise InputError(f"{str(path)!r}, {where[row]}: {name} holds what is no number; expected scores") from None


def _texts(path: Path, name: str, values: list[Any], where: list[str]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError:
        row = next(i for i, value in enumerate(values) if not _is_text(value))
        raise InputError(f"{str(path)!r}, {where[row]}: {name} holds half of a character (a lone surrogate)") from None


def _is_text(value: str | None) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value or "")


# One document


def _document(path: Path) -> list[tuple[str, Row]] | None:
    """Return the rows of a .json file that is one document, each with the words for its place."""
    if ".json" not in [suffix.lower() for suffix in path.suffixes[-2:]]:
        return None
    with opened(path) as file:
        data = read(path, file)
    first = data.lstrip().split(b"\n", 1)[0].rstrip()
    text = decoded(path, Block(data, 1))
    if first.startswith(b"{") and first.endswith(b"}") and data.strip() != first:
        return None  # JSON lines under the name of .json
    try:
        rows = list(_entries(_DECODER.decode(text)))
    except (ValueError, RecursionError, _BadError) as error:
        raise InputError(f"{str(path)!r} cannot be read as JSON: {_why(error)}") from None
    if not rows:
        raise InputError(f"{str(path)!r} holds no rows; expected one object for each answer")
    _refuse_uneven(path, rows)
    return rows


def _entries(document: Any) -> Iterator[tuple[str, Row]]:
    if isinstance(document, list):
        yield from ((f"entry {i} (from 0)", _row(value)) for i, value in enumerate(document))
    elif isinstance(document, dict) and {"columns", "data"} <= document.keys():
        for i, values in enumerate(document["data"]):
            if not isinstance(values, list) or len(values) != len(document["columns"]):
                raise _BadError(f"has in 'data' a row {i} (from 0) that does not fit its 'columns'")
            yield f"entry {i} (from 0)", dict(zip(document["columns"], values, strict=True))
    elif isinstance(document, dict) and document and all(isinstance(value, Mapping) for value in document.values()):
        yield from ((f"entry {name!r}", {"filename": name, **_row(value)}) for name, value in document.items())
    elif isinstance(document, dict):
        yield "line 1", document
    else:
        raise _BadError("holds neither objects nor a table")


def _row(value: Any) -> Row:
    if not isinstance(value, dict):
        raise _BadError("holds a row that is no object")
    return value


def _refuse_uneven(path: Path, rows: list[tuple[str, Row]]) -> None:
    for where, row in rows:
        if row.keys() != rows[0][1].keys():
            differ = listing(sorted(row.keys() ^ rows[0][1].keys()))
            raise InputError(f"{str(path)!r}, {where} and the first entry differ in {differ}; give all the same names")
