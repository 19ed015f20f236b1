"""CSV files -> blocks of whole rows, as text. Knows bytes, quotes and lines; knows nothing of arms and classes.

A file is read in blocks, so memory does not grow with it. Every fault is told with the line where an editor shows it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.errors import InputError
from barnspider.tables.opened import Block, decoded, opened, read, read_line

BLOCK = 1 << 25
LONGEST_RECORD = 1 << 28
QUOTE, NEWLINE, RETURN = b'"\n\r'
SEPARATORS = ",;\t|"
MARKS = SEPARATORS.encode()


@dataclass(frozen=True)
class Records:
    """Where the records of a block start and end, how many fields each has, and which are blank lines."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    fields: NDArray[np.int64]
    blank: NDArray[np.bool_]


@dataclass(frozen=True)
class Header:
    """The column names of a file and what stands between them."""

    names: tuple[str, ...]
    separator: str


def read_header(path: Path) -> Header:
    """Return the names in the first row; of `,`, `;`, tab and `|` the one that splits it into most names.

    Raises
    ------
    InputError
        When the file is empty, absent, not UTF-8, or damaged.
    """
    for block in _blocks(path, size=1 << 16):
        records = _records(block.data, b",")
        full = np.flatnonzero(~records.blank)
        if len(full):
            first = Block(block.data[records.start[full[0]] : records.end[full[0]]], block.line)
            _refuse_lone_returns(path, first)
            text = decoded(path, first)
            return max((_split(path, text, s) for s in SEPARATORS), key=lambda header: len(header.names))
    raise InputError(f"{str(path)!r} is empty; expected a header with the names of the columns, then rows")


def _split(path: Path, text: str, separator: str) -> Header:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise InputError(f"{str(path)!r}, line 1: the header cannot be read: {error}") from None
    return Header(tuple(rows[0]), separator)


