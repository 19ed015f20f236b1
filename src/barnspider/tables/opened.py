"""Text files -> bytes: unpacked, without a byte order mark, and every fault of the file told by its name."""

from __future__ import annotations

import gzip
import importlib.util
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from barnspider.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd

    TORN = (OSError, EOFError, zlib.error, zstd.ZstdError)
else:
    TORN = (OSError, EOFError, zlib.error)
BOM = b"\xef\xbb\xbf"
BLOCK = 1 << 23


@dataclass(frozen=True)
class Block:
    """Whole records of a file: their bytes, and the number of the line where they start (the first is 1)."""

    data: bytes
    line: int


def opened(path: Path) -> BinaryIO:
    """Open a file, unpacking gzip and zstd as its first bytes say.

    Raises
    ------
    InputError
        When it cannot be opened or unpacked, or is UTF-16.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be opened: {error.strerror}") from error
    with file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return _without_bom(lambda: gzip.open(path, "rb"), path)  # type: ignore[arg-type, return-value]
    if magic == b"\x28\xb5\x2f\xfd":
        return _without_bom(_zstd(path), path)
    return _without_bom(lambda: path.open("rb"), path)


def read(path: Path, file: BinaryIO, size: int = -1) -> bytes:
    """Read some bytes; `InputError` where the file is torn."""
    try:
        return file.read(size)
    except TORN as error:
        raise InputError(f"{str(path)!r} cannot be read to its end: {error}; is it a whole file?") from error


def read_line(path: Path, file: BinaryIO) -> bytes:
    """Read to the end of the line; `InputError` where the file is torn."""
    try:
        return file.readline()
    except TORN as error:
        raise InputError(f"{str(path)!r} cannot be read to its end: {error}; is it a whole file?") from error


def whole_lines(path: Path, size: int = BLOCK) -> Iterator[Block]:
    """Yield a file in blocks of whole lines."""
    line = 1
    with opened(path) as file:
        while chunk := read(path, file, size):
            block = Block(chunk + read_line(path, file), line)
            yield block
            line += block.data.count(b"\n")


def decoded(path: Path, block: Block) -> str:
    """Return the text, or say on which line it is not UTF-8."""
    try:
        return block.data.decode()
    except UnicodeDecodeError as error:
        line = block.line + block.data.count(b"\n", 0, error.start)
        byte = block.data[error.start]
        raise InputError(
            f"{str(path)!r}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
            " (from Latin-1: iconv -f LATIN1 -t UTF-8)"
        ) from None


def _without_bom(unpacked: Callable[[], BinaryIO], path: Path) -> BinaryIO:
    """Skip the mark that Excel writes before UTF-8, and refuse UTF-16."""
    file = unpacked()
    start = read(path, file, 3)
    if start == BOM:
        return file
    file.close()
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{str(path)!r} is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    return unpacked()


def _zstd(path: Path) -> Callable[[], BinaryIO]:
    """Python itself unpacks zstd from 3.14 on; before that pyarrow does, where it is; else polars, all at once."""
    if sys.version_info >= (3, 14):
        return lambda: zstd.open(path, "rb")
    if importlib.util.find_spec("pyarrow") is not None:
        pyarrow: Any = importlib.import_module("pyarrow")
        return lambda: io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"), BLOCK)
    data = _unpacked_zstd(path)
    return lambda: io.BytesIO(data)


def _unpacked_zstd(path: Path) -> bytes:
    """Let polars unpack: one field, as the bytes that would part fields and rows do not occur in tables."""
    try:
        frame = pl.read_csv(
            path.read_bytes(), has_header=False, infer_schema=False, separator="\x01", eol_char="\x02", quote_char=None
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{str(path)!r} cannot be unpacked here ({error}); is it whole? Then unpack it first: zstd -d"
        ) from error
    return b"\x02".join(str(text or "").encode() for text in frame.to_series())
