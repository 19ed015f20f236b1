"""How unequal are classes in each arm, and does an arm make them more so? Measures with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError, pick
from barnspider.predictions import Predictions
from barnspider.stats.bounds import folds
from barnspider.stats.crossed import Arm as Counts
from barnspider.stats.crossed import by_class, contrast, count, single
from barnspider.stats.dispersion import MEASURES, Arm, Measured, measure, measure_change
from barnspider.stats.intervals import Over

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
    change : for each arm but the first, the change of each measure: its level less that of the first arm
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
        rows.append(["worst precision", *(_chosen(w) for w in self.worst_precision)])
        rows.append(["most confused pair", *(_chosen(w) for w in self.worst_pair)])
        title = f"Inequality of classes, in points ({100 * self.level:.4g} % intervals; noise and selection taken out)"
        return f"{title}\n{words.text_table(head, rows)}"


def _shown(m: Measured, *, sign: bool = False) -> str:
    if not np.isfinite([m.value, m.low, m.high]).all():
        return "cannot tell"
    return f"{words.points(m.value, sign=sign)} ({words.between(m.low, m.high)})"


def _chosen(w: Worst) -> str:
    return f"{words.percent(w.value + 0.0)} {w.name}" if np.isfinite(w.value) else "cannot tell"


def inequality(
    preds: Predictions, baseline: str, *, level: float = 0.95, generalize_to: Literal["auto", "images"] = "auto"
) -> Inequality:
    """Measure how unequal classes are in every arm. Classes without images are left out.

    Raises
    ------
    InputError
        When there is no such arm, or `level` is not strictly between 0.5 and 1.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=10, images=200, accuracy=np.linspace(0.5, 0.95, 10), seed=0)
    >>> made = inequality(sim.predictions, "baseline").measures[0]["sd"]
    >>> bool(made.low < np.linspace(0.5, 0.95, 10).std() < made.high)
    True
    """
    if not 0.5 < level < 1:
        raise InputError(f"level={level!r}; expected above 0.5 and below 1, such as 0.95")
    wanted = pick("generalize_to", generalize_to, ("auto", "images"))
    arms = (pick("baseline", baseline, preds.arms), *(a for a in preds.arms if a != baseline))
    measures, change = _levels_and_changes(preds, arms, wanted, level)
    return Inequality(
        arms=arms,
        measures=measures,
        change=change,
        worst_precision=tuple(_worst_precision(preds, arm) for arm in arms),
        worst_pair=tuple(_worst_pair(preds, arm) for arm in arms),
        level=level,
    )


Table = tuple[dict[str, Measured], ...]


def _levels_and_changes(preds: Predictions, arms: tuple[str, ...], wanted: str, level: float) -> tuple[Table, Table]:
    order = np.argsort(preds.sample, kind="stable")
    layout, right = by_class(preds.label[order], len(preds.classes)), preds.correct()[:, order]
    if not layout.n.any():
        nothing = {name: Measured(np.nan, np.nan, np.nan, np.nan) for name in MEASURES}
        return (nothing,) * len(arms), (nothing,) * (len(arms) - 1)
    rows = [sorted(preds.rows(a), key=lambda r: preds.seed[r]) for a in arms]
    counts = [count(right[r], layout) for r in rows]

    def posterior(own: Counts, over: Over) -> Arm:
        return Arm.of(single(own, layout), over, level, folds(own, layout, over))

    measures = tuple(measure(posterior(x, _over(wanted, x))) for x in counts)
    change: list[dict[str, Measured]] = []
    for a in range(1, len(arms)):
        over = _over(wanted, counts[0], counts[a])
        moved = contrast(counts[0], counts[a], layout, paired=_pairs(preds, rows[0], rows[a]))
        base, arm = (posterior(x, over) for x in (counts[0], counts[a]))
        change.append(measure_change(base, arm, moved, (measures[0], measures[a])))
    return measures, tuple(change)


def _over(wanted: str, *arms: Counts) -> Over:
    return "images and runs" if wanted == "auto" and min(x.runs for x in arms) > 1 else "images"


def _pairs(preds: Predictions, *rows: list[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which runs, in order of seed, have a partner; none where the design does not pair seeds."""
    seeds = [[preds.seed[r] for r in own] for own in rows]
    common = sorted(set(seeds[0]) & set(seeds[1])) if preds.paired else []
    first, second = (np.array([own.index(x) for x in common], dtype=np.intp) for own in seeds)
    return first, second


def _halves(preds: Predictions, arm: str) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return labels and answers of all runs, for every other image and for those between, in order of id."""
    order = np.argsort(preds.sample, kind="stable")
    guess, label = preds.guess[preds.rows(arm)][:, order], preds.label[order].astype(np.int64)
    halves = (slice(0, None, 2), slice(1, None, 2))
    return [(np.tile(label[h], len(guess)), guess[:, h].astype(np.int64).ravel()) for h in halves]


def _cross_fit(tables: list[Floats], whole: Floats, name: Callable[[int], str]) -> Worst:
    """Choose the smallest on one half and read it on the other, both ways; NaN is never chosen."""
    if not np.isfinite(whole).any():
        return Worst("cannot tell", np.nan, np.nan)
    values = [
        tables[1 - h][int(np.nanargmin(tables[h]))] for h in (0, 1) if np.isfinite(tables[h]).any()
    ]  # fmt: skip
    best = int(np.nanargmin(whole))
    seen = [v for v in values if np.isfinite(v)]
    return Worst(name(best), float(np.mean(seen)) if seen else np.nan, float(whole[best]))


def _worst_precision(preds: Predictions, arm: str) -> Worst:
    classes = len(preds.classes)
    halves = [
        np.stack([np.bincount(guess[guess == label], minlength=classes), np.bincount(guess, minlength=classes)])
        for label, guess in ((x, y) for x, y in _halves(preds, arm))
    ]

    def precision(table: NDArray[np.intp]) -> Floats:
        with np.errstate(invalid="ignore"):
            return table[0] / table[1]

    return _cross_fit([precision(h) for h in halves], precision(halves[0] + halves[1]), preds.classes.__getitem__)


def _worst_pair(preds: Predictions, arm: str) -> Worst:
    """Return the pair of classes with the largest share of its images answered as the other one.

    Only pairs that are confused at all are counted, for there may be 10,000 classes: too many for a square table.
    """
    classes, halves = len(preds.classes), _halves(preds, arm)
    images = [np.bincount(label, minlength=classes) for label, _ in halves]
    mixed = [(np.minimum(label, guess) * classes + np.maximum(label, guess))[label != guess] for label, guess in halves]
    pairs = np.unique(np.concatenate(mixed))
    if not len(pairs):
        known = np.count_nonzero(images[0] + images[1]) > 1
        return Worst("(none is confused)", 0.0, 0.0) if known else Worst("cannot tell", np.nan, np.nan)
    first, second = np.divmod(pairs, classes)
    times = [np.bincount(np.searchsorted(pairs, x), minlength=len(pairs)) for x in mixed]

    def apart(times: NDArray[np.intp], images: NDArray[np.intp]) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return -times / (images[first] + images[second])

    tables = [apart(*x) for x in zip(times, images, strict=True)]
    whole = apart(times[0] + times[1], images[0] + images[1])
    worst = _cross_fit(tables, whole, lambda i: f"{preds.classes[first[i]]} / {preds.classes[second[i]]}")
    return Worst(worst.name, 0.0 - worst.value, 0.0 - worst.naive)
