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
from barnspider.flows import Flows
from barnspider.latex import escaped, to_latex
from barnspider.markdown import escaped as inert
from barnspider.preservation import Preservation, foretold

LONGEST = 10_000  # letters of a caption
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
    flows: Flows | None = None,
    preserved: Preservation | None = None,
    arm: str | None = None,
    classes: Sequence[str] = (),
    formats: Sequence[str] = ("svg",),
    width: float | str = "column",
    dpi: float = 300,
    most: int | None = 5,
    axis: DoseAxis = UNKNOWN,
    begin: Callable[[str], object] = str,
) -> Written:
    """Write every figure that can be drawn, `effects.tex` and captions into a folder, under stable names.

    Captions are plain text, Markdown and LaTeX: `captions.txt`, `captions.md` and `captions.tex`.

    Parameters
    ----------
    folder
        It is made if need be. Files of the same names give way, others stay.
    effects, tolls, curves
        What to draw; the tolls and the smooth curves where they are known.
    flows
        Who received the answers that classes lost, against the baseline, where that is known.
    preserved
        What references said of changed images, as `barnspider.preservation.read_preservation` finds it in a store.
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
    begin
        Is told which figure comes next: `barnspider.progress.Stages` says it where that takes long.

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
    ['dose-curves.svg', 'forest.svg', 'effects.tex', 'captions.txt', 'captions.md', 'captions.tex']
    """
    if Path(folder).is_file():
        raise InputError(f"folder={str(folder)!r} is a file; expected a folder for the figures (--out DIR)")
    shown = figures.first_arm(effects) if arm is None else pick("arm", arm, effects.arms)
    kinds = [pick("format", kind, figures.FORMATS) for kind in dict.fromkeys(formats)]
    size = figures.on_paper(width) and width
    named = [pick("class", name, effects.classes) for name in dict.fromkeys(classes)]
    wanted = [
        *_of_all(effects, shown, tolls, axis, size),
        *([] if flows is None else [_received(effects, shown, flows, size)]),
        *([] if preserved is None else _foretold(effects, shown, preserved, size)),
        *(
            figure
            for name in named
            for figure in [
                _of_class(effects, shown, name, curves, axis, size),
                *([] if preserved is None else _kept(effects, name, preserved, axis, size)),
            ]
        ),
    ]
    place, drawn = Path(folder), [figure for figure in wanted if not figure.why_not]
    files: list[Path] = []
    for figure in drawn:
        begin(f"drawing {figure.name}")
        chart = figure.draw()
        files += [figures.save(chart, place / f"{figure.name}.{kind}", dpi=dpi) for kind in kinds]
    about, heading = captions.method(effects), captions.caption("effects", effects, shown)
    table = to_latex(effects, shown, caption=f"{heading} {about}", rows=most)
    told = {figure.name: figure.caption for figure in drawn} | {"all of them": about}
    files += [_text(place / "effects.tex", table), *_captions(place, told)]
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
    draw = partial(figures.class_curve, effects, name, curves=curves, axis=axis, width=width)
    unit = effects.method.unit
    why_not = _why(effects) if effects.n[c] else f"there is no image of this {unit}"
    caption = captions.class_caption(effects, arm, name)
    return _Figure(_file_of(effects, name), caption, draw, why_not)


def _received(effects: Effects, arm: str, found: Flows, width: float | str) -> _Figure:
    lost = effects.harmed[effects.place(arm)].any()
    why_not = "" if lost else f"no {effects.method.unit} is harmed at the drawn arm"
    draw = partial(figures.received, found, effects, arm=arm, width=width)
    return _Figure("receivers", captions.received_caption(effects, arm), draw, why_not)


def _foretold(effects: Effects, arm: str, preserved: Preservation, width: float | str) -> list[_Figure]:
    """Return a figure for each architecture that was asked at the arm's dose."""
    told = [x for x in foretold(preserved, effects) if x.arm == arm]
    if not told:
        why_not = "the references were not asked at the drawn arm's dose"
        return [_Figure("label-preservation", "", partial(figures.forest, effects), why_not)]
    return [
        _Figure(
            _numbered("label-preservation", m, len(told)), captions.foretold_caption(effects, x),
            partial(figures.cost_against_effect, preserved, effects, x, width=width),
        )
        for m, x in enumerate(told)
    ]  # fmt: skip


def _kept(effects: Effects, name: str, preserved: Preservation, axis: DoseAxis, width: float | str) -> list[_Figure]:
    """Return a figure of one class for each architecture."""
    start = f"{_file_of(effects, name)}-preservation"
    why_not = "" if effects.n[effects.classes.index(name)] else f"there is no image of this {effects.method.unit}"
    return [
        _Figure(
            _numbered(start, m, len(preserved.networks)), captions.kept_caption(effects, preserved, name, m),
            partial(figures.kept_curve, preserved, effects, name, m=m, axis=axis, width=width), why_not,
        )
        for m in range(len(preserved.networks))
    ]  # fmt: skip


def _numbered(name: str, m: int, count: int) -> str:
    return name if count == 1 else f"{name}-{m + 1}"


def _file_of(effects: Effects, name: str) -> str:
    """Return what the file of a class is called: its number, and what of its name any disk can hold."""
    ending = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-")
    return f"{effects.method.unit}-{effects.classes.index(name)}-{ending}".strip("-")


def _captions(place: Path, told: Mapping[str, str]) -> list[Path]:
    """Write the captions as plain text, as Markdown and as LaTeX; there, strangers' names are inert."""
    plain = "\n\n".join(f"{name}\n{caption}" for name, caption in told.items())
    markdown = "\n\n".join(f"**{name}.** {inert(caption, LONGEST)}" for name, caption in told.items())
    latex = "\n\n".join(_latex(name, caption) for name, caption in told.items())
    return [
        _text(place / f"captions.{ending}", text + "\n")
        for ending, text in (("txt", plain), ("md", markdown), ("tex", latex))
    ]


def _latex(name: str, caption: str) -> str:
    label = "" if name == "all of them" else f"\\label{{fig:barnspider-{name}}}"
    return f"% {name}\n\\caption{{{escaped(caption, LONGEST)}}}{label}"


def _why(effects: Effects) -> str:
    """Return why there is no axis of doses; nothing where there is one."""
    return "" if len(rows.known_doses(effects)) > 1 else "fewer than two doses are known"


def _text(path: Path, text: str) -> Path:
    # A lone surrogate is no text that a file can hold.
    return write_whole(path, lambda file: file.write(text.encode("utf-8", errors="replace")))
