"""Effects -> rows of a chart: what is drawn where, in points. Selects and renames; estimates nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.doses import DoseCurves, Tolls
from barnspider.effects import Effects
from barnspider.names import visible

Rows = list[dict[str, Any]]

HARMED, HELPED, UNCHANGED, CANNOT_TELL = "harmed", "helped", "unchanged", "cannot tell"
DRAWN = 1200  # classes whose lines are drawn; of more, the two ends
LABELLED = 8  # arms; of more, only the telling ones carry their names
MARKED = 40  # classes; of more, not every highest point is marked
STATUSES = (CANNOT_TELL, UNCHANGED, HELPED, HARMED)  # drawn in this order: the harmed on top
MARKS = {HARMED: "▼", HELPED: "▲", UNCHANGED: "■", CANNOT_TELL: "○"}
OVER_DOSES = ("harms", "average", "here", "bests", "chosen", "smooth", "turns", "marks", "labels")
PAYS = "pays"  # a toll that is certainly above zero
CERTAIN = "certain"  # a confusion that certainly changed


def known_doses(effects: Effects) -> list[float]:
    """Return the doses with a place on an axis, ascending; none when the baseline's is unknown."""
    if effects.baseline_dose is None:
        return []
    return sorted({effects.baseline_dose, *(d for d in effects.dose if d is not None)})


