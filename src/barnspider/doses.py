"""Which dose is best, for the average and for each class; what the average's dose costs a class; curves over doses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError, listing, pick
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats import curves as gp
from barnspider.stats import selection
from barnspider.stats.crossed import Arm, ByClass, Contrast, by_class, contrast, count
from barnspider.stats.intervals import Over, spread

Floats = NDArray[np.float64]
Wanted = Literal["auto", "images and runs", "images", "runs"]


@dataclass(frozen=True, eq=False)
class BestDoses:
    """The best arm, and every arm that cannot be told from it. K arms, C classes.

    Attributes
    ----------
    arms, dose, classes : names, and doses or None
    accuracy : Float[K, C]
    overall : Float[K]
    best : the arm with the highest accuracy over all images
    contenders : the arms that cannot be told from the best one; the truly best is among them with probability `level`
    class_best : Int[C]; class_contenders : Bool[K, C]
        The same for each class, one class by itself.
    level : float
    generalizes_to : what may differ next time
    """

    arms: tuple[str, ...]
    dose: tuple[float | None, ...]
    classes: tuple[str, ...]
    accuracy: Floats
    overall: Floats
    best: str
    contenders: tuple[str, ...]
    class_best: NDArray[np.intp]
    class_contenders: NDArray[np.bool_]
    level: float
    generalizes_to: Over

    def __str__(self) -> str:
        others = [visible(arm) for arm in self.contenders if arm != self.best]
        many = f"cannot be told from {listing(others)}" if others else "better than every other arm"
        accuracy = words.percent(float(self.overall[self.arms.index(self.best)]))
        return f"Best on average: {visible(self.best)} ({accuracy}), {many} ({100 * self.level:.4g} %)."


def best_doses(preds: Predictions, *, level: float = 0.95, generalize_to: Wanted = "auto") -> BestDoses:
    """Find the best arm for all images and for each class, with all arms that cannot be told from it (Hsu 1984).

    Raises
    ------
    InputError
        When there are fewer than two arms.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=4, images=400, effect=[[-0.01], [-0.2]], seed=1)
    >>> best_doses(sim.predictions).contenders
    ('baseline', 'arm 1')
    """
    d = _Design.of(preds, generalize_to)
    by, whole = selection.pairwise(d.counts, d.layout, over=d.over, paired=d.paired, level=level)
    accuracy = d.accuracy()
    overall = np.array([arm.per_run.sum() / (arm.runs * len(preds.label)) for arm in d.counts])
    keep = selection.contenders(whole, level)[:, 0]
    return BestDoses(
        arms=d.arms,
        dose=tuple(preds.dose_of(a) for a in d.arms),
        classes=preds.classes,
        accuracy=accuracy,
        overall=overall,
        best=d.arms[int(np.argmax(overall))],
        contenders=tuple(a for a, k in zip(d.arms, keep, strict=True) if k),
        class_best=np.argmax(np.nan_to_num(accuracy, nan=-1.0), axis=0),
        class_contenders=selection.contenders(by, level),
        level=level,
        generalizes_to=d.over,
    )


@dataclass(frozen=True, eq=False)
class Tolls:
    """What classes pay: accuracy at the dose chosen for the class minus at the dose chosen for the average.

    Attributes
    ----------
    classes, arms : names
    toll, low, high : Float[C]
        Cross-fitted: chosen on one part of the data and measured on another; NaN for a class without images.
    naive : Float[C]
        The same from one and the same data, winner's curse included: too large.
    own : the arm chosen for each class by all the data; `average`: the one chosen for the average
    chosen_on, measured_on : which images
    level : float
    generalizes_to : what may differ next time
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    toll: Floats
    low: Floats
    high: Floats
    naive: Floats
    own: tuple[str, ...]
    average: str
    chosen_on: str
    measured_on: str
    level: float
    generalizes_to: Over

    def __str__(self) -> str:
        order = np.argsort(-np.nan_to_num(self.toll, nan=-1.0), kind="stable")[:10]
        rows = [self._row(int(c)) for c in order]
        head = ["class", "own best", "toll", f"{100 * self.level:.4g} % interval", "naive"]
        where = f"chosen on {self.chosen_on}, measured on {self.measured_on}"
        title = f"Toll of {visible(self.average)} (best on average), in points; {where}"
        more = len(self.classes) - len(rows)
        return f"{title}\n{words.text_table(head, rows)}" + (f"\n... and {more:,} more" if more else "")

    def _row(self, c: int) -> list[str]:
        if not np.isfinite(self.toll[c]):
            return [self.classes[c], *["cannot tell"] * 4]
        toll, naive = words.points(float(self.toll[c])), words.points(float(self.naive[c]))
        return [self.classes[c], self.own[c], toll, words.between(float(self.low[c]), float(self.high[c])), naive]


