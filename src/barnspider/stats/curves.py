"""Curves over doses: a Gaussian process for each class, with the noise that was measured.

Classes share one smoothness and one amplitude, found by marginal likelihood (Rasmussen & Williams 2006, eq. 5.8), so
that a class with few images borrows what a curve looks like, though not where it peaks; a class that they do not fit
has its own. Eight doses of three paired runs then find peaks as well as eight doses of ten with "argmax of the means".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.parallel import each

Floats = NDArray[np.float64]

DRAWS = 500
"""Curves that are drawn from the posterior of a class, for the intervals of its peak and of its loss."""

BLOCKS = 4
"""Parts in which they are drawn."""

GRID = 101
"""Doses at which curves are drawn, evenly between the doses that were tried; draws use every other one."""

TOGETHER = 32
"""Classes whose draws are held at once: so few that they stay in the processor's cache."""

KNOTS = 25
"""Points that carry the prior: four in the shortest length scale, and few enough for BLAS to use one thread."""

ASKED = 256
"""Classes, at most, that tell how smooth curves are."""

LENGTHS = (0.15, 0.25, 0.4, 0.6, 1.0)
"""Length scales that are tried, as shares of the ladder of doses."""

SIZES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Amplitudes that are tried, in standard deviations of accuracies about their class's mean."""

ODD = 0.05
"""A class whose accuracies are less likely than this under the shared prior takes one of its own."""

CONSTANT = 1.0
"""Prior variance of a curve's level, which is as good as free."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Fitted curves of C classes.

    Attributes
    ----------
    dose : Float[G]
        From the smallest to the largest dose, evenly between any two that were tried.
    mean, low, high : Float[G, C]
        Accuracy and its pointwise interval.
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
    peak: Floats
    peak_low: Floats
    peak_high: Floats
    lost: Floats
    lost_low: Floats
    lost_high: Floats
    delta: float


def fit(dose: Floats, accuracy: Floats, noise: Floats, *, delta: float, level: float) -> Curves:
    """Fit all classes' curves.

    Parameters
    ----------
    dose : Float[K]
        Distinct, at least three.
    accuracy, noise : Float[K, C]
        Accuracy at each dose, and the variance of its scatter about the curve (images that all doses share do not
        scatter about the curve).
    delta
        A loss, as a proportion.

    Examples
    --------
    >>> x = np.linspace(0, 1, 6)
    >>> curves = fit(x, (0.8 - (x - 0.4) ** 2)[:, None], np.full((6, 1), 1e-6), delta=0.05, level=0.95)
    >>> curves.peak.round(1).tolist()
    [0.4]
    """
    order = np.argsort(dose)
    x, y, v = dose[order], accuracy[order], noise[order] + 1e-8
    even, fine = np.linspace(0, 1, len(x)), np.linspace(0, 1, GRID)
    grid = np.interp(fine, even, x)
    known = np.flatnonzero(np.all(np.isfinite(y) & np.isfinite(v), axis=0))
    out, marks = np.full((3, GRID, y.shape[1]), np.nan), np.full((6, y.shape[1]), np.nan)

    def fill(some: NDArray[np.intp], basis: Floats) -> None:
        mean, root = _posterior(basis[: len(x)], basis[len(x) :], y[:, some].T, v[:, some].T)
        half = _normal_quantile((1 + level) / 2) * np.sqrt(np.sum(root**2, axis=2))
        out[:, :, some] = mean.T, np.clip(mean - half, 0, 1).T, np.clip(mean + half, 0, 1).T
        marks[:, some] = _marks(grid, mean, root, delta, level)

    parts: list[tuple[NDArray[np.intp], Floats]] = []
    for prior, same in _priors(even, y[:, known].T, v[:, known].T):
        basis, alike = _basis(np.concatenate([even, fine]), *prior), known[same]
        parts += [(alike[start : start + TOGETHER], basis) for start in range(0, len(alike), TOGETHER)]
    each(lambda part: fill(*part), parts)
    marks[1:3] = _rungs(x, marks[1:3])
    return Curves(grid, *out, *marks, delta=delta)


def _basis(at: Floats, length: float, amplitude: float) -> Floats:
    """Return functions, Float[A, B], whose sums with standard normal weights have the prior's covariance.

    They are those of a few knots, carried on (Nystrom); what moves by less than a thousandth of the prior is left out.
    """
    knots = np.linspace(0, 1, KNOTS)
    value, vector = np.linalg.eigh(_kernel(knots, knots, length) * amplitude**2 + CONSTANT)
    keep = value > 1e-3 * amplitude**2
    return (_kernel(at, knots, length) * amplitude**2 + CONSTANT) @ (vector[:, keep] / np.sqrt(value[keep]))


def _posterior(seen: Floats, fine: Floats, y: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Return the mean Float[c, G] of c curves and a root Float[c, G, B] of their covariance: Bayesian regression.

    `seen` and `fine` are the basis at the doses and on the grid; `y` and `v` accuracies, Float[c, K], and variances.
    """
    level = y.mean(axis=1, keepdims=True)
    precision = np.eye(seen.shape[1]) + (seen.T / v[:, None, :]) @ seen
    inverse = np.linalg.inv(np.linalg.cholesky(precision))
    root = fine @ inverse.transpose(0, 2, 1)
    weight = inverse @ (((y - level) / v) @ seen)[:, :, None]
    return level + (root @ weight)[:, :, 0], root


