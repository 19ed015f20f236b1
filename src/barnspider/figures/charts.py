"""Rows -> Vega-Lite. A chart's data may be inline (a figure) or named (the report fills it in)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from barnspider.figures.rows import CANNOT_TELL, HARMED, HELPED, PAYS, STATUSES, UNCHANGED, Rows

Sources = Mapping[str, alt.InlineData | alt.NamedData]

EDGES = (-10.0, -5.0, -2.0, -0.5, 0.5, 2.0, 5.0, 10.0)  # points; where the heat map changes colour
MARGIN = 88  # pixels to the right of the curves, for their names


@dataclass(frozen=True)
class Palette:
    """Colours of a figure; harm and benefit differ in shape and dash as well, never in colour alone."""

    ink: str
    paper: str
    soft: str
    grid: str
    harm: str
    help: str
    same: str
    unclear: str
    chosen: str
    ramp: tuple[str, ...]  # nine steps from great harm to great benefit


# Vermilion against blue is told apart with every common kind of colour blindness (Okabe and Ito 2008).
LIGHT = Palette(
    ink="#1d2330", paper="#ffffff", soft="#5b6472", grid="#e3e6eb", harm="#c2410c", help="#0b6bb5", same="#46515f",
    unclear="#9aa3b0", chosen="#7a2f9b",
    ramp=("#f08a4b", "#f6ad7b", "#fbcfae", "#fde8d9", "#f1f3f6", "#dcebf8", "#b4d5f0", "#84bae4", "#559dd6"),
)  # fmt: skip
# In the report the page's style sheet decides, so that one drawing serves light, dark and print.
PAGE = Palette(
    ink="var(--ink)", paper="var(--card)", soft="var(--soft)", grid="var(--grid)", harm="var(--harm)",
    help="var(--help)", same="var(--same)", unclear="var(--unclear)", chosen="var(--chosen)",
    ramp=tuple(f"var(--ramp{i})" for i in range(9)),
)  # fmt: skip


def inline(rows: Mapping[str, Rows]) -> dict[str, alt.InlineData]:
    """Return data sources that a figure carries within itself."""
    return {name: alt.InlineData(values=part) for name, part in rows.items()}


def named(*names: str) -> dict[str, alt.NamedData]:
    """Return data sources that a page fills in later."""
    return {name: alt.NamedData(name=name) for name in names}


def curves(
    data: Sources, doses: Sequence[float], span: tuple[float, float], palette: Palette = LIGHT, *, few: bool = True
) -> alt.LayerChart:
    """Return the dose curves: a source for each status, harms, average, here, bests, and the chosen class's.

    Of the chosen class: `chosen` (measured points), `smooth` (its curve), `turns` (where it peaks, and where it has
    lost delta: kind, dose, effect, low, high); `marks` and `labels` are those of the average too.
    """
    x = alt.X("dose:Q", title="dose", scale=_dose_scale(doses), axis=_dose_axis(doses))
    height = alt.Scale(domain=list(span), nice=False)
    y = alt.Y("effect:Q", title="change from the baseline, points", scale=height)
    band: dict[str, Any] = {"x": x, "y": alt.Y("low:Q"), "y2": "high:Q"}
    here = alt.Chart(data["here"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    lines = [
        # One layer for each status: a constant stroke is drawn several times faster than one looked up for every row,
        # and so are rows that need not be asked whether they are numbers.
        alt.Chart(data[status]).mark_line(strokeJoin="round", invalid=None, **look).encode(x=x, y=y, detail="name:N")
        for status, look in _looks(palette).items()
    ]
    harms = alt.Chart(data["harms"]).mark_point(filled=True, shape="triangle-down", size=75 if few else 24, opacity=0.9)
    harms = harms.encode(x=x, y=y, color=alt.value(palette.harm))
    average = alt.Chart(data["average"])
    around_average = average.mark_area(color=palette.ink, opacity=0.16, clip=True).encode(**band)
    mean = average.mark_line(color=palette.ink, strokeWidth=3.5).encode(x=x, y=y)
    own = alt.Chart(data["bests"]).mark_point(size=40, shape="diamond", strokeWidth=1.2, color=palette.soft)
    chosen = alt.Chart(data["chosen"])
    smooth = alt.Chart(data["smooth"])
    around = smooth.mark_area(opacity=0.16, color=palette.chosen, clip=True).encode(**band)
    line = smooth.mark_line(strokeWidth=3, color=palette.chosen).encode(x=x, y=y)
    bars = chosen.mark_rule(strokeWidth=1.5, color=palette.chosen, clip=True).encode(**band)
    dots = chosen.mark_point(filled=True, size=46, opacity=1, color=palette.chosen).encode(x=x, y=y)
    best = alt.Chart(data["marks"]).mark_point(size=120, shape="diamond", filled=True, opacity=1, color=palette.ink)
    text = alt.Chart(data["labels"]).mark_text(align="left", dx=8, fontWeight="bold", limit=MARGIN - 10)
    text = text.encode(x=x, y=alt.Y("place:Q"), text="name:N", color=alt.value(palette.ink))
    back = [_zero(palette, "y"), here, *lines, harms, own.encode(x=x, y=y), around_average, mean]
    front = [around, line, bars, dots, *_turns(data["turns"], x, y, palette), best.encode(x=x, y=y), text]
    return _finish([*back, *front], palette, height=420)


def _turns(source: alt.InlineData | alt.NamedData, x: alt.X, y: alt.Y, palette: Palette) -> list[alt.Chart]:
    """Return where the chosen class's curve peaks and where it has lost delta, each with its interval of doses."""
    turns = alt.Chart(source)
    span = turns.mark_rule(strokeWidth=4, color=palette.chosen).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=["peak", "lost"], range=["diamond", "cross"]), legend=None)
    point = turns.mark_point(size=130, filled=True, opacity=1, color=palette.chosen, stroke=palette.paper)
    return [span, point.encode(x=x, y=y, shape=shape)]


