"""What could a design see? Planning before there are data, and judging a design that has been run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError, pick
from barnspider.predictions import Predictions
from barnspider.stats.crossed import by_class, contrast, count
from barnspider.stats.power import Components, components, detectable, expected_components, needed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerPlan:
    """The smallest effect on one class that a design finds, and what a wanted effect needs; proportions.

    Attributes
    ----------
    images, runs, classes : of the design; images of one class, runs of one arm
    detectable : smallest effect on one class by itself; `detectable_any`: with all classes tested (Bonferroni)
    effect : the wanted effect, or None
    runs_needed, images_needed : the fewest that find it with all classes tested, the other held; None: no number does
    accuracy, likeness, run_sd, paired, level, power : what was assumed
    """

    images: int
    runs: int
    classes: int
    detectable: float
    detectable_any: float
    effect: float | None
    runs_needed: int | None
    images_needed: int | None
    accuracy: float
    likeness: float
    run_sd: float
    paired: bool
    level: float
    power: float

    def __str__(self) -> str:
        one, any_ = (words.points(x, sign=False) for x in (self.detectable, self.detectable_any))
        seeds = "paired" if self.paired else "unpaired"
        lines = [
            f"{words.counted(self.images, 'image')} of each of {words.counted(self.classes, 'class')},"
            f" {words.counted(self.runs, 'run')} in each arm ({seeds}):",
            f"finds a change of {one} points in one class, or {any_} when all are tested,"
            f" {100 * self.power:.0f} times in 100.",
        ]
        if self.effect is not None:
            lines.append(self._needs(_size(self.effect)))
        return "\n".join(lines)

    def _needs(self, size: str) -> str:
        runs = None if self.runs_needed is None else f"{words.counted(self.runs_needed, 'run')} in each arm"
        images = None if self.images_needed is None else f"{words.counted(self.images_needed, 'image')} of each class"
        change = f"A change of {size} points in any class"
        if runs and images:
            return f"{change} needs {runs}, or {images}."
        if not runs and not images:
            return f"{change}: no number of runs is enough, and no number of images is."
        missing = "images" if runs else "runs"
        return f"{change} needs {runs or images}; no number of {missing} is enough by itself."

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values, with a schema."""
        return {"schema": "barnspider/power/1", **vars(self)}


def _size(effect: float) -> str:
    """Return an effect as points, with as many digits as it takes to differ from 0."""
    return words.points(effect, sign=False) if effect >= 0.0005 else f"{100 * effect:.2g}"


def plan_power(
    *,
    images: int,
    runs: int,
    classes: int,
    effect: float | None = None,
    accuracy: float = 0.8,
    likeness: float = 0.7,
    run_sd: float = 0.01,
    paired: bool = True,
    level: float = 0.95,
    power: float = 0.8,
) -> PowerPlan:
    """Say what a design can see before it is run.

    Parameters
    ----------
    images, runs, classes
        Images of each class, runs of each arm, classes.
    effect
        A change that should be found, as a proportion (0.02 is two points).
    accuracy, likeness, run_sd
        Of a typical class: its accuracy, the correlation between two runs' answers, and the standard deviation
        between runs of its accuracy.

    Raises
    ------
    InputError
        When a number is out of its range.

    Examples
    --------
    >>> plan = plan_power(images=1000, runs=5, classes=10, effect=0.02)
    >>> 0.01 < plan.detectable < plan.detectable_any < 0.05
    True
    """
    _check(images=images, runs=runs, classes=classes, accuracy=accuracy, likeness=likeness, level=level, power=power)
    if not 0 <= run_sd <= 0.5:
        raise InputError(f"run_sd={run_sd!r}; expected a proportion from 0 to 0.5 (0.01 is one point)")
    if effect is not None and not 0 < effect < 1:
        raise InputError(f"effect={effect!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    parts = expected_components(accuracy, likeness=likeness, run_sd=run_sd, paired=paired)

    def fewest(images: int | None, runs: int | None) -> int | None:
        if effect is None:
            return None
        return needed(parts, effect, images=images, runs=runs, level=level, power=power, tests=classes)

    return PowerPlan(
        images=images,
        runs=runs,
        classes=classes,
        detectable=detectable(parts, images, runs, level=level, power=power),
        detectable_any=detectable(parts, images, runs, level=level, power=power, tests=classes),
        effect=effect,
        runs_needed=fewest(images, None),
        images_needed=fewest(None, runs),
        accuracy=accuracy,
        likeness=likeness,
        run_sd=run_sd,
        paired=paired,
        level=level,
        power=power,
    )


@dataclass(frozen=True, eq=False)
class ClassPower:
    """Where a measured contrast's variance comes from, and what more data would do; Float[C] each, NaN where n < 2.

    Attributes
    ----------
    classes : names
    image, residual, run : variance components (see `stats.power.Components`)
    runs_needed, images_needed : Float[C]
        The fewest runs or images that find `effect` in this class by itself, the other held; infinite where none do.
    effect, level, power : what was asked
    """

    classes: tuple[str, ...]
    image: Floats
    residual: Floats
    run: Floats
    runs_needed: Floats
    images_needed: Floats
    effect: float
    level: float
    power: float


def class_power(
    preds: Predictions, baseline: str, arm: str, *, effect: float = 0.02, level: float = 0.95, power: float = 0.8
) -> ClassPower:
    """Say, from the answers of two arms, how many runs or images each class needs for `effect` to be found.

    Raises
    ------
    InputError
        When there is no such arm, an arm has one run, or a number is out of its range.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> made = class_power(simulate(images=200, seed=1).predictions, "baseline", "arm 1", effect=0.05)
    >>> bool((made.images_needed > 50).all())
    True
    """
    _check(effect=effect, level=level, power=power)
    layout, right = by_class(preds.label, len(preds.classes)), preds.correct()
    rows = [sorted(preds.rows(pick("arm", a, preds.arms)), key=lambda r: preds.seed[r]) for a in (baseline, arm)]
    if min(len(r) for r in rows) < 2:
        raise InputError("an arm has one run; expected two or more in both, to see how runs scatter")
    seeds = [[preds.seed[r] for r in rr] for rr in rows]
    counts = [count(right[rr], layout) for rr in rows]
    parts = components(contrast(counts[0], counts[1], layout, paired=preds.paired and seeds[0] == seeds[1]))
    runs = min(len(r) for r in rows)
    wanted = np.full((2, len(preds.classes)), np.nan)
    for c in np.flatnonzero(layout.n > 1):
        own = Components(*(float(x[c]) for x in parts))
        more_runs = needed(own, effect, images=int(layout.n[c]), runs=None, level=level, power=power)
        more_images = needed(own, effect, images=None, runs=runs, level=level, power=power)
        wanted[:, c] = [np.inf if x is None else x for x in (more_runs, more_images)]
    return ClassPower(preds.classes, *parts, wanted[0], wanted[1], effect, level, power)


def _check(**given: float) -> None:
    for name, least in (("images", 2), ("runs", 2), ("classes", 1)):
        if name in given and not least <= given[name] < np.inf:
            raise InputError(f"{name}={given[name]!r}; expected {least} or more")
    for name in ("effect", "accuracy", "likeness", "power"):
        if name in given and not 0 < given[name] < 1:
            raise InputError(f"{name}={given[name]!r}; expected above 0 and below 1")
    if not 0.5 < given["level"] < 1:
        raise InputError(f"level={given['level']!r}; expected above 0.5 and below 1, such as 0.95")
