"""Parquet files with a column of encoded images -> a `Source`, as Hugging Face `datasets` writes them.

One file, or a folder of files whose names, or folders, begin with the part: `train-00000-of-00002.parquet`,
`data/test-00000-of-00001.parquet`. Other files are training images.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from barnspider.convert import as_answers, class_names, to_index
from barnspider.errors import DataError, InputError, listing
from barnspider.lab.data.source import PARTS, Source, column_of

_LABELS = ("label", "labels", "fine_label", "class", "target")
_PART = re.compile(r"(train|validation|valid|val|test)\b")


def list_tables(path: Path, image: str = "", label: str = "") -> Source:
    """Return the images of a Parquet file, or of a folder of them.

    Parameters
    ----------
    image, label
        Columns; by default the first that holds images, and the first of `label`, `labels`, `fine_label`, `class`,
        `target`. Labels are numbers or texts.

    Raises
    ------
    DataError
        When a column is missing, a label is empty, or the classes are fewer than two.
    """
    import polars as pl

    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    try:
        schema = pl.read_parquet_schema(files[0])
        image, label = _image_column(path, schema, image), _label_column(path, schema, label)
        values = [column_of(file, label) for file in files]
        names = _names_in(pl.read_parquet_metadata(files[0]), label)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{str(path)!r} cannot be read as Parquet: {error}") from error
    classes, labels = _labels(path, label, values, names)
    rows = [(file, row) for file, column in zip(files, values, strict=True) for row in range(len(column))]
    # A file that is named alone is all there is, whatever it is called.
    parts = _parts(path, [part_of(file.relative_to(root)) or "train" if path.is_dir() else "train" for file, _ in rows])
    about = [(file.relative_to(root).as_posix(), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return Source(
        "parquet",
        root,
        classes,
        np.array([f"{file.relative_to(root).as_posix()}:{row}" for file, row in rows], dtype=np.str_),
        labels,
        parts,
        hashlib.sha256(repr((about, label)).encode()).hexdigest(),
        image,
    )


def _image_column(path: Path, schema: dict[str, Any], asked: str) -> str:
    import polars as pl

    holding = [k for k, t in schema.items() if t == pl.Binary or "bytes" in [f.name for f in getattr(t, "fields", ())]]
    found = asked or (holding[0] if holding else "")
    if found not in holding:
        raise DataError(
            f"{str(path)!r} has no column {asked or 'of images'!r} that holds encoded images; it has {listing(schema)};"
            " name another with '?image=...'"
        )
    return found


def _label_column(path: Path, schema: dict[str, Any], asked: str) -> str:
    found = asked or next((name for name in _LABELS if name in schema), "")
    if found not in schema:
        raise DataError(
            f"{str(path)!r} has no column {asked or 'label'!r} of labels; it has {listing(schema)};"
            " name one with '?label=...'"
        )
    return found


def _names_in(metadata: dict[str, str], label: str) -> list[str] | None:
    """Return the classes' names where Hugging Face has written them into the file."""
    try:
        features = json.loads(metadata["huggingface"])["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (KeyError, TypeError, ValueError):
        return None


def _labels(path: Path, label: str, values: Sequence[list[Any]], names: list[str] | None) -> Any:
    flat = [value for column in values for value in column]
    if None in flat:
        raise DataError(f"{str(path)!r}: row {flat.index(None)} has no {label}; expected a label for every image")
    try:
        answers = as_answers(label, np.asarray(flat))
        classes = class_names(names, [answers])
        labels = to_index(label, answers, {c: i for i, c in enumerate(classes)}).astype(np.int64)
    except InputError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    if len(classes) < 2:
        raise DataError(f"{str(path)!r} has one class, {listing(classes)}; expected two or more")
    return classes, labels


def part_of(file: Path) -> str | None:
    """Return what a file's name, or the nearest of its folders, begins with; None where none names a part.

    Examples
    --------
    >>> part_of(Path("data/valid-00000-of-00001.parquet")), part_of(Path("test/0.parquet")), part_of(Path("x.parquet"))
    ('validation', 'test', None)
    """
    for step in reversed(file.parts):
        if found := _PART.match(step):
            return {"valid": "validation", "val": "validation"}.get(found[1], found[1])
    return None


def _parts(path: Path, parts: list[str]) -> Any:
    """Return each row's index into `PARTS`; validation images are what is tested when nothing else is."""
    if "train" not in parts:
        raise DataError(f"{str(path)!r} has {listing(sorted(set(parts)))} but no train; expected a file train*.parquet")
    if "validation" in parts and "test" not in parts:
        parts = ["test" if part == "validation" else part for part in parts]
    return np.array([PARTS.index(part) for part in parts], dtype=np.uint8)
