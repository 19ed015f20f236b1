"""Best doses and worst classes without the winner's curse: choose on one part of the data, measure on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Arm, ByClass, Contrast, contrast, pool
from barnspider.stats.intervals import Over, Spread, spread

Floats = NDArray[np.float64]

MOST_SPLITS = 20
"""Splits of the runs that are averaged; with few runs there are fewer different ones."""


@dataclass(frozen=True, eq=False)
class Pairwise:
    """Every arm against every other: difference[k, l] is arm l minus arm k. Float[K, K, C] each."""

    difference: Floats
    se: Floats
    df: Floats


def pairwise(
    arms: Sequence[Arm], layout: ByClass, *, over: Over, paired: bool, level: float
) -> tuple[Pairwise, Pairwise]:
    """Compare every two arms: by class, and (C = 1) over all images."""
    shape = (len(arms), len(arms))
    by_class = [np.full((*shape, len(layout.n)), x) for x in (0.0, 1.0, 1.0)]
    whole = [np.full((*shape, 1), x) for x in (0.0, 1.0, 1.0)]
    for k, m in combinations(range(len(arms)), 2):
        c = contrast(arms[k], arms[m], layout, paired=paired)
        for target, x in ((by_class, c), (whole, pool(c))):
            s = spread(x, over, level)
            for (row, column), sign in (((k, m), 1), ((m, k), -1)):
                target[0][row, column] = sign * x.estimate
                target[1][row, column] = np.sqrt(s.variance)
                target[2][row, column] = s.df
    return Pairwise(*by_class), Pairwise(*whole)


def contenders(pairs: Pairwise, level: float) -> NDArray[np.bool_]:
    """Return Bool[K, C]: the arms that cannot be told from the best one.

    An arm is left out when some other arm is better by a one-sided t test at (1 - level) / (K - 1): the best arm stays
    in with probability `level` (multiple comparisons with the best, Hsu 1984, by Bonferroni).

    Examples
    --------
    >>> d = np.array([[0.0, 0.01, 0.2], [-0.01, 0.0, 0.19], [-0.2, -0.19, 0.0]])[..., None]
    >>> contenders(Pairwise(-d, np.full(d.shape, 0.02), np.full(d.shape, 50.0)), 0.95)[:, 0].tolist()
    [True, True, False]
    """
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    others = max(len(pairs.difference) - 1, 1)
    bound = stdtrit(pairs.df, 1 - (1 - level) / others) * pairs.se
    return ~np.any(pairs.difference > bound, axis=1)


def splits(runs: int) -> list[NDArray[np.bool_]]:
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


def choose(accuracy: Floats, weight: Floats) -> tuple[NDArray[np.intp], int]:
    """Return the best arm of each class and that of the weighted average, from accuracies Float[K, C]."""
    average = int(np.argmax(np.nan_to_num(accuracy) @ weight))
    return np.argmax(np.nan_to_num(accuracy, nan=-1.0), axis=0), average


def cross_fit(chosen_on: Floats, measured_on: Floats, weight: Floats) -> Floats:
    """Return the toll, Float[C], of arms chosen by one table of accuracies Float[K, C], measured in another."""
    own, average = choose(chosen_on, weight)
    classes = np.arange(measured_on.shape[1])
    return measured_on[own, classes] - measured_on[average, classes]


def toll(
    choose_cells: Sequence[Sequence[Floats]], measure_cells: Sequence[Sequence[Floats]], weight: Floats,
    *, chosen: Floats, whole: Floats, contrast_of: Sequence[Sequence[Contrast | None]], over: Over, level: float,
) -> Toll:  # fmt: skip
    """Estimate the toll from many splits.

    Parameters
    ----------
    choose_cells, measure_cells
        For each split, for each of its folds: Float[K, C], the accuracies to choose by, and those to measure by.
    chosen, whole
        Float[K, C], accuracies from all the data that may choose, and from all the data that may be measured.
    contrast_of
        For each pair of arms the contrast of all the data (None on the diagonal): its variance is the toll's, to which
        the variance between splits is added.
    """
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    folds = [list(zip(x, y, strict=True)) for x, y in zip(choose_cells, measure_cells, strict=True)]
    by_split = np.array([np.mean([cross_fit(a, b, weight) for a, b in pairs], axis=0) for pairs in folds])
    own, average = choose(chosen, weight)
    s = _variance_of(own, average, contrast_of, over, level)
    estimate = by_split.mean(axis=0)
    between = by_split.var(axis=0, ddof=1) if len(by_split) > 1 else np.zeros(len(estimate))
    half = stdtrit(s.df, (1 + level) / 2) * np.sqrt(s.variance + between)
    naive = whole.max(axis=0) - whole[choose(whole, weight)[1]]
    return Toll(estimate, np.maximum(estimate - half, -1), np.minimum(estimate + half, 1), naive, own, average)


def _variance_of(
    own: NDArray[np.intp], average: int, contrast_of: Sequence[Sequence[Contrast | None]], over: Over, level: float
) -> Spread:
    """Pick each class's variance from the contrast of its own choice with the average's; at a tie, a neighbour's."""
    variance, df = np.full(len(own), np.nan), np.full(len(own), np.nan)
    for k in range(len(contrast_of)):
        c = contrast_of[average][k] or contrast_of[average][k - 1 if k else 1]
        if c is not None and (own == k).any():
            s = spread(c, over, level)
            variance[own == k], df[own == k] = s.variance[own == k], s.df[own == k]
    return Spread(variance, df)


def expected_minimum(mean: Floats, sd: Floats, level: float) -> tuple[float, float, float]:
    """Return mean and interval of the smallest of independent normals, by quadrature.

    With posteriors of the classes' true accuracies this is the worst class without the winner's curse: the posterior
    already took back what noise added (Efron 2011, Tweedie's formula and selection bias).

    Examples
    --------
    >>> [round(x, 2) for x in expected_minimum(np.zeros(10), np.ones(10), 0.95)]
    [-1.54, -2.8, -0.5]
    """
    from scipy.special import log_ndtr  # importing scipy costs 0.1 s; only numbers need it

    sd = np.maximum(sd, 1e-9)
    grid = np.linspace((mean - 6 * sd).min(), (mean + 6 * sd).min(), 501)
    below = 1 - np.exp(np.sum(log_ndtr(-(grid[:, None] - mean) / sd), axis=1))
    tail = (1 - level) / 2
    density = np.diff(below)
    middle = (grid[1:] + grid[:-1]) / 2
    low, high = np.interp([tail, 1 - tail], below, grid)
    return float(np.sum(density * middle) / density.sum()), float(low), float(high)
