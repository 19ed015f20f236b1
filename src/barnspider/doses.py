"""Which dose is best, for the average and for each class; what the average's dose costs a class; curves over doses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError, listing, pick
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats import curves as gp
from barnspider.stats import ladder, selection
from barnspider.stats.crossed import single
from barnspider.stats.intervals import Over, spread
from barnspider.stats.parallel import each

Floats = NDArray[np.float64]
Wanted = Literal["auto", "images and runs", "images", "runs"]
OTHER_HALF = "the other half"
"""Where doses are chosen, when no other images are given: on the half of the images that does not measure."""


@dataclass(frozen=True, eq=False)
class BestDoses(words.Shown):
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
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
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
    by: str = ""

    def __str__(self) -> str:
        others = [visible(arm) for arm in self.contenders if arm != self.best]
        many = f"cannot be told from {listing(others)}" if others else "better than every other arm"
        k = self.arms.index(self.best)
        dose = "" if self.dose[k] is None else f"dose {self.dose[k]:g}, "
        best = f"{visible(self.best)} ({dose}{words.percent(float(self.overall[k]))})"
        grouped = f" {words.grouping(self.by)}." if self.by else ""
        sure = f"{100 * self.level:.4g} % for {words.explained(self.generalizes_to)}"
        return f"Best on average: {best}, {many} ({sure}).{grouped}"


def best_doses(preds: Predictions | Design, *, level: float = 0.95, generalize_to: Wanted = "auto") -> BestDoses:
    """Find the best arm for all images and for each class, with all arms that cannot be told from it (Hsu 1984).

    Raises
    ------
    InputError
        When there are fewer than two arms, or a single run is to be generalized from.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=4, images=400, effect=[[-0.01], [-0.2]], seed=1)
    >>> best_doses(sim.predictions).contenders
    ('baseline', 'arm 1')
    """
    d = _of_arms(preds)
    over = d.over(generalize_to)
    shape = len(d.arms), len(d.layout.n)
    by_class, whole = selection.contenders(*shape, d.contrast, over=over, level=level)
    accuracy, overall = d.accuracy(), d.overall()
    return BestDoses(
        arms=d.arms,
        dose=tuple(d.preds.dose_of(a) for a in d.arms),
        classes=d.preds.units,
        accuracy=accuracy,
        overall=overall,
        best=d.arms[int(np.argmax(overall))],
        contenders=tuple(a for a, k in zip(d.arms, whole, strict=True) if k),
        class_best=np.argmax(np.nan_to_num(accuracy, nan=-1.0), axis=0),
        class_contenders=by_class,
        level=level,
        generalizes_to=over,
        by=d.by,
    )


@dataclass(frozen=True, eq=False)
class Tolls(words.Shown):
    """What classes pay: accuracy at the dose chosen for the class minus at the dose chosen for the average.

    Attributes
    ----------
    classes, arms : names
    toll, low, high : Float[C]
        Cross-fitted: chosen on one part of the data and measured on another; NaN for a class without images.
    naive : Float[C]
        The same from one and the same data, winner's curse included: too large.
    own : the arm chosen for each class by all the data; `average`: the one chosen for the average, or elsewhere
    chosen_for : why that arm was chosen
    chosen_on, measured_on : which images
    level : float
    generalizes_to : what may differ next time
    by : what images are grouped by, as of `BestDoses`
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
    by: str = ""
    chosen_for: str = "best on average"

    @property
    def unit(self) -> str:
        """What pays a toll, as a word: "class" or "group"."""
        return words.unit(self.by)

    def __str__(self) -> str:
        order = np.argsort(-np.nan_to_num(self.toll, nan=-1.0), kind="stable")[:10]
        rows = [self._row(int(c)) for c in order]
        head = [self.unit, "own best", "toll", f"{100 * self.level:.4g} % interval", "naive"]
        where = f"chosen on {self.chosen_on}, measured on {self.measured_on}"
        title = (
            f"Toll of {visible(self.average)} ({self.chosen_for}), in points; {where};"
            f" intervals generalize to {words.explained(self.generalizes_to)}"
        )
        more = len(self.classes) - len(rows)
        return f"{title}\n{words.text_table(head, rows)}" + (f"\n... and {more:,} more" if more else "")

    def _row(self, c: int) -> list[str]:
        if not np.isfinite(self.toll[c]):
            return [self.classes[c], *["cannot tell"] * 4]
        toll, naive = words.points(float(self.toll[c])), words.points(float(self.naive[c]))
        return [self.classes[c], self.own[c], toll, words.between(float(self.low[c]), float(self.high[c])), naive]


