"""Flows: which classes received the answers that a class lost. Shares of a class's images, with intervals.

Where images are grouped by their classes, which groups received the answers that a group lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.doses import OTHER_HALF, halvings, same_runs
from barnspider.errors import InputError, pick
from barnspider.names import visible
from barnspider.outcome import Effects, Floats, Method
from barnspider.predictions import Predictions
from barnspider.stats.intervals import Interval, Over, Spread, spread, t_interval
from barnspider.stats.multiplicity import benjamini_hochberg
from barnspider.stats.own_best import CrossFitted, cross_fitted, halved, put_together
from barnspider.stats.parallel import each
from barnspider.stats.rare import Hits, rare_contrast
from barnspider.stats.selection import Part, halves, odd_images

if TYPE_CHECKING:
    import polars

Ints = NDArray[np.int64]
Against = Literal["baseline", "own best"]

MOST = 100_000
"""Pairs of classes that are compared: those that are confused most often, all arms together."""
LEAST = 5.0
"""Answers of a run that a pair must have, in the two arms together, for its change to be tested.

With fewer it could not be certain, however they fall, and would only make it harder for the others: most of the pairs
that are ever seen are seen once. The sum of two arms says nothing of their difference, so leaving out by it keeps the
rate of false discoveries (independent filtering: Bourgon, Gentleman & Huber 2010).
"""


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
        Share of the source's images that are taken for the target in the arm that is compared with.
    change, low, high, p, q : Float[A, P]
        Change of that share; its interval, p-value, and q-value over all pairs and arms that are tested: those with
        five answers of a run or more in the two arms together. The q of others is 1. NaN, and p 1, where nothing can
        be said: one image cannot both choose and measure.
    rest : Float[A, C]
        What each class lost (above zero) to targets whose pairs were too rare to be compared; NaN without images.
    method : as of the effects
    against : "baseline", or "own best": each class is compared with the arm that is best for it
    own : of "own best", the best arm of each class by all answers that may choose; else empty
    chosen_on, measured_on : of "own best", which images; else empty
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
    against: Against = "baseline"
    own: tuple[str, ...] = ()
    chosen_on: str = ""
    measured_on: str = ""

    def certain(self) -> NDArray[np.bool_]:
        """Bool[A, P]: chance does not explain the change (q < 1 - level)."""
        return self.q < self.method.alpha

    def surest(self, arm: str) -> NDArray[np.intp]:
        """Return pair numbers: those that certainly changed first, then the others; the largest changes first."""
        a = self.arms.index(pick("arm", arm, self.arms))
        return np.lexsort((np.arange(len(self.source)), -np.abs(self.change[a]), ~self.certain()[a]))

    def about(self) -> str:
        """Return what the changes are measured from."""
        if self.against == "baseline":
            return visible(self.baseline)
        if self.chosen_on == OTHER_HALF:
            how = "chosen on half of the images and runs, measured on the other, then the other way round"
        else:
            how = f"chosen on {visible(self.chosen_on)}, measured on {visible(self.measured_on)}"
        return f"each class's own best arm ({how})"

    def of_class(self, arm: str, name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the pairs in which a class loses answers, and those in which it receives them, surest first."""
        c, order = self.classes.index(pick("class", name, self.classes)), self.surest(arm)
        return order[self.source[order] == c], order[self.target[order] == c]

    def text(self, rows: int = 10) -> str:
        """Return the table that a person wants: for every arm, who received whose answers."""
        return "\n\n".join("\n".join(self._lines(a, rows)) for a in range(len(self.arms)))

    def _lines(self, a: int, rows: int) -> list[str]:
        sure = int(self.certain()[a].sum())
        changed = f"{words.counted(sure, 'pair')} of {len(self.source):,} certainly changed"
        shown = [self._line(a, int(i)) for i in self.surest(self.arms[a])[:rows]]
        return [f"{visible(self.arms[a])} against {self.about()}: {changed}", *shown]

    def _line(self, a: int, i: int) -> str:
        mark = "*" if self.certain()[a, i] else " "
        own, other = int(self.source[i]), int(self.target[i])
        pair = f"{visible(self.classes[own], 30)} -> {visible(self.classes[other], 30)}"
        pair += " (another class of it)" if own == other else ""
        return f"{mark} {pair}: {self.moved(a, i)}; n {self.n[self.source[i]]}"

    def moved(self, a: int, i: int) -> str:
        """Return a pair's change in words, with its interval and where it comes from."""
        if np.isnan(self.change[a, i]):
            return "cannot tell"
        moved = f"{words.points(self.change[a, i])} ({words.between(self.low[a, i], self.high[a, i])})"
        return f"{moved} points, from {words.percent(float(self.before[i]))}"

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


