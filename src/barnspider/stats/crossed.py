"""Runs x images, fully crossed, a binary answer in each cell: counts, variance components, standard errors.

Radiology's multi-reader multi-case design with our runs as its readers and our images as its cases: Obuchowski &
Rockette (1995), Gallas (2006), Hillis (2007). Everything is a closed form of integer counts, made in one pass over
the answers, so that the order of runs and images cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ByClass:
    """Images in order of class.

    Attributes
    ----------
    order : Int[N]
        Positions of the images, class by class.
    start : Int[P]
        Where each class that has images begins in that order.
    present : Int[P]
        Those classes.
    n : Int[C]
        Images of each class, 0 for a class without images.
    """

    order: NDArray[np.intp]
    start: NDArray[np.intp]
    present: NDArray[np.intp]
    n: Counts

    def sum(self, values: NDArray[Any]) -> Counts:
        """Add up values [..., N], already in order of class, within each class: Int[..., C]."""
        out = np.zeros((*values.shape[:-1], len(self.n)), dtype=np.int64)
        if len(self.present):
            kind = np.int32 if values.dtype.itemsize < 4 else np.int64
            out[..., self.present] = np.add.reduceat(values, self.start, axis=-1, dtype=kind)
        return out


def by_class(label: NDArray[np.integer[Any]], classes: int) -> ByClass:
    """Sort images by class, once.

    Examples
    --------
    >>> by_class(np.array([2, 0, 2]), 3).n.tolist()
    [1, 0, 2]
    """
    n = np.bincount(label, minlength=classes).astype(np.int64)
    present = np.flatnonzero(n)
    start = (np.cumsum(n) - n)[present]
    return ByClass(np.argsort(label, kind="stable"), start, present, n)


@dataclass(frozen=True, eq=False)
class Arm:
    """Counts of one arm with J runs.

    Attributes
    ----------
    answers : UInt8[J, N]
        1 where the answer is right; images in order of class.
    per_image : Int[N]
        How many runs were right on each image.
    per_run : Int[J, C]
        How many images each run had right.
    """

    answers: NDArray[np.uint8]
    per_image: NDArray[np.int32]
    per_run: Counts

    @property
    def runs(self) -> int:
        """How many runs."""
        return len(self.per_run)


def count(right: NDArray[np.bool_], layout: ByClass) -> Arm:
    """Count right answers, Bool[J, N], by image and by run and class."""
    answers = np.take(right, layout.order, axis=1).view(np.uint8)
    return Arm(answers, answers.sum(axis=0, dtype=np.int32), layout.sum(answers))


@dataclass(frozen=True, eq=False)
class RunPart:
    """How much the runs of one series scatter: one arm, or the differences of runs that are paired.

    Attributes
    ----------
    runs : how many
    share : float
        What the component counts for in the variance of the estimate: 1 / J where all runs are of one series.
    between : Float[C]
        Variance, over runs, of a run's mean over the class's images.
    within : Float[C]
        The part of it that other images would bring: residual mean square / n. Zero where n < 2.
    means : Float[J, C]
        The series itself.
    """

    runs: int
    share: float
    between: Floats
    within: Floats
    means: Floats


@dataclass(frozen=True, eq=False)
class Contrast:
    """An arm against the baseline (or an arm alone), per class: an estimate and its mean squares.

    Attributes
    ----------
    n : Int[C]
    estimate : Float[C]
        Difference of mean accuracies, or accuracy; NaN for a class without images.
    image_var : Float[C]
        S2, the variance over images of the images' own means or differences; NaN where n < 2.
    binomial : Float[C]
        p (1 - p), p pooled over the arms with one image right and one wrong added: what an image could scatter.
    unseen : Float[C]
        The least variance of the estimate over images: what one changed image that happens to be missing adds.
    parts : independent series of runs
    series : Float[J, C] for each arm
        Each run's mean, which shows how runs scatter over classes.
    """

    n: Counts
    estimate: Floats
    image_var: Floats
    binomial: Floats
    unseen: Floats
    parts: tuple[RunPart, ...]
    series: tuple[Floats, ...]

    @property
    def paired(self) -> bool:
        """Whether two arms are described by one series of differences."""
        return len(self.series) > len(self.parts)


Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows of the baseline, and for each the row of the arm that has the same seed."""


def single(arm: Arm, layout: ByClass) -> Contrast:
    """Describe the accuracy of one arm, class by class."""
    n = layout.n.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, image_var = image_moments(image_sums(arm.per_image, layout), layout.n, arm.runs)
        part = _own_part(arm, layout, 1 / arm.runs)
        series = (arm.per_run / n,)
        return Contrast(layout.n, estimate, image_var, scatter(n, estimate), np.zeros(len(n)), (part,), series)


