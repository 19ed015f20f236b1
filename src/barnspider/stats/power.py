"""What could a design have seen, and how large must it be? Variance components -> smallest effect, runs, images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import Contrast

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class Components:
    """Where the variance of one class's effect comes from, all as variances of a proportion.

    Attributes
    ----------
    image : between images, of the true change of an image (what more runs cannot remove)
    residual : of a single answer about its image's and its run's mean, summed over both arms
    run : between runs, of the class's true accuracy or, paired, of its change, summed over both arms

    With n images and J runs in each arm, the effect's variance is image / n + residual / (n J) + run / J.
    """

    image: float
    residual: float
    run: float

    def variance(self, images: int, runs: int) -> float:
        """Return the variance of the effect in a design.

        Examples
        --------
        >>> round(Components(0.02, 0.1, 0.0004).variance(images=100, runs=5), 6)
        0.00048
        """
        return self.image / images + self.residual / (images * runs) + self.run / runs


def components(c: Contrast) -> tuple[Floats, Floats, Floats]:
    """Return image, residual and run components of each class, Float[C] each; truncated at 0; NaN where n < 2."""
    n = c.n.astype(np.float64)
    residual = np.sum([part.within * n for part in c.parts], axis=0)
    per_run = np.sum([part.within * n * part.share for part in c.parts], axis=0)
    run = np.sum([part.between - part.within for part in c.parts], axis=0)
    return np.maximum(c.image_var - per_run, 0), np.where(c.n > 1, residual, np.nan), np.maximum(run, 0)


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
    return Components(0.2 * likeness * unit, 2 * (1 - likeness) * unit, 2 * shared * run_sd**2)


def detectable(parts: Components, images: int, runs: int, *, level: float, power: float, tests: int = 1) -> float:
    """Return the smallest effect that a planned design finds, each of `tests` classes at Bonferroni's level."""
    return float(_detectable(parts, np.array([images]), np.array([runs]), level, power, tests)[0])


def _detectable(
    parts: Components, images: NDArray[np.int64], runs: NDArray[np.int64], level: float, power: float, tests: int
) -> Floats:
    image, run = parts.image / images + parts.residual / (images * runs), parts.run / runs
    freedom = np.where(run > image, 2 * (runs - 1), images - 1)
    return smallest_effect(np.sqrt(image + run), np.maximum(freedom, 1.0), 1 - (1 - level) / tests, power)


def needed(
    parts: Components,
    effect: float,
    *,
    images: int | None,
    runs: int | None,
    level: float,
    power: float,
    tests: int = 1,
) -> int | None:
    """Return the fewest runs (given images) or images (given runs) that find `effect`; None where none suffice.

    Exactly one of `images` and `runs` is None: the one that is wanted.
    """
    sizes = np.array(_sizes())
    fixed = np.full(len(sizes), images or runs)
    design = (fixed, sizes) if runs is None else (sizes, fixed)
    enough = np.flatnonzero(_detectable(parts, *design, level, power, tests) <= effect)
    return int(sizes[enough[0]]) if len(enough) else None


@cache
def _sizes() -> tuple[int, ...]:
    """Return 2 to about a million, every number at first, then in steps of two per cent."""
    sizes = [2]
    while sizes[-1] < 1_000_000:
        sizes.append(max(sizes[-1] + 1, int(sizes[-1] * 1.02)))
    return tuple(sizes)
