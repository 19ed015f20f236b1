"""Receivers: which classes are answered more often where they are wrong, and what that does to their precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError, pick
from barnspider.names import visible
from barnspider.outcome import Effects, Floats, Method
from barnspider.predictions import Predictions
from barnspider.stats.crossed import Contrast
from barnspider.stats.intervals import Interval, spread, t_interval
from barnspider.stats.multiplicity import benjamini_hochberg
from barnspider.stats.parallel import each
from barnspider.stats.precision import Answered, precision_contrast
from barnspider.stats.rare import Hits, rare_contrast

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Growth:
    """A change from the baseline in A arms and C classes, Float[A, C]: its interval, p-value, and q-value over all.

    NaN, and p and q 1, where nothing can be said.
    """

    change: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats

    @classmethod
    def of(cls, found: list[tuple[Floats, Interval]]) -> Growth:
        """Put the arms together."""
        change = np.array([x for x, _ in found])
        low, high, p = (np.array([getattr(i, name) for _, i in found]) for name in ("low", "high", "p"))
        return cls(change, low, high, p, benjamini_hochberg(p, ~np.isnan(change)))

    def told(self, a: int, c: int, times: float = 1.0) -> str:
        """Return so many times a change in points, and its interval; or "cannot tell"."""
        if np.isnan(self.change[a, c]):
            return "cannot tell"
        change, low, high = (times * float(x[a, c]) for x in (self.change, self.low, self.high))
        return f"{words.points(change)} ({words.between(low, high)})"


@dataclass(frozen=True, eq=False)
class Receivers(words.Shown):
    """What each class receives: false answers, and what they do to its precision. A arms, C classes.

    Attributes
    ----------
    classes, arms, baseline : names
    n, others : Int[C]
        Images of each class; images on which it is a wrong answer.
    before : Float[C]
        Share of the other images that are taken for the class in the baseline arm.
    false : Growth
        Change of that share.
    answers : Float[1 + A, C]
        Answers of a run that are this class, right or wrong, on average; the baseline's first.
    precision : Float[1 + A, C]
        The share of them that are right; NaN for a class that is never answered.
    precise : Growth
        Change of precision.
    method : as of the effects; arms are compared with the baseline
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str
    n: Ints
    others: Ints
    before: Floats
    false: Growth
    answers: Floats
    precision: Floats
    precise: Growth
    method: Method

    def certain(self) -> NDArray[np.bool_]:
        """Bool[A, C]: the class certainly receives more, or fewer, false answers (q < 1 - level)."""
        return self.false.q < self.method.alpha

    def order(self, arm: str) -> NDArray[np.intp]:
        """Return class numbers: those that certainly receive more first, then the others, the largest growth first."""
        a = self.arms.index(pick("arm", arm, self.arms))
        grown = np.nan_to_num(self.false.change[a] * self.others, nan=-np.inf)
        sure = self.certain()[a] & (grown > 0)
        return np.lexsort((np.arange(len(grown)), -grown, ~sure))

    def row(self, a: int, c: int) -> list[str]:
        """Return a class's name, images, false answers of a run, precision in per cent, and how they changed."""
        mark = "* " if self.certain()[a, c] else "  "
        others = max(int(self.others[c]), 1)
        return [
            mark + visible(self.classes[c]),
            f"{self.n[c]:,}",
            f"{self.before[c] * others:.1f}",
            self.false.told(a, c, others / 100),
            words.percent(float(self.precision[0, c])),
            self.precise.told(a, c),
        ]

    def text(self, rows: int = 10) -> str:
        """Return the table that a person wants: for every arm, who received most."""
        return "\n\n".join(self.block(a, rows) for a in range(len(self.arms)))

    def block(self, a: int, rows: int) -> str:
        """Return the table of one arm, by its number."""
        sure = int((self.certain()[a] & (self.false.change[a] > 0)).sum())
        shown = self.order(self.arms[a])[:rows]
        title = f"{visible(self.arms[a])} against {visible(self.baseline)}: {words.counted(sure, 'class')} of"
        title += f" {len(self.classes):,} certainly {'receives' if sure == 1 else 'receive'} more false answers"
        return f"{title}\n{words.text_table(HEAD, [self.row(a, int(c)) for c in shown])}"

    def __str__(self) -> str:
        return self.text()


