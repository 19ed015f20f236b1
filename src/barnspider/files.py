"""Files that are whole or not there: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import secrets
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import InputError, StoreError

DAMAGED = (
    OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


MOST_PACKED = 1032
"""How many bytes one byte may stand for: the limit of Deflate, which NumPy packs by."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Let `write` fill a file that appears under `path` only when it is complete and on the disk.

    Raises
    ------
    StoreError
        When the folder cannot be written or the disk is full; the temporary file is removed, an older file stays.
    """
    # The temporary name does not grow with the file's own: 255 bytes is all that a name may have.
    if path.exists() and not path.is_file():
        raise StoreError(f"{str(path)!r} is no ordinary file; choose another name to write to")
    # Its owner is in it, so that what a killed process left can be told from what is being written.
    temporary = path.parent / f".writing-{owner()}-{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error
    finally:
        with contextlib.suppress(NotADirectoryError):  # then there is no temporary file either
            temporary.unlink(missing_ok=True)
    return path


def append(path: Path, text: str) -> None:
    """Add a text on lines of its own to the end of a file, which is made if it is not there.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = "\n" if _ends_within_a_line(path) else ""
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(before + (text if text.endswith("\n") else f"{text}\n"))
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def _ends_within_a_line(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def owner() -> str:
    """Return what stands for this process in the names of what it makes for a while: host, process, and its space."""
    return f"{socket.gethostname()}-{os.getpid()}" + (f".{space}" if (space := process_space()) else "")


def process_space() -> str:
    """Return within what the numbers of processes hold that this one knows: a container has its own; "" if unknown."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:  # a system without such spaces
        return ""


def cannot_write(path: Path, error: OSError) -> str:
    """Say what could not be written, why, and what to do."""
    what_to_do = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another place"
    return f"cannot write {str(path)!r}: {error.strerror or error}; {what_to_do}, then run the same again"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name, or those of these `names`. Pickles are never loaded.

    Raises
    ------
    InputError
        When the file is absent, is no .npz, is damaged, or holds Python objects.
    """
    _refuse_no_npz(path)
    with _told(path, ".npz"), path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if names is None or name in names}


def read_array_names(path: Path) -> list[str]:
    """Return the names of the arrays of an .npz file, without reading them; `InputError` as `read_arrays`."""
    _refuse_no_npz(path)
    with _told(path, ".npz"), zipfile.ZipFile(path) as file:
        return [name.removesuffix(".npy") for name in file.namelist()]


@dataclass(frozen=True)
class StoredArray:
    """An array in an .npz file, of which type and shape are known; its values are read from the first to the last.

    `fortran` says that the first axis is the one that runs fastest.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    def pieces(self, sizes: Iterable[int]) -> Iterator[NDArray[Any]]:
        """Yield as many values at a time as `sizes` say; `InputError` where the file is damaged."""
        with _told(self.path, ".npz"), zipfile.ZipFile(self.path) as file, file.open(_member(file, self.name)) as data:
            _header(data)
            for size in sizes:
                yield np.frombuffer(data.read(size * self.dtype.itemsize), self.dtype, count=size)
            data.read(1)  # at the end, zipfile compares the checksum

    def whole(self) -> NDArray[Any]:
        """Return the array; `InputError` as `read_arrays`."""
        return read_arrays(self.path, [self.name])[self.name]


def stored_array(path: Path, name: str) -> StoredArray:
    """Return an array of an .npz file without reading its values; `InputError` as `read_arrays`."""
    _refuse_no_npz(path)
    with _told(path, ".npz"), zipfile.ZipFile(path) as file:
        member = _member(file, name)
        with file.open(member) as data:
            shape, fortran, dtype = _header(data)
            size, expected = member.file_size - data.tell(), math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise InputError(_objects(path))
    if size != expected or size > MOST_PACKED * path.stat().st_size:
        raise InputError(
            f"{str(path)!r} cannot be read as .npz: {name} is said to have shape {shape} and type {dtype}, which are"
            f" {expected} bytes, but the file has no place for them; is it whole?"
        )
    return StoredArray(path, name, shape, dtype, fortran)


def _member(file: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = next((member for member in (f"{name}.npy", name) if member in file.namelist()), None)
    if found is None:
        raise ValueError(f"there is no array {name!r}")
    return file.getinfo(found)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read what an .npy file says before its values: shape, whether in Fortran's order, type."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"its arrays have version {version} of NumPy's format; expected (1, 0) or (2, 0)")


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of an .npy file, read from the disk as it is used. Pickles are never loaded.

    Raises
    ------
    InputError
        When the file is absent, is no .npy, is damaged, or holds Python objects.
    """
    where = repr(str(path))
    if not path.is_file():
        raise InputError(f"{where} does not exist or is no file")
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise InputError(f"{where} is no .npy file; expected one that np.save wrote")
    with _told(path, ".npy"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _refuse_no_npz(path: Path) -> None:
    where = repr(str(path))
    if not path.is_file():
        raise InputError(f"{where} does not exist or is no file")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{where} is no .npz file; expected one that np.savez or Predictions.save wrote")


@contextlib.contextmanager
def _told(path: Path, kind: str) -> Generator[None, None, None]:
    """Tell as `InputError` what is wrong with a file of arrays, whatever was raised because of it."""
    try:
        yield
    except DAMAGED as error:
        if "pickle" in str(error) or "Python objects" in str(error):
            raise InputError(_objects(path)) from None
        raise InputError(f"{str(path)!r} cannot be read as {kind}: {error}; is the file whole?") from error


def _objects(path: Path) -> str:
    return f"{str(path)!r} holds Python objects, which can run code; save plain numbers and texts"
