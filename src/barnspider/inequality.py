"""How unequal are classes in each arm, and does an arm make them more so? Measures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError, pick
from barnspider.predictions import Predictions
from barnspider.stats.dispersion import MEASURES, Arm, Measured, measure, measure_change
from barnspider.stats.intervals import Over
from barnspider.stats.parallel import each
from barnspider.stats.selection import odd_images

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]

ABREAST = 3
"""How many arms stand beside the baseline in one table: no wider than a window."""


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
class Inequality(words.Shown):
    """How unequal classes are, by arm. The baseline is `arms[0]`.

    Attributes
    ----------
    arms : names
    measures : for each arm, each measure by name: corrected for noise and selection, with its interval, and naive
    change : for each arm but the first, the change of each measure: its level less that of the first arm
    worst_precision, worst_pair : for each arm; a pair's value is the share of its images confused within the pair
    level : float
    generalizes_to : what may differ next time
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
    left_out : why no worst precision and no worst pair are told; empty where they are
    labels : "single", or "sets" where any label of an image's set is right
    unlabelled : how many images are left out since none of their labels is right
    """

    arms: tuple[str, ...]
    measures: tuple[dict[str, Measured], ...]
    change: tuple[dict[str, Measured], ...]
    worst_precision: tuple[Worst, ...]
    worst_pair: tuple[Worst, ...]
    level: float
    generalizes_to: Over
    by: str = ""
    left_out: str = ""
    labels: str = "single"
    unlabelled: int = 0

    def __str__(self) -> str:
        title = (
            f"Inequality of {words.plural(words.unit(self.by))}, in points (noise and selection taken out);"
            f" {100 * self.level:.4g} % intervals generalize to {words.explained(self.generalizes_to)}"
        )
        others = range(1, len(self.arms))
        blocks = [[0, *others[i : i + ABREAST]] for i in range(0, max(len(others), 1), ABREAST)]
        about = [words.grouping(self.by) if self.by else "", words.judged_by(self.labels, self.unlabelled)]
        head = "\n".join([title, *filter(None, about), self._table(blocks[0])])
        tail = [f"Left out: precision and confused pairs, since {self.left_out}."] if self.left_out else []
        return "\n\n".join([head, *map(self._table, blocks[1:]), *tail])

    def _table(self, arms: Sequence[int]) -> str:
        """Return the table of the baseline, the first, and some other arms: as many as stand side by side."""
        head = ["measure", *(self.arms[k] for k in arms)]
        named = {name: name.replace("class", words.unit(self.by)) for name in MEASURES}
        rows = [[named[name], *(_shown(self.measures[k][name]) for k in arms)] for name in MEASURES]
        changes = [self.change[k - 1] for k in arms[1:]]
        rows += [[f"change of {named[name]}", "", *(_shown(m[name], sign=True) for m in changes)] for name in MEASURES]
        if not self.left_out:
            rows.append(["worst precision", *(_chosen(self.worst_precision[k]) for k in arms)])
            rows.append(["most confused pair", *(_chosen(self.worst_pair[k]) for k in arms)])
        return words.text_table(head, rows)


def _shown(m: Measured, *, sign: bool = False) -> str:
    if not np.isfinite([m.value, m.low, m.high]).all():
        return "cannot tell"
    return f"{words.points(m.value, sign=sign)} ({words.between(m.low, m.high)})"


def _chosen(w: Worst) -> str:
    return f"{words.percent(w.value + 0.0)} {w.name}" if np.isfinite(w.value) else "cannot tell"


def inequality(
    preds: Predictions | Design,
    baseline: str,
    *,
    level: float = 0.95,
    generalize_to: Literal["auto", "images"] = "auto",
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
    base = pick("baseline", baseline, preds.arms)
    d = Design.of(preds, (base, *(a for a in preds.arms if a != base)))
    measures, change = _levels_and_changes(d, wanted, level)
    worst = each(lambda k: _worst(d, k), range(len(d.arms)))
    return Inequality(
        arms=d.arms,
        measures=measures,
        change=change,
        worst_precision=tuple(x for x, _ in worst),
        worst_pair=tuple(x for _, x in worst),
        level=level,
        generalizes_to=d.over(wanted),
        by=d.by,
        left_out=words.no_answers(d.preds.by) if d.preds.answered is None else "",
        labels="single" if d.preds.accepted is None else "sets",
        unlabelled=d.preds.unlabelled,
    )


Table = tuple[dict[str, Measured], ...]


def _levels_and_changes(d: Design, wanted: str, level: float) -> tuple[Table, Table]:
    others = range(1, len(d.arms))
    if not d.layout.n.any():
        nothing = {name: Measured(np.nan, np.nan, np.nan, np.nan) for name in MEASURES}
        return (nothing,) * len(d.arms), (nothing,) * len(others)

    @cache
    def posterior(k: int, over: Over) -> Arm:
        return Arm.of(d.counts[k], d.layout, over, level)

    def change(k: int) -> dict[str, Measured]:
        over = d.over(wanted, 0, k)
        return measure_change(posterior(0, over), posterior(k, over), d.contrast(0, k), (levels[0], levels[k]))

    levels = each(lambda k: measure(posterior(k, d.over(wanted, k))), range(len(d.arms)))
    return tuple(levels), tuple(each(change, others))


UNKNOWN = Worst("cannot tell", np.nan, np.nan)


def _worst(d: Design, k: int) -> tuple[Worst, Worst]:
    """Return an arm's worst precision and its most confused pair; unknown where answers are of no group."""
    of, guess = d.preds.answered, d.guesses(k)
    if of is None:
        return (UNKNOWN, UNKNOWN)
    answered = guess if d.preds.group is None else of[guess]
    return _worst_precision(d, k, answered), _worst_pair(d, k, answered)


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


