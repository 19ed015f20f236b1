"""How unequal are classes? Each measure with an interval, and without what noise adds.

Accuracies that are measured scatter more than true ones, so every measure of dispersion, computed as it stands, is too
large, and every worst class too bad. Here each is computed on draws from the posterior of the true accuracies
(normal, shrunken towards their mean), whose scatter is that of the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 1000


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
    rng = np.random.default_rng(0)
    order = np.lexsort((sd, mean))
    draws = np.empty((DRAWS, len(mean)))
    draws[:, order] = mean[order] + sd[order] * rng.standard_normal((DRAWS, len(mean)))
    return np.clip(draws, low, high)


def measure(draws: Floats, observed: Floats, level: float) -> dict[str, Measured]:
    """Compute every measure on draws Float[D, C], beside the naive one on observed accuracies Float[C]."""
    tail = (1 - level) / 2
    out: dict[str, Measured] = {}
    for name, f in MEASURES.items():
        values = f(draws)
        low, high = np.quantile(values, [tail, 1 - tail])
        out[name] = Measured(float(values.mean()), float(low), float(high), float(f(observed)))
    return out


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
