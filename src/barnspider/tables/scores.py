"""Logits or probabilities of all classes -> the class that was answered, and the probability of the true one.

The answer is the class with the highest score. A tie goes to the class that comes first, as in NumPy and torch, and is
told by the warning `Ties`. A score that is no number, and a row in which all of three or more classes score the same,
is no answer: it is refused with its run and sample.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from barnspider.convert import as_array, first_and_accepted, smallest_int
from barnspider.errors import InputError, listing, pick
from barnspider.files import StoredArray
from barnspider.predictions import Predictions
from barnspider.tables.asked import Scores
from barnspider.tables.columns import Piece

CELLS = 1 << 22
SUM_WITHIN = 0.02  # bfloat16 probabilities of 1,000 classes add up this well

SIGMOID = "a single sigmoid output must become two columns, or guess: 1 where a class is the more likely one, else 0"

Where = Callable[[int], str]


class NotLogits(UserWarning):
    """What was called logits looks like probabilities: each row is from 0 to 1, and adds up to 1."""


class Ties(UserWarning):
    """Some answers are ties: two or more classes have the highest score. The first of them is taken."""


@dataclass(frozen=True)
class ScoreArray:
    """Scores of all classes, [runs, samples, classes], in memory or on the disk; they are taken in order, in blocks."""

    name: str
    shape: tuple[int, int, int]
    values: NDArray[Any] | StoredArray

    def blocks(self) -> Iterator[tuple[int, slice, NDArray[Any]]]:
        """Yield some megabytes at a time: the run, the samples, and their scores [samples, classes]."""
        parts = list(self._parts())
        if isinstance(self.values, StoredArray):
            pieces = self.values.pieces((rows.stop - rows.start) * self.shape[2] for _, rows in parts)
            for (run, rows), piece in zip(parts, pieces, strict=True):
                yield run, rows, piece.reshape(-1, self.shape[2])
        else:
            for run, rows in parts:
                yield run, rows, np.asarray(self.values[run, rows])

    def _parts(self) -> Iterator[tuple[int, slice]]:
        runs, samples, classes = self.shape
        step = max(1, CELLS // classes)
        for run in range(runs):
            for start in range(0, samples, step):
                yield run, slice(start, min(start + step, samples))


@dataclass(frozen=True)
class Answered:
    """What runs answered: `guess` [runs, samples], and `p_label` Float32[runs, samples] where that is known."""

    guess: NDArray[Any]
    p_label: NDArray[np.float32] | None


def as_scores(name: str, values: ArrayLike | StoredArray) -> ScoreArray:
    """Return scores as [runs, samples, classes]; a single run may come as [samples, classes].

    An array on the disk stays there, unless it is in Fortran's order: then it is read whole, as the scores of a sample
    do not stand together.

    Raises
    ------
    InputError
        When they are no numbers or have another shape.
    """
    array = values if isinstance(values, StoredArray) else as_array(name, values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} has type {array.dtype}; expected numbers, one for each class")
    if len(array.shape) not in (2, 3) or 0 in array.shape:
        hint = f"; {SIGMOID}" if len(array.shape) == 1 else ""
        expected = "expected [samples, classes], or [runs, samples, classes], none of them 0"
        raise InputError(f"{name} has shape {array.shape}; {expected}{hint}")
    samples, classes = array.shape[-2:]
    shape = (array.shape[0] if len(array.shape) == 3 else 1, samples, classes)
    if isinstance(array, StoredArray):
        return ScoreArray(name, shape, array.whole().reshape(shape) if array.fortran else array)
    return ScoreArray(name, shape, array.reshape(shape))


def refuse_one_class(name: str, label: NDArray[Any]) -> None:
    """Raise `InputError` where one score of a sample stands beside labels of more classes: it would always win."""
    found = np.unique(label)
    if len(found) > 1 or (len(found) == 1 and found[0] in (1, "1")):
        raise InputError(f"{name} has scores of one class only, but labels of {max(len(found), 2)}; {SIGMOID}")


def answered(scores: ScoreArray, kind: Scores | None, label: NDArray[np.integer[Any]] | None = None) -> Answered:
    """Return the class with the highest score, of each run and sample; and, of scores whose `kind` is known, the
    probability of `label`, Int[samples], where that is given: 0 where a label has no score.

    Raises
    ------
    InputError
        Naming run and sample, where a score is no number or all classes score the same.
    """
    guess = np.empty(scores.shape[:2], dtype=smallest_int(scores.shape[2]))
    p_label = None if label is None or kind is None else np.zeros(guess.shape, dtype=np.float32)
    ties, blocks, sums = 0, scores.blocks(), _Sums(kind == "logits")
    for run, rows, block in blocks:
        try:
            _check(block, kind, lambda row, run=run, rows=rows: f"{scores.name}, {_place(run, rows.start + row)}")
        except InputError:
            for _ in blocks:
                pass  # a damaged file is told as one, at its end
            raise
        guess[run, rows], tied = _top(block)
        ties += tied
        sums = sums.of(block)
        if p_label is not None and label is not None and kind is not None:
            p_label[run, rows] = _of_label(block, label[rows], kind)
    _say_ties(scores.name, ties, guess.size)
    sums.say(scores.name)
    return Answered(guess, p_label)


def of_label(scores: ScoreArray, label: NDArray[np.integer[Any]], kind: Scores) -> NDArray[np.float32]:
    """Return Float32[runs, samples], the probability that each run gave to the true class; 0 where it has no score."""
    found = np.empty(scores.shape[:2], dtype=np.float32)
    for run, rows, block in scores.blocks():
        found[run, rows] = _of_label(block, label[rows], kind)
    return found


def _place(run: int, sample: int) -> str:
    return f"run {run}, sample {sample} (from 0)"


def _of_label(block: NDArray[Any], label: NDArray[np.integer[Any]], kind: Scores) -> NDArray[np.float32]:
    found = np.zeros(len(block), dtype=np.float32)
    scored = np.flatnonzero(label < block.shape[1])
    found[scored] = np.clip(_probabilities(block, kind)[scored, label[scored]], 0, 1)
    return found


def column_answers(piece: Piece, kind: str) -> tuple[pl.Series, int]:
    """Return the column of lists of scores as a column of classes, counted from 0; and how many scores a list has."""
    column = piece.frame["prediction"]
    if not isinstance(column.dtype, pl.List | pl.Array):
        raise InputError(f"{piece.where}: the column {kind!r} has type {column.dtype}; expected a list in every row")
    lengths = column.list.len() if isinstance(column.dtype, pl.List) else column.arr.len()
    wrong = (lengths != lengths[0]) | lengths.is_null() | (lengths == 0)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise InputError(f"{piece.place(row)}: {kind} has {lengths[row] or 0} scores; expected {lengths[0]}, as above")
    flat = column.explode()
    numbers = flat.cast(pl.Float64, strict=False)
    if numbers.null_count() > flat.null_count():
        row = int((numbers.is_null() & flat.is_not_null()).arg_max() or 0) // int(lengths[0])
        raise InputError(f"{piece.place(row)}: {kind} holds what is no number; expected scores")
    block = numbers.fill_null(float("nan")).to_numpy().reshape(len(column), -1)
    _check(block, "probabilities" if kind == "probabilities" else "logits", lambda row: f"{piece.place(row)}: {kind}")
    guess, ties = _top(block)
    _say_ties(piece.where, ties, len(guess))
    _Sums(kind == "logits").of(block).say(f"{piece.where}: {kind}")
    return pl.Series("prediction", guess), block.shape[1]


def _top(block: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return the class with the highest score of each row, and how many rows are ties."""
    guess = block.argmax(axis=1)
    best = block[np.arange(len(block)), guess]
    return guess, int(((block == best[:, None]).sum(axis=1) > 1).sum())


