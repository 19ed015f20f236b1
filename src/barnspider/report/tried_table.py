"""What was tried against harm -> the page: the judgement of every arm, doses by class, the rounds of the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from barnspider.effects import Effects
from barnspider.figures.fixes import KINDS
from barnspider.figures.rows import place_texts, points
from barnspider.names import visible
from barnspider.prescribe.judgement import AIM, Judged, Judgement
from barnspider.prescribe.written import Named, lines, untrained
from barnspider.prescription import Prescription
from barnspider.report.words import typeset
from barnspider.tried import Round, Tried
from barnspider.words import counted

NAMED = 3
"""Classes that a cell of the table names."""
CHANGED = 12
"""Classes of a prescription that are told with their reasons, the weakest dose first."""
FIRST_LETTER, MOST_DOSES = 48, 70
"""The letter of a prescription's weakest dose, and how many doses have one; the page's script knows the same."""
TOLD = 12
"""Doses that are told one by one."""
ALL_NAMED = 20
"""Classes that are all named below a strip of doses."""
ORDERED = 250
"""Classes whose strip of doses has them in their own order; more stand in the order of their doses."""
NAME = 28
"""Letters of a class's name in a cell."""


def table(judged: Judgement | None, tried: Tried) -> dict[str, Any]:
    """Return what the page tells of what was tried: with a judgement a line for each arm, else what each arm is.

    Examples
    --------
    >>> rx = Prescription("crop", ("cat", "dog"), (0.0, 0.4), "receivers", 0.4, (0.0, 0.4), why=("is harmed", ""))
    >>> known = table(None, Tried({"mild": rx}, about={"clam": "class_weights clam"}))
    >>> known["prescriptions"][0]["changed"], known["about"]
    ([{'name': 'cat', 'dose': '0', 'why': 'is harmed'}], [{'arm': 'clam', 'words': 'class_weights clam'}])
    """
    return {
        "judged": None if judged is None else _judged(judged, tried),
        "about": [{"arm": visible(arm, 60), "words": text} for arm, text in tried.about.items()],
        "prescriptions": [_prescription(name, rx) for name, rx in tried.prescriptions.items()],
        "rounds": [_round(k, x, tried) for k, x in enumerate(tried.rounds, start=1)],
        "notes": [visible(text, 500) for text in (*untrained(tried), *tried.notes)],
    }


def _judged(judged: Judgement, tried: Tried) -> dict[str, Any]:
    good = [visible(x.arm, 60) for x in judged.good()]
    rows = [
        {"number": k, "kind": _kind(judged, x), "about": visible(tried.about.get(x.arm, ""), 200)}
        | {"arm": visible(x.arm, 60), "models": line.models}
        | {name: _number(getattr(line, name)) for name in ("average", "from_off", "from_best", "worst", "tau", "toll")}
        | {name: _named(getattr(line, name)) for name in ("harmed", "below")}
        for k, (x, line) in enumerate(zip(judged.arms, lines(judged, NAMED), strict=True), start=1)
    ]
    return {
        "aim": AIM, "good": good, "least": judged.least().removeprefix("; "), "baseline": visible(judged.baseline, 60),
        "best": visible(judged.best, 60), "chosen_on": judged.chosen_on, "judged_on": judged.judged_on, "rows": rows,
    }  # fmt: skip


def _number(text: str) -> dict[str, str]:
    """Return a number and its interval apart."""
    value, _, interval = typeset(text).rstrip(")").partition(" (")
    return {"value": value, "interval": interval}


def _named(found: Named) -> dict[str, Any]:
    classes = [{"name": visible(name, NAME), "change": typeset(change)} for name, change in found.classes]
    return {"count": found.count, "classes": classes, "more": found.more}


def _kind(judged: Judgement, x: Judged) -> str:
    names = (x.arm == judged.baseline, x.arm == judged.best, x.reached, bool(x.losses), True)
    return KINDS[names.index(True)]


def drawn(judged: Judgement) -> dict[str, list[dict[str, Any]]]:
    """Return the sources of the charts: a mark for each arm, and the one dose for all; in points."""
    e = judged.effects
    rows = [
        {
            "number": str(k), "kind": _kind(judged, x),
            "dose": e.baseline_dose if x.arm == judged.baseline else e.dose[e.place(x.arm)],
            **_ends("", (0.0,) * 3 if x.against_off is None else x.against_off),
            **_ends("worst", (x.worst.value, x.worst.low, x.worst.high)),
            "harmed": len(x.losses),
        }
        for k, x in enumerate(judged.arms, start=1)
    ]  # fmt: skip
    rows = [row for row in rows if row["effect"] is not None and row["worst"] is not None]
    for up in ("worst", "harmed"):
        placed = [dict(row) for row in rows]
        if placed:
            place_texts(placed, "effect", up, 0.05)
        for row, text in zip(rows, placed, strict=True):
            row[f"{up}_text"] = "" if text["crowded"] else "below" if text["below"] else "above"
    best = judged.of(judged.best).against_off
    return {"rows": rows, "here": [{"effect": 0.0 if best is None else points(best[0])}]}