def read_rows(path: Path, header: Header, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows below the header in blocks; every column is text, an empty field is null or "".

    Raises
    ------
    InputError
        Naming the line: when a row has more or fewer fields than the header, a quote is not closed, or the
        text is not UTF-8.
    """
    places = sorted(header.names.index(name) for name in columns)
    names = [header.names[i] for i in places]
    header_above = True
    for block in _blocks(path):
        if not block.data.isascii():
            decoded(path, block)
        data = _even(path, block, header)
        if not data:
            continue
        if header_above:
            data = data[int(_records(data, b",").end[0]) :]
        header_above = False
        if data:
            yield _parsed(path, block, data, header, places, names)


def line_of(path: Path, row: int) -> int:
    """Return the line on which a row starts; the row below the header is 0, the file's first line is 1."""
    left = row + 1
    for block in _blocks(path):
        records = _records(block.data, b",")
        start = records.start[~records.blank]
        if left < len(start):
            return block.line + block.data.count(b"\n", 0, int(start[left]))
        left -= len(start)
    raise IndexError(row)


def _blocks(path: Path, size: int = BLOCK) -> Iterator[Block]:
    line = 1
    with opened(path) as file:
        while chunk := read(path, file, size):
            block = Block(chunk + _rest_of_record(path, file, line, chunk), line)
            yield block
            line += _count(block.data, NEWLINE)


def _rest_of_record(path: Path, file: BinaryIO, line: int, chunk: bytes) -> bytes:
    """Read on to the end of the line, and further while a quote is open."""
    parts = [read_line(path, file)]
    odd = (chunk.count(b'"') + parts[0].count(b'"')) % 2
    room = LONGEST_RECORD
    while odd:
        parts.append(read_line(path, file))
        odd ^= parts[-1].count(b'"') % 2
        room -= len(parts[-1])
        if odd and (room < 0 or not parts[-1]):
            _refuse_unclosed(path, Block(chunk + b"".join(parts), line))
    return b"".join(parts)


def _refuse_unclosed(path: Path, block: Block) -> NoReturn:
    _refuse_stray_quotes(path, block)
    line = block.line + block.data.count(b"\n", 0, block.data.rindex(b'"'))
    raise InputError(
        f"{str(path)!r}, line {line}: a quote mark opens a field and is never closed;"
        ' inside a quoted field write "" for each quote mark'
    )


def _refuse_stray_quotes(path: Path, block: Block, marks: bytes = MARKS) -> None:
    """Quotes open where a field starts and close where it ends; elsewhere, programs disagree on what they mean."""
    if b'"' not in block.data:
        return
    raw = np.frombuffer(block.data, np.uint8)
    quotes = np.flatnonzero(raw == QUOTE)
    before = np.append(NEWLINE, raw)[quotes[0::2]]
    after = np.append(raw, NEWLINE)[quotes[1::2] + 1]
    stray = np.concatenate(
        [
            quotes[0::2][~np.isin(before, [*marks, NEWLINE, QUOTE])],
            quotes[1::2][~np.isin(after, [*marks, NEWLINE, RETURN, QUOTE])],
        ]
    )
    if len(stray):
        line = block.line + block.data.count(b"\n", 0, int(stray.min()))
        raise InputError(
            f"{str(path)!r}, line {line}: a quote mark stands inside of a field; put the whole field in quotes and"
            ' write "" for each quote mark'
        )


def _records(data: bytes, separator: bytes) -> Records:
    raw = np.frombuffer(data, np.uint8)
    outside = _outside(raw)
    end = np.flatnonzero((raw == NEWLINE) & outside) + 1
    if data and not data.endswith(b"\n"):
        end = np.append(end, len(data))
    start = np.concatenate([[0], end[:-1]]).astype(np.int64)[: len(end)]
    parts = np.flatnonzero((raw == separator[0]) & outside)
    fields = np.diff(np.searchsorted(parts, end), prepend=0) + 1
    return Records(start, end, fields, _blank(raw, start, end))


def _outside(raw: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # Eight bits overflow, but 256 is even: whether the number of quotes so far is odd survives.
    return (np.cumsum(raw == QUOTE, dtype=np.uint8) & 1) == 0


def _blank(raw: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    size = end - start
    first = raw[start] if len(start) else raw[:0]
    second = raw[np.minimum(start + 1, len(raw) - 1)] if len(start) else raw[:0]
    bare = (first == NEWLINE) & (size == 1)
    return bare | ((first == RETURN) & ((size == 1) | ((size == 2) & (second == NEWLINE))))


def _count(data: bytes, byte: int) -> int:
    """Count faster than `bytes.count`, which is slow where there is much to find."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte))


def _even(path: Path, block: Block, header: Header) -> bytes:
    """Return the block without blank lines, after checking that each row has as many fields as the header."""
    data, mark, expected = block.data, header.separator.encode(), len(header.names)
    _refuse_lone_returns(path, block)
    _refuse_stray_quotes(path, block, mark)
    rows = _count(data, NEWLINE) + (not data.endswith(b"\n"))
    if b'"' not in data and _count(data, mark[0]) == rows * (expected - 1):
        return data  # if a row is too short or blank here, another is too long, and polars will refuse it
    records = _refuse_ragged(path, block, header)
    if not records.blank.any():
        return data
    keep = np.repeat(~records.blank, records.end - records.start)
    return np.frombuffer(data, np.uint8)[keep].tobytes()


def _refuse_ragged(path: Path, block: Block, header: Header) -> Records:
    records = _records(block.data, header.separator.encode())
    wrong = np.flatnonzero((records.fields != len(header.names)) & ~records.blank)
    if len(wrong):
        line = block.line + block.data.count(b"\n", 0, int(records.start[wrong[0]]))
        raise InputError(
            f"{str(path)!r}, line {line}: the row has {records.fields[wrong[0]]} fields; expected {len(header.names)},"
            f' as in the header (a value that holds {header.separator!r} must stand in "quotes")'
        )
    return records


def _refuse_lone_returns(path: Path, block: Block) -> None:
    """A CR that ends no line and stands in no quotes: the end of a line for some programs, a letter for others."""
    if b"\r" not in block.data or _count(block.data, RETURN) == block.data.count(b"\r\n"):
        return
    raw = np.frombuffer(block.data, np.uint8)
    lone = (raw == RETURN) & (np.append(raw[1:], 0) != NEWLINE) & _outside(raw)
    if lone.any():
        line = block.line + block.data.count(b"\n", 0, int(np.argmax(lone)))
        raise InputError(
            f"{str(path)!r}, line {line}: a CR stands alone; end lines with LF or CRLF, or quote the field"
        )


def _parsed(path: Path, block: Block, data: bytes, header: Header, places: list[int], names: list[str]) -> pl.DataFrame:
    # With a schema, polars refuses a row that has more fields than the header, if a line feed ends it.
    data = data if data.endswith(b"\n") else data + b"\n"
    schema = {f"column {i}": pl.String for i in range(len(header.names))}
    options: dict[str, Any] = {"has_header": False, "schema": schema, "separator": header.separator}
    try:
        frame = pl.read_csv(data, columns=places, **options)
    except pl.exceptions.PolarsError as error:
        _refuse_ragged(path, block, header)
        lines = f"lines {block.line} to {block.line + _count(block.data, NEWLINE)}"
        raise InputError(f"{str(path)!r}, {lines} cannot be read: {error}") from error
    frame.columns = names
    return frame
