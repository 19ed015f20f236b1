"""A study -> a folder of figures for a paper, a LaTeX table, and captions. Each file is whole or not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import altair as alt

from barnspider import figures
from barnspider.dose_axis import UNKNOWN, DoseAxis
from barnspider.doses import DoseCurves, Tolls
from barnspider.effects import Effects
from barnspider.errors import InputError, pick
from barnspider.figures import captions, rows
from barnspider.files import write_whole
from barnspider.latex import to_latex

MANY = 40  # classes; fewer need no ranks, for the forest holds them all


@dataclass(frozen=True)
class Written:
    """What was written: the arm that was drawn, the files, and the figures that could not be drawn, with the reason."""

    arm: str
    files: tuple[Path, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class _Figure:
    """One figure of the folder: its name, its caption, and how it is drawn; or else why it is not."""

    name: str
    caption: str
    draw: Callable[[], alt.LayerChart]
    why_not: str = ""


def write_figures(
    folder: str | Path,
    effects: Effects,
    *,
    tolls: Tolls | None = None,
    curves: DoseCurves | None = None,
    arm: str | None = None,
    classes: Sequence[str] = (),
    formats: Sequence[str] = ("svg",),
    width: float | str = "column",
    dpi: float = 300,
    most: int | None = 5,
    axis: DoseAxis = UNKNOWN,
) -> Written:
    """Write every figure that can be drawn, `effects.tex` and `captions.txt` into a folder, under stable names.

    Parameters
    ----------
    folder
        It is made if need be. Files of the same names give way, others stay.
    effects, tolls, curves
        What to draw; the tolls and the smooth curves where they are known.
    arm
        By default the one that the page shows first.
    classes
        Classes to draw by themselves, over the doses.
    formats
        Of "svg", "pdf" and "png".
    width
        Of all figures: millimetres, "column" (85) or "page" (175).
    dpi
        Dots in an inch of a PNG.
    most
        Lowest and highest classes in the table; None: all.
    axis
        What the doses are of, and their usual parameter.

    Raises
    ------
    InputError
        When there is no such arm, class, format or width, or the folder is a file.
    StoreError
        When a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider import estimate, simulate
    >>> effects = estimate(simulate(classes=3, images=20, runs=2, doses=(0, 1)).predictions, baseline=0)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     [file.name for file in write_figures(place, effects).files]
    ['dose-curves.svg', 'forest.svg', 'effects.tex', 'captions.txt']
    """
    if Path(folder).is_file():
        raise InputError(f"folder={str(folder)!r} is a file; expected a folder for the figures (--out DIR)")
    shown = figures.first_arm(effects) if arm is None else pick("arm", arm, effects.arms)
    kinds = [pick("format", kind, figures.FORMATS) for kind in dict.fromkeys(formats)]
    size = figures.on_paper(width) and width
    wanted = [
        *_of_all(effects, shown, tolls, axis, size),
        *(
            _of_class(effects, shown, pick("class", name, effects.classes), curves, axis, size)
            for name in dict.fromkeys(classes)
        ),
    ]
    place, drawn = Path(folder), [figure for figure in wanted if not figure.why_not]
    files: list[Path] = []
    for figure in drawn:
        chart = figure.draw()
        files += [figures.save(chart, place / f"{figure.name}.{kind}", dpi=dpi) for kind in kinds]
    about, heading = captions.method(effects), captions.caption("effects", effects, shown)
    table = to_latex(effects, shown, caption=f"{heading} {about}", rows=most)
    told = "\n\n".join(f"{figure.name}\n{figure.caption}" for figure in drawn) + f"\n\nall of them\n{about}"
    files += [_text(place / "effects.tex", table), _text(place / "captions.txt", told + "\n")]
    return Written(shown, tuple(files), {figure.name: figure.why_not for figure in wanted if figure.why_not})


def _of_all(effects: Effects, arm: str, tolls: Tolls | None, axis: DoseAxis, width: float | str) -> list[_Figure]:
    one_arm = "" if len(effects.arms) > 1 else "there is only one arm beside the baseline"
    few = "" if len(effects.classes) > MANY else f"the forest holds all {effects.method.units}, up to {MANY} of them"
    found = {
        "dose-curves": (partial(figures.dose_curves, effects, arm=arm, axis=axis, width=width), _why(effects)),
        "forest": (partial(figures.forest, effects, arm=arm, width=width), ""),
        "ranked": (partial(figures.ranked, effects, arm=arm, width=width), few),
        "heat-map": (partial(figures.heat_map, effects, arm=arm, axis=axis, width=width), one_arm),
        "mean-against-worst": (partial(figures.mean_against_worst, effects, width=width), one_arm),
    }
    if tolls is not None:
        found["tolls"] = (partial(figures.toll_plot, tolls, width=width), "")
    return [_Figure(name, captions.caption(name, effects, arm), *how) for name, how in found.items()]


def _of_class(
    effects: Effects, arm: str, name: str, curves: DoseCurves | None, axis: DoseAxis, width: float | str
) -> _Figure:
    c = effects.classes.index(name)
    ending = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-")
    draw = partial(figures.class_curve, effects, name, curves=curves, axis=axis, width=width)
    unit = effects.method.unit
    why_not = _why(effects) if effects.n[c] else f"there is no image of this {unit}"
    caption = captions.class_caption(effects, arm, name)
    return _Figure(f"{unit}-{c}-{ending}".strip("-"), caption, draw, why_not)


def _why(effects: Effects) -> str:
    """Return why there is no axis of doses; nothing where there is one."""
    return "" if len(rows.known_doses(effects)) > 1 else "fewer than two doses are known"


def _text(path: Path, text: str) -> Path:
    # A lone surrogate is no text that a file can hold.
    return write_whole(path, lambda file: file.write(text.encode("utf-8", errors="replace")))
