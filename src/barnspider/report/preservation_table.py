"""Label preservation -> the page: to which dose labels are kept, beside what training does to the class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from barnspider.effects import Effects
from barnspider.names import visible
from barnspider.preservation import Foretold, Preservation, foretold
from barnspider.report import words
from barnspider.report.packing import shares

ROWS = 40
NUMBERS = 720_000
"""What the charts may carry: of very many classes, not every architecture's curves."""
SMALL = 12
"""Classes that are drawn one by one, in small charts."""


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
        "sets": found.by_sets().splitlines(),
        "agreed": found.agreed(),
        "told": [x.paragraph() for x in told],
        "arms": [{"arm": effects.place(arm), "title": titles[arm]} for arm in dict.fromkeys(x.arm for x in told)],
        "lost": words.points(found.delta, sign=False),
        "drawn": min(len(found.networks), _room(found)),
        "networks": [visible(name, 80) for name in found.networks],
        "heads": [(visible(name, 80), reading) for name, reading in found.heads()],
        "at": None if last is None else titles[last.arm],
        "rows": [_row(found, effects, int(c), a) for c in found.order()[:ROWS]],
        "more": max(0, len(found.classes) - ROWS),
    }


def packed(found: Preservation, effects: Effects) -> dict[str, Any]:
    """Return what the page's charts need: each architecture's curves, and what every arm's dose foretold.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> from barnspider.preservation import preservation
    >>> made = simulate(classes=2, images=500, effect=[[0, -0.6]], doses=(0, 1), seed=1).predictions
    >>> known = packed(preservation({"mlp": made}), estimate(made, 0.0))
    >>> known["doses"], known["order"], [x["arm"] for x in known["told"]]
    ([1.0], [1, 0], [0])
    """
    drawn = range(min(len(found.networks), _room(found)))
    ends, doses = ("effect", "low", "high"), found.doses.tolist()
    return {
        "doses": doses,
        "lost": 100 * found.delta,
        "order": found.order()[:SMALL].tolist(),
        "networks": [
            {"name": visible(found.networks[m], 80)}
            | {end: shares(getattr(found.effects[m], end), drawn=False) for end in ends}
            for m in drawn
        ],
        "told": [
            _told(found, effects, x) for x in foretold(found, effects) if found.networks.index(x.network) in drawn
        ],
    }


def _room(found: Preservation) -> int:
    return max(1, NUMBERS // (3 * len(found.doses) * max(len(found.classes), 1)))


def _told(found: Preservation, effects: Effects, told: Foretold) -> dict[str, Any]:
    return {
        "arm": effects.place(told.arm),
        "network": found.networks.index(told.network),
        "dose": found.doses.tolist().index(told.dose),
        "odd": np.flatnonzero(told.harmed & told.kept).tolist(),
        "words": told.paragraph(),
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
