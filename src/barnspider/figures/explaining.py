"""Charts that explain a harm: does losing the label foretell it, and who received the lost answers?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from barnspider.dose_axis import UNKNOWN, DoseAxis
from barnspider.figures import parts
from barnspider.figures.explained import RECEIVES
from barnspider.figures.frame import LIGHT, ON_SCREEN, Frame, Palette
from barnspider.figures.keys import Key
from barnspider.figures.parts import CHANGE, Sources
from barnspider.figures.rows import CANNOT_TELL, CERTAIN, HARMED

KEPT = ("asked", "own", "here")
FORETOLD = ("rows", "bars", "odd", "texts", "lost")
COST = "change when test images are changed, points"
SHAPE = "triangle-down"
_SMALL = 150  # pixels: the height of one class's chart among many


def kept(
    data: Sources,
    doses: Sequence[float],
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    axis: DoseAxis = UNKNOWN,
    change: str = CHANGE,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return one class over the doses: sources asked, own (dose, effect, low, high) and here (dose).

    `asked` is what changing the test images costs the references, dashed; `own` what training with them does. On a page
    it is one small chart of several, whose words stand around them.
    """
    small = frame.width is None
    tall = _SMALL if small else frame.tall(300, 0.6)
    x, y = parts.dose(doses, axis, frame, end=6), alt.Y("effect:Q", title=parts.lines(frame, change, tall))
    if small:
        x, y = x.title(None), alt.Y("effect:Q", title=None, axis=alt.Axis(tickCount=4))
    here = alt.Chart(data["here"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    looks: dict[str, dict[str, Any]] = {
        "asked": {"color": palette.ink, "strokeDash": [6, 3], "strokeWidth": 1.8},
        "own": {"color": palette.chosen, "strokeWidth": 2.6},
    }
    layers = [parts.zero(palette, "y"), here]
    for name, look in looks.items():
        source = alt.Chart(data[name])
        layers.append(source.mark_area(color=look["color"], opacity=0.16).encode(**parts.band(x)))
        layers.append(source.mark_line(**look).encode(x=x, y=y))
        shape = "square" if name == "asked" else "circle"
        dots = source.mark_point(filled=True, shape=shape, size=frame.area(26), opacity=1, color=look["color"])
        layers.append(dots.encode(x=x, y=y))
    return parts.finish(layers, palette, frame, height=tall, key=key)


def foretold(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    cost: str = COST,
    change: str = CHANGE,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return what changing the images costs against what training with them does: a point for each class.

    Sources: rows, odd (those harmed although their label is kept) and bars (those drawn with their intervals): cost,
    cost_low, cost_high, effect, low, high, status; texts (cost, effect, name, below); lost (cost: from where on labels
    count as lost).
    """
    tall = frame.tall(380, 0.8)
    room = alt.Scale(zero=False, nice=True, padding=12)
    x = alt.X("cost:Q", title=parts.lines(frame, cost, frame.wide - parts.NUMBERS), scale=room)
    y = alt.Y("effect:Q", title=parts.lines(frame, change, tall), scale=room)
    x = x.axis(parts.value_axis(frame))
    lost = alt.Chart(data["lost"]).mark_rule(color=palette.soft, strokeDash=[2, 3]).encode(x=x)
    bars, status = alt.Chart(data["bars"]).mark_rule(strokeWidth=1.2, opacity=0.55), parts.status(palette)
    across = bars.encode(x=alt.X("cost_low:Q"), x2="cost_high:Q", y=y, color=status)
    upright = bars.encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=status)
    point = alt.Chart(data["rows"]).mark_point(size=frame.area(55), opacity=1, strokeWidth=1.6)
    point = point.encode(x=x, y=y, color=status, fill=parts.fill(palette), shape=parts.shape())
    ring = alt.Chart(data["odd"]).mark_point(size=frame.area(260), strokeWidth=1.8, color=palette.chosen, opacity=1)
    texts = [
        alt.Chart(data["texts"])
        .transform_filter(f"{'' if below else '!'}datum.below")
        .mark_text(dy=frame.sized(17 if below else -14), color=palette.ink, limit=min(110, 0.26 * frame.wide))
        .encode(x=x, y=y, text="name:N")
        for below in (False, True)
    ]
    zeros = [parts.zero(palette, side) for side in ("x", "y")]
    layers = [*zeros, lost, across, upright, point, ring.encode(x=x, y=y), *texts]
    return parts.finish(layers, palette, frame, height=tall, key=key)


def received(
    data: Sources,
    palette: Palette = LIGHT,
    frame: Frame = ON_SCREEN,
    *,
    left: float = 0,
    key: Key | None = None,
) -> alt.LayerChart:
    """Return who received the answers that classes lost: source rows (row, name, effect, low, high, status).

    A harmed class has a row, and below it those that received its answers: `row` tells apart those of equal name.
    """
    domain = [CANNOT_TELL, CERTAIN, HARMED]
    scale = alt.Scale(domain=domain, range=[palette.unclear, palette.ink, palette.harm])
    inside = alt.Scale(domain=domain, range=[palette.paper, palette.ink, palette.harm])
    color = alt.Color("status:N", scale=scale, legend=None)
    shape = alt.Shape("status:N", scale=alt.Scale(domain=domain, range=["circle", "circle", SHAPE]), legend=None)
    receives = f"indexof(datum.label, ':{RECEIVES}') > 0"
    names = alt.Axis(
        labelExpr="slice(datum.label, indexof(datum.label, ':') + 1)", domain=False, ticks=False,
        labelFontWeight=alt.condition(receives, alt.value("normal"), alt.value("bold")), labelLimit=frame.names_limit,
    )  # fmt: skip
    y = alt.Y("row:N", sort=None, title=None, axis=names)
    title = parts.lines(frame, "change, points of the images of who is harmed", frame.wide - left)
    x = alt.X("effect:Q", title=title, axis=parts.value_axis(frame))
    rows = alt.Chart(data["rows"])
    span = rows.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=color)
    point = rows.mark_point(size=frame.area(60), opacity=1, strokeWidth=2)
    point = point.encode(x=x, y=y, color=color, fill=alt.Fill("status:N", scale=inside, legend=None), shape=shape)
    layers = [parts.zero(palette, "x"), span, point]
    return parts.finish(layers, palette, frame, height=alt.Step(frame.sized(19)), key=key, left=left)
