"""How unequal are classes in each arm, and does an arm make them more so? Measures with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.effects import estimate
from barnspider.errors import pick
from barnspider.predictions import Predictions
from barnspider.stats.crossed import Contrast, by_class, count, single
from barnspider.stats.dispersion import MEASURES, Measured, exact_measures, measure, measure_change, posterior_draws
from barnspider.stats.heterogeneity import Shrunk, shrink
from barnspider.stats.intervals import Over, spread

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Worst:
    """The worst class or pair, chosen on one half of the images and measured on the other, both ways.

    Attributes
    ----------
    name : the one chosen on all images
    value : cross-fitted, free of the selection; NaN where no half can choose or measure
    naive : the observed extreme, which chance made look worse
    """

    name: str
    value: float
    naive: float


@dataclass(frozen=True, eq=False)
class Inequality:
    """How unequal classes are, by arm. The baseline is `arms[0]`.

    Attributes
    ----------
    arms : names
    measures : for each arm, each measure by name: corrected for noise and selection, with its interval, and naive
    change : for each arm but the first, the change of each measure from the first arm
    worst_precision, worst_pair : for each arm; a pair's value is the share of its images confused within the pair
    level : float
    """

    arms: tuple[str, ...]
    measures: tuple[dict[str, Measured], ...]
    change: tuple[dict[str, Measured], ...]
    worst_precision: tuple[Worst, ...]
    worst_pair: tuple[Worst, ...]
    level: float

    def __str__(self) -> str:
        head = ["measure", *self.arms]
        rows = [[name, *(_shown(m[name]) for m in self.measures)] for name in MEASURES]
        rows += [[f"change of {name}", "", *(_shown(m[name], sign=True) for m in self.change)] for name in MEASURES]
        rows.append(["worst precision", *(f"{words.percent(w.value)} {w.name}" for w in self.worst_precision)])
        rows.append(["most confused pair", *(f"{words.percent(w.value)} {w.name}" for w in self.worst_pair)])
        title = f"Inequality of classes, in points ({100 * self.level:.4g} % intervals; noise and selection taken out)"
        return f"{title}\n{words.text_table(head, rows)}"


def _shown(m: Measured, *, sign: bool = False) -> str:
    return f"{words.points(m.value, sign=sign)} ({words.between(m.low, m.high)})"


def inequality(
    preds: Predictions, baseline: str, *, level: float = 0.95, generalize_to: Literal["auto", "images"] = "auto"
) -> Inequality:
    """Measure how unequal classes are in every arm. Classes without images are left out.

    Raises
    ------
    InputError
        When there is no such arm.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=10, images=200, accuracy=np.linspace(0.5, 0.95, 10), seed=0)
    >>> made = inequality(sim.predictions, "baseline").measures[0]["sd"]
    >>> bool(made.low < np.linspace(0.5, 0.95, 10).std() < made.high)
    True
    """
    arms = (pick("baseline", baseline, preds.arms), *(a for a in preds.arms if a != baseline))
    posteriors = [_accuracies(preds, arm, generalize_to) for arm in arms]
    draws = [posterior_draws(p.mean, p.sd) for _, _, p in posteriors]
    observed = [c.estimate[c.n > 0] for c, _, _ in posteriors]
    change: list[dict[str, Measured]] = []
    if len(arms) > 1:
        effects = estimate(preds, baseline, level=level, generalize_to=generalize_to, arms=arms[1:])
        some = effects.known[0]
        for a in range(len(arms) - 1):
            moved = shrink(effects.effect[a, some], effects.se[a, some] ** 2)
            after = np.clip(draws[0] + posterior_draws(moved.mean, moved.sd, -1.0, 1.0)[::-1], 0, 1)
            change.append(measure_change(draws[0], after, (observed[0], observed[a + 1]), level))
    return Inequality(
        arms=arms,
        measures=tuple(
            measure(d, o, level) | exact_measures(c, over, level)
            for d, o, (c, over, _) in zip(draws, observed, posteriors, strict=True)
        ),
        change=tuple(change),
        worst_precision=tuple(_worst_precision(preds, arm) for arm in arms),
        worst_pair=tuple(_worst_pair(preds, arm) for arm in arms),
        level=level,
    )


def _accuracies(preds: Predictions, arm: str, wanted: str) -> tuple[Contrast, Over, Shrunk]:
    """Return the arm's accuracies, what they generalize to, and the posterior of the true ones."""
    layout, rows = by_class(preds.label, len(preds.classes)), preds.rows(arm)
    c = single(count(preds.where(runs=rows).correct(), layout), layout)
    over: Over = "images and runs" if len(rows) > 1 and wanted == "auto" else "images"
    some = c.n > 0
    return c, over, shrink(c.estimate[some], spread(c, over).variance[some])


def _confusions(preds: Predictions, arm: str) -> list[NDArray[np.int64]]:
    """Return Int[C, C] (label, answer) over all runs, for every other image and for those between, in order of id."""
    classes, order = len(preds.classes), np.argsort(preds.sample, kind="stable")
    guess, label = preds.guess[preds.rows(arm)][:, order], preds.label[order].astype(np.int64)
    out: list[NDArray[np.int64]] = []
    for half in (slice(0, None, 2), slice(1, None, 2)):
        cell = label[half] * classes + guess[:, half]
        out.append(np.bincount(cell.ravel(), minlength=classes**2).reshape(classes, classes))
    return out


def _cross_fit(tables: list[Floats], whole: Floats, name: Callable[[int], str]) -> Worst:
    """Choose the smallest on one half and read it on the other, both ways; NaN is never chosen."""
    if not np.isfinite(whole).any():
        return Worst("none", np.nan, np.nan)
    values = [
        tables[1 - h][int(np.nanargmin(tables[h]))] for h in (0, 1) if np.isfinite(tables[h]).any()
    ]  # fmt: skip
    best = int(np.nanargmin(whole))
    seen = [v for v in values if np.isfinite(v)]
    return Worst(name(best), float(np.mean(seen)) if seen else np.nan, float(whole[best]))


def _worst_precision(preds: Predictions, arm: str) -> Worst:
    def precision(table: NDArray[np.int64]) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.diag(table) / table.sum(axis=0)

    halves = _confusions(preds, arm)
    return _cross_fit([precision(h) for h in halves], precision(halves[0] + halves[1]), preds.classes.__getitem__)


def _worst_pair(preds: Predictions, arm: str) -> Worst:
    """Return the pair of classes with the largest share of its images answered as the other one."""
    first, second = np.triu_indices(len(preds.classes), k=1)

    def apart(table: NDArray[np.int64]) -> Floats:
        images = table.sum(axis=1)
        mixed = (table + table.T)[first, second]
        with np.errstate(invalid="ignore"):
            return -mixed / (images[first] + images[second])

    halves = _confusions(preds, arm)
    whole = apart(halves[0] + halves[1])
    worst = _cross_fit([apart(h) for h in halves], whole, lambda i: _pair(preds, int(first[i]), int(second[i])))
    return Worst(worst.name, -worst.value, -worst.naive)


def _pair(preds: Predictions, first: int, second: int) -> str:
    return f"{preds.classes[first]} / {preds.classes[second]}"
