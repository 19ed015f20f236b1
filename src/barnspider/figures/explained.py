"""Label preservation and flows -> rows of a chart: what is drawn where, in points. Estimates nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from barnspider.effects import Effects
from barnspider.figures.rows import (
    CANNOT_TELL,
    CERTAIN,
    DRAWN,
    HARMED,
    MARKED,
    Rows,
    curve,
    labels,
    place_texts,
    points,
)
from barnspider.flows import Flows
from barnspider.preservation import Foretold, Preservation

NAMED = 12  # classes whose points carry their names where there is room; of more, those that are marked
RECEIVES = "→ "  # before the name of one that received answers


def kept_rows(preserved: Preservation, effects: Effects, name: str, m: int = 0, arm: str = "") -> dict[str, Rows]:
    """Return the sources of one class's curves: by the m-th references, and by the trained study; and an arm's dose."""
    c, e = effects.classes.index(name), preserved.effects[m]
    asked = [{"dose": 0.0, "effect": 0.0, "low": 0.0, "high": 0.0}] + [
        {"dose": dose} | {end: points(getattr(e, end)[d, c]) for end in ("effect", "low", "high")}
        for d, dose in enumerate(preserved.doses.tolist())
    ]
    dose = effects.dose[effects.place(arm)] if arm else None
    return {
        "asked": asked if e.known[:, c].all() else [],
        "own": [row for _, row in curve(effects, c)],
        "here": [] if dose is None else [{"dose": dose}],
    }


def foretold_rows(preserved: Preservation, effects: Effects, told: Foretold) -> dict[str, Rows]:
    """Return the sources of what changing the images costs against what training does, for one arm.

    Of more than `DRAWN` classes, every k-th is drawn by the order of the effects, and every class that is marked.
    """
    a, m = effects.place(told.arm), preserved.networks.index(told.network)
    cost = preserved.at(told.dose, m)
    known = np.isfinite(cost[0]) & effects.known[a]
    order = [int(c) for c in effects.worst_first(told.arm) if known[c]]
    odd = {c for c in order if told.harmed[c] and told.kept[c]}
    step = -(-len(order) // DRAWN) or 1
    names, status = labels(effects.classes, 24), effects.findings()[a]
    rows: Rows = [
        {"name": names[c], "status": str(status[c]), "odd": c in odd}
        | {key: points(x[c]) for key, x in zip(("cost", "cost_low", "cost_high"), cost, strict=True)}
        | {key: points(getattr(effects, key)[a, c]) for key in ("effect", "low", "high")}
        for k, c in enumerate(order)
        if k % step == 0 or c in odd
    ]
    if rows:
        place_texts(rows, "cost", "effect", long=0.25)
    marked = [row for row in rows if row["odd"]][:MARKED]
    return {
        "rows": rows,
        "odd": marked,
        "bars": rows if len(rows) <= MARKED else marked,
        "texts": [row for row in rows if row["odd"] or not row["crowded"]] if len(rows) <= NAMED else marked,
        "lost": [{"cost": points(-preserved.delta)}],
    }


def received_rows(found: Flows, effects: Effects, arm: str, most: int = 5, each: int = 3) -> dict[str, Rows]:
    """Return the source of who received: the `most` worst harmed classes, below each its `each` surest receivers."""
    a, names = effects.place(arm), labels(effects.classes, 32)
    harmed = [int(c) for c in effects.worst_first(arm) if effects.harmed[a, c]][:most]
    order, sure = found.surest(arm), found.certain()[a]
    rows: Rows = []
    for c in harmed:
        rows.append(_row(len(rows), names[c], HARMED, (effects.effect[a, c], effects.low[a, c], effects.high[a, c])))
        grown = [int(i) for i in order[(found.source[order] == c) & (found.change[a, order] > 0)]]
        for i in grown[:each]:
            other = "another of the same" if found.target[i] == c else names[found.target[i]]
            ends = found.change[a, i], found.low[a, i], found.high[a, i]
            rows.append(_row(len(rows), RECEIVES + other, CERTAIN if sure[i] else CANNOT_TELL, ends))
    return {"rows": rows}


def _row(place: int, name: str, status: str, ends: tuple[float, float, float]) -> dict[str, Any]:
    told = dict(zip(("effect", "low", "high"), map(points, ends), strict=True))
    return {"row": f"{place}:{name}", "name": name, "status": status} | told