def tolls(
    preds: Predictions, *, choose_on: Predictions | None = None, level: float = 0.95, generalize_to: Wanted = "auto"
) -> Tolls:
    """Estimate what each class loses at the dose chosen for the average, without the winner's curse.

    Doses are chosen on some runs and measured on the others, over all halvings of the runs (20 of them when there are
    more); choosing uses the images of `choose_on` (the same runs on validation images), or else one half of each
    class's images while the other half measures.

    Raises
    ------
    InputError
        When there are fewer than two arms, or `choose_on` has other runs or classes.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=600, runs=6, effect=[[-0.25, 0.1, 0.1]], seed=1)
    >>> t = tolls(sim.predictions)
    >>> t.average, t.own[0], bool(t.low[0] > 0.15)
    ('baseline', 'baseline', False)
    """
    d = _Design.of(preds, generalize_to)
    chosen = d if choose_on is None else _Design.of(_same_runs(preds, choose_on), generalize_to)
    weight = d.layout.n / max(d.layout.n.sum(), 1)
    measure = d.halves() if choose_on is None else [d.per_run()]
    choose = measure[::-1] if choose_on is None else [chosen.per_run()]
    cells = [_folds(d.counts, choose, measure, i) for i in range(max(len(selection.splits(a.runs)) for a in d.counts))]
    t = selection.toll(
        [[a for a, _ in x] for x in cells],
        [[b for _, b in x] for x in cells],
        weight,
        chosen=chosen.accuracy(),
        whole=d.accuracy(),
        contrast_of=d.contrasts(),
        over=d.over,
        level=level,
    )
    return Tolls(
        classes=preds.classes,
        arms=d.arms,
        toll=t.toll,
        low=t.low,
        high=t.high,
        naive=t.naive,
        own=tuple(d.arms[k] for k in t.own),
        average=d.arms[t.average],
        chosen_on=(choose_on.on or "the images given to choose on") if choose_on is not None else "the other half",
        measured_on=preds.on or "these images",
        level=level,
        generalizes_to=d.over,
    )


def _folds(
    counts: list[Arm], choose: list[list[Floats]], measure: list[list[Floats]], split: int
) -> list[tuple[Floats, Floats]]:
    """Return (accuracies to choose by, accuracies to measure by), Float[K, C] each, for both roles of each half."""
    ways = [selection.splits(arm.runs) for arm in counts]
    masks = [way[split % len(way)] for way in ways]
    out: list[tuple[Floats, Floats]] = []
    for by, on in zip(choose, measure, strict=True):
        for flip in (False, True):
            first = [x[m != flip].mean(axis=0) if len(x) > 1 else x[0] for x, m in zip(by, masks, strict=True)]
            second = [x[m == flip].mean(axis=0) if len(x) > 1 else x[0] for x, m in zip(on, masks, strict=True)]
            out.append((np.array(first), np.array(second)))
    return out


@dataclass(frozen=True, eq=False)
class DoseCurves:
    """A smooth curve over doses for every class: `fit` (see `stats.curves.Curves`), and the points it was fitted to.

    Attributes
    ----------
    classes : names
    dose : Float[K]; accuracy, noise : Float[K, C]
    fit : curves, peaks, and the doses where a class has lost `fit.delta`, each with its interval
    level : float
    """

    classes: tuple[str, ...]
    dose: Floats
    accuracy: Floats
    noise: Floats
    fit: gp.Curves
    level: float

    def __str__(self) -> str:
        f = self.fit
        order = [int(c) for c in np.lexsort((np.arange(len(self.classes)), f.lost))[:10]]
        rows = [
            [self.classes[c], _within(f.peak, f.peak_low, f.peak_high, c), _within(f.lost, f.lost_low, f.lost_high, c)]
            for c in order
        ]
        more = len(self.classes) - len(rows)
        title = f"Smooth curves over the doses ({100 * self.level:.4g} % intervals); who loses first stands first"
        lost = f"loses {words.points(f.delta, sign=False)} points from dose"
        table = words.text_table(["class", "peak at dose", lost], rows)
        return f"{title}\n{table}" + (f"\n... and {more:,} more" if more else "")


def _within(at: Floats, low: Floats, high: Floats, c: int) -> str:
    """Return "0.4 (0.2 to 0.6)"; beyond the doses that were studied is "never"."""
    if np.isnan(at[c]):
        return "cannot tell"
    return "{} ({} to {})".format(*("never" if np.isinf(x[c]) else f"{x[c]:.3g}" for x in (at, low, high)))


