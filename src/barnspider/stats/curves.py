"""Curves over doses: a Gaussian process for each class, with the scatter that was measured.

Some smoothnesses and amplitudes are tried. How common each is, is learnt from all classes, and each class weighs them
by its own likelihood: a class with few images borrows what curves look like, though not where it peaks, and what is not
known of its smoothness widens its interval (Rasmussen & Williams 2006, eq. 5.8; Kass & Steffey 1989). Variances that
few runs tell make a Student's t of a normal. Eight doses of three paired runs find peaks as well as eight doses of ten
with "argmax of the means".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.ladder import Scatter
from barnspider.stats.parallel import each
from barnspider.stats.smooth import GRID, Ladder, Posterior, basis, posterior, priors

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

BLOCKS, DRAWS = 4, 125
"""Blocks of curves that are drawn from the posterior of a class, for the intervals of its peak and of its loss: so
small that BLAS uses one thread for each product. Many small products on many threads wait for one another, on a busy
machine a hundred times longer than they compute."""

TOGETHER = 32
"""Classes whose draws are held at once: so few that they stay in the processor's cache."""

SURE = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0, 40.0, 100.0, 1e9)
"""Degrees of freedom that draws are made for; those of a class are rounded down."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Fitted curves of C classes.

    Attributes
    ----------
    dose : Float[G]
        From the smallest to the largest dose, evenly between any two that were tried.
    mean, low, high : Float[G, C]
        Accuracy and its pointwise interval.
    change, change_low, change_high : Float[G, C]
        Change from the curve's value at the baseline, and its pointwise interval: exactly 0 at the baseline's dose.
    peak, peak_low, peak_high : Float[C]
        The dose where the curve is highest: median of draws from the posterior, and doses that were tried, below and
        above, between which it is.
    lost, lost_low, lost_high : Float[C]
        The smallest dose from which the class has lost `delta` against the first dose; infinite where it never has.
    delta : float
    """

    dose: Floats
    mean: Floats
    low: Floats
    high: Floats
    change: Floats
    change_low: Floats
    change_high: Floats
    peak: Floats
    peak_low: Floats
    peak_high: Floats
    lost: Floats
    lost_low: Floats
    lost_high: Floats
    delta: float


def fit(
    dose: Floats, accuracy: Floats, scatter: Scatter, *, delta: float, level: float, baseline: int | None = None
) -> Curves:
    """Fit all classes' curves.

    Parameters
    ----------
    dose : Float[K]
        Distinct, at least three; NaN for a baseline that is no dose.
    accuracy : Float[K, C]
    scatter
        How the accuracies stray from the curve.
    delta
        A loss, as a proportion.
    baseline
        Which of the K changes are from; by default the smallest dose.

    Examples
    --------
    >>> x = np.linspace(0, 1, 6)
    >>> y = (0.8 - (x - 0.4) ** 2)[:, None]
    >>> curves = fit(x, y, Scatter.known(np.full((6, 1), 1e-6)), delta=0.05, level=0.95)
    >>> curves.peak.round(1).tolist()
    [0.4]
    """
    ladder = Ladder.of(dose, accuracy, scatter, baseline)
    known = ladder.known()
    lines, marks = np.full((6, GRID, len(ladder.y)), np.nan), np.full((6, len(ladder.y)), np.nan)
    tried, weights = priors(ladder, known)
    functions = {k: basis(ladder, tried[k]) for k in np.flatnonzero(weights.any(axis=0)).tolist()}

    def fill(some: Places) -> None:
        rows = known[some]
        found = _Sum.of(ladder, rows, functions, weights[some], delta)
        lines[:, :, rows], marks[:, rows] = found.lines(level), found.marks(ladder.grid, level)

    order = np.argsort(weights.argmax(axis=1), kind="stable") if len(known) else known
    each(fill, [order[start : start + TOGETHER] for start in range(0, len(order), TOGETHER)])
    marks[1:3] = _rungs(ladder.dose, marks[1:3])
    return Curves(ladder.grid, *lines, *marks, delta=delta)