def _marks(grid: Floats, mean: Floats, root: Floats, delta: float, level: float) -> Floats:
    """Return the peak and its interval, the first loss and its interval: Float[6, c]; medians and limits of draws."""
    # The mean is one more function, whose weight is 1.
    both = np.concatenate([root[:, ::2], mean[:, ::2, None]], axis=2, dtype=np.float32)
    draws, coarse = both[:, None] @ _weights(root.shape[2]), np.append(grid[::2], np.inf)
    peaks = _first(draws == draws.max(axis=2, keepdims=True))
    losses = _first(draws <= draws[:, :, :1] - np.float32(delta))
    return np.concatenate([_limits(coarse, place, level) for place in (peaks, losses)])


@cache
def _weights(size: int) -> NDArray[np.float32]:
    """Draw weights of so many functions, Float[B, size + 1, DRAWS / B]; the last weight is 1.

    In blocks so small that BLAS uses one thread for each product: many small products on many threads wait for one
    another, on a busy machine a hundred times longer than they compute.
    """
    drawn = np.random.default_rng(0).standard_normal((BLOCKS, size + 1, DRAWS // BLOCKS), dtype=np.float32)
    drawn[:, -1] = 1
    return drawn


def _rungs(dose: Floats, ends: Floats) -> Floats:
    """Return the interval of a peak, widened to doses that were tried: where between them a curve has its top, or a
    corner, nobody has seen.
    """
    low, high = np.nan_to_num(ends, nan=dose[0])
    below = dose[np.searchsorted(dose, low, side="right") - 1]
    above = dose[np.searchsorted(dose, high, side="left")]
    return np.where(np.isnan(ends), np.nan, np.array([below, above]))


def _limits(grid: Floats, place: NDArray[np.uint8], level: float) -> Floats:
    """Return the median and the limits of `level` of draws whose places on the grid are Int[c, B, D]: Float[3, c]."""
    ordered = np.sort(place.astype(np.uint16).reshape(len(place), -1), axis=1)
    tail = int((1 - level) / 2 * (DRAWS - 1))
    return grid[ordered[:, [DRAWS // 2, tail, DRAWS - 1 - tail]]].T


def _first(here: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the first place on the grid, of Bool[..., G, D], where it holds; G where it never does.

    Bytes in the order of memory: five times as fast as `argmax` along the grid.
    """
    places = here.shape[-2]
    ahead = np.arange(places, 0, -1, dtype=np.uint8)[:, None]
    return places - (here.view(np.uint8) * ahead).max(axis=-2)


def _kernel(a: Floats, b: Floats, length: float) -> Floats:
    """Return Matern's covariance (3/2) and a slope, of amplitude 1; the level comes on top of it.

    Curves of accuracy have kinks and steps: a smoother prior would place peaks more surely than it knows (Stein 1999).
    """
    apart = np.sqrt(3) * np.abs(a[:, None] - b[None, :]) / length
    return (1 + apart) * np.exp(-apart) + np.outer(a - 0.5, b - 0.5)


Prior = tuple[float, float]
"""Length scale and amplitude."""


def _priors(at: Floats, y: Floats, v: Floats) -> list[tuple[Prior, NDArray[np.intp]]]:
    """Return priors, each with the classes that have it; `y` and `v` are Float[c, K].

    All classes share the length scale and amplitude with the largest likelihood of all together, whatever their levels
    (of very many classes some are asked, evenly: two numbers need no more). A class that these do not fit takes those
    that are likeliest for itself: the one class that falls steeply must not be drawn as flat as its neighbours.
    """
    from scipy.special import chdtri  # importing scipy costs 0.1 s; only numbers need it

    if not len(y):
        return []
    own = y - y.mean(axis=1, keepdims=True)
    scale = float(np.sqrt(np.mean(own**2))) + 1e-4
    tried = [(length, scale * size) for length in LENGTHS for size in SIZES]
    asked = np.unique(np.linspace(0, len(y) - 1, ASKED).astype(int))
    shared = int(np.argmax([_fit(at, prior, own[asked], v[asked])[0].sum() for prior in tried]))
    odd = np.flatnonzero(_fit(at, tried[shared], own, v)[1] > chdtri(len(at) - 1, ODD))
    choice = np.full(len(y), shared)
    if len(odd):
        choice[odd] = np.argmax([_fit(at, prior, own[odd], v[odd])[0] for prior in tried], axis=0)
    return [(tried[k], np.flatnonzero(choice == k)) for k in np.unique(choice).tolist()]


def _fit(at: Floats, prior: Prior, y: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Return each class's log likelihood, but for a constant, and its sum of squares in units of the prior."""
    length, amplitude = prior
    covariance = _kernel(at, at, length) * amplitude**2 + CONSTANT + np.eye(len(at)) * v[:, None, :]
    root = np.linalg.cholesky(covariance)
    square = np.sum(np.linalg.solve(root, y[:, :, None]) ** 2, axis=(1, 2))
    return -0.5 * square - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1), square


def _normal_quantile(p: float) -> float:
    from scipy.special import ndtri  # importing scipy costs 0.1 s; only numbers need it

    return float(ndtri(p))


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
