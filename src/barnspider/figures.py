"""Effects -> pictures: dose curves, a forest plot, a heat map, mean against worst. Draws, computes nothing.

Every figure is an Altair chart: it shows itself in a notebook, goes into the report, and `save` writes it as SVG, PNG
or PDF. Importing this module loads Altair; `import barnspider` does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import vl_convert
from numpy.typing import NDArray

from barnspider.effects import Effects
from barnspider.errors import InputError, pick
from barnspider.files import write_whole
from barnspider.names import visible

Rows = list[dict[str, Any]]

HARMED, HELPED, CANNOT_TELL = "harmed", "helped", "cannot tell"
STATUSES = (CANNOT_TELL, HELPED, HARMED)  # drawn in this order: the harmed on top
EDGES = (-10.0, -5.0, -2.0, -0.5, 0.5, 2.0, 5.0, 10.0)  # points; where the heat map changes colour


@dataclass(frozen=True)
class Palette:
    """Colours of a figure; harm and benefit differ in shape and dash as well, never in colour alone."""

    ink: str
    soft: str
    grid: str
    harm: str
    help: str
    unclear: str
    ramp: tuple[str, ...]  # nine steps from great harm to great benefit


# Vermilion against blue is told apart with every common kind of colour blindness (Okabe and Ito 2008).
LIGHT = Palette(
    ink="#1d2330", soft="#5b6472", grid="#e3e6eb", harm="#c2410c", help="#0b6bb5", unclear="#9aa3b0",
    ramp=("#f08a4b", "#f6ad7b", "#fbcfae", "#fde8d9", "#f1f3f6", "#dcebf8", "#b4d5f0", "#84bae4", "#559dd6"),
)  # fmt: skip
# In the report the page's style sheet decides, so that one drawing serves light, dark and print.
PAGE = Palette(
    ink="var(--ink)", soft="var(--soft)", grid="var(--grid)", harm="var(--harm)", help="var(--help)",
    unclear="var(--unclear)", ramp=tuple(f"var(--ramp{i})" for i in range(9)),
)  # fmt: skip


def statuses(effects: Effects) -> NDArray[np.str_]:
    """Return Str[arms, classes]: "harmed", "helped", or "cannot tell" where chance explains the difference."""
    return np.where(effects.harmed, HARMED, np.where(effects.helped, HELPED, CANNOT_TELL))


def best_arm(effects: Effects) -> str:
    """Return the arm with the largest effect on average, the baseline left aside."""
    if not effects.arms:
        raise InputError("effects has no arm beside the baseline; expected at least one to draw")
    return effects.arms[int(np.argmax(np.nan_to_num(effects.overall, nan=-np.inf)))]


def dose_curves(effects: Effects, *, arm: str | None = None, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw the average and every class over the doses; classes harmed at `arm` stand out.

    Raises
    ------
    InputError
        When fewer than two doses are known, or there is no such arm.

    Examples
    --------
    >>> from barnspider import estimate, figures, simulate  # doctest: +SKIP
    >>> figures.save(figures.dose_curves(effects), "curves.svg")  # doctest: +SKIP
    """
    chosen = _arm(effects, arm)
    doses = known_doses(effects)
    if len(doses) < 2:
        raise InputError(f"effects has {len(doses)} known doses; expected two or more: give `dose`, or draw a forest")
    rows = _curve_rows(effects, chosen)
    return curves_chart({name: _inline(part) for name, part in rows.items()}, doses, palette)


