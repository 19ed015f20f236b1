"""How unequal are classes? Each measure with an interval, and without what noise adds.

Accuracies that are measured scatter more than true ones, so every measure of dispersion, computed as it stands, is too
large, and every worst class too bad. Here values are at the estimated mean and standard deviation of true accuracies
(tau), so that they agree with one another; only the shape is drawn from the posterior of each class. Intervals do not
rest on that shape: they hold whatever the true accuracies are (`bounds`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats import bounds
from barnspider.stats.crossed import Arm as Counts
from barnspider.stats.crossed import ByClass, Contrast, combine, single
from barnspider.stats.heterogeneity import Scatter, class_dependence, scatter, shrink
from barnspider.stats.intervals import Over, Spread, share_interval, spread
from barnspider.stats.multiplicity import simultaneous_level

Floats = NDArray[np.float64]

CELLS = 500_000
"""Normals that are drawn for one arm: draws times classes. With many classes a single draw tells much of the shape."""

LEVELS = 2000
"""Confidence levels at which the limits of mean and standard deviation are combined."""


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

SHARES = {"worst tenth": 0.1, "worst twentieth": 0.05}


@dataclass(frozen=True)
class Measured:
    """One measure: corrected for noise and selection, with its interval, and as it stands ("naive").

    NaN is "cannot tell": no class, or too few with two images.
    """

    value: float
    low: float
    high: float
    naive: float


@dataclass(frozen=True, eq=False)
class Arm:
    """What is known of one arm's true accuracies, for measures of inequality. Classes without images are left out.

    Attributes
    ----------
    contrast, spread : of accuracies, with `over` and `level`
    mean, error, df : the average over classes, its standard error and degrees of freedom
    scatter : of accuracies; None where it cannot be told
    centre, doubt : Float[C], posterior of each class
    folds : from parts of the answers that have neither image nor run in common, how classes rank in one of them, and
        their accuracies in another: Int[C] and Float[C]
    """

    contrast: Contrast
    spread: Spread
    over: Over
    level: float
    mean: float
    error: float
    df: float
    scatter: Scatter | None
    centre: Floats
    doubt: Floats
    folds: bounds.Folds

    @classmethod
    def of(cls, counts: Counts, layout: ByClass, over: Over, level: float) -> Arm:
        """Collect it from an arm's counts; there is a class with images."""
        c = single(counts, layout)
        some = c.n > 0
        c = c if some.all() else _present(c, some)
        whole, own = combine(c, np.full(len(c.n), 1 / len(c.n))), spread(c, over, level)
        s, known = spread(whole, over, level), shrink(c.estimate, own.variance)
        error, df, mean = float(np.sqrt(s.variance[0])), float(s.df[0]), float(whole.estimate[0])
        folds = bounds.folds(counts, layout, over)
        return cls(c, own, over, level, mean, error, df, scatter(c, over), known.mean, known.sd, folds)

    @property
    def classes(self) -> int:
        """How many classes have images."""
        return len(self.centre)

    @property
    def observed(self) -> Floats:
        """Accuracies of the classes that have images."""
        return self.contrast.estimate

    @cached_property
    def harmonic(self) -> tuple[float, Floats]:
        """The harmonic mean of true accuracies, and its slope in each class's accuracy."""
        return bounds.harmonic(self.contrast, self.spread)

    def shapes(self) -> NDArray[np.float32]:
        """Draw true accuracies, Float[D, C], in increasing order, brought to mean 0 and standard deviation 1.

        They are the same whatever the order of the classes, and for arms with the same answers.
        """
        order = np.lexsort((self.doubt, self.centre))
        unit = _normals(self.classes) * self.doubt[order].astype(np.float32)
        unit += self.centre[order].astype(np.float32)
        unit.sort(axis=1)
        unit -= unit.mean(axis=1, keepdims=True)
        unit /= np.maximum(np.sqrt(np.mean(unit**2, axis=1, keepdims=True)), np.float32(1e-6))
        return unit

    def sd_at(self, chance: Floats) -> Floats:
        """Return confidence limits of the standard deviation of these very classes."""
        assert self.scatter is not None
        return np.sqrt(1 - 1 / self.classes) * self.scatter.tau_at(chance)

    @property
    def sd(self) -> float:
        """The estimated standard deviation over these very classes."""
        assert self.scatter is not None
        excess = self.scatter.observed - self.scatter.noise.total
        return float(np.sqrt(1 - 1 / self.classes) * self.scatter.to_tau(excess))


