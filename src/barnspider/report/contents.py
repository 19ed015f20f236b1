"""A study -> what the page knows: column-wise, rounded, small. 10,000 classes x 12 arms fit into 5 MB."""

from __future__ import annotations

from typing import Any

import numpy as np

from barnspider.doses import BestDoses, DoseCurves, Tolls
from barnspider.effects import Effects, Floats
from barnspider.figures import charts, explaining, fixes, rows
from barnspider.flows import Flows
from barnspider.gate import Verdict
from barnspider.names import visible
from barnspider.receivers import Receivers
from barnspider.report import (
    inequality_table,
    kinds_table,
    pictures,
    preservation_table,
    readings_table,
    tried_table,
    words,
)
from barnspider.report.packing import chances, doses, per_cents, shares, whole
from barnspider.report.study import Study
from barnspider.tried import Tried
from barnspider.words import counted

POWER = 0.8  # of the smallest effect that is called detectable
FINDINGS = 6  # of a verdict, shown
MANY = 40  # classes; with more, the forest plot shows some, and all are drawn by rank
LONGEST = 300  # characters of a class name that the page keeps
PLACES = 170_000  # of all smooth curves together; few classes have finer ones
RECEIVERS = 8  # classes of each arm that the page tells of
FLOWS = 30_000  # pairs of classes that the page keeps, all arms together
OWN_FLOWS = 12_000  # the same, against each class's own best arm
CODES = ("cannot tell", "harmed", "helped", "unchanged")  # the page's script knows the same order


def study(name: str, study: Study, place: int, verdict: Verdict | None = None) -> dict[str, Any]:
    """Return what a page's scripts need about one study, ready for JSON."""
    effects = study.effects
    names = [visible(c, LONGEST) for c in effects.classes]
    short, shown = rows.labels(effects.classes), rows.arm_labels(effects)
    found = effects.detectable(POWER)
    method = effects.method
    return {
        "id": f"study-{place}",
        "name": name,
        "classes": names,
        "short": {i: text for i, text in enumerate(short) if text != names[i]},
        "n": effects.n.tolist(),
        "before": shares(effects.before),
        "baseline": {"name": visible(effects.baseline), "shown": shown[0], "dose": effects.baseline_dose},
        "arms": [_arm(study, a, shown[a + 1], found[a], verdict) for a in range(len(effects.arms))],
        "first": words.focus(effects, verdict),
        "cells": _cells(effects, found),
        "codes": _codes(effects),
        "level": method.level,
        "margin": words.points(method.margin, sign=False),
        "symbol": method.symbol,
        "unit": method.unit,
        "units": method.units,
        "atOnce": method.simultaneous,
        "worst": rows.worst_rows(effects),
        "choice": None if study.best is None else _choice(study.best, effects),
        "tolls": None if study.tolls is None else _tolls(study.tolls, effects),
        "flows": None if study.flows is None else _flows(study.flows, study, FLOWS),
        "ownFlows": None if study.own_flows is None else _flows(study.own_flows, study, OWN_FLOWS),
        "kinds": None if study.kinds is None else kinds_table.packed(study.kinds),
        "preserved": None if study.preservation is None else preservation_table.packed(study.preservation, effects),
        "curves": _curves(study.curves) if study.curves is not None and _dosed(effects) else None,
        "tried": None if study.judgement is None else tried_table.drawn(study.judgement),
        "prescribed": [] if study.tried is None else tried_table.packed(study.tried, effects),
        "specs": _specs(study),
        "examples": pictures.packed(study.examples, effects) if study.examples and study.examples.classes else None,
    }


def _cells(effects: Effects, found: Floats) -> dict[str, str]:
    """Return every column of numbers, arm by arm."""
    drawn = {name: shares(getattr(effects, name)) for name in ("effect", "low", "high", "shrunk")}
    told = ("after", "relative", "relative_low", "relative_high")
    return (
        drawn
        | {name: shares(getattr(effects, name), drawn=False) for name in told}
        | {
            "found": shares(found, drawn=False),  # the smallest change that this study finds
            "q": chances(effects.q),
            "relative_q": chances(effects.relative_q),
            "prob_harm": per_cents(effects.prob_harm),
        }
    )


def _codes(effects: Effects) -> str:
    """Return a character for each class and arm: its finding, 4 more if negligible, 8 if it is not as the average."""
    finding = np.searchsorted(CODES, effects.findings())
    apart = effects.relative_findings() != rows.CANNOT_TELL
    return (48 + finding + 4 * effects.negligible + 8 * apart).astype(np.uint8).tobytes().decode("ascii")


def _places(arms: tuple[str, ...], effects: Effects) -> list[int]:
    """Return each arm's place among the effects; the baseline's is -1."""
    return [-1 if arm == effects.baseline else effects.arms.index(arm) for arm in arms]


