"""Effects -> pictures: dose curves, forest, ranks, heat map, mean against worst, tolls. Draws, computes nothing.

Every figure is an Altair chart: it shows itself in a notebook, goes into the report, and `save` writes it as SVG, PNG
or PDF. Importing this package loads Altair; `import barnspider` does not.
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import numpy as np
import vl_convert

from barnspider.doses import Tolls
from barnspider.effects import Effects
from barnspider.errors import InputError, pick
from barnspider.figures import charts, rows
from barnspider.figures.charts import LIGHT, Palette
from barnspider.files import write_whole

__all__ = [
    "LIGHT", "Palette", "best_arm", "dose_curves", "forest", "heat_map", "mean_against_worst", "ranked", "save",
    "toll_plot",
]  # fmt: skip


def best_arm(effects: Effects) -> str:
    """Return the arm with the largest effect on average, the baseline left aside.

    Raises
    ------
    InputError
        When there is no arm beside the baseline.
    """
    if not effects.arms:
        raise InputError("effects has no arm beside the baseline; expected at least one to draw")
    return effects.arms[int(np.argmax(np.nan_to_num(effects.overall, nan=-np.inf)))]


def dose_curves(effects: Effects, *, arm: str | None = None, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw the average and every class over the doses; classes harmed at `arm` (by default the best) stand out.

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
    chosen = _arm(effects, arm)
    doses = rows.known_doses(effects)
    if len(doses) < 2:
        raise InputError(f"effects has {len(doses)} known doses; expected two or more: give `dose`, or draw a forest")
    few = len(effects.classes) <= rows.MARKED
    return charts.curves(charts.inline(rows.curve_rows(effects, chosen)), doses, rows.span(effects), palette, few=few)


def forest(effects: Effects, *, arm: str | None = None, most: int = 40, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw the class effects of one arm with intervals and shrunken values, worst first; at most `most` classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    return charts.forest(charts.inline(rows.forest_rows(effects, _arm(effects, arm), most)), palette)


def ranked(effects: Effects, *, arm: str | None = None, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw the shrunken effects of all classes at one arm, from the worst to the best: for very many classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    return charts.ranked(charts.inline(rows.ranked_rows(effects, _arm(effects, arm))), palette)


def heat_map(effects: Effects, *, arm: str | None = None, most: int = 40, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw classes x arms, lowest at `arm` first; at most `most` classes.

    Raises
    ------
    InputError
        When there is no such arm.
    """
    return charts.heat(charts.inline(rows.heat_rows(effects, _arm(effects, arm), most)), palette)


def mean_against_worst(effects: Effects, *, share: float = 0.1, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw each arm's mean accuracy against that of its worst classes (the lowest `share` of them).

    The worst classes are chosen and measured on the same images, so their level is too low; the direction counts.
    """
    return charts.worst(charts.inline({"rows": rows.worst_rows(effects, share=share)}), palette)


def toll_plot(tolls: Tolls, *, most: int = 40, palette: Palette = LIGHT) -> alt.LayerChart:
    """Draw what the best average costs each class, with intervals, largest first; hollow diamonds are the naive tolls.

    Examples
    --------
    >>> from barnspider.doses import tolls
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=20, runs=2, effect=[[0.0, 0.1, -0.1]])
    >>> toll_plot(tolls(sim.predictions)).layer[2].mark.shape
    'diamond'
    """
    return charts.tolls(charts.inline(rows.toll_rows(tolls, most)), palette)


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


def _arm(effects: Effects, arm: str | None) -> str:
    return best_arm(effects) if arm is None else pick("arm", arm, effects.arms)