@dataclass(frozen=True, eq=False)
class _Sum:
    """What all priors say of c classes, each by its weight.

    Attributes
    ----------
    mean, square, doubt : Float[2, c, G]
        Of the accuracy and of the change: mean, mean square, and squared variances over degrees of freedom.
    peaks, losses : Float[c, GRID + 1]
        How often draws have their peak and their first loss there; last, never.
    """

    mean: Floats
    square: Floats
    doubt: Floats
    peaks: Floats
    losses: Floats

    @classmethod
    def of(cls, ladder: Ladder, rows: Places, functions: dict[int, Floats], weights: Floats, delta: float) -> _Sum:
        """Add up over priors."""
        moments, tallies = np.zeros((3, 2, len(rows), GRID)), np.zeros((2, len(rows), GRID + 1))
        for k, made in functions.items():
            some = np.flatnonzero(weights[:, k])
            if len(some):
                curve, weight = posterior(ladder, rows[some], made), weights[some, k]
                told = _moments(ladder, rows[some], curve)
                moments[:, :, some] += weight[:, None] * told
                df = _freedom(told[1, 1] - told[0, 1] ** 2, told[2, 1])
                tallies[:, some] += weight[:, None] * _tallies(curve, np.median(df, axis=1), weight, delta)
        return cls(*moments, *tallies)

    def lines(self, level: float) -> Floats:
        """Return mean, low and high of the accuracy and of the change: Float[6, G, c]."""
        from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

        variance = np.maximum(self.square - self.mean**2, 0)
        half = stdtrit(_freedom(variance, self.doubt), (1 + level) / 2) * np.sqrt(variance)
        least = np.array([0.0, -1.0])[:, None, None]
        lines = [self.mean, np.maximum(self.mean - half, least), np.minimum(self.mean + half, 1)]
        return np.array(lines).transpose(1, 0, 3, 2).reshape(6, GRID, -1)

    def marks(self, grid: Floats, level: float) -> Floats:
        """Return the peak and its interval, the first loss and its interval: Float[6, c]; medians and limits."""
        places = np.append(grid, np.inf)
        return np.concatenate([_limits(places, tally, level) for tally in (self.peaks, self.losses)])


def _moments(ladder: Ladder, rows: Places, curve: Posterior) -> Floats:
    """Return mean, mean square and doubt of the accuracy and of the change: Float[3, 2, c, G]."""
    s = ladder.scatter
    own, df, size = s.own.T[rows, None], s.df.T[rows, None], np.sqrt(s.drift.T[rows, None])
    shared, shared_doubt = s.shared[rows, None], (s.shared**2 / s.shared_df)[rows, None]
    out = np.empty((3, 2, len(rows), GRID))
    for k, part in enumerate((curve, curve.changes())):
        mean, root, gain = (x[:, :-1] for x in (part.mean, part.root, part.gain))
        walked = np.sum(((gain * size) @ ladder.walk) ** 2, axis=2)
        doubt = np.sum((gain**2 * own) ** 2 / df, axis=2) + walked**2 / df.mean(axis=2)
        variance = np.sum(root**2, axis=2)
        if k == 0:
            variance, doubt = variance + shared, doubt + shared_doubt
        out[:, k] = mean, variance + mean**2, doubt
    return out


def _freedom(variance: Floats, doubt: Floats) -> Floats:
    """Return Satterthwaite's degrees of freedom: of a variance, only what was estimated is in doubt."""
    return np.clip(variance**2 / np.maximum(doubt, 1e-300), 1.0, 1e9)