@lru_cache(maxsize=1)
def _normals(classes: int) -> NDArray[np.float32]:
    draws = int(np.clip(CELLS // classes, 64, 2000))
    return np.random.default_rng(0).standard_normal((draws, classes), dtype=np.float32)


def _evenly(seed: int) -> Floats:
    """Return probabilities, evenly spaced between 0 and 1, shuffled."""
    return np.random.default_rng(seed).permutation((np.arange(LEVELS) + 0.5) / LEVELS)


def measure(arm: Arm) -> dict[str, Measured]:
    """Return every measure of one arm, with its interval.

    sd is `class_dependence` of accuracies; the worst class has the smallest ends of simultaneous intervals (Sidak
    1967), which are wide. The value of each is at the estimated mean and standard deviation, so that they agree.
    """
    naive = {name: float(f(arm.observed)) for name, f in MEASURES.items()}
    if arm.classes == 1:
        return _one_class(arm, naive)
    if arm.scatter is None:
        return {name: Measured(np.nan, np.nan, np.nan, x) for name, x in naive.items()} | _worst(arm, np.nan)
    value = point(arm)
    out = {name: _between(*ends, naive[name]) for name, ends in _levels(arm, value).items()}
    whole = class_dependence(arm.contrast, arm.over, arm.level)
    low, high = (float(np.sqrt(1 - 1 / arm.classes) * x) for x in (whole.low, whole.high))
    out |= {"sd": _between(arm.sd, low, min(high, 0.5), naive["sd"])} | _worst(arm, value["worst class"])
    # A tenth of ten classes is one class.
    one = [name for name, share in SHARES.items() if share * arm.classes <= 1]
    return {name: out["worst class" if name in one else name] for name in MEASURES}


def point(arm: Arm) -> dict[str, float]:
    """Return the worst shares, the worst class and Gini, at the estimated mean and standard deviation.

    Only the shape of true accuracies is drawn from the posterior: medians over draws.
    """
    unit, n = arm.shapes(), arm.classes
    weight = [*(_worst_weight(n, share) for share in SHARES.values()), np.eye(1, n)[0], _rank_weight(n)]
    *worst, spaced = np.median(np.einsum("dc,kc->dk", unit, np.array(weight, dtype=np.float32)), axis=0)
    found = {name: arm.mean + arm.sd * x for name, x in zip((*SHARES, "worst class"), worst, strict=True)}
    found["gini"] = -arm.sd * spaced / max(arm.mean, 1e-12)
    return {name: float(np.clip(x, 0, 1)) for name, x in found.items()}


def _worst_weight(classes: int, share: float) -> Floats:
    weight = np.clip(share * classes - np.arange(classes), 0, 1)
    return weight / weight.sum()


def _rank_weight(classes: int) -> Floats:
    """Return what accuracies in increasing order count in the Gini coefficient times the mean, with a minus sign."""
    return (classes - 1 - 2.0 * np.arange(classes)) / classes**2


def _levels(arm: Arm, value: dict[str, float]) -> dict[str, tuple[float, float, float]]:
    """Return value, low and high of the measures that need no prior for the shape of true accuracies."""
    c, order = arm.contrast, bounds.rank(arm.observed)
    mean, sd, tail = *_mean_and_sd(arm), (1 - arm.level) / 2
    top = float(np.quantile(mean, 1 - tail))
    out: dict[str, tuple[float, float, float]] = {}
    for name, share in SHARES.items():
        weight = _worst_weight(arm.classes, share)
        low, high = bounds.between(c, order, arm.folds, arm.over, arm.level, weight)
        # No classes of this mean and standard deviation have a worse share (Cantelli's inequality).
        part = max(share, 1 / arm.classes)
        low = max(low, float(np.quantile(mean - sd * np.sqrt((1 - part) / part), tail / 4)), 0.0)
        out[name] = (value[name], low, min(high, top) if not np.isfinite(high) else min(high, 1.0))
    spaced = _rank_weight(arm.classes)
    ends = bounds.between(c, order, arm.folds, arm.over, arm.level, spaced, share_of_mean=True)
    out["gini"] = (value["gini"], max(-ends[1], 0.0), min(-ends[0], 1.0))
    middle, slope = arm.harmonic
    half = bounds.half_width(c, slope, arm.over, arm.level)
    out["harmonic mean"] = (middle, max(middle - half, 0.0), min(middle + half, 1.0))
    return out


def _present(c: Contrast, some: NDArray[np.bool_]) -> Contrast:
    """Leave out classes without images."""
    parts = tuple(replace(x, between=x.between[some], within=x.within[some], means=x.means[:, some]) for x in c.parts)
    per_class = {name: getattr(c, name)[some] for name in ("n", "estimate", "image_var", "binomial", "unseen")}
    return replace(c, **per_class, parts=parts, series=tuple(x[:, some] for x in c.series))


def _mean_and_sd(arm: Arm) -> tuple[Floats, Floats]:
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    mean = np.clip(arm.mean + arm.error * stdtrit(arm.df, _evenly(1)), 0, 1)
    return mean, arm.sd_at(_evenly(2))


def _between(value: float, low: float, high: float, naive: float) -> Measured:
    """Bring the value into its interval."""
    return Measured(float(np.clip(value, low, high)), low, high, naive)


def _one_class(arm: Arm, naive: dict[str, float]) -> dict[str, Measured]:
    """With one class every mean and every worst is its accuracy, and nothing can be said of inequality."""
    own = replace(_worst(arm, arm.mean)["worst class"], value=arm.mean)
    nothing = Measured(np.nan, np.nan, np.nan, 0.0)
    return {name: nothing if name in ("sd", "gini") else own for name in naive}


def _worst(arm: Arm, value: float) -> dict[str, Measured]:
    at = simultaneous_level(arm.level, arm.classes)
    low, high = (float(x.min()) for x in share_interval(arm.observed, arm.contrast, arm.spread, at))
    value = value if np.isfinite(value) else float(np.min(arm.centre))
    return {"worst class": Measured(float(np.clip(value, low, high)), low, high, float(arm.observed.min()))}


Levels = dict[str, Measured]


def measure_change(base: Arm, arm: Arm, moved: Contrast, levels: tuple[Levels, Levels]) -> Levels:
    """Return the change of every measure: the difference of the levels, with an interval made of both of theirs.

    The distances to their limits are added in quadrature (MOVER: Zou & Donner 2008), as if arms erred independently:
    images that both share make them err alike, which is on the safe side. For sd, how much they err alike is known, and
    taken off; for the harmonic mean, and with a single class, the contrast between the arms gives the interval.
    """
    out: dict[str, Measured] = {}
    for name, f in MEASURES.items():
        first, second = (x[name] for x in levels)
        value, naive = second.value - first.value, float(f(arm.observed) - f(base.observed))
        if not np.isfinite(value):
            out[name] = Measured(np.nan, np.nan, np.nan, naive)
            continue
        if arm.classes == 1:
            down = up = bounds.half_width(moved, np.ones(1), arm.over, arm.level)
        elif name == "harmonic mean":
            slopes = base.harmonic[1], arm.harmonic[1]
            down = up = bounds.harmonic_change(base.contrast, arm.contrast, moved, slopes, arm.over, arm.level)
        else:
            alike = _sums_alike(base, arm, moved, min(first.low, second.low)) if name == "sd" else 0.0
            down = _quadrature(second.value - second.low, first.high - first.value, alike)
            up = _quadrature(second.high - second.value, first.value - first.low, alike)
        out[name] = Measured(value, max(value - down, -1.0), min(value + up, 1.0), naive)
    return out


def _quadrature(first: float, second: float, alike: float) -> float:
    return float(np.sqrt(max(first**2 + second**2 - 2 * alike * first * second, 0.0)))


def _sums_alike(base: Arm, arm: Arm, moved: Contrast, low: float) -> float:
    """Return how the errors of two sums of squares correlate, by the moments of normal errors; never too much.

    Where a standard deviation may be 0 its distance to 0 says nothing of its error: then it is -1, the widest.

    With noise (co)variances v and true ones t, the covariance of sums of squares is 2 v**2 + 4 t v for each class.
    """
    first, second, change = base.scatter, arm.scatter, scatter(moved, arm.over)
    if low <= 0 or first is None or second is None or change is None:
        return -1.0
    v00, v11, vdd = first.noise.total, second.noise.total, change.noise.total
    v01 = float(np.clip((v00 + v11 - vdd) / 2, 0, np.sqrt(v00 * v11)))
    t00, t11, tdd = (max(s.observed - s.noise.total, 0.0) for s in (first, second, change))
    t01 = float(np.clip((t00 + t11 - tdd) / 2, 0, np.sqrt(t00 * t11)))
    size = np.sqrt((2 * v00**2 + 4 * t00 * v00) * (2 * v11**2 + 4 * t11 * v11))
    return float((2 * v01**2 + 4 * t01 * v01) / size * (1 - 2 / (base.classes + 1))) if size > 0 else 0.0
