"""What a figure says of itself: the title of its axis, its key, and a caption to put below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from barnspider import words
from barnspider.doses import DoseCurves, Tolls
from barnspider.effects import Effects
from barnspider.figures.charts import EDGES, looks
from barnspider.figures.frame import Palette
from barnspider.figures.keys import LINE, TICK, Entry, Key
from barnspider.figures.rows import (
    CANNOT_TELL,
    CERTAIN,
    DRAWN,
    HARMED,
    HELPED,
    MARKS,
    PAYS,
    STATUSES,
    UNCHANGED,
    Rows,
    arm_title,
    labels,
    toll_order,
)
from barnspider.flows import Flows
from barnspider.names import visible
from barnspider.preservation import Foretold, Preservation

NAME = 40  # letters of an arm's name in a figure
SHAPES = {HARMED: "triangle-down", HELPED: "triangle-up", UNCHANGED: "square", CANNOT_TELL: "circle"}


def title(effects: Effects, arm: str) -> str:
    """Return what a figure calls an arm or the baseline."""
    dose = effects.baseline_dose if arm == effects.baseline else effects.dose[effects.arms.index(arm)]
    return arm_title(arm, dose, NAME)


def change(effects: Effects, arm: str | None = None) -> str:
    """Return what an axis of changes is called: "change of accuracy from crop=0 to crop=0.6, points"."""
    to = "" if arm is None else f" to {title(effects, arm)}"
    return f"change of accuracy from {title(effects, effects.baseline)}{to}, points"


def curves_key(effects: Effects, arm: str, drawn: Mapping[str, Rows], palette: Palette) -> Key:
    """Return the key of the dose curves."""
    found = counts(effects, arm)
    lines = [
        _line(f"{found[status]:,} {status}", look["color"], look["strokeWidth"], look.get("strokeDash", (1, 0)))
        for status, look in reversed(looks(palette).items())
        if found[status]
    ]
    lines.append(_average(palette))
    if drawn["harms"]:
        lines.append(Entry("harmed at this dose", palette.harm, "triangle-down", palette.harm))
    if drawn["marks"]:
        lines.append(Entry("highest average", palette.ink, "diamond", palette.ink, area=90))
    if drawn["bests"]:
        lines.append(Entry(f"highest of a {effects.method.unit}", palette.soft, "diamond", area=40, stroke=1.2))
    which = ends(effects, DRAWN) or effects.method.units.capitalize()
    return Key(tuple(lines), f"{which} at {title(effects, arm)} (upright line):")


def class_key(
    effects: Effects, name: str, drawn: Mapping[str, Rows], curves: DoseCurves | None, palette: Palette
) -> Key:
    """Return the key of one class's curve."""
    shown = labels(effects.classes)[effects.classes.index(name)]
    kinds = {row["kind"] for row in drawn["turns"]}
    lines = [Entry(f"{shown}, measured, {_level(effects)}", palette.chosen, fill=palette.chosen)]
    if curves is not None:
        lines.append(_line("its smooth curve", palette.chosen, 3))
    if "peak" in kinds:
        lines.append(Entry("its peak; where that may be", palette.chosen, "diamond", palette.chosen, area=90))
    if curves is not None and "lost" in kinds:
        lost = f"{100 * curves.fit.delta:.3g} points lost, likewise"
        lines.append(Entry(lost, palette.chosen, "cross", palette.chosen, area=90))
    if drawn["harms"]:
        lines.append(Entry("harmed at this dose", palette.harm, "triangle-down", palette.harm))
    return Key((*lines, _average(palette)))


def forest_key(effects: Effects, arm: str, most: int, palette: Palette) -> Key:
    """Return the key of the forest plot."""
    marks = (
        *_found(effects, arm, palette),
        Entry("shrunken effect", palette.ink, TICK, area=110, stroke=2),
        _line("average", palette.ink, 1.5, (5, 3)),
        Entry("too small to be found", palette.grid, "square", palette.grid, area=130),
    )
    return Key(marks, ends(effects, most))


def ranked_key(effects: Effects, arm: str, palette: Palette) -> Key:
    """Return the key of the ranks."""
    colours = _colours(palette)
    found = counts(effects, arm)
    bars = [
        Entry(f"{found[status]:,} {status}", colours[status], "square", colours[status], area=90)
        for status in reversed(STATUSES)
        if found[status]
    ]
    return Key((*bars, _line("average", palette.ink, 1.5, (5, 3))))


