"""Gate: should this change be merged? Three verdicts: pass, fail, and cannot tell, with stated error rates.

*Fail* means that at least one class certainly lost more than the margin: Holm's correction over all classes and arms
keeps the chance of any false alarm below 1 - level (Holm 1979). *Pass* means that every class certainly lost less than
the margin: each is shown at the full level, which keeps the chance that a class with a larger loss slips through below
1 - level (intersection-union test, Berger 1982). Everything else is *inconclusive*, and says what it would take.

Classes without images are not judged and named as such; where no class has any, the verdict is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import Effects, Floats
from barnspider.errors import InputError, listing
from barnspider.names import visible
from barnspider.needs import Needs, advice, needs, whole
from barnspider.predictions import Predictions
from barnspider.stats.multiplicity import holm
from barnspider.words import between, compared, counted, finds, points

Bools = NDArray[np.bool_]
Status = Literal["pass", "fail", "inconclusive"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "inconclusive": 3}


@dataclass(frozen=True)
class Finding:
    """What the gate says of one class in one arm; proportions. Numbers are None where there is no evidence.

    Attributes
    ----------
    arm, class_ : names
    status : "fail" or "inconclusive"
    effect, low, high : the change, and its interval
    p : one-sided, of "the loss is at most max_drop"
    detectable : the smallest change that this design finds 4 times in 5, this class by itself
    sentence : all this in words
    runs_needed, images_needed : how many runs of each arm, or images of this class, find a change of `max_drop`;
        None where it is decided, where no number is enough, or where this was not asked for
    """

    arm: str
    class_: str
    status: Status
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    sentence: str
    runs_needed: int | None = None
    images_needed: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a change: its status, and a finding for every class that does not pass, worst first.

    Attributes
    ----------
    status : "pass", "fail" or "inconclusive"
    max_drop, level, generalizes_to : what was asked
    counts : how many classes passed, failed, or are undecided, over all arms
    findings : of those that did not pass, the worst first
    not_judged : classes without images
    needs : what it would take to decide, in words; empty where all is decided
    """

    status: Status
    max_drop: float
    level: float
    generalizes_to: str
    counts: tuple[tuple[Status, int], ...]
    findings: tuple[Finding, ...]
    not_judged: tuple[str, ...] = ()
    needs: str = ""

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive."""
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values; proportions, None where there is no evidence."""
        findings = [{"class": f.class_, **{k: v for k, v in vars(f).items() if k != "class_"}} for f in self.findings]
        return {
            "schema": "barnspider/verdict/1", "status": self.status, "max_drop": self.max_drop, "level": self.level,
            "generalizes_to": self.generalizes_to,
            "counts": dict(self.counts), "not_judged": list(self.not_judged), "needs": self.needs or None,
            "findings": findings,
        }  # fmt: skip

    @property
    def summary(self) -> str:
        """What was judged and how it came out, with the rates of error, and what it would take to decide the rest."""
        counts = dict(self.counts)
        n, margin = sum(counts.values()), points(self.max_drop, sign=False)
        shown = f"{counts['pass']:,} {'is' if counts['pass'] == 1 else 'are'} shown not to have (each on its own)"
        text = (
            f"Of {counted(n, 'class')} in all arms, {counts['fail']:,} lost more than {margin} points, {shown},"
            f" and of {counts['inconclusive']:,} the data cannot tell. Judged for new {self.generalizes_to}, the chance"
            f" of a false alarm in any class, and of a false pass, is at most {1 - self.level:.2g} each."
        )
        unseen = f"Not judged, no images: {listing(self.not_judged)}." if self.not_judged else ""
        return " ".join(part for part in (text, self.needs, unseen) if part)

    def __str__(self) -> str:
        lines = [f"{self.status.upper()}. {self.summary}"]
        shown = self.findings[:10]
        lines += [f"  {finding.sentence}" for finding in shown]
        if len(self.findings) > len(shown):
            lines.append(f"  ... and {len(self.findings) - len(shown):,} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Gate:
    """Lets a change through only if no class loses more than `max_drop` (a proportion: 0.02 is two points).

    Raises
    ------
    InputError
        When `max_drop` is not from 0 to 1.
    """

    max_drop: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop < 1:
            raise InputError(f"max_drop={self.max_drop!r}; expected a proportion from 0, below 1 (0.02 is two points)")

    def check(self, effects: Effects, predictions: Predictions | None = None) -> Verdict:
        """Judge every class in every arm.

        Parameters
        ----------
        predictions
            What the effects were estimated from: then an undecided class says how many runs or images it needs.

        Examples
        --------
        >>> import numpy as np
        >>> import barnspider as barn
        >>> good, bad = np.zeros((3, 200), int), np.tile([0, 0, 1, 1], 50)[None].repeat(3, 0)
        >>> preds = barn.Predictions.from_arrays(np.zeros(200, int), {"old": good, "new": bad}, classes=["cat", "dog"])
        >>> Gate(max_drop=0.02).check(barn.estimate(preds, baseline="old")).status
        'fail'
        """
        passed, failed, worse = self._judge(effects)
        judged = effects.known if effects.known.any() else np.ones_like(effects.known)
        undecided = judged & ~passed & ~failed
        wanted = self._needs(effects, predictions, undecided)
        counts: tuple[tuple[Status, int], ...] = (
            ("pass", int(passed.sum())), ("fail", int(failed.sum())), ("inconclusive", int(undecided.sum())),
        )  # fmt: skip
        order = sorted(zip(*np.nonzero(failed | undecided), strict=True), key=lambda x: (not failed[x], worse[x], x))
        return Verdict(
            status="fail" if failed.any() else "inconclusive" if undecided.any() else "pass",
            max_drop=self.max_drop,
            level=effects.method.level,
            generalizes_to=effects.method.generalizes_to,
            counts=counts,
            findings=tuple(self._finding(effects, x, bool(failed[x]), float(worse[x]), wanted) for x in order),
            not_judged=tuple(effects.classes[c] for c in np.flatnonzero(~judged[0])),
            needs=_advice(effects, wanted, undecided),
        )

    def _judge(self, effects: Effects) -> tuple[Bools, Bools, Floats]:
        """Return who passed, who failed, and the one-sided p-values of "the loss is at most max_drop"."""
        alpha, known = effects.method.alpha, effects.known
        worse, better = self._p_values(effects)
        failed = known & (holm(worse, known) <= alpha)
        return known & (better <= alpha) & ~failed, failed, worse

    def _p_values(self, effects: Effects) -> tuple[Floats, Floats]:
        """One-sided p-values of "the loss is at most max_drop" and of "the loss is at least max_drop"."""
        from scipy.special import stdtr  # importing scipy costs 0.1 s; only numbers need it

        with np.errstate(divide="ignore", invalid="ignore"):
            score = (effects.effect + self.max_drop) / effects.se
        return stdtr(effects.df, score), stdtr(effects.df, -score)

    def _needs(self, effects: Effects, predictions: Predictions | None, undecided: Bools) -> dict[int, Needs]:
        """Return what the arms with undecided classes need; nothing shows that a class lost nothing at all."""
        if predictions is None or not self.max_drop:
            return {}
        arms = [int(a) for a in np.flatnonzero((undecided & effects.known).any(axis=1))]
        return {a: needs(effects, predictions, effects.arms[a], effect=self.max_drop) for a in arms}

    def _finding(
        self, effects: Effects, at: tuple[int, int], failed: bool, p: float, wanted: dict[int, Needs]
    ) -> Finding:
        (a, c), status = at, "fail" if failed else "inconclusive"
        arm, name = effects.arms[a], effects.classes[c]
        shown = f"{visible(arm)}, {visible(name)}"
        if not effects.known[a, c]:
            sentence = f"{shown}: cannot tell, there is no evidence (0 images)"
            return Finding(arm, name, status, None, None, None, None, None, sentence)
        found = (float(x[a, c]) for x in (effects.effect, effects.low, effects.high, effects.detectable()))
        effect, low, high, detectable = found
        change = f"change {points(effect)} points ({between(low, high)}), p {compared(p)}"
        if failed:
            sentence = f"{shown}: lost more than {points(self.max_drop, sign=False)} points; {change}"
            return Finding(arm, name, status, effect, low, high, p, detectable, sentence)
        alone = f" among {effects.known.sum():,} classes" if p <= effects.method.alpha else ""
        sentence = f"{shown}: cannot tell{alone}; {change}; {finds(detectable)}"
        more = wanted.get(a)
        runs, images = (None, None) if more is None else (whole(more.runs_needed[c]), whole(more.images_needed[c]))
        return Finding(arm, name, status, effect, low, high, p, detectable, sentence, runs, images)


def _advice(effects: Effects, wanted: dict[int, Needs], undecided: Bools) -> str:
    """Return what the undecided classes need or, where that is not known, what this design finds."""
    found = effects.detectable()[undecided & effects.known]
    if wanted or not len(found):
        return advice([(part, undecided[a]) for a, part in wanted.items()])
    least = found.max()
    worst = f"of {points(least, sign=False)}" if least < 1 else "no change, however large"
    return f"In the undecided classes this design {finds(found.min())}" + (
        f", in the least certain {worst}." if least > found.min() else "."
    )
