"""Gate: every class in every arm against its margin.

*Fail* means that at least one class certainly lost more than its margin: Holm's correction over all classes and arms
keeps the chance of any false alarm below 1 - level (Holm 1979). *Pass* means that every class certainly lost less than
its margin: each is shown at the full level, which keeps the chance that a class with a larger loss slips through below
1 - level (intersection-union test, Berger 1982). Everything else is *inconclusive*, and says what it would take.

Classes without images are not judged and named as such, unless every class must be; where no class has any, the verdict
is inconclusive. So it is instead of a pass where no run is left of an arm. Classes that are allowed to lose more are
tested like all others, and then do not decide (docs/decisions/0007).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import Effects, Floats
from barnspider.errors import InputError, pick
from barnspider.gate.rules import Allowance, margin
from barnspider.gate.verdict import Counts, Excused, Finding, OfArm, Status, Treated, Verdict, Worst, absent
from barnspider.names import visible
from barnspider.needs import Needs, advice, needs, whole
from barnspider.predictions import Predictions
from barnspider.stats.multiplicity import holm
from barnspider.words import between, compared, counted, finds, points

Bools = NDArray[np.bool_]
NOBODY = -1
"""In the place of the number of an allowance."""


@dataclass(frozen=True)
class Gate:
    """Lets a change through only if no class loses more than `max_drop` (a proportion: 0.02 is two points).

    Parameters
    ----------
    relative
        Judge each class's change less the average change of its arm: a pass then means that no class fell behind by
        more than `max_drop`, and says nothing of the average.
    budgets
        class -> a `max_drop` of its own.
    allowances
        Classes that may lose more, for a reason and until a day. They do not decide, and are always named.
    inconclusive
        What exit code an inconclusive verdict has: that of "pass", of "fail", or its own. The verdict stays the same.
    every_class
        A class without images is undecided, rather than not judged: where samples are left out, a class may lose all.

    Raises
    ------
    InputError
        When `max_drop` or a budget is not from 0 to 1, or one class of one arm is allowed twice.
    """

    max_drop: float = 0.02
    relative: bool = False
    budgets: Mapping[str, float] = field(default_factory=dict[str, float])
    allowances: tuple[Allowance, ...] = ()
    inconclusive: Treated | None = None
    every_class: bool = False

    def __post_init__(self) -> None:
        margin(self.max_drop)
        if self.inconclusive is not None:
            pick("inconclusive", self.inconclusive, ("pass", "fail"))
        for name, budget in self.budgets.items():
            try:
                margin(budget)
            except InputError as error:
                raise InputError(f"budgets[{visible(name)!r}]: {error}") from None
        seen = Counter((x.class_, x.arm) for x in self.allowances)
        if twice := [x for x in self.allowances if seen[x.class_, x.arm] > 1]:
            raise InputError(f"{twice[0].whom} is allowed twice; expected one reason and one end")

    def check(self, effects: Effects, predictions: Predictions | None = None, *, today: date | None = None) -> Verdict:
        """Judge every class in every arm.

        Parameters
        ----------
        predictions
            What the effects were estimated from: then an undecided class says how many runs or images it needs, and
            an arm is named that answers every image as the baseline does.
        today
            The day on which allowances must hold; by default today's date in UTC.

        Raises
        ------
        InputError
            When a budget or an allowance names no class that there is, or `relative` finds one class only.

        Examples
        --------
        >>> import numpy as np
        >>> import barnspider as barn
        >>> good, bad = np.zeros((3, 200), int), np.tile([0, 0, 1, 1], 50)[None].repeat(3, 0)
        >>> preds = barn.Predictions.from_arrays(np.zeros(200, int), {"old": good, "new": bad}, classes=["cat", "dog"])
        >>> Gate(max_drop=0.02).check(barn.estimate(preds, baseline="old")).status
        'fail'
        """
        excuses = _Excuses.of(self.allowances, effects, today or datetime.now(UTC).date())
        measured, margins = self._measured(effects), self._margins(effects.classes)
        judged = _Judged.of(measured, margins, excuses, every_class=self.every_class)
        wanted = {} if predictions is None or self.relative else judged.needs(predictions)
        order = judged.order()
        findings = [(x, judged.finding(x, wanted, relative=self.relative)) for x in order]
        return Verdict(
            status=_without(absent(effects.left_out, {effects.baseline, *effects.arms}), judged.status()),
            max_drop=self.max_drop,
            level=effects.method.level,
            generalizes_to=effects.method.generalizes_to,
            counts=judged.counts(),
            findings=tuple(finding for x, finding in findings if not judged.free[x]),
            not_judged=tuple(effects.classes[c] for c in np.flatnonzero(~judged.judged[0])),
            needs=_advice(judged.effects, wanted, judged.undecided & ~judged.free, judged.margins),
            baseline=effects.baseline,
            arms=tuple(judged.arm(a) for a in range(len(effects.arms))),
            relative=self.relative,
            budgets=tuple(self.budgets.items()),
            labels=effects.method.labels,
            unlabelled=effects.method.unlabelled,
            by=effects.method.by,
            excused=tuple(Excused(finding, excuses.at(x)) for x, finding in findings if judged.free[x]),
            expired=excuses.expired,
            unused=excuses.unused(judged.free),
            as_of=excuses.today if self.allowances else None,
            inconclusive=self.inconclusive,
            left_out=effects.left_out,
            identical=() if predictions is None else _identical(effects, predictions),
        )

    def _margins(self, classes: tuple[str, ...]) -> Floats:
        place = {name: c for c, name in enumerate(classes)}
        margins = np.full(len(classes), float(self.max_drop))
        for name, budget in self.budgets.items():
            margins[place[name] if name in place else place[pick("budgets: class", name, classes)]] = budget
        return margins

    def _measured(self, effects: Effects) -> Effects:
        if not self.relative:
            return effects
        if effects.known.any() and (found := int(effects.known[0].sum())) < 2:
            raise InputError(
                f"relative=True with {found} {effects.method.unit} that has images: its change is the average change;"
                " expected two"
            )
        return effects.against_average()


@dataclass(frozen=True, eq=False)
class _Excuses:
    """Which allowance holds where.

    Attributes
    ----------
    place : Int[A, C], the number of the allowance that excuses this class of this arm, or NOBODY
    ended : the same, of those that expired
    """

    allowances: tuple[Allowance, ...]
    today: date
    place: NDArray[np.int64]
    ended: NDArray[np.int64]

    @classmethod
    def of(cls, allowances: tuple[Allowance, ...], effects: Effects, today: date) -> _Excuses:
        arms, classes = ({name: i for i, name in enumerate(names)} for names in (effects.arms, effects.classes))
        place, ended = np.full((2, len(arms), len(classes)), NOBODY)
        # One arm's own allowance stands above that of every arm.
        for i, allowance in sorted(enumerate(allowances), key=lambda x: x[1].arm is not None):
            if allowance.class_ not in classes:
                pick("allowances: class", allowance.class_, classes)
            rows = list(arms.values()) if allowance.arm is None else [arms[x] for x in (allowance.arm,) if x in arms]
            (place if allowance.holds(today) else ended)[rows, classes[allowance.class_]] = i
        return cls(allowances, today, place, ended)

    @property
    def expired(self) -> tuple[Allowance, ...]:
        return tuple(x for x in self.allowances if not x.holds(self.today))

    def at(self, x: tuple[int, int]) -> Allowance:
        return self.allowances[self.place[x]]

    def unused(self, free: Bools) -> tuple[Allowance, ...]:
        used = set(self.place[free].tolist())
        return tuple(x for i, x in enumerate(self.allowances) if i not in used and x.holds(self.today))

    def remark(self, x: tuple[int, int]) -> str:
        """Say that an allowance would have excused this, had it not expired."""
        ended = NOBODY if self.place[x] != NOBODY else self.ended[x]
        return "" if ended == NOBODY else f"; it was allowed {self.allowances[ended].until}"


@dataclass(frozen=True, eq=False)
class _Judged:
    """Every class of every arm, judged: Bool[A, C] each. `free`: excused, and there is something to excuse."""

    effects: Effects
    margins: Floats
    excuses: _Excuses
    judged: Bools
    passed: Bools
    failed: Bools
    undecided: Bools
    free: Bools
    worse: Floats
    tested: int

    @classmethod
    def of(cls, effects: Effects, margins: Floats, excuses: _Excuses, *, every_class: bool) -> _Judged:
        alpha, known = effects.method.alpha, effects.known
        worse, better = _p_values(effects, margins)
        failed = known & (holm(worse, known) <= alpha)
        passed = known & (better <= alpha) & ~failed
        judged = known if known.any() and not every_class else np.ones_like(known)
        free = judged & ~passed & (excuses.place != NOBODY)
        undecided = judged & ~passed & ~failed
        return cls(effects, margins, excuses, judged, passed, failed, undecided, free, worse, int(known.sum()))

    def counts(self, of: Any = slice(None)) -> Counts:
        decides = ~self.free[of]
        return (
            ("pass", int(self.passed[of].sum())),
            ("fail", int((self.failed[of] & decides).sum())),
            ("inconclusive", int((self.undecided[of] & decides).sum())),
        )

    def status(self, of: Any = slice(None)) -> Status:
        counts = dict(self.counts(of))
        undecided = counts["inconclusive"] or not sum(counts.values())
        return "fail" if counts["fail"] else "inconclusive" if undecided else "pass"

    def arm(self, a: int) -> OfArm:
        e = self.effects
        overall = (float(x[a]) for x in (e.overall, e.overall_low, e.overall_high))
        return OfArm(e.arms[a], e.runs[a], self.status(a), self.counts(a), *overall, worst=self._worst(a))

    def _worst(self, a: int) -> Worst | None:
        e, seen = self.effects, np.flatnonzero(self.effects.known[a] & ~self.free[a])
        if not len(seen):
            return None
        c = int(seen[np.argmin(e.effect[a, seen])])
        return Worst(e.classes[c], float(e.effect[a, c]), float(e.low[a, c]), float(e.high[a, c]), int(e.n[c]))

    def order(self) -> list[tuple[int, int]]:
        """Return where something is found, arm and class, the worst first."""
        found = [(int(a), int(c)) for a, c in zip(*np.nonzero(self.failed | self.undecided), strict=True)]
        return sorted(found, key=lambda x: (not self.failed[x], self.worse[x], x))

    def needs(self, predictions: Predictions) -> dict[int, Needs]:
        """Return what the arms with undecided classes need; nothing shows that a class lost nothing at all."""
        if not self.margins.any():
            return {}
        open_ = (self.undecided & ~self.free & self.effects.known & (self.margins > 0)).any(axis=1)
        sizes = np.where(self.margins > 0, self.margins, self.margins.max())
        return {
            int(a): needs(self.effects, predictions, self.effects.arms[a], effect=sizes) for a in np.flatnonzero(open_)
        }

    def finding(self, x: tuple[int, int], wanted: dict[int, Needs], *, relative: bool) -> Finding:
        (a, c), e, failed = x, self.effects, bool(self.failed[x])
        status: Status = "fail" if failed else "inconclusive"
        arm, name, own = e.arms[a], e.classes[c], float(self.margins[c])
        shown, remark = f"{visible(arm)}, {visible(name)}", self.excuses.remark(x)
        if not e.known[x]:
            sentence = f"{shown}: cannot tell, there is no evidence (0 images){remark}"
            return Finding(arm, name, status, None, None, None, None, None, sentence, max_drop=own)
        effect, low, high, least = (float(y[x]) for y in (e.effect, e.low, e.high, e.detectable()))
        p, n = float(self.worse[x]), int(e.n[c])
        against = " against the average" if relative else ""
        change = (
            f"change{against} {points(effect)} points ({between(low, high)}; {counted(n, 'image')}), p {compared(p)}"
        )
        if failed:
            lost = "fell behind by" if relative else "lost"
            sentence = f"{shown}: {lost} more than {points(own, sign=False)} points; {change}{remark}"
            return Finding(arm, name, status, effect, low, high, p, least, sentence, n=n, max_drop=own)
        alone = f" among {self.tested:,} {e.method.units}" if p <= e.method.alpha else ""
        sentence = f"{shown}: cannot tell{alone}; {change}; {finds(least)}{remark}"
        more = wanted.get(a) if own > 0 else None
        runs, images = (None, None) if more is None else (whole(more.runs_needed[c]), whole(more.images_needed[c]))
        return Finding(arm, name, status, effect, low, high, p, least, sentence, runs, images, n, own)


def _without(arms: tuple[str, ...], status: Status) -> Status:
    """Return what is said where nothing is known of some arms: no pass."""
    return "inconclusive" if arms and status == "pass" else status


def _identical(effects: Effects, predictions: Predictions) -> tuple[str, ...]:
    """Return the arms whose runs answer every image as runs of the baseline do."""

    def answers(arm: str) -> set[bytes]:
        return {sha256(row.tobytes()).digest() for row in predictions.guess[predictions.rows(arm)]}

    base = answers(effects.baseline)
    return tuple(arm for arm in effects.arms if answers(arm) == base)


def _p_values(effects: Effects, margins: Floats) -> tuple[Floats, Floats]:
    """One-sided p-values of "the loss is at most the margin" and of "the loss is at least the margin"."""
    from scipy.special import stdtr  # importing scipy costs 0.1 s; only numbers need it

    with np.errstate(divide="ignore", invalid="ignore"):
        score = (effects.effect + margins) / effects.se
    return stdtr(effects.df, score), stdtr(effects.df, -score)


def _advice(effects: Effects, wanted: dict[int, Needs], undecided: Bools, margins: Floats) -> str:
    """Return what the undecided classes need or, where that is not known, what this design finds."""
    found = effects.detectable()[undecided & effects.known]
    if wanted or not len(found):
        return advice([(part, undecided[a] & (margins > 0)) for a, part in wanted.items()])
    least = found.max()
    worst = f"of {points(least, sign=False)}" if least < 1 else "no change, however large"
    return f"In the undecided {effects.method.units} this design {finds(found.min())}" + (
        f", in the least certain {worst}." if least > found.min() else "."
    )
