"""One arm against the baseline: everything that is said about its classes, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Arm, ByClass, Contrast, pool, relative, single
from barnspider.stats.heterogeneity import Dependence, Shrunk, class_dependence, shrink
from barnspider.stats.intervals import Interval, Over, Spread, share_interval, spread, t_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What one arm does to C classes, and over all images.

    Attributes
    ----------
    effect : Float[C], with `spread` and `interval`
    overall : float, with `overall_interval` (arrays of one)
    dependence : tau
    shrunk : empirical-Bayes effects
    relative : Float[C], each class's change minus that of all images, with `relative_spread` and `relative_interval`
    """

    effect: Floats
    spread: Spread
    interval: Interval
    overall: float
    overall_interval: Interval
    dependence: Dependence
    shrunk: Shrunk
    relative: Floats
    relative_spread: Spread
    relative_interval: Interval


def compare(c: Contrast, *, over: Over, level: float) -> Comparison:
    """Say everything about the change from the baseline to an arm; `over` says what varies."""
    s, whole = spread(c, over, level), pool(c)
    whole_spread = spread(whole, over, level)
    own = relative(c, whole)
    own_spread = spread(own, over, level)
    return Comparison(
        effect=c.estimate,
        spread=s,
        interval=t_interval(c.estimate, s, level),
        overall=float(whole.estimate[0]),
        overall_interval=t_interval(whole.estimate, whole_spread, level),
        dependence=class_dependence(c, over, level),
        shrunk=shrink(c.estimate, s.variance, float(np.nan_to_num(whole_spread.variance[0]))),
        relative=own.estimate,
        relative_spread=own_spread,
        # A class that lost all where the others gained all is up to two behind the average.
        relative_interval=t_interval(own.estimate, own_spread, level, bound=2.0),
    )


def accuracy(arm: Arm, layout: ByClass, *, over: Over, level: float) -> tuple[Floats, Floats, Floats]:
    """Return accuracy, low and high of each class in one arm: Float[C] each."""
    c = single(arm, layout)
    low, high = share_interval(c.estimate, c, spread(c, over, level), level)
    return c.estimate, low, high
