"""Evidence -> the JSON document of `audit --json`: proportions; null where nothing is known, never NaN."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from barnspider.evidence import Evidence
from barnspider.sentences import headline

SCHEMA = "barnspider/effects/1"
FINDINGS = ("harmed", "helped", "unchanged", "cannot tell")


def document(evidence: Evidence) -> dict[str, Any]:
    """Return the whole comparison as plain Python values, ready for `json.dumps`."""
    m = evidence.method
    columns = _columns(evidence)
    return {
        "schema": SCHEMA,
        "baseline": evidence.baseline,
        "baseline_runs": evidence.baseline_runs,
        "baseline_dose": evidence.baseline_dose,
        "on": evidence.on,
        "level": m.level,
        "generalizes_to": m.generalizes_to,
        "margin": m.margin,
        "correction": m.correction,
        "simultaneous": m.simultaneous,
        "method": {
            "paired": m.paired,
            "degrees_of_freedom": m.degrees_of_freedom,
            "multiplicity": m.multiplicity,
            "versions": dict(m.versions),
            "labels": m.labels,
            "unlabelled": m.unlabelled,
            "by": m.by,
        },
        "left_out": [asdict(x) for x in evidence.left_out],
        "arms": [_arm(evidence, a, columns) for a in range(len(evidence.arms))],
    }


def _arm(evidence: Evidence, a: int, columns: dict[str, list[Any]]) -> dict[str, Any]:
    e, arm = evidence, evidence.arms[a]
    overall = {"effect": e.overall, "low": e.overall_low, "high": e.overall_high, "p": e.overall_p}
    tau = {"tau": e.tau, "low": e.tau_low, "high": e.tau_high, "p": e.tau_p}
    found = e.findings()[a].tolist()
    return {
        "arm": arm,
        "dose": e.dose[a],
        "runs": e.runs[a],
        "generalizes_to": e.generalizes_to(arm),
        "headline": headline(e, arm),
        "findings": {name: found.count(name) for name in FINDINGS},
        "overall": {name: _plain(x)[a] for name, x in overall.items()},
        "class_dependence": {name: _plain(x)[a] for name, x in tau.items()},
        "classes": _classes(columns, a),
    }


def _classes(columns: dict[str, list[Any]], a: int) -> list[dict[str, Any]]:
    """Return one dict for each class; `relative` is a dict of its own."""
    own = [name for name in columns if "." not in name]
    inner = [name for name in columns if "." in name]
    names = [name.split(".")[1] for name in inner]
    rows = zip(*(columns[name][a] for name in own), strict=True)
    against = zip(*(columns[name][a] for name in inner), strict=True)
    return [
        {**dict(zip(own, row, strict=True)), "relative": dict(zip(names, more, strict=True))}
        for row, more in zip(rows, against, strict=True)
    ]


def _columns(evidence: Evidence) -> dict[str, list[Any]]:
    """Return what is said of every class, by name, as lists [arm][class]: by column, for there may be many classes."""
    e = evidence
    low, high = e.bands()
    arms = len(e.arms)
    out = {"class": [list(e.classes)] * arms, "n": [e.n.tolist()] * arms, "before": [_plain(e.before)] * arms}
    numbers = {
        "effect": e.effect, "low": e.low, "high": e.high, "p": e.p, "q": e.q, "shrunk": e.shrunk,
        "prob_harm": e.prob_harm, "se": e.se, "df": e.df, "detectable": e.detectable(), "band_low": low,
        "band_high": high, "p_holm": e.holm(),
    }  # fmt: skip
    out |= {name: _plain(x) for name, x in numbers.items()}
    out["finding"] = e.findings().tolist()
    against = {
        "effect": e.relative, "low": e.relative_low, "high": e.relative_high, "p": e.relative_p, "q": e.relative_q
    }  # fmt: skip
    out |= {f"relative.{name}": _plain(x) for name, x in against.items()}
    out["relative.finding"] = e.relative_findings().tolist()
    return out


def _plain(x: np.ndarray[Any, np.dtype[np.float64]]) -> list[Any]:
    """Return nested lists of numbers, None for what is not finite."""
    out = x.astype(object)
    out[~np.isfinite(x)] = None
    return out.tolist()
