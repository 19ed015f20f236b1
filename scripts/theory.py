"""The plots and numbers of docs/theory.md: `python scripts/theory.py docs/images [STORE]`, half a minute of one core.

Fashion-MNIST must be there, or can be downloaded. STORE holds the runs of studies/fashion-mnist-crop.toml, to compare.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import torch

from barnspider import estimate, figures
from barnspider.dose_axis import DoseAxis
from barnspider.figures.frame import LIGHT
from barnspider.lab import Recipe, Store, Sweep, read_study
from barnspider.lab.exact import Exact, Solved, exact, growth
from barnspider.lab.exact.world import arrows, study
from barnspider.theory import grown, theory

STUDY = Path(__file__).parents[1] / "studies" / "fashion-mnist-crop.toml"
COLOURS = {"up": "#c2410c", "down": "#e59a52", "both": "#0b6bb5", "rail": "#46515f"}
DOSE, PENALTY = 0.4, 0.1
SIZE = {"images": 625, "draws": 2}
"""A half of the images and draws that the command takes by itself."""
DOSES = (0, 0.2, 0.6, 0.92)
TITLES = {
    "vertical_flip": "upside down: up is down, labels are not preserved",
    "flip": "mirrored left-right: every label is preserved",
}
Rows = list[dict[str, Any]]


def main(folder: Path, store: Path | None) -> None:
    """Write the plots, and print what the page quotes."""
    torch.set_num_threads(1)
    figures.save(known_world(), folder / "theory-growth.svg")
    clothing(folder, store)


def clothing(folder: Path, store: Path | None) -> None:
    """Solve the study of crops on Fashion-MNIST; set it beside the trained one."""
    sweep = read_study(STUDY)
    assert isinstance(sweep, Sweep)
    trained = None if store is None else estimate(Store.existing(store).load(sweep.runs()), sweep.baseline)
    sweep = sweep.with_doses(DOSES)
    began = time.process_time()
    solved = exact(Exact(sweep, **SIZE))
    print(f"Fashion-MNIST: {time.process_time() - began:.0f} seconds of the processor")
    found = theory(
        solved.answers(), solved.answers("validation"), sweep.baseline, trained=trained,
        penalty=[solved.penalty(dose) for dose in sweep.doses], path=(solved.path(0.0), solved.path(0.0, "validation")),
    )  # fmt: skip
    print(found)
    chart = figures.dose_curves(found.effects, axis=DoseAxis("crop"), width="page")
    figures.save(chart, folder / "theory-doses.svg")
    figures.save(path(solved, (0.0, 0.6)), folder / "theory-path.svg")


def known_world() -> alt.HConcatChart:
    """Draw what a knob does to each class of the known world, with more and more images, and with infinitely many."""
    world, sizes = arrows(), [125 * 2**k for k in range(7)]
    data = world.data(2 * sizes[-1], seed=1)
    panels: list[alt.LayerChart] = []
    for knob, title in TITLES.items():
        plan = Exact(study(knob, (0, DOSE)), "pixels", images=2 * sizes[-1], runs=4, draws=2, penalties=(PENALTY,))
        off, on = (world.population(Recipe("arrows", **{knob: dose}), PENALTY) for dose in (0.0, DOSE))
        answers = [(x.images, x.answers()) for x in growth(plan, sizes, data)]
        found = grown(answers, f"{knob}=0", f"{knob}={DOSE}")
        print(found, "\nlimit", dict(zip(world.classes, (100 * (on - off)).round(1).tolist(), strict=True)))
        rows: Rows = [
            {"class": name, "images": size, "effect": 100 * e.effect[0, c], "low": 100 * e.low[0, c],
             "high": 100 * e.high[0, c]}
            for size, e in zip(found.sizes, found.effects, strict=True)
            for c, name in enumerate(e.classes)
        ]  # fmt: skip
        limits: Rows = [{"class": name, "limit": 100 * x} for name, x in zip(world.classes, on - off, strict=True)]
        panels.append(_panel(rows, limits, title))
    return alt.hconcat(*panels)


def _panel(rows: Rows, limits: Rows, title: str) -> alt.LayerChart:
    colour = _colours(COLOURS)
    wide = alt.Scale(type="log", domain=[110, 18000], nice=False)
    ticks = alt.Axis(values=[125, 500, 2000, 8000], format=",")
    x = alt.X("images:Q", scale=wide, axis=ticks, title="training images of each run")
    y = alt.Y("effect:Q", title="change of accuracy, points", scale=alt.Scale(domain=[-40, 20]))
    seen = alt.Chart(alt.InlineData(values=rows))
    band = seen.mark_area(opacity=0.15).encode(x=x, y="low:Q", y2="high:Q", color=colour)
    line = seen.mark_line(point=True).encode(x=x, y=y, color=colour)
    limit = alt.Chart(alt.InlineData(values=limits)).mark_rule(strokeDash=[5, 4], strokeWidth=1.5)
    return _titled(alt.layer(band, line, limit.encode(y="limit:Q", color=colour)), title)


def path(solved: Solved, doses: Sequence[float]) -> alt.HConcatChart:
    """Draw each class's accuracy along the path of penalties, at some doses; thick is the average."""
    counts = estimate(solved.answers(), 0.0).n
    panels: list[alt.LayerChart] = []
    for dose in doses:
        accuracy, penalties = 100 * solved.accuracy()[solved.plan.sweep.doses.index(dose)], solved.plan.path(dose)
        rows: Rows = [
            {"class": name, "penalty": penalty, "accuracy": accuracy[k, c]}
            for k, penalty in enumerate(penalties)
            for c, name in enumerate(solved.data.classes)
        ]
        mean: Rows = [
            {"penalty": penalty, "accuracy": accuracy[k] @ counts / counts.sum()} for k, penalty in enumerate(penalties)
        ]
        best: Rows = [
            {"class": name, "penalty": penalties[int(accuracy[:, c].argmax())], "accuracy": accuracy[:, c].max()}
            for c, name in enumerate(solved.data.classes)
        ]
        panels.append(_path_panel(rows, mean, best, f"crop = {dose:g}"))
    return alt.hconcat(*panels)


def _path_panel(rows: Rows, mean: Rows, best: Rows, title: str) -> alt.LayerChart:
    ticks = alt.Axis(values=[1e-7, 1e-5, 1e-3, 0.1, 10], format="~e")
    x = alt.X("penalty:Q", scale=alt.Scale(type="log"), title="penalty (weight decay)", axis=ticks)
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=alt.Scale(zero=False))
    colour = alt.Color("class:N", title=None, scale=alt.Scale(scheme="tableau10"))
    lines = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=1.3).encode(x=x, y=y, color=colour)
    thick = alt.Chart(alt.InlineData(values=mean)).mark_line(strokeWidth=4, color=LIGHT.ink).encode(x=x, y=y)
    marks = alt.Chart(alt.InlineData(values=best)).mark_point(shape="diamond", filled=True, opacity=1, size=60)
    return _titled(alt.layer(thick, lines, marks.encode(x=x, y=y, color=colour)), title)


def _colours(known: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(known), range=list(known.values()))
    return alt.Color("class:N", title=None, scale=scale, legend=alt.Legend(symbolOpacity=1))


def _titled(chart: alt.LayerChart, title: str) -> alt.LayerChart:
    return chart.properties(width=330, height=280, title=alt.Title(title, fontWeight="normal", fontSize=12))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
