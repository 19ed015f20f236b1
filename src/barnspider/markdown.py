"""Effects as Markdown for a pull request: what every arm does, who is harmed, helped, unchanged. Names are inert."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import Effects
from barnspider.names import LONGEST, visible
from barnspider.readings import Readings
from barnspider.words import between, chance, counted, grouping, judged_by, percent, points

LIMIT = 65_536
"""Characters that the large code hosts accept in one comment."""


def to_markdown(effects: Effects, rows: int = 10, both: Readings | None = None) -> str:
    """Return, for every arm, its headline and up to `rows` harmed, helped and unchanged classes; always below `LIMIT`.

    With `both`, the classes harmed by the single label or by label sets stand first, by either reading.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> effects = estimate(simulate(classes=2, images=400, runs=4, effect=[-0.4, 0.0], seed=1).predictions, "baseline")
    >>> print(to_markdown(effects).splitlines()[0])
    ### Who pays? Changes against `baseline`
    """
    heading = f"### Who pays? Changes against {code(effects.baseline)}\n"
    parts = [_arm(effects, a, rows, both) for a in range(len(effects.arms))]
    notes = _notes(effects)
    kept: list[str] = []
    room = LIMIT - len(heading) - len(notes) - 200
    for part in parts:
        if len(part) > room:
            kept.append(f"*{counted(len(parts) - len(kept), 'arm')} left out: there is no more room here.*\n")
            break
        kept.append(part)
        room -= len(part) + 1
    return "\n".join([heading, *kept, notes])


def _arm(effects: Effects, a: int, rows: int, both: Readings | None) -> str:
    arm = effects.arms[a]
    order = effects.worst_first(arm)
    found = effects.findings()[a][order]
    blocks = [f"#### {code(arm)}\n\n{effects.headline(arm)}\n", *([] if both is None else [_read_twice(both, a, rows)])]
    unit, q = effects.method.unit, effects.method.symbol
    head = f"| {unit} | images | before | change | interval | {q} |\n|:--|--:|--:|--:|--:|--:|"
    for name, classes in (
        ("Harmed", order[found == "harmed"]),
        ("Helped", order[found == "helped"][::-1]),
        ("Unchanged", order[found == "unchanged"]),
    ):
        if len(classes):
            more = len(classes) - rows
            tail = f"\n\n... and {more} more" if more > 0 else ""
            blocks.append(f"{name}\n\n{head}\n" + "\n".join(_row(effects, a, classes[:rows])) + tail + "\n")
    return "\n".join(blocks)


def _read_twice(both: Readings, a: int, rows: int) -> str:
    """Return the classes that are harmed by either reading, by both."""
    arm, one, two = both.single.arms[a], both.single, both.sets
    harmed = [c for c in both.order(arm).tolist() if one.harmed[a, c] or two.harmed[a, c]]
    lines = [f"By the single label: {one.headline(arm)}. **{both.count(arm)}.**\n"]
    if harmed:
        columns = "images | single label | interval | label sets | interval | explained | by the sets"
        lines.append(f"| {one.method.unit} | {columns} |")
        lines.append("|:--|--:|--:|--:|--:|--:|--:|:--|")
    for c in harmed[:rows]:
        cells = [x for e in (one, two) for x in (points(e.effect[a, c]), between(e.low[a, c], e.high[a, c]))]
        name, found = escaped(one.classes[c]), str(two.findings()[a, c])
        lines.append(f"| {' | '.join([name, f'{one.n[c]:,}', *cells, both.explained(a, c), found])} |")
    more = len(harmed) - rows
    return "\n".join(lines) + (f"\n\n... and {more:,} more\n" if more > 0 else "\n")


def _row(effects: Effects, a: int, classes: NDArray[np.intp]) -> list[str]:
    def cells(c: np.intp) -> tuple[str, ...]:
        change, interval = points(effects.effect[a, c]), between(effects.low[a, c], effects.high[a, c])
        before, q = percent(effects.before[c]), chance(effects.q[a, c])
        return escaped(effects.classes[c]), f"{effects.n[c]:,}", before, change, interval, q

    return [f"| {' | '.join(cells(c))} |" for c in classes]


def _notes(effects: Effects) -> str:
    m = effects.method
    left = f" {counted(len(effects.left_out), 'run')} left out." if effects.left_out else ""
    groups = grouping(m.by)
    left += f" {groups}." if groups else ""
    right = judged_by(m.labels, m.unlabelled)
    left += f" {right}." if right else ""
    at_once = f", of all {m.units} and arms at once," if m.simultaneous else ""
    return (
        f"Points of a hundred; {100 * m.level:g} % intervals{at_once} generalize to {m.generalizes_to}; harmed and"
        f" helped: {m.symbol} < {m.alpha:.2g} ({m.multiplicity}); unchanged: certainly by less than"
        f" {points(m.margin, sign=False)} points.{left}\n"
    )


def escaped(name: str, longest: int = LONGEST) -> str:
    r"""Return a name that Markdown shows as it is: no markup, no link, nobody mentioned.

    Examples
    --------
    >>> escaped("a|b @you <img> *x*")
    'a\\|b &#64;you &lt;img&gt; \\*x\\*'
    >>> escaped("https://a.example www.a.example")
    'https&#58;//a.example www&#46;a.example'
    """
    marked = re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", visible(name, longest))
    marked = marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return marked.replace("://", "&#58;//").replace("www.", "www&#46;")


def code(name: str) -> str:
    """Return a name as code, which Markdown takes for nothing else; marks that would end it are replaced."""
    return f"`{visible(name).replace('`', chr(0x2019)).replace('|', '/')}`"