def _worst_precision(d: Design, k: int, answered: Ints) -> Worst:
    """Return the class whose name, where an arm gives it, is wrong most often; or the group of such classes."""
    classes = d.preds.units
    kind = 2 * odd_images(d.layout) + d.counts[k].answers
    table = np.bincount((4 * answered.astype(np.int64) + kind).ravel(), minlength=4 * len(classes))
    given, hits = table.reshape(-1, 2, 2).sum(axis=2).T, table.reshape(-1, 2, 2)[:, :, 1].T

    def precision(hits: NDArray[np.intp], given: NDArray[np.intp]) -> Floats:
        with np.errstate(invalid="ignore"):
            return hits / given

    halves = [precision(hits[h], given[h]) for h in (0, 1)]
    return _cross_fit(halves, precision(hits.sum(axis=0), given.sum(axis=0)), classes.__getitem__)


def _worst_pair(d: Design, k: int, answered: Ints) -> Worst:
    """Return the pair of classes with the largest share of its images answered as the other one.

    Only pairs that are confused at all are counted, for there may be 10,000 classes: too many for a square table.
    """
    names, n = d.preds.units, d.layout.n
    pairs, times = _confused(d, k, answered)
    if not len(pairs):
        several = np.count_nonzero(n) > 1
        return Worst("(none is confused)", 0.0, 0.0) if several else Worst("cannot tell", np.nan, np.nan)
    first, second = np.divmod(pairs, len(names))

    def apart(times: NDArray[np.intp], images: NDArray[np.int64]) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return -times / (d.counts[k].runs * (images[first] + images[second]))

    tables = [apart(times[0], n - n // 2), apart(times[1], n // 2)]
    worst = _cross_fit(tables, apart(times.sum(axis=0), n), lambda i: f"{names[first[i]]} / {names[second[i]]}")
    return Worst(worst.name, 0.0 - worst.value, 0.0 - worst.naive)


def _confused(d: Design, k: int, answered: Ints) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return pairs of classes, as smaller * C + larger, and how often each was confused in each half: Int[2, P]."""
    wrong = np.flatnonzero(d.counts[k].answers == 0)
    image = wrong % answered.shape[1]
    own, other = (x.astype(np.int64) for x in (d.preds.unit[d.layout.order[image]], answered.ravel()[wrong]))
    # Of groups, another class of the same one; of label sets, a label that is none of the right ones: no two of a pair.
    image, own, other = (x[own != other] for x in (image, own, other))
    classes = len(d.preds.units)
    coded = 2 * (np.minimum(own, other) * classes + np.maximum(own, other)) + odd_images(d.layout)[image]
    # Half as wide, numbers are sorted twice as fast.
    kind, times = np.unique(coded.astype(np.uint32 if 2 * classes**2 < 2**32 else np.int64), return_counts=True)
    half, pair = kind % 2, kind.astype(np.int64) // 2
    new = np.diff(pair, prepend=-1) > 0
    table = np.zeros((2, np.count_nonzero(new)), dtype=np.intp)
    table[half, np.cumsum(new) - 1] = times
    return pair[new], table