def _choice(best: BestDoses, effects: Effects) -> dict[str, Any]:
    """Return which arms may be the best for each class: one character for each arm and class."""
    flags = best.class_contenders.astype(np.uint8) + 48
    return {"arms": _places(best.arms, effects), "may": flags.tobytes().decode("ascii")}


def _tolls(tolls: Tolls, effects: Effects) -> dict[str, Any]:
    places = dict(zip(tolls.arms, _places(tolls.arms, effects), strict=True))
    columns = {name: shares(getattr(tolls, name)) for name in ("toll", "low", "high", "naive")}
    return columns | {"own": [places[arm] for arm in tolls.own], "average": places[tolls.average]}


def _flows(flows: Flows, study: Study, room: int) -> dict[str, Any]:
    """Return the surest pairs of every arm, arm by arm; `arms` says where each arm's begin. And who receives most."""
    most, received = room // max(len(flows.arms), 1), study.receivers if flows.against == "baseline" else None
    kept = [(a, flows.surest(arm)[:most]) for a, arm in enumerate(flows.arms)]
    pairs = np.concatenate([pair for _, pair in kept])
    arms = np.repeat([a for a, _ in kept], [len(pair) for _, pair in kept])
    columns = {name: getattr(flows, name)[arms, pairs] for name in ("change", "low", "high")}
    return {
        "arms": np.cumsum([0, *(len(pair) for _, pair in kept)]).tolist(),
        "of": [words.flows(flows, a) for a in range(len(flows.arms))],
        "from": f"Measured from {flows.about()}." if flows.against != "baseline" else "",
        "got": [[] if received is None else _received(received, a) for a in range(len(flows.arms))],
        "kind": "" if study.kinds is None else kinds_table.codes(study.kinds, flows, pairs),
        "source": whole(flows.source[pairs]),
        "target": whole(flows.target[pairs]),
        "sure": (flows.certain()[arms, pairs] + 48).astype(np.uint8).tobytes().decode("ascii"),
        **{name: shares(values, drawn=False) for name, values in columns.items()},
        "before": shares(flows.before[pairs], drawn=False),
    }


def _received(found: Receivers, a: int) -> list[dict[str, Any]]:
    """Return the classes that receive most false answers in an arm, in words."""
    return [
        {"cls": c, "sure": bool(found.certain()[a, c]), "words": [words.typeset(x) for x in found.row(a, c)[2:]]}
        for c in found.order(found.arms[a])[:RECEIVERS].tolist()
    ]


