"""Predictions whose true effects are known: for tests of truth, for power by hand, for learning.

An image's chance of being answered rightly is

    logit P = a[arm, class] + image + response[arm, image] + run[seed, arm] + run_class[seed, arm, class]

with every term but the first drawn from a normal. The first is solved for, so that the accuracy over infinitely
many images and runs is exactly what was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from barnspider.errors import InputError
from barnspider.predictions import Predictions

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Predictions, and the accuracies and effects that they were drawn from.

    Attributes
    ----------
    predictions : the answers; the baseline arm is "baseline", the others are "arm 1", "arm 2", ...
    accuracy : Float[A + 1, C]
        True accuracy of every arm, the baseline first, over infinitely many images and runs.
    effect : Float[A, C]
        True change from the baseline.
    """

    predictions: Predictions
    accuracy: Floats
    effect: Floats


@dataclass(frozen=True)
class Noise:
    """Standard deviations on the logit scale; see the formula of this module.

    Attributes
    ----------
    image : difficulty of images, the same for all arms
    response : how differently the images of a class respond to an arm
    run : a run is good or bad at all classes
    run_class : a run is good or bad at one class; one number, or one for each class
    pairing : correlation between arms of what runs of equal seed draw (0 when runs are not paired)
    """

    image: float = 2.0
    response: float = 0.5
    run: float = 0.05
    run_class: float | tuple[float, ...] = 0.2
    pairing: float = 0.7

    def total(self) -> Floats:
        """Return the standard deviation of all terms together, one number or one for each class."""
        return np.sqrt(self.image**2 + self.response**2 + self.run**2 + np.square(self.run_class))


def simulate(
    *,
    classes: int = 10,
    images: int | ArrayLike = 50,
    runs: int | tuple[int, ...] = 5,
    accuracy: float | ArrayLike = 0.8,
    effect: float | ArrayLike = 0.0,
    noise: Noise | None = None,
    paired: bool = False,
    doses: tuple[float, ...] | None = None,
    seed: int = 0,
) -> Simulated:
    """Draw Predictions of a baseline and one or more arms whose true effects are `effect`.

    Parameters
    ----------
    classes
        How many classes, at least two.
    images
        Images of each class: one number, or Int[C].
    runs
        Runs of each arm: one number, or one for the baseline and one for each other arm.
    accuracy
        True accuracy of each class in the baseline arm, between 0 and 1: one number, or Float[C].
    effect
        True change: one number, Float[C] for one arm, or Float[A, C]. Accuracy plus effect stays within 0 and 1.
    paired
        Whether runs of equal seed share their random numbers.
    doses
        One for the baseline and one for each other arm.

    Raises
    ------
    InputError
        When an accuracy leaves the open interval (0, 1) or shapes disagree.

    Examples
    --------
    >>> sim = simulate(classes=3, images=100, runs=4, effect=[-0.2, 0.0, 0.1], seed=1)
    >>> sim.predictions.guess.shape
    (8, 300)
    >>> sim.effect.round(2).tolist()
    [[-0.2, 0.0, 0.1]]
    """
    if classes < 2:
        raise InputError(f"classes={classes}; expected at least 2, or no answer can be wrong")
    noise = noise or Noise()
    rng = np.random.default_rng(seed)
    truth = _truth(classes, accuracy, effect)
    n = np.broadcast_to(np.asarray(images, dtype=np.int64), (classes,))
    label = np.repeat(np.arange(classes), n)
    counts = (runs,) * len(truth) if isinstance(runs, int) else runs
    if len(counts) != len(truth):
        raise InputError(f"runs={counts} has {len(counts)} numbers; expected {len(truth)}, one for each arm")
    right = _answers(rng, _intercepts(truth, noise.total()), label, counts, noise, paired)
    names = ["baseline", *(f"arm {a}" for a in range(1, len(truth)))]
    shift = rng.integers(1, classes, size=len(label))
    guess: dict[str, ArrayLike] = {
        arm: np.where(rows, label, (label + shift) % classes) for arm, rows in zip(names, right, strict=True)
    }
    dose = None if doses is None else dict(zip(names, doses, strict=True))
    width = len(str(classes - 1))
    preds = Predictions.from_arrays(
        label, guess, classes=[f"class {c:0{width}d}" for c in range(classes)], dose=dose, paired=paired, on="simulated"
    )
    return Simulated(preds, truth, truth[1:] - truth[0])


