"""Mean squares -> variance, degrees of freedom, interval, p-value. No width is zero because nothing went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.borrow import effective_classes, independent_series, prior_df, trust
from barnspider.stats.crossed import Contrast, RunPart, pool, scatter

Floats = NDArray[np.float64]
Over = Literal["images and runs", "images", "runs"]


@dataclass(frozen=True, eq=False)
class Spread:
    """Squared standard error of an estimate, and its degrees of freedom: Float[C] each; NaN without images."""

    variance: Floats
    df: Floats


@dataclass(frozen=True, eq=False)
class _Piece:
    """One term of a variance, and value**2 / df of the mean squares that it is made of (Satterthwaite)."""

    value: Floats
    square: Floats
    df: Floats | float


def spread(c: Contrast, over: Over, level: float = 0.95) -> Spread:
    """Return the variance of the estimate over new images, new runs or both.

    Over images it is S2 / n; the component of runs is max(MS_runs - MS_residual, 0) / (J n) (Hillis 2007); degrees
    of freedom are Satterthwaite's over the mean squares that are used. Every mean square is moderated by what classes
    have in common (`borrow`), so that a class that is all right in both arms, or two runs that happen to agree, get
    an honest, positive width.

    Raises
    ------
    ValueError
        When runs are to be generalized to and a series has fewer than two.
    """
    if over != "images" and min(part.runs for part in c.parts) < 2:
        raise ValueError(f"over={over!r} needs two runs or more in every arm")
    with np.errstate(divide="ignore", invalid="ignore"):
        pieces = [] if over == "runs" else [_image_piece(c)]
        if over != "images":
            worth = _worth(c)
            pieces += [_run_piece(part, c, worth, new_images=over != "runs") for part in c.parts]
        variance = np.sum([x.value for x in pieces], axis=0)
        df = variance**2 / np.sum([x.square for x in pieces], axis=0)
    least = np.min([np.broadcast_to(x.df, df.shape) for x in pieces], axis=0)
    # A variance of exactly 0 is one by identity: the only class there is, less the whole.
    df = np.where(variance > 0, np.maximum(df, least), least)
    if over == "images and runs":
        alone = np.sum([np.broadcast_to(x.df, df.shape) for x in pieces[1:]], axis=0) < 2
        df = np.where(alone, _banerjee(c, pieces, variance, df, level), df) if alone.any() else df
    return Spread(variance, df)


def _banerjee(c: Contrast, pieces: list[_Piece], variance: Floats, df: Floats, level: float) -> Floats:
    """Return the degrees of freedom whose t interval is Banerjee's: squared half width = sum of t**2 * variance."""
    from scipy.special import stdtridf, stdtrit

    upper = (1 + level) / 2
    half2 = stdtrit(pieces[0].df, upper) ** 2 * pieces[0].value
    for piece, part in zip(pieces[1:], c.parts, strict=True):
        half2 = half2 + stdtrit(piece.df, upper) ** 2 * part.between * part.share
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.clip(np.sqrt(half2 / variance), stdtrit(df, upper), stdtrit(1.0, upper))
    return np.where(np.isfinite(t), stdtridf(upper, np.where(np.isfinite(t), t, 2.0)), df)


def _image_piece(c: Contrast) -> _Piece:
    """Return S2 / n, moderated: known for a single image, and never less than one image that is missing would add."""
    n = c.n.astype(np.float64)
    freedom = np.maximum(n - 1, 0)
    own = np.where(freedom > 0, freedom * c.image_var, 0.0)
    prior = _image_ratio(c, own, freedom) * c.binomial
    worth = _image_worth(c, prior, freedom)
    some = freedom > 0
    chance = 2 / max(float(worth[some].mean()), 1.0) if some.any() else 2.0
    counts = prior_df(c.image_var[some] / prior[some], c.binomial[some], chance, doubt=0.3, classes=5)
    counts = min(max(counts, 2.0), 12.0)
    value = (np.where(some, worth * c.image_var, 0.0) + counts * prior) / (worth + counts) / n
    value = np.maximum(value, c.unseen)
    df = np.maximum(worth + counts / 2, 1)
    return _Piece(value, value**2 / df, df)


def _image_worth(c: Contrast, prior: Floats, freedom: Floats) -> Floats:
    """Return the degrees of freedom that S2 has: fewer than n - 1, since images' answers are no normals.

    Rare errors make it scatter like one with 2 n p q / (1 - 4 p q) of them (by a binary's kurtosis; means over runs are
    less extreme, and twice that is counted); rare changes, with a squared size of k, like 2 n S2 / (k - S2).
    """
    errors = 4 * c.n * c.binomial / np.maximum(1 - 4 * c.binomial, 1e-6)
    size = c.unseen * c.n.astype(np.float64) ** 2
    changes = np.where(size > 0, 2 * c.n * prior / np.maximum(size - prior, 1e-9), np.inf)
    return np.minimum(np.minimum(freedom, errors), changes)


def _image_ratio(c: Contrast, own: Floats, freedom: Floats) -> float:
    """Return S2 over p (1 - p), as all classes show it; near 1 (independent errors) where hardly any is wrong."""
    unit = float(np.sum(freedom * c.binomial))
    raw = np.where(freedom > 0, (c.binomial * (c.n + 2) ** 2 - c.n - 1) / np.maximum(c.n, 1), 0.0)
    told = float(np.sum(np.maximum(raw, 0)))
    return (told * float(np.sum(own)) / unit + 0.5) / (told + 0.5) if unit > 0 else 1.0