def _say_ties(name: str, ties: int, count: int) -> None:
    if ties:
        warnings.warn(
            f"{name}: {ties} of {count} answers are ties; the first of the classes with the highest score is taken",
            Ties,
            stacklevel=6,
        )


@dataclass(frozen=True)
class _Sums:
    """Whether all rows so far are from 0 to 1 and add up to 1; and whether some are more than a 1 among zeros."""

    all_one: bool
    parted: bool = False

    def of(self, block: NDArray[Any]) -> _Sums:
        """Return the same with some more rows."""
        if not self.all_one or block.shape[1] < 2:
            return _Sums(False)
        total = block.sum(axis=1, dtype=np.float64)
        all_one = bool(block.min() >= 0) and bool((np.abs(total - 1) <= SUM_WITHIN).all())
        return _Sums(all_one, self.parted or bool((block.max(axis=1) < 1).any()))

    def say(self, name: str) -> None:
        """Warn where logits look like probabilities: a softmax of these is none of the network's."""
        if self.all_one and self.parted:
            text = f"{name}: all rows are from 0 to 1 and add up to 1: these look like probabilities, not logits"
            call = "call them so (of .npy: --scores probabilities), or p_label will be wrong"
            warnings.warn(f"{text}; {call}", NotLogits, stacklevel=6)


