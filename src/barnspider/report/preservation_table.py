"""Label preservation -> words for the page: to which dose labels are kept, beside what training does to the class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from barnspider.effects import Effects
from barnspider.names import visible
from barnspider.preservation import Preservation, foretold
from barnspider.report import words

ROWS = 40


def table(found: Preservation, effects: Effects, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return what was asked, what it foretold, and the classes that lose their label first.

    Classes stand beside what training does to them at the strongest dose that is in the study, too.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> from barnspider.preservation import preservation
    >>> made = simulate(classes=2, images=500, effect=[[0, -0.6]], doses=(0, 1), seed=1).predictions
    >>> effects = estimate(made, 0.0)
    >>> known = table(preservation({"mlp": made}), effects, {arm: arm for arm in effects.arms})
    >>> known["rows"][0]["name"], known["rows"][0]["finding"]
    ('class 1', 'harmed')
    """
    told = foretold(found, effects)
    last = max(told, key=lambda x: x.dose, default=None)
    a = None if last is None else effects.place(last.arm)
    return {
        "title": found.title(),
        "agreed": found.agreed(),
        "told": [line for x in told for line in [" ".join(map(str.strip, str(x).splitlines()))]],
        "networks": [visible(name, 80) for name in found.networks],
        "at": None if last is None else titles[last.arm],
        "rows": [_row(found, effects, int(c), a) for c in found.order()[:ROWS]],
        "more": max(0, len(found.classes) - ROWS),
    }


def _row(found: Preservation, effects: Effects, c: int, a: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": visible(found.classes[c], 80), "n": f"{found.effects[0].n[c]:,}", "kept": found.kept(c)
    }  # fmt: skip
    if a is None:
        return row
    dose = effects.dose[a]
    lost = "" if dose is None else _change(*(x[c] for x in found.at(dose)))
    own = _change(effects.effect[a, c], effects.low[a, c], effects.high[a, c])
    return row | {"lost": lost, "effect": own, "finding": str(effects.findings()[a, c])}


def _change(effect: float, low: float, high: float) -> str:
    return f"{words.points(effect)} ({words.between(low, high)})"
