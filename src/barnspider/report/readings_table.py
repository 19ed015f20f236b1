"""Two readings of the same answers -> tables of words: for every arm, the classes harmed by either, by both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from barnspider.effects import Effects
from barnspider.names import visible
from barnspider.readings import Readings
from barnspider.report import words

ROWS = 40
"""Classes shown, all arms together; of each arm at least three."""


def table(found: Readings, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return what the readings are, and for each arm how many classes stay harmed, and its classes, worst first.

    Examples
    --------
    >>> from barnspider import Predictions, estimate, readings, with_label_sets
    >>> preds = Predictions.from_arrays([0, 1], {"a": [[0, 1]], "b": [[1, 1]]})
    >>> real = with_label_sets(preds, [[0, 1], [1]])
    >>> made = table(readings(real, estimate(real, "a")), {"b": "on"})
    >>> made["arms"][0]["title"], made["arms"][0]["rows"]
    ('on', [])
    """
    most = max(3, ROWS // len(found.single.arms))
    return {"about": found.about(), "arms": [_arm(found, arm, titles[arm], most) for arm in found.single.arms]}


def _arm(found: Readings, arm: str, title: str, most: int) -> dict[str, Any]:
    a, one, two = found.single.place(arm), found.single, found.sets
    harmed = [c for c in found.order(arm).tolist() if one.harmed[a, c] or two.harmed[a, c]]
    return {
        "title": title,
        "count": found.count(arm),
        "single": _average(one, a),
        "sets": _average(two, a),
        "rows": [_row(found, a, c) for c in harmed[:most]],
        "more": max(0, len(harmed) - most),
    }


def _average(e: Effects, a: int) -> str:
    return f"{words.points(e.overall[a])} points ({words.between(e.overall_low[a], e.overall_high[a])})"


def _row(found: Readings, a: int, c: int) -> dict[str, str]:
    changes = {
        name: f"{words.points(e.effect[a, c])} ({words.between(e.low[a, c], e.high[a, c])})"
        for name, e in (("single", found.single), ("sets", found.sets))
    }
    about = {"name": visible(found.single.classes[c], 80), "n": f"{found.single.n[c]:,}"}
    explained = found.explained(a, c).replace("-", "\N{MINUS SIGN}")
    return about | changes | {"explained": explained, "finding": str(found.sets.findings()[a, c])}
