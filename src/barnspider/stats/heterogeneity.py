"""Is the effect class-dependent at all? The spread of true effects, and what it says about each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast, RunPart
from barnspider.stats.intervals import Over

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """What chance alone adds to the sum of squares of class effects about their mean.

    Attributes
    ----------
    total : its expectation
    df : of the scaled chi-square that it follows (Satterthwaite: total**2 / trace of the squared covariance)
    known_df : degrees of freedom with which `total` itself was estimated
    """

    total: float
    df: float
    known_df: float


@dataclass(frozen=True)
class Dependence:
    """Class dependence: the standard deviation of true effects over classes, its interval, p of "all alike"."""

    tau: float
    low: float
    high: float
    p: float


NOTHING = Dependence(0.0, 0.0, float("inf"), 1.0)
"""What can be said with fewer than two classes: nothing."""


def class_dependence(c: Contrast, over: Over, level: float) -> Dependence:
    """Estimate tau, the standard deviation of the true effects of these very classes.

    Observed effects scatter about their mean by tau and by chance; what chance adds is known without bias from the
    variance components (of effects *about their mean*: what runs do to all classes alike cancels), so tau**2 is
    the difference (Cochran 1954; Hedges & Olkin 1985). The interval inverts the noncentral F of the ratio: it
    holds for fixed classes, not for classes drawn from a population, and reaches 0 when p > (1 - level) / 2.
    Classes with fewer than two images are left out.
    """
    use = c.n > 1
    classes = int(use.sum())
    if classes < 2:
        return NOTHING
    effect = c.estimate[use]
    observed = float(np.sum((effect - effect.mean()) ** 2))
    noise = _noise(c, use, over)
    return _invert(observed, noise, classes, level)


def _noise(c: Contrast, use: NDArray[np.bool_], over: Over) -> Noise:
    n, classes = c.n[use].astype(np.float64), int(use.sum())
    share = 1 - 1 / classes
    image = np.zeros(classes) if over == "runs" else c.image_var[use] / n
    total, square = share * float(image.sum()), float(np.sum(image**2))
    doubt = float(np.sum(2 * image**2 / (n - 1)))
    for part in () if over == "images" else c.parts:
        within = np.zeros(classes) if over == "runs" else part.within[use]
        trace, cross, spread = _run_noise(part, use, within, share)
        # Image noise is independent between classes, run noise need not be: squares add with its cross terms.
        square += cross + 2 * max(trace, 0.0) / classes * float(image.sum())
        total, doubt = total + trace, doubt + spread
    # Without a single wrong answer there is still chance: one image's worth of it, spread over the classes.
    floor = share * float(np.sum(c.binomial[use] / n**2)) / classes
    total = max(total, floor)
    df = min(total**2 / square, classes - 1.0) if square > 0 else classes - 1.0
    return Noise(total, max(df, 1.0), max(2 * total**2 / doubt, 1.0) if doubt > 0 else classes - 1.0)


def _run_noise(part: RunPart, use: NDArray[np.bool_], within: Floats, share: float) -> tuple[float, float, float]:
    """Return trace of the run covariance of centred class means, trace of its square, variance of the trace."""
    freedom = part.runs - 1
    centred = part.means[:, use] - part.means[:, use].mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=0)
    gram = centred @ centred.T / freedom
    trace, square = float(np.trace(gram)), float(np.sum(gram**2))
    # Normal-theory unbiased estimate of the trace of the squared covariance (Bai & Saranadasa 1996).
    if freedom > 1:
        square = max(freedom**2 / ((freedom - 1) * (freedom + 2)) * (square - trace**2 / freedom), 0.0)
    square = max(square, trace**2 / centred.shape[1])
    own = trace - share * float(within.sum())
    return own / part.runs, square / part.runs**2, 2 * square / freedom / part.runs**2


def _invert(observed: float, noise: Noise, classes: int, level: float) -> Dependence:
    from scipy.special import fdtrc  # importing scipy costs 0.1 s; only numbers need it

    unit = noise.total / noise.df

    def exceed(excess: float) -> float:
        """Return P(ratio >= observed) when the true effects' sum of squares is `excess` (Patnaik 1949)."""
        noncentral = excess / unit
        df = (noise.df + noncentral) ** 2 / (noise.df + 2 * noncentral)
        return float(fdtrc(df, noise.known_df, observed / (noise.total + excess)))

    def to_tau(excess: float) -> float:
        return float(np.sqrt(max(excess, 0.0) / (classes - 1)))

    tail = (1 - level) / 2
    most = float(classes)
    low = _solve(lambda x: exceed(x) - tail, most)
    high = _solve(lambda x: exceed(x) - (1 - tail), most)
    tau = to_tau(observed - noise.total)
    return Dependence(tau, min(to_tau(low), tau), max(to_tau(high), tau), exceed(0.0))


def _solve(rising: Callable[[float], float], most: float) -> float:
    """Return the root of a rising function on [0, most], or the end that is nearest to it."""
    low, high = 0.0, most
    if rising(low) >= 0:
        return low
    for _ in range(60):
        mid = (low + high) / 2
        low, high = (mid, high) if rising(mid) < 0 else (low, mid)
    return high


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Posterior of each class's true effect: mean, standard deviation and P(effect < 0). Float[C] each."""

    mean: Floats
    sd: Floats
    prob_harm: Floats


def shrink(effect: Floats, variance: Floats, tau: float) -> Shrunk:
    """Draw effects towards their mean as far as their noise makes them untrustworthy (Efron & Morris 1975).

    True effects are taken as normal with standard deviation `tau` about a mean that is estimated with weights
    1 / (tau**2 + variance); its own uncertainty is part of `sd`. A class without evidence (NaN) gets the mean.
    """
    from scipy.special import ndtr

    known = np.isfinite(effect) & np.isfinite(variance)
    if not known.any():
        nothing = np.full(effect.shape, np.nan)
        return Shrunk(nothing, nothing, nothing)
    noise = np.where(known, variance, np.inf)
    weight = np.where(known, 1 / (tau**2 + np.where(known, variance, 1.0)), 0.0)
    centre = float(np.sum(weight * np.where(known, effect, 0.0)) / weight.sum())
    trust = tau**2 * weight
    mean = centre + trust * (np.where(known, effect, centre) - centre)
    own = np.where(known, trust * np.where(known, noise, 0.0), tau**2)
    sd = np.sqrt(own + (1 - trust) ** 2 / weight.sum())
    return Shrunk(mean, sd, ndtr(-mean / sd))
