"""Precision: the share of a class's answers that are right. A ratio of two counts, both of which scatter.

A change of precision is made linear: every answer moves the ratio by a fixed amount (Cochran 1977, ch. 6), so that
what an image or a run adds to it is a sum, and the closed forms for runs x images hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import WHOLE, Contrast, Pairs, RunPart, run_shares, scatter
from barnspider.stats.rare import Hits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers of one arm with J runs: which class, on which image, by which run; and which of them are right.

    Attributes
    ----------
    right, wrong : Hits, a series for each of C classes that may be answered
    classes : C
    """

    right: Hits
    wrong: Hits
    classes: int

    @cached_property
    def answers(self) -> Floats:
        """Float[C]: answers of a run, on average."""
        return self._per_run(self.right) + self._per_run(self.wrong)

    @cached_property
    def precision(self) -> Floats:
        """Float[C]: the share of them that are right; NaN for a class that is never answered."""
        with np.errstate(invalid="ignore"):
            return self._per_run(self.right) / self.answers

    def _per_run(self, hits: Hits) -> Floats:
        return hits.per_run(self.classes).sum(axis=0) / hits.runs

    @cached_property
    def moves(self) -> tuple[Ints, Floats]:
        """Every answer's cell, ascending, and how far it moves its run's precision from that of all runs."""
        block = self.right.images * self.right.runs
        parts = [(self.right.cell, 1.0), (self.wrong.cell, 0.0)]
        own = [(is_right - self.precision[cell // block]) / self.answers[cell // block] for cell, is_right in parts]
        cell = np.concatenate([cell for cell, _ in parts])
        order = np.argsort(cell, kind="stable")
        return cell[order], np.concatenate(own)[order]

    def of_runs(self, rows: NDArray[np.intp]) -> tuple[Ints, Floats]:
        """Return the moves of these runs, ascending, numbered in this order."""
        cell, move = self.moves
        number = np.full(self.right.runs, -1)
        number[rows] = np.arange(len(rows))
        run = number[cell % self.right.runs]
        return (cell // self.right.runs * len(rows) + run)[run >= 0], move[run >= 0]


def precision_contrast(base: Answered, arm: Answered, pairs: Pairs) -> Contrast:
    """Describe the change of every class's precision from one arm to another; n is the mean number of its answers.

    Examples
    --------
    >>> none, one = np.arange(0), np.array([0])
    >>> right, wrong = Hits.of(1, 9, one, np.array([2]), one), Hits.of(1, 9, one, np.array([5]), one)
    >>> before, after = Answered(right, Hits.of(1, 9, none, none, none), 1), Answered(right, wrong, 1)
    >>> precision_contrast(before, after, (none, none)).estimate.tolist()
    [-0.5]
    """
    known = (base.answers > 0) & (arm.answers > 0)
    count = np.where(known, np.maximum(np.rint((base.answers + arm.answers) / 2), 1), 0).astype(np.int64)
    n = count.astype(np.float64)
    both, alone = run_shares(base.right.runs, arm.right.runs, len(pairs[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (base.precision * base.answers + arm.precision * arm.answers) / (base.answers + arm.answers)
        second, fourth = _image_squares(base, arm, n, known)
        image_var = np.where(count > 1, second / (n - 1), np.nan)
        size = (float(fourth[known].sum()) + WHOLE) / (float(second[known].sum()) + WHOLE)
        parts = [_paired(base, arm, pairs, both)] if both else []
        parts += [_alone(one, share) for one, share in zip((base, arm), alone, strict=True) if share]
        series = tuple(_run_totals(*one.moves, one.right, one.classes) + one.precision for one in (base, arm))
        return Contrast(
            count, np.where(known, arm.precision - base.precision, np.nan), image_var, scatter(n, pooled),
            size / n**2, tuple(parts), series,
        )  # fmt: skip


def _image_squares(base: Answered, arm: Answered, n: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return sums over images, by class, of n times their change: squared, and to the fourth power."""
    cells = [(one.moves, one.right.runs, sign) for one, sign in ((base, -1.0), (arm, 1.0))]
    place = np.concatenate([cell // runs for (cell, _), runs, _ in cells])
    value = np.concatenate([sign * move / runs for (_, move), runs, sign in cells])
    place, value = _merged(place, value)
    own = place // base.right.images
    value = np.where(known[own], value * n[own], 0.0)
    second, fourth = (np.bincount(own, weights=value**power, minlength=len(n)) for power in (2, 4))
    return np.asarray(second, dtype=np.float64), np.asarray(fourth, dtype=np.float64)


def _merged(place: Ints, value: Floats) -> tuple[Ints, Floats]:
    """Return each place once, ascending, and the sum of its values."""
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    return place[first], np.add.reduceat(value[order], first) if len(first) else value


def _run_totals(cell: Ints, move: Floats, hits: Hits, classes: int, runs: int | None = None) -> Floats:
    """Add up moves by run and class: Float[J, C]."""
    runs = hits.runs if runs is None else runs
    own = cell // (hits.images * runs) + cell % runs * classes
    totals = np.bincount(own, weights=move, minlength=runs * classes)
    return np.asarray(totals, dtype=np.float64).reshape(runs, classes)


def _part(cell: Ints, move: Floats, hits: Hits, classes: int, runs: int, share: float) -> RunPart:
    """Return how runs scatter, and the part of it that other images would bring: the residuals within images."""
    totals = _run_totals(cell, move, hits, classes, runs)
    place, sums = _merged(cell // runs, move)
    cells = np.bincount(cell // (hits.images * runs), weights=move**2, minlength=classes)
    images = np.bincount(place // hits.images, weights=sums**2, minlength=classes)
    spare = max(runs - 1, 1)
    between = ((totals - totals.mean(axis=0)) ** 2).sum(axis=0) / spare
    return RunPart(runs, share, between, np.maximum(cells - images / runs, 0) / spare, totals)


def _alone(one: Answered, share: float) -> RunPart:
    return _part(*one.moves, one.right, one.classes, one.right.runs, share)


def _paired(base: Answered, arm: Answered, pairs: Pairs, share: float) -> RunPart:
    (first, moved), (second, other) = base.of_runs(pairs[0]), arm.of_runs(pairs[1])
    cell, move = _merged(np.concatenate([first, second]), np.concatenate([-moved, other]))
    return _part(cell, move, base.right, base.classes, len(pairs[0]), share)