def heat_key(effects: Effects, most: int, palette: Palette) -> Key:
    """Return the key of the heat map: the steps of its colours, and its marks."""
    edges = [f"{edge:g}".replace("-", "−") for edge in EDGES]
    steps = [
        f"below {edges[0]}",
        *(f"{a} to {b}" for a, b in pairwise(edges)),
        f"above {edges[-1]}",
    ]
    colours = [
        Entry(step, palette.grid, "square", colour, area=110, stroke=1)
        for step, colour in zip(steps, palette.ramp, strict=True)
    ]
    marks = ", ".join(f"{MARKS[status]}\u00a0{status}" for status in (HARMED, HELPED, UNCHANGED))
    said = f"Change from {title(effects, effects.baseline)}, points; {marks}, unmarked and pale: cannot tell"
    which = ends(effects, most)
    return Key(tuple(colours), f"{which}. {said}" if which else said)


def worst_key(drawn: Rows, palette: Palette) -> Key:
    """Return the key of the mean against the worst classes."""
    ink = palette.ink
    beaten = [row for row in drawn if not row["front"]]
    is_beaten = any(row["kind"] == "baseline" for row in beaten)
    lines = [Entry("baseline", ink, "square", "transparent" if is_beaten else ink, area=90, stroke=1.5)]
    lines += [Entry("no other beats it in both", ink, fill=ink, area=90, stroke=1.5)]
    if beaten:
        lines += [Entry("another beats it", ink, area=90, stroke=1.5)]
    dosed = "with its dose" if drawn[0]["dose"] is not None else "with its name"
    return Key(tuple(lines), f"Each point an arm, {dosed}:")


def tolls_key(tolls: Tolls, most: int, palette: Palette) -> Key:
    """Return the key of the tolls."""
    pay = Entry(f"{PAYS} for certain ({100 * tolls.level:g} %)", palette.harm, fill=palette.harm)
    naive = Entry("naive, with the luck of choosing", palette.soft, "diamond", stroke=1)
    said = f"Loss at {arm_title(tolls.average, None, NAME)}, the best on average, against its own best"
    known = len(toll_order(tolls))
    which = f"; the {most} largest of {words.counted(known, tolls.unit)}:" if known > most else ":"
    return Key((pay, Entry(CANNOT_TELL, palette.unclear), naive), said + which)


def kept_key(effects: Effects, name: str, network: str, palette: Palette) -> Key:
    """Return the key of one class's label preservation beside its effect."""
    shown, level = labels(effects.classes)[effects.classes.index(name)], _level(effects)
    asked = _line(f"what changing its test images costs {visible(network, NAME)}", palette.ink, 1.8, (6, 3))
    return Key((asked, _line(f"what training with it does to {shown}", palette.chosen, 2.6)), f"With {level}:")


def foretold_key(effects: Effects, told: Foretold, drawn: Mapping[str, Rows], palette: Palette) -> Key:
    """Return the key of what changing the images costs against what training with them does."""
    marks = _found(effects, told.arm, palette)
    if drawn["odd"]:
        odd = f"{len(told.surprising):,} harmed although the label is kept"
        marks.append(Entry(odd, palette.chosen, area=220, stroke=1.8))
    marks.append(_line("to the left of it, the label counts as lost", palette.soft, 1, (2, 3)))
    return Key(tuple(marks), f"By {visible(told.network, NAME)}, with {_level(effects)}:")


def received_key(effects: Effects, arm: str, found: Flows, drawn: Mapping[str, Rows], palette: Palette) -> Key:
    """Return the key of who received the answers that classes lost."""
    count, shown = int(effects.harmed[effects.place(arm)].sum()), {row["status"] for row in drawn["rows"]}
    lost = sum(row["status"] == HARMED for row in drawn["rows"])
    marks = [Entry(f"what a harmed {effects.method.unit} lost", palette.harm, "triangle-down", palette.harm)]
    if CERTAIN in shown:
        sure = f"received for certain (q < {found.method.alpha:.2g})"
        marks.append(Entry(sure, palette.ink, fill=palette.ink))
    if CANNOT_TELL in shown:
        marks.append(Entry(f"received, {CANNOT_TELL}", palette.unclear))
    which = f"The {lost:,} worst of {words.counted(count, 'harmed ' + effects.method.unit)}; " if count > lost else ""
    return Key(tuple(marks), f"{which}{'with' if which else 'With'} {_level(effects)}:")


def received_caption(effects: Effects, arm: str) -> str:
    """Return the caption of who received the answers that classes lost."""
    base, here, unit = title(effects, effects.baseline), title(effects, arm), effects.method.unit
    return (
        f"Who received the answers that the worst harmed {effects.method.units} lost from {base} to {here}: for each"
        f" such {unit} its change of accuracy, and below it those that its images are taken for more often, the surest"
        f" first, in points of the {unit}'s images; certain counts all pairs that are tested, in all arms."
    )


def foretold_caption(effects: Effects, told: Foretold) -> str:
    """Return the caption of what changing the images costs against what training with them does."""
    base, here = title(effects, effects.baseline), title(effects, told.arm)
    return (
        f"What changing the test images as at {here} costs each {effects.method.unit}, judged by references that were"
        f" trained without it, against what training at {here} does from {base}. {told.paragraph()} Both are measured"
        " on the same test images."
    )


