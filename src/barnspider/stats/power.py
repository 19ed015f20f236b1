"""What could a design have seen, and how large must it be? Variance components -> smallest effect, runs, images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast

Floats = NDArray[np.float64]
Sizes = NDArray[np.int64] | int

TOGETHER = 500
"""Classes whose designs are tried at once, so that the table of sizes stays small."""


def smallest_effect(se: Floats, df: Floats, level: float, power: float) -> Floats:
    """Return the true effect that a two-sided test at 1 - level finds with probability `power`.

    It is (t(1 - alpha / 2) + t(power)) standard errors (Cohen 1988, with t for z).

    Examples
    --------
    >>> smallest_effect(np.array([0.01]), np.array([1e6]), 0.95, 0.8).round(4).tolist()
    [0.028]
    """
    from scipy.special import stdtrit  # importing scipy costs 0.1 s; only numbers need it

    return (stdtrit(df, (1 + level) / 2) + stdtrit(df, power)) * se


def smallest_change(
    se: Floats, df: Floats, n: Floats, before: Floats, after: Floats, level: float, power: float
) -> Floats:
    """Return the smallest true change of a class that would have been found: at most 1, NaN where `se` is.

    The scatter was seen at the accuracies that there are, and a class that loses more or less scatters otherwise: its
    variance goes with u(p) = p (1 - p), p halfway between before and after, one image right and one wrong added; and
    its images do not all lose alike (a coefficient of variation of 0.7 is taken, near that of p (1 - p) over images).
    So the change solves d**2 = k**2 (se**2 u(before - d / 2) / u(seen) + d**2 / (2 n)), k as in `smallest_effect`; a
    `before` below one half is mirrored, so that neither a loss nor a gain scatters more.

    Parameters
    ----------
    se, df : of the estimated change
    n : images; infinite where they are not to be generalized to
    before, after : accuracies

    Examples
    --------
    >>> se, df, n = np.full(2, 0.02), np.full(2, 100.0), np.array([20.0, 2000.0])
    >>> smallest_change(se, df, n, np.full(2, 0.9), np.full(2, 0.9), 0.95, 0.8).round(3).tolist()
    [0.069, 0.064]
    >>> smallest_effect(se, df, 0.95, 0.8).round(3).tolist()
    [0.057, 0.057]
    """
    times = smallest_effect(np.ones_like(se), df, level, power) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        first, seen = ((share + 1 / n) / (1 + 2 / n) for share in (before, (before + after) / 2))
        p = np.minimum(np.maximum(first, 1 - first), 1 - 1e-6)
        noise = times * se**2 / np.maximum(seen * (1 - seen), 1e-6)
        square = 1 - times / (2 * n) + noise / 4
        line = noise * (2 * p - 1) / 2
        found = (line + np.sqrt(line**2 + 4 * square * noise * p * (1 - p))) / (2 * square)
    return np.where(np.isnan(se), np.nan, np.where(square > 0, np.minimum(found, 1.0), 1.0))


@dataclass(frozen=True, eq=False)
class Components:
    """Where the variance of a class's effect comes from, all as variances of a proportion: Float[C] each.

    Attributes
    ----------
    image : between images, of the true change of an image (what more runs cannot remove)
    residual : of a single answer about its image's and its run's mean, summed over both arms
    run : between runs, of the class's true accuracy or, paired, of its change, summed over both arms

    With n images and J runs in each arm, the effect's variance is image / n + residual / (n J) + run / J.
    """

    image: Floats
    residual: Floats
    run: Floats

    def variance(self, images: Sizes, runs: Sizes) -> tuple[Floats, Floats]:
        """Return what images and what runs add to the variance of the effect in a design.

        Examples
        --------
        >>> parts = Components(*np.array([[0.02], [0.1], [0.0004]]))
        >>> round(float(sum(parts.variance(images=100, runs=5))[0]), 6)
        0.00048
        """
        return self.image / images + self.residual / (images * runs), self.run / runs


def components(c: Contrast, *, paired: bool) -> Components:
    """Return the components of each class; NaN where n < 2.

    They are never below 0. Where some runs are `paired`, the first series of the contrast is that of their differences:
    it alone says how runs scatter, since more runs would be paired, too.
    """
    n = c.n.astype(np.float64)
    per_run = np.sum([part.within * n * part.share for part in c.parts], axis=0)
    parts = c.parts[:1] if paired else c.parts
    residual = np.sum([part.within * n for part in parts], axis=0)
    run = np.sum([part.between - part.within for part in parts], axis=0)
    return Components(*(np.where(c.n > 1, np.maximum(x, 0), np.nan) for x in (c.image_var - per_run, residual, run)))


def with_chance(parts: Components, c: Contrast) -> Components:
    """Return components to plan by: that of images is at least one image's worth of chance.

    A class that is right everywhere is not known to stay so.
    """
    return replace(parts, image=np.maximum(parts.image, c.binomial / np.maximum(c.n, 1)))


def expected_components(accuracy: float, *, likeness: float, run_sd: float, paired: bool) -> Components:
    """Guess the components of a class before there are any data.

    Parameters
    ----------
    accuracy
        Of the class, between 0 and 1.
    likeness
        How much two runs of one arm agree on which images are hard: the correlation of their answers, 0 to 1.
    run_sd
        Standard deviation between runs of the class's accuracy.
    paired
        Whether runs share their seeds: half of the run component is then taken to cancel.

    Notes
    -----
    Arms are taken to agree on images as well as runs of one arm do, but for a tenth of what images explain.
    """
    unit = accuracy * (1 - accuracy)
    shared = 0.5 if paired else 1.0
    return Components(*np.array([[0.2 * likeness * unit], [2 * (1 - likeness) * unit], [2 * shared * run_sd**2]]))


def detectable(parts: Components, images: Sizes, runs: Sizes, *, level: float, power: float, tests: int = 1) -> Floats:
    """Return the smallest effect that a planned design finds, each of `tests` classes at Bonferroni's level.

    Degrees of freedom are Satterthwaite's, as in `spread`: n - 1 for images, and 2 (J - 1) for the mean square of runs
    (of two arms; or of paired runs, with what classes lend one another).
    """
    image, run = parts.variance(images, runs)
    of_runs = run + parts.residual / (images * runs)
    square = image**2 / np.maximum(np.subtract(images, 1), 1) + of_runs**2 / np.maximum(np.subtract(runs, 1) * 2, 1)
    return np.interp(square / (image + run) ** 2, *_times(level, power, tests)) * np.sqrt(image + run)


@cache
def _times(level: float, power: float, tests: int) -> tuple[Floats, Floats]:
    """Return 1 / df from 0 to 1, and how many standard errors an effect must have to be found with such a df."""
    unit = np.linspace(0, 1, 4001)
    freedom = 1 / np.maximum(unit, 1e-9)
    return unit, smallest_effect(np.ones(len(unit)), freedom, 1 - (1 - level) / tests, power)


def needed(
    parts: Components,
    effect: float | Floats,
    *,
    images: Sizes | None,
    runs: Sizes | None,
    level: float,
    power: float,
    tests: int = 1,
) -> Floats:
    """Return the fewest runs (given images) or images (given runs) that find `effect`, Float[C].

    `effect` is one for all classes, or Float[C]. Infinite where no number does, NaN where the components are.
    Exactly one of `images` and `runs` is None: the one that is wanted.
    """
    sizes, out = np.array(_sizes()), np.full(len(parts.image), np.nan)
    given = np.broadcast_to(np.asarray(images if runs is None else runs), out.shape)
    wanted = np.broadcast_to(np.asarray(effect), out.shape)
    known = np.flatnonzero(np.isfinite(parts.image))
    for start in range(0, len(known), TOGETHER):
        some = known[start : start + TOGETHER]
        own = Components(*(x[some, None] for x in (parts.image, parts.residual, parts.run)))
        fixed = given[some, None]
        design = (fixed, sizes) if runs is None else (sizes, fixed)
        enough = detectable(own, *design, level=level, power=power, tests=tests) <= wanted[some, None]
        out[some] = np.where(enough.any(axis=1), sizes[np.argmax(enough, axis=1)], np.inf)
    return out


@cache
def _sizes() -> tuple[int, ...]:
    """Return 2 to about a million, every number at first, then in steps of two per cent."""
    sizes = [2]
    while sizes[-1] < 1_000_000:
        sizes.append(max(sizes[-1] + 1, int(sizes[-1] * 1.02)))
    return tuple(sizes)
