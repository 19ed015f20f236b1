"""Effects -> pictures: dose curves, forest, ranks, heat map, mean against worst, tolls, and what explains a harm.

Draws, computes nothing.

Every figure is an Altair chart: it shows itself in a notebook, goes into the report, and `save` writes it as SVG, PNG
or PDF. It carries a key that says what its marks mean. `docs/figures.md` shows them all. Importing this package loads
Altair; `import barnspider` does not.

All figures take

    arm      the arm to draw, by name; by default the one that the page shows first (`first_arm`)
    width    of the figure in print: millimetres, "column" (85) or "page" (175); by default it is made for a screen
    palette  its colours
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import altair as alt
import vl_convert

from barnspider.dose_axis import UNKNOWN, DoseAxis
from barnspider.doses import DoseCurves, Tolls
from barnspider.effects import Effects
from barnspider.errors import InputError, pick
from barnspider.figures import captions, charts, explained, explaining, rows
from barnspider.figures.frame import LIGHT, ON_SCREEN, PIXELS, Frame, Palette, on_paper
from barnspider.files import write_whole
from barnspider.flows import Flows
from barnspider.preservation import Foretold, Preservation

__all__ = [
    "LIGHT", "Palette", "class_curve", "cost_against_effect", "dose_curves", "first_arm", "forest", "heat_map",
    "kept_curve", "mean_against_worst", "ranked", "received", "save", "svg", "toll_plot",
]  # fmt: skip

Width = float | str | None
FORMATS = ("svg", "pdf", "png")


def first_arm(effects: Effects) -> str:
    """Return the arm to draw first: the best on average or, where none beats the baseline, the most harmful.

    Raises
    ------
    InputError
        When there is no arm beside the baseline.
    """
    if not effects.arms:
        raise InputError("effects has no arm beside the baseline; expected at least one to draw")
    return effects.arms[rows.first_shown(effects)]


def dose_curves(
    effects: Effects,
    *,
    arm: str | None = None,
    axis: DoseAxis = UNKNOWN,
    width: Width = None,
    palette: Palette = LIGHT,
) -> alt.LayerChart:
    """Draw the average and every class over the doses; how a class is drawn says what is found at `arm`.

    Of more than 1,200 classes, the 600 lowest and the 600 highest are drawn. `axis` says what the doses are of, and
    the field's usual parameter.

    Raises
    ------
    InputError
        When fewer than two doses are known, or there is no such arm.

    Examples
    --------
    >>> from barnspider.effects import estimate
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=20, runs=2, effect=[[0.0, 0.1, -0.1]], doses=(0, 0.5))
    >>> chart = dose_curves(estimate(sim.predictions, baseline=0))
    >>> [layer.mark.type for layer in chart.layer][:3]
    ['rule', 'rule', 'line']
    """
    chosen, doses = _arm(effects, arm), _doses(effects)
    few = len(effects.classes) <= rows.MARKED
    sources = rows.curve_rows(effects, chosen)
    return charts.curves(
        charts.inline(sources), doses, rows.span(effects), palette, _frame(width), axis=axis, few=few,
        change=captions.change(effects), key=captions.curves_key(effects, chosen, sources, palette),
    )  # fmt: skip


def class_curve(
    effects: Effects,
    name: str,
    *,
    curves: DoseCurves | None = None,
    axis: DoseAxis = UNKNOWN,
    width: Width = None,
    palette: Palette = LIGHT,
) -> alt.LayerChart:
    """Draw one class over the doses, with intervals, and the average; with `curves`, its smooth curve and its turns.

    `curves` are `barnspider.doses.dose_curves` of the same predictions: a diamond marks where the class's curve
    peaks, a cross where it has lost `curves.fit.delta`, each with its interval of doses.

    Raises
    ------
    InputError
        When fewer than two doses are known, there is no such class, or no image of it.

    Examples
    --------
    >>> from barnspider.effects import estimate
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=20, runs=2, effect=[[0.0, 0.1, -0.1]], doses=(0, 0.5))
    >>> class_curve(estimate(sim.predictions, baseline=0), "class 2").to_dict()["width"]
    640
    """
    doses, c = _doses(effects), effects.classes.index(pick("class", name, effects.classes))
    if not effects.n[c]:
        raise InputError(f"class={name!r} has no image; expected a class with images, to draw it")
    sources = rows.class_rows(effects, name, curves)
    return charts.curves(
        charts.inline(sources), doses, rows.span_of(sources), palette, _frame(width), axis=axis,
        change=captions.change(effects), key=captions.class_key(effects, name, sources, curves, palette),
    )  # fmt: skip


def forest(
    effects: Effects, *, arm: str | None = None, most: int = 40, width: Width = None, palette: Palette = LIGHT
) -> alt.LayerChart:
    """Draw the class effects of one arm with intervals and shrunken values, worst first; at most `most` classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    chosen, frame = _arm(effects, arm), _frame(width)
    sources = rows.forest_rows(effects, chosen, most)
    return charts.forest(
        charts.inline(sources), palette, frame, left=_beside(frame, sources),
        change=captions.change(effects, chosen), key=captions.forest_key(effects, chosen, most, palette),
    )  # fmt: skip


