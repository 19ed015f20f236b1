"""Parts of a chart that several have: its sources, its axes, how a finding looks, and how it is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from barnspider.dose_axis import DoseAxis
from barnspider.figures.frame import Frame, Palette
from barnspider.figures.keys import CHANNELS, Key
from barnspider.figures.rows import STATUSES, Rows

Sources = Mapping[str, alt.InlineData | alt.NamedData]

MARGIN = 88  # pixels to the right of the curves, for their names on the page; a figure has a key
NARROW = 300  # pixels of the curves on a small screen
NUMBERS = 48  # pixels that an axis of numbers takes at the left
CHANGE = "change from the baseline, points"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def inline(rows: Mapping[str, Rows]) -> dict[str, alt.InlineData]:
    """Return data sources that a figure carries within itself."""
    return {name: alt.InlineData(values=part) for name, part in rows.items()}


def named(*names: str) -> dict[str, alt.NamedData]:
    """Return data sources that a page fills in later."""
    return {name: alt.NamedData(name=name) for name in names}


def band(x: alt.X) -> dict[str, Any]:
    """Return where an interval stands: from low to high."""
    return {"x": x, "y": alt.Y("low:Q"), "y2": "high:Q"}


def zero(palette: Palette, axis: str) -> alt.Chart:
    """Return the line of no change, across an axis."""
    rule = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=palette.soft)
    return rule.encode(x=alt.datum(0)) if axis == "x" else rule.encode(y=alt.datum(0))


def name_axis(frame: Frame) -> alt.Axis:
    """Return an axis of names."""
    return alt.Axis(labelLimit=frame.names_limit, domain=False, ticks=False)


def value_axis(frame: Frame) -> alt.Axis:
    """Return an axis of numbers at the bottom."""
    return alt.Axis(tickCount=8 if frame.width is None else ticks(frame))


def ticks(frame: Frame) -> int:
    """Return how many numbers an axis has room for."""
    return 6 if frame.width is None else max(3, min(8, round(frame.width / (7 * frame.letters))))


def lines(frame: Frame, text: str, room: float) -> str | list[str]:
    """Return a title; in a figure, in lines that fit."""
    return text if frame.width is None else frame.lines(text, room)


def status(palette: Palette) -> alt.Color:
    """Return the colour of each finding."""
    colours = [palette.unclear, palette.same, palette.help, palette.harm]
    return alt.Color("status:N", scale=alt.Scale(domain=list(STATUSES), range=colours), legend=None)


def fill(palette: Palette) -> alt.Fill:
    """Return what a mark is filled with: what the data cannot tell is hollow."""
    colours = [palette.paper, palette.same, palette.help, palette.harm]
    return alt.Fill("status:N", scale=alt.Scale(domain=list(STATUSES), range=colours), legend=None)


def shape() -> alt.Shape:
    """Return the mark of each finding."""
    scale = alt.Scale(domain=list(STATUSES), range=["circle", "square", "triangle-up", "triangle-down"])
    return alt.Shape("status:N", scale=scale, legend=None)


def dose(doses: Sequence[float], axis: DoseAxis, frame: Frame, *, end: float = MARGIN) -> alt.X:
    """Return the axis of the doses: each dose and, below it, the field's usual parameter, where it has one.

    On a page, `end` pixels are left free at the right, for names.
    """
    room = NARROW if frame.width is None else frame.wide - NUMBERS
    title = [part for line in axis.title() for part in frame.lines(line, room)]
    told: dict[str, Any] = {"format": ".3~g"}
    if axis.usual is not None:
        below = f"{axis.usual.offset!r} + {axis.usual.slope!r} * datum.value"
        told = {"labelExpr": f"[format(datum.value, '.3~g'), format({below}, '.3~g')]"}
    if frame.width is not None:
        told["labelFlush"] = False
    shown = alt.Axis(values=list(doses), grid=False, labelOverlap="greedy", **told)
    return alt.X("dose:Q", title=title, scale=dose_scale(doses, frame, end), axis=shown)


def dose_scale(doses: Sequence[float], frame: Frame, end: float = MARGIN) -> alt.Scale:
    """Return an even scale; where doses span orders of magnitude, zero and each power keep their place."""
    room: Any = [0, {"expr": f"width - {end if frame.width is None else 6}"}]
    positive = [d for d in doses if d > 0]
    if positive and max(positive) / min(positive) > 30:
        return alt.Scale(type="symlog", constant=min(positive) / 2, nice=False, range=room)
    return alt.Scale(nice=False, zero=False, range=room)


def finish(
    layers: Sequence[alt.Chart],
    palette: Palette,
    frame: Frame,
    *,
    height: float | alt.Step,
    key: Key | None,
    left: float = NUMBERS,
) -> alt.LayerChart:
    """Return the layers as one chart as wide as its frame, with its key below."""
    in_page = frame.width is None
    # The page fits the width to the window, and gives a height to charts that grow with their rows.
    chart = alt.LayerChart(
        layer=list(layers) if key is None else [*layers, key.layer(palette, frame, frame.wide - left)]
    ).properties(
        width="container" if in_page else frame.wide,
        height=0 if in_page and isinstance(height, alt.Step) else height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    if key is not None:
        apart: dict[str, Any] = dict.fromkeys(CHANNELS, "independent")
        chart = chart.resolve_scale(**apart)
    return (
        chart
        .configure(aria=False, font=_FONT, background="transparent" if in_page else palette.paper, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=palette.soft, titleColor=palette.soft, gridColor=palette.grid, domainColor=palette.grid,
            tickColor=palette.grid, labelFontSize=frame.letters, titleFontSize=frame.letters,
            titleFontWeight="normal",
        )
        .configure_text(fontSize=frame.letters)
    )  # fmt: skip
