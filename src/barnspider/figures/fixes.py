"""The chart of what was tried against harm: does the average pay for those who are worst off?"""

from __future__ import annotations

import altair as alt

from barnspider.figures import parts
from barnspider.figures.frame import LIGHT, ON_SCREEN, Frame, Palette
from barnspider.figures.parts import Sources

KINDS = ("baseline", "one dose for all", "reaches the aim", "harms", "neither")
"""What a mark may stand for; the first that holds."""

STAR = "M0,-1L0.24,-0.32L0.95,-0.31L0.38,0.12L0.59,0.81L0,0.4L-0.59,0.81L-0.38,0.12L-0.95,-0.31L-0.24,-0.32Z"


def tried(
    data: Sources, up: str, title: str, palette: Palette = LIGHT, frame: Frame = ON_SCREEN, *, down: bool = False
) -> alt.LayerChart:
    """Return the change of the average against who is worst off, by `up`: a numbered mark for each arm.

    Sources: rows (number, effect, low, high, dose, kind, and of `up` the value, its ends `up`_low and `up`_high, and in
    `up`_text where the number stands: "above", "below", or "" where there is no room) and here (effect: of the one dose
    for all). A line joins single doses. With `down`, less is better, and stands above.
    """
    tall = frame.tall(320, 0.75)
    rows = alt.Chart(data["rows"])
    x = alt.X(
        "effect:Q", title=parts.lines(frame, "change of the average, points", frame.wide - parts.NUMBERS),
        scale=alt.Scale(zero=False, nice=True, padding=16), axis=parts.value_axis(frame),
    )  # fmt: skip
    y = alt.Y(
        f"{up}:Q", title=parts.lines(frame, title, tall), axis=alt.Axis(tickCount=parts.ticks(frame), tickMinStep=1),
        scale=alt.Scale(zero=down, nice=not down, padding=16, reverse=down),
    )  # fmt: skip
    best = alt.Chart(data["here"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    path = rows.transform_filter("datum.dose !== null").mark_line(color=palette.unclear, strokeWidth=1.5, opacity=0.6)
    across = rows.mark_rule(strokeWidth=1.3, opacity=0.45).encode(
        x=alt.X("low:Q"), x2="high:Q", y=y, color=_colour(palette)
    )
    upright = rows.mark_rule(strokeWidth=1.3, opacity=0.45).encode(
        x=x, y=alt.Y(f"{up}_low:Q"), y2=f"{up}_high:Q", color=_colour(palette)
    )
    point = rows.mark_point(size=frame.area(110), opacity=1, strokeWidth=1.8).encode(
        x=x, y=y, color=_colour(palette), fill=_fill(palette), shape=_shape()
    )
    texts = [
        rows.transform_filter(f"datum.{up}_text === '{side}'")
        .mark_text(dx=frame.sized(9), dy=frame.sized(away), fontWeight="bold", color=palette.ink)
        .encode(x=x, y=y, text="number:N")
        for side, away in (("above", -11), ("below", 13))
    ]
    layers = [parts.zero(palette, "x"), best, path.encode(x=x, y=y, order="dose:Q"), across, upright, point]
    return parts.finish([*layers, *texts], palette, frame, height=tall, key=None)


def _colour(palette: Palette) -> alt.Color:
    colours = [palette.ink, palette.ink, palette.help, palette.harm, palette.same]
    return alt.Color("kind:N", scale=alt.Scale(domain=list(KINDS), range=colours), legend=None)


def _fill(palette: Palette) -> alt.Fill:
    colours = [palette.ink, palette.chosen, palette.help, palette.harm, palette.paper]
    return alt.Fill("kind:N", scale=alt.Scale(domain=list(KINDS), range=colours), legend=None)


def _shape() -> alt.Shape:
    shapes = ["square", "diamond", STAR, "triangle-down", "circle"]
    return alt.Shape("kind:N", scale=alt.Scale(domain=list(KINDS), range=shapes), legend=None)
