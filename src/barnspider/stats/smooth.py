"""A ladder of doses and a Gaussian process over it: priors, how likely each is for each class, posteriors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.ladder import Scatter

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Prior = tuple[float, float]
"""Length scale and amplitude."""

GRID = 51
"""Doses at which curves are drawn, evenly between the doses that were tried."""

KNOTS = 25
"""Points that carry the prior: four in the shortest length scale, and few enough for BLAS to use one thread."""

ASKED = 256
"""Classes, at most, that tell how common each prior is."""

LENGTHS = (0.15, 0.25, 0.4, 0.6, 1.0)
"""Length scales that are tried, as shares of the ladder of doses."""

SIZES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Amplitudes that are tried, in standard deviations of accuracies about their class's mean."""

CONSTANT = 1.0
"""Prior variance of a curve's level, which is as good as free."""

ROUGH = (0.0, 0.0, 0.0, 0.3, 0.4, 0.3)
"""How common each of `SIZES` is taken to be before any class is seen: no curve is flatter than accuracies scatter.
From a few doses nobody can tell a flat curve from a rough one that noise hides, and an interval that adapts to a
flatness that it cannot see is too narrow (Low 1997). Many classes together can see it."""

BELIEVED = 10.0
"""How many classes that is worth."""

RARE = 0.05
"""A prior that is less likely than this for a class is left out."""

ODD = 0.05
"""A class whose accuracies are less likely than this under the commonest prior weighs priors by itself alone."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Accuracies of C classes at D doses and, last, of a baseline that is no dose, if there is one: K arms.

    Attributes
    ----------
    dose, place : Float[D]
        Increasing, and evenly from 0 to 1.
    grid, fine : Float[G]
        Doses and places at which curves are drawn.
    y : Float[C, K]
    errors : Float[C, K, K]
        Covariance of the errors, but for what all arms share.
    walk : Float[K, K]
        Root of the covariance of what drifts, of variance 1.
    scatter : the errors, by K arms
    base : the place of the baseline among the K
    """

    dose: Floats
    place: Floats
    grid: Floats
    fine: Floats
    y: Floats
    errors: Floats
    walk: Floats
    scatter: Scatter
    base: int

    @classmethod
    def of(cls, dose: Floats, accuracy: Floats, scatter: Scatter, baseline: int | None) -> Ladder:
        """Put arms in order of dose; NaN, no dose, comes last."""
        order = np.argsort(dose)
        x = dose[order[np.isfinite(dose[order])]]
        place, fine = np.linspace(0, 1, len(x)), np.linspace(0, 1, GRID)
        own = scatter.own[order] + 1e-8
        walk = np.zeros((len(order), len(order)))
        walk[: len(x), : len(x)] = np.linalg.cholesky(1 - np.abs(place[:, None] - place) + 1e-9 * np.eye(len(x)))
        drift = scatter.drift[order]
        size = np.sqrt(drift.T)
        errors = own.T[:, :, None] * np.eye(len(order)) + size[:, :, None] * (walk @ walk.T) * size[:, None]
        return cls(
            x, place, np.interp(fine, place, x), fine, accuracy[order].T, errors, walk,
            replace(scatter, own=own, drift=drift, df=scatter.df[order]),
            0 if baseline is None else int(np.argsort(order)[baseline]),
        )  # fmt: skip

    def known(self) -> Places:
        """Return the classes whose accuracies and errors are known."""
        return np.flatnonzero(np.isfinite(self.y).all(axis=1) & np.isfinite(self.errors).all(axis=(1, 2)))


def basis(ladder: Ladder, prior: Prior) -> Floats:
    """Return functions, Float[K + G + 1, B], whose sums with standard normal weights have the prior's covariance.

    Rows are the arms, the grid and once more the baseline. The functions are those of a few knots, carried on
    (Nystrom); what moves by less than a thousandth of the prior is left out. A baseline that is no dose has its own.
    """
    length, amplitude = prior
    knots, doses = np.linspace(0, 1, KNOTS), len(ladder.dose)
    value, vector = np.linalg.eigh(_kernel(knots, knots, length) * amplitude**2 + CONSTANT)
    keep = value > 1e-3 * amplitude**2
    at = np.concatenate([ladder.place, ladder.fine])
    made = (_kernel(at, knots, length) * amplitude**2 + CONSTANT) @ (vector[:, keep] / np.sqrt(value[keep]))
    if len(ladder.y[0]) > doses:
        made = np.insert(
            np.pad(made, ((0, 0), (0, 1))), doses, np.append(np.zeros(made.shape[1]), CONSTANT**0.5), axis=0
        )
    return np.concatenate([made, made[[ladder.base]]])


