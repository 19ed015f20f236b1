"""Two readings of the same answers: what part of a change, by the first, is no change by the second.

Right by one label, X, or right by any of a set of labels, Y, are two binary answers in the same cell, runs x images.
Their difference Z = Y - X is -1, 0 or 1, and is crossed like either of them: the same two-way analysis of variance
holds, only that the square of a cell is no longer the cell itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import (
    Arm,
    ByClass,
    Contrast,
    Counts,
    Pairs,
    RunPart,
    image_sums,
    of_sums,
    run_part,
    run_shares,
    scatter,
)
from barnspider.stats.intervals import Spread

Floats = NDArray[np.float64]
Both = tuple[Arm, Arm]
"""One arm's right answers by the first reading and by the second; runs and images in the same order."""


def reading_contrast(base: Both, arm: Both, layout: ByClass, paired: Pairs) -> Contrast:
    """Describe, class by class, by how much the change of the second reading is above that of the first.

    Examples
    --------
    >>> from barnspider.stats.crossed import by_class, count
    >>> layout, none = by_class(np.array([0, 0]), 1), np.arange(0)
    >>> same, lost = (count(np.array([row]), layout) for row in ([True, True], [False, True]))
    >>> reading_contrast((same, same), (lost, same), layout, (none, none)).estimate.tolist()
    [0.5]
    """
    first, second = (pair[1].per_run - pair[0].per_run for pair in (base, arm))
    j0, j1 = len(first), len(second)
    change = _per_image(arm) * np.int32(j0) - _per_image(base) * np.int32(j1)
    n = layout.n.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = _parts(base, arm, layout, paired)
        made = of_sums(image_sums(change, layout), layout.n, first, second, parts)
        differ = sum(_differ(pair, layout) / pair[0].runs for pair in (base, arm)) / (2 * n)
    return replace(made, binomial=scatter(n, differ))


def _per_image(pair: Both) -> NDArray[np.int32]:
    return pair[1].per_image - pair[0].per_image


def _differ(pair: Both, layout: ByClass) -> Counts:
    """Count the cells of each class that the two readings judge differently: the squares of Z."""
    return layout.sum(np.bitwise_xor(pair[0].answers, pair[1].answers).sum(axis=0, dtype=np.int32))


def _parts(base: Both, arm: Both, layout: ByClass, paired: Pairs) -> tuple[RunPart, ...]:
    both, alone = run_shares(base[0].runs, arm[0].runs, len(paired[0]))
    together = (_paired(base, arm, layout, paired, both),) if both else ()
    own = ((pair, share) for pair, share in zip((base, arm), alone, strict=True) if share)
    return (*together, *(_alone(pair, layout, share) for pair, share in own))


def _alone(pair: Both, layout: ByClass, share: float) -> RunPart:
    images2 = layout.sum(_per_image(pair).astype(np.int64) ** 2)
    return run_part(layout.n, pair[1].per_run - pair[0].per_run, _differ(pair, layout), images2, share)


def _paired(base: Both, arm: Both, layout: ByClass, pairs: Pairs, share: float) -> RunPart:
    """Differences of runs of equal seed, Z of the arm less Z of the baseline: from -2 to 2."""
    cells = _cells(arm, pairs[1]) - _cells(base, pairs[0])
    per_image = cells.sum(axis=0, dtype=np.int32)
    squares = layout.sum((cells**2).sum(axis=0, dtype=np.int32))
    return run_part(layout.n, layout.sum(cells), squares, layout.sum(per_image.astype(np.int64) ** 2), share)


def _cells(pair: Both, rows: NDArray[np.intp]) -> NDArray[np.int8]:
    return pair[1].answers[rows].astype(np.int8) - pair[0].answers[rows].astype(np.int8)


@dataclass(frozen=True, eq=False)
class Share:
    """The part of a change that is none by another reading, and its interval: Float[C] each; NaN: cannot tell."""

    share: Floats
    low: Floats
    high: Floats


def explained_share(change: tuple[Floats, Floats], spreads: tuple[Spread, Spread, Spread], level: float) -> Share:
    """Return 1 - D2 / D1 with Fieller's interval (1954), which allows for both changes being made of the same answers.

    Parameters
    ----------
    change : D1 and D2, of the first and of the second reading
    spreads : of D1, of D2 and of their difference
    level
        Where D1 itself cannot be told from 0 at this level, its ratio to anything has no bounds: NaN.
    """
    from scipy.special import stdtrit

    (d1, d2), (one, two, apart) = change, spreads
    t2 = stdtrit(np.minimum(one.df, two.df), (1 + level) / 2) ** 2
    # The variance of a difference tells the covariance; each was moderated by itself, so it is held to its limits.
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.sqrt(one.variance * two.variance)
        both = np.clip((one.variance + two.variance - apart.variance) / 2, -most, most)
        a, b, c = d1**2 - t2 * one.variance, d1 * d2 - t2 * both, d2**2 - t2 * two.variance
        half = np.sqrt(np.maximum(b**2 - a * c, 0))
        found = [1 - d2 / d1, 1 - (b + half) / a, 1 - (b - half) / a]
    known = a > 0
    return Share(*(np.where(known, x, np.nan) for x in found))