def tolls(
    preds: Predictions | Design,
    *,
    choose_on: Predictions | Design | None = None,
    level: float = 0.95,
    generalize_to: Wanted = "auto",
    at: str | None = None,
    chosen_for: str = "best on average",
) -> Tolls:
    """Estimate what each class loses at the dose chosen for the average, without the winner's curse.

    With `at`, at that arm, which was chosen elsewhere; `chosen_for` says why, where it is shown.

    Doses are chosen on some runs and measured on the others, over all halvings of the runs (20 of them when there are
    more); choosing uses the images of `choose_on` (the same runs on validation images), or else one half of each
    class's images while the other half measures.

    Raises
    ------
    InputError
        When there are fewer than two arms, `choose_on` has other runs or classes, or a single run is to be
        generalized from.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=600, runs=6, effect=[[-0.25, 0.1, 0.1]], seed=1)
    >>> t = tolls(sim.predictions)
    >>> t.average, t.own[0], bool(t.low[0] > 0.15)
    ('baseline', 'baseline', False)
    """
    d = _of_arms(preds)
    over = d.over(generalize_to)
    parts = selection.halves(d.counts, d.layout)
    chosen = None if choose_on is None else same_runs(d, choose_on)
    t = selection.toll(
        parts if chosen is None else [_whole(d)],
        parts[::-1] if chosen is None else [_whole(chosen)],
        halvings(d),
        d.layout.n / max(d.layout.n.sum(), 1),
        chosen=(d if chosen is None else chosen).accuracy(),
        whole=d.accuracy(),
        contrast_of=d.contrast,
        over=over,
        level=level,
        at=None if at is None else d.arms.index(pick("arm", at, d.arms)),
    )
    return Tolls(
        classes=d.preds.units,
        arms=d.arms,
        toll=t.toll,
        low=t.low,
        # No true toll is below zero: where another arm than the class's own best was chosen, it measures lower.
        high=np.maximum(t.high, 0.0),
        naive=t.naive,
        own=tuple(d.arms[k] for k in t.own),
        average=d.arms[t.average],
        chosen_on=OTHER_HALF if chosen is None else chosen.preds.on or "the images given to choose on",
        measured_on=d.preds.on or "these images",
        level=level,
        generalizes_to=over,
        by=d.by,
        chosen_for=chosen_for,
    )


def halvings(d: Design) -> list[list[NDArray[np.bool_]]]:
    """Return ways to halve the runs, a mask of each arm's; runs of equal seed go together where they are paired.

    Examples
    --------
    >>> preds = Predictions.from_arrays([0, 1], {"a": [[0, 1], [0, 0]], "b": [[1, 1]]})
    >>> [[mask.tolist() for mask in way] for way in halvings(Design.of(preds))]
    [[[True, False], [True]], [[False, True], [True]]]
    """
    if d.preds.paired:
        every = sorted(set().union(*d.seeds))
        return [[half[np.searchsorted(every, own)] for own in d.seeds] for half in selection.splits(len(every))]
    ways = [selection.splits(len(own)) for own in d.seeds]
    return [[way[i % len(way)] for way in ways] for i in range(max(len(way) for way in ways))]


@dataclass(frozen=True, eq=False)
class DoseCurves(words.Shown):
    """A smooth curve over doses for every class: `fit` (see `stats.curves.Curves`), and the points it was fitted to.

    Attributes
    ----------
    classes : names
    dose : Float[K], increasing
    accuracy : Float[K, C]
    noise : Float[K, C]
        Variance of what each dose's accuracy strays from the curve, but for what all doses share.
    fit : curves, peaks, and the doses where a class has lost `fit.delta`, each with its interval
    level : float
    by : what images are grouped by, as of `BestDoses`
    """

    classes: tuple[str, ...]
    dose: Floats
    accuracy: Floats
    noise: Floats
    fit: gp.Curves
    level: float
    by: str = ""

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
        table = words.text_table([words.unit(self.by), "peak at dose", lost], rows)
        return f"{title}\n{table}" + (f"\n... and {more:,} more" if more else "")


def _within(at: Floats, low: Floats, high: Floats, c: int) -> str:
    """Return "0.4 (0.2 to 0.6)"; beyond the doses that were studied is "never"."""
    if np.isnan(at[c]):
        return "cannot tell"
    return "{} ({} to {})".format(*("never" if np.isinf(x[c]) else f"{x[c]:.3g}" for x in (at, low, high)))


