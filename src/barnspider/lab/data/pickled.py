"""CIFAR's pickles and torchvision's names of ImageNet, read without running anything they say.

A pickle is a program. The one that reads these knows five names, each of which stands for a plain container of ours;
any other name is refused, so nothing is imported, called or built that could do harm.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError

_REFUSED = (OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError)


class _Type:
    """Stands for numpy.dtype: only its name counts."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """Byte order and fields: bytes have none."""


class _Array:
    """Stands for numpy.ndarray: keeps the shape and the bytes that the pickle gives it."""

    def __init__(self, *_: Any) -> None:
        self.pixels = np.zeros(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        if kind.name not in ("u1", "uint8", b"u1"):
            raise pickle.UnpicklingError(f"an array of {kind.name!r}; expected bytes (u1)")
        content = content.encode("latin-1") if isinstance(content, str) else content
        self.pixels = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _encoded(text: str, _coding: str = "latin-1") -> bytes:
    return text.encode("latin-1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
}


class _Plain(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _KNOWN[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which could run code") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """Return a pickled dictionary of texts, numbers, lists and arrays of bytes.

    Raises
    ------
    DataError
        When it is damaged, or asks for anything else.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "batch"
    >>> _ = file.write_bytes(pickle.dumps({b"labels": [1, 2]}, protocol=2))
    >>> read_pickle(file)
    {'labels': [1, 2]}
    """
    try:
        content: Any = _Plain(io.BytesIO(path.read_bytes()), encoding="latin-1").load()
        found = {k.decode("latin-1") if isinstance(k, bytes) else str(k): _plain(v) for k, v in content.items()}
    except _REFUSED as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error}; expected the file that CIFAR's authors wrote"
        ) from error
    return found


def torch_names(content: bytes) -> list[tuple[str, str]]:
    """Return the folders of ImageNet and the first name of each, from what torchvision saved as `meta.bin`.

    A file of that name that torch did not save, or that holds something else, names nothing.

    Raises
    ------
    DataError
        When it asks for anything but texts.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = [name for name in archive.namelist() if name.endswith("data.pkl")]
            saved: Any = _Plain(io.BytesIO(archive.read(inner[0]))).load() if inner else None
    except (*_REFUSED, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"'meta.bin' cannot be read: {error}; expected what torchvision wrote; remove it") from error
    names: Any = saved[0] if isinstance(saved, tuple) and saved else {}
    return [(str(wnid), str(said[0])) for wnid, said in names.items()] if isinstance(names, dict) else []


def _plain(value: Any) -> NDArray[np.uint8] | Any:
    return value.pixels if isinstance(value, _Array) else value