def forest(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the forest plot: sources rows (name, effect, low, high, shrunk, missed, found, status), average."""
    y = alt.Y("name:N", sort=None, title=None, axis=_name_axis())
    x = alt.X("effect:Q", title="change from the baseline, points", axis=alt.Axis(tickCount=8))
    status = _status(palette)
    average = alt.Chart(data["average"])
    band = average.mark_rect(color=palette.ink, opacity=0.12).encode(x="low:Q", x2="high:Q")
    mean = average.mark_rule(color=palette.ink, strokeWidth=1.5, strokeDash=[5, 3]).encode(x="effect:Q")
    rows = alt.Chart(data["rows"])
    missed = rows.mark_rule(strokeWidth=9, color=palette.grid, opacity=0.7).encode(
        x=alt.X("missed:Q"), x2="found:Q", y=y
    )
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=status)
    point = rows.mark_point(size=60, opacity=1, strokeWidth=2).encode(
        x=x, y=y, color=status, fill=_fill(palette), shape=_shape()
    )
    shrunk = rows.mark_tick(thickness=2, size=12, color=palette.ink).encode(x="shrunk:Q", y=y)
    return _finish([missed, band, _zero(palette, "x"), mean, span, shrunk, point], palette, height=alt.Step(19))


def ranked(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return all classes from the worst to the best: sources rows (rank, end, shrunk, status) and average."""
    axis = alt.Axis(grid=False, tickMinStep=1, format=",d")
    x = alt.X("rank:Q", title="classes, from the lowest to the highest", axis=axis, scale=alt.Scale(nice=False))
    y = alt.Y("shrunk:Q", title="change from the baseline, points")
    bars = alt.Chart(data["rows"]).mark_rect().encode(x=x, x2="end:Q", y=y, y2=alt.datum(0), color=_status(palette))
    mean = alt.Chart(data["average"]).mark_rule(color=palette.ink, strokeWidth=1.5, strokeDash=[5, 3])
    return _finish([bars, _zero(palette, "y"), mean.encode(y="effect:Q")], palette, height=220)


def heat(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the heat map: source rows (name, arm, effect, status, text), one for each class and arm."""
    y = alt.Y("name:N", sort=None, title=None, axis=_name_axis())
    top = alt.Axis(orient="top", labelAngle=0, labelLimit=90, domain=False, ticks=False)
    x = alt.X("arm:N", sort=None, title=None, axis=top)
    step = alt.Scale(type="threshold", domain=list(EDGES), range=list(palette.ramp))
    rows = alt.Chart(data["rows"])
    cell = rows.mark_rect(stroke=palette.grid, strokeWidth=1).encode(
        x=x, y=y, color=alt.Color("effect:Q", scale=step, legend=None)
    )
    place: dict[str, Any] = {"x": x, "y": y, "text": "text:N"}
    sure = f"datum.status != '{CANNOT_TELL}'"
    bold = rows.transform_filter(sure).mark_text(fontSize=11, color=palette.ink, fontWeight="bold").encode(**place)
    pale = rows.transform_filter(f"!({sure})").mark_text(fontSize=11, color=palette.ink, opacity=0.8).encode(**place)
    return _finish([cell, pale, bold], palette, height=alt.Step(21))


def tolls(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return the tolls with intervals, and the naive ones: source rows (name, toll, low, high, naive, status)."""
    scale = alt.Scale(domain=[CANNOT_TELL, PAYS], range=[palette.unclear, palette.harm])
    inside = alt.Scale(domain=[CANNOT_TELL, PAYS], range=[palette.paper, palette.harm])
    color = alt.Color("status:N", scale=scale, legend=None)
    y = alt.Y("name:N", sort=None, title=None, axis=_name_axis())
    x = alt.X("toll:Q", title="accuracy that the class loses, points", axis=alt.Axis(tickCount=8))
    rows = alt.Chart(data["rows"])
    naive = rows.mark_point(size=50, opacity=1, shape="diamond", stroke=palette.soft, fill=palette.paper)
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=color)
    point = rows.mark_point(size=60, opacity=1, strokeWidth=2)
    point = point.encode(x=x, y=y, color=color, fill=alt.Fill("status:N", scale=inside, legend=None))
    return _finish([_zero(palette, "x"), span, naive.encode(x="naive:Q", y=y), point], palette, height=alt.Step(19))


def worst(data: Sources, palette: Palette = LIGHT) -> alt.LayerChart:
    """Return mean against worst classes: source rows (arm, text, dose, mean, worst, kind); a line joins doses."""
    rows = alt.Chart(data["rows"])
    scale, axis = alt.Scale(zero=False, nice=True, padding=18), alt.Axis(format=".3~g", tickCount=6)
    x = alt.X("mean:Q", title="accuracy over all images, %", scale=scale, axis=axis)
    y = alt.Y("worst:Q", title="accuracy of the worst classes, %", scale=scale, axis=axis)
    path = rows.transform_filter("datum.dose !== null").mark_line(color=palette.unclear, strokeWidth=1.5)
    path = path.encode(x=x, y=y, order="dose:Q")
    kinds = alt.Scale(domain=["baseline", "arm"], range=["square", "circle"])
    point = rows.mark_point(filled=True, size=90, opacity=1, color=palette.ink).encode(
        x=x, y=y, shape=alt.Shape("kind:N", scale=kinds, legend=None)
    )
    text = rows.mark_text(dy=-11, color=palette.ink, limit=120).encode(x=x, y=y, text="text:N")
    return _finish([path, point, text], palette, height=300)


def _zero(palette: Palette, axis: str) -> alt.Chart:
    rule = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=palette.soft)
    return rule.encode(x=alt.datum(0)) if axis == "x" else rule.encode(y=alt.datum(0))


