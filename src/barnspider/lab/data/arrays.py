"""NumPy arrays, in Python or in an .npz file: x_train, y_train and, optionally, x_test, y_test, class_names."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import as_answers, class_names, to_index
from barnspider.errors import DataError, InputError, listing
from barnspider.lab.data.parts import Dataset, Split, completed, ids


def from_arrays(arrays: Mapping[str, Any], name: str = "arrays", *, split_seed: int = 0) -> Dataset:
    """Return a data set of NumPy arrays.

    Parameters
    ----------
    arrays
        `x_train` (UInt8[N, H, W] or UInt8[N, H, W, 1 or 3]) and `y_train` (numbers or names), and optionally `x_test`
        and `y_test` (otherwise a fifth of the training images is for testing) and `class_names`.
    name
        What errors and stores call it.
    split_seed
        Decides which images are for validation.

    Raises
    ------
    DataError
        When an array is missing, of another type or shape, or there is only one class.

    Examples
    --------
    >>> images = np.zeros((50, 8, 8), np.uint8)
    >>> found = from_arrays({"x_train": images, "y_train": np.arange(50) % 2, "class_names": ["cat", "dog"]})
    >>> found.classes, len(found.train), len(found.validation), len(found.test)
    (('cat', 'dog'), 36, 4, 10)
    """
    given = {key: np.asarray(array) for key, array in arrays.items()}
    missing = [key for key in ("x_train", "y_train") if key not in given]
    if missing:
        raise DataError(f"{name!r} has no {listing(missing)}; it has {listing(given)}")
    classes = _classes_of(name, given)
    parts = {key: _part(name, given, key, classes) for key in ("train", "test") if f"x_{key}" in given}
    return completed(name, classes, parts, split_seed)


def read_npz(path: Path, split_seed: int) -> Dataset:
    """Return what an .npz file holds, see `from_arrays`; pickles are never loaded."""
    try:
        # Opened here, for numpy leaves a damaged file open.
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error}; expected arrays x_train and y_train, no pickle"
        ) from error
    return from_arrays(arrays, str(path), split_seed=split_seed)


def _classes_of(where: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    try:
        labels = [as_answers(name, arrays[name]) for name in ("y_train", "y_test") if name in arrays]
        given = arrays.get("class_names")
        classes = class_names(None if given is None else given.tolist(), labels)
    except InputError as error:
        raise DataError(f"{where!r}: {error}") from error
    if len(classes) < 2:
        told = f"one class, {listing(classes)}" if classes else "no labels"
        raise DataError(f"{where!r} has {told}; expected two classes or more")
    return classes


def _part(name: str, arrays: Mapping[str, NDArray[Any]], part: str, classes: Sequence[str]) -> Split:
    images, where = arrays[f"x_{part}"], f"{name!r}: x_{part}"
    if f"y_{part}" not in arrays:
        raise DataError(f"{name!r} has x_{part} but no y_{part}; it has {listing(arrays)}")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{where} is {images.dtype}{list(images.shape)}; expected uint8[N, H, W] or uint8[N, H, W, 1 or 3]"
        )
    try:
        answers = as_answers(f"y_{part}", arrays[f"y_{part}"].reshape(-1))
        labels = to_index(f"y_{part}", answers, {c: i for i, c in enumerate(classes)}).astype(np.int64)
    except InputError as error:
        raise DataError(f"{name!r}: {error}") from error
    if len(labels) != len(images) or not len(labels):
        raise DataError(
            f"{where} has {len(images)} images and {len(labels)} labels; expected one label for each, and some"
        )
    return Split(np.ascontiguousarray(images).view(), labels, ids(part, len(labels)))
