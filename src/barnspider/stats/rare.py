"""Runs x images, where most cells are zero: the closed forms of `crossed`, from a list of the cells that are not.

One wrong class among ten thousand is named by few runs on few images. What is summed over images and runs is the same;
it is only counted from a list of hits instead of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast, Counts, ImageSums, Pairs, RunPart, of_sums, run_part, run_shares

Ints = NDArray[np.int64]
Positions = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Hits:
    """The cells of an arm with J runs that are 1, of P series about some of N images. Made by `of`.

    Attributes
    ----------
    runs, images : J, N
    cell : Int[E]
        (series * N + image) * J + run of every hit, each once, ascending: what is in order need be sorted only once.
    """

    runs: int
    images: int
    cell: Ints

    @classmethod
    def of(cls, runs: int, images: int, series: Positions, image: Positions, run: Positions) -> Hits:
        """Put hits in order. Int[E] each: which series, which image, which run."""
        return cls(runs, images, np.sort((series.astype(np.int64) * images + image) * runs + run))

    def per_run(self, series: int) -> Counts:
        """Count hits by run and series: Int[J, P]."""
        own = self.cell // (self.images * self.runs) + self.cell % self.runs * series
        return np.bincount(own, minlength=self.runs * series).reshape(self.runs, series)

    def per_image(self) -> tuple[Ints, Ints]:
        """Return series * N + image of every image with a hit, ascending, and how many runs have one there."""
        place = self.cell // self.runs
        first = np.flatnonzero(np.diff(place, prepend=-1))
        return place[first], np.diff(first, append=len(place))

    def of_runs(self, rows: NDArray[np.intp]) -> Hits:
        """Return the hits of these runs, ascending, numbered in this order."""
        if len(rows) == self.runs:
            return self
        number = np.full(self.runs, -1)
        number[rows] = np.arange(len(rows))
        run = number[self.cell % self.runs]
        return Hits(len(rows), self.images, (self.cell // self.runs * len(rows) + run)[run >= 0])

    def of_images(self, some: NDArray[np.bool_]) -> Hits:
        """Return the hits on some of the images, Bool[N]."""
        return Hits(self.runs, self.images, self.cell[some[self.cell // self.runs % self.images]])

    def of_series(self, some: NDArray[np.bool_]) -> Hits:
        """Return the hits of some of the series, Bool[P], numbered in the same order from 0."""
        block = self.images * self.runs
        own, number = self.cell // block, np.cumsum(some) - 1
        kept = some[own]
        return Hits(self.runs, self.images, (self.cell + (number[own] - own) * block)[kept])


def rare_contrast(base: Hits, arm: Hits, n: Counts, pairs: Pairs) -> Contrast:
    """Describe the change of every series from one arm to another, as `crossed.contrast` does of right answers.

    Parameters
    ----------
    n : Int[P]
        How many images each series is about, at least 1.
    pairs
        Rows of runs that share a seed, ascending, as `contrast` takes them.

    Examples
    --------
    >>> none = np.arange(0)
    >>> base, arm = Hits.of(1, 4, np.array([0]), np.array([2]), np.array([0])), Hits.of(1, 4, none, none, none)
    >>> rare_contrast(base, arm, np.array([4]), (none, none)).estimate.tolist()
    [-0.25]
    """
    both, alone = run_shares(base.runs, arm.runs, len(pairs[0]))
    parts = [_paired(base.of_runs(pairs[0]), arm.of_runs(pairs[1]), n, both)] if both else []
    parts += [_alone(one, n, share) for one, share in zip((base, arm), alone, strict=True) if share]
    sums = _change(base, arm, -arm.runs, base.runs, len(n))
    return of_sums(sums, n, base.per_run(len(n)), arm.per_run(len(n)), tuple(parts))


def _change(base: Hits, arm: Hits, a: int, b: int, series: int) -> ImageSums:
    """Add up a times the hits of one arm's images plus b times those of the other's."""
    (first, times), (second, others) = base.per_image(), arm.per_image()
    place, value = _merged(np.concatenate([first, second]), np.concatenate([a * times, b * others]))
    return _sums(place, value, base.images, series)


def _merged(place: Ints, value: Ints) -> tuple[Ints, Ints]:
    """Return each place once, and the sum of its values. Two ascending halves: a stable sort merges them."""
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    return place[first], np.add.reduceat(value[order], first) if len(first) else value


def _sums(place: Ints, value: Ints, images: int, series: int) -> ImageSums:
    """Add up values by series, as they are and squared; all of them to the fourth power."""
    own, square = place // images, value.astype(np.float64) ** 2
    first, second = (np.bincount(own, weights=x, minlength=series).astype(np.int64) for x in (value, square))
    return ImageSums(first, second, float(square @ square))


def _alone(arm: Hits, n: Counts, share: float) -> RunPart:
    per_run = arm.per_run(len(n))
    sums = _sums(*arm.per_image(), arm.images, len(n))
    return run_part(n, per_run, per_run.sum(axis=0), sums.second, share)


def _paired(base: Hits, arm: Hits, n: Counts, share: float) -> RunPart:
    """Differences of runs: the square of a cell's is 1 where exactly one of the pair is a hit."""
    cells = np.concatenate([base.cell, arm.cell])
    cell, times = _merged(cells, np.ones(len(cells), dtype=np.int64))
    alone = np.bincount(cell[times == 1] // (base.runs * base.images), minlength=len(n))
    change = arm.per_run(len(n)) - base.per_run(len(n))
    return run_part(n, change, alone, _change(base, arm, -1, 1, len(n)).second, share)