def dose_curves(
    preds: Predictions, *, delta: float = 0.02, level: float = 0.95, generalize_to: Wanted = "auto"
) -> DoseCurves:
    """Fit every class's accuracy as a smooth curve of the dose.

    Raises
    ------
    InputError
        When fewer than three arms have a dose, or two have the same.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> doses = (0.0, 0.25, 0.5, 0.75, 1.0)
    >>> effect = [[0.05, -0.02], [0.06, -0.10], [0.03, -0.20], [-0.05, -0.35]]
    >>> sim = simulate(classes=2, images=2000, runs=4, effect=effect, doses=doses, paired=True, seed=1)
    >>> made = dose_curves(sim.predictions)
    >>> [0.2 < float(made.fit.peak[0]) < 0.7, float(made.fit.peak[1]) < 0.1]
    [True, True]
    """
    with_dose = [a for a in preds.arms if preds.dose_of(a) is not None]
    doses = np.array([preds.dose_of(a) for a in with_dose], dtype=np.float64)
    if len(set(doses.tolist())) < 3 or len(set(doses.tolist())) < len(doses):
        given = listing(f"{dose:g}" for dose in doses) or "not given"
        raise InputError(f"doses are {given}; expected three different ones or more, each of one arm")
    d = _Design.of(preds.where(arms=with_dose), generalize_to)
    noise = _noise(d, level)
    accuracy = d.accuracy()
    return DoseCurves(
        preds.classes, doses, accuracy, noise, gp.fit(doses, accuracy, noise, delta=delta, level=level), level
    )


def _noise(d: _Design, level: float) -> Floats:
    """Return how each dose's accuracy scatters about the curve: half the variance of its contrast with its neighbours.

    Images that all doses share move the whole curve, not its shape; contrasts are free of them.
    """
    steps = [
        spread(contrast(d.counts[k], d.counts[k + 1], d.layout, paired=d.paired), d.over, level).variance / 2
        for k in range(len(d.counts) - 1)
    ]
    return np.array([np.mean(steps[max(k - 1, 0) : k + 1], axis=0) for k in range(len(d.counts))])


@dataclass(frozen=True, eq=False)
class _Design:
    """Counts of every arm, runs in order of seed, images in order of class and id."""

    arms: tuple[str, ...]
    counts: list[Arm]
    layout: ByClass
    over: Over
    paired: bool

    @classmethod
    def of(cls, preds: Predictions, wanted: Wanted) -> _Design:
        if len(preds.arms) < 2:
            raise InputError(f"preds has the arms {list(preds.arms)}; expected two or more")
        pick("generalize_to", wanted, ("auto", "images and runs", "images", "runs"))
        preds = preds.where(samples=np.argsort(preds.sample, kind="stable"))
        rows = {a: sorted(preds.rows(a), key=lambda r: preds.seed[r]) for a in preds.arms}
        seeds = [[preds.seed[r] for r in rows[a]] for a in preds.arms]
        layout, right = by_class(preds.label, len(preds.classes)), preds.correct()
        few = min(len(s) for s in seeds) < 2
        if few and wanted not in {"auto", "images"}:
            raise InputError(f"generalize_to={wanted!r}, but an arm has one run; expected two or more in every arm")
        over: Over = ("images" if few else "images and runs") if wanted == "auto" else wanted
        counts = [count(right[rows[a]], layout) for a in preds.arms]
        return cls(preds.arms, counts, layout, over, preds.paired and all(s == seeds[0] for s in seeds))

    def accuracy(self) -> Floats:
        """Float[K, C]."""
        return np.array([x.mean(axis=0) for x in self.per_run()])

    def per_run(self) -> list[Floats]:
        """Float[J, C] of each arm."""
        with np.errstate(invalid="ignore"):
            return [arm.per_run / self.layout.n for arm in self.counts]

    def halves(self) -> list[list[Floats]]:
        """Float[J, C] of each arm, on every other image of each class and on those between."""
        rank = np.arange(len(self.layout.order)) - np.repeat(self.layout.start, self.layout.n[self.layout.present])
        out: list[list[Floats]] = []
        for parity in (0, 1):
            mine = rank % 2 == parity
            n = self.layout.sum(mine.astype(np.uint8))
            with np.errstate(invalid="ignore"):
                out.append([self.layout.sum(arm.answers * mine) / n for arm in self.counts])
        return out

    def contrasts(self) -> list[list[Contrast | None]]:
        """Every arm against every other, None on the diagonal."""
        size = len(self.counts)
        out: list[list[Contrast | None]] = [[None] * size for _ in range(size)]
        for k, m in combinations(range(size), 2):
            out[k][m] = out[m][k] = contrast(self.counts[k], self.counts[m], self.layout, paired=self.paired)
        return out


def _same_runs(preds: Predictions, other: Predictions) -> Predictions:
    """Return `other`, which must have the same runs and classes."""
    runs: list[Any] = [sorted(zip(p.arm, p.seed, strict=True)) for p in (preds, other)]
    if runs[0] != runs[1] or preds.classes != other.classes:
        raise InputError(
            "choose_on has other runs or classes; expected the same arms, seeds and classes, on other images"
        )
    return other.where(runs=[r for a in preds.arms for r in other.rows(a)])