def _check(block: NDArray[Any], kind: Scores | None, where: Where) -> None:
    """Refuse rows that hold no answer; of probabilities, those that are none."""
    best = block.max(axis=1)  # NaN where there is one
    _refuse(
        ~np.isfinite(best.astype(np.float64)), where, "has a score that is not finite (NaN or infinite)", "no answer"
    )
    if block.shape[1] > 2:
        same = best == block.min(axis=1)
        _refuse(same, where, "has the same score for all classes", "no answer: was this sample evaluated?")
    if kind == "probabilities":
        total = block.sum(axis=1, dtype=np.float64)
        wrong = (np.abs(total - 1) > SUM_WITHIN) | (block.min(axis=1) < 0)
        _refuse(wrong, where, "does not add up to 1, or has a negative part", "are these logits?")


def _refuse(bad: NDArray[np.bool_], where: Where, what: str, so: str) -> None:
    if bad.any():
        raise InputError(f"{where(int(bad.argmax()))} {what}: {so} ({int(bad.sum())} such samples here)")


def _probabilities(block: NDArray[Any], kind: Scores) -> NDArray[np.float64]:
    values = block.astype(np.float64)
    if kind == "probabilities":
        return values
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def from_scores(
    label: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    kind: Scores | None = None,
    classes: Sequence[str] | None = None,
    seeds: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
    dose: Mapping[str, float] | None = None,
    sample: Sequence[object] | None = None,
    on: str = "",
    paired: bool = False,
) -> Predictions:
    """Make Predictions from the scores of all classes: arm -> Float[runs, N, C], or Float[N, C] for an arm of one run.

    Parameters
    ----------
    label
        Int[N] or names, as in `Predictions.from_arrays`; the other options, too.
    kind
        "logits" or "probabilities": with that said, `p_label` is known and probabilities are checked.

    Raises
    ------
    InputError
        As `Predictions.from_arrays`; and, naming run and sample, where a score is NaN or infinite, all of three or
        more classes score the same, or probabilities do not add up to 1.

    Examples
    --------
    >>> preds = from_scores([0, 1], {"plain": [[0.9, 0.1], [0.6, 0.4]]}, kind="probabilities")
    >>> preds.guess.tolist(), preds.p_label.tolist()
    ([[0, 0]], [[0.8999999761581421, 0.4000000059604645]])
    """
    if kind is not None:
        pick("kind", kind, ["logits", "probabilities"])
    if not scores:
        raise InputError("scores={} has no arm; expected a mapping: arm -> Float[runs, samples, classes]")
    arrays = {arm: as_scores(f"scores[{arm!r}]", values) for arm, values in scores.items()}
    for array in arrays.values():
        if array.shape[2] == 1:
            refuse_one_class(array.name, first_and_accepted(label)[0])
    counts = {array.shape[2] for array in arrays.values()}
    if len(counts) > 1 or (classes is not None and counts != {len(classes)}):
        raise InputError(
            f"scores are of {listing(sorted(counts))} classes; expected one score for each class, in all arms"
        )
    names = [str(i) for i in range(next(iter(counts), 0))] if classes is None else classes
    guess = {arm: answered(array, kind).guess for arm, array in arrays.items()}
    preds = Predictions.from_arrays(
        label, guess, classes=names, seeds=seeds, dose=dose, sample=sample, on=on, paired=paired
    )
    if kind is None:
        return preds
    return replace(preds, p_label=np.concatenate([of_label(array, preds.label, kind) for array in arrays.values()]))
