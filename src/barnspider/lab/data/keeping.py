"""Images that a Python program holds -> a file or folder that a `Recipe` can name, for workers are other processes."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from barnspider.errors import DataError, listing
from barnspider.files import cannot_write, sha256, write_whole
from barnspider.lab.data.arrays import from_arrays, read_npz
from barnspider.lab.data.columns import part_of

_ARRAYS = ("x_train", "y_train", "x_test", "y_test", "class_names")


def keep(data: Any, path: str | Path) -> str:
    """Write images to `path`, where they stay, and return what to give a `Recipe` as its `dataset`.

    A second call with the same images changes nothing, so a script may be run again.

    Parameters
    ----------
    data
        A mapping of NumPy arrays as `from_arrays` takes it; or a `Dataset` or `DatasetDict` of Hugging Face's
        `datasets`, with a column of images and one of labels. The parts of a `DatasetDict` are called train,
        validation and test; of a `Dataset` alone, parts are split off.
    path
        Of arrays, an .npz file; of Hugging Face's data, a folder, in which each part becomes a Parquet file. Options
        may be added to what is returned, such as `"?size=64"`.

    Raises
    ------
    DataError
        When the data is of another kind, when something else is at the path, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> images = np.random.default_rng(0).integers(256, size=(50, 8, 8), dtype=np.uint8)
    >>> name = keep({"x_train": images, "y_train": ["cat", "dog"] * 25}, tempfile.mkdtemp() + "/mine.npz")
    >>> from barnspider.lab import Recipe
    >>> recipe = Recipe(dataset=name)
    """
    if isinstance(data, Mapping) and "x_train" in data:
        return _keep_arrays(data, Path(path))
    tables = data if isinstance(data, Mapping) else {"train": data}
    if not tables or not all(hasattr(table, "to_parquet") and hasattr(table, "features") for table in tables.values()):
        given = f"a mapping of {listing(data)}" if isinstance(data, Mapping) else f"a {type(data).__name__}"
        raise DataError(
            f"data is {given}; expected a mapping with arrays x_train and y_train, or a Dataset or DatasetDict of"
            " Hugging Face's datasets"
        )
    return _keep_tables(tables, Path(path))


def _keep_arrays(arrays: Mapping[str, Any], path: Path) -> str:
    data = from_arrays(arrays)
    if path.suffix != ".npz":
        raise DataError(f"path={str(path)!r}; expected a name that ends in .npz, for arrays are kept in one such file")
    if not path.exists():
        # Through lists, for texts in an array of objects would be pickled, and pickles are never read.
        given = {name: np.asarray(arrays[name]) for name in _ARRAYS if name in arrays}
        plain = {name: np.asarray(a.tolist()) if a.dtype == object else a for name, a in given.items()}
        write_whole(path, lambda file: np.savez(file, **plain))  # pyright: ignore[reportArgumentType]
    elif read_npz(path, 0).fingerprint != data.fingerprint:
        raise _taken(path)
    return str(path)


def _keep_tables(tables: Mapping[str, Any], path: Path) -> str:
    for part, table in tables.items():
        if part_of(Path(part)) is None:
            raise DataError(f"data has a part {part!r}; expected train, validation and test: choose or rename some")
        if not any(type(feature).__name__ == "Image" for feature in table.features.values()):
            raise DataError(
                f"{part} has no column of images, only {listing(table.features)}; make one of the column that holds"
                " them: ds.cast_column('...', datasets.Image())"
            )
    writing = path.with_name(f".writing-{secrets.token_hex(4)}")
    try:
        writing.mkdir(parents=True)
        for part, table in tables.items():
            table.to_parquet(str(writing / f"{part}.parquet"))
        if not path.exists():
            writing.rename(path)
        elif _sums(path) != _sums(writing):
            raise _taken(path)
    except OSError as error:
        raise DataError(cannot_write(path, error)) from error
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    return str(path)


def _sums(folder: Path) -> dict[str, str]:
    return {file.name: sha256(file) for file in folder.glob("*")}


def _taken(path: Path) -> DataError:
    return DataError(f"{str(path)!r} is there and holds something else; choose another path, or remove it first")
