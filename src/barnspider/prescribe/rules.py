"""Rules that give every class a dose of its own. Each is re-derived from its source, and computed from answers alone.

They start from the dose that would be given to all: the one that is best on average, or one that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.effects import estimate
from barnspider.errors import InputError, listing
from barnspider.flows import flows
from barnspider.names import visible
from barnspider.needs import advice, needs
from barnspider.outcome import Effects, Floats
from barnspider.predictions import Predictions
from barnspider.prescribe.together import Groups, grouped
from barnspider.preservation import Preservation
from barnspider.receivers import Receivers, receivers

Bools = NDArray[np.bool_]

TOGETHER = 0.01
"""Classes of which one image in a hundred is taken for the other belong together: our choice."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """The arms of a study in order of dose, by the answers that choose. K arms, C classes.

    Attributes
    ----------
    design : arms in order of dose
    doses : Float[K], increasing
    off, at : the numbers of the baseline and of the arm whose dose would be given to all
    level : of every interval
    margin : a loss that must not be overlooked: where nothing is certain, what would find it is told
    together : classes belong together if so large a share of the images of one is taken for the other
    """

    design: Design
    doses: Floats
    off: int
    at: int
    level: float
    margin: float = 0.02
    together: float = TOGETHER

    @classmethod
    def of(
        cls,
        preds: Predictions,
        baseline: str,
        at: float | None,
        level: float,
        margin: float = 0.02,
        together: float = TOGETHER,
    ) -> Ladder:
        """Put the arms that have a dose in order; `at` is by default the dose of the best mean.

        Raises
        ------
        InputError
            When fewer than two arms have a dose, two have the same, the baseline has none, or `at` was not studied.
        """
        known = {arm: dose for arm in preds.arms if (dose := preds.dose_of(arm)) is not None}
        if len(known) < 2 or len(set(known.values())) < len(known):
            raise InputError(
                f"doses are {listing(f'{d:g}' for d in known.values()) or 'not given'}; expected two different ones or"
                " more, each of one arm"
            )
        if baseline not in known:
            raise InputError(
                f"the baseline {visible(baseline)!r} has no dose; expected an arm that has: {listing(known)}"
            )
        arms = sorted(known, key=known.__getitem__)
        doses = np.array([known[arm] for arm in arms])
        design = Design.of(preds, arms)
        if at is not None and at not in doses:
            raise InputError(f"at={at:g} was not studied; expected one of the doses {listing(f'{d:g}' for d in doses)}")
        best = int(np.argmax(design.overall())) if at is None else int(np.flatnonzero(doses == at)[0])
        if not 0 < together <= 1:
            raise InputError(
                f"together={together!r}; expected a share above 0, up to 1 (0.01 is one image in a hundred)"
            )
        return cls(design, doses, arms.index(baseline), best, level, margin, together)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""
        return self.design.preds.units

    def arm(self, k: int) -> str:
        """Return an arm's name."""
        return self.design.arms[k]

    @cached_property
    def effects(self) -> Effects:
        """What every arm does to every class, against the baseline."""
        return estimate(self.design, self.arm(self.off), level=self.level)

    @cached_property
    def receivers(self) -> Receivers:
        """Who receives false answers in every arm, against the baseline."""
        return receivers(self.design, self.effects)

    def by_arm(self, e: Effects, found: NDArray[Any]) -> NDArray[Any]:
        """Return what holds of other arms than the effects' baseline, [K - 1, C], as [K, C] in order of dose.

        The baseline itself has 0, or False.
        """
        table = np.zeros((len(self.doses), len(self.classes)), dtype=found.dtype)
        table[[self.design.arms.index(arm) for arm in e.arms]] = found
        return table

    @cached_property
    def harmed(self) -> Bools:
        """Bool[K, C]: classes that an arm certainly harms."""
        return self.by_arm(self.effects, self.effects.harmed)

    @cached_property
    def receives(self) -> Bools:
        """Bool[K, C]: classes that are certainly answered more often where they are wrong."""
        grown = self.receivers.certain() & (self.receivers.false.change > 0)
        return self.by_arm(self.effects, grown)

    def from_harmed(self) -> Bools:
        """Bool[C]: classes to which answers of a class that is harmed at `at` certainly flow."""
        found = np.zeros(len(self.classes), dtype=np.bool_)
        if self.at == self.off:
            return found
        arm = self.arm(self.at)
        f = flows(self.design, estimate(self.design, self.arm(self.off), arms=[arm], level=self.level))
        grown = f.certain()[0] & (f.change[0] > 0) & self.harmed[self.at][f.source]
        found[f.target[grown]] = True
        return found

    def groups(self) -> Groups:
        """Return which classes belong together: those that are confused, or share one that they are.

        Two classes are confused where, at the baseline or at `at`, the share `together` of the images of one of them is
        taken for the other. The most confused come first, and groups stay small: `together.grouped`.
        """
        found = [self._confused(k) for k in sorted({self.off, self.at})]
        first, second, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return grouped(first, second, share, len(self.classes))

    def _confused(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Return the pairs of classes that an arm confuses: source, target, share of the source's images."""
        d, classes = self.design, len(self.classes)
        run, image = np.nonzero(d.counts[k].answers == 0)
        source = d.preds.label[d.layout.order[image]].astype(np.int64)
        pairs, times = np.unique(source * classes + d.guesses(k)[run, image], return_counts=True)
        share = times / (d.counts[k].runs * d.layout.n[pairs // classes])
        kept = pairs[share >= self.together]
        return kept // classes, kept % classes, share[share >= self.together]

    def weaker(self, bad: Bools) -> NDArray[np.intp]:
        """Return for each class the strongest arm between the baseline and `at` that is not bad for it, Int[C].

        `bad` is Bool[K, C]; the baseline is bad for nobody.
        """
        step = 1 if self.off <= self.at else -1
        between = np.arange(self.off, self.at + step, step)
        good = ~bad[between]
        good[0] = True
        last = len(between) - 1 - np.argmax(good[::-1], axis=0)
        return between[last]


@dataclass(frozen=True, eq=False)
class Doses:
    """A dose for each class, and why it is another than that of all.

    `doubt` is where too little is known, `note` what is to be known beside.
    """

    dose: Floats
    why: tuple[str, ...]
    doubt: str = ""
    note: str = ""


Rule = Callable[[Ladder, Mapping[str, Preservation]], Doses]


def own_best(ladder: Ladder, _: Mapping[str, Preservation]) -> Doses:
    """Give each class its own best dose, shrunken towards that of all by how much classes differ at all.

    A class gets another dose where its expected gain over that of all is above zero, given its own answers and those
    of all other classes (empirical Bayes: `Effects.shrunk`). Where nothing shows that classes differ, none does.
    """
    e = estimate(ladder.design, ladder.arm(ladder.at), level=ladder.level)
    gain = ladder.by_arm(e, np.nan_to_num(e.shrunk, nan=-1.0))
    best = np.where(gain.max(axis=0) > 0, np.argmax(gain, axis=0), ladder.at)
    others = [c for c in range(len(best)) if best[c] != ladder.at]
    row = {c: e.place(ladder.arm(int(best[c]))) for c in others}
    why = [_gain(e, row[c], c) if c in row else "" for c in range(len(best))]
    sure = any(e.helped[row[c], c] for c in others)
    return Doses(
        ladder.doses[best], tuple(why), "" if sure or not others else _nobody(ladder, e, "gain at another dose")
    )


def _gain(e: Effects, a: int, c: int) -> str:
    effect, low, high, shrunk = (float(x[a, c]) for x in (e.effect, e.low, e.high, e.shrunk))
    return (
        f"{words.lost_or_gained(effect)} ({words.between(low, high)}) against {visible(e.baseline, 30)};"
        f" shrunken {words.points(shrunk)}"
    )


def _nobody(ladder: Ladder, e: Effects, what: str) -> str:
    """Return that no class certainly does something, and what it would take to find a loss of the margin."""
    asked = [needs(e, ladder.design.preds, arm, effect=ladder.margin) for arm in e.arms]
    return f"no class is certain to {what}. {advice([(found, e.n > 0) for found in asked])}".strip()


def label_preservation(ladder: Ladder, preserved: Mapping[str, Preservation]) -> Doses:
    """Give each class the strongest dose at which all references still see it (Yoo & Kang 2023).

    It is the `last` of `barnspider.preservation`, within the doses that were studied; the references' own chance is
    in its interval, which is told.
    """
    if not preserved:
        raise InputError(
            "rule 'label preservation' needs what references answered to changed images; run barnspider preserve"
        )
    found = next(iter(preserved.values()))
    if found.classes != ladder.classes:
        raise InputError("references were asked about other classes; expected those of the study")
    last = np.nan_to_num(np.min(found.last, axis=0), nan=ladder.doses[ladder.at], posinf=ladder.doses.max())
    dose = np.clip(last, ladder.doses.min(), ladder.doses.max())
    m = np.argmin(np.nan_to_num(found.last, nan=np.inf), axis=0)
    why = [f"label kept to {found.kept(c)[m[c]]}, by {visible(found.networks[m[c]])}" for c in range(len(dose))]
    return Doses(dose, tuple(why))


def of_receivers(ladder: Ladder, _: Mapping[str, Preservation]) -> Doses:
    """Weaken the dose of the classes that receive the answers of those that are harmed (Kirichenko et al. 2023).

    A class gets the strongest dose at which its false answers have not certainly grown.
    """
    taken = ladder.from_harmed()
    best = np.where(taken, ladder.weaker(ladder.receives), ladder.at)
    return _weakened(ladder, best, {"receives answers of harmed classes": taken})


def of_harmed_and_receivers(ladder: Ladder, _: Mapping[str, Preservation]) -> Doses:
    """Weaken the dose of the classes that are harmed, and of those that receive their answers.

    A harmed class gets the strongest dose at which it is not certainly harmed.
    """
    taken, harmed = ladder.from_harmed(), ladder.harmed[ladder.at]
    bad = (ladder.harmed & harmed) | (ladder.receives & taken)
    best = np.where(harmed | taken, ladder.weaker(bad), ladder.at)
    return _weakened(ladder, best, {"is harmed": harmed, "receives answers of harmed classes": taken})


def of_harmed_groups(ladder: Ladder, asked: Mapping[str, Preservation]) -> Doses:
    """Weaken as "harmed and receivers" does, and give all classes that are confused with one another the weakest dose.

    Where confused classes have different doses, that an image is unchanged is itself evidence for the class of the
    weakest one: docs/prescribe.md has seen it. Groups hold 20 classes at most; where that parts a confused pair, the
    note says so.
    """
    found = of_harmed_and_receivers(ladder, asked)
    groups = ladder.groups()
    dose, why = weakest(found.dose, groups.of), list(found.why)
    for c in np.flatnonzero((dose < found.dose) & (np.array(why) == "")):
        why[c] = "is confused with a class that is harmed or receives"
    return Doses(dose, tuple(why), found.doubt, groups.note() if dose.min() < dose.max() else "")


def weakest(dose: Floats, groups: NDArray[np.intp]) -> Floats:
    """Return the smallest dose of each class's group.

    Examples
    --------
    >>> weakest(np.array([0.4, 0.2, 0.4]), np.array([0, 0, 1])).tolist()
    [0.2, 0.2, 0.4]
    """
    least = np.full(int(groups.max(initial=-1)) + 1, np.inf)
    np.minimum.at(least, groups, dose)
    return least[groups]


def _weakened(ladder: Ladder, best: NDArray[np.intp], reasons: Mapping[str, Bools]) -> Doses:
    at = f"{ladder.doses[ladder.at]:g}"
    why = [" and ".join(text for text, who in reasons.items() if who[c]) for c in range(len(best))]
    nobody = not ladder.harmed[ladder.at].any() and ladder.at != ladder.off
    doubt = _nobody(ladder, ladder.effects, f"be harmed at {at}") if nobody else ""
    return Doses(ladder.doses[best], tuple(f"{text} at {at}" if text else "" for text in why), doubt)


RULES: dict[str, Rule] = {
    "own best": own_best,
    "label preservation": label_preservation,
    "receivers": of_receivers,
    "harmed and receivers": of_harmed_and_receivers,
    "harmed groups": of_harmed_groups,
}
"""Every rule, by name."""