def _name_axis() -> alt.Axis:
    return alt.Axis(labelLimit=150, domain=False, ticks=False)


def _status(palette: Palette) -> alt.Color:
    colours = [palette.unclear, palette.same, palette.help, palette.harm]
    return alt.Color("status:N", scale=alt.Scale(domain=list(STATUSES), range=colours), legend=None)


def _fill(palette: Palette) -> alt.Fill:
    """What the data cannot tell is hollow."""
    colours = [palette.paper, palette.same, palette.help, palette.harm]
    return alt.Fill("status:N", scale=alt.Scale(domain=list(STATUSES), range=colours), legend=None)


def _looks(palette: Palette) -> dict[str, dict[str, Any]]:
    return {
        CANNOT_TELL: {"color": palette.unclear, "opacity": 0.4, "strokeWidth": 1},
        UNCHANGED: {"color": palette.same, "opacity": 0.6, "strokeWidth": 1.2, "strokeDash": [1, 3]},
        HELPED: {"color": palette.help, "opacity": 0.55, "strokeWidth": 1.2, "strokeDash": [6, 3]},
        HARMED: {"color": palette.harm, "opacity": 0.9, "strokeWidth": 1.8},
    }


def _shape() -> alt.Shape:
    scale = alt.Scale(domain=list(STATUSES), range=["circle", "square", "triangle-up", "triangle-down"])
    return alt.Shape("status:N", scale=scale, legend=None)


def _dose_axis(doses: Sequence[float]) -> alt.Axis:
    return alt.Axis(values=list(doses), grid=False, format=".3~g", labelOverlap="greedy")


def _dose_scale(doses: Sequence[float]) -> alt.Scale:
    """Even for even doses; where they span orders of magnitude, zero and each power keep their place."""
    room: Any = [0, {"expr": f"width - {MARGIN}"}]
    positive = [d for d in doses if d > 0]
    if positive and max(positive) / min(positive) > 30:
        return alt.Scale(type="symlog", constant=min(positive) / 2, nice=False, range=room)
    return alt.Scale(nice=False, zero=False, range=room)


def _finish(layers: list[alt.Chart], palette: Palette, *, height: int | alt.Step) -> alt.LayerChart:
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
    # The page fits the width to the window, and gives a height to charts that grow with their rows.
    chart = alt.LayerChart(layer=layers).properties(width=620, height=height)
    if palette is PAGE:
        fit = alt.AutoSizeParams(type="fit-x", contains="padding")
        chart = chart.properties(width="container", height=height if isinstance(height, int) else 0, autosize=fit)
    return (
        chart
        .configure(aria=False, font=font, background="transparent" if palette is PAGE else "white", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=palette.soft, titleColor=palette.soft, gridColor=palette.grid, domainColor=palette.grid,
            tickColor=palette.grid, labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        )
        .configure_text(fontSize=12)
    )  # fmt: skip