def forest(effects: Effects, *, arm: str | None = None, most: int = 40, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw the class effects of one arm with intervals and shrunken values, lowest first; at most `most` classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    a = effects.arms.index(_arm(effects, arm))
    names, status = labels(effects.classes), statuses(effects)[a]
    rows = [
        {"name": names[c], "status": str(status[c]), "shrunk": _points(effects.shrunk[a, c])}
        | _interval(effects.effect[a, c], effects.low[a, c], effects.high[a, c])
        for c in extremes(effects, effects.arms[a], most)
    ]
    average = [_interval(effects.overall[a], effects.overall_low[a], effects.overall_high[a])]
    return forest_chart({"rows": _inline(rows), "average": _inline(average)}, palette)


def heat_map(effects: Effects, *, arm: str | None = None, most: int = 40, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw classes x arms, lowest effect at `arm` first; at most `most` classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    a = effects.arms.index(_arm(effects, arm))
    names, status = labels(effects.classes), statuses(effects)
    shown = arm_labels(effects)
    rows = [
        {"name": names[c], "arm": shown[k + 1], "effect": _points(effects.effect[k, c]), "status": str(status[k, c])}
        | {"text": cell_text(effects.effect[k, c], str(status[k, c]))}
        for c in extremes(effects, effects.arms[a], most)
        for k in range(len(effects.arms))
    ]
    return heat_chart({"rows": _inline(rows)}, palette)


def mean_against_worst(effects: Effects, *, share: float = 0.1, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw each arm's mean accuracy against that of its worst classes (the lowest `share` of them)."""
    return worst_chart({"rows": _inline(worst_rows(effects, share=share))}, palette)


def save(chart: alt.LayerChart, path: str | Path, *, scale: float = 2.0) -> Path:
    """Write a figure as .svg, .png or .pdf, whole or not at all.

    Raises
    ------
    InputError
        When the file's ending is another.
    StoreError
        When the file cannot be written.
    """
    path = Path(path)
    kind = pick("ending", path.suffix.lower(), [".svg", ".png", ".pdf"])
    spec = chart.to_dict()
    if kind == ".svg":
        data = vl_convert.vegalite_to_svg(spec).encode()
    else:
        data = vl_convert.vegalite_to_png(spec, scale=scale) if kind == ".png" else vl_convert.vegalite_to_pdf(spec)
    return write_whole(path, lambda file: file.write(data))


# --- Rows: what a chart needs to know, in points ---


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


def worst_rows(effects: Effects, *, share: float = 0.1) -> Rows:
    """Return each arm's accuracy over all images and over the lowest `share` of the classes, in per cent."""
    accuracy = np.vstack([effects.before, effects.after])
    mean = [effects.overall_before, *(effects.overall_before + effects.overall)]
    names = arm_labels(effects)
    doses = [effects.baseline_dose, *effects.dose]
    order = sorted(range(len(names)), key=lambda i: (doses[i] is None, doses[i] or 0.0, i))
    rows: Rows = []
    for step, i in enumerate(order):
        lowest = np.sort(accuracy[i][~np.isnan(accuracy[i])])
        if len(lowest) and not np.isnan(mean[i]):
            worst = float(lowest[: max(1, round(share * len(lowest)))].mean())
            rows.append({"arm": names[i], "step": step, "mean": _points(mean[i]), "worst": _points(worst),
                         "kind": "baseline" if i == 0 else "arm"})  # fmt: skip
    return rows


def _curve_rows(effects: Effects, arm: str) -> dict[str, Rows]:
    names, status = labels(effects.classes), statuses(effects)[effects.arms.index(arm)]
    order = sorted(range(len(names)), key=lambda c: STATUSES.index(str(status[c])))
    places = [(d, a) for a, d in enumerate(effects.dose) if d is not None]
    zero = {"dose": effects.baseline_dose, "effect": 0.0, "low": 0.0, "high": 0.0}
    lines: Rows = []
    for c in order:
        about = {"name": names[c], "status": str(status[c])}
        lines.append(about | zero)
        lines += [
            about | {"dose": d} | _interval(effects.effect[a, c], effects.low[a, c], effects.high[a, c])
            for d, a in places
            if effects.known[a, c]
        ]
    average = [zero] + [
        {"dose": d} | _interval(effects.overall[a], effects.overall_low[a], effects.overall_high[a]) for d, a in places
    ]
    here = [{"dose": effects.dose[effects.arms.index(arm)]}]
    peak = max(average, key=lambda row: row["effect"] if row["effect"] is not None else -np.inf)
    marks = [peak | {"kind": "best on average"}]
    return {"lines": lines, "average": average, "here": here, "chosen": [], "marks": marks, "labels": []}


def _interval(effect: float, low: float, high: float) -> dict[str, float | None]:
    return {"effect": _points(effect), "low": _points(low), "high": _points(high)}


def cell_text(effect: float, status: str) -> str:
    """Return what a cell of the heat map says: a sign, points, and an arrow where chance does not explain it."""
    if np.isnan(effect):
        return "?"
    arrow = {HARMED: "▼ ", HELPED: "▲ ", CANNOT_TELL: ""}[status]
    return arrow + f"{round(100 * effect, 1) + 0.0:+.1f}".replace("-", "−").replace("+0.0", "0.0")


def _points(value: float) -> float | None:
    return None if np.isnan(value) else round(100 * float(value), 3)


def _arm(effects: Effects, arm: str | None) -> str:
    return best_arm(effects) if arm is None else pick("arm", arm, effects.arms)


def _inline(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=rows)


# --- Names: strangers wrote them ---


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


def arm_labels(effects: Effects) -> list[str]:
    """Return what to call the baseline and the arms in a chart: their doses if these tell them apart, else names."""
    doses = [effects.baseline_dose, *effects.dose]
    if None not in doses and len(set(doses)) == len(doses):
        return [f"{dose:g}" for dose in doses]
    return labels([effects.baseline, *effects.arms], most=24)


# --- Charts: Vega-Lite, from data that may be inline or named ---

Sources = Mapping[str, alt.Data | alt.InlineData | alt.NamedData]


def named(*names: str) -> dict[str, alt.NamedData]:
    """Return data sources that a page fills in later."""
    return {name: alt.NamedData(name=name) for name in names}


def curves_chart(data: Sources, doses: Sequence[float], palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the dose curves: sources lines, average, here, chosen, marks, labels."""
    x = alt.X("dose:Q", title="dose", scale=_dose_scale(doses), axis=alt.Axis(values=list(doses), grid=False))
    y = alt.Y("effect:Q", title="change from the baseline, points")
    status = _status_scale(palette)
    here = alt.Chart(data["here"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=palette.soft).encode(y=alt.datum(0))
    lines = alt.Chart(data["lines"]).mark_line(strokeJoin="round").encode(
        x=x, y=y, detail="name:N", color=alt.Color("status:N", scale=status, legend=None),
        opacity=_by_status((0.35, 0.5, 0.9), "opacity"), strokeDash=_by_status(([1, 0], [6, 3], [1, 0]), "dash"),
        strokeWidth=_by_status((1.0, 1.2, 1.8), "width"),
    )  # fmt: skip
    band = alt.Chart(data["average"]).mark_area(color=palette.ink, opacity=0.18).encode(x=x, y="low:Q", y2="high:Q")
    mean = alt.Chart(data["average"]).mark_line(color=palette.ink, strokeWidth=3.5).encode(x=x, y=y)
    chosen = alt.Chart(data["chosen"])
    tint = alt.Color("status:N", scale=status, legend=None)
    around = chosen.mark_area(opacity=0.22).encode(x=x, y="low:Q", y2="high:Q", color=tint)
    line = chosen.mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=36)).encode(x=x, y=y, color=tint)
    best = alt.Chart(data["marks"]).mark_point(size=110, shape="diamond", filled=True, opacity=1, stroke=palette.ink)
    best = best.encode(x=x, y=y, color=alt.value(palette.ink))
    text = alt.Chart(data["labels"]).mark_text(align="right", dy=-9, dx=2, fontWeight="bold", limit=180)
    text = text.encode(x=x, y=y, text="name:N", color=alt.value(palette.ink))
    return _finish([zero, here, lines, band, mean, around, line, best, text], palette, height=340)


def forest_chart(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the forest plot: sources rows (name, effect, low, high, shrunk, status) and average."""
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=150, domain=False, ticks=False))
    x = alt.X("effect:Q", title="change from the baseline, points")
    status = alt.Color("status:N", scale=_status_scale(palette), legend=None)
    average = alt.Chart(data["average"])
    band = average.mark_rect(color=palette.ink, opacity=0.12).encode(x="low:Q", x2="high:Q")
    mean = average.mark_rule(color=palette.ink, strokeWidth=1.5, strokeDash=[5, 3]).encode(x="effect:Q")
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=palette.soft).encode(x=alt.datum(0))
    rows = alt.Chart(data["rows"])
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=status)
    point = rows.mark_point(filled=True, size=64, opacity=1).encode(x=x, y=y, color=status, shape=_shape())
    shrunk = rows.mark_tick(thickness=2, size=12, color=palette.ink).encode(x="shrunk:Q", y=y)
    return _finish([band, zero, mean, span, shrunk, point], palette, height=alt.Step(19))