def flows(
    preds: Predictions | Design,
    effects: Effects,
    *,
    against: Against = "baseline",
    choose_on: Predictions | Design | None = None,
) -> Flows:
    """Find which classes received the answers that a class lost, in the comparisons of these effects.

    A pair is a class and another that it is taken for; every pair that is confused in any arm is compared, up to the
    100,000 most frequent. An acceptable answer is no confusion, nor is the class of the sample where label sets do not
    hold it: such answers are part of `rest`. Of groups of classes, a pair is a group and the one that the answer is of;
    another class of the same group is a pair with itself.

    Parameters
    ----------
    against
        "baseline", or "own best": the confusion rate less that at the class's own best arm, of all that `preds` hold
        (Kirichenko et al. 2023). That arm is chosen as `tolls` does, on some images and runs, and measured on others,
        so that luck in choosing is not taken for a flow.
    choose_on
        The same runs on other images, such as the validation images, to choose on; by default halves of these choose.

    Raises
    ------
    InputError
        When `preds` lack an arm of the effects, or are grouped image by image: an answer is a class, of no group. When
        `choose_on` has other runs or classes.

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
    pick("against", against, ("baseline", "own best"))
    confused = Confused.of(preds, effects, others=against == "own best")
    own = None if against == "baseline" else _own_best(confused, choose_on)
    arms, pairs = range(1, len(effects.arms) + 1), len(confused.pair)
    compared = _against_baseline if own is None else own.compared
    found = each(lambda k: compared(confused, k, effects), arms) if pairs else []
    shape = len(effects.arms), pairs
    changes = np.array([x for x, _ in found]).reshape(shape)
    low, high, p = (np.array([getattr(i, name) for _, i in found]).reshape(shape) for name in ("low", "high", "p"))
    lost = -effects.effect if own is None else -own.accuracy.change[1 : len(effects.arms) + 1]
    before = confused.share(0) if own is None else own.shares.before
    made = Flows(
        effects.classes, effects.arms, effects.baseline, confused.design.layout.n, confused.source, confused.target,
        before=before, change=changes, low=low, high=high, p=p,
        q=benjamini_hochberg(p, (2 * before + changes) * confused.n > LEAST - 1e-9),
        rest=_rest(lost, confused.source, changes), method=effects.method,
    )  # fmt: skip
    return made if own is None else own.said(made, confused.design)


def _against_baseline(confused: Confused, k: int, effects: Effects) -> tuple[Floats, Interval]:
    d, hits, level = confused.design, confused.hits, effects.method.level
    c = rare_contrast(hits[0], hits[k], confused.n, d.pairs(0, k))
    return c.estimate, t_interval(c.estimate, spread(c, effects.generalizes_to(d.arms[k]), level), level)


def _rest(lost: Floats, source: Ints, changes: Floats) -> Floats:
    """Return what each class lost to targets that are not among the pairs."""
    count = lost.shape[1]
    told = [np.bincount(source, weights=np.nan_to_num(row), minlength=count) for row in changes]
    return lost - np.array(told).reshape(-1, count)


@dataclass(frozen=True, eq=False)
class _OwnBest:
    """Each class's own best arm, and what that makes of shares and accuracies."""

    chosen: NDArray[np.intp]
    chosen_on: str
    shares: CrossFitted
    accuracy: CrossFitted

    def compared(self, confused: Confused, k: int, effects: Effects) -> tuple[Floats, Interval]:
        """Compare an arm, by its number, with the own best of every pair's source."""
        over: Over = effects.generalizes_to(confused.design.arms[k])
        few = min(arm.runs for arm in confused.design.counts) < 2
        change, level = self.shares.change[k], effects.method.level
        s = self._spread(confused, k, "images" if few else over, level)
        return change, t_interval(change, Spread(s.variance + self.shares.between[k], s.df), level)

    def _spread(self, confused: Confused, k: int, over: Over, level: float) -> Spread:
        """Return the spread of the change from the arm that all data choose; where that is arm k, from a neighbour."""
        d, pairs = confused.design, len(confused.pair)
        arm = self.chosen[confused.source]
        arm = np.where(arm == k, k - 1, arm)
        variance, df = np.full(pairs, np.nan), np.full(pairs, np.nan)
        for seeds in dict.fromkeys(d.seeds):  # arms of the same seeds are described together
            same = [b for b, own in enumerate(d.seeds) if own == seeds]
            here = np.isin(arm, same)
            if here.any():
                number = np.searchsorted(same, arm[here])
                base = put_together([confused.hits[b].of_series(here) for b in same], number)
                c = rare_contrast(base, confused.hits[k].of_series(here), confused.n[here], d.pairs(same[0], k))
                s = spread(c, over, level)
                variance[here], df[here] = s.variance, s.df
        return Spread(variance, df)

    def said(self, made: Flows, d: Design) -> Flows:
        """Return the flows, with what was chosen, and on what; a class without images has no best arm."""
        arms, on = d.arms, d.preds.on
        own = tuple(arms[k] if images else "" for k, images in zip(self.chosen, made.n, strict=True))
        return replace(
            made, own=own, against="own best", chosen_on=self.chosen_on, measured_on=on or "these images"
        )  # fmt: skip