def _truth(classes: int, accuracy: Any, effect: Any) -> Floats:
    """Return the accuracies Float[A + 1, C]."""
    before = np.broadcast_to(np.asarray(accuracy, dtype=np.float64), (classes,))
    change = np.atleast_2d(np.asarray(effect, dtype=np.float64))
    try:
        change = np.broadcast_to(change, (len(change), classes))
    except ValueError:
        raise InputError(f"effect has shape {change.shape}; expected [arms, {classes}]") from None
    truth = np.concatenate([before[None], before + change])
    if not bool(np.all((truth > 0) & (truth < 1))):
        raise InputError(
            f"accuracy plus effect lies between {truth.min():.3g} and {truth.max():.3g}; expected above 0 and below 1"
        )
    return truth


def _intercepts(accuracy: Floats, spread: Floats) -> Floats:
    """Solve E[logistic(a + spread * Z)] = accuracy for a, by bisection over a Gauss-Hermite rule."""
    node, weight = np.polynomial.hermite_e.hermegauss(101)
    weight = weight / weight.sum()
    cells = np.stack([accuracy, np.broadcast_to(spread, accuracy.shape)], axis=-1).reshape(-1, 2)
    unique, inverse = np.unique(cells, axis=0, return_inverse=True)
    values, spreads = unique.T
    low, high = np.full(len(values), -60.0), np.full(len(values), 60.0)
    for _ in range(60):
        mid = (low + high) / 2
        mean = _logistic(mid[:, None] + spreads[:, None] * node) @ weight
        low, high = np.where(mean < values, mid, low), np.where(mean < values, high, mid)
    return ((low + high) / 2)[inverse.ravel()].reshape(accuracy.shape)


def _logistic(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(x / 2))


def _answers(
    rng: np.random.Generator,
    level: Floats,
    label: NDArray[np.int64],
    counts: tuple[int, ...],
    noise: Noise,
    paired: bool,
) -> list[NDArray[np.bool_]]:
    """Draw Bool[runs, N] for each arm."""
    most, n, classes = max(counts), len(label), level.shape[1]
    difficulty = noise.image * rng.standard_normal(n)
    shared = _Draws.draw(rng, most, n, classes) if paired else None
    out: list[NDArray[np.bool_]] = []
    for row, count in zip(level, counts, strict=True):
        own = _Draws.draw(rng, count, n if paired else 0, classes)
        draws = own if shared is None else own.mixed(shared, noise.pairing)
        response = noise.response * rng.standard_normal(n)
        by_class = row + noise.run * draws.run + np.asarray(noise.run_class) * draws.run_class
        chance = _logistic(by_class[:, label] + difficulty + response)
        # A uniform draw below the chance is a right answer; paired runs share a part of the normal behind it.
        out.append((rng.random((count, n)) if shared is None else _uniform(draws.cell)) < chance)
    return out


def _uniform(normal: Floats) -> Floats:
    from scipy.special import ndtr  # scipy is loaded when numbers are wanted, never on import

    return ndtr(normal)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Standard normals for runs, for runs and classes, and for single answers."""

    run: Floats
    run_class: Floats
    cell: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, runs: int, n: int, classes: int) -> _Draws:
        return cls(rng.standard_normal((runs, 1)), rng.standard_normal((runs, classes)), rng.standard_normal((runs, n)))

    def mixed(self, shared: _Draws, correlation: float) -> _Draws:
        """Return draws that correlate with the shared ones, run by run."""
        a, b, runs = np.sqrt(correlation), np.sqrt(1 - correlation), len(self.run)
        return _Draws(
            a * shared.run[:runs] + b * self.run,
            a * shared.run_class[:runs] + b * self.run_class,
            a * shared.cell[:runs] + b * self.cell,
        )
