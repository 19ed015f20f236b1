"""Gate: should this change be merged? Three verdicts: pass, fail, and cannot tell, with stated error rates.

*Fail* means that at least one class certainly lost more than the margin: Holm's correction over all classes and arms
keeps the chance of any false alarm below 1 - level (Holm 1979). *Pass* means that every class certainly lost less than
the margin: each is shown at the full level, which keeps the chance that a class with a larger loss slips through below
1 - level (intersection-union test, Berger 1982). Everything else is *inconclusive*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from barnspider.effects import Effects, Floats
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.stats.multiplicity import holm
from barnspider.words import between, compared, counted, points

Status = Literal["pass", "fail", "inconclusive"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "inconclusive": 3}


@dataclass(frozen=True)
class Finding:
    """What the gate says of one class in one arm; proportions. Numbers are None where there is no evidence."""

    arm: str
    class_: str
    status: Status
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a change: its status, and a finding for every class that does not pass, worst first."""

    status: Status
    max_drop: float
    level: float
    generalizes_to: str
    counts: tuple[tuple[Status, int], ...]
    findings: tuple[Finding, ...]

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
            "counts": dict(self.counts), "findings": findings,
        }  # fmt: skip

    @property
    def summary(self) -> str:
        """What was judged and how it came out, with the rates of error."""
        counts = dict(self.counts)
        n, margin = sum(counts.values()), points(self.max_drop, sign=False)
        return (
            f"Of {counted(n, 'class')} in all arms, {counts['fail']:,} lost more than {margin} points,"
            f" {counts['pass']:,} are shown not to have (each on its own), and of {counts['inconclusive']:,} the data"
            f" cannot tell. Judged for new {self.generalizes_to}, the chance of a false alarm in any class, and of a"
            f" false pass, is at most {1 - self.level:.2g} each."
        )

    def __str__(self) -> str:
        lines = [f"{self.status.upper()}. {self.summary}"]
        shown = self.findings[:10]
        lines += [f"  {finding.sentence}" for finding in shown]
        if len(self.findings) > len(shown):
            lines.append(f"  ... and {len(self.findings) - len(shown)} more")
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

    def check(self, effects: Effects) -> Verdict:
        """Judge every class in every arm.

        Examples
        --------
        >>> import numpy as np
        >>> import barnspider as barn
        >>> good, bad = np.zeros((3, 200), int), np.tile([0, 0, 1, 1], 50)[None].repeat(3, 0)
        >>> preds = barn.Predictions.from_arrays(np.zeros(200, int), {"old": good, "new": bad}, classes=["cat", "dog"])
        >>> Gate(max_drop=0.02).check(barn.estimate(preds, baseline="old")).status
        'fail'
        """
        alpha = 1 - effects.method.level
        worse, better = self._p_values(effects)
        failed = effects.known & (holm(worse, effects.known) <= alpha)
        passed = effects.known & (better <= alpha) & ~failed
        n_failed, n_passed, n = int(failed.sum()), int(passed.sum()), passed.size
        status: Status = "fail" if n_failed else "pass" if n_passed == n else "inconclusive"
        counts: tuple[tuple[Status, int], ...] = (
            ("pass", n_passed), ("fail", n_failed), ("inconclusive", n - n_passed - n_failed),
        )  # fmt: skip
        order = sorted(
            zip(*np.nonzero(~passed), strict=True),
            key=lambda at: (not failed[at], not effects.known[at], worse[at], at),
        )
        over = effects.method.generalizes_to
        findings = tuple(self._finding(effects, a, c, bool(failed[a, c]), float(worse[a, c])) for a, c in order)
        return Verdict(status, self.max_drop, effects.method.level, over, counts, findings)

    def _p_values(self, effects: Effects) -> tuple[Floats, Floats]:
        """One-sided p-values of "the loss is at most max_drop" and of "the loss is at least max_drop"."""
        from scipy.stats import t

        with np.errstate(divide="ignore", invalid="ignore"):
            score = (effects.effect + self.max_drop) / effects.se
        return np.asarray(t.cdf(score, effects.df)), np.asarray(t.sf(score, effects.df))

    def _finding(self, effects: Effects, a: int, c: int, failed: bool, p: float) -> Finding:
        status: Status = "fail" if failed else "inconclusive"
        arm, name = effects.arms[a], effects.classes[c]
        if not effects.known[a, c]:
            sentence = f"{visible(arm)}, {visible(name)}: cannot tell, there is no evidence ({effects.n[c]} images)"
            return Finding(arm, name, status, None, None, None, None, sentence)
        effect, low, high = (float(x[a, c]) for x in (effects.effect, effects.low, effects.high))
        said = f"lost more than {points(self.max_drop, sign=False)} points" if status == "fail" else "cannot tell"
        change = f"change {points(effect)} points ({between(low, high)}), p {compared(p)}"
        sentence = f"{visible(arm)}, {visible(name)}: {said}; {change}"
        return Finding(arm, name, status, effect, low, high, p, sentence)
