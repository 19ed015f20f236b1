"""A verdict: what the gate found, and how it prints and becomes JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from barnspider.errors import listing
from barnspider.gate.rules import Allowance
from barnspider.names import LONGEST, visible
from barnspider.predictions import LeftOut
from barnspider.words import Shown, between, counted, grouping, judged_by, plural, points, unit

Status = Literal["pass", "fail", "inconclusive"]
Counts = tuple[tuple[Status, int], ...]
Treated = Literal["pass", "fail"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
NO_PASS = "there is no pass"
P_IS = "p is one-sided, against the margin: how often chance shows as much of a {unit} that lost just its margin."
SAID: dict[Status, str] = {"pass": "pass", "fail": "fail", "inconclusive": "cannot tell"}


@dataclass(frozen=True)
class Finding:
    """What the gate says of one class in one arm; proportions. Numbers are None where there is no evidence.

    Attributes
    ----------
    arm, class_ : names
    status : "fail" or "inconclusive"
    effect, low, high : the change, and its interval; against the average change, if that was asked for
    p : one-sided, of "the loss is at most max_drop"
    detectable : the smallest change that this design finds 4 times in 5, this class by itself
    sentence : all this in words
    runs_needed, images_needed : how many runs of each arm, or images of this class, find a change of `max_drop`;
        None where it is decided, where no number is enough, or where this was not asked for
    n : images of this class
    max_drop : the margin of this class: its budget, or the gate's
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
    n: int = 0
    max_drop: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {"class" if name == "class_" else name: value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Excused:
    """A finding that does not decide, since somebody allowed it, and the allowance."""

    finding: Finding
    allowance: Allowance

    @property
    def sentence(self) -> str:
        """What was found, until when it is allowed, and why."""
        return f"{self.finding.sentence}; allowed {self.allowance.until}: {visible(self.allowance.reason, 1000)}"

    def to_json(self) -> dict[str, Any]:
        """Return the finding's fields, with `reason` and `expires`."""
        allowance = self.allowance.to_json()
        return {**self.finding.to_json(), "reason": allowance["reason"], "expires": allowance["expires"]}


@dataclass(frozen=True)
class Worst:
    """The class with the worst change that was measured in an arm; proportions, and how many images it has."""

    class_: str
    effect: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {"class" if name == "class_" else name: value for name, value in vars(self).items()}


@dataclass(frozen=True)
class OfArm:
    """What the gate says of one arm by itself, and the arm's average change with its interval; proportions.

    `worst` is of the classes that decide; None where none of them has images.
    """

    arm: str
    runs: int
    status: Status
    counts: Counts
    overall: float
    low: float
    high: float
    worst: Worst | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values; `overall` holds effect, low and high."""
        overall = {"effect": self.overall, "low": self.low, "high": self.high}
        own = {"arm": self.arm, "runs": self.runs, "status": self.status, "counts": dict(self.counts)}
        return {**own, "overall": overall, "worst": None if self.worst is None else self.worst.to_json()}


@dataclass(frozen=True)
class Verdict(Shown):
    """What the gate says of a change: its status, and a finding for every class that does not pass, worst first.

    Attributes
    ----------
    status : "pass", "fail" or "inconclusive"
    max_drop, level, generalizes_to : what was asked
    counts : how many classes passed, failed, or are undecided, over all arms; those that are excused are in none
    findings : of those that did not pass, the worst first
    not_judged : classes without images
    needs : what would find a change of the margin, in words; empty where all is decided
    baseline : the arm that was compared with
    arms : each arm by itself
    relative : whether changes against the average change were judged
    budgets : margins of single classes
    excused : findings that do not decide, with the allowance
    expired, unused : allowances that excuse nothing any more, and those that excuse nothing here
    as_of : the day on which allowances were looked at; None without any
    inconclusive : what an inconclusive verdict was asked to count for: "pass", "fail", or None: itself
    labels, unlabelled : "single" or "sets", and how many images are left out, as of the effects' `Method`
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
    left_out : runs that are missing, and why
    identical : arms that answer every image as the baseline does
    notes : what was left out when the answers were read, in words
    """

    status: Status
    max_drop: float
    level: float
    generalizes_to: str
    counts: Counts
    findings: tuple[Finding, ...]
    not_judged: tuple[str, ...] = ()
    needs: str = ""
    baseline: str = ""
    arms: tuple[OfArm, ...] = ()
    relative: bool = False
    budgets: tuple[tuple[str, float], ...] = ()
    excused: tuple[Excused, ...] = ()
    expired: tuple[Allowance, ...] = ()
    unused: tuple[Allowance, ...] = ()
    as_of: date | None = None
    inconclusive: Treated | None = None
    labels: str = "single"
    unlabelled: int = 0
    by: str = ""
    left_out: tuple[LeftOut, ...] = ()
    identical: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        """The arms of which no run is left, so that nothing is known of them."""
        return absent(self.left_out, {self.baseline, *(x.arm for x in self.arms)})

    @property
    def unit(self) -> str:
        """What is judged, as a word: "class" or "group"."""
        return unit(self.by)

    @property
    def units(self) -> str:
        """What is judged, of several: "classes" or "groups"."""
        return plural(self.unit)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive; 0 or 1 where an inconclusive verdict counts for a pass or a fail."""
        counts_for = self.inconclusive if self.status == "inconclusive" and self.inconclusive else self.status
        return EXIT_CODES[counts_for]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values; proportions, None where there is no evidence."""
        return {
            "schema": "barnspider/verdict/1", "status": self.status, "exit_code": self.exit_code,
            "inconclusive": self.inconclusive, "baseline": self.baseline, "max_drop": self.max_drop,
            "relative": self.relative, "budgets": dict(self.budgets), "level": self.level,
            "generalizes_to": self.generalizes_to,
            "labels": self.labels, "unlabelled": self.unlabelled, "by": self.by,
            "counts": dict(self.counts), "not_judged": list(self.not_judged), "needs": self.needs or None,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "arms": [arm.to_json() for arm in self.arms],
            "findings": [finding.to_json() for finding in self.findings],
            "excused": [excused.to_json() for excused in self.excused],
            "expired": [allowance.to_json() for allowance in self.expired],
            "unused": [allowance.to_json() for allowance in self.unused],
            "left_out": [{"arm": x.arm, "seed": x.seed, "why": x.why} for x in self.left_out],
            "identical": list(self.identical), "notes": list(self.notes),
        }  # fmt: skip

    @property
    def judged(self) -> str:
        """What was judged and how it came out, with the rates of error; without any name."""
        counts = dict(self.counts)
        n = sum(counts.values())
        shown = f"{counts['pass']:,} {'is' if counts['pass'] == 1 else 'are'} shown not to have (each on its own)"
        text = (
            f"Of {self._counted(n)}, {counts['fail']:,} {self._lost}, {shown},"
            f" and of {counts['inconclusive']:,} the data cannot tell. Judged for new {self.generalizes_to}, the chance"
            f" of a false alarm in any {self.unit}, and of a false pass, is at most {1 - self.level:.2g} each."
        )
        for more in (grouping(self.by), judged_by(self.labels, self.unlabelled)):
            text += f" {more}." if more else ""
        if any(x.p is not None for x in (*self.findings, *(excused.finding for excused in self.excused))):
            text += f" {P_IS.format(unit=self.unit)}"
        if self.excused:
            text += f" {counted(len(self.excused), self.unit)} may lose more and did not decide."
        return text if n or not self.excused else f"{text} So nothing was left to judge."

    def _counted(self, n: int) -> str:
        """Say how many classes were judged in how many arms, which have as many each unless some are excused."""
        of_each = {sum(dict(arm.counts).values()) for arm in self.arms}
        if len(self.arms) < 2:
            return counted(n, self.unit)
        if len(of_each) > 1:
            return f"{counted(n, self.unit)}, counted in each of {len(self.arms):,} arms"
        return f"{counted(of_each.pop(), self.unit)} in each of {len(self.arms):,} arms, {n:,} in all"

    @property
    def _lost(self) -> str:
        own = f" (or a budget of their own, which {counted(len(self.budgets), self.unit)} may have)"
        margin = f"{points(self.max_drop, sign=False)} points{own if self.budgets else ''}"
        return f"fell behind the average change by more than {margin}" if self.relative else f"lost more than {margin}"

    @property
    def but(self) -> str:
        """How many findings were excused, to stand behind the verdict; empty without any."""
        return f", {len(self.excused):,} excused" if self.excused else ""

    @property
    def treated(self) -> str:
        """What an inconclusive verdict was asked to count for, in words; empty otherwise."""
        if self.status != "inconclusive" or self.inconclusive is None:
            return ""
        return (
            f"The exit code is {self.exit_code}, since an inconclusive verdict was asked to {self.inconclusive};"
            " it is no less inconclusive."
        )

    @property
    def average(self) -> str:
        """What the average did, which is not judged; without any name where there is one arm."""
        changes = [f"{points(x.overall)} points ({between(x.low, x.high)})" for x in self.arms]
        if len(changes) > 1:
            changes = [f"{change} in {visible(x.arm)}" for change, x in zip(changes, self.arms, strict=True)]
        said = "The average itself was not judged; it" if self.relative else "On average, accuracy"
        return f"{said} changed by {_joined(changes)}." if changes else ""

    def remarks(self, shown: Callable[[str, int], str] = visible) -> list[str]:
        """Return what is to be said of what was compared: runs and samples left out, arms that are no other model.

        Parameters
        ----------
        shown
            Makes a text inert that comes from strangers, cut to so many characters.
        """

        def names(arms: tuple[str, ...]) -> str:
            return _joined(shown(arm, LONGEST) for arm in arms)

        lines: list[str] = []
        if self.left_out:
            runs = (f"{shown(x.arm, LONGEST)} seed {x.seed} ({shown(x.why, LONGEST)})" for x in self.left_out)
            lines.append(f"Left out: {_joined(runs)}.")
        if self.absent:
            lines.append(f"No run is left of {names(self.absent)}, so nothing is known there and {NO_PASS}.")
        if self.identical:
            one = len(self.identical) == 1
            told = f"{names(self.identical)} {'answers' if one else 'answer'} every image as"
            lines.append(f"{told} {shown(self.baseline, LONGEST)} does; are they the same model?")
        return [*lines, *(f"{shown(note, 1000)}." for note in self.notes)]

    @property
    def summary(self) -> str:
        """What was judged and how it came out, with the rates of error, and what it would take to decide the rest."""
        unseen = f"Not judged, no images: {listing(self.not_judged)}." if self.not_judged else ""
        arms = f"By arm: {_joined([f'{visible(x.arm)} {SAID[x.status]}' for x in self.arms])}."
        by_arm = arms if len(self.arms) > 1 else ""
        parts = (self.judged, by_arm, self.average, self.needs, unseen, *self.remarks(), self.treated)
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        lines = [f"{self.status.upper()}{self.but}. {self.summary}"]
        shown = self.findings[:10]
        # What follows a dash is no command to a CI service that reads them off the beginning of a line.
        lines += [f"  - {finding.sentence}" for finding in shown]
        if len(self.findings) > len(shown):
            lines.append(f"  ... and {len(self.findings) - len(shown):,} more")
        lines += [f"  - excused: {excused.sentence}" for excused in self.excused]
        lines += [f"  - {line}" for line in self.loose_ends()]
        return "\n".join(lines)

    def loose_ends(self) -> list[str]:
        """Return a line for each allowance that expired or excuses nothing here."""
        arms = {x.arm for x in self.arms}
        lines = [f"expired, excuses nothing: {x.whom} (was allowed {x.until})" for x in self.expired]
        for x in self.unused:
            why = "there is no such arm here" if x.arm is not None and x.arm not in arms else "nothing to excuse"
            lines.append(f"unused allowance: {x.whom} (allowed {x.until}; {why})")
        return lines


def absent(left_out: Iterable[LeftOut], there: Collection[str]) -> tuple[str, ...]:
    """Return the arms of runs that are missing, if they are not there with another run; each once."""
    return tuple(dict.fromkeys(x.arm for x in left_out if x.arm not in there))


def _joined(parts: Iterable[str], most: int = 12) -> str:
    """Join by commas what may hold names that are visible already, and say how many were left out."""
    parts = list(parts)
    shown = ", ".join(parts[:most])
    return shown if len(parts) <= most else f"{shown} and {len(parts) - most:,} more"
