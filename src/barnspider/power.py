"""What could a design see? Planning before there are data, and judging a design that has been run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError
from barnspider.predictions import Predictions
from barnspider.stats.power import Components, components, detectable, expected_components, needed, with_chance

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerPlan(words.Shown):
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
    given = {"accuracy": accuracy, "likeness": likeness, "level": level, "power": power}
    _check(images=images, runs=runs, classes=classes, **given)
    if not 0 <= run_sd <= 0.5:
        raise InputError(f"run_sd={run_sd!r}; expected a proportion from 0 to 0.5 (0.01 is one point)")
    if effect is not None and not 0 < effect < 1:
        raise InputError(f"effect={effect!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    parts = expected_components(accuracy, likeness=likeness, run_sd=run_sd, paired=paired)
    found = _found(parts, images, runs, classes, effect, level, power)
    return PowerPlan(
        images=images, runs=runs, classes=classes, effect=effect, run_sd=run_sd, paired=paired, **given, **found
    )  # fmt: skip


def _found(
    parts: Components, images: int, runs: int, classes: int, effect: float | None, level: float, power: float
) -> dict[str, Any]:
    """Return the fields of a PowerPlan that are computed."""
    one, many = (detectable(parts, images, runs, level=level, power=power, tests=n)[0] for n in (1, classes))
    found: dict[str, Any] = {"detectable": float(one), "detectable_any": float(many)}
    for name, n, j in (("runs_needed", images, None), ("images_needed", None, runs)):
        fewest = np.full(1, np.inf)
        if effect is not None:
            fewest = needed(parts, effect, images=n, runs=j, level=level, power=power, tests=classes)
        found[name] = int(fewest[0]) if np.isfinite(fewest[0]) else None
    return found


@dataclass(frozen=True, eq=False)
class ClassPower(words.Shown):
    """Where a measured contrast's variance comes from, and what more data would do; Float[C] each, NaN where n < 2.

    Attributes
    ----------
    classes : names
    image, residual, run : variance components (see `stats.power.Components`)
    runs_needed, images_needed : Float[C]
        The fewest runs or images that find `effect` in this class by itself, the other held; infinite where none do.
    effect, level, power : what was asked
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
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
    by: str = ""

    def __str__(self) -> str:
        runs, images = (np.nan_to_num(-x, nan=1.0, neginf=-np.inf) for x in (self.runs_needed, self.images_needed))
        order = [int(c) for c in np.lexsort((runs, images))[:10]]
        needs = [(_fewest(float(self.runs_needed[c])), _fewest(float(self.images_needed[c]))) for c in order]
        rows = [[self.classes[c], *own] for c, own in zip(order, needs, strict=True)]
        unit = words.unit(self.by)
        title = f"To find a change of {_size(self.effect)} points in one {unit}, {100 * self.power:.0f} times in 100"
        more = len(self.classes) - len(rows)
        table = words.text_table([unit, "runs in each arm", f"or images of the {unit}"], rows)
        return f"{title}\n{table}" + (f"\n... and {more:,} more" if more else "")


def _fewest(number: float) -> str:
    if np.isnan(number):
        return "cannot tell"
    return f"{number:,.0f}" if np.isfinite(number) else "no number is enough"


def class_power(
    preds: Predictions | Design,
    baseline: str,
    arm: str,
    *,
    effect: float = 0.02,
    level: float = 0.95,
    power: float = 0.8,
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
    parts, more_runs, more_images = fewest(preds, baseline, arm, effect=effect, level=level, power=power)
    found = parts.image, parts.residual, parts.run, more_runs, more_images
    of = preds.preds if isinstance(preds, Design) else preds
    return ClassPower(of.units, *found, effect, level, power, of.by if of.group is not None else "")


def fewest(
    preds: Predictions | Design, baseline: str, arm: str, *, effect: float | Floats, level: float, power: float = 0.8
) -> tuple[Components, Floats, Floats]:
    """Return variance components, and the fewest runs and images that find `effect`: one for all classes, or Float[C].

    Raises
    ------
    InputError
        When there is no such arm, or an arm has one run.
    """
    d = Design.of(preds, (baseline, arm))
    runs = min(x.runs for x in d.counts)
    if runs < 2:
        raise InputError("an arm has one run; expected two or more in both, to see how runs scatter")
    c = d.contrast(0, 1)
    parts = components(c, paired=len(d.pairs(0, 1)[0]) > 1)
    planned = with_chance(parts, c)
    more_runs = needed(planned, effect, images=d.layout.n, runs=None, level=level, power=power)
    more_images = needed(planned, effect, images=None, runs=runs, level=level, power=power)
    return parts, more_runs, more_images


def _check(**given: float) -> None:
    for name, least in (("images", 2), ("runs", 2), ("classes", 1)):
        if name in given and not least <= given[name] < np.inf:
            raise InputError(f"{name}={given[name]!r}; expected {least} or more")
    for name in ("effect", "accuracy", "likeness", "power"):
        if name in given and not 0 < given[name] < 1:
            raise InputError(f"{name}={given[name]!r}; expected above 0 and below 1")
    if not 0.5 < given["level"] < 1:
        raise InputError(f"level={given['level']!r}; expected above 0.5 and below 1, such as 0.95")
