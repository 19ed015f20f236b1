"""Many classes at once: false-discovery and family-wise corrections, simultaneous bands, equivalence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def benjamini_hochberg(p: Floats, known: NDArray[np.bool_] | None = None) -> Floats:
    """Return q-values: the false-discovery rate at which each hypothesis would just be rejected.

    `p` may have any shape; the correction is over all its entries where `known` (all by default), the others get 1.
    Benjamini & Hochberg (1995); valid under positive dependence (Benjamini & Yekutieli 2001).

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.02, 0.3])).round(3).tolist()
    [0.03, 0.03, 0.3]
    """
    return _on_known(p, known, lambda x, rank: np.minimum.accumulate((x * len(x) / rank)[::-1])[::-1])


def holm(p: Floats, known: NDArray[np.bool_] | None = None) -> Floats:
    """Return p-values adjusted so that the chance of any false finding stays below the level (Holm 1979).

    Examples
    --------
    >>> holm(np.array([0.01, 0.02, 0.3])).round(3).tolist()
    [0.03, 0.04, 0.3]
    """
    return _on_known(p, known, lambda x, rank: np.maximum.accumulate(x * (len(x) - rank + 1)))


def simultaneous_level(level: float, count: int) -> float:
    """Return the level that each of `count` intervals needs so that all hold at once with `level` (Sidak 1967).

    Examples
    --------
    >>> round(simultaneous_level(0.95, 100), 5)
    0.99949
    """
    return level ** (1 / max(count, 1))


def quantile(df: Floats, level: float) -> Floats:
    """Return t so that a two-sided interval of +- t standard errors has this level."""
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    return stdtrit(df, (1 + level) / 2)


def equivalence(effect: Floats, se: Floats, df: Floats, margin: float) -> Floats:
    """Return the p-value of "changed by `margin` or more": two one-sided t tests (Schuirmann 1987).

    Examples
    --------
    >>> equivalence(np.array([0.001, 0.03]), np.array([0.004, 0.004]), np.array([30.0, 30.0]), 0.01).round(3).tolist()
    [0.016, 1.0]
    """
    from scipy.special import stdtr

    return stdtr(df, (np.abs(effect) - margin) / se)


def _on_known(p: Floats, known: NDArray[np.bool_] | None, adjust: Callable[[Floats, Floats], Floats]) -> Floats:
    mask = np.ones(p.shape, dtype=np.bool_) if known is None else known
    some = p[mask]
    order = np.argsort(some, kind="stable")
    adjusted = np.empty_like(some)
    adjusted[order] = np.minimum(adjust(some[order], np.arange(1.0, len(some) + 1)), 1.0)
    out = np.ones(p.shape)
    out[mask] = adjusted
    return out
