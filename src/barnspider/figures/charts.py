"""Rows -> Vega-Lite. A chart's data may be inline (a figure) or named (the report fills it in)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from barnspider.dose_axis import UNKNOWN, DoseAxis
from barnspider.figures import parts
from barnspider.figures.frame import IN_PAGE, LIGHT, ON_SCREEN, PAGE, Frame, Palette
from barnspider.figures.keys import Key
from barnspider.figures.parts import CHANGE, Sources, inline, named
from barnspider.figures.rows import CANNOT_TELL, HARMED, HELPED, PAYS, UNCHANGED

__all__ = [
    "IN_PAGE", "LIGHT", "ON_SCREEN", "PAGE", "Frame", "Palette", "curves", "forest", "heat", "inline", "looks",
    "named", "ranked", "tolls", "worst",
]  # fmt: skip

EDGES = (-10.0, -5.0, -2.0, -0.5, 0.5, 2.0, 5.0, 10.0)  # points; where the heat map changes colour


def curves(
    data: Sources,
    doses: Sequence[float],
    span: tuple[float, float],
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    axis: DoseAxis = UNKNOWN,
    few: bool = True,
    change: str = CHANGE,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return the dose curves: a source for each status, harms, average, here, bests, and the chosen class's.

    Of the chosen class: `chosen` (measured points), `smooth` (its curve), `turns` (where it peaks, and where it has
    lost delta: kind, dose, effect, low, high); `marks` and `labels` are those of the average too.
    """
    tall = frame.tall(420, 0.68)
    x = parts.dose(doses, axis, frame)
    height = alt.Scale(domain=list(span), nice=False)
    y = alt.Y("effect:Q", title=parts.lines(frame, change, tall), scale=height)
    back = [*_lines_of_classes(data, x, y, palette), *_harms(data, x, y, palette, frame, few=few)]
    front = [*_one_class(data, x, y, palette, frame), *_labels(data, x, y, palette, frame)]
    here = alt.Chart(data["here"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    layers = [parts.zero(palette, "y"), here, *back, *_average(data, x, y, palette), *front]
    return parts.finish(layers, palette, frame, height=tall, key=key)


def _lines_of_classes(data: Sources, x: alt.X, y: alt.Y, palette: Palette) -> list[alt.Chart]:
    # One layer for each status: a constant stroke is drawn several times faster than one looked up for every row,
    # and so are rows that need not be asked whether they are numbers.
    return [
        alt.Chart(data[status]).mark_line(strokeJoin="round", invalid=None, **look).encode(x=x, y=y, detail="name:N")
        for status, look in looks(palette).items()
    ]


def _harms(data: Sources, x: alt.X, y: alt.Y, palette: Palette, frame: Frame, *, few: bool) -> list[alt.Chart]:
    """Return the marks of harm at every dose, and each class's highest point."""
    area = frame.area(75 if few else 24)
    harms = alt.Chart(data["harms"]).mark_point(filled=True, shape="triangle-down", size=area, opacity=0.9)
    own = alt.Chart(data["bests"]).mark_point(size=frame.area(40), shape="diamond", strokeWidth=1.2, color=palette.soft)
    return [harms.encode(x=x, y=y, color=alt.value(palette.harm)), own.encode(x=x, y=y)]


def _average(data: Sources, x: alt.X, y: alt.Y, palette: Palette) -> list[alt.Chart]:
    average = alt.Chart(data["average"])
    around = average.mark_area(color=palette.ink, opacity=0.16, clip=True).encode(**parts.band(x))
    return [around, average.mark_line(color=palette.ink, strokeWidth=3.5).encode(x=x, y=y)]


def _one_class(data: Sources, x: alt.X, y: alt.Y, palette: Palette, frame: Frame) -> list[alt.Chart]:
    """Return the chosen class: its smooth curve, its measured points with intervals, and where the curve turns."""
    chosen, smooth = alt.Chart(data["chosen"]), alt.Chart(data["smooth"])
    around = smooth.mark_area(opacity=0.16, color=palette.chosen, clip=True).encode(**parts.band(x))
    line = smooth.mark_line(strokeWidth=3, color=palette.chosen).encode(x=x, y=y)
    bars = chosen.mark_rule(strokeWidth=1.5, color=palette.chosen, clip=True).encode(**parts.band(x))
    dots = chosen.mark_point(filled=True, size=frame.area(46), opacity=1, color=palette.chosen).encode(x=x, y=y)
    return [around, line, bars, dots, *_turns(data["turns"], x, y, palette, frame)]


def _labels(data: Sources, x: alt.X, y: alt.Y, palette: Palette, frame: Frame) -> list[alt.Chart]:
    """Return the highest point of the average, and the names at the ends of curves."""
    best = alt.Chart(data["marks"]).mark_point(
        size=frame.area(120), shape="diamond", filled=True, opacity=1, color=palette.ink
    )
    text = alt.Chart(data["labels"]).mark_text(align="left", dx=8, fontWeight="bold", limit=parts.MARGIN - 10)
    text = text.encode(x=x, y=alt.Y("place:Q"), text="name:N", color=alt.value(palette.ink))
    return [best.encode(x=x, y=y), text]


def _turns(
    source: alt.InlineData | alt.NamedData, x: alt.X, y: alt.Y, palette: Palette, frame: Frame
) -> list[alt.Chart]:
    """Return where the chosen class's curve peaks and where it has lost delta, each with its interval of doses."""
    turns = alt.Chart(source)
    span = turns.mark_rule(strokeWidth=4, color=palette.chosen).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=["peak", "lost"], range=["diamond", "cross"]), legend=None)
    point = turns.mark_point(size=frame.area(130), filled=True, opacity=1, color=palette.chosen, stroke=palette.paper)
    return [span, point.encode(x=x, y=y, shape=shape)]


