"""Inequality -> a table of words: for every arm each measure, its interval, and its change from the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from barnspider.inequality import Inequality, Worst
from barnspider.names import visible
from barnspider.report import words
from barnspider.stats.dispersion import Measured
from barnspider.words import unit

# What a measure is called, and whether more of it is more unequal.
NAMES = {
    "sd": ("standard deviation", True),
    "gini": ("Gini, per cent", True),
    "worst tenth": ("worst tenth", False),
    "worst twentieth": ("worst twentieth", False),
    "harmonic mean": ("harmonic mean", False),
    "worst class": ("worst class", False),
}


def table(found: Inequality, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return the head and, for each arm, its title and a cell for each measure.

    Examples
    --------
    >>> from barnspider.inequality import inequality
    >>> from barnspider.simulate import simulate
    >>> made = inequality(simulate(classes=3, images=20, runs=2).predictions, "baseline")
    >>> table(made, {"baseline": "off", "arm 1": "on"})["rows"][1]["title"]
    'on'
    """
    rows = [
        {
            "title": titles[arm],
            "cells": [_cell(found, k, name) for name in NAMES],
            "precision": _worst(found.worst_precision[k]),
            "pair": _worst(found.worst_pair[k]),
        }
        for k, arm in enumerate(found.arms)
    ]
    head = [title.replace("class", unit(found.by)) for title, _ in NAMES.values()]
    return {"head": head, "rows": rows, "left_out": found.left_out}


def _cell(found: Inequality, k: int, name: str) -> dict[str, str]:
    level = found.measures[k][name]
    cell = {"value": words.points(level.value, sign=False), "interval": words.between(level.low, level.high)}
    return cell | (_change(found.change[k - 1][name], NAMES[name][1]) if k else {"change": "", "kind": ""})


def _change(change: Measured, more_is_worse: bool) -> dict[str, str]:
    """Return the change in words, and whether it is certainly for the worse or for the better."""
    if not np.isfinite([change.value, change.low, change.high]).all():
        return {"change": words.CANNOT, "kind": ""}
    sure = change.low > 0 or change.high < 0
    kind = "" if not sure else "harm" if (change.low > 0) == more_is_worse else "help"
    mark = {"": "", "harm": "▼ ", "help": "▲ "}[kind]
    return {"change": f"{mark}{words.points(change.value)} ({words.between(change.low, change.high)})", "kind": kind}


def _worst(worst: Worst) -> dict[str, str]:
    if not np.isfinite(worst.value):
        return {"name": "", "value": words.CANNOT}
    return {"name": visible(worst.name, 80), "value": f"{words.points(worst.value + 0.0, sign=False)} %"}