def heat_chart(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the heat map: source rows (name, arm, effect, status), one for each class and arm."""
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=150, domain=False, ticks=False))
    x = alt.X(
        "arm:N",
        sort=None,
        title=None,
        axis=alt.Axis(orient="top", labelAngle=0, labelLimit=90, domain=False, ticks=False),
    )
    step = alt.Scale(type="threshold", domain=list(EDGES), range=list(palette.ramp))
    rows = alt.Chart(data["rows"])
    cell = rows.mark_rect(stroke=palette.grid, strokeWidth=1).encode(
        x=x, y=y, color=alt.Color("effect:Q", scale=step, legend=None)
    )
    place: dict[str, Any] = {"x": x, "y": y, "text": "text:N"}
    sure = f"datum.status != '{CANNOT_TELL}'"
    bold = rows.transform_filter(sure).mark_text(fontSize=11, color=palette.ink, fontWeight="bold").encode(**place)
    pale = rows.transform_filter(f"!({sure})").mark_text(fontSize=11, color=palette.soft).encode(**place)
    return _finish([cell, pale, bold], palette, height=alt.Step(21))


def worst_chart(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return mean against worst classes: source rows (arm, step, mean, worst, kind)."""
    rows = alt.Chart(data["rows"])
    x = alt.X("mean:Q", title="accuracy over all images, %", scale=alt.Scale(zero=False, nice=True, padding=18))
    y = alt.Y("worst:Q", title="accuracy of the worst classes, %", scale=alt.Scale(zero=False, nice=True, padding=18))
    path = rows.mark_line(color=palette.unclear, strokeWidth=1.5).encode(x=x, y=y, order="step:Q")
    kinds = alt.Scale(domain=["baseline", "arm"], range=["square", "circle"])
    point = rows.mark_point(filled=True, size=90, opacity=1, color=palette.ink).encode(
        x=x, y=y, shape=alt.Shape("kind:N", scale=kinds, legend=None)
    )
    text = rows.mark_text(dy=-11, color=palette.ink, limit=120).encode(x=x, y=y, text="arm:N")
    return _finish([path, point, text], palette, height=300)


def _status_scale(palette: Palette) -> alt.Scale:
    return alt.Scale(domain=list(STATUSES), range=[palette.unclear, palette.help, palette.harm])


def _by_status(values: Sequence[Any], kind: str) -> Any:
    scale = alt.Scale(domain=list(STATUSES), range=list(values))
    channel = {"opacity": alt.Opacity, "dash": alt.StrokeDash, "width": alt.StrokeWidth}[kind]
    return channel("status:O", scale=scale, legend=None)


def _shape() -> alt.Shape:
    scale = alt.Scale(domain=list(STATUSES), range=["circle", "triangle-up", "triangle-down"])
    return alt.Shape("status:N", scale=scale, legend=None)


def _dose_scale(doses: Sequence[float]) -> alt.Scale:
    """Even for even doses; where they span orders of magnitude, zero and each power keep their place."""
    positive = [d for d in doses if d > 0]
    if positive and max(positive) / min(positive) > 30:
        return alt.Scale(type="symlog", constant=min(positive) / 2, nice=False)
    return alt.Scale(nice=False, zero=False)


def _finish(layers: list[alt.Chart], palette: Palette, *, height: float | alt.Step) -> alt.LayerChart:
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
    return (
        alt.LayerChart(layer=layers)
        .properties(width="container" if palette is PAGE else 620, height=height)
        .properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure(font=font, background="transparent" if palette is PAGE else "white", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=palette.soft, titleColor=palette.soft, gridColor=palette.grid, domainColor=palette.grid,
            tickColor=palette.grid, labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        )
        .configure_text(fontSize=12)
    )  # fmt: skip
