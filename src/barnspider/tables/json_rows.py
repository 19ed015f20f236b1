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


# An object is a tuple of its names and values, a list is a list: so no name that stands twice is lost.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=tuple)
UNREADABLE = (ValueError, RecursionError, _BadError)


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
        for line, pairs in _rows(path, block):
            return list(_names(path, line, pairs))
    raise InputError(f"{str(path)!r} is empty; expected one JSON object on each line")


def read_json(path: Path, columns: Sequence[str]) -> Iterator[JsonRows]:
    """Yield the rows in blocks; whole numbers and fractions are text, lists of numbers are lists of floats.

    Raises
    ------
    InputError
        Naming the line: when it is no JSON object, a column mixes kinds, or a row has a column that the first lacks.
    """
    if (entries := _document(path)) is not None:
        places = tuple(where for where, _ in entries)
        yield JsonRows(_frame(path, {name: [row[name] for _, row in entries] for name in columns}, places), places)
        return
    first: tuple[str, ...] | None = None
    for block in whole_lines(path):
        rows = _rows(path, block)
        if not rows:
            continue
        first = _names(path, *rows[0]) if first is None else first
        values = list(zip(*(_values(path, line, pairs, first) for line, pairs in rows), strict=True))
        places = tuple(f"line {line}" for line, _ in rows)
        yield JsonRows(_frame(path, {name: values[first.index(name)] for name in columns}, places), places)


def _rows(path: Path, block: Block) -> list[tuple[int, Any]]:
    """Return the values of a block with the numbers of their lines; blank lines are none."""
    numbered = [(n, text) for n, text in enumerate(decoded(path, block).split("\n"), start=block.line) if text.strip()]
    try:
        rows = _DECODER.decode("[" + ",".join([text for _, text in numbered]) + "]")
    except UNREADABLE:
        rows = []
    if len(rows) != len(numbered):  # then some line is no value by itself
        rows = [_row(path, line, text) for line, text in numbered]
    return [(line, row) for (line, _), row in zip(numbered, rows, strict=True)]


def _row(path: Path, line: int, text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except UNREADABLE as error:
        raise InputError(f"{str(path)!r}, line {line} cannot be read: {_why(error)}") from None


def _why(error: Exception) -> str:
    return f"it {error}" if isinstance(error, _BadError) else f"{error}; expected one JSON object on each line"


def _names(path: Path, line: int, pairs: Any) -> tuple[str, ...]:
    """Return the names of an object, and refuse what is none."""
    if not isinstance(pairs, tuple):
        raise InputError(f"{str(path)!r}, line {line} is no JSON object; expected one on each line")
    names = tuple(name for name, _ in pairs)
    if len(set(names)) < len(names):
        raise InputError(f"{str(path)!r}, line {line} has a name twice: {listing(names)}")
    return names


def _values(path: Path, line: int, pairs: Any, first: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the values of an object in the order of the first one's names."""
    if isinstance(pairs, tuple) and pairs:
        names, values = zip(*pairs, strict=True)
        if names == first:
            return values
    row = dict(zip(_names(path, line, pairs), (value for _, value in pairs), strict=True))
    if absent := [name for name in first if name not in row]:
        raise InputError(f"{str(path)!r}, line {line} has no {absent[0]!r}; expected the names of the first line")
    if new := [name for name in row if name not in first]:
        raise InputError(f"{str(path)!r}, line {line} has {new[0]!r}, which the first line has not; give it to all")
    return tuple(row[name] for name in first)


def _frame(path: Path, columns: Mapping[str, Sequence[Any]], places: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({name: _series(path, name, values, places) for name, values in columns.items()})


def _series(path: Path, name: str, values: Sequence[Any], where: Sequence[str]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return _texts(path, name, values, where)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    kind = next(iter(kinds - {str}))
    row = next(i for i, value in enumerate(values) if isinstance(value, kind))
    if kinds != {list}:
        said = {bool: "true or false", list: "a list", tuple: "an object"}[kind]
        raise InputError(
            f"{str(path)!r}, {where[row]}: {name} is {said}; expected a name or a whole number in every row"
        )
    return _lists(path, name, values, where[row])


def _lists(path: Path, name: str, values: Sequence[Any], where: str) -> pl.Series:
    """Return lists of numbers; where some are none, of texts: of names, if these are no scores."""
    try:
        return pl.Series(name, [value and [float(x) for x in value] for value in values], dtype=pl.List(pl.Float64))
    except (TypeError, ValueError):
        return _lists_of_names(path, name, values, where)


def _lists_of_names(path: Path, name: str, values: Sequence[Any], where: str) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.List(pl.String))
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        raise InputError(f"{str(path)!r}, {where}: {name} holds neither scores nor names; expected either") from None


def _texts(path: Path, name: str, values: Sequence[Any], where: Sequence[str]) -> pl.Series:
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
    except UNREADABLE as error:
        raise InputError(f"{str(path)!r} cannot be read as JSON: {_why(error)}") from None
    if not rows:
        raise InputError(f"{str(path)!r} holds no rows; expected one object for each answer")
    _refuse_uneven(path, rows)
    return rows


def _entries(document: Any) -> Iterator[tuple[str, Row]]:
    if isinstance(document, list):
        yield from ((f"entry {i} (from 0)", _object(value)) for i, value in enumerate(document))
        return
    names = _object(document)
    if {"columns", "data"} <= names.keys():
        if not isinstance(names["columns"], list) or not isinstance(names["data"], list):
            raise _BadError("has 'columns' or 'data' that is no list")
        if not all(isinstance(name, str) for name in names["columns"]):
            raise _BadError("has in 'columns' what is no name")
        for i, values in enumerate(names["data"]):
            if not isinstance(values, list) or len(values) != len(names["columns"]):
                raise _BadError(f"has in 'data' a row {i} (from 0) that does not fit its 'columns'")
            yield f"entry {i} (from 0)", dict(zip(names["columns"], values, strict=True))
    elif names and all(isinstance(value, tuple) for value in names.values()):
        yield from ((f"entry {name!r}", {"filename": name, **_object(value)}) for name, value in names.items())
    else:
        yield "line 1", names


def _object(value: Any) -> Row:
    if not isinstance(value, tuple):
        raise _BadError("holds no table of objects")
    row = dict(value)
    if len(row) < len(value):
        raise _BadError(f"has a name twice: {listing(name for name, _ in value)}")
    return row


def _refuse_uneven(path: Path, rows: list[tuple[str, Row]]) -> None:
    for where, row in rows:
        if row.keys() != rows[0][1].keys():
            differ = listing(sorted(row.keys() ^ rows[0][1].keys()))
            raise InputError(f"{str(path)!r}, {where} and the first entry differ in {differ}; give all the same names")
