"""Files that are whole or not there: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import InputError, StoreError

DAMAGED = (
    OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


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
    """Add a text to the end of a file, which is made if it is not there.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def owner() -> str:
    """Return what stands for this process in the names of what it makes for a while: host and process."""
    return f"{socket.gethostname()}-{os.getpid()}"


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


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name. Pickles are never loaded.

    Raises
    ------
    InputError
        When the file is absent, is no .npz, is damaged, or holds Python objects.
    """
    where = repr(str(path))
    if not path.is_file():
        raise InputError(f"{where} does not exist or is no file")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{where} is no .npz file; expected one that np.savez or Predictions.save wrote")
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except DAMAGED as error:
        if "pickle" in str(error):
            raise InputError(
                f"{where} holds Python objects, which can run code; save plain numbers and texts"
            ) from None
        raise InputError(f"{where} cannot be read as .npz: {error}; is the file whole?") from error


def read_array_names(path: Path) -> list[str]:
    """Return the names of the arrays of an .npz file, without reading them; `InputError` as `read_arrays`."""
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except DAMAGED as error:
        raise InputError(f"{str(path)!r} cannot be read as .npz: {error}; is the file whole?") from error


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
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        if "object" in str(error).lower():
            raise InputError(
                f"{where} holds Python objects, which can run code; save plain numbers and texts"
            ) from None
        raise InputError(f"{where} cannot be read as .npy: {error}; is the file whole?") from error
