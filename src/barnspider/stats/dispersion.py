"""How unequal are classes? Each measure with an interval, and without what noise adds.

Accuracies that are measured scatter more than true ones, so every measure of dispersion, computed as it stands, is too
large, and every worst class too bad. Here each is computed on draws from the posterior of the true accuracies
(normal, shrunken towards their mean), whose scatter is that of the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast, combine
from barnspider.stats.heterogeneity import class_dependence, shrink
from barnspider.stats.intervals import Over, share_interval, spread
from barnspider.stats.multiplicity import quantile, simultaneous_level
from barnspider.stats.selection import expected_minimum

Floats = NDArray[np.float64]

DRAWS = 500


def gini(x: Floats) -> Floats:
    """Return the Gini coefficient over the last axis: mean absolute difference over twice the mean (Gini 1912).

    Examples
    --------
    >>> round(float(gini(np.array([0.0, 1.0]))), 3)
    0.5
    """
    ordered, n = np.sort(x, axis=-1), x.shape[-1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    total = ordered.sum(axis=-1)
    return np.where(total > 0, (ordered @ rank) / (n * np.where(total > 0, total, 1.0)), 0.0)


def worst_share(x: Floats, share: float = 0.1) -> Floats:
    """Return the mean over the worst `share` of classes (conditional value at risk; Rockafellar & Uryasev 2000).

    A class that the share cuts counts by the part that is in it, so the measure is continuous.

    Examples
    --------
    >>> round(float(worst_share(np.arange(10.0), 0.15)), 3)
    0.333
    """
    ordered, n = np.sort(x, axis=-1), x.shape[-1]
    weight = np.clip(share * n - np.arange(n), 0, 1)
    return ordered @ weight / weight.sum()


def harmonic(x: Floats) -> Floats:
    """Return the harmonic mean over the last axis; 0 where a class has accuracy 0."""
    safe = np.maximum(x, 1e-12)
    return x.shape[-1] / np.sum(1 / safe, axis=-1)


def population_sd(x: Floats) -> Floats:
    """Return the standard deviation over the last axis, of these very classes (divided by C)."""
    return x.std(axis=-1)


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "sd": population_sd,
    "gini": gini,
    "worst tenth": worst_share,
    "worst twentieth": lambda x: worst_share(x, 0.05),
    "harmonic mean": harmonic,
    "worst class": lambda x: x.min(axis=-1),
}
"""Every measure, by name; of Float[..., C], over the last axis. Bad is large for sd and gini, small for the others."""


@dataclass(frozen=True)
class Measured:
    """One measure: corrected for noise and selection, with its interval, and as it stands ("naive")."""

    value: float
    low: float
    high: float
    naive: float


def posterior_draws(mean: Floats, sd: Floats, low: float = 0.0, high: float = 1.0) -> Floats:
    """Return Float[DRAWS, C]: normal draws within bounds, the same whatever the order of the classes."""
    order = np.lexsort((sd, mean))
    draws = np.empty((DRAWS, len(mean)))
    draws[:, order] = mean[order] + sd[order] * _normals(len(mean))
    return np.clip(draws, low, high)


@lru_cache(maxsize=1)
def _normals(classes: int) -> Floats:
    return np.random.default_rng(0).standard_normal((DRAWS, classes))


def measure(draws: Floats, observed: Floats, level: float) -> dict[str, Measured]:
    """Compute every measure on draws Float[D, C], beside the naive one on observed accuracies Float[C]."""
    tail = (1 - level) / 2
    out: dict[str, Measured] = {}
    for name, f in MEASURES.items():
        values = f(draws)
        low, high = np.quantile(values, [tail, 1 - tail])
        out[name] = Measured(float(values.mean()), float(low), float(high), float(f(observed)))
    return out


def exact_measures(c: Contrast, over: Over, level: float) -> dict[str, Measured]:
    """Return the measures that need no prior: their intervals hold whatever the true accuracies are.

    sd: `class_dependence` of accuracies. Harmonic mean: the delta method, its bias to second order taken out; only
    where no class has accuracy 0. Worst class: the smallest ends of simultaneous intervals (Sidak 1967), which is
    wide, around the minimum's posterior mean.
    """
    some = c.n > 0
    p, s = c.estimate[some], spread(c, over, level)
    spread_of = class_dependence(c, over, level)
    shorten = np.sqrt((len(p) - 1) / len(p))
    out: dict[str, Measured] = {}
    if int((c.n > 1).sum()) > 1:
        tau, low, high = (float(shorten * x) for x in (spread_of.tau, spread_of.low, spread_of.high))
        out["sd"] = Measured(tau, low, high, float(population_sd(p)))
    if len(p) and p.min() > 0:
        out["harmonic mean"] = _harmonic(c, p, s.variance[some], over, level)
    if len(p):
        ends = share_interval(c.estimate, c, s, simultaneous_level(level, len(p)))
        low, high = (float(x[some].min()) for x in ends)
        known = shrink(p, s.variance[some])
        value = expected_minimum(known.mean, known.sd, level)[0]
        out["worst class"] = Measured(float(np.clip(value, low, high)), low, high, float(p.min()))
    return out


def _harmonic(c: Contrast, p: Floats, variance: Floats, over: Over, level: float) -> Measured:
    naive = float(harmonic(p))
    inverse = 1 / p - variance / p**3
    value = len(p) / float(inverse.sum()) if inverse.sum() > 0 else naive
    slope = np.zeros(len(c.n))
    slope[c.n > 0] = naive**2 / len(p) / p**2
    s = spread(combine(c, slope), over, level)
    half = float(np.sqrt(s.variance[0]) * quantile(s.df, level)[0])
    return Measured(value, max(value - half, 0.0), min(value + half, 1.0), naive)


def measure_change(before: Floats, after: Floats, observed: tuple[Floats, Floats], level: float) -> dict[str, Measured]:
    """Compute the change of every measure between draws Float[D, C] of two arms."""
    tail = (1 - level) / 2
    out: dict[str, Measured] = {}
    for name, f in MEASURES.items():
        values = f(after) - f(before)
        low, high = np.quantile(values, [tail, 1 - tail])
        naive = float(f(observed[1]) - f(observed[0]))
        out[name] = Measured(float(values.mean()), float(low), float(high), naive)
    return out