def _worth(c: Contrast) -> float:
    """Return how many classes the scatter of runs is worth, beyond a class's own."""
    use = c.n > 0
    scale = np.sqrt(c.binomial[use] / c.n[use])
    series = independent_series([x[:, use] for x in c.series], paired=c.paired)
    return effective_classes(series, scale) - 1 if use.any() else 0.0


def _run_piece(part: RunPart, c: Contrast, worth: float, *, new_images: bool) -> _Piece:
    """Return the run component: of the variance between runs, what other images would not bring by themselves.

    For these very images (`new_images` false) it is all of the variance between runs.
    """
    n, use, freedom = c.n.astype(np.float64), c.n > 0, part.runs - 1
    noise = c.binomial / n
    residual = noise * (np.sum((n * part.within)[use]) / np.sum(c.binomial[use]))
    # A run effect on the logit scale moves accuracy by p (1 - p), and its variance by the square.
    unit = c.binomial**2
    effect = unit * max(float(np.sum((part.between - part.within)[use]) / np.sum(unit[use])), 0.0)
    # Where runs never differ at all, one answer's worth of scatter in all classes is still possible.
    floor = noise / (float(np.sum(n[use])) * part.runs)
    expected = np.maximum(effect + residual, floor)
    ratio, weight = (part.between / expected)[use], expected[use]
    counts = np.zeros(len(n))
    if worth > 0:
        common = prior_df(ratio, weight, 2 / freedom, doubt=1.0, classes=20 / freedom)
        counts[use] = trust(ratio, weight, freedom) / (1 / common + 1 / (freedom * worth))
    between = (freedom * part.between + counts * expected) / (freedom + counts)
    within = (freedom * part.within + counts * residual) / (freedom + counts) if new_images else np.zeros_like(between)
    between = between if new_images else np.maximum(between, floor)
    value = np.maximum(between - within, 0) * part.share
    square = (between**2 + within**2 / np.maximum(n - 1, 1)) / (freedom + counts) * part.share**2
    return _Piece(value, np.where(value > 0, square, 0.0), freedom + counts)


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
    p = np.where(known, 2 * stdtr(df, -away / np.maximum(se, 1e-300)), 1.0)
    low = np.where(known, np.maximum(estimate - half, -bound), -bound)
    high = np.where(known, np.minimum(estimate + half, bound), bound)
    return Interval(low, high, np.minimum(p, 1.0))


def share_interval(share: Floats, c: Contrast, s: Spread, level: float) -> tuple[Floats, Floats]:
    """Return the interval of an accuracy: Wilson's (1927), at the sample size that has this variance.

    Effective sample sizes for proportions from designs that are not simple follow Korn & Graubard (1998): p (1 - p) of
    the share itself over its variance, also where it is that of several classes.
    """
    from scipy.special import stdtrit

    known = np.isfinite(s.variance) & np.isfinite(share)
    size = np.where(known, scatter(c.n.astype(np.float64), share) / np.where(known, s.variance, 1.0), 1.0)
    p, z2 = np.where(known, share, 0.5), stdtrit(np.where(known, s.df, 1.0), (1 + level) / 2) ** 2
    low, high = _wilson(p, size, z2)
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def average_interval(c: Contrast, over: Over, level: float) -> tuple[float, float, float]:
    """Return the accuracy over all images and its interval, from the accuracies of classes.

    Classes that are all right, or all wrong, show no variance, and yet one in so many images could be otherwise:
    together they are a share of 1, or of 0, whose own interval (Wilson's) the whole one reaches at least as far as.

    Examples
    --------
    >>> from barnspider.stats.crossed import by_class, count, single
    >>> layout = by_class(np.repeat([0, 1], 50), 2)
    >>> c = single(count(np.repeat([[True, False]], 50, axis=1), layout), layout)
    >>> [round(x, 2) for x in average_interval(c, "images", 0.95)]
    [0.5, 0.46, 0.54]
    """
    from scipy.special import ndtri

    whole = pool(c)
    low, high = (float(x[0]) for x in share_interval(whole.estimate, whole, spread(whole, over, level), level))
    value, total, z2 = float(whole.estimate[0]), max(float(c.n.sum()), 1.0), float(ndtri((1 + level) / 2)) ** 2
    if over == "runs":
        return value, low, high
    loss, gain = (n / total * z2 / (n + z2) for n in (float(c.n[c.estimate == at].sum()) for at in (1, 0)))
    return value, max(min(low, value - loss), 0.0), min(max(high, value + gain), 1.0)


def wilson(hits: int, total: int, level: float) -> tuple[float, float]:
    """Return the interval of a share of independent hits: Wilson's (1927).

    Examples
    --------
    >>> low, high = wilson(8, 10, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    from scipy.special import ndtri

    low, high = _wilson(np.array(hits / total), np.array(float(total)), np.array(ndtri((1 + level) / 2) ** 2))
    return float(low), float(high)


def _wilson(p: Floats, size: Floats, z2: Floats) -> tuple[Floats, Floats]:
    middle = (p + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 / size * (p * (1 - p) + z2 / (4 * size))) / (1 + z2 / size)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