def kept_caption(effects: Effects, preserved: Preservation, name: str, m: int = 0) -> str:
    """Return the caption of one class's label preservation beside its effect."""
    until = preserved.kept(effects.classes.index(name))[m].replace("the end", "the strongest")
    lost = words.points(preserved.delta, sign=False)
    return (
        f"What changing the test images of {visible(name)!r} costs references of {visible(preserved.networks[m])} that"
        f" were trained without it, and what training with it does, over the doses. The label is kept, losing less than"
        f" {lost} points, up to this dose: {until}."
    )


def caption(figure: str, effects: Effects, arm: str) -> str:
    """Return what stands below a figure in a paper, plain text: what it shows and, of one arm, what is found there."""
    base, here = title(effects, effects.baseline), title(effects, arm)
    unit, units = effects.method.unit, effects.method.units
    found = f"At {here}: {effects.headline(arm)}."
    return {
        "dose-curves": f"Change of accuracy from {base} over the doses, of the average and of every {unit}. {found}",
        "forest": f"Change of each {unit}'s accuracy from {base} to {here}, in points. {found}",
        "ranked": f"Shrunken change of every {unit}'s accuracy from {base} to {here}, in order. {found}",
        "heat-map": f"Change of each {unit}'s accuracy from {base}, in points. {found}",
        "mean-against-worst": f"Accuracy over all images against that of the worst tenth of the {units}, which are"
        " chosen and measured on the same images: the direction counts, not the level.",
        "tolls": f"What the arm that is best on average costs each {unit}, against its own best, in points;"
        " cross-fitted, so that luck is not taken for a cost.",
        "effects": f"Change of accuracy from {base} to {here}, in points, ordered by the shrunken effect. {found}",
    }[figure]


def class_caption(effects: Effects, arm: str, name: str) -> str:
    """Return the same for the figure of one class."""
    base = title(effects, effects.baseline)
    return (
        f"Change of accuracy from {base} over the doses, of {visible(name)!r} and of the average."
        f" At {title(effects, arm)}: {effects.sentence(arm, name)}"
    )


def method(effects: Effects) -> str:
    """Return of what, and how sure: the images, the runs, the intervals, the correction."""
    m = effects.method
    where = f" of {visible(effects.on)}" if effects.on else ""
    many = f"{words.counted(len(effects.classes), m.unit)}, {words.counted(int(effects.n.sum()), 'image')}{where}"
    at_once = f", for all {m.units} and arms at once," if m.simultaneous else ""
    told = [x for x in (words.grouping(m.by) if m.by else "", words.judged_by(m.labels, m.unlabelled)) if x]
    return (
        f"Of {many}; {100 * m.level:.4g} % intervals{at_once} that generalize to {words.explained(m.generalizes_to)};"
        f" harmed and helped: {m.symbol} < {m.alpha:.3g} ({m.multiplicity}); unchanged: certainly by less than"
        f" {words.points(m.margin, sign=False)} points.{''.join(f' {x}.' for x in told)}"
    )


def ends(effects: Effects, most: int) -> str:
    """Return which classes are drawn, where that is not all of them.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> ends(estimate(simulate(classes=9, images=20, runs=2).predictions, baseline="baseline"), 4)
    'The 2 lowest and the 2 highest of 9 classes'
    """
    if (count := len(effects.classes)) <= most:
        return ""
    all_ = words.counted(count, effects.method.unit)
    return f"The {most // 2:,} lowest and the {most - most // 2:,} highest of {all_}"


def counts(effects: Effects, arm: str) -> dict[str, int]:
    """Return how many classes there are of each status at an arm."""
    found = effects.findings()[effects.arms.index(arm)]
    return {status: int(np.count_nonzero(found == status)) for status in STATUSES}


def _found(effects: Effects, arm: str, palette: Palette) -> list[Entry]:
    colours, found = _colours(palette), counts(effects, arm)
    return [
        Entry(
            f"{found[status]:,} {status}", colours[status], SHAPES[status],
            "transparent" if status == CANNOT_TELL else colours[status],
        )
        for status in reversed(STATUSES)
        if found[status]
    ]  # fmt: skip


def _colours(palette: Palette) -> dict[str, str]:
    return {CANNOT_TELL: palette.unclear, UNCHANGED: palette.same, HELPED: palette.help, HARMED: palette.harm}


def _level(effects: Effects) -> str:
    return f"{100 * effects.method.level:.4g} % intervals"


def _average(palette: Palette) -> Entry:
    return _line("average and interval", palette.ink, stroke=3.5)


def _line(label: str, color: str, stroke: float, dash: Sequence[float] = (1, 0)) -> Entry:
    return Entry(label, color, LINE, stroke=stroke, dash=tuple(dash), area=300)
