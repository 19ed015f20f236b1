"""A file or a folder of labels -> the label of each sample, for predictions that come without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from barnspider.convert import as_answers, not_flat
from barnspider.errors import InputError, listing
from barnspider.files import read_array, read_array_names, read_arrays
from barnspider.tables.class_list import NUMBER, PLAIN, padded_hint, shown
from barnspider.tables.columns import Piece, as_text, hint_of_near_misses, refuse_empty
from barnspider.tables.folders import read_tree
from barnspider.tables.formats import kind_of
from barnspider.tables.opened import decoded, whole_lines
from barnspider.tables.rows import names_in, pieces_of

SAMPLE = ("sample", "file_name", "filename")
LAST_TWO = "([^/]+/[^/]+)$"
EXPECTED = f"expected the columns sample (or {', '.join(SAMPLE[1:])}) and label"


@dataclass(frozen=True)
class Labels:
    """The label of each sample, as text: `sample` and `label` are Str[names], without duplicates.

    Of a tree of folders, `classes` are the folders, in order, and `short` says how many names are second ones of
    samples.
    """

    where: str
    sample: pl.Series
    label: pl.Series
    classes: tuple[str, ...] | None = None
    short: int = 0

    @property
    def count(self) -> int:
        """How many samples have a label."""
        return len(self.sample) - self.short

    def of(self, piece: Piece) -> pl.Series:
        """Return the label of each row; `InputError` for a sample without one."""
        sample = as_text(piece, "sample")
        refuse_empty(piece, "sample", sample)
        name = sample if self.classes is None else sample.str.extract(LAST_TWO, 1).fill_null(sample)
        labels = name.replace_strict(self.sample, self.label, default=None, return_dtype=pl.String)
        if labels.null_count():
            row = int(labels.is_null().arg_max() or 0)
            raise InputError(
                f"{piece.place(row)}: sample {shown(sample[row])} has no label in {self.where}, which knows"
                f" {self.count} samples such as {shown(self.sample[0])}"
                f"{padded_hint([sample[row]], self.sample) or '; name the samples in the same way in both'}"
            )
        return labels.alias("label")

    def refuse_unclear(self, piece: Piece) -> None:
        """Raise `InputError` where a prediction may be the name of a folder, or the number of another one."""
        if not self._numbered:
            return
        text = as_text(piece, "prediction")
        unclear = text.str.contains(f"^(?:{PLAIN.pattern})$").fill_null(False)
        if unclear.any():
            row = int(unclear.arg_max() or 0)
            raise InputError(
                f"{piece.place(row)}: prediction={shown(text[row])} may be the folder of that name in {self.where}, or"
                " the place of a folder in their sorted list, which is another one; if it is a name, give the list of"
                " classes (--classes FILE), else write names in place of numbers"
            )

    @cached_property
    def _numbered(self) -> bool:
        """Whether folders are named by numbers, but not 0, 1, 2, ... in the order of the sorted list."""
        names = self.classes or ()
        return any(map(NUMBER.fullmatch, names)) and names != tuple(str(i) for i in range(len(names)))


def read_labels(path: str | Path) -> Labels:
    """Read a table with the columns sample and label, an .npz or .npy of labels, or text with one label a line; or take
    the names in a tree of folders, one for each class.

    Where samples have no names (text, .npy, .npz without `sample`) they are numbered from 0. In a tree, a sample is
    known by its path, of which the last two parts count; and by its file's name, if that stands there once.

    Raises
    ------
    InputError
        When the file cannot be read, or has two labels for one sample.
    """
    path = Path(path)
    if path.is_dir():
        return _from_tree(path)
    kind = kind_of(path)
    if kind in ("npz", "npy"):
        return _from_arrays(path, kind)
    if not path.is_file():
        raise InputError(f"labels={str(path)!r} does not exist or is no file")
    names = [] if ".txt" in path.suffixes and not _is_table(path) else names_in(path)
    return _from_table(path, names) if names else _from_lines(path)


def _from_tree(path: Path) -> Labels:
    tree = read_tree(path)
    file, label = pl.Series(tree.file), pl.Series(tree.label)
    once = file.is_unique()
    sample = pl.concat([file.filter(once), label + "/" + file])
    return Labels(repr(str(path)), sample, pl.concat([label.filter(once), label]), tree.classes, int(once.sum()))


def _is_table(path: Path) -> bool:
    names = names_in(path)
    return "label" in names and any(name in names for name in SAMPLE)


def _from_table(path: Path, names: list[str]) -> Labels:
    where = repr(str(path))
    sample = [name for name in SAMPLE if name in names]
    if "label" not in names or len(sample) != 1:
        near = hint_of_near_misses(names, (*SAMPLE, "label"))
        raise InputError(f"{where} has the columns {listing(map(repr, names))}; {EXPECTED}{near}")
    pieces = pieces_of(path, [sample[0], "label"])
    parts = [_texts(Piece(p.frame.rename({sample[0]: "sample"}), p.where, p.place)) for p in pieces]
    if not parts:
        raise InputError(f"{where} has a header but no rows; {EXPECTED}")
    table = pl.concat(parts)
    _refuse_twice(where, table["sample"])
    return Labels(where, table["sample"], table["label"])


def _texts(piece: Piece) -> pl.DataFrame:
    columns = {name: as_text(piece, name) for name in ("sample", "label")}
    for name, column in columns.items():
        refuse_empty(piece, name, column)
    return pl.DataFrame(columns)


def _refuse_twice(where: str, sample: pl.Series) -> None:
    again = ~sample.is_first_distinct()
    if again.any():
        name = sample[int(again.arg_max() or 0)]
        raise InputError(f"{where} has the sample {shown(name)} more than once; expected one row for each sample")


def _from_lines(path: Path) -> Labels:
    where = repr(str(path))
    lines = [line for block in whole_lines(path) for line in _lines(path, decoded(path, block), block.line)]
    if not lines:
        raise InputError(f"{where} is empty; expected one label on each line")
    return _numbered(where, lines)


def _lines(path: Path, text: str, first: int) -> Iterator[str]:
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=first):
        label = line.removesuffix("\r")
        if not label:
            raise InputError(f"{str(path)!r}, line {number} is empty; expected one label on each line")
        yield label


def _numbered(where: str, labels: list[str]) -> Labels:
    return Labels(where, pl.Series([str(i) for i in range(len(labels))]), pl.Series(labels, dtype=pl.String))


def _from_arrays(path: Path, kind: str) -> Labels:
    where = repr(str(path))
    arrays = read_arrays(path, ["label", "sample"]) if kind == "npz" else {"label": read_array(path)}
    if "label" not in arrays:
        raise InputError(f"{where} has no array 'label'; it holds {listing(read_array_names(path)) or 'nothing'}")
    try:
        label = as_answers("label", arrays["label"])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if label.ndim != 1 or not len(label):
        raise InputError(f"{where}: label has shape {label.shape}; expected [samples] ({not_flat(label)})")
    found = _numbered(where, [str(item) for item in label])
    if "sample" not in arrays:
        return found
    sample = np.atleast_1d(arrays["sample"])
    if sample.shape != label.shape or sample.dtype.kind not in "Uiu":
        raise InputError(
            f"{where}: sample has type {sample.dtype} and shape {sample.shape}; expected {label.shape} ids"
        )
    ids = pl.Series([str(item) for item in sample], dtype=pl.String)
    _refuse_twice(where, ids)
    return Labels(where, ids, found.label)
