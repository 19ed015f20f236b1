"""What the columns of a file mean: the long table, and the tables that other tools write."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from barnspider.errors import InputError, listing, pick
from barnspider.tables.asked import Asked, Origin
from barnspider.tables.class_list import shown
from barnspider.tables.columns import KNOWN, OPTIONAL, REQUIRED, Piece, as_text, refuse_near_misses, refuse_twice
from barnspider.tables.labels import Labels
from barnspider.tables.scores import column_answers, refuse_one_class

FORMATS = ("auto", "long", "imagenet-x", "timm")
TIMM = ("index", "index_0", "label", "label_0")
SCORES = ("logits", "probabilities")
DIGITS = re.compile(r"([0-9]+)")
NUMBERS = r"^\[\s*(\d+)(?:[\s,]+\d+)*\s*\]$"
NAME = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
NAMES = rf"^\[\s*({NAME})(?:[\s,]+(?:{NAME}))*\s*\]$"  # as NumPy writes several: ['tench' "bishop's cap"]


@dataclass(frozen=True)
class Meaning:
    """What the columns of one file mean.

    `columns` says for each of ours what the file calls it; `constants` what holds for all rows; `labels` what each
    sample's label is, where no column says it; `classes_known` whether the list of classes was given.
    """

    format: str
    columns: Mapping[str, str]
    constants: Mapping[str, str | None]
    labels: Labels | None
    scores: str | None = None
    classes_known: bool = False

    @property
    def ours(self) -> list[str]:
        """Our names of all columns that the pieces will have."""
        named = {*self.columns, *self.constants, *({"label"} if self.labels else set())}
        return [name for name in KNOWN if name in named]

    def applied(self, piece: Piece) -> Piece:
        """Return the rows under our names, with everything that they need."""
        frame = pl.DataFrame([piece.frame[theirs].alias(ours) for ours, theirs in self.columns.items()])
        frame = frame.with_columns(pl.lit(value, pl.String).alias(name) for name, value in self.constants.items())
        piece = Piece(frame, piece.where, piece.place)
        scored = 0
        if self.scores is not None:
            guess, scored = column_answers(piece, self.scores)
            piece = _replaced(piece, guess)
        elif self.format == "timm":
            piece = _replaced(piece, _first_of_top(piece))
        if self.labels is not None:
            if self.scores is None and not self.classes_known:
                self.labels.refuse_unclear(piece)
            piece = _replaced(piece, self.labels.of(piece))
        if scored == 1:
            refuse_one_class(f"{piece.where}: {self.scores}", as_text(piece, "label").drop_nulls().to_numpy())
        return piece


def _replaced(piece: Piece, column: pl.Series) -> Piece:
    return Piece(piece.frame.with_columns(column), piece.where, piece.place)


def meaning(
    where: str, names: Sequence[str], asked: Asked, *, origin: Origin | None = None, labels: Labels | None = None
) -> Meaning:
    """Find out what the columns of a file mean.

    Raises
    ------
    InputError
        When something needed is absent, said twice, or could be several things.
    """
    known = KNOWN if labels is None else tuple(name for name in KNOWN if name != "label")
    format = format_of(where, names, asked)
    columns = _renamed(where, names, asked) if asked.columns else _FORMATS[format](where, names)
    refuse_twice(where, names, columns.values())
    if format == "long":
        refuse_near_misses(where, names, [name for name in known if name not in columns])
    scores = next((name for name in SCORES if name in names), None) if "prediction" not in columns else None
    if scores is not None:
        columns = {**columns, "prediction": scores}
    if labels is not None and "label" in columns:
        raise InputError(f"{where} has a column 'label', and {labels.where} was given as well; leave one of them out")
    if format == "timm" and labels is not None and asked.classes is None:
        _refuse_unclear_order(where, columns["prediction"], labels)
    constants = {} if origin is None else _constants(where, columns, origin)
    _refuse_absent(where, names, format, {*columns, *constants, *({"label"} if labels else ())}, origin)
    return Meaning(format, columns, constants, labels, scores, asked.classes is not None)


def _refuse_unclear_order(where: str, column: str, labels: Labels) -> None:
    """Other than torchvision, timm sorts the folder "a2" before "a10", and "ant" before "Zebra"."""
    classes = labels.classes or ()
    theirs = sorted(classes, key=lambda name: [int(s) if s.isdecimal() else s for s in DIGITS.split(name.lower())])
    differ = next((name for name, other in zip(classes, theirs, strict=True) if name != other), None)
    if differ is not None and column.startswith("index"):
        raise InputError(
            f"{where}: the column {column!r} counts classes, and timm sorts the folders of {labels.where} in another"
            f" way than torchvision, from {shown(differ)} on; give the classes in the order of the network's outputs:"
            " classes= (--classes FILE)"
        )


def format_of(where: str, names: Sequence[str], asked: Asked) -> str:
    """Return the format that was asked for, or the one that the columns' names show: "long" unless another fits.

    Raises
    ------
    InputError
        When the format is unknown, or holds no answers of single samples.
    """
    pick("format", asked.format, FORMATS)
    if asked.format != "auto":
        return asked.format
    if asked.columns:
        return "long"
    if {"file_name", "predicted_class"} <= set(names):
        return "imagenet-x"
    if "filename" in names and not {"sample", "prediction"} & set(names) and set(TIMM) & set(names):
        return "timm"
    if {"model", "top1", "top5"} <= set(names):
        raise InputError(
            f"{where} is what timm's validate.py writes: accuracies of whole models, no answers. Let timm's"
            " inference.py write them: --results-format csv --include-index"
        )
    return "long"


def _long(where: str, names: Sequence[str]) -> dict[str, str]:
    return {name: name for name in KNOWN if name in names}


def _imagenet_x(where: str, names: Sequence[str]) -> dict[str, str]:
    theirs = {"sample": "file_name", "prediction": "predicted_class"}
    _refuse_other(where, names, "imagenet-x", theirs.values())
    return _long(where, names) | theirs


def _timm(where: str, names: Sequence[str]) -> dict[str, str]:
    _refuse_other(where, names, "timm", ["filename"])
    answer = [name for name in TIMM if name in names]
    if not answer:
        raise InputError(
            f"{where} has no column {' or '.join(TIMM)}; timm's inference.py writes it with --include-index"
        )
    ours = _long(where, names) | {"sample": "filename", "prediction": answer[0]}
    return {name: column for name, column in ours.items() if name != "label"}  # there, a label is what was predicted


_FORMATS = {"long": _long, "imagenet-x": _imagenet_x, "timm": _timm}


def _refuse_other(where: str, names: Sequence[str], format: str, needed: Iterable[str]) -> None:
    absent = [name for name in needed if name not in names]
    if absent:
        raise InputError(f"{where} has no column {listing(map(repr, absent))}, so it is no {format} file")


def _renamed(where: str, names: Sequence[str], asked: Asked) -> dict[str, str]:
    given = dict(asked.columns or {})
    for ours, theirs in given.items():
        pick("columns", ours, KNOWN)
        if theirs not in names:
            raise InputError(
                f"columns: {ours}={theirs!r}, but {where} has no such column; it has {listing(map(repr, names))}"
            )
    own = {name: name for name in KNOWN if name in names and name not in given and name not in given.values()}
    return {name: (own | given)[name] for name in KNOWN if name in own | given}


def _constants(where: str, columns: Mapping[str, str], origin: Origin) -> dict[str, str | None]:
    """Return what the file's name, a pattern or a mapping says of all rows."""
    if both := [name for name in origin.said if name in columns]:
        raise InputError(
            f"{where} has a column {columns[both[0]]!r}, and the pattern or mapping says {both[0]}="
            f"{origin.said[both[0]]!r}; leave one of them out"
        )
    default = {"arm": origin.name, "seed": "0"}
    return {**{name: value for name, value in default.items() if name not in columns}, **origin.said}


