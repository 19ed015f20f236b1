"""Do two rankings agree? Spearman's correlation with its interval; Kendall's W for several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of `n` pairs, its interval, p; NaN: under four pairs, or equal numbers, tell nothing."""

    rho: float
    low: float
    high: float
    p: float
    n: int


@dataclass(frozen=True)
class Concordance:
    """Kendall's W of `raters` rankings of `n` items: 1 if all are the same, 0 without agreement; NaN: cannot tell."""

    w: float
    p: float
    raters: int
    n: int


def rank_correlation(x: Floats, y: Floats, level: float = 0.95) -> RankCorrelation:
    """Return Spearman's rank correlation; pairs of which one is not finite are left out.

    The interval is Fisher's with the variance of Bonett & Wright (2000), (1 + rho^2 / 2) / (n - 3); p is of that z.
    Rankings that agree wholly would get an interval of no width: it is taken from the next correlation that n ranks can
    have.

    Examples
    --------
    >>> found = rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5]))
    >>> found.n, round(found.rho, 2), round(found.low, 2), round(found.high, 2)
    (5, 0.8, -0.46, 0.99)
    """
    both = np.isfinite(x) & np.isfinite(y)
    n = int(both.sum())
    a, b = (_centred(v[both]) for v in (x, y))
    scale = np.sqrt((a @ a) * (b @ b))
    if n < 4 or not scale:
        return RankCorrelation(np.nan, np.nan, np.nan, np.nan, n)
    rho = float(np.clip(a @ b / scale, -1, 1))
    next_to_one = 1 - 12 / (n * (n**2 - 1))
    z = np.arctanh(np.clip(rho, -next_to_one, next_to_one))
    half = special.ndtri((1 + level) / 2) * np.sqrt((1 + np.tanh(z) ** 2 / 2) / (n - 3))
    p = float(2 * special.ndtr(-abs(z) * np.sqrt(n - 3)))
    low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
    return RankCorrelation(rho, min(low, rho), max(high, rho), p, n)


def concordance(ratings: Floats) -> Concordance:
    """Return Kendall's W, corrected for ties, of Float[raters, items]; items that a rater does not know are left out.

    p is of Friedman's chi squared, raters * (items - 1) * W (Kendall & Smith 1939).

    Examples
    --------
    >>> round(concordance(np.array([[1.0, 2, 3, 4], [1, 3, 2, 4], [1, 2, 3, 4]])).w, 3)
    0.911
    """
    known = ratings[:, np.isfinite(ratings).all(axis=0)]
    raters, n = known.shape
    if raters < 2 or n < 3:
        return Concordance(np.nan, np.nan, raters, n)
    placed = np.array([ranks(row) for row in known])
    ties = sum(float((counts**3 - counts).sum()) for counts in map(_tied, known))
    total = placed.sum(axis=0)
    most = raters**2 * (n**3 - n) - raters * ties
    if most <= 0:
        return Concordance(np.nan, np.nan, raters, n)
    w = 12 * float(((total - total.mean()) ** 2).sum()) / most
    return Concordance(w, float(special.chdtrc(n - 1, raters * (n - 1) * w)), raters, n)


def ranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs.

    Examples
    --------
    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _centred(values: Floats) -> Floats:
    placed = ranks(values)
    return placed - placed.mean() if len(placed) else placed


def _tied(values: Floats) -> Floats:
    return np.unique(values, return_counts=True)[1].astype(np.float64)
