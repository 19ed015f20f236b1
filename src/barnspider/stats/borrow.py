"""What classes have in common: priors for variances that a single class measures badly.

With two runs a class's run component has one degree of freedom, and an interval from it alone is either far too wide
or, when the two runs happen to agree, far too narrow. So each class's mean squares are moderated: a prior, in
proportion to what a class of this accuracy could scatter, is estimated from all classes and counts as many degrees of
freedom as the classes agree with one another (Smyth 2004, moderated t; here with binomial units).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST = 1e3
"""The most degrees of freedom that a prior may count."""

ODD = 0.1
"""A class whose scatter has a smaller upper tail than this among the others borrows less."""


def prior_df(ratio: Floats, weight: Floats, chance: float, *, doubt: float, classes: float) -> float:
    """Return how many degrees of freedom a prior is worth, from how its ratio to classes' own variances scatters.

    Parameters
    ----------
    ratio : Float[C]
        Each class's own variance over its prior.
    weight : Float[C]
        How much each class tells.
    chance
        The squared coefficient of variation that chance alone gives to a ratio.
    doubt, classes
        What is believed beforehand of the squared coefficient of variation of true ratios, and how many classes that
        is worth: so that few classes never seem to agree by luck.

    Notes
    -----
    A scaled inverse chi-square with d degrees of freedom has a squared coefficient of variation near 2 / d.
    """
    if len(ratio) < 2 or weight.sum() <= 0:
        return 2 / doubt
    mean = np.average(ratio, weights=weight)
    if mean <= 0:
        return 2 / doubt
    scatter = np.average((ratio - mean) ** 2, weights=weight) * len(ratio) / (len(ratio) - 1) / mean**2
    true = (scatter - chance) / (1 + chance)
    true = (len(ratio) * true + classes * doubt) / (len(ratio) + classes)
    return float(2 / max(true, 2 / MOST))


def trust(ratio: Floats, weight: Floats, freedom: int) -> Floats:
    """Return how far each class may borrow, 0 to 1: a class that scatters beyond what the others show stands alone.

    The others' mean ratio and degrees of freedom make its own an F; its upper tail is compared with `ODD`. A prior that
    few classes fit would otherwise make the noisiest ones look sure (robust moderation, Phipson et al. 2016). Fewer
    than four classes say too little about one another, and nobody stands out.

    Examples
    --------
    >>> trust(np.array([0.9, 1.0, 1.1, 1.0, 30.0]), np.ones(5), freedom=4).round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.01]
    """
    from scipy.special import chdtri, fdtrc  # importing scipy costs 0.1 s; only numbers need it

    if len(ratio) < 4:
        return np.ones(len(ratio))
    rest = np.maximum(weight.sum() - weight, 1e-300)
    mean = (weight @ ratio - weight * ratio) / rest
    square = (weight @ ratio**2 - weight * ratio**2) / rest
    classes, chance = len(ratio) - 1, 2 / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = (square / mean**2 - 1) * classes / (classes - 1)
        odd = np.where(mean > 0, ratio / mean, 0.0)
    true = np.where(mean > 0, (scatter - chance) / (1 + chance), 1.0)
    true = (classes * true + 20 / freedom) / (classes + 20 / freedom)
    # Where even a prior that is known exactly leaves a larger tail, no other need be asked.
    tail, beyond = np.ones(len(ratio)), odd > chdtri(freedom, ODD) / freedom
    tail[beyond] = fdtrc(freedom, 2 / np.maximum(true[beyond], 2 / MOST), odd[beyond])
    return np.minimum(tail / ODD, 1.0)


def effective_classes(series: Sequence[Floats], scale: Floats) -> float:
    """Return how many independent classes the scatter of runs is worth: 1 if runs are good or bad at all alike.

    `series` holds run means, Float[J, C] of each independent series (see `independent_series`); they are centred,
    divided by `scale` and brought to one size first. The count is
    (trace S)**2 / trace S**2 with the normal-theory unbiased estimate of the latter (Bai & Saranadasa 1996), or the
    count that the scatter of the runs' totals implies, whichever is smaller.
    """
    rows = np.concatenate([_one_size((x - x.mean(axis=0)) / scale) for x in series if len(x) > 1])
    classes, freedom = rows.shape[1], sum(len(x) - 1 for x in series if len(x) > 1)
    trace = float(np.sum(rows**2)) / freedom
    if trace <= 0 or classes < 2:
        return 1.0
    alike = max(float(np.sum(rows.sum(axis=1) ** 2)) / freedom / trace, 1.0)
    square = trace**2 / classes if freedom < 2 else trace_of_square(rows @ rows.T / freedom, freedom)
    # A single difference of two runs shows no structure but a common sign: count half.
    most = classes / 2 if freedom < 2 else classes
    return float(np.clip(min(trace**2 / max(square, trace**2 / classes), classes / alike), 1.0, max(most, 1.0)))


def independent_series(series: Sequence[Floats], *, paired: bool) -> list[Floats]:
    """Return series of runs that do not share seeds: both arms, or the differences of paired arms.

    Two paired runs have a single difference, which shows no structure; their sum is a second, nearly independent one.
    """
    if not paired:
        return list(series)
    base, arm = series
    return [arm - base] if len(base) > 2 else [arm - base, arm + base]


def _one_size(rows: Floats) -> Floats:
    size = float(np.sum(rows**2)) / max(len(rows) - 1, 1)
    return rows / np.sqrt(size) if size > 0 else rows


def trace_of_square(gram: Floats, freedom: int) -> float:
    """Estimate trace(Sigma**2) without bias from the Gram matrix of centred rows / freedom (Bai & Saranadasa 1996).

    With one degree of freedom that is impossible, and the upper end, (trace S)**2, is returned.
    """
    trace, square = float(np.trace(gram)), float(np.sum(gram**2))
    if freedom < 2:
        return square
    return max(freedom**2 / ((freedom - 1) * (freedom + 2)) * (square - trace**2 / freedom), 0.0)