def ranked(
    effects: Effects, *, arm: str | None = None, width: Width = None, palette: Palette = LIGHT
) -> alt.LayerChart:
    """Draw the shrunken effects of all classes at one arm, from the worst to the best: for very many classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    chosen = _arm(effects, arm)
    return charts.ranked(
        charts.inline(rows.ranked_rows(effects, chosen)), palette, _frame(width),
        change=captions.change(effects, chosen), units=effects.method.units,
        key=captions.ranked_key(effects, chosen, palette),
    )  # fmt: skip


def heat_map(
    effects: Effects,
    *,
    arm: str | None = None,
    most: int = 40,
    axis: DoseAxis = UNKNOWN,
    width: Width = None,
    palette: Palette = LIGHT,
) -> alt.LayerChart:
    """Draw classes x arms, lowest at `arm` first; at most `most` classes. Cells too narrow for numbers keep the marks.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    chosen, frame = _arm(effects, arm), _frame(width)
    left = _beside(frame, rows.heat_rows(effects, chosen, most))
    cell, shown = (frame.wide - left - 8) / len(effects.arms), rows.arm_labels(effects)
    sources = rows.heat_rows(effects, chosen, most, roomy=cell >= 0.92 * frame.length("▼ −10.0"))
    return charts.heat(
        charts.inline(sources), palette, frame, left=left, upright=cell < max(map(frame.length, shown[1:])),
        what=axis.title()[0] if shown[0] != rows.labels([effects.baseline])[0] else None,
        key=captions.heat_key(effects, most, palette),
    )  # fmt: skip


def mean_against_worst(
    effects: Effects, *, share: float = 0.1, width: Width = None, palette: Palette = LIGHT
) -> alt.LayerChart:
    """Draw each arm's mean accuracy against that of its worst classes (the lowest `share` of them).

    Filled are the arms on the front: no other is better in one of the two and at least as good in the other. The
    worst classes are chosen and measured on the same images, so their level is too low; the direction counts.
    """
    drawn = rows.worst_rows(effects, share=share)
    return charts.worst(
        charts.inline({"rows": drawn}), palette, _frame(width), units=effects.method.units,
        key=captions.worst_key(drawn, palette),
    )  # fmt: skip