def _curves(curves: DoseCurves) -> dict[str, Any]:
    """Return the curves, as changes from the baseline, at some of their doses."""
    fit = curves.fit
    most = int(np.clip(PLACES // max(len(curves.classes), 1), 17, 41))
    kept = np.unique(np.rint(np.linspace(0, len(fit.dose) - 1, most)).astype(np.intp))
    marks = ("peak", "peak_low", "peak_high", "lost", "lost_low", "lost_high")
    return {
        "dose": fit.dose[kept].tolist(),
        "delta": words.curve(curves),
        "lines": {name: shares(getattr(fit, name)[kept]) for name in ("change", "change_low", "change_high")},
        "marks": {name: doses(getattr(fit, name)) for name in marks},
    }


def summary(study: Study, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the page says about one study without any script."""
    effects = study.effects
    named = titles(effects)
    return {name: data[name] for name in ("id", "name", "arms", "first", "margin", "unit", "units")} | {
        "on": effects.on,
        "classes": len(effects.classes),
        "of_classes": counted(len(effects.classes), effects.method.unit),
        "images": int(effects.n.sum()),
        "baseline": visible(effects.baseline),
        "baseline_runs": effects.baseline_runs,
        "accuracy": words.points(effects.overall_before, sign=False),
        "elsewhere": words.elsewhere(effects, data["first"], [arm["title"] for arm in data["arms"]]),
        "peaks": rows.peaks(effects) if _dosed(effects) else [],
        "many": len(effects.classes) > MANY,
        "undosed": [visible(arm) for arm, dose in zip(effects.arms, effects.dose, strict=True) if dose is None],
        "has_doses": _dosed(effects),
        "mixed": bool(effects.over),
        "within": words.margin(effects),
        "level": f"{100 * effects.method.level:g} %",
        "method": words.assumptions(effects),
        "left_out": effects.left_out,
        "best": None if study.best is None else words.best(study.best, named, _chosen_on(study)),
        "toll": None if study.tolls is None else _toll_words(study.tolls, named),
        "delta": data["curves"]["delta"] if data["curves"] else None,
        "flows": data["flows"] and data["flows"]["of"],
        "own_flows": study.own_flows is not None,
        "kinds": None if study.kinds is None else study.kinds.about(),
        "receives": study.receivers is not None,
        "why_no_flows": study.why_no_flows,
        "inequality": None if study.inequality is None else inequality_table.table(study.inequality, named),
        "preservation": None
        if study.preservation is None
        else preservation_table.table(study.preservation, effects, named),
        "readings": None if study.readings is None else readings_table.table(study.readings, named),
        "tried": tried_table.table(study.judgement, study.tried or Tried()) if _tries(study) else None,
        "examples": bool(data["examples"]),
    }


def _tries(study: Study) -> bool:
    return study.judgement is not None or (study.tried is not None and study.tried.said)


def _chosen_on(study: Study) -> str:
    """Return on which images the best arm was found."""
    chosen = "" if study.tolls is None else study.tolls.chosen_on
    return study.effects.on if chosen in ("", "the other half") else chosen


def _toll_words(tolls: Tolls, named: dict[str, str]) -> dict[str, Any]:
    return {
        "at": named[tolls.average],
        "lead": words.toll(tolls),
        "where": words.chosen_and_measured(tolls),
        "many": np.isfinite(tolls.toll).sum() > MANY,
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


def _arm(study: Study, a: int, shown: str, found: Floats, verdict: Verdict | None) -> dict[str, Any]:
    effects = study.effects
    overall = (effects.overall[a], effects.overall_low[a], effects.overall_high[a])
    status = effects.findings()[a].tolist()
    spread = study.inequality
    return {
        "name": visible(effects.arms[a]),
        "shown": shown,
        "dose": effects.dose[a],
        "title": rows.arm_title(effects.arms[a], effects.dose[a]),
        "role": words.role(effects, a, verdict),
        "runs": effects.runs[a],
        "lead": words.lead(effects, a),
        "generalizes": words.generalizes(effects, effects.arms[a]),
        "headline": words.headline(effects, effects.arms[a]),
        "average": words.points(overall[0]),
        "interval": words.between(overall[1], overall[2]),
        "within": words.within(overall[1], overall[2]),
        "overall": [None if np.isnan(x) else round(100 * float(x), 3) for x in overall],
        "tau": words.points(effects.tau[a], sign=False),
        "tau_interval": words.between(effects.tau_low[a], effects.tau_high[a]),
        "tau_within": words.within(effects.tau_low[a], effects.tau_high[a]),
        "unequal": None if spread is None else words.unequal(spread, spread.arms.index(effects.arms[a])),
        "found": words.typical(found, POWER),
        "harmed": status.count(rows.HARMED),
        "helped": status.count(rows.HELPED),
        "unchanged": status.count(rows.UNCHANGED),
        "unclear": status.count(rows.CANNOT_TELL),
    }


def titles(effects: Effects) -> dict[str, str]:
    """Return what to call each arm, the baseline among them."""
    doses = (effects.baseline_dose, *effects.dose)
    return {arm: rows.arm_title(arm, dose) for arm, dose in zip((effects.baseline, *effects.arms), doses, strict=True)}


def _dosed(effects: Effects) -> bool:
    return len(rows.known_doses(effects)) > 1


def _specs(study: Study) -> dict[str, Any]:
    effects, data, page, frame = study.effects, charts.named, charts.PAGE, charts.IN_PAGE
    drawn = {
        "forest": charts.forest(data("rows", "average"), page, frame),
        "heat": charts.heat(data("rows"), page, frame),
        "worst": charts.worst(data("rows"), page, frame, units=effects.method.units),
    }
    if _dosed(effects):
        few = len(effects.classes) <= MANY
        sources = data(*rows.STATUSES, *rows.OVER_DOSES)
        doses, span = rows.known_doses(effects), rows.span(effects)
        drawn["curves"] = charts.curves(sources, doses, span, page, frame, axis=study.axis, few=few)
    if len(effects.classes) > MANY:
        drawn["ranked"] = charts.ranked(data("rows", "average"), page, frame, units=effects.method.units)
    if study.flows is not None:
        drawn["pairs"] = charts.heat(data("rows"), page, frame, upright=True)
    if study.tolls is not None:
        drawn["tolls"] = charts.tolls(data("rows"), page, frame, unit=effects.method.unit)
    if study.judgement is not None:
        drawn |= _tried(data("rows", "here"), effects.method.units)
    if study.preservation is not None:
        doses = sorted({0.0, *study.preservation.doses.tolist(), *rows.known_doses(effects)})
        drawn["kept"] = explaining.kept(data(*explaining.KEPT), doses, page, frame)
        drawn["foretold"] = explaining.foretold(data(*explaining.FORETOLD), page, frame)
    return {name: chart.to_dict() for name, chart in drawn.items()}


def _tried(data: Any, units: str) -> dict[str, Any]:
    """Return the charts of what was tried: the average against the worst classes, and against how many are harmed."""
    page, frame = charts.PAGE, charts.IN_PAGE
    return {
        "tradeoff": fixes.tried(data, "worst", f"accuracy of the worst tenth of the {units}, %", page, frame),
        "payers": fixes.tried(data, "harmed", f"{units} certainly harmed", page, frame, down=True),
    }
