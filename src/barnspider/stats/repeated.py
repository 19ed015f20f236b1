"""The same runs once more: does what they show differ from what the first runs showed, beyond what runs always do?

Both were asked about the same images, so that only runs differ; if the recipe is the same, both scatter
alike, and how much, all of them tell together. So two runs can be held against eight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.crossed import (
    Arm,
    ByClass,
    Contrast,
    RunPart,
    contrast,
    image_moments,
    image_sums,
    scatter,
    single,
)

Floats = NDArray[np.float64]


def repeated_accuracy(first: Arm, again: Arm, layout: ByClass) -> Contrast:
    """Describe how accuracies of an arm's new runs differ from those of its first runs, class by class.

    Give it to `spread` with over="runs": the images are the same.

    Examples
    --------
    >>> from barnspider.stats.crossed import by_class, count
    >>> layout = by_class(np.array([0, 0, 1, 1]), 2)
    >>> right = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1]], dtype=bool)
    >>> repeated_accuracy(count(right[:2], layout), count(right[2:], layout), layout).estimate.tolist()
    [0.25, 0.25]
    """
    parts = (_pooled(single(first, layout).parts[0], single(again, layout).parts[0]),)
    return _difference([(first, -1), (again, 1)], layout, parts)


def repeated_change(first: tuple[Arm, Arm], again: tuple[Arm, Arm], layout: ByClass, *, paired: bool) -> Contrast:
    """Describe how the change from one arm to another differs between the first runs and the new ones.

    Parameters
    ----------
    first, again
        The baseline and the arm, of the first runs and of the new ones.
    paired
        Whether row r of the baseline and of the arm are the same seed.
    """
    series = [_changes(*first, layout), _changes(*again, layout)] if paired else []
    parts = (
        (_pooled(*series),)
        if paired
        else tuple(
            _pooled(single(a, layout).parts[0], single(b, layout).parts[0]) for a, b in zip(first, again, strict=True)
        )
    )
    signed = [(first[0], 1), (first[1], -1), (again[0], -1), (again[1], 1)]
    return _difference(signed, layout, parts)


def _changes(base: Arm, arm: Arm, layout: ByClass) -> RunPart:
    """Return the series of differences of paired runs; a single pair does not say how it scatters."""
    if base.runs > 1:
        return contrast(base, arm, layout, paired=True).parts[0]
    nothing = np.zeros(len(layout.n))
    with np.errstate(divide="ignore", invalid="ignore"):
        return RunPart(1, 1.0, nothing, nothing, (arm.per_run - base.per_run) / layout.n)


def _pooled(first: RunPart, again: RunPart) -> RunPart:
    """Return the scatter of both series about their own means, and what the difference of these means counts of it."""
    runs = first.runs, again.runs
    freedom = sum(runs) - 2
    if freedom < 1:
        raise ValueError("neither series has two runs, which nothing about scatter can be learnt from")

    def mean(one: Floats, other: Floats) -> Floats:
        return ((runs[0] - 1) * one + (runs[1] - 1) * other) / freedom

    about = np.concatenate([part.means - part.means.mean(axis=0) for part in (first, again)])
    return RunPart(
        runs=freedom + 1,
        share=1 / runs[0] + 1 / runs[1],
        between=mean(first.between, again.between),
        within=mean(first.within, again.within),
        means=about * np.sqrt((freedom + 1) / freedom),  # whose variance has one degree of freedom more than there is
    )


def _difference(arms: Sequence[tuple[Arm, int]], layout: ByClass, parts: tuple[RunPart, ...]) -> Contrast:
    """Describe the sum of some arms' accuracies, each with its sign."""
    scale = int(np.lcm.reduce([arm.runs for arm, _ in arms]))
    values = sum(sign * (scale // arm.runs) * arm.per_image.astype(np.int64) for arm, sign in arms)
    n = layout.n.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, image_var = image_moments(image_sums(np.asarray(values), layout), layout.n, scale)
        share = np.mean([arm.per_run.mean(axis=0) for arm, _ in arms], axis=0) / n
    return Contrast(
        n=layout.n, estimate=estimate, image_var=image_var, binomial=scatter(n, share), unseen=np.zeros(len(n)),
        parts=parts, series=tuple(part.means for part in parts),
    )  # fmt: skip