def _refuse_absent(where: str, names: Sequence[str], format: str, found: set[str], origin: Origin | None) -> None:
    absent = [name for name in REQUIRED if name not in found]
    if not absent:
        return
    if absent == ["label"]:
        known = "" if format == "long" else f" (files of {format} say only what was predicted)"
        raise InputError(
            f"{where} has no column 'label'{known}; it has {listing(map(repr, names))}; add the column, or give a file"
            " with the label of each sample: labels= (--labels FILE)"
        )
    wanted = REQUIRED if origin is None else tuple(name for name in REQUIRED if name not in ("arm", "seed"))
    others = [*(name for name in REQUIRED if name not in wanted), *OPTIONAL]
    raise InputError(
        f"{where} has no column {' and no column '.join(map(repr, absent))}; it has {listing(map(repr, names))};"
        f" expected {', '.join(wanted)}, and optionally {', '.join(others)}; or say what the columns are called:"
        " columns= (--columns prediction=NAME,...)"
    )


def _first_of_top(piece: Piece) -> pl.Series:
    """Return the first of several classes that timm writes into one cell: a list, or a NumPy array as text."""
    column = piece.frame["prediction"]
    if isinstance(column.dtype, pl.List):
        return column.list.first().alias("prediction")
    text = as_text(piece, "prediction")
    for pattern in (NUMBERS, NAMES):
        first = text.str.extract(pattern, 1)
        if first.null_count() < len(text):
            return _of_each_row(piece, text, first).alias("prediction")
    return text


def _of_each_row(piece: Piece, text: pl.Series, first: pl.Series) -> pl.Series:
    """Return the first entries as texts: names stand as Python writes them, in quotes; `InputError` without one."""
    if first.null_count():
        row = int(first.is_null().arg_max() or 0)
        raise InputError(
            f"{piece.place(row)}: prediction={shown(text[row])} holds no list of classes, but other rows do; let timm's"
            " inference.py write all rows in the same way"
        )
    written = first.unique()
    names = [literal_eval(word) if word[0] in "'\"" else word for word in written]
    return first.replace_strict(written, pl.Series(names, dtype=pl.String))