def _own_best(confused: Confused, choose_on: Predictions | Design | None) -> _OwnBest:
    d, source = confused.design, confused.source
    chosen = None
    if choose_on is not None:
        chosen = same_runs(d, Design.of(choose_on, [arm for arm in choose_on.arms if arm in d.arms]))
    parts = halves(d.counts, d.layout)
    if chosen is None:
        choose, accuracy, shares = parts[::-1], parts, halved(confused.hits, confused.n, odd_images(d.layout))
    else:
        choose = (Part(chosen.layout.n, tuple(arm.per_run for arm in chosen.counts)),)
        accuracy = (Part(d.layout.n, tuple(arm.per_run for arm in d.counts)),)
        shares = (Part(confused.n, tuple(x.per_run(len(source)) for x in confused.hits)),)
    ways, by = halvings(d), (d if chosen is None else chosen).accuracy()
    return _OwnBest(
        np.argmax(np.nan_to_num(by, nan=-1.0), axis=0),
        OTHER_HALF if chosen is None else chosen.preds.on or "the images given to choose on",
        shares=cross_fitted(shares, choose, ways, source),
        accuracy=cross_fitted(accuracy, choose, ways, np.arange(len(d.layout.n))),
    )


@dataclass(frozen=True, eq=False)
class Confused:
    """Pairs of a class and another that it is taken for, and where: K arms, the baseline first, then those compared.

    Attributes
    ----------
    design : the arms that are compared
    pair : Int[P]
        source * C + target, ascending: those that are confused in any arm that is compared, up to the `MOST` frequent.
    every : int
        How many pairs there are, those included that are too rare.
    hits : for each arm, in which runs and on which images
    """

    design: Design
    pair: Ints
    every: int
    hits: tuple[Hits, ...]

    @classmethod
    def of(cls, preds: Predictions | Design, effects: Effects, *, others: bool = False) -> Confused:
        """Find the wrong answers of these arms, or of all; `InputError` if images are grouped one by one."""
        compared = (effects.baseline, *effects.arms)
        d = Design.of(preds, (*compared, *(arm for arm in preds.arms if others and arm not in compared)))
        wrong = each(lambda k: Wrong.of(d, k), range(len(d.arms)))
        pair, every = _most_frequent([x.pair for x in wrong[: len(compared)]])
        hits = each(lambda k: wrong[k].hits(pair, d.counts[k].runs, len(d.preds.label)), range(len(d.arms)))
        return cls(d, pair, every, tuple(hits))

    @property
    def source(self) -> Ints:
        """Int[P]: the class that the images show."""
        return self.pair // len(self.design.preds.units)

    @property
    def target(self) -> Ints:
        """Int[P]: the class that is answered."""
        return self.pair % len(self.design.preds.units)

    @property
    def n(self) -> Ints:
        """Int[P]: images of the source."""
        return self.design.layout.n[self.source]

    def share(self, k: int) -> Floats:
        """Return the share of the source's images that are taken for the target in an arm, Float[P]."""
        return self.hits[k].per_run(len(self.pair)).sum(axis=0) / (self.hits[k].runs * self.n)


@dataclass(frozen=True, eq=False)
class Wrong:
    """The wrong answers of one arm: which pair (source * C + target, of a class and another), image and run each is."""

    pair: Ints
    image: NDArray[np.intp]
    run: NDArray[np.intp]

    @classmethod
    def of(cls, d: Design, k: int) -> Wrong:
        """Find the wrong answers of an arm."""
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


def _most_frequent(parts: list[Ints]) -> tuple[Ints, int]:
    """Return the pairs that are seen most often in all arms together, sorted; of equals, the first. And of how many."""
    counted = [np.unique(part, return_counts=True) for part in parts]
    pair, inverse = np.unique(np.concatenate([kinds for kinds, _ in counted]), return_inverse=True)
    times = np.bincount(inverse, weights=np.concatenate([times for _, times in counted]), minlength=len(pair))
    return np.sort(pair[np.argsort(-times, kind="stable")[:MOST]]), len(pair)
