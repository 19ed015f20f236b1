"""Effects -> what the page knows: column-wise, rounded, small. 10,000 classes x 12 arms fit into 3 MB."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import Effects, Floats
from barnspider.figures import charts, rows
from barnspider.gate import Verdict
from barnspider.names import visible
from barnspider.report import words

SHARE = 20_000  # a proportion is stored as a 16-bit number: steps of 0.005 points
CHANCE = 30_000  # a probability likewise
MISSING = -32_768  # NaN
POWER = 0.8  # of the smallest effect that is called detectable
FINDINGS = 6  # of a verdict, shown
MANY = 40  # classes; with more, the forest plot shows some, and all are drawn by rank
LONGEST = 300  # characters of a class name that the page keeps


def study(name: str, effects: Effects, place: int) -> dict[str, Any]:
    """Return what a page's scripts need about one study, ready for JSON."""
    names = [visible(c, LONGEST) for c in effects.classes]
    short = rows.labels(effects.classes)
    status, shown = rows.statuses(effects), rows.arm_labels(effects)
    found = effects.detectable(POWER)
    return {
        "id": f"study-{place}",
        "name": name,
        "classes": names,
        "short": {i: text for i, text in enumerate(short) if text != names[i]},
        "n": effects.n.tolist(),
        "before": packed(effects.before, SHARE),
        "baseline": {"name": visible(effects.baseline), "shown": shown[0], "dose": effects.baseline_dose},
        "arms": [_arm(effects, a, shown[a + 1], status[a], found[a]) for a in range(len(effects.arms))],
        "best": words.focus(effects),
        "found": packed(found, SHARE),
        "gains": _gains(effects, words.focus(effects)),
        "cells": {
            column: packed(getattr(effects, column), SHARE) for column in ("effect", "low", "high", "shrunk")
        } | {column: packed(getattr(effects, column), CHANCE) for column in ("prob_harm", "q")},
        "status": "".join(map(str, np.searchsorted(CODES, status.ravel()).tolist())),
        "level": effects.method.level,
        "worst": rows.worst_rows(effects),
        "specs": _specs(effects),
    }  # fmt: skip


CODES = np.array(["cannot tell", "harmed", "helped"])  # sorted; the page's script knows the same order


def packed(values: NDArray[np.float64], scale: int) -> str:
    """Return numbers as base64 of 16-bit little-endian integers; NaN has a value of its own.

    Examples
    --------
    >>> packed(np.array([0.0, 0.5]), 20_000)
    'AAAQJw=='
    """
    clipped = np.clip(np.nan_to_num(values.ravel(), nan=0.0), -1.0, 1.0)
    numbers = np.where(np.isnan(values.ravel()), MISSING, np.rint(clipped * scale)).astype("<i2")
    return base64.b64encode(numbers.tobytes()).decode()


def summary(effects: Effects, study: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says about one study without any script."""
    dosed = len(rows.known_doses(effects)) > 1
    return {name: study[name] for name in ("id", "name", "arms", "best", "gains")} | {
        "on": effects.on,
        "classes": len(effects.classes),
        "images": int(effects.n.sum()),
        "baseline": visible(effects.baseline),
        "baseline_runs": effects.baseline_runs,
        "accuracy": words.points(effects.overall_before, sign=False),
        "elsewhere": words.elsewhere(effects, study["best"], [arm["title"] for arm in study["arms"]]),
        "peaks": rows.peaks(effects) if dosed else [],
        "many": len(effects.classes) > MANY,
        "undosed": [visible(arm) for arm, dose in zip(effects.arms, effects.dose, strict=True) if dose is None],
        "has_doses": dosed,
        "level": f"{100 * effects.method.level:g} %",
        "method": words.assumptions(effects),
        "left_out": effects.left_out,
    }


def judged(verdict: Verdict) -> dict[str, Any]:
    """Return what the page says of a verdict: a badge, what was judged, and its first findings."""
    return {
        "status": verdict.status,
        "badge": {"pass": "✓ Pass", "fail": "✕ Fail", "inconclusive": "? Cannot tell"}[verdict.status],
        "summary": verdict.summary,
        "findings": [finding.sentence for finding in verdict.findings[:FINDINGS]],
        "more": max(0, len(verdict.findings) - FINDINGS),
    }


def _arm(effects: Effects, a: int, shown: str, status: NDArray[np.str_], found: Floats) -> dict[str, Any]:
    interval = words.between(effects.overall_low[a], effects.overall_high[a])
    return {
        "name": visible(effects.arms[a]),
        "shown": shown,
        "dose": effects.dose[a],
        "title": _title(effects, a),
        "runs": effects.runs[a],
        "lead": words.lead(effects, a),
        "generalizes": words.generalizes(effects, effects.arms[a]),
        "headline": words.headline(effects, effects.arms[a]),
        "average": words.points(effects.overall[a]),
        "interval": interval,
        "overall": [None if np.isnan(x) else round(100 * float(x), 3) for x in
                    (effects.overall[a], effects.overall_low[a], effects.overall_high[a])],
        "tau": words.points(effects.tau[a], sign=False),
        "tau_interval": words.between(effects.tau_low[a], effects.tau_high[a]),
        "found": words.typical(found, POWER),
        "harmed": int((status == rows.HARMED).sum()),
        "helped": int((status == rows.HELPED).sum()),
        "unclear": int((status == rows.CANNOT_TELL).sum()),
    }  # fmt: skip


def _gains(effects: Effects, best: int) -> bool:
    """Is this arm the best on average, of several and the baseline?"""
    return len(effects.arms) > 1 and bool(effects.overall[best] > 0)


def _title(effects: Effects, a: int) -> str:
    """Return the arm's name, and its dose where the name does not tell it."""
    name, dose = visible(effects.arms[a]), effects.dose[a]
    told = dose is None or re.search(rf"(?<![\d.]){re.escape(f'{dose:.3g}')}(?![\d.])", name)
    return name if told else f"{name} (dose {dose:.3g})"


def _specs(effects: Effects) -> dict[str, Any]:
    data, page = charts.named, charts.PAGE
    doses = rows.known_doses(effects)
    drawn = {
        "forest": charts.forest(data("rows", "average"), page),
        "heat": charts.heat(data("rows"), page),
        "worst": charts.worst(data("rows"), page),
    }
    if len(doses) > 1:
        sources = data(*rows.STATUSES, "harms", "average", "here", "bests", "chosen", "marks", "labels")
        drawn["curves"] = charts.curves(sources, doses, rows.span(effects), page, few=len(effects.classes) <= MANY)
    if len(effects.classes) > MANY:
        drawn["ranked"] = charts.ranked(data("rows", "average"), page)
    return {name: chart.to_dict() for name, chart in drawn.items()}