def toll_plot(tolls: Tolls, *, most: int = 40, width: Width = None, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw what the best average costs each class, with intervals, largest first; hollow diamonds are the naive tolls.

    Examples
    --------
    >>> from barnspider.doses import tolls
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=20, runs=2, effect=[[0.0, 0.1, -0.1]])
    >>> toll_plot(tolls(sim.predictions)).layer[2].mark.shape
    'diamond'
    """
    sources, frame = rows.toll_rows(tolls, most), _frame(width)
    left = _beside(frame, sources)
    return charts.tolls(
        charts.inline(sources), palette, frame, unit=tolls.unit, left=left,
        key=captions.tolls_key(tolls, most, palette),
    )  # fmt: skip


def received(
    found: Flows,
    effects: Effects,
    *,
    arm: str | None = None,
    most: int = 5,
    each: int = 3,
    width: Width = None,
    palette: Palette = LIGHT,
) -> alt.LayerChart:
    """Draw who received the answers of the `most` worst harmed classes at one arm: of each, the `each` surest.

    Raises
    ------
    InputError
        When there is no such arm, or no class is harmed there.

    Examples
    --------
    >>> from barnspider import Predictions, estimate, flows
    >>> label = ["cat"] * 40 + ["dog"] * 40
    >>> preds = Predictions.from_arrays(label, {"off": [label] * 2, "on": [["dog"] * 30 + label[30:]] * 2})
    >>> effects = estimate(preds, "off")
    >>> [row["name"] for row in received(flows(preds, effects), effects).layer[1].data.values]
    ['cat', '→ dog']
    """  # fmt: skip
    chosen, frame = _arm(effects, arm), _frame(width)
    sources = explained.received_rows(found, effects, chosen, most, each)
    if not sources["rows"]:
        raise InputError(f"no {effects.method.unit} is harmed at {chosen!r}, so no answers were lost to draw")
    return explaining.received(
        charts.inline(sources), palette, frame, left=_beside(frame, sources),
        key=captions.received_key(effects, chosen, found, sources, palette),
    )  # fmt: skip


def cost_against_effect(
    preserved: Preservation, effects: Effects, told: Foretold, *, width: Width = None, palette: Palette = LIGHT
) -> alt.LayerChart:
    """Draw what changing the images costs against what training with them does, a point for each class.

    `told` is one of `barnspider.preservation.foretold`: it says which arm, and by which references.

    Raises
    ------
    InputError
        When no class has both.
    """
    sources = explained.foretold_rows(preserved, effects, told)
    if not sources["rows"]:
        raise InputError(f"no {effects.method.unit} has images, so none can be drawn")
    here = captions.title(effects, told.arm)
    return explaining.foretold(
        charts.inline(sources), palette, _frame(width), cost=f"change when test images are changed: {here}, points",
        change=captions.change(effects, told.arm), key=captions.foretold_key(effects, told, sources, palette),
    )  # fmt: skip


def kept_curve(
    preserved: Preservation,
    effects: Effects,
    name: str,
    *,
    m: int = 0,
    axis: DoseAxis = UNKNOWN,
    width: Width = None,
    palette: Palette = LIGHT,
) -> alt.LayerChart:
    """Draw one class over the doses: what changing its images costs the m-th references, and what training does to it.

    Raises
    ------
    InputError
        When there is no such class, or no image of it.
    """
    c = effects.classes.index(pick("class", name, effects.classes))
    if not effects.n[c]:
        raise InputError(f"class={name!r} has no image; expected a class with images, to draw it")
    sources = explained.kept_rows(preserved, effects, name, m)
    doses = sorted({0.0, *preserved.doses.tolist(), *rows.known_doses(effects)})
    return explaining.kept(
        charts.inline(sources), doses, palette, _frame(width), axis=axis, change="change of accuracy, points",
        key=captions.kept_key(effects, name, preserved.networks[m], palette),
    )  # fmt: skip


def save(chart: alt.LayerChart, path: str | Path, *, dpi: float = 300) -> Path:
    """Write a figure as .svg, .png or .pdf, whole or not at all. `dpi`, dots in an inch, is for .png only.

    Raises
    ------
    InputError
        When the file's ending is another, or `dpi` is not between 30 and 2,400.
    StoreError
        When the file cannot be written.
    """
    path = Path(path)
    kind = pick("ending", path.suffix.lower(), [f".{name}" for name in FORMATS])
    if not 30 <= dpi <= 2400:
        raise InputError(f"dpi={dpi!r}; expected dots in an inch, from 30 to 2400, such as 300")
    data = _drawn(chart, kind, dpi)
    return write_whole(path, lambda file: file.write(data))


def svg(chart: alt.LayerChart) -> bytes:
    """Return a figure as the bytes of an .svg file; the same figure gives the same bytes."""
    return _drawn(chart, ".svg", 300)


def _drawn(chart: alt.LayerChart, kind: str, dpi: float) -> bytes:
    """Return a chart as a file's bytes; nothing is fetched."""
    spec = chart.to_dict()
    # The converter's inch has 72 pixels, that of SVG has 96: so all three kinds are equally wide on paper.
    if kind == ".png":
        return vl_convert.vegalite_to_png(spec, scale=72 / PIXELS, ppi=dpi, allowed_base_urls=[])
    svg = _numbered(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    if kind == ".svg":
        return svg.encode()
    return vl_convert.svg_to_pdf(_shrunken(svg, 72 / PIXELS))


def _numbered(svg: str) -> str:
    """Return a drawing whose clips count from 1; the converter goes on counting from one drawing to the next."""
    own: dict[str, str] = {}

    def renamed(tag: re.Match[str]) -> str:
        return re.sub(r"\bclip\d+\b", lambda clip: own.setdefault(clip[0], f"clip{len(own) + 1}"), tag[0])

    return re.sub(r"<[^>]+>", renamed, svg)


def _shrunken(svg: str, scale: float) -> str:
    """Return a drawing whose width and height, not its coordinates, are so many times as large."""

    def smaller(size: re.Match[str]) -> str:
        return f'{size[1]}="{scale * float(size[2]):g}"'

    head, rest = svg.split(">", 1)
    return re.sub(r'\b(width|height)="([0-9.]+)"', smaller, head) + ">" + rest


def _frame(width: Width) -> Frame:
    return ON_SCREEN if width is None else on_paper(width)


def _beside(frame: Frame, sources: Mapping[str, rows.Rows]) -> float:
    return frame.beside(row["name"] for row in sources["rows"])


def _doses(effects: Effects) -> list[float]:
    doses = rows.known_doses(effects)
    if len(doses) < 2:
        raise InputError(f"effects has {len(doses)} known doses; expected two or more: give `dose`, or draw a forest")
    return doses


def _arm(effects: Effects, arm: str | None) -> str:
    return first_arm(effects) if arm is None else pick("arm", arm, effects.arms)
