"""Verdict -> JUnit XML, which CI services show as tests: one test suite for each arm, one test case for each class.

There are at most `CASES` single test cases, the worst first; the classes beyond stand together, one case for each arm
and outcome, which says how many they are. Harm is a failure. What is excused is skipped and says why. An undecided
class is skipped, or a failure where an inconclusive verdict was asked to fail; so is the one case of an arm
without runs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from xml.etree import ElementTree as ET

import numpy as np

from barnspider.effects import Effects
from barnspider.gate.verdict import Finding, Verdict
from barnspider.names import visible
from barnspider.words import counted

CASES = 10_000
LONGEST = 200
KINDS = {"fail": "lost more", "inconclusive": "cannot tell", "excused": "may lose more", "passed": "did not lose more"}


@dataclass(frozen=True)
class _Case:
    """One test case: a class of an arm, or classes of an arm that stand together.

    Attributes
    ----------
    kind : one of `KINDS`
    outcome : "failure", "skipped", or "": passed
    """

    arm: str
    name: str
    kind: str
    outcome: str = ""
    message: str = ""


def junit(verdict: Verdict, effects: Effects) -> str:
    """Return a verdict as JUnit XML, of the shape that Jenkins' schema describes.

    Parameters
    ----------
    effects
        What was judged: classes that passed are in no finding.

    Examples
    --------
    >>> from barnspider import Gate, estimate, simulate
    >>> effects = estimate(simulate(classes=2, images=400, runs=4, effect=[-0.4, 0.0], seed=1).predictions, "baseline")
    >>> "lost more than 2.0 points" in junit(Gate().check(effects), effects)
    True
    """
    every = _cases(verdict, effects)
    cases = [_absent(verdict, arm) for arm in verdict.absent]
    cases += islice(every, CASES)
    cases += _together(every, verdict.unit)
    root = ET.Element("testsuites", {"name": "barnspider gate", **_totals(cases)})
    for arm in (*effects.arms, *verdict.absent):
        own = [case for case in cases if case.arm == arm]
        suite = ET.SubElement(root, "testsuite", {"name": _legal(arm), **_totals(own)})
        about = ET.SubElement(suite, "properties")
        for name, value in _about(verdict):
            ET.SubElement(about, "property", name=name, value=value)
        for case in own:
            _write(suite, case)
        ET.SubElement(suite, "system-out").text = _legal(verdict.summary, longest=100_000)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _cases(verdict: Verdict, effects: Effects) -> Iterator[_Case]:
    """Yield every class of every arm that was judged: harm first, then excused, undecided, passed."""
    names = _distinct(effects.classes, verdict.unit)
    order = sorted(verdict.findings, key=lambda x: x.status != "fail")
    rest = np.ones(effects.effect.shape, dtype=np.bool_) & effects.known
    place = tuple({name: i for i, name in enumerate(x)} for x in (effects.arms, effects.classes))

    def case(x: Finding, kind: str, outcome: str, message: str) -> _Case:
        a, c = place[0][x.arm], place[1][x.class_]
        rest[a, c] = False
        return _Case(x.arm, names[c], kind, outcome, message)

    undecided = _undecided(verdict)
    harm = [case(x, "fail", "failure", x.sentence) for x in order if x.status == "fail"]
    excused = [case(x.finding, "excused", "skipped", x.sentence) for x in verdict.excused]
    yield from harm
    yield from excused
    yield from [case(x, "inconclusive", undecided, x.sentence) for x in order if x.status == "inconclusive"]
    yield from (_Case(effects.arms[a], names[c], "passed") for a, c in zip(*np.nonzero(rest), strict=True))


def _undecided(verdict: Verdict) -> str:
    return "failure" if verdict.inconclusive == "fail" else "skipped"


def _absent(verdict: Verdict, arm: str) -> _Case:
    """Return the one case of an arm of which no run is left."""
    runs = ", ".join(f"seed {x.seed} ({x.why})" for x in verdict.left_out if x.arm == arm)
    return _Case(arm, "no run is left", "inconclusive", _undecided(verdict), f"no run is left: {runs}")


def _together(cases: Iterator[_Case], unit: str) -> list[_Case]:
    """Return one case for all of an arm that have the same outcome."""
    found = Counter((case.arm, case.kind, case.outcome) for case in cases)
    return [
        _Case(arm, f"... and {counted(n, f'more {unit}')}: {KINDS[kind]}", kind, outcome, f"{n:,} more: {KINDS[kind]}")
        for (arm, kind, outcome), n in found.items()
    ]


def _totals(cases: list[_Case]) -> dict[str, str]:
    found = Counter(case.outcome for case in cases)
    counts = {"tests": len(cases), "failures": found["failure"], "errors": 0, "skipped": found["skipped"]}
    return {name: str(n) for name, n in counts.items()} | {"time": "0"}


def _about(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what was asked, name by name; nothing here comes from strangers but the baseline's name."""
    return [
        ("verdict", verdict.status),
        ("baseline", _legal(verdict.baseline)),
        ("max_drop", f"{verdict.max_drop:g}"),
        ("relative", str(verdict.relative).lower()),
        ("level", f"{verdict.level:g}"),
        ("generalizes_to", verdict.generalizes_to),
        *([("inconclusive", f"asked to {verdict.inconclusive}")] if verdict.inconclusive else []),
        *(
            [("not_judged", f"{counted(len(verdict.not_judged), verdict.unit)} without images")]
            if verdict.not_judged
            else []
        ),
        *([("left_out", counted(len(verdict.left_out), "run"))] if verdict.left_out else []),
        *([("identical", counted(len(verdict.identical), "arm"))] if verdict.identical else []),
        *(("note", _legal(note, longest=1000)) for note in verdict.notes),
    ]


def _write(suite: ET.Element, case: _Case) -> None:
    made = ET.SubElement(suite, "testcase", classname=f"gate.{_legal(case.arm)}", name=case.name, time="0")
    if case.outcome:
        message = _legal(case.message, longest=5000)
        told = ET.SubElement(made, case.outcome, message=message, type=KINDS[case.kind])
        told.text = message if case.outcome == "failure" else None


def _distinct(classes: tuple[str, ...], unit: str) -> list[str]:
    """Return names to show, still distinct where two were cut to the same."""
    shown = [_legal(name) for name in classes]
    found = Counter(shown)
    return [name if found[name] == 1 else f"{name} ({unit} {c})" for c, name in enumerate(shown)]


def _legal(name: str, longest: int = LONGEST) -> str:
    r"""Return a name on one line, without the characters that XML 1.0 has not.

    Examples
    --------
    >>> _legal("a\x00b\ufffe")
    'a\\x00b\\ufffe'
    """
    return re.sub(r"[\ufffe\uffff]", lambda x: f"\\u{ord(x[0]):04x}", visible(name, longest))