def _kernel(a: Floats, b: Floats, length: float) -> Floats:
    """Return Matern's covariance (3/2) and a slope, of amplitude 1; the level comes on top of it.

    Curves of accuracy have kinks and steps: a smoother prior would place peaks more surely than it knows (Stein 1999).
    """
    apart = np.sqrt(3) * np.abs(a[:, None] - b[None, :]) / length
    return (1 + apart) * np.exp(-apart) + np.outer(a - 0.5, b - 0.5)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Curves of c classes on the grid and, last, at the baseline.

    Attributes
    ----------
    mean : Float[c, G + 1]
    root : Float[c, G + 1, B]
        Of the covariance.
    gain : Float[c, G + 1, K]
        How far the mean follows each accuracy.
    """

    mean: Floats
    root: Floats
    gain: Floats

    def changes(self) -> Posterior:
        """Return the same of the curve less its value at the baseline."""
        return Posterior(*(x - x[:, -1:] for x in (self.mean, self.root, self.gain)))


def posterior(ladder: Ladder, rows: Places, functions: Floats) -> Posterior:
    """Return the posterior of some classes' curves: Bayesian regression on the functions of `basis`."""
    y, arms = ladder.y[rows], ladder.y.shape[1]
    white = np.linalg.inv(np.linalg.cholesky(ladder.errors[rows]))
    seen = white @ functions[:arms]
    inverse = np.linalg.inv(np.linalg.cholesky(np.eye(functions.shape[1]) + seen.transpose(0, 2, 1) @ seen))
    root = functions[arms:] @ inverse.transpose(0, 2, 1)
    gain = root @ (inverse @ (seen.transpose(0, 2, 1) @ white))
    level = y.mean(axis=1, keepdims=True)
    return Posterior(level + (gain @ (y - level)[:, :, None])[:, :, 0], root, gain)


def priors(ladder: Ladder, known: Places) -> tuple[list[Prior], Floats]:
    """Return priors, and how likely each is for each of some classes: Float[c, P].

    How common each is among classes, is estimated from all of them (of very many some are asked, evenly), by largest
    likelihood with a few classes' worth of not knowing (Laird 1978). A class that the commonest does not fit takes them
    for equally common: the one class that falls steeply must not be drawn as flat as its neighbours.
    """
    from scipy.special import chdtri  # importing scipy costs 0.1 s; only numbers need it

    doses = len(ladder.dose)
    if not len(known):
        return [], np.zeros((0, 0))
    y = ladder.y[known, :doses]
    scale = float(np.sqrt(np.mean((y - y.mean(axis=1, keepdims=True)) ** 2))) + 1e-4
    tried = [(length, scale * size) for length in LENGTHS for size in SIZES]
    asked = known[np.unique(np.linspace(0, len(known) - 1, ASKED).astype(int))]
    belief = np.tile(np.array(ROUGH) / (sum(ROUGH) * len(LENGTHS)), len(LENGTHS))
    common = _common(_fits(ladder, asked, tried)[0], belief)
    main = np.flatnonzero(common > RARE / 4)
    told, square = _fits(ladder, known, [tried[k] for k in main])
    weights = np.zeros((len(known), len(tried)))
    weights[:, main] = _weighed(told, common[main])
    odd = square[:, int(np.argmax(common[main]))] > chdtri(doses - 1, ODD)
    if odd.any():
        weights[odd] = _weighed(_fits(ladder, known[odd], tried)[0], belief)
    weights[weights < RARE] = 0
    return tried, weights / weights.sum(axis=1, keepdims=True)


def _weighed(told: Floats, common: Floats) -> Floats:
    """Return how likely priors are for each class, from log likelihoods Float[c, P] and how common they are."""
    weight = common * np.exp(told - told.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def _common(told: Floats, belief: Floats) -> Floats:
    """Return how common each prior is: Float[P]."""
    common = np.full(told.shape[1], 1 / told.shape[1])
    for _ in range(100):
        common = (_weighed(told, common).sum(axis=0) + BELIEVED * belief) / (len(told) + BELIEVED)
    return common


def _fits(ladder: Ladder, rows: Places, tried: list[Prior]) -> tuple[Floats, Floats]:
    """Return each class's log likelihood under each prior, but for a constant, and its sum of squares in its units."""
    doses = len(ladder.dose)
    y, errors = ladder.y[rows, :doses], ladder.errors[rows, :doses, :doses]
    own = (y - y.mean(axis=1, keepdims=True))[:, :, None]
    told, squares = [], []
    for length, amplitude in tried:
        root = np.linalg.cholesky(_kernel(ladder.place, ladder.place, length) * amplitude**2 + CONSTANT + errors)
        square = np.sum(np.linalg.solve(root, own) ** 2, axis=(1, 2))
        told.append(-0.5 * square - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1))
        squares.append(square)
    return np.array(told).T, np.array(squares).T
