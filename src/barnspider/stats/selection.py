"""Best doses and tolls without the winner's curse: choose on one part of the data, measure on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Arm, ByClass, Contrast, Counts, pool
from barnspider.stats.intervals import Over, Spread, spread
from barnspider.stats.parallel import each

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_SPLITS = 20
"""Splits of the runs that are averaged; with few runs there are fewer different ones."""

Contrasts = Callable[[int, int], Contrast]
"""The change from one arm to another, by their numbers."""


def contenders(arms: int, classes: int, contrast_of: Contrasts, *, over: Over, level: float) -> tuple[Bools, Bools]:
    """Return the arms that cannot be told from the best one: by class, Bool[K, C], and over all images, Bool[K].

    An arm is left out when some other arm is better by a one-sided t test at (1 - level) / (K - 1): the best arm stays
    in with probability `level` (multiple comparisons with the best, Hsu 1984, by Bonferroni). Pairs of arms are looked
    at one after the other, so that no table of all pairs is held.

    Examples
    --------
    >>> from barnspider.stats.crossed import by_class, contrast, count
    >>> layout = by_class(np.zeros(1000, dtype=int), 1)
    >>> runs = [count(np.arange(1000)[None] < right, layout) for right in (800, 801, 500)]
    >>> change = lambda k, m: contrast(runs[k], runs[m], layout, paired=False)
    >>> contenders(3, 1, change, over="images", level=0.95)[1].tolist()
    [True, True, False]
    """
    upper = 1 - (1 - level) / max(arms - 1, 1)
    by_class, whole = np.ones((arms, classes), dtype=np.bool_), np.ones((arms, 1), dtype=np.bool_)

    def better(pair: tuple[int, int]) -> list[NDArray[np.int8]]:
        c = contrast_of(*pair)
        return [_better(x.estimate, spread(x, over, level), upper) for x in (c, pool(c))]

    pairs = list(combinations(range(arms), 2))
    for (k, m), found in zip(pairs, each(better, pairs), strict=True):
        for keep, which in zip((by_class, whole), found, strict=True):
            keep[k] &= which <= 0
            keep[m] &= which >= 0
    return by_class, whole[:, 0]


def _better(estimate: Floats, s: Spread, upper: float) -> NDArray[np.int8]:
    """Return 1 where the second of two arms is better by a t test, -1 where the first one is, and else 0.

    t is computed only where the estimate is beyond the normal quantile, which is its least.
    """
    from scipy.special import ndtri, stdtrit  # importing scipy costs 0.1 s; only numbers need it

    size, error = np.abs(estimate), np.sqrt(s.variance)
    apart = size > float(ndtri(upper)) * error
    apart[apart] = size[apart] > stdtrit(s.df[apart], upper) * error[apart]
    return np.where(apart, np.sign(estimate), 0.0).astype(np.int8)


def splits(runs: int) -> list[Bools]:
    """Return ways to halve the runs, as masks of one half: all of them while they are few.

    Examples
    --------
    >>> [x.tolist() for x in splits(2)]
    [[True, False], [False, True]]
    """
    if runs < 2:
        return [np.ones(runs, dtype=np.bool_)]
    ways = np.array(list(combinations(range(runs), runs // 2))) if runs <= 6 else _drawn(runs)
    masks = np.zeros((len(ways), runs), dtype=np.bool_)
    np.put_along_axis(masks, ways, True, axis=1)
    return list(masks)


def _drawn(runs: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(runs)  # the same splits for the same number of runs
    return np.array([rng.permutation(runs)[: runs // 2] for _ in range(MOST_SPLITS)])


@dataclass(frozen=True, eq=False)
class Part:
    """Right answers on some of the images.

    Attributes
    ----------
    n : Int[C]
        Images of each class.
    right : Int[J, C] of each arm
        How many of them each run had right.
    """

    n: Counts
    right: tuple[NDArray[np.integer[Any]], ...]

    def shares(self, some: Sequence[Bools]) -> tuple[Floats, Floats]:
        """Return accuracies, Float[K, C], by some runs of each arm, and by the others; NaN without images.

        An arm that has no run among them, or no other, is measured by all of its runs.
        """
        taken = [(x[m].sum(axis=0), int(np.count_nonzero(m))) for x, m in zip(self.right, some, strict=True)]
        with np.errstate(invalid="ignore"):
            first = [self._share(k, *x) for k, x in enumerate(taken)]
            other = [
                self._share(k, whole - x, len(m) - runs)
                for k, (whole, (x, runs), m) in enumerate(zip(self.whole, taken, some, strict=True))
            ]
        return np.array(first), np.array(other)

    @cached_property
    def whole(self) -> tuple[NDArray[np.integer[Any]], ...]:
        """Right answers of all runs of each arm, Int[C]."""
        return tuple(x.sum(axis=0) for x in self.right)

    def _share(self, arm: int, right: NDArray[np.integer[Any]], runs: int) -> Floats:
        every = len(self.right[arm])
        return right / (self.n * runs) if 0 < runs < every else self.whole[arm] / (self.n * every)


def odd_images(layout: ByClass) -> NDArray[np.uint8]:
    """Return 0 for every other image of each class, from the first on, and 1 for those between: UInt8[N]."""
    rank = np.arange(len(layout.order)) - np.repeat(layout.start, layout.n[layout.present])
    return (rank % 2).astype(np.uint8)


def halves(arms: Sequence[Arm], layout: ByClass) -> tuple[Part, Part]:
    """Return right answers on the images that `odd_images` gives 0, and on the others."""
    odd = odd_images(layout)
    right = tuple(layout.sum(arm.answers & odd) for arm in arms)
    rest = tuple(arm.per_run - x for arm, x in zip(arms, right, strict=True))
    return Part(layout.n - layout.n // 2, rest), Part(layout.n // 2, right)


@dataclass(frozen=True, eq=False)
class Toll:
    """What a class loses at the arm chosen for the average, against the arm chosen for itself.

    Attributes
    ----------
    toll, low, high : Float[C]
        Accuracy at the class's own choice minus accuracy at the average's, measured where nothing was chosen.
    naive : Float[C]
        Largest observed accuracy minus the one at the best observed average: the winner's curse included.
    own : Int[C]
        The class's own choice by all the data; `average`: that of the average.
    """

    toll: Floats
    low: Floats
    high: Floats
    naive: Floats
    own: NDArray[np.intp]
    average: int


def choose(accuracy: Floats, weight: Floats, at: int | None = None) -> tuple[NDArray[np.intp], int]:
    """Return the best arm of each class and that of the weighted average, or `at`, from accuracies Float[K, C].

    A class without images (NaN in all arms) gets the first arm, and does not count in the average.
    """
    average = np.einsum("kc,c->k", np.where(np.isfinite(accuracy), accuracy, 0.0), weight)
    return np.argmax(accuracy, axis=0), int(np.argmax(average)) if at is None else at


def cross_fit(chosen_on: Floats, measured_on: Floats, weight: Floats, at: int | None = None) -> Floats:
    """Return the toll, Float[C], of arms chosen by one table of accuracies Float[K, C], measured in another."""
    own, average = choose(chosen_on, weight, at)
    classes = np.arange(measured_on.shape[1])
    return measured_on[own, classes] - measured_on[average, classes]


def toll(
    measure: Sequence[Part], choose_on: Sequence[Part], ways: Sequence[Sequence[Bools]], weight: Floats,
    *, chosen: Floats, whole: Floats, contrast_of: Contrasts, over: Over, level: float, at: int | None = None,
) -> Toll:  # fmt: skip
    """Estimate the toll from many splits of the runs.

    Parameters
    ----------
    measure, choose_on
        Parts of the images: what is chosen on `choose_on[i]` by some runs is measured on `measure[i]` by the others.
    ways
        For each split, for each arm a mask of its runs.
    weight : Float[C]
        What each class counts in the average.
    chosen, whole
        Float[K, C], accuracies from all the data that may choose, and from all the data that may be measured.
    contrast_of
        From all the data: its variance is the toll's, to which the variance between splits is added.
    at
        The arm whose toll is asked for, chosen elsewhere; by default that of the average.
    """
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    by_split = np.array(each(lambda some: _one_split(measure, choose_on, some, weight, at), ways))
    own, average = choose(chosen, weight, at)
    s = _variance_of(own, average, contrast_of, over, level)
    estimate = by_split.mean(axis=0)
    between = by_split.var(axis=0, ddof=1) if len(by_split) > 1 else np.zeros(len(estimate))
    half = stdtrit(s.df, (1 + level) / 2) * np.sqrt(s.variance + between)
    naive = whole.max(axis=0) - whole[choose(whole, weight, at)[1]]
    return Toll(estimate, np.maximum(estimate - half, -1), np.minimum(estimate + half, 1), naive, own, average)


def _one_split(
    measure: Sequence[Part], choose_on: Sequence[Part], some: Sequence[Bools], weight: Floats, at: int | None
) -> Floats:
    """Return the toll, Float[C], averaged over parts of the images and over both roles of the runs."""
    shares = {id(part): part.shares(some) for part in (*measure, *choose_on)}
    pairs = [(shares[id(by)], shares[id(on)]) for by, on in zip(choose_on, measure, strict=True)]
    return np.mean([cross_fit(by[i], on[1 - i], weight, at) for by, on in pairs for i in (0, 1)], axis=0)


def _variance_of(own: NDArray[np.intp], average: int, contrast_of: Contrasts, over: Over, level: float) -> Spread:
    """Pick each class's variance from the contrast of its own choice with the average's; at a tie, a neighbour's."""
    variance, df = np.full(len(own), np.nan), np.full(len(own), np.nan)
    for k in np.unique(own):
        other = int(k) if k != average else average - 1 if average else 1
        s = spread(contrast_of(average, other), over, level)
        variance[own == k], df[own == k] = s.variance[own == k], s.df[own == k]
    return Spread(variance, df)
