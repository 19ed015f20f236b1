"""Evidence -> sentences: what an arm does, and what happened to one class, for a reader who is no statistician."""

from __future__ import annotations

import math

from barnspider import words
from barnspider.errors import pick
from barnspider.evidence import Evidence
from barnspider.names import visible


def headline(evidence: Evidence, arm: str) -> str:
    """Return the one sentence about an arm: its average, its class dependence, how many classes changed."""
    a, method = evidence.place(arm), evidence.method
    overall = words.between(evidence.overall_low[a], evidence.overall_high[a])
    tau = words.between(evidence.tau_low[a], evidence.tau_high[a])
    spread = f"{method.unit} dependence tau = {words.points(evidence.tau[a], sign=False)} ({tau})"
    if not math.isfinite(evidence.tau_high[a]):
        spread = f"{method.unit} dependence: cannot tell (fewer than two {method.units} with two images)"
    found = evidence.findings()[a].tolist()
    classes = words.counted(int(evidence.known[a].sum()), method.unit)
    parts = [
        f"average {words.points(evidence.overall[a])} ({overall}) points",
        spread,
        f"{found.count('harmed')} of {classes} harmed, {found.count('helped')} helped"
        f" ({method.symbol} < {method.alpha:.3g})",
    ]
    if unchanged := found.count("unchanged"):
        parts.append(f"{unchanged:,} unchanged within {words.points(method.margin, sign=False)} points")
    return "; ".join(parts)


def sentence(evidence: Evidence, arm: str, name: str) -> str:
    """Return what happened to one class: its finding, with interval, and how it stands against the average."""
    a, c = evidence.place(arm), evidence.classes.index(pick("class", name, evidence.classes))
    shown = f"{evidence.method.unit.capitalize()} {visible(name)!r}"
    if not evidence.known[a, c]:
        return f"{shown} has no images here: cannot tell."
    told = {"harmed": _changed, "helped": _changed, "unchanged": _unchanged}
    finding = str(evidence.findings()[a, c])
    return f"{shown}{told.get(finding, _cannot_tell)(evidence, a, c)}{_against_average(evidence, a, c)}"


def _changed(evidence: Evidence, a: int, c: int) -> str:
    low, high = float(evidence.low[a, c]), float(evidence.high[a, c])
    size = words.between(*((-high, -low) if evidence.effect[a, c] < 0 else (low, high)))
    text = f" {_from_to(evidence, a, c)} ({_level(evidence)} {size}); chance does not explain that"
    small = f" It is certainly less than {_margin(evidence)} points." if evidence.negligible[a, c] else ""
    return f"{text} ({_q(evidence, a, c)}).{small}"


def _unchanged(evidence: Evidence, a: int, c: int) -> str:
    interval = words.between(evidence.low[a, c], evidence.high[a, c])
    return (
        f" is unchanged: it {_from_to(evidence, a, c)} ({_level(evidence)} {interval}),"
        f" certainly by less than {_margin(evidence)} points either way."
    )


def _cannot_tell(evidence: Evidence, a: int, c: int) -> str:
    interval = words.between(evidence.low[a, c], evidence.high[a, c])
    found = words.finds(float(evidence.detectable()[a, c]))
    told = f"{_level(evidence)}, {_q(evidence, a, c)}"
    why = f"but anything from {interval} points fits these answers ({told})"
    if evidence.low[a, c] > 0 or evidence.high[a, c] < 0:
        alone = f"which of one {evidence.method.unit} by itself would be a finding"
        why = f"{alone}, but is none among so many ({interval}; {told})"
    return f": cannot tell. It {_from_to(evidence, a, c)}, {why}. This design {found}, 4 times in 5."


def _against_average(evidence: Evidence, a: int, c: int) -> str:
    """Say how the class stands against the average, where that is a finding of its own."""
    q = evidence.relative_q[a, c]
    if not q < evidence.method.alpha:
        return ""
    relative = float(evidence.relative[a, c])
    size, side = words.points(abs(relative), sign=False), "worse" if relative < 0 else "better"
    return f" It did {size} points {side} than the average ({evidence.method.symbol} {words.compared(q)})."


def _from_to(evidence: Evidence, a: int, c: int) -> str:
    shares = words.from_to(float(evidence.before[c]), float(evidence.after[a, c]))
    return f"{words.lost_or_gained(float(evidence.effect[a, c]))}, {shares}"


def _level(evidence: Evidence) -> str:
    level = f"{100 * evidence.method.level:.4g} % interval"
    return f"{level} for all {evidence.method.units} at once" if evidence.method.simultaneous else level


def _q(evidence: Evidence, a: int, c: int) -> str:
    return f"{evidence.method.symbol} {words.compared(evidence.q[a, c])}"


def _margin(evidence: Evidence) -> str:
    return words.points(evidence.method.margin, sign=False)