def _ends(name: str, x: Sequence[float]) -> dict[str, float | None]:
    names = (name, f"{name}_low", f"{name}_high") if name else ("effect", "low", "high")
    return dict(zip(names, map(points, map(float, x)), strict=True))


def packed(tried: Tried, effects: Effects) -> list[dict[str, Any]]:
    """Return the doses of each prescription for the page's script: one letter for each class, the place of its dose."""
    found: list[dict[str, Any]] = []
    for name, rx in tried.prescriptions.items():
        known = sorted(set(rx.doses))
        if rx.classes == effects.classes and len(known) <= MOST_DOSES:
            letters = "".join(chr(FIRST_LETTER + known.index(dose)) for dose in rx.doses)
            found.append({"name": visible(name, 60), "vary": visible(rx.vary, 60), "doses": known, "of": letters})
    return found


def _prescription(name: str, rx: Prescription) -> dict[str, Any]:
    changed, why = rx.changed(), rx.why or ("",) * len(rx.classes)
    return {
        "title": _titled(name, rx), "doubt": visible(rx.doubt, 500), "note": visible(rx.note, 500),
        "expected": [
            f"{side} {visible(on, 300)}: {typeset(str(found))}"
            for side, on, found in (("chosen on", rx.chosen_on, rx.chosen), ("judged on", rx.judged_on, rx.judged))
            if found is not None
        ],
        "at": f"{rx.at:g}",
        "changed": [
            {"name": visible(rx.classes[c], 80), "dose": f"{rx.doses[c]:g}", "why": typeset(visible(why[c], 200))}
            for c in changed[:CHANGED]
        ],
        "more": max(0, len(changed) - CHANGED), **_strip(rx.doses, rx.classes, max(rx.studied)),
    }  # fmt: skip


def _titled(name: str, rx: Prescription) -> str:
    title = rx.title()
    return title if visible(name) == visible(rx.rule) else f"{visible(name, 60)}: {title}"


def _round(number: int, x: Round, tried: Tried) -> dict[str, Any]:
    rx = next(iter(tried.prescriptions.values()), None)
    classes = rx.classes if rx is not None and len(rx.classes) == len(x.doses) else ("",) * len(x.doses)
    top = max(*x.doses, *(() if rx is None else rx.studied), 0.0)
    return {
        "number": number, "harmed": _few(x.harmed), "receiving": _few(x.receiving), "reason": x.reason,
        **_strip(x.doses, classes, top),
    }  # fmt: skip


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(visible(name, NAME) for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED:,} more" if len(names) > NAMED else shown or "nobody"


def _strip(doses: Sequence[float], classes: Sequence[str], top: float) -> dict[str, Any]:
    """Return a strip of doses, class after class, or of many in the order of their doses; and how many have which.

    Neighbours of one dose are one rectangle.

    Examples
    --------
    >>> found = _strip((0.0, 0.4, 0.4), ("cat", "dog", "fox"), 0.4)
    >>> [(x["at"], x["wide"], x["shade"], x["title"]) for x in found["strip"]]
    [(0, 1, '0', 'cat: 0'), (1, 2, '1', 'dog to fox: 0.4')]
    >>> found["counts"]
    'dose 0: cat; dose 0.4: dog, fox'
    """
    sorts = len(doses) > ORDERED
    values = np.sort(doses) if sorts else np.asarray(doses)
    starts = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    if len(starts) > ORDERED:  # nearly every class has a dose of its own
        starts = np.linspace(0, len(values), ORDERED, endpoint=False).astype(np.intp)
    ends = [*starts[1:].tolist(), len(values)]
    strip = [
        {"at": a, "wide": b - a, "shade": f"{max(float(values[a]), 0.0) / max(top, 1e-12):.3g}"}
        | {"title": f"{counted(b - a, 'class') if sorts else _names(classes, a, b)}: {_span(values[a], values[b - 1])}"}
        for a, b in zip(starts.tolist(), ends, strict=True)
    ]
    return {"strip": strip, "classes": len(values), "counts": _counts(doses, classes), "sorts": sorts}


def _span(first: float, last: float) -> str:
    return f"{first:g}" if first == last else f"{first:.3g} to {last:.3g}"


def _counts(doses: Sequence[float], classes: Sequence[str]) -> str:
    """Return who has which dose; of many doses, from where to where."""
    known = sorted(set(doses))
    if len(known) > TOLD:
        return f"{len(known):,} doses, from {_span(known[0], known[-1])}"
    return "; ".join(f"dose {dose:g}: {_who(doses, classes, dose)}" for dose in known)


def _who(doses: Sequence[float], classes: Sequence[str], dose: float) -> str:
    """Return the names of the classes that have a dose, or of many how many they are."""
    own = [c for c, other in enumerate(doses) if other == dose]
    few = len(doses) <= ALL_NAMED and all(classes)
    return ", ".join(visible(classes[c], NAME) for c in own) if few else counted(len(own), "class")


def _names(classes: Sequence[str], a: int, b: int) -> str:
    return " to ".join(dict.fromkeys((visible(classes[a], NAME), visible(classes[b - 1], NAME))))