def contrast(base: Arm, arm: Arm, layout: ByClass, *, paired: bool | Pairs) -> Contrast:
    """Describe the change from one arm to another, class by class.

    With `paired`, row r of both arms is the same seed, and the runs scatter as their differences do. Where only some
    runs have a partner, give the rows of both: these scatter as their differences do, the others by themselves.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # k1 J0 - k0 J1 is an integer, J1 J0 times the difference of an image's two means.
        scaled = arm.per_image * np.int32(base.runs) - base.per_image * np.int32(arm.runs)
        parts = _run_parts(base, arm, layout, paired)
        return of_sums(image_sums(scaled, layout), layout.n, base.per_run, arm.per_run, parts)


def of_sums(sums: ImageSums, count: Counts, base: Counts, arm: Counts, parts: tuple[RunPart, ...]) -> Contrast:
    """Describe a change by its sums over images, of J0 J1 times each image's change, and the right answers of runs."""
    n, scale = count.astype(np.float64), len(base) * len(arm)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, image_var = image_moments(sums, count, scale)
        pooled = (arm.mean(axis=0) + base.mean(axis=0)) / (2 * n)
        series = (base / n, arm / n)
        unseen = _one_change(sums, scale) / n**2
    return Contrast(count, estimate, image_var, scatter(n, pooled), unseen, parts, series)


@dataclass(frozen=True, eq=False)
class ImageSums:
    """Whole numbers, one for each image, added up: in each class as they are and squared, over all classes to the 4th.

    Attributes
    ----------
    first, second : Int[C]
    fourth : float
    """

    first: Counts
    second: Counts
    fourth: float


def image_sums(values: NDArray[np.int32], layout: ByClass) -> ImageSums:
    """Add up whole numbers Int[N], already in order of class."""
    square = values.astype(np.int64) ** 2
    wide = square.astype(np.float64)
    return ImageSums(layout.sum(values), layout.sum(square), float(wide @ wide))


WHOLE = 0.25
"""How much of a whole change, right then wrong, is believed before any change is seen."""


def _one_change(sums: ImageSums, scale: int) -> float:
    """Return the squared size of the change of an image that changes, values / scale; 1 where none is seen to.

    Changes of images are few and, between two models that hardly differ, whole: right, then wrong. That none is among
    thirty images does not say that there is none (the rule of three, Hanley & Lippman-Hand 1983). The size is that of
    all classes together, weighted by what it adds to their variance, with a part of one whole change added.
    """
    return (sums.fourth / scale**4 + WHOLE) / (float(sums.second.sum()) / scale**2 + WHOLE)


def scatter(n: Floats, share: Floats) -> Floats:
    """Return p (1 - p), p a share with one image right and one wrong added to n: what one image could scatter."""
    p = np.where(n > 0, (n * share + 1) / (n + 2), 0.5)
    return p * (1 - p)


def _run_parts(base: Arm, arm: Arm, layout: ByClass, paired: bool | Pairs) -> tuple[RunPart, ...]:
    """Return the series of runs, so that the components times their shares add up to the variance of the estimate."""
    if isinstance(paired, bool):
        paired = (np.arange(base.runs), np.arange(base.runs)) if paired else (np.arange(0), np.arange(0))
    both, alone = run_shares(base.runs, arm.runs, len(paired[0]))
    together = (_paired_part(base, arm, layout, paired, both),) if both else ()
    own = ((one, share) for one, share in zip((base, arm), alone, strict=True) if share)
    return (*together, *(_own_part(one, layout, share) for one, share in own))


def run_shares(base: int, arm: int, pairs: int) -> tuple[float, tuple[float, float]]:
    """Return what the series of differences counts, and what each arm's own counts: 0 where there is no such series.

    With P pairs the covariance counts P / (J0 J1) twice, and is half of what the two variances add up to above that
    of the differences: P / (J0 J1) of the differences, and 1 / J - P / (J0 J1) of each arm.
    """
    both = pairs / (base * arm) if pairs > 1 else 0.0
    first, second = (share if (share := 1 / runs - both) > 1e-12 else 0.0 for runs in (base, arm))
    return both, (first, second)


def image_moments(sums: ImageSums, count: Counts, scale: int) -> tuple[Floats, Floats]:
    """Return mean and variance over images of values / scale. Whole numbers stay exact up to the last division."""
    n = count.astype(np.float64)
    total, square = sums.first.astype(np.float64), sums.second.astype(np.float64)
    variance = np.where(count > 1, (n * square - total**2) / (n * (n - 1)), np.nan)
    return total / n / scale, np.maximum(variance, 0) / scale**2


def _own_part(arm: Arm, layout: ByClass, share: float) -> RunPart:
    """Two-way ANOVA of one arm: x**2 is x, so the total sum of squares is the number of right answers."""
    images2 = layout.sum(arm.per_image.astype(np.int64) ** 2)
    return run_part(layout.n, arm.per_run, arm.per_run.sum(axis=0), images2, share)


