"""Curves over doses: a Gaussian process for each class, with the noise that was measured.

All classes share one smoothness and one amplitude, found by marginal likelihood (Rasmussen & Williams 2006, eq. 5.8),
so that a class with few images borrows what a curve looks like, though not where it peaks. Eight doses of three
paired runs then find peaks as well as eight doses of ten with "argmax of the means".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 500
GRID = 101


@dataclass(frozen=True, eq=False)
class Curves:
    """Fitted curves of C classes.

    Attributes
    ----------
    dose : Float[G]
        From the smallest to the largest dose.
    mean, low, high : Float[G, C]
        Accuracy and its pointwise interval.
    peak, peak_low, peak_high : Float[C]
        The dose where the curve is highest.
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
    x, y, v = dose[order], accuracy[order], noise[order]
    grid = np.linspace(x[0], x[-1], GRID)
    known: NDArray[np.bool_] = np.all(np.isfinite(y) & np.isfinite(v), axis=0)
    at, on = _unit(x, x), _unit(grid, x)
    length, amplitude = _smoothness(at, y[:, known], v[:, known])
    prior = _Prior.draw(at, on, length, amplitude)
    out = np.full((3, GRID, len(known)), np.nan)
    marks = np.full((6, len(known)), np.nan)
    z = _normal_quantile((1 + level) / 2)
    for c in np.flatnonzero(known):
        mean, draws = prior.posterior(y[:, c], v[:, c])
        half = z * draws.std(axis=1)
        out[:, :, c] = mean, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)
        marks[:, c] = _marks(grid, mean, draws, delta, level)
    return Curves(grid, *out, *marks, delta=delta)


@dataclass(frozen=True, eq=False)
class _Prior:
    """Draws from the prior at the doses and on the grid, which every class conditions on its own answers."""

    at_doses: Floats
    on_grid: Floats
    noise: Floats
    inner: Floats
    cross: Floats

    @classmethod
    def draw(cls, at: Floats, on: Floats, length: float, amplitude: float) -> _Prior:
        both = np.concatenate([at, on])
        rng = np.random.default_rng(0)
        joint = _root(_kernel(both, both, length, amplitude)) @ rng.standard_normal((len(both), DRAWS))
        noise = rng.standard_normal((len(at), DRAWS))
        inner, cross = _kernel(at, at, length, amplitude), _kernel(on, at, length, amplitude)
        return cls(joint[: len(at)], joint[len(at) :], noise, inner, cross)

    def posterior(self, y: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return mean Float[G] and draws Float[G, D] (Matheron's rule; Wilson et al. 2020, eq. 8)."""
        level = y.mean()
        gain = np.linalg.solve(self.inner + np.diag(v + 1e-8), self.cross.T).T
        seen = self.at_doses + np.sqrt(v + 1e-8)[:, None] * self.noise
        return level + gain @ (y - level), level + self.on_grid + gain @ ((y - level)[:, None] - seen)


def _marks(grid: Floats, mean: Floats, draws: Floats, delta: float, level: float) -> tuple[float, ...]:
    """Return the peak and its interval, the first loss and its interval."""
    ends = [(1 - level) / 2, (1 + level) / 2]
    peaks = grid[np.argmax(draws, axis=0)]
    losses = _first_loss(grid, draws, delta)
    peak = float(grid[np.argmax(mean)])
    lost = float(_first_loss(grid, mean[:, None], delta)[0])
    low, high = np.quantile(peaks, ends)
    first, last = np.quantile(losses, ends, method="nearest")
    return peak, min(float(low), peak), max(float(high), peak), lost, min(float(first), lost), max(float(last), lost)


def _unit(at: Floats, doses: Floats) -> Floats:
    """Scale doses to 0..1, by rank between the doses that were tried: uneven ladders become even ones."""
    return np.interp(at, doses, np.linspace(0, 1, len(doses)))


def _kernel(a: Floats, b: Floats, length: float, amplitude: float) -> Floats:
    """Return the squared-exponential covariance, plus a level and a slope that are nearly free."""
    square = (a[:, None] - b[None, :]) ** 2
    return amplitude**2 * (np.exp(-square / (2 * length**2)) + np.outer(a - 0.5, b - 0.5)) + 1.0


def _smoothness(x: Floats, y: Floats, v: Floats) -> tuple[float, float]:
    """Return the length scale and amplitude with the largest marginal likelihood of all classes together."""
    centred = y - y.mean(axis=0)
    scale = float(np.sqrt(np.mean(centred**2))) + 1e-4
    best, found = -np.inf, (0.3, scale)
    for length in (0.15, 0.25, 0.4, 0.6, 1.0):
        for amplitude in scale * np.array([0.1, 0.25, 0.5, 1.0, 2.0]):
            fit = _log_likelihood(_kernel(x, x, length, amplitude), centred, v)
            if fit > best:
                best, found = fit, (length, float(amplitude))
    return found


def _log_likelihood(prior: Floats, y: Floats, v: Floats) -> float:
    cov = prior[None] + np.eye(len(y))[None] * (v.T + 1e-8)[:, :, None]
    solved = np.linalg.solve(cov, y.T[:, :, None])[:, :, 0]
    return float(-0.5 * np.sum(solved * y.T) - 0.5 * np.sum(np.linalg.slogdet(cov)[1]))


def _root(cov: Floats) -> Floats:
    value, vector = np.linalg.eigh(cov)
    return vector * np.sqrt(np.maximum(value, 0))


def _first_loss(grid: Floats, curves: Floats, delta: float) -> Floats:
    """Return, for curves Float[G, D], the first dose where a curve is `delta` below its start; infinite if none."""
    below = curves <= curves[0] - delta
    return np.where(below.any(axis=0), grid[np.argmax(below, axis=0)], np.inf)


def _normal_quantile(p: float) -> float:
    from scipy.special import ndtri  # importing scipy costs 0.1 s; only numbers need it

    return float(ndtri(p))
