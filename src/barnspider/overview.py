"""Evidence -> the table that a person wants: for every arm its headline and its classes, worst first."""

from __future__ import annotations

import html

from barnspider import words
from barnspider.errors import listing
from barnspider.evidence import Evidence
from barnspider.names import visible
from barnspider.sentences import headline


def text(evidence: Evidence, rows: int = 10, *, relative: bool = False) -> str:
    """Return the overview as plain text: the worst `rows` classes of every arm, and how many more there are.

    With `relative`, the change of each class is that against the average change of its arm.
    """
    blocks = [heading(evidence)]
    for arm in evidence.arms:
        more = len(evidence.classes) - rows
        table = words.text_table(*_table(evidence, arm, rows, relative))
        tail = f"\n... and {more:,} more" if more > 0 else ""
        blocks.append(f"{_title(evidence, arm)}\n  {headline(evidence, arm)}\n\n{table}{tail}")
    return "\n\n".join(blocks)


def as_html(evidence: Evidence, rows: int = 10) -> str:
    """Return the same for notebooks; every name is escaped."""
    parts = [f"<p>{html.escape(heading(evidence))}</p>"]
    for arm in evidence.arms:
        parts.append(f"<h4>{html.escape(_title(evidence, arm))}</h4><p>{html.escape(headline(evidence, arm))}</p>")
        parts.append(words.html_table(*_table(evidence, arm, rows, False)))
    return "".join(parts)


def heading(evidence: Evidence) -> str:
    """Return what was compared with what, on which images, and how: the lines above every table."""
    m = evidence.method
    where = f" on {visible(evidence.on)}" if evidence.on else ""
    seeds = "runs of equal seed are paired" if m.paired else "runs are not paired"
    at_once = f", each {m.unit}'s for all {m.units} and arms at once," if m.simultaneous else ""
    base = f"{visible(evidence.baseline)!r} ({words.counted(evidence.baseline_runs, 'run')})"
    out = [
        f"Change of accuracy from {base}{where}:"
        f" {words.counted(len(evidence.classes), m.unit)}, {words.counted(int(evidence.n.sum()), 'image')}, in points",
        f"{100 * m.level:.4g} % intervals{at_once} generalize to {words.explained(m.generalizes_to)}; {seeds};"
        f" {m.symbol}: {m.multiplicity}",
    ]
    if groups := words.grouping(m.by):
        out.append(groups)
    if right := words.judged_by(m.labels, m.unlabelled):
        out.append(right)
    if evidence.left_out:
        runs = (f"{x.arm} seed {x.seed} ({x.why})" for x in evidence.left_out)
        out.append(f"Left out: {listing(runs)}")
    return "\n".join(out)


def _title(evidence: Evidence, arm: str) -> str:
    a = evidence.place(arm)
    dose = "" if evidence.dose[a] is None else f"dose {evidence.dose[a]:g}, "
    over = evidence.generalizes_to(arm)
    note = "" if over == evidence.method.generalizes_to else f"; intervals generalize to {words.explained(over)}"
    return f"{visible(arm)} ({dose}{words.counted(evidence.runs[a], 'run')}{note})"


def _table(evidence: Evidence, arm: str, rows: int, relative: bool) -> tuple[list[str], list[list[str]]]:
    """Return head and rows; what is unknown stands as "cannot tell"."""
    a, q, unit = evidence.place(arm), evidence.method.symbol, evidence.method.unit
    findings = evidence.relative_findings() if relative else evidence.findings()
    row, head = (
        (_relative, [unit, "n", "change", "against average", "interval", q, "verdict"])
        if relative
        else (_absolute, [unit, "n", "before", "effect", "interval", q, "P(harm)", "verdict"])
    )
    lines: list[list[str]] = []
    for c in evidence.worst_first(arm)[:rows].tolist():
        known = bool(evidence.known[a, c])
        cells = row(evidence, a, c) if known else [*["cannot tell"] * 2, *[""] * (len(head) - 5)]
        verdict = str(findings[a, c]) if known else ""
        lines.append([visible(evidence.classes[c]), f"{evidence.n[c]:,}", *cells, verdict])
    return head, lines


def _absolute(evidence: Evidence, a: int, c: int) -> list[str]:
    interval = words.between(evidence.low[a, c], evidence.high[a, c])
    harm = f"{100 * evidence.prob_harm[a, c]:.0f} %"
    before, effect = words.percent(evidence.before[c]), words.points(evidence.effect[a, c])
    return [before, effect, interval, words.chance(evidence.q[a, c]), harm]


def _relative(evidence: Evidence, a: int, c: int) -> list[str]:
    interval = words.between(evidence.relative_low[a, c], evidence.relative_high[a, c])
    change, against = words.points(evidence.effect[a, c]), words.points(evidence.relative[a, c])
    return [change, against, interval, words.chance(evidence.relative_q[a, c])]
