"""How the errors of several doses hang together: what each has of its own, what drifts along the doses, what all share.

The variance of a difference of two doses says how far apart chance alone puts them. Doses next to one another are
answered alike, so that differences of neighbours say too little about doses that are far apart: an error that drifts
along the ladder looks like a smooth curve. So all pairs of doses are asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.borrow import prior_df

Floats = NDArray[np.float64]

MOST = 0.8
"""The most that may drift of what differences show on average."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Variances of the errors of K accuracies of C classes, in three independent parts.

    Attributes
    ----------
    own : Float[K, C]
        What each dose has by itself.
    drift : Float[K, C]
        What walks along the ladder: of two doses, 1 - their distance (the ladder is 1 long) is in common.
    shared : Float[C]
        What moves all doses alike: easy test images, good seeds.
    df : Float[K, C]
        Degrees of freedom of `own` and `drift`.
    shared_df : Float[C]
    """

    own: Floats
    drift: Floats
    shared: Floats
    df: Floats
    shared_df: Floats

    @classmethod
    def known(cls, own: Floats) -> Scatter:
        """Return a scatter without drift whose variances, Float[K, C], are known exactly."""
        nothing, sure = np.zeros(own.shape), np.full(own.shape, np.inf)
        return cls(own, nothing, nothing[0], sure, sure[0])


def scatter(place: Floats, between: Floats, df: Floats, alone: Floats, alone_df: Floats, unit: Floats) -> Scatter:
    """Take variances of differences apart.

    Parameters
    ----------
    place : Float[K]
        Where each dose stands on the ladder, from 0 to 1; NaN for an arm that stands on none.
    between, df : Float[K, K, C]
        Variance of the difference of each pair of at least three arms, and what its degrees of freedom say of one arm.
    alone, alone_df : Float[K, C]
        The same of each arm's accuracy by itself.
    unit : Float[K, C]
        What an image could scatter: p (1 - p).

    Notes
    -----
    u_k, half the variance of a dose's differences from its neighbours, says how noisy classifiers are around that dose:
    often a hundred times more at the strongest dose than at the weakest. Two numbers for all classes, a and b, by least
    squares of V_kl / (u_k + u_l), say what the rest of the pairs shows: own = a u, drift = b u. The u of a class are
    moderated over its doses, in proportion to `unit`, as classes are in `borrow`: a dose whose few runs happen to agree
    must not draw the curve to itself.

    Examples
    --------
    >>> place = np.linspace(0, 1, 4)
    >>> apart = np.abs(place[:, None] - place)[:, :, None]
    >>> sure, one = np.full((4, 4, 1), 1e9), np.ones((4, 1))
    >>> s = scatter(place, (2 + 3 * apart) * (apart > 0), sure, 9 * one, 1e9 * one, one)
    >>> s.own[:, 0].round(2).tolist(), s.drift[:, 0].round(2).tolist()
    ([1.0, 1.0, 1.0, 1.0], [1.5, 1.5, 1.5, 1.5])
    """
    doses, arms = int(np.isfinite(place).sum()), len(place)
    upper = np.triu_indices(doses, 1)
    around, freedom = _moderated(_around(between, doses), df.sum(axis=1) / (arms - 1), unit)
    own, drift = _parts(between[upper], around[upper[0]], around[upper[1]], place[upper[1]] - place[upper[0]])
    alone_mean = alone[:doses].mean(axis=0) - between[upper].mean(axis=0) / 2
    return Scatter(
        own=around * np.where(np.arange(arms) < doses, own, 1.0)[:, None],
        drift=around * np.where(np.arange(arms) < doses, drift, 0.0)[:, None],
        shared=np.maximum(alone_mean, 0), df=freedom, shared_df=alone_df[:doses].mean(axis=0),
    )  # fmt: skip


def _around(between: Floats, doses: int) -> Floats:
    """Return half the variance of the differences of each dose from its neighbours, or from all where it has none."""
    steps = [between[k, k + 1] / 2 for k in range(doses - 1)]
    rows = [np.mean(steps[max(k - 1, 0) : k + 1], axis=0) for k in range(doses)]
    return np.array(rows + [between[k, :doses].mean(axis=0) / 2 for k in range(doses, len(between))])


def _parts(pairs: Floats, first: Floats, second: Floats, distance: Floats) -> tuple[float, float]:
    """Return which parts of the scatter around doses, Float[P, C] of pairs, are their own, and drift."""
    known = np.isfinite(pairs + first + second).all(axis=0)
    if not known.any():
        return 1.0, 0.0
    both, common = (first + second)[:, known], 2 * np.sqrt(first * second)[:, known]
    ratio = (pairs[:, known] / both).mean(axis=1)
    walked = (1 - common * (1 - distance[:, None]) / both).mean(axis=1)
    walked_beyond, ratio_beyond = walked - walked.mean(), ratio - ratio.mean()
    size = float(walked_beyond @ walked_beyond)
    drift = max(float(walked_beyond @ ratio_beyond) / size, 0.0) if size > 1e-12 else 0.0
    drift = min(drift, float(ratio.mean() / walked.mean()) * MOST)
    return float(ratio.mean() - drift * walked.mean()), drift


def _moderated(around: Floats, df: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Return variances that doses of a class have lent one another, and their degrees of freedom.

    The prior is a geometric mean, less its bias (Smyth 2004): one dose that is far noisier than the others must not
    make them look noisy.
    """
    known = np.isfinite(around).all(axis=0)
    out, freedom = around.copy(), df.copy()
    own, nu = around[:, known], df[:, known]
    if known.any():
        prior = unit[:, known] * np.exp(np.mean(np.log(own / unit[:, known]) + 1 / np.maximum(nu, 1), axis=0))
        counts = prior_df((own / prior).ravel(), np.ones(own.size), float(np.mean(2 / nu)), doubt=1.0, classes=len(own))
        counts = np.minimum(counts, (len(own) - 1) * nu.mean(axis=0))
        out[:, known], freedom[:, known] = (nu * own + counts * prior) / (nu + counts), nu + counts
    return out, freedom