HEAD = ["  class", "n", "false answers of a run", "change", "precision", "change, points"]


def receivers(preds: Predictions | Design, effects: Effects) -> Receivers:
    """Find which classes received the answers that others lost, in the comparisons of these effects.

    A class receives false answers: it is answered where it is not right. Its precision is the share of its answers that
    are right; it falls when it receives, and when it loses right answers of its own.

    Raises
    ------
    InputError
        When `preds` lack an arm of the effects, or are grouped: an answer is a class, of no group.

    Examples
    --------
    >>> from barnspider.effects import estimate
    >>> label = [0] * 40 + [1] * 40
    >>> off, on = [label, label], [[1] * 30 + label[30:]] * 2
    >>> preds = Predictions.from_arrays(label, {"off": off, "on": on}, classes=["cat", "dog"])
    >>> found = receivers(preds, estimate(preds, "off"))
    >>> found.classes[found.order("on")[0]], found.precision[:, 1].round(2).tolist()
    ('dog', [1.0, 0.57])
    """
    d = Design.of(preds, (effects.baseline, *effects.arms))
    if d.preds.group is not None:
        raise InputError(f"the answers are grouped by {d.preds.by!r}; expected classes: an answer is of no group")
    base, others = _answered(d, 0), _others(d.preds)
    found = each(lambda k: _compared(d, base, others, k, effects), range(1, len(d.arms)))
    return Receivers(
        effects.classes, effects.arms, effects.baseline, d.layout.n, others,
        before=_share(base, others),
        false=Growth.of([x.false for x in found]),
        answers=np.array([base.answers, *(x.answers for x in found)]),
        precision=np.array([base.precision, *(x.precision for x in found)]),
        precise=Growth.of([x.precise for x in found]),
        method=effects.method,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Compared:
    """One arm against the baseline: changes with their intervals, answers and precision of the arm."""

    false: tuple[Floats, Interval]
    precise: tuple[Floats, Interval]
    answers: Floats
    precision: Floats


def _compared(d: Design, base: Answered, others: Ints, k: int, effects: Effects) -> _Compared:
    arm, name = _answered(d, k), d.arms[k]
    c = rare_contrast(base.wrong, arm.wrong, np.maximum(others, 1), d.pairs(0, k))
    false = _interval(np.where(others > 0, c.estimate, np.nan), c, name, effects)
    ratio = precision_contrast(base, arm, d.pairs(0, k))
    return _Compared(false, _interval(ratio.estimate, ratio, name, effects), arm.answers, arm.precision)


def _answered(d: Design, k: int) -> Answered:
    """Return what an arm answered, by the class that is answered."""
    runs, images, guess = d.counts[k].runs, len(d.preds.label), d.guesses(k)

    def hits(right: int) -> Hits:
        run, image = np.nonzero(d.counts[k].answers == right)
        return Hits.of(runs, images, guess[run, image], image, run)

    return Answered(hits(1), hits(0), len(d.preds.classes))


def _others(preds: Predictions) -> Ints:
    """Return on how many images each class is a wrong answer."""
    right = preds.label if preds.accepted is None else preds.accepted[preds.accepted >= 0]
    return len(preds.label) - np.bincount(right, minlength=len(preds.classes))


def _share(arm: Answered, others: Ints) -> Floats:
    with np.errstate(invalid="ignore"):
        return arm.wrong.per_run(len(others)).sum(axis=0) / (arm.wrong.runs * others)


def _interval(estimate: Floats, c: Contrast, arm: str, effects: Effects) -> tuple[Floats, Interval]:
    level = effects.method.level
    return estimate, t_interval(estimate, spread(c, effects.generalizes_to(arm), level), level)
