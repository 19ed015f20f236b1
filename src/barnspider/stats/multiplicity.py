"""Many classes at once: false-discovery and family-wise corrections."""

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


def _on_known(p: Floats, known: NDArray[np.bool_] | None, adjust: Callable[[Floats, Floats], Floats]) -> Floats:
    mask = np.ones(p.shape, dtype=np.bool_) if known is None else known
    some = p[mask]
    order = np.argsort(some, kind="stable")
    adjusted = np.empty_like(some)
    adjusted[order] = np.minimum(adjust(some[order], np.arange(1.0, len(some) + 1)), 1.0)
    out = np.ones(p.shape)
    out[mask] = adjusted
    return out
