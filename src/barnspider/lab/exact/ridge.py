"""Ridge regression from moments: one eigendecomposition, then every penalty at once. Numbers in, numbers out.

With features phi(x) and targets y (Float[classes], one-hot or mixed), augmented by T, what is made smallest is

    1/2 E |y - c - W^T phi(T x)|^2 + penalty / 2 * |W|^2

over weights W and an intercept c that is not penalized; the mean is over images and over every draw of T. Only the
first and second moments of (phi, y) enter, so as many draws as one likes cost no more to solve than one. `penalty` is
what `torch.optim.SGD(weight_decay=...)` calls it.

Sources: Hoerl & Kennard, "Ridge regression" (Technometrics 1970); Bishop, "Training with noise is equivalent to
Tikhonov regularization" (Neural Computation 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over `count` rows of features, Float[n, p], and targets, Float[n, C]; they add up.

    Attributes
    ----------
    x, y : Float[p], Float[C]
    xx, xy : Float[p, p], Float[p, C]

    Examples
    --------
    >>> whole = Moments.of(np.eye(3), np.ones((3, 1)))
    >>> parts = Moments.of(np.eye(3)[:1], np.ones((1, 1))) + Moments.of(np.eye(3)[1:], np.ones((2, 1)))
    >>> parts.count, bool((parts.xx == whole.xx).all())
    (3, True)
    """

    count: int
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats

    @classmethod
    def of(cls, features: NDArray[np.floating[Any]], targets: NDArray[np.floating[Any]]) -> Moments:
        """Return the sums over these rows, in double precision."""
        x, y = features.astype(np.float64), targets.astype(np.float64)
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count, self.x + other.x, self.y + other.y, self.xx + other.xx, self.xy + other.xy
        )


@dataclass(frozen=True, eq=False)
class Ridge:
    """The solutions for every penalty: a covariance of features in its own axes, and what they know of the targets.

    Attributes
    ----------
    values, vectors : Float[p], Float[p, p]
        Eigenvalues, none below 0, and eigenvectors of the features' covariance.
    projected : Float[p, C]
        The covariance of features and targets, in those axes.
    mean, target_mean : Float[p], Float[C]
    """

    values: Floats
    vectors: Floats
    projected: Floats
    mean: Floats
    target_mean: Floats

    def at(self, penalty: float) -> tuple[Floats, Floats]:
        """Return the weights, Float[p, C], and the intercept, Float[C], for one penalty; 0 is least squares.

        Directions in which the features do not vary get no weight, as in the solution of least norm.
        """
        least = self.values.max(initial=0.0) * len(self.values) * np.finfo(np.float64).eps
        known = self.values > least
        shrunk = np.where(known, 1 / (np.where(known, self.values, 1.0) + penalty), 0.0)
        weights = self.vectors @ (shrunk[:, None] * self.projected)
        return weights, self.target_mean - self.mean @ weights


def solve(moments: Moments, *, dropout: float = 0.0) -> Ridge:
    """Solve for every penalty.

    Parameters
    ----------
    dropout
        Probability, below 1, that a feature is left out of a step, the others made larger by 1 / (1 - dropout). Its
        mean over all draws is exact: it adds dropout / (1 - dropout) times the features' mean squares to the diagonal
        (Wager, Wang & Liang, "Dropout training as adaptive regularization", arXiv 1307.1493).

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> weights, intercept = solve(Moments.of(x, 2 * x + 1)).at(0.0)
    >>> weights.round(6).tolist(), intercept.round(6).tolist()
    ([[2.0]], [1.0])
    >>> solve(Moments.of(x, 2 * x + 1)).at(1.25)[0].round(6).tolist()  # as large as the variance: half the slope
    [[1.0]]
    """
    mean, target_mean = moments.x / moments.count, moments.y / moments.count
    square = moments.xx / moments.count
    covariance = square - np.outer(mean, mean)
    if dropout:
        covariance[np.diag_indices(len(mean))] += dropout / (1 - dropout) * np.diag(square)
    values, vectors = np.linalg.eigh(covariance)
    projected = vectors.T @ (moments.xy / moments.count - np.outer(mean, target_mean))
    return Ridge(np.maximum(values, 0.0), vectors, projected, mean, target_mean)
