"""Two things are wanted at once: who is beaten in neither, and where one begins to cost much of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def front(first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Return which points no other beats: better in one of the two, and at least as good in the other. Bool[K].

    A point with a NaN is on no front and beats nobody.

    Examples
    --------
    >>> front(np.array([0.9, 0.8, 0.8]), np.array([0.1, 0.3, 0.2])).tolist()
    [True, True, False]
    """
    a, b = first[:, None] - first, second[:, None] - second
    beaten = ((a <= 0) & (b <= 0) & ((a < 0) | (b < 0))).any(axis=1)
    return ~beaten & np.isfinite(first) & np.isfinite(second)


def knee(first: Floats, second: Floats) -> int | None:
    """Return the point of the front that is farthest outside the line between its two ends; None where none is.

    Both are measured in shares of what lies between the ends (Branke et al. 2004; Satopaa et al. 2011).

    Examples
    --------
    >>> knee(np.array([0.90, 0.89, 0.80]), np.array([0.1, 0.29, 0.3]))
    1
    >>> knee(np.array([0.9, 0.8]), np.array([0.1, 0.3])) is None
    True
    """
    on = np.flatnonzero(front(first, second))
    x, y = (v[on] - v[on].min(initial=np.inf) for v in (first, second))
    if len(on) < 3 or not x.any() or not y.any():
        return None
    outside = x / x.max() + y / y.max() - 1
    best = int(np.argmax(outside))
    return int(on[best]) if outside[best] > 1e-12 else None
