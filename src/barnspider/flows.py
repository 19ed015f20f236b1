"""Flows: which classes received the answers that a class lost. Shares of a class's images, with intervals.

Where images are grouped by their classes, which groups received the answers that a group lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError, pick
from barnspider.names import visible
from barnspider.outcome import Effects, Floats, Method
from barnspider.predictions import Predictions
from barnspider.stats.intervals import Interval, Over, spread, t_interval
from barnspider.stats.multiplicity import benjamini_hochberg
from barnspider.stats.parallel import each
from barnspider.stats.rare import Hits, rare_contrast

if TYPE_CHECKING:
    import polars

Ints = NDArray[np.int64]

MOST = 100_000
"""Pairs of classes that are compared: those that are confused most often, all arms together."""


@dataclass(frozen=True, eq=False)
class Flows(words.Shown):
    """How often each class is taken for each other one, and how an arm changes that. P pairs, A arms, C classes.

    What a class loses, others receive: over all other classes, the changes of one class add up to what its accuracy
    lost, but for the pairs that were too rare (`rest`).

    Attributes
    ----------
    classes, arms, baseline : names
    n : Int[C]
        Images of each class.
    source, target : Int[P]
        The class that the images show, and the one that is answered. Of groups both may be the same: then another class
        of the group is answered.
    before : Float[P]
        Share of the source's images that are taken for the target in the baseline arm.
    change, low, high, p, q : Float[A, P]
        Change of that share from the baseline; its interval, p-value and q-value over all pairs and arms.
    rest : Float[A, C]
        What each class lost (above zero) to targets whose pairs were too rare to be compared; NaN without images.
    method : as of the effects
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str
    n: Ints
    source: Ints
    target: Ints
    before: Floats
    change: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    rest: Floats
    method: Method

    def certain(self) -> NDArray[np.bool_]:
        """Bool[A, P]: chance does not explain the change (q < 1 - level)."""
        return self.q < self.method.alpha

    def surest(self, arm: str) -> NDArray[np.intp]:
        """Return pair numbers: those that certainly changed first, then the others; the largest changes first."""
        a = self.arms.index(pick("arm", arm, self.arms))
        return np.lexsort((np.arange(len(self.source)), -np.abs(self.change[a]), ~self.certain()[a]))

    def text(self, rows: int = 10) -> str:
        """Return the table that a person wants: for every arm, who received whose answers."""
        return "\n\n".join("\n".join(self._lines(a, rows)) for a in range(len(self.arms)))

    def _lines(self, a: int, rows: int) -> list[str]:
        sure = int(self.certain()[a].sum())
        changed = f"{words.counted(sure, 'pair')} of {len(self.source):,} certainly changed"
        shown = [self._line(a, int(i)) for i in self.surest(self.arms[a])[:rows]]
        return [f"{visible(self.arms[a])} against {visible(self.baseline)}: {changed}", *shown]

    def _line(self, a: int, i: int) -> str:
        mark = "*" if self.certain()[a, i] else " "
        own, other = int(self.source[i]), int(self.target[i])
        pair = f"{visible(self.classes[own], 30)} -> {visible(self.classes[other], 30)}"
        pair += " (another class of it)" if own == other else ""
        moved = f"{words.points(self.change[a, i])} ({words.between(self.low[a, i], self.high[a, i])})"
        return f"{mark} {pair}: {moved} points, from {words.percent(float(self.before[i]))}; n {self.n[self.source[i]]}"

    def __str__(self) -> str:
        return self.text()

    def to_frame(self) -> polars.DataFrame:
        """Return one row for each arm and pair."""
        import polars

        pairs, arms = len(self.source), len(self.arms)
        names = np.array(self.classes, dtype=object)
        columns: dict[str, Any] = {
            "arm": np.repeat(np.array(self.arms, dtype=object), pairs),
            "source": np.tile(names[self.source], arms),
            "target": np.tile(names[self.target], arms),
            "n": np.tile(self.n[self.source], arms),
            "before": np.tile(self.before, arms),
        }
        columns |= {name: getattr(self, name).ravel() for name in ("change", "low", "high", "p", "q")}
        kinds = {"arm": polars.String, "source": polars.String, "target": polars.String}
        return polars.DataFrame(columns, schema_overrides=kinds)


