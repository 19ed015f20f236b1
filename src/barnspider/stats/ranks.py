"""Do two rankings agree? Spearman's correlation with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of `n` pairs and its interval; NaN where fewer than four tell nothing, or equal ones."""

    rho: float
    low: float
    high: float
    n: int


def rank_correlation(x: Floats, y: Floats, level: float = 0.95) -> RankCorrelation:
    """Return Spearman's rank correlation; pairs of which one is not finite are left out.

    The interval is Fisher's with the variance of Bonett & Wright (2000), (1 + rho^2 / 2) / (n - 3). Rankings that agree
    wholly would get an interval of no width: it is then taken from the next correlation that n ranks can have.

    Examples
    --------
    >>> found = rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5]))
    >>> found.n, round(found.rho, 2), round(found.low, 2), round(found.high, 2)
    (5, 0.8, -0.46, 0.99)
    >>> whole = rank_correlation(np.arange(5.0), np.arange(5.0))
    >>> whole.rho, round(whole.low, 2), whole.high
    (1.0, -0.22, 1.0)
    """
    from scipy.special import ndtri  # importing scipy costs 0.1 s; only numbers need it

    both = np.isfinite(x) & np.isfinite(y)
    n, (a, b) = int(both.sum()), (_centred(v[both]) for v in (x, y))
    scale = np.sqrt((a @ a) * (b @ b))
    if n < 4 or not scale:
        return RankCorrelation(np.nan, np.nan, np.nan, n)
    rho = float(np.clip(a @ b / scale, -1, 1))
    next_to_one = 1 - 12 / (n * (n**2 - 1))
    inside = float(np.clip(rho, -next_to_one, next_to_one))
    half = ndtri((1 + level) / 2) * np.sqrt((1 + inside**2 / 2) / (n - 3))
    low, high = (float(np.tanh(np.arctanh(inside) + side * half)) for side in (-1, 1))
    return RankCorrelation(rho, min(low, rho), max(high, rho), n)


def ranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs.

    Examples
    --------
    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _centred(values: Floats) -> Floats:
    placed = ranks(values)
    return placed - placed.mean() if len(placed) else placed