def _tallies(curve: Posterior, df: Floats, weight: Floats, delta: float) -> Floats:
    """Return the shares of draws that have their peak, and their first loss, at each place: Float[2, c, GRID + 1]."""
    out = np.empty((2, len(df), GRID + 1))
    blocks = np.ceil(BLOCKS * weight).astype(int)
    which = np.searchsorted(SURE, df, side="right") - 1
    for count in np.unique(blocks).tolist():
        some = np.flatnonzero(blocks == count)
        root = curve.root[some, None, :-1].astype(np.float32)
        normal, stretch = _drawn(curve.root.shape[2])
        draws = root @ normal[:count] * stretch[which[some], :count, None]
        draws += curve.mean[some, None, :-1, None].astype(np.float32)
        out[0, some] = _shares(_first(draws == draws.max(axis=2, keepdims=True)))
        out[1, some] = _shares(_first(draws <= draws[:, :, :1] - np.float32(delta)))
    return out


@cache
def _drawn(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw weights of so many functions, Float[BLOCKS, size, DRAWS], and what makes t of normals, by `SURE`."""
    from scipy.special import chdtri  # importing scipy costs 0.1 s; only numbers need it

    rng = np.random.default_rng(0)
    normal, tail = rng.standard_normal((BLOCKS, size, DRAWS), dtype=np.float32), rng.random((BLOCKS, DRAWS))
    df = np.array(SURE)[:, None, None]
    return normal, np.sqrt(df / chdtri(df, tail)).astype(np.float32)


def _shares(place: NDArray[np.uint8]) -> Floats:
    """Count places on the grid, Int[c, B, D], by class: shares, Float[c, GRID + 1]."""
    flat = place.reshape(len(place), -1) + (GRID + 1) * np.arange(len(place))[:, None]
    return np.bincount(flat.ravel(), minlength=len(place) * (GRID + 1)).reshape(len(place), -1) / flat.shape[1]


def _rungs(dose: Floats, ends: Floats) -> Floats:
    """Return the interval of a peak, widened to doses that were tried: where between them a curve has its top, or a
    corner, nobody has seen. A curve that is highest where it was tried may have its top on either side of it.
    """
    near = 1e-6 * np.diff(dose).min()
    low, high = np.nan_to_num(ends, nan=dose[0])
    below = dose[np.maximum(np.searchsorted(dose, low - near, side="right") - 1, 0)]
    above = dose[np.minimum(np.searchsorted(dose, high + near, side="left"), len(dose) - 1)]
    return np.where(np.isnan(ends), np.nan, np.array([below, above]))


def _limits(places: Floats, tally: Floats, level: float) -> Floats:
    """Return the median and the limits of `level` of places that come up in these shares: Float[3, c]."""
    below, tail = np.cumsum(tally, axis=1), (1 - level) / 2
    ends = [np.argmax(below >= at * below[:, -1:], axis=1) for at in (0.5, tail, 1 - tail)]
    return places[np.array(ends)]


def _first(here: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the first place on the grid, of Bool[..., G, D], where it holds; G where it never does.

    Bytes in the order of memory: five times as fast as `argmax` along the grid.
    """
    places = here.shape[-2]
    ahead = np.arange(places, 0, -1, dtype=np.uint8)[:, None]
    return places - (here.view(np.uint8) * ahead).max(axis=-2)


def first_fall(doses: Floats, change: Floats, limit: float) -> Floats:
    """Return the dose at which each class first falls to a limit, by straight lines from 0 at dose 0.

    Parameters
    ----------
    doses, change : Float[D], rising and above 0; Float[D, C]
    limit : below 0

    Returns
    -------
    Float[C]
        Infinite where a class never falls so far, NaN where its change is not known.

    Examples
    --------
    >>> first_fall(np.array([1.0, 2.0]), np.array([[0.0, -0.2], [-0.1, -0.3]]), -0.05).tolist()
    [1.5, 0.25]
    """
    at, y = np.concatenate([[0.0], doses]), np.vstack([np.zeros(change.shape[1]), change])
    below = y <= limit
    k = np.maximum(below.argmax(axis=0), 1)
    c = np.arange(y.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        place = at[k - 1] + (at[k] - at[k - 1]) * (limit - y[k - 1, c]) / (y[k, c] - y[k - 1, c])
    return np.where(np.isnan(y).any(axis=0), np.nan, np.where(below.any(axis=0), place, np.inf))