def dose_curves(
    preds: Predictions | Design,
    *,
    baseline: str | None = None,
    delta: float = 0.02,
    level: float = 0.95,
    generalize_to: Wanted = "auto",
) -> DoseCurves:
    """Fit every class's accuracy as a smooth curve of the dose.

    Changes are from `baseline`, an arm, by default that of the smallest dose; losses are from the smallest dose.

    Raises
    ------
    InputError
        When fewer than three arms have a dose, two have the same, or a single run is to be generalized from.

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
    d, doses = _in_order_of_dose(preds, baseline)
    found = _scatter(d, doses, d.over(generalize_to), level)
    at = None if baseline is None else d.arms.index(baseline)
    fit = gp.fit(doses, d.accuracy(), found, delta=delta, level=level, baseline=at)
    tried = np.isfinite(doses)
    return DoseCurves(
        d.preds.units, doses[tried], d.accuracy()[tried], (found.own + found.drift)[tried], fit, level, d.by
    )


def why_no_curves(preds: Predictions | Design) -> str | None:
    """Return why these answers have no curves over doses; None where they have.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> why_no_curves(simulate(doses=(0.0, 1.0)).predictions)
    'doses are 0, 1; expected three different ones or more, each of one arm'
    """
    doses = list(_doses(preds).values())
    if len(set(doses)) >= max(3, len(doses)):
        return None
    given = listing(f"{dose:g}" for dose in doses) or "not given"
    return f"doses are {given}; expected three different ones or more, each of one arm"


def _doses(answers: Predictions | Design) -> dict[str, float]:
    """Return the arms that have a dose, and their doses."""
    preds = answers.preds if isinstance(answers, Design) else answers
    return {a: dose for a in answers.arms if (dose := preds.dose_of(a)) is not None}


def _in_order_of_dose(answers: Predictions | Design, baseline: str | None) -> tuple[Design, Floats]:
    """Return the arms that have a dose, in its order, and last a baseline that has none: NaN."""
    if why := why_no_curves(answers):
        raise InputError(why)
    arms = _doses(answers)
    names = sorted(arms, key=arms.__getitem__)
    if baseline is not None and pick("baseline", baseline, answers.arms) not in arms:
        names.append(baseline)
    return Design.of(answers, names), np.array([arms.get(name, np.nan) for name in names], dtype=np.float64)


def _scatter(d: Design, doses: Floats, over: Over, level: float) -> ladder.Scatter:
    """Return how accuracies stray from the curve, from the differences of all pairs of doses."""
    arms, classes = len(d.arms), len(d.layout.n)
    between, df = np.zeros((arms, arms, classes)), np.zeros((arms, arms, classes))

    def apart(pair: tuple[int, int]) -> None:
        c = d.contrast(*pair)
        s = spread(c, over, level)
        # Runs that are not paired are two series, and each dose knows but one of them.
        share = 1 if over == "images" else len(c.parts)
        for k, m in (pair, pair[::-1]):
            between[k, m], df[k, m] = s.variance, s.df / share

    each(apart, list(combinations(range(arms), 2)))
    alone = [single(counts, d.layout) for counts in d.counts]
    spreads = [spread(c, over, level) for c in alone]
    place = np.full(arms, np.nan)
    tried = np.isfinite(doses)
    place[tried] = np.linspace(0, 1, int(tried.sum()))
    return ladder.scatter(
        place, between, df, np.array([s.variance for s in spreads]), np.array([s.df for s in spreads]),
        np.array([c.binomial for c in alone]),
    )  # fmt: skip


def _of_arms(answers: Predictions | Design) -> Design:
    if len(answers.arms) < 2:
        raise InputError(f"preds has the arms {list(answers.arms)}; expected two or more")
    return Design.of(answers)


def _whole(d: Design) -> selection.Part:
    return selection.Part(d.layout.n, tuple(arm.per_run for arm in d.counts))


def same_runs(d: Design, answers: Predictions | Design) -> Design:
    """Return the counts of `answers`, which must have the same arms, seeds and classes.

    Raises
    ------
    InputError
        When they have others.
    """
    if set(d.arms) == set(answers.arms):
        other = Design.of(answers, d.arms)
        if other.seeds == d.seeds and other.preds.units == d.preds.units:
            return other
    raise InputError("choose_on has other runs or classes; expected the same arms, seeds and classes, on other images")
