"""Bounds that no prior can spoil: for measures that are extremes of weighted means, and for the harmonic mean.

The mean of the worst classes is the smallest mean that so many classes can have. Chosen by the answers themselves it is
too small on average, since chance takes part in the choice; chosen on some images and runs and measured on others it is
too large if anything, since the choice was not the best. So the truth lies between the two, whatever the shape of
true accuracies. The Gini coefficient is the largest of such sums, and lies between them the other way round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Arm, ByClass, Contrast, combine
from barnspider.stats.intervals import Over, Spread, spread
from barnspider.stats.multiplicity import quantile
from barnspider.stats.selection import halves

Floats = NDArray[np.float64]
Folds = tuple[tuple[NDArray[np.intp], Floats], ...]
"""How classes rank in one part of the answers, and their accuracies in another; none where a class lacks either."""


def rank(accuracy: Floats) -> NDArray[np.intp]:
    """Return the place of each class from the worst on.

    Examples
    --------
    >>> rank(np.array([0.5, 0.9, 0.1])).tolist()
    [1, 2, 0]
    """
    out = np.empty(len(accuracy), dtype=np.intp)
    out[np.argsort(accuracy, kind="stable")] = np.arange(len(accuracy))
    return out


def folds(arm: Arm, layout: ByClass, over: Over) -> Folds:
    """Return folds of classes that have images, from answers that share no image and, `over` runs, no run.

    Every other image of a class makes a half, and every other run. There are none where a class has one image.
    """
    if (layout.n == 1).any():
        return ()
    runs = np.arange(arm.runs) % 2 == 0 if over != "images" else np.ones(arm.runs, dtype=np.bool_)
    part = [[x[0, layout.n > 0] for x in half.shares([runs])] for half in halves((arm,), layout)]
    return tuple((rank(part[h][r]), part[1 - h][1 - r]) for h in (0, 1) for r in (0, 1))


def between(
    c: Contrast, order: NDArray[np.intp], pairs: Folds, over: Over, level: float, weight: Floats,
    *, share_of_mean: bool = False,
) -> tuple[float, float]:  # fmt: skip
    """Return limits of the sum of `weight` (falling, for the classes from the worst on) times true accuracies.

    Parameters
    ----------
    c, order
        Accuracies, and their `rank`; every class has images.
    pairs
        From `folds`.
    share_of_mean
        Whether the sum is divided by the mean accuracy.

    Notes
    -----
    The smaller limit is of the sum as it stands, the larger one is cross-fitted. It averages folds, whose errors
    have at most the variance of weights that are the root mean square of theirs. Infinite without folds.
    """
    own = weight[order]
    low = _limit(c, own, float(own @ c.estimate), over, level, -1, share_of_mean)
    if not pairs:
        return low, np.inf
    chosen = np.array([weight[ranks] for ranks, _ in pairs])
    value = float(np.mean([w @ y for w, (_, y) in zip(chosen, pairs, strict=True)]))
    size = np.sqrt(np.mean(np.square(chosen), axis=0)) * np.where(np.mean(chosen, axis=0) < 0, -1, 1)
    return low, _limit(c, size, value, over, level, 1, share_of_mean)


def _limit(c: Contrast, weight: Floats, value: float, over: Over, level: float, side: int, share: bool) -> float:
    mean = float(c.estimate.mean()) if share else 1.0
    if mean <= 0:
        return 0.0
    slope = (weight - value / mean / len(weight)) / mean if share else weight
    return value / mean + side * half_width(c, slope, over, level)


def half_width(c: Contrast, weight: Floats, over: Over, level: float) -> float:
    """Return t times the standard error of a weighted sum of estimates; `weight` is of classes with images."""
    every = np.zeros(len(c.n))
    every[c.n > 0] = weight
    if not np.any(weight):
        return 0.0
    s = spread(combine(c, every), over, level)
    return float(np.sqrt(s.variance[0]) * quantile(s.df, level)[0])


def harmonic(c: Contrast, s: Spread) -> tuple[float, Floats]:
    """Return the harmonic mean of true accuracies, and its slope in each class's accuracy; every class has images.

    1 / p, as it stands, is too large on average, and infinite at 0. So as much is added to right and to all answers as
    the class's images count beyond their binomial share: (n + a) / (n p + a) with a = n variance / p (1 - p), which
    for independent answers (a = 1) is Chapman's (1951) next to unbiased one.
    """
    p, n = c.estimate, c.n.astype(np.float64)
    more = np.clip(n * s.variance / c.binomial, 1e-3, n)
    inverse = (n + more) / (n * p + more)
    value = len(p) / float(inverse.sum())
    return min(value, float(p.mean())), value**2 / len(p) * inverse**2


def harmonic_change(
    base: Contrast, arm: Contrast, moved: Contrast, slopes: tuple[Floats, Floats], over: Over, level: float
) -> float:
    """Return the half width of a change of the harmonic mean.

    Errors e of both arms count slope 1 e1 - slope 0 e0: the mean slope times the error of the change, and half of the
    difference of slopes times both errors; their half widths are added, as if they always agreed.
    """
    middle, apart = (slopes[0] + slopes[1]) / 2, (slopes[1] - slopes[0]) / 2
    return half_width(moved, middle, over, level) + sum(half_width(x, apart, over, level) for x in (base, arm))
