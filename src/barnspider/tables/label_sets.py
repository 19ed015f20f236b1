"""A file of label sets -> all labels that are right of each sample: none, one or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from barnspider.convert import as_answers
from barnspider.errors import InputError, listing
from barnspider.files import read_arrays
from barnspider.tables.class_list import shown
from barnspider.tables.columns import CATEGORIES, TEXTS, Piece, as_text, refuse_empty
from barnspider.tables.formats import kind_of
from barnspider.tables.label_sets_json import Entry, read_entries
from barnspider.tables.labels import SAMPLE
from barnspider.tables.rows import names_in, pieces_of

LABEL = ("label", "labels")
EXPECTED = (
    f"expected the columns sample (or {', '.join(SAMPLE[1:])}) and label: a row for each label, or a list of labels"
)


@dataclass(frozen=True)
class LabelSets:
    """All right labels of each sample, as text: `sets` maps a sample to its labels; `where` names the file."""

    where: str
    sets: dict[str, tuple[str, ...]]


def read_label_sets(path: str | Path) -> LabelSets:
    """Read which labels are right of each sample.

    JSON holds a list of lists (as ReaL's real.json; samples are numbered from 0), or a mapping from samples to lists.
    CSV, Parquet and JSON lines hold the columns `sample` (or `file_name`, `filename`) and `label`: one label in each
    row and several rows of a sample (an empty label: none is right), or a list. An .npz file holds `real_flat`, all
    labels in order, and `real_offset`, where each sample's begin and the last one's end; perhaps also `sample`.

    Raises
    ------
    InputError
        Naming file, line and field: when the file cannot be read, or gives the list of a sample twice.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "real.json")
    ...     _ = file.write_text("[[970, 795], [], [65]]")
    ...     read_label_sets(file).sets
    {'0': ('970', '795'), '1': (), '2': ('65',)}
    """
    path = Path(path)
    kind, where = kind_of(path), repr(str(path))
    if not path.is_file():
        raise InputError(f"label_sets={where} does not exist or is no file")
    if kind == "npy":
        raise InputError(f"{where} is .npy, which has one label for each sample; {EXPECTED}, or .npz or JSON")
    if kind == "json":
        sets = _gathered(where, read_entries(path))
    else:
        sets = _from_arrays(path) if kind == "npz" else _from_table(path)
    if not sets:
        raise InputError(f"{where} holds no sample; {EXPECTED}")
    return LabelSets(where, sets)


def _gathered(where: str, entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    """Put entries together: a list says all of its sample, a single label one of them, "" that there is none."""
    lists: dict[str, tuple[str, ...]] = {}
    rows: dict[str, list[str]] = {}
    for place, sample, labels in entries:
        if sample in lists or (sample in rows and not isinstance(labels, str)):
            raise InputError(
                f"{place()}: sample {shown(sample)} has a list of labels already; expected one for a sample"
            )
        if isinstance(labels, str):
            rows.setdefault(sample, []).append(labels)
        else:
            lists[sample] = tuple(dict.fromkeys(labels))
    for sample, labels in rows.items():
        if "" in labels and len(set(labels)) > 1:
            raise InputError(
                f"{where}: sample {shown(sample)} has an empty label beside {shown(max(labels))}; an empty label says"
                " that none is right"
            )
        lists[sample] = tuple(dict.fromkeys(label for label in labels if label))
    return lists


def _from_table(path: Path) -> dict[str, tuple[str, ...]]:
    where, names = repr(str(path)), names_in(path)
    sample, label = ([name for name in known if name in names] for known in (SAMPLE, LABEL))
    if len(sample) != 1 or len(label) != 1:
        raise InputError(f"{where} has the columns {listing(map(repr, names))}; {EXPECTED}")
    pieces = pieces_of(path, [sample[0], label[0]])
    ours = {sample[0]: "sample", label[0]: "label"}
    return _gathered(where, (e for p in pieces for e in _entries(Piece(p.frame.rename(ours), p.where, p.place))))


def _entries(piece: Piece) -> Iterator[Entry]:
    samples = as_text(piece, "sample")
    refuse_empty(piece, "sample", samples)
    column = piece.frame["label"]
    if isinstance(column.dtype, pl.List | pl.Array):
        labels: list[Any] = [None if row is None else row.to_list() for row in column]
        for row, (sample, own) in enumerate(zip(samples.to_list(), labels, strict=True)):
            place = partial(piece.place, row)
            yield place, sample, _texts(place, own)
        return
    if column.dtype in CATEGORIES or column.dtype in TEXTS or column.dtype.is_numeric():
        texts = as_text(piece, "label").fill_null("").to_list()
        pairs = zip(samples.to_list(), texts, strict=True)
        yield from ((partial(piece.place, row), *pair) for row, pair in enumerate(pairs))
        return
    raise InputError(f"{piece.where}: the column 'label' has type {column.dtype}; {EXPECTED}")


def _texts(place: Callable[[], str], labels: list[Any] | None) -> tuple[str, ...]:
    """Return a list's labels as text; null and whatever is neither name nor whole number is refused."""
    for label in labels if labels is not None else [None]:
        whole = isinstance(label, int | str) and not isinstance(label, bool) and label != ""
        if not whole and not (isinstance(label, float) and label.is_integer()):
            raise InputError(
                f"{place()}: label holds {label!r}; expected a list of names or whole numbers, perhaps empty"
            )
    return tuple(str(int(label)) if isinstance(label, float) else str(label) for label in labels or ())


def _from_arrays(path: Path) -> dict[str, tuple[str, ...]]:
    where, arrays = repr(str(path)), read_arrays(path)
    if absent := [name for name in ("real_flat", "real_offset") if name not in arrays]:
        raise InputError(f"{where} has no array {absent[0]!r}; it holds {listing(arrays) or 'nothing'}")
    try:
        flat, offset = (as_answers(name, arrays[name]) for name in ("real_flat", "real_offset"))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    steps = offset.ndim == 1 and offset.dtype.kind in "iu" and len(offset) > 1 and bool((np.diff(offset) >= 0).all())
    if flat.ndim != 1 or not steps or offset[0] != 0 or offset[-1] != len(flat):
        raise InputError(
            f"{where}: real_offset does not part real_flat (shape {flat.shape}); expected [samples + 1] whole numbers"
            f" that never fall, from 0 to {flat.size}"
        )
    texts, ends = [str(label) for label in flat.tolist()], offset.tolist()
    sample = _ids(where, arrays.get("sample"), len(ends) - 1)
    parts = [texts[start:stop] for start, stop in pairwise(ends)]
    places = (partial("{}, sample {}".format, where, i) for i in range(len(parts)))
    return _gathered(where, zip(places, sample, parts, strict=True))


def _ids(where: str, sample: Any, count: int) -> list[str]:
    if sample is None:
        return [str(i) for i in range(count)]
    if sample.shape != (count,) or sample.dtype.kind not in "Uiu":
        raise InputError(f"{where}: sample has type {sample.dtype} and shape {sample.shape}; expected ({count},) ids")
    return [str(name) for name in sample.tolist()]