def flows(preds: Predictions | Design, effects: Effects) -> Flows:
    """Find which classes received the answers that a class lost, in the comparisons of these effects.

    A pair is a class and another that it is taken for; every pair that is confused in any arm is compared, up to the
    100,000 most frequent. An acceptable answer is no confusion, nor is the class of the sample where label sets do not
    hold it: such answers are part of `rest`. Of groups of classes, a pair is a group and the one that the answer is of;
    another class of the same group is a pair with itself.

    Raises
    ------
    InputError
        When `preds` lack an arm of the effects, or are grouped image by image: an answer is a class, of no group.

    Examples
    --------
    >>> from barnspider.effects import estimate
    >>> label = [0] * 40 + [1] * 40
    >>> off, on = [label, label], [[1] * 30 + label[30:]] * 2
    >>> preds = Predictions.from_arrays(label, {"off": off, "on": on}, classes=["cat", "dog"])
    >>> print(flows(preds, estimate(preds, "off")))
    on against off: 1 pair of 1 certainly changed
    * cat -> dog: +75.0 (60.6 to 89.4) points, from 0.0 %; n 40
    """
    d = Design.of(preds, (effects.baseline, *effects.arms))
    wrong = each(lambda k: _Wrong.of(d, k), range(len(d.arms)))
    pair = _most_frequent([x.pair for x in wrong])
    source, target = np.divmod(pair, len(effects.classes))
    hits = each(lambda k: wrong[k].hits(pair, d.counts[k].runs, len(d.preds.label)), range(len(d.arms)))
    n = d.layout.n[source]

    def compared(k: int) -> tuple[Floats, Interval]:
        c = rare_contrast(hits[0], hits[k], n, d.pairs(0, k))
        over: Over = effects.generalizes_to(d.arms[k])
        level = effects.method.level
        return c.estimate, t_interval(c.estimate, spread(c, over, level), level)

    shape = len(effects.arms), len(pair)
    found = each(compared, range(1, len(d.arms))) if len(pair) else []
    changes = np.array([x for x, _ in found]).reshape(shape)
    low, high, p = (np.array([getattr(i, name) for _, i in found]).reshape(shape) for name in ("low", "high", "p"))
    return Flows(
        effects.classes, effects.arms, effects.baseline, d.layout.n, source, target,
        before=hits[0].per_run(len(pair)).sum(axis=0) / (hits[0].runs * n),
        change=changes, low=low, high=high, p=p, q=benjamini_hochberg(p),
        rest=_rest(effects, source, changes), method=effects.method,
    )  # fmt: skip


def _rest(effects: Effects, source: Ints, changes: Floats) -> Floats:
    """Return what each class lost to targets that are not among the pairs."""
    count = len(effects.classes)
    told = np.array([np.bincount(source, weights=row, minlength=count) for row in changes]).reshape(-1, count)
    return -effects.effect - told


@dataclass(frozen=True, eq=False)
class _Wrong:
    """The wrong answers of one arm: which pair (source * C + target, of a class and another), image and run each is."""

    pair: Ints
    image: NDArray[np.intp]
    run: NDArray[np.intp]

    @classmethod
    def of(cls, d: Design, k: int) -> _Wrong:
        run, image = np.nonzero(d.counts[k].answers == 0)
        guess = d.guesses(k)[run, image]
        # Where the single label is none of the right ones, an answer of it went to no other class.
        other = guess != d.preds.label[d.layout.order][image]
        source, target = d.preds.unit[d.layout.order][image].astype(np.int64), _answered(d)[guess]
        return cls((source * len(d.preds.units) + target)[other], image[other], run[other])

    def hits(self, pairs: Ints, runs: int, images: int) -> Hits:
        """Return those whose pair is among these, which are sorted."""
        place = np.searchsorted(pairs, self.pair)
        kept = np.append(pairs, -1)[place] == self.pair
        return Hits.of(runs, images, place[kept], self.image[kept], self.run[kept])


def _answered(d: Design) -> Ints:
    """Return which class or group an answer of each class is of."""
    of = d.preds.answered
    if of is None:
        raise InputError(f"no flows: {words.no_answers(d.preds.by)}; group the classes instead")
    return of.astype(np.int64)


def _most_frequent(parts: list[Ints]) -> Ints:
    """Return the pairs that are seen most often in all arms together, sorted; of equals, the first."""
    counted = [np.unique(part, return_counts=True) for part in parts]
    pair, inverse = np.unique(np.concatenate([kinds for kinds, _ in counted]), return_inverse=True)
    times = np.bincount(inverse, weights=np.concatenate([times for _, times in counted]), minlength=len(pair))
    return np.sort(pair[np.argsort(-times, kind="stable")[:MOST]])
