"""Verdict -> Markdown for a pull request's comment or a job's summary: always below `LIMIT`, and names are inert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from barnspider.gate.rules import Allowance
from barnspider.gate.verdict import SAID, Excused, Finding, OfArm, Status, Verdict
from barnspider.markdown import LIMIT, code, escaped
from barnspider.words import between, chance, counted, points

Row = TypeVar("Row")
MARKS: dict[Status, str] = {"pass": "✅ Pass", "fail": "❌ Fail", "inconclusive": "❔ Cannot tell"}
TAIL = 200
"""Characters kept free for what says how many rows found no room."""
REASON = 300
"""Characters shown of a reason."""


def comment(verdict: Verdict, rows: int = 20) -> str:
    """Return a verdict as Markdown: the headline, up to `rows` classes of each kind, and every excuse with its reason.

    Harm comes first, then what is excused; where there is no more room, it says how many are left out.

    Examples
    --------
    >>> from barnspider import Gate, estimate, simulate
    >>> sim = simulate(classes=2, images=400, runs=4, effect=[-0.4, 0.0], seed=1)
    >>> print(comment(Gate().check(estimate(sim.predictions, "baseline"))).splitlines()[0])
    ### ❌ Fail: who pays against `baseline`?
    """
    of_kind = {status: [x for x in verdict.findings if x.status == status] for status in ("fail", "inconclusive")}
    head = (
        f"### {MARKS[verdict.status]}{verdict.but}: who pays against {code(verdict.baseline)}?\n\n{_summary(verdict)}\n"
    )
    page = _Page([head], LIMIT - len(head))
    who = ("arm", verdict.unit)
    page.table("Lost more than the margin", (*who, *FOUND), of_kind["fail"], _found, rows)
    page.table("Excused", (*who, *FOUND, *ENDED), verdict.excused, _excused, len(verdict.excused))
    ended = (*who, *ENDED)
    page.table("Allowances that expired: they excuse nothing", ended, verdict.expired, _ended, len(verdict.expired))
    page.table("Allowances with nothing to excuse", ended, verdict.unused, _ended, len(verdict.unused))
    if len(verdict.arms) > 1:
        page.table("Arms", ARMS, verdict.arms, _arm, len(verdict.arms))
    page.table("Cannot tell", (*who, *FOUND), of_kind["inconclusive"], _found, rows)
    return "\n".join(page.parts).removesuffix("\n")


def _summary(verdict: Verdict) -> str:
    average = verdict.average
    if len(verdict.arms) > 1:  # these stand in a table
        average = "The average itself was not judged; the arms below say how it changed." if verdict.relative else ""
    shown = [escaped(name) for name in verdict.not_judged[:12]]
    more = len(verdict.not_judged) - len(shown)
    unseen = f"Not judged, no images: {', '.join(shown)}{f' and {more:,} more' if more > 0 else ''}." if shown else ""
    parts = (verdict.judged, average, _worst(verdict), verdict.needs, unseen, *verdict.remarks(escaped))
    return " ".join(part for part in (*parts, verdict.treated) if part)


def _worst(verdict: Verdict) -> str:
    """Say which class of a change that passes is the worst, for the tables name none."""
    found = [(x.worst.effect, x.arm, x.worst) for x in verdict.arms if x.worst is not None]
    if verdict.status != "pass" or not found:
        return ""
    _, arm, worst = min(found, key=lambda x: x[0])
    change = f"{points(worst.effect)} points ({between(worst.low, worst.high)}; {counted(worst.n, 'image')})"
    against = " against the average" if verdict.relative else ""
    name = escaped(worst.class_)
    return f"The worst change{against} is {change}, of the {verdict.unit} {name} in {escaped(arm)}."


FOUND = ("images", "change", "interval", "margin", "p")
ENDED = ("why", "until")
ARMS = ("arm", "verdict", "passed", "failed", "cannot tell", "average change", "interval", "runs")
LEFT = {"arm", "class", "group", "why", "verdict"}


@dataclass(frozen=True)
class _Page:
    """What is written so far, and how many characters there is room for."""

    parts: list[str]
    limit: int

    def table(
        self, title: str, head: Sequence[str], rows: Sequence[Row], cells: Callable[[Row], Sequence[str]], most: int
    ) -> None:
        """Add a table of the first `most` rows, as far as there is room."""
        if not rows:
            return
        marks = [":--" if name in LEFT else "--:" for name in head]
        lines = [f"**{title}** ({len(rows):,})\n", f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|"]
        room = self.limit - sum(len(part) + 1 for part in self.parts[1:]) - sum(len(x) + 1 for x in lines) - TAIL
        shown = 0
        for row in rows[:most]:
            line = f"| {' | '.join(cells(row))} |"
            room -= len(line) + 1
            if room < 0:
                break
            lines.append(line)
            shown += 1
        if shown < len(rows):
            lines.append(f"\n... and {len(rows) - shown:,} more; all are in the JSON")
        self.parts.append("\n".join(lines) + "\n")


def _found(x: Finding) -> list[str]:
    if x.effect is None or x.low is None or x.high is None or x.p is None:
        return [escaped(x.arm), escaped(x.class_), "0", "no evidence", "", _margin(x), ""]
    change = (f"{x.n:,}", points(x.effect), between(x.low, x.high))
    return [escaped(x.arm), escaped(x.class_), *change, _margin(x), chance(x.p)]


def _margin(x: Finding) -> str:
    return "" if x.max_drop is None else points(x.max_drop, sign=False)


def _excused(x: Excused) -> list[str]:
    return [*_found(x.finding), *_ended(x.allowance)[2:]]


def _ended(x: Allowance) -> list[str]:
    who = ["every arm" if x.arm is None else escaped(x.arm), escaped(x.class_)]
    return [*who, escaped(x.reason, longest=REASON), x.until.removeprefix("until ")]


def _arm(x: OfArm) -> list[str]:
    counts = [f"{n:,}" for _, n in x.counts]
    return [escaped(x.arm), SAID[x.status], *counts, points(x.overall), between(x.low, x.high), str(x.runs)]
