"""Runs that were made again, held against the first: the same bit for bit, or the same but for chance, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.design import Design
from barnspider.errors import InputError, listing, pick
from barnspider.joining import concat
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats.crossed import Arm, Contrast, pool
from barnspider.stats.heterogeneity import class_dependence
from barnspider.stats.intervals import spread, t_interval
from barnspider.stats.multiplicity import holm
from barnspider.stats.repeated import repeated_accuracy, repeated_change

Floats = NDArray[np.float64]
Status = Literal["agree", "disagree", "cannot tell"]
EXIT_CODES: dict[Status, int] = {"agree": 0, "disagree": 1, "cannot tell": 3}
MARGIN = 0.02
"""What the average and the classes may certainly differ by at most, to agree: two points."""

FURTHEST = 2.0
"""How far two effects can be apart."""


@dataclass(frozen=True)
class Compared:
    """One run that was made twice: how many of its images got another answer the second time."""

    arm: str
    seed: int
    images: int
    differ: int


@dataclass(frozen=True, eq=False)
class Agreement(words.Shown):
    """How new runs of some arms differ from the first. A rows, C classes; proportions.

    Attributes
    ----------
    rows, classes : arms, and names of classes
    baseline : the arm whose changes are compared; None where accuracies are compared, arm by arm
    first, again : for each row, how many runs there were, and are now
    difference, low, high, p : Float[A, C]
        The new effect (or accuracy) less the first, its interval for new runs on these very images, and its p-value
        corrected for the number of classes, rows and averages (Holm); NaN where a class has no images.
    overall, overall_low, overall_high, overall_p : Float[A]
        The same over all images.
    tau, tau_low, tau_high : Float[A]
        Standard deviation of the true differences over classes, and its interval.
    new : new runs, those of the baseline among them
    twice : runs of equal arm and seed, and how many answers differ
    why_not : for each row, why nothing can be said of its difference; empty where something can
    level, margin : of the intervals; and what effects may differ by
    """

    rows: tuple[str, ...]
    classes: tuple[str, ...]
    baseline: str | None
    first: tuple[int, ...]
    again: tuple[int, ...]
    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    overall: Floats
    overall_low: Floats
    overall_high: Floats
    overall_p: Floats
    tau: Floats
    tau_low: Floats
    tau_high: Floats
    new: int
    twice: tuple[Compared, ...]
    why_not: tuple[str, ...]
    level: float
    margin: float

    @property
    def identical(self) -> int:
        """How many of the runs that were made twice gave every image the same answer."""
        return sum(run.differ == 0 for run in self.twice)

    @property
    def all_identical(self) -> bool:
        """Whether there are new runs, and each is the same bit for bit as a first one."""
        return 0 < self.new == len(self.twice) == self.identical

    @property
    def apart(self) -> NDArray[np.bool_]:
        """Bool[A, C]: certainly different."""
        return np.nan_to_num(self.p, nan=1.0) < 1 - self.level

    @property
    def covered(self) -> float:
        """The share of the classes' intervals that hold 0; NaN where there is none."""
        known = np.isfinite(self.difference)
        within = (self.low <= 0) & (self.high >= 0)
        return float(within[known].mean()) if known.any() else float("nan")

    @property
    def status(self) -> Status:
        """Whether the new runs show what the first showed.

        "agree": all runs are the same bit for bit; or no class and no average certainly differs, and certainly the
        averages differ by less than the margin, and so do the classes, in standard deviation.
        """
        if self.all_identical:
            return "agree"
        if self.apart.any() or (np.nan_to_num(self.overall_p, nan=1.0) < 1 - self.level).any():
            return "disagree"
        sure = (self.overall_low > -self.margin) & (self.overall_high < self.margin)
        alike = (self.tau_high < self.margin) | (np.isfinite(self.difference).sum(axis=1) < 2)
        return "agree" if len(self.rows) and not any(self.why_not) and bool((sure & alike).all()) else "cannot tell"

    @property
    def exit_code(self) -> int:
        """0 where they agree, 1 where they do not, 3 where nobody can tell."""
        return EXIT_CODES[self.status]

    def __str__(self) -> str:
        what = f"effects against {visible(self.baseline)}" if self.baseline else "accuracies"
        if self.all_identical:
            return f"{self._same()}\n{self._verdict()}"
        sure = f"{100 * self.level:.4g} % intervals for new runs on these very images"
        title = f"New runs less the first, {what}, in points; {sure}"
        head = ["arm", "runs", "average", "sd over classes (tau)", "furthest class", "its difference", "certain"]
        table = words.text_table(head, [self._row(a) for a in range(len(self.rows))])
        return "\n".join(filter(None, [self._same(), title, table, self._covered(), self._verdict()]))

    def _same(self) -> str:
        if not self.twice:
            return "No run has the arm and the seed of another: none can be compared answer by answer."
        runs, images = len(self.twice), sum(run.images for run in self.twice)
        differ = sum(run.differ for run in self.twice)
        share = words.percent(differ / images, 2) if images else "unknown"
        return (
            f"{self.identical} of {words.counted(runs, 'run')} that {'was' if runs == 1 else 'were'} made twice"
            f" gave the same answers bit for bit; of all their answers, {share} differ."
        )

    def _row(self, a: int) -> list[str]:
        runs = f"{self.first[a]}, {self.again[a]} new"
        if self.why_not[a]:
            return [self.rows[a], runs, f"cannot tell: {self.why_not[a]}", "", "", "", ""]
        known = np.isfinite(self.difference[a])
        c = int(np.argmax(np.where(known, np.abs(np.nan_to_num(self.difference[a])), -1.0)))
        tau = f"{words.points(self.tau[a], sign=False)} ({words.between(self.tau_low[a], self.tau_high[a])})"
        return [
            self.rows[a], runs, _interval(self.overall[a], self.overall_low[a], self.overall_high[a]),
            tau if np.isfinite(self.tau_high[a]) else "cannot tell", self.classes[c],
            _interval(self.difference[a, c], self.low[a, c], self.high[a, c]), str(int(self.apart[a].sum())),
        ]  # fmt: skip

    def _covered(self) -> str:
        if np.isnan(self.covered):
            return ""
        usual = f"{100 * self.level:.4g} %"
        return f"{100 * self.covered:.0f} % of the classes' intervals hold 0; where all differs by chance, {usual} do."

    def _verdict(self) -> str:
        margin = words.points(self.margin, sign=False)
        told: dict[Status, str] = {
            "agree": "They agree: bit for bit." if self.all_identical else f"They agree, within {margin} points.",
            "disagree": "They disagree: chance does not explain what is certain above.",
            "cannot tell": f"Cannot tell: nothing certainly differs, but {margin} points may; more seeds would say.",
        }
        return told[self.status]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain Python: proportions, and None where nothing is known."""
        return {"status": self.status, "identical": self.identical, "covered": plain(self.covered), **plain(self)}


def _interval(value: float, low: float, high: float) -> str:
    return f"{words.points(value)} ({words.between(low, high)})"


def agreement(
    first: Predictions,
    again: Predictions,
    baseline: str | None = None,
    *,
    level: float = 0.95,
    margin: float = MARGIN,
) -> Agreement:
    """Compare runs that were made again with the first, on the same images.

    Runs scatter alike if the recipe is the same, which is what is asked; how much, the runs of both tell. Where seeds
    are the same, too, runs may be alike beyond that, and intervals are on the safe side.

    Parameters
    ----------
    first, again
        Answers to the same images; arms that only one of them has are left out.
    baseline
        Compare effects against this arm; None: compare accuracies, arm by arm.
    margin
        What may differ, as a proportion, and still be called agreement.

    Raises
    ------
    InputError
        When they are about other images or classes, have no arm in common, or the baseline is in one of them only.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> preds = simulate(classes=3, images=300, runs=6, effect=[-0.1, 0, 0], seed=1).predictions
    >>> seeds = np.array(preds.seed)
    >>> found = agreement(preds.where(runs=seeds < 4), preds.where(runs=seeds >= 4), "baseline")
    >>> found.rows, found.first, found.again, found.status
    (('arm 1',), (4,), (2,), 'cannot tell')
    """
    if not 0 < margin < 1:
        raise InputError(f"margin={margin!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    both = [arm for arm in first.arms if arm in again.arms]
    if baseline is not None:
        pick("baseline", baseline, both)
    rows = tuple(arm for arm in both if arm != baseline)
    if not rows:
        raise InputError(
            f"there is nothing to compare: the first runs are of {listing(first.arms)}, the new ones of"
            f" {listing(again.arms)}"
        )
    designs = _designs(first, again, [*([] if baseline is None else [baseline]), *rows])
    return _assemble(*designs, rows, baseline, level, margin)


def _designs(first: Predictions, again: Predictions, arms: Sequence[str]) -> tuple[Design, Design]:
    """Return the counts of both, images in the same order."""
    marked = [
        replace(p, arm=tuple(f"{mark} {arm}" for arm in p.arm), p_label=None, left_out=())
        for mark, p in (("first", first.where(arms=arms)), ("again", again.where(arms=arms)))
    ]
    d = Design.of(concat(marked))
    return Design.of(d, [f"first {arm}" for arm in arms]), Design.of(d, [f"again {arm}" for arm in arms])


@dataclass(frozen=True, eq=False)
class _Row:
    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    overall: tuple[float, float, float, float]
    tau: tuple[float, float, float]
    why_not: str


def _assemble(
    first: Design, again: Design, rows: tuple[str, ...], baseline: str | None, level: float, margin: float
) -> Agreement:
    start = 0 if baseline is None else 1
    found = [_row(first, again, k, baseline is not None, level) for k in range(start, len(first.arms))]
    overall, tau = np.array([row.overall for row in found]), np.array([row.tau for row in found])
    p, overall_p = _corrected(np.stack([row.p for row in found]), overall[:, 3])
    return Agreement(
        rows=rows,
        classes=first.preds.units,
        baseline=baseline,
        first=tuple(arm.runs for arm in first.counts[start:]),
        again=tuple(arm.runs for arm in again.counts[start:]),
        difference=np.stack([row.difference for row in found]),
        low=np.stack([row.low for row in found]),
        high=np.stack([row.high for row in found]),
        p=p,
        overall=overall[:, 0],
        overall_low=overall[:, 1],
        overall_high=overall[:, 2],
        overall_p=overall_p,
        tau=tau[:, 0],
        tau_low=tau[:, 1],
        tau_high=tau[:, 2],
        new=sum(arm.runs for arm in again.counts),
        twice=tuple(_twice(first, again)),
        why_not=tuple(row.why_not for row in found),
        level=level,
        margin=margin,
    )


def _corrected(p: Floats, overall: Floats) -> tuple[Floats, Floats]:
    """Return p-values for their number: classes and averages together, so that any false disagreement is rare."""
    together = np.concatenate([p.ravel(), overall])
    known = np.isfinite(together)
    adjusted = np.where(known, holm(np.where(known, together, 1.0), known), np.nan)
    return adjusted[: p.size].reshape(p.shape), adjusted[p.size :]


def _row(first: Design, again: Design, k: int, change: bool, level: float) -> _Row:
    c = _contrast(first, again, k, change)
    if c is None:
        unknown = np.full(len(first.layout.n), np.nan)
        why = "too few runs to tell how runs scatter"
        nan = float("nan")
        return _Row(unknown, unknown, unknown, unknown, (nan, nan, nan, nan), (nan, nan, nan), why)
    whole = pool(c)
    interval = t_interval(c.estimate, spread(c, "runs", level), level, bound=FURTHEST)
    average = t_interval(whole.estimate, spread(whole, "runs", level), level, bound=FURTHEST)
    tau, known = class_dependence(c, "runs", level), c.n > 0
    low, high, p = (np.where(known, x, np.nan) for x in (interval.low, interval.high, interval.p))
    overall = float(whole.estimate[0]), float(average.low[0]), float(average.high[0]), float(average.p[0])
    return _Row(np.where(known, c.estimate, np.nan), low, high, p, overall, (tau.tau, tau.low, tau.high), "")


def _contrast(first: Design, again: Design, k: int, change: bool) -> Contrast | None:
    """Return the difference of an arm's effects or accuracies; None where no run says how runs scatter."""
    if not change:
        enough = first.counts[k].runs + again.counts[k].runs > 2
        return repeated_accuracy(first.counts[k], again.counts[k], first.layout) if enough else None
    paired = first.preds.paired
    pairs = [_both(d, k, paired) for d in (first, again)]
    least = [min(one.runs, other.runs) for one, other in zip(*pairs, strict=True)]
    if 0 in least or any(one.runs + other.runs < 3 for one, other in zip(*pairs, strict=True)):
        return None
    return repeated_change(pairs[0], pairs[1], first.layout, paired=paired)


def _both(d: Design, k: int, paired: bool) -> tuple[Arm, Arm]:
    """Return the baseline and an arm; of paired runs, those of seeds that both have."""
    if not paired:
        return d.counts[0], d.counts[k]
    rows = d.pairs(0, k)
    return _some(d.counts[0], rows[0]), _some(d.counts[k], rows[1])


def _some(arm: Arm, rows: NDArray[np.intp]) -> Arm:
    answers = arm.answers[rows]
    return Arm(answers, answers.sum(axis=0, dtype=np.int32), arm.per_run[rows])


def _twice(first: Design, again: Design) -> list[Compared]:
    """Return the runs of equal arm and seed, in the order of arms and seeds."""
    found: list[Compared] = []
    for k, name in enumerate(first.arms):
        before, now = first.guesses(k), again.guesses(k)
        for seed in sorted(set(first.seeds[k]) & set(again.seeds[k])):
            differ = before[first.seeds[k].index(seed)] != now[again.seeds[k].index(seed)]
            found.append(Compared(name.removeprefix("first "), seed, len(differ), int(differ.sum())))
    return found
