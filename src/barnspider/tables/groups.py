"""Which group each class or sample is of: from a file of its own, or from a column of the table of answers."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barnspider.errors import InputError, listing
from barnspider.files import read_array_names, read_arrays
from barnspider.tables.asked import Asked, Origin
from barnspider.tables.class_list import shown
from barnspider.tables.columns import Piece, as_text, hint_of_near_misses, refuse_empty
from barnspider.tables.formats import ARRAYS, is_known, kind_of
from barnspider.tables.labels import SAMPLE, read_labels
from barnspider.tables.read import meaning_of
from barnspider.tables.rows import names_in, pieces_of

EXPECTED = "expected the columns class (or sample) and group"


@dataclass(frozen=True)
class Groups:
    """The group of each class, or of each sample: `of` says which."""

    of: str
    groups: dict[str, str]


def is_groups_file(by: str) -> bool:
    """Return whether this names a file, and not a column: as its ending says."""
    path = Path(by)
    return path.suffix.lower() == ".toml" or (is_known(path) and kind_of(path) not in ARRAYS)


def read_groups(path: str | Path) -> Groups:
    """Read a table with the columns `class` (or `sample`) and `group`; or TOML or JSON: class = group, or group = list.

    Raises
    ------
    InputError
        Naming file, line and field: when it cannot be read, or a class or sample stands in two groups.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"by={str(path)!r} does not exist or is no file")
    if path.suffix.lower() in (".toml", ".json"):
        return Groups("class", _of_pairs(repr(str(path)), _document(path)))
    names = names_in(path)
    key = [name for name in ("class", *SAMPLE) if name in names]
    if len(key) != 1 or "group" not in names:
        near = hint_of_near_misses(names, ("class", *SAMPLE, "group"))
        raise InputError(f"{str(path)!r} has the columns {listing(map(repr, names))}; {EXPECTED}{near}")
    return Groups("class" if key[0] == "class" else "sample", _gathered(path, key[0], "group"))


def _document(path: Path) -> Any:
    where = repr(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text, object_pairs_hook=_Pairs)
    except OSError as error:
        raise InputError(f"{where} cannot be opened: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} cannot be read as {path.suffix[1:].upper()}: {error}") from None


class _Pairs(dict[str, Any]):
    """A JSON object in which no name stands twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        if len(self) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in one object")


def _of_pairs(where: str, found: Any) -> dict[str, str]:
    if not isinstance(found, Mapping) or not found:
        raise InputError(f"{where} holds no groups; expected class = group, or group = a list of classes")
    groups: dict[str, str] = {}
    for name, value in found.items():
        pairs = [(str(item), name) for item in value] if isinstance(value, list) else [(name, value)]
        for one, group in pairs:
            if not isinstance(group, str) or not group:
                raise InputError(f"{where}: {shown(name)} is {value!r}; expected a group, or a list of classes")
            if groups.setdefault(one, group) != group:
                raise InputError(
                    f"{where}: {shown(one)} is in {shown(groups[one])} and in {shown(group)}; expected one"
                )
    return groups


def _gathered(path: Path, key: str, column: str) -> dict[str, str]:
    """Return the text in `column` of each key; rows of one key must agree."""
    groups: dict[str, str] = {}
    for piece in pieces_of(path, [key, column]):
        _add(groups, Piece(piece.frame.rename({key: "key", column: "group"}), piece.where, piece.place), key, column)
    return groups


def _add(groups: dict[str, str], piece: Piece, key: str, column: str) -> None:
    keys, values = as_text(piece, "key"), as_text(piece, "group").fill_null("")
    refuse_empty(piece, "key", keys)
    distinct = pl.DataFrame({"key": keys, "group": values}).with_row_index().unique(["key", "group"], keep="first")
    for row, name, group in distinct.sort("index").iter_rows():
        if groups.setdefault(name, group) != group:
            raise InputError(
                f"{piece.place(row)}: {key} {shown(name)} has {column}={shown(group)} here and {shown(groups[name])}"
                " elsewhere; expected one group"
            )


def column_groups(origins: Sequence[Origin], asked: Asked, column: str) -> dict[str, str]:
    """Return what a column of the answers, or of the file of labels, says of each sample.

    Raises
    ------
    InputError
        When no file has the column, or two rows of a sample differ in it.
    """
    found: dict[str, str] = {}
    places = list(_places(origins, asked, column))
    if not places:
        names = listing(dict.fromkeys(name for origin in origins for name in _names(origin.path)))
        raise InputError(f"by={column!r} is no file, and no column of the answers or the labels: these are {names}")
    for path, sample in places:
        own = _of_arrays(path, column) if kind_of(path) in ARRAYS else _gathered(path, sample, column)
        for name, group in own.items():
            if found.setdefault(name, group) != group:
                raise InputError(
                    f"{str(path)!r}: sample {shown(name)} has {column}={shown(group)} here and {shown(found[name])} in"
                    " another file; expected one group"
                )
    return found


def _places(origins: Sequence[Origin], asked: Asked, column: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that have the column, with what they call the sample."""
    labels = None if asked.labels is None else read_labels(asked.labels)
    for origin in origins:
        if column in _names(origin.path):
            known = kind_of(origin.path) in ARRAYS
            yield origin.path, "sample" if known else meaning_of(origin, asked, labels).columns["sample"]
    if asked.labels is not None and column in _names(path := Path(asked.labels)):
        yield path, next((name for name in SAMPLE if name in _names(path)), "sample")


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return []
    if kind_of(path) == "npz":
        return read_array_names(path)
    return [] if kind_of(path) == "npy" else names_in(path)


def _of_arrays(path: Path, column: str) -> dict[str, str]:
    arrays = read_arrays(path, [column, "sample"])
    values = arrays[column]
    sample = arrays.get("sample")
    if values.ndim != 1 or values.dtype.kind not in "Uiub" or (sample is not None and sample.shape != values.shape):
        raise InputError(
            f"{str(path)!r}: {column} has type {values.dtype} and shape {values.shape}; expected a text or a whole"
            " number for each sample"
        )
    names = [str(i) for i in range(len(values))] if sample is None else [str(name) for name in sample.tolist()]
    return dict(zip(names, map(str, values.tolist()), strict=True))
