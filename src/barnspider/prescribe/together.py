"""Which classes belong together: those that are confused, the most confused first, in groups that stay small.

Links are transitive: of a thousand classes, of which each is confused with a few, all might be one group, and one dose
for all is no prescription. So a group takes no more classes than `LARGEST`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider import words

LARGEST = 20
"""Classes that a group holds at most: our choice. A few of them are confused with any one class."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Classes that have one dose.

    Attributes
    ----------
    of : Int[C], the number of each class's group
    pairs : how many pairs of classes are confused
    apart : how many of these are in two groups, since one group would be too large
    """

    of: NDArray[np.intp]
    pairs: int
    apart: int

    def note(self) -> str:
        """Return what is to be known where confused classes are in two groups; "" where none are."""
        if not self.apart:
            return ""
        return (
            f"{self.apart:,} of {words.counted(self.pairs, 'pair')} of confused classes are in two groups, and may have"
            f" two doses: a group holds {LARGEST} classes at most, the most confused first"
        )


def grouped(
    first: NDArray[np.int64], second: NDArray[np.int64], share: NDArray[np.float64], classes: int, most: int = LARGEST
) -> Groups:
    """Put classes together that are confused, the most confused first, unless their group would be too large.

    This is single linkage (Kruskal 1956) with a limit. A pair may stand in both directions, and several times.

    Parameters
    ----------
    first, second, share
        Pairs of classes, Int[P], and how much of the images of one is taken for the other, Float[P].

    Examples
    --------
    >>> found = grouped(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([0.1, 0.05, 0.2]), classes=5, most=2)
    >>> found.of.tolist(), found.pairs, found.apart
    ([0, 0, 1, 1, 2], 3, 1)
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((high, low, -share))
    parent, size = list(range(classes)), [1] * classes

    def root(c: int) -> int:
        while parent[c] != c:
            parent[c] = c = parent[parent[c]]
        return c

    for a, b in zip(low[order].tolist(), high[order].tolist(), strict=True):
        one, other = root(a), root(b)
        if one != other and size[one] + size[other] <= most:
            parent[other] = one
            size[one] += size[other]
    of = np.unique([root(c) for c in range(classes)], return_inverse=True)[1] if classes else np.zeros(0, dtype=np.intp)
    pairs = np.unique(low * classes + high)
    apart = np.count_nonzero(of[pairs // max(classes, 1)] != of[pairs % max(classes, 1)])
    return Groups(of.astype(np.intp), len(pairs), int(apart))