def extremes(effects: Effects, arm: str, most: int) -> list[int]:
    """Return class numbers, worst first by shrunken effect: all of them if they are few, else the two ends."""
    order = [int(c) for c in effects.worst_first(arm)]
    if len(order) <= most:
        return order
    known = [c for c in order if effects.known[effects.arms.index(arm), c]]
    return known if len(known) <= most else known[: most // 2] + known[most // 2 - most :]


def first_shown(effects: Effects) -> int:
    """Return the arm to show first: the best on average or, where none beats the baseline, the most harmful.

    That is the one which harms most classes or, where none can be shown to pay, certainly loses most on average.
    """
    best, harmed, lowest = best_on_average(effects), effects.harmed.sum(axis=1), certainly_lowest(effects)
    if effects.overall[best] > 0:
        return best
    if harmed.any():
        return int(np.argmax(harmed))
    return best if lowest is None else lowest


def certainly_lowest(effects: Effects) -> int | None:
    """Return the arm with the largest loss on average among those that certainly lose; None where none does."""
    lost = np.where(effects.overall_high < 0, effects.overall, 0.0)
    return int(np.argmin(lost)) if lost.any() else None


def best_on_average(effects: Effects) -> int:
    """Return the arm with the largest effect over all images."""
    return int(np.argmax(np.nan_to_num(effects.overall, nan=-np.inf)))


def curve_rows(effects: Effects, arm: str, most: int = DRAWN) -> dict[str, Rows]:
    """Return the sources of the dose curves: the rows of every class under its status at the arm, and the rest.

    Of more than `most` classes, the two ends are drawn.
    """
    names, status = labels(effects.classes), effects.findings()
    here = status[effects.arms.index(arm)]
    lines = [
        {"name": names[c], "status": str(here[c]), "at": str(status[a, c]) if a >= 0 else CANNOT_TELL} | row
        for c in sorted(extremes(effects, arm, most))
        for a, row in curve(effects, c)
    ]
    average = [row for _, row in curve(effects, None)]
    dose = effects.dose[effects.arms.index(arm)]
    return {
        **{kind: [row for row in lines if row["status"] == kind] for kind in STATUSES},
        "harms": [row for row in lines if row["at"] == HARMED],
        "average": average,
        "here": [] if dose is None else [{"dose": dose}],
        "bests": [peak for c in range(len(names)) if (peak := _peak(effects, c))] if len(names) <= MARKED else [],
        "chosen": [],
        "smooth": [],
        "turns": [],
        "marks": [peak] if (peak := _peak(effects, None)) else [],
        "labels": [],
    }


def class_rows(effects: Effects, name: str, curves: DoseCurves | None = None) -> dict[str, Rows]:
    """Return the same sources for one class by itself: its points, its smooth curve, where that turns; the average."""
    c = effects.classes.index(name)
    shown, status = labels(effects.classes)[c], effects.findings()[:, c]
    points_ = curve(effects, c)
    fitted = [] if curves is None else _smooth(effects, c, curves)
    empty: dict[str, Rows] = {source: [] for source in (*STATUSES, *OVER_DOSES)}
    return empty | {
        "harms": [{"name": shown} | row for a, row in points_ if _is_harm(status, a)],
        "average": [row for _, row in curve(effects, None)],
        # A harmed point has its interval here; it is drawn as a harm.
        "chosen": [{"name": shown} | row | ({"effect": None} if _is_harm(status, a) else {}) for a, row in points_],
        "smooth": fitted or [row for _, row in points_],
        "turns": [] if curves is None else _turns(curves, name, fitted),
        "marks": [peak] if (peak := _peak(effects, None)) else [],
    }


def _is_harm(status: NDArray[np.str_], a: int) -> bool:
    return a >= 0 and status[a] == HARMED


def _smooth(effects: Effects, c: int, curves: DoseCurves) -> Rows:
    """Return the smooth curve of a class, as changes from its own value at the baseline."""
    at, fit = curves.classes.index(effects.classes[c]), curves.fit
    lines = [100 * line[:, at] for line in (fit.change, fit.change_low, fit.change_high)]
    rows = np.round(np.column_stack([fit.dose, *lines]), 3)
    return [
        dict(zip(("dose", "effect", "low", "high"), row, strict=True))
        for row in rows[~np.isnan(rows).any(axis=1)].tolist()
    ]


def _turns(curves: DoseCurves, name: str, curve: Rows) -> Rows:
    """Return where a smooth curve peaks and where it has lost delta, with intervals; what is never, is not drawn."""
    fit, c = curves.fit, curves.classes.index(name)
    rows: Rows = []
    for kind in ("peak", "lost"):
        at, low, high = (float(getattr(fit, kind + end)[c]) for end in ("", "_low", "_high"))
        if curve and np.isfinite(at):
            near = min(curve, key=lambda row: abs(row["dose"] - at))
            last = curve[-1]["dose"]
            rows.append({"kind": kind, "dose": at, "effect": near["effect"], "low": low, "high": min(high, last)})
    return rows


def curve(effects: Effects, c: int | None) -> list[tuple[int, dict[str, Any]]]:
    """Return (arm, row) by dose for one class or, for None, the average; arm -1 is the baseline."""
    places = [(-1, effects.baseline_dose), *enumerate(effects.dose)]
    rows: list[tuple[int, dict[str, Any]]] = []
    for a, dose in sorted(((a, d) for a, d in places if d is not None), key=lambda place: place[1]):
        row = interval_of(effects, a, c)
        if row["effect"] is not None:
            rows.append((a, {"dose": dose} | row))
    return rows if len(rows) > 1 else []  # the baseline alone is no evidence


def _peak(effects: Effects, c: int | None) -> dict[str, Any] | None:
    """Return the highest point of a class's curve or, for None, of the average's: chance picks among near ones."""
    places = [{"arm": a} | row for a, row in curve(effects, c)]
    return max(places, key=lambda row: row["effect"], default=None)


def span(effects: Effects) -> tuple[float, float]:
    """Return the lowest and the highest point of all curves with some room: an axis that stays whoever is chosen."""
    dosed = np.array([dose is not None for dose in effects.dose])
    drawn = (effects.effect[dosed], effects.overall_low[dosed], effects.overall_high[dosed])
    return _roomy(100 * np.concatenate([part[~np.isnan(part)] for part in drawn]))


def span_of(sources: Mapping[str, Rows]) -> tuple[float, float]:
    """Return the same for what is drawn with its intervals."""
    drawn = [row for name in ("average", "chosen", "smooth") for row in sources[name]]
    return _roomy(np.array([row[end] for row in drawn for end in ("low", "high")]))


def _roomy(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = values.min(initial=-0.5), values.max(initial=0.5)
    room = 0.12 * (high - low)
    return round(float(low - room), 3), round(float(high + room), 3)


def peaks(effects: Effects) -> list[int]:
    """Return how many classes have their highest point at the baseline, and at each arm with a dose."""
    dosed = np.array([dose is not None for dose in effects.dose])[:, None]
    height = np.where(effects.known & dosed, effects.effect, -np.inf)
    seen = (effects.known & dosed).any(axis=0)
    place = np.where(height.max(axis=0) > 0, height.argmax(axis=0) + 1, 0)[seen]
    return np.bincount(place, minlength=len(effects.arms) + 1).tolist()


def forest_rows(effects: Effects, arm: str, most: int) -> dict[str, Rows]:
    """Return the sources of the forest plot; a change that is found is drawn no longer than the longest interval."""
    a, drawn = effects.arms.index(arm), extremes(effects, arm, most)
    names, status = labels(effects.classes), effects.findings()[a]
    ends = np.abs([effects.low[a, drawn], effects.high[a, drawn]])
    found = np.minimum(effects.detectable()[a], np.fmax.reduce(ends, axis=None, initial=0.0))
    rows = [
        {"name": names[c], "status": str(status[c]), "shrunk": points(effects.shrunk[a, c])}
        | {"found": points(found[c]), "missed": points(-found[c])}
        | interval_of(effects, a, c)
        for c in drawn
    ]
    return {"rows": rows, "average": [interval_of(effects, a, None)]}


def ranked_rows(effects: Effects, arm: str, most: int = 1000) -> dict[str, Rows]:
    """Return every class (of very many, every k-th) by its rank, worst first."""
    a = effects.arms.index(arm)
    status = effects.findings()[a]
    order = [int(c) for c in effects.worst_first(arm) if effects.known[a, c]]
    step = max(1, -(-len(order) // most))
    rows = [
        {"rank": rank, "end": rank + step, "shrunk": points(effects.shrunk[a, c]), "status": str(status[c])}
        for rank, c in enumerate(order)
        if rank % step == 0
    ]
    return {"rows": rows, "average": [interval_of(effects, a, None)]}


def heat_rows(effects: Effects, arm: str, most: int, *, roomy: bool = True) -> dict[str, Rows]:
    """Return the source of the heat map: one row for each class and arm; cells that are not roomy hold no number."""
    names, status, shown = labels(effects.classes), effects.findings(), arm_labels(effects)
    rows = [
        {"name": names[c], "arm": shown[k + 1], "effect": points(effects.effect[k, c]), "status": str(status[k, c])}
        | {"text": cell_text(effects.effect[k, c], str(status[k, c]), roomy=roomy)}
        for c in extremes(effects, arm, most)
        for k in range(len(effects.arms))
    ]
    return {"rows": rows}


def worst_rows(effects: Effects, *, share: float = 0.1) -> Rows:
    """Return each arm's accuracy over all images and over the lowest `share` of the classes, in per cent.

    A row has a dose where a line joins it to its neighbours: between doses, not between names. It is on the front
    when no other arm is better in one of the two and at least as good in the other.
    """
    accuracy = np.vstack([effects.before, effects.after])
    mean = [effects.overall_before, *(effects.overall_before + effects.overall)]
    names = arm_labels(effects)
    doses, path = [effects.baseline_dose, *effects.dose], len(known_doses(effects)) > 1
    rows: Rows = []
    for i in sorted(range(len(names)), key=lambda i: (doses[i] is None, doses[i] or 0.0, i)):
        lowest = np.sort(accuracy[i][~np.isnan(accuracy[i])])
        if len(lowest) and not np.isnan(mean[i]):
            worst = float(lowest[: max(1, round(share * len(lowest)))].mean())
            name = {"arm": names[i], "text": names[i], "kind": "baseline" if i == 0 else "arm"}
            place = {"dose": doses[i] if path else None, "mean": points(mean[i]), "worst": points(worst)}
            rows.append(name | place)
    for row in rows:
        row["front"] = not any(_beats(other, row) for other in rows)
    place_texts(rows)
    if len(rows) > LABELLED:
        kept = [rows[0], rows[-1], max(rows, key=lambda row: row["mean"]), max(rows, key=lambda row: row["worst"])]
        return [row if row in kept or row["kind"] == "baseline" else row | {"text": ""} for row in rows]
    return rows


def place_texts(rows: Rows, across: str = "mean", up: str = "worst", long: float = 0.12) -> None:
    """Put the text of a point below it where the text of one before would be in its way, or mark it as crowded."""
    wide, high = (max(row[name] for row in rows) - min(row[name] for row in rows) or 1.0 for name in (across, up))
    for i, row in enumerate(rows):
        near = [
            other["below"]
            for other in rows[:i]
            if abs(other[across] - row[across]) < long * wide and abs(other[up] - row[up]) < 0.08 * high
        ]
        row["below"] = False in near and True not in near
        row["crowded"] = False in near and True in near


def _beats(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ahead = [one[name] - other[name] for name in ("mean", "worst")]
    return min(ahead) >= 0 and max(ahead) > 0


def toll_order(tolls: Tolls) -> list[int]:
    """Return class numbers from the largest toll to the smallest; a class without evidence has none."""
    return [int(c) for c in np.argsort(-tolls.toll, kind="stable") if np.isfinite(tolls.toll[c])]


def toll_rows(tolls: Tolls, most: int) -> dict[str, Rows]:
    """Return the source of the tolls: the `most` largest, largest first."""
    names = labels(tolls.classes)
    rows = [
        {"name": names[c], "status": PAYS if tolls.low[c] > 0 else CANNOT_TELL}
        | {name: points(getattr(tolls, name)[c]) for name in ("toll", "low", "high", "naive")}
        for c in toll_order(tolls)[:most]
    ]
    return {"rows": rows}


def cell_text(effect: float, status: str, *, roomy: bool = True) -> str:
    """Return what a cell of the heat map says: a sign, points, and a mark where the data can tell."""
    if np.isnan(effect):
        return "?"
    mark = "" if status == CANNOT_TELL else MARKS[status] + " "
    if not roomy:
        return mark.strip()
    return mark + f"{round(100 * effect, 1) + 0.0:+.1f}".replace("-", "−").replace("+0.0", "0.0")


def interval_of(effects: Effects, a: int, c: int | None) -> dict[str, float | None]:
    """Return effect, low and high of a class, or for None of the average; zero at the baseline (arm -1)."""
    if a < 0:
        return {"effect": 0.0, "low": 0.0, "high": 0.0}
    if c is None:
        values = (effects.overall[a], effects.overall_low[a], effects.overall_high[a])
    else:
        values = (effects.effect[a, c], effects.low[a, c], effects.high[a, c])
    return dict(zip(("effect", "low", "high"), map(points, values), strict=True))


def points(value: float) -> float | None:
    """Return a proportion in points, None for NaN."""
    return None if np.isnan(value) else round(100 * float(value), 3)


def labels(names: Iterable[str], most: int = 40) -> list[str]:
    """Return a short visible name for each; where two would look alike, their position is added.

    Examples
    --------
    >>> labels(["dog", "x" * 50, "x" * 60], most=8)
    ['dog', 'xxxxxxx… ·1', 'xxxxxxx… ·2']
    """
    short = [visible(name, most) for name in names]
    seen = Counter(short)
    return [text if seen[text] == 1 else f"{text} ·{i}" for i, text in enumerate(short)]


def arm_title(arm: str, dose: float | None, most: int = 60) -> str:
    """Return the arm's name, and its dose where the name does not tell it.

    Examples
    --------
    >>> arm_title("crop=0.3", 0.3), arm_title("strong", 0.3)
    ('crop=0.3', 'strong (dose 0.3)')
    """
    name = visible(arm, most)
    if dose is None:
        return name
    told = "|".join({re.escape(f"{dose:.3g}"), re.escape(f"{dose:g}")})
    return name if re.search(rf"(?<![\d.])(?:{told})(?![\d.])", name) else f"{name} (dose {dose:.3g})"


def arm_labels(effects: Effects) -> list[str]:
    """Return what to call the baseline and the arms in a chart: their doses if these tell them apart, else names."""
    doses = [effects.baseline_dose, *effects.dose]
    short = ["" if dose is None else f"{dose:.3g}" for dose in doses]
    if None not in doses and len(set(short)) == len(short):
        return short
    return labels([effects.baseline, *effects.arms], most=24)