def forest(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    change: str = CHANGE,
    left: float = 0,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return the forest plot: sources rows (name, effect, low, high, shrunk, missed, found, status), average."""
    y = alt.Y("name:N", sort=None, title=None, axis=parts.name_axis(frame))
    x = alt.X("effect:Q", title=parts.lines(frame, change, frame.wide - left), axis=parts.value_axis(frame))
    status = parts.status(palette)
    average = alt.Chart(data["average"])
    band = average.mark_rect(color=palette.ink, opacity=0.12).encode(x="low:Q", x2="high:Q")
    mean = average.mark_rule(color=palette.ink, strokeWidth=1.5, strokeDash=[5, 3]).encode(x="effect:Q")
    rows = alt.Chart(data["rows"])
    missed = rows.mark_rule(strokeWidth=frame.sized(9), color=palette.grid, opacity=0.7).encode(
        x=alt.X("missed:Q"), x2="found:Q", y=y
    )
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=status)
    point = rows.mark_point(size=frame.area(60), opacity=1, strokeWidth=2).encode(
        x=x, y=y, color=status, fill=parts.fill(palette), shape=parts.shape()
    )
    shrunk = rows.mark_tick(thickness=2, size=frame.sized(12), color=palette.ink).encode(x="shrunk:Q", y=y)
    layers = [missed, band, parts.zero(palette, "x"), mean, span, shrunk, point]
    return parts.finish(layers, palette, frame, height=alt.Step(frame.sized(19)), key=key, left=left)


def ranked(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    change: str = CHANGE,
    units: str = "classes",
    key: Key | None = None,
) -> alt.LayerChart:
    """Return all classes from the worst to the best: sources rows (rank, end, shrunk, status) and average."""
    tall = frame.tall(220, 0.55)
    axis = alt.Axis(grid=False, tickMinStep=1, format=",d", tickCount=parts.ticks(frame))
    x = alt.X("rank:Q", title=f"{units}, from the lowest to the highest", axis=axis, scale=alt.Scale(nice=False))
    y = alt.Y("shrunk:Q", title=parts.lines(frame, change, tall))
    bars = (
        alt.Chart(data["rows"]).mark_rect().encode(x=x, x2="end:Q", y=y, y2=alt.datum(0), color=parts.status(palette))
    )
    mean = alt.Chart(data["average"]).mark_rule(color=palette.ink, strokeWidth=1.5, strokeDash=[5, 3])
    layers = [bars, parts.zero(palette, "y"), mean.encode(y="effect:Q")]
    return parts.finish(layers, palette, frame, height=tall, key=key)


def heat(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    upright: bool = False,
    what: str | None = None,
    left: float = 0,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return the heat map: source rows (name, arm, effect, status, text), one for each class and arm.

    With `upright`, the names of the arms stand on end: there are many, or they are long. `what` the arms are called.
    """
    y = alt.Y("name:N", sort=None, title=None, axis=parts.name_axis(frame))
    angle: dict[str, Any] = {"labelAngle": -90, "labelAlign": "left", "labelLimit": 180}
    if not upright:
        angle = {"labelAngle": 0, "labelLimit": 90}
    top = alt.Axis(orient="top", domain=False, ticks=False, **angle)
    x = alt.X("arm:N", sort=None, title=what, axis=top)
    step = alt.Scale(type="threshold", domain=list(EDGES), range=list(palette.ramp))
    rows = alt.Chart(data["rows"])
    cell = rows.mark_rect(stroke=palette.grid, strokeWidth=1).encode(
        x=x,
        y=y,
        color=alt.Color("effect:Q", scale=step, legend=None),
        opacity=alt.condition(f"datum.status == '{CANNOT_TELL}'", alt.value(0.4), alt.value(1.0)),
    )
    place: dict[str, Any] = {"x": x, "y": y, "text": "text:N"}
    look: dict[str, Any] = {"fontSize": frame.sized(11), "color": palette.ink}
    sure = f"datum.status != '{CANNOT_TELL}'"
    bold = rows.transform_filter(sure).mark_text(fontWeight="bold", **look).encode(**place)
    pale = rows.transform_filter(f"!({sure})").mark_text(opacity=0.8, **look).encode(**place)
    return parts.finish([cell, pale, bold], palette, frame, height=alt.Step(frame.sized(21)), key=key, left=left)


def tolls(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    unit: str = "class",
    left: float = 0,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return the tolls with intervals, and the naive ones: source rows (name, toll, low, high, naive, status)."""
    scale = alt.Scale(domain=[CANNOT_TELL, PAYS], range=[palette.unclear, palette.harm])
    inside = alt.Scale(domain=[CANNOT_TELL, PAYS], range=[palette.paper, palette.harm])
    color = alt.Color("status:N", scale=scale, legend=None)
    y = alt.Y("name:N", sort=None, title=None, axis=parts.name_axis(frame))
    title = parts.lines(frame, f"accuracy that the {unit} loses, points", frame.wide - left)
    x = alt.X("toll:Q", title=title, axis=parts.value_axis(frame))
    rows = alt.Chart(data["rows"])
    naive = rows.mark_point(size=frame.area(50), opacity=1, shape="diamond", stroke=palette.soft, fill=palette.paper)
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=color)
    point = rows.mark_point(size=frame.area(60), opacity=1, strokeWidth=2)
    point = point.encode(x=x, y=y, color=color, fill=alt.Fill("status:N", scale=inside, legend=None))
    layers = [parts.zero(palette, "x"), span, naive.encode(x="naive:Q", y=y), point]
    return parts.finish(layers, palette, frame, height=alt.Step(frame.sized(19)), key=key, left=left)


def worst(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    units: str = "classes",
    key: Key | None = None,
) -> alt.LayerChart:
    """Return mean against worst classes: source rows (arm, text, dose, mean, worst, kind, front, below).

    A line joins doses. Filled are the arms that no other beats in both; of `below`, the text stands below the point.
    """
    tall = frame.tall(300, 0.7)
    rows = alt.Chart(data["rows"])
    scale, axis = alt.Scale(zero=False, nice=True, padding=18), alt.Axis(format=".3~g", tickCount=parts.ticks(frame))
    x = alt.X("mean:Q", title="accuracy over all images, %", scale=scale, axis=axis)
    y = alt.Y("worst:Q", title=parts.lines(frame, f"accuracy of the worst {units}, %", tall), scale=scale, axis=axis)
    path = rows.transform_filter("datum.dose !== null").mark_line(color=palette.unclear, strokeWidth=1.5)
    path = path.encode(x=x, y=y, order="dose:Q")
    kinds = alt.Scale(domain=["baseline", "arm"], range=["square", "circle"])
    inside = alt.Scale(domain=[True, False], range=[palette.ink, palette.paper])
    point = rows.mark_point(size=frame.area(90), opacity=1, color=palette.ink, strokeWidth=1.5).encode(
        x=x, y=y, shape=alt.Shape("kind:N", scale=kinds, legend=None),
        fill=alt.Fill("front:N", scale=inside, legend=None),
    )  # fmt: skip
    texts = [
        rows.transform_filter(f"{'' if below else '!'}datum.below")
        .mark_text(dy=frame.sized(13 if below else -11), color=palette.ink, limit=120)
        .encode(x=x, y=y, text="text:N")
        for below in (False, True)
    ]
    return parts.finish([path, point, *texts], palette, frame, height=tall, key=key)


def looks(palette: Palette) -> dict[str, dict[str, Any]]:
    """Return how the line of a class of each status is drawn."""
    return {
        CANNOT_TELL: {"color": palette.unclear, "opacity": 0.4, "strokeWidth": 1},
        UNCHANGED: {"color": palette.same, "opacity": 0.6, "strokeWidth": 1.2, "strokeDash": [1, 3]},
        HELPED: {"color": palette.help, "opacity": 0.55, "strokeWidth": 1.2, "strokeDash": [6, 3]},
        HARMED: {"color": palette.harm, "opacity": 0.9, "strokeWidth": 1.8},
    }
