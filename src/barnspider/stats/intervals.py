"""Mean squares -> variance, degrees of freedom, interval, p-value. No width is zero because nothing went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast, RunPart

Floats = NDArray[np.float64]
Over = Literal["images and runs", "images", "runs"]

PSEUDO = 2.0
"""Weight, in images or runs, of what classes have in common when a class's own variance is estimated."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Squared standard error of an estimate, and its degrees of freedom: Float[C] each; NaN without images."""

    variance: Floats
    df: Floats


def spread(c: Contrast, over: Over) -> Spread:
    """Return the variance of the estimate over new images, new runs or both.

    A class's variance over images is moderated: two pseudo-images carry the variance that a class of its accuracy
    has, judged from all classes (Agresti & Min 2005 add pseudo-observations to a pair of proportions, Smyth 2004
    moderates variances over genes). So a class that is all right in both arms has an honest, positive width.
    The components of runs follow Hillis (2007): max(MS_runs - MS_residual, 0) / (J n), with degrees of freedom by
    Satterthwaite over the mean squares that are used.

    Raises
    ------
    ValueError
        When runs are to be generalized to and a series has fewer than two.
    """
    if over != "images" and min(part.runs for part in c.parts) < 2:
        raise ValueError(f"over={over!r} needs two runs or more in every arm")
    n = c.n.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if over == "runs":
            pieces = [_run_piece(part, c) for part in c.parts]
        else:
            pieces = [_image_piece(c, n)]
            pieces += [] if over == "images" else [_component_piece(part, n) for part in c.parts]
        variance = np.sum([value for value, _ in pieces], axis=0)
        df = variance**2 / np.sum([square for _, square in pieces], axis=0)
    return Spread(variance, df)


def _image_piece(c: Contrast, n: Floats) -> tuple[Floats, Floats]:
    """Return S2 / n, moderated, and its Satterthwaite term: value**2 / df."""
    own = np.where(n > 1, (n - 1) * c.image_var, 0.0)
    prior = _pooled(own, np.maximum(n - 1, 0), c.binomial)
    value = np.where(n > 1, (own + PSEUDO * prior) / (n - 1 + PSEUDO), prior) / n
    return value, value**2 / np.maximum(n - 1, 1)


def _run_piece(part: RunPart, c: Contrast) -> tuple[Floats, Floats]:
    """Return the variance of a mean over runs at these very images, moderated likewise, and its term."""
    freedom = part.runs - 1
    prior = _pooled(freedom * part.between, np.where(c.n > 0, freedom, 0.0), c.binomial / c.n)
    value = (freedom * part.between + PSEUDO * prior) / (freedom + PSEUDO) / part.runs
    return value, value**2 / freedom


def _component_piece(part: RunPart, n: Floats) -> tuple[Floats, Floats]:
    """Return max(MS_runs - MS_residual, 0) / (J n) and its term, which is 0 where the component is."""
    value = np.maximum(part.between - part.within, 0) / part.runs
    freedom = part.runs - 1
    square = (part.between**2 + part.within**2 / np.maximum(n - 1, 1)) / freedom / part.runs**2
    return value, np.where(value > 0, square, 0.0)


def _pooled(squares: Floats, freedom: Floats, unit: Floats) -> Floats:
    """Return the variance expected of each class: `unit`, scaled by what all classes show.

    Half a degree of freedom at scale 1 is added, so that classes without a single wrong answer still scatter.
    """
    known = freedom > 0
    ratio = (np.sum(squares[known] / unit[known]) + 0.5) / (np.sum(freedom[known]) + 0.5)
    return ratio * unit


@dataclass(frozen=True, eq=False)
class Interval:
    """An estimate's interval and its p-value against `null`, from one and the same t."""

    low: Floats
    high: Floats
    p: Floats


def t_interval(estimate: Floats, s: Spread, level: float, *, null: float = 0.0, bound: float = 1.0) -> Interval:
    """Return estimate -+ t * sqrt(variance), cut at -+ `bound`, and the two-sided p-value.

    Where nothing is known (NaN), the interval is all that is possible and p is 1.
    """
    from scipy.special import stdtr, stdtrit  # importing scipy costs 0.1 s; only numbers need it

    known = np.isfinite(s.variance) & np.isfinite(estimate)
    se, df = np.sqrt(np.where(known, s.variance, 1.0)), np.where(known, s.df, 1.0)
    half = stdtrit(df, (1 + level) / 2) * se
    away = np.where(known, np.abs(estimate - null), 0.0)
    p = np.where(known, 2 * stdtr(df, -away / se), 1.0)
    low = np.where(known, np.maximum(estimate - half, -bound), -bound)
    high = np.where(known, np.minimum(estimate + half, bound), bound)
    return Interval(low, high, np.minimum(p, 1.0))


def share_interval(share: Floats, c: Contrast, s: Spread, level: float) -> tuple[Floats, Floats]:
    """Return the interval of an accuracy: Wilson's (1927), at the sample size that has this variance.

    Effective sample sizes for proportions from designs that are not simple follow Korn & Graubard (1998).
    """
    from scipy.special import stdtrit

    known = np.isfinite(s.variance) & np.isfinite(share)
    size = np.where(known, c.binomial / np.where(known, s.variance, 1.0), 1.0)
    p, z2 = np.where(known, share, 0.5), stdtrit(np.where(known, s.df, 1.0), (1 + level) / 2) ** 2
    middle = (p + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 / size * (p * (1 - p) + z2 / (4 * size))) / (1 + z2 / size)
    low = np.where(known, np.maximum(middle - half, 0), 0.0)
    return low, np.where(known, np.minimum(middle + half, 1), 1.0)
