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


@dataclass(frozen=True, eq=False)
class Hits:
    """The cells of an arm with J runs that are 1, each cell of each of P series named once.

    Attributes
    ----------
    runs : J
    series, image, run : Int[E]
        Of which series the hit is, 0 to P - 1; of which image, 0 to N - 1; of which run, 0 to J - 1.
    """

    runs: int
    series: NDArray[np.integer[Any]]
    image: NDArray[np.integer[Any]]
    run: NDArray[np.integer[Any]]

    def per_run(self, series: int) -> Counts:
        """Count hits by run and series: Int[J, P]."""
        place = self.run.astype(np.int64) * series + self.series
        return np.bincount(place, minlength=self.runs * series).reshape(self.runs, series)

    def places(self, images: int) -> Ints:
        """Return one number for each series and image, Int[E]."""
        return self.series.astype(np.int64) * images + self.image

    def of_runs(self, rows: NDArray[np.intp]) -> Hits:
        """Return the hits of these runs, numbered in this order."""
        number = np.full(self.runs, -1)
        number[rows] = np.arange(len(rows))
        kept = number[self.run] >= 0
        return Hits(len(rows), self.series[kept], self.image[kept], number[self.run[kept]])


def rare_contrast(base: Hits, arm: Hits, n: Counts, images: int, pairs: Pairs) -> Contrast:
    """Describe the change of every series from one arm to another, as `crossed.contrast` does of right answers.

    Parameters
    ----------
    n : Int[P]
        How many images each series is about, at least 1.
    images
        How many images there are in all: N.
    pairs
        Rows of runs that share a seed, as `contrast` takes them.

    Examples
    --------
    >>> none = np.arange(0)
    >>> base, arm = Hits(1, np.array([0]), np.array([2]), np.array([0])), Hits(1, none, none, none)
    >>> rare_contrast(base, arm, np.array([4]), 4, (none, none)).estimate.tolist()
    [-0.25]
    """
    sums = _sums(*_added(base.places(images), arm.places(images), -arm.runs, base.runs), images, len(n))
    both, alone = run_shares(base.runs, arm.runs, len(pairs[0]))
    parts = [_paired(base.of_runs(pairs[0]), arm.of_runs(pairs[1]), n, images, both)] if both else []
    parts += [_alone(one, n, images, share) for one, share in zip((base, arm), alone, strict=True) if share]
    return of_sums(sums, n, base.per_run(len(n)), arm.per_run(len(n)), tuple(parts))


def _added(first: Ints, second: Ints, a: int, b: int) -> tuple[Ints, Ints]:
    """Return each place once, and a times how often it is in `first` plus b times how often in `second`."""
    places = np.concatenate([first, second])
    kinds, inverse = np.unique(places, return_inverse=True)
    weights = np.concatenate([np.full(len(first), a), np.full(len(second), b)])
    return kinds, np.bincount(inverse, weights=weights, minlength=len(kinds)).astype(np.int64)


def _sums(places: Ints, values: Ints, images: int, series: int) -> ImageSums:
    """Add up values by series, as they are and squared; all of them to the fourth power."""
    own, square = places // images, values.astype(np.float64) ** 2
    first, second = (np.bincount(own, weights=x, minlength=series).astype(np.int64) for x in (values, square))
    return ImageSums(first, second, float(square @ square))


def _alone(arm: Hits, n: Counts, images: int, share: float) -> RunPart:
    per_run = arm.per_run(len(n))
    sums = _sums(*_added(arm.places(images), np.arange(0), 1, 0), images, len(n))
    return run_part(n, per_run, per_run.sum(axis=0), sums.second, share)


def _paired(base: Hits, arm: Hits, n: Counts, images: int, share: float) -> RunPart:
    """Differences of runs: the square of a cell's is 1 where exactly one of the pair is a hit."""
    cells = [hits.places(images) * base.runs + hits.run for hits in (base, arm)]
    alone = np.setxor1d(*cells, assume_unique=True) // base.runs // images
    sums = _sums(*_added(base.places(images), arm.places(images), -1, 1), images, len(n))
    change = arm.per_run(len(n)) - base.per_run(len(n))
    return run_part(n, change, np.bincount(alone, minlength=len(n)), sums.second, share)