def _paired_part(base: Arm, arm: Arm, layout: ByClass, pairs: Pairs, share: float) -> RunPart:
    """Two-way ANOVA of the differences: a difference's square is 1 where exactly one of the pair is right."""
    whole = len(pairs[0]) == base.runs == arm.runs
    first, second = (base, arm) if whole else (_rows_of(base, pairs[0]), _rows_of(arm, pairs[1]))
    differ = np.bitwise_xor(first.answers, second.answers).sum(axis=0, dtype=np.int32)
    images2 = layout.sum((second.per_image - first.per_image).astype(np.int64) ** 2)
    return run_part(layout.n, second.per_run - first.per_run, layout.sum(differ), images2, share)


def _rows_of(arm: Arm, rows: NDArray[np.intp]) -> Arm:
    answers = arm.answers[rows]
    return Arm(answers, answers.sum(axis=0, dtype=np.int32), arm.per_run[rows])


def run_part(count: Counts, per_run: Counts, squares: Counts, images2: Counts, share: float) -> RunPart:
    """Two-way ANOVA of cells: runs' sums Int[J, C]; the cells' squares and the squares of images' sums, Int[C] each."""
    n, runs = count.astype(np.float64), len(per_run)
    total2 = per_run.sum(axis=0).astype(np.float64) ** 2
    runs2 = runs * (per_run**2).sum(axis=0).astype(np.float64)
    residual = np.maximum(n * runs * squares - runs2 - n * images2 + total2, 0) / (n * runs)
    cells = (runs - 1) * (n - 1)
    between = (runs2 - total2) / (n**2 * runs * max(runs - 1, 1))
    within = np.where(cells > 0, residual / np.maximum(cells, 1) / n, 0.0)
    return RunPart(runs, share, between, within, per_run / n)


def pool(c: Contrast) -> Contrast:
    """Describe the same estimate over all images: one "class" of N images, stratified by class.

    Classes count by their images. They are fixed, so that differences between them are no noise; a class with a
    single image lends its squared distance from the whole instead of a variance it cannot have.
    """
    return combine(c, c.n / max(float(c.n.sum()), 1.0))


def combine(c: Contrast, weight: Floats) -> Contrast:
    """Describe the sum of weight * estimate over classes that have images, as one "class" of all their images."""
    some = c.n > 0
    n, w, total = c.n[some].astype(np.float64), weight[some], float(c.n.sum())
    value = c.estimate[some]
    centre = float(np.sum(n * value) / total) if some.any() else np.nan
    own = np.where(n > 1, c.image_var[some], (value - centre) ** 2)
    return Contrast(
        n=np.array([c.n.sum()]),
        estimate=np.array([np.sum(w * value) if some.any() else np.nan]),
        image_var=np.array([total * np.sum(w**2 * own / n) if total > 1 else np.nan]),
        binomial=np.array([total * np.sum(w**2 * c.binomial[some] / n) if some.any() else 0.25]),
        unseen=np.array([np.max(w**2 * c.unseen[some], initial=0.0)]),
        parts=tuple(_combine_part(part, w, some) for part in c.parts),
        series=tuple((x[:, some] @ w)[:, None] for x in c.series),
    )


def _combine_part(part: RunPart, weight: Floats, some: NDArray[np.bool_]) -> RunPart:
    means = part.means[:, some] @ weight
    between = float(np.var(means, ddof=1)) if part.runs > 1 else 0.0
    within = float(np.sum(weight**2 * part.within[some]))
    return RunPart(part.runs, part.share, np.array([between]), np.array([within]), means[:, None])


def relative(c: Contrast, whole: Contrast) -> Contrast:
    """Describe each class's estimate minus that of all images (Hooker et al. 2019), given `pool(c)`.

    A class is a part of the whole: its own noise counts 1 - w, that of the others w each, w their share of images;
    and what a run does to all classes alike cancels.
    """
    n = c.n.astype(np.float64)
    w = n / max(n.sum(), 1.0)

    def mix(own: Floats) -> Floats:
        shared = np.where(c.n > 0, w**2 * np.nan_to_num(own), 0.0)
        return (1 - w) ** 2 * own + shared.sum() - shared

    with np.errstate(divide="ignore", invalid="ignore"):
        return Contrast(
            n=c.n,
            estimate=c.estimate - whole.estimate[0],
            image_var=mix(c.image_var / n) * n,
            binomial=mix(c.binomial / n) * n,
            unseen=(1 - w) ** 2 * c.unseen,
            parts=tuple(_relative_part(p, q, mix) for p, q in zip(c.parts, whole.parts, strict=True)),
            series=tuple(x - y for x, y in zip(c.series, whole.series, strict=True)),
        )


def _relative_part(part: RunPart, whole: RunPart, mix: Callable[[Floats], Floats]) -> RunPart:
    means = part.means - whole.means
    between = np.var(means, axis=0, ddof=1) if part.runs > 1 else np.zeros(means.shape[1])
    return RunPart(part.runs, part.share, between, mix(part.within), means)
