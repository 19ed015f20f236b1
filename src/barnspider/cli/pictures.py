"""The command that draws: figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider import Effects, Predictions
from barnspider.cli.options import All, Judged, Top, Usual, arm_of, axis_of, preserved_of
from barnspider.cli.output import talk
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.progress import Stages

if TYPE_CHECKING:
    from barnspider.doses import DoseCurves

Folder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to write; made if need be.")]
Formats = Annotated[
    list[str] | None, typer.Option("--as", metavar="FORMAT", help="svg (the default), pdf or png; may be repeated.")
]
Dpi = Annotated[float, typer.Option("--dpi", help="Dots in an inch of a png.")]
Width = Annotated[str, typer.Option("--width", help="Millimetres; or column (85), or page (175).")]
Arm = Annotated[
    str | None, typer.Option("--arm", help="The arm to draw: its name or its dose. Default: as on the page.")
]
Drawn = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="Draw this class by itself over the doses; may be repeated."),
]


def figures(
    asked: Judged,
    out: Folder = Path("figures"),
    formats: Formats = None,
    dpi: Dpi = 300,
    width: Width = "column",
    arm: Arm = None,
    names: Drawn = None,
    top: Top = None,
    everything: All = False,
    usual: Usual = None,
) -> None:
    """Write figures for a paper, and a LaTeX table. As SVG, PDF or PNG, each with a key of its own.

    The table holds the 5 lowest and the 5 highest classes; --top says how many, --all takes every class.
    """
    from barnspider.doses import tolls
    from barnspider.figures import first_arm
    from barnspider.figures.paper import write_figures
    from barnspider.flows import flows

    if top is not None and everything:
        raise InputError("--top and --all were both given; expected one of them")
    with Stages("figures") as stages:
        stages.begin("reading answers, and effects")
        effects, predictions = asked.effects()
        axis = axis_of(asked, usual, predictions)
        shown = first_arm(effects) if arm is None else _shown(arm, effects, predictions)
        level, over = effects.method.level, effects.method.generalizes_to
        stages.begin("what the best dose costs, and where the answers went")
        written = write_figures(
            out, effects, arm=shown, classes=names or (), formats=formats or ("svg",), width=width, dpi=dpi, axis=axis,
            tolls=tolls(predictions, choose_on=asked.validation(predictions), level=level, generalize_to=over),
            curves=_curves(predictions, effects) if names else None, preserved=preserved_of(asked),
            flows=None if predictions.answered is None else flows(predictions, effects),
            most=None if everything else top or 5, begin=stages.begin,
        )  # fmt: skip
    for name, why in written.left_out.items():
        talk(f"left out: {name}, since {why}")
    talk(f"{len(written.files)} files written to {out}/, drawn at {visible(shown)}{_why(effects, shown, arm)}")


def _shown(arm: str, effects: Effects, predictions: Predictions) -> str:
    """Return the arm that has this name, or else this dose."""
    found = arm_of(arm, predictions)
    if found == effects.baseline:
        raise InputError(f"arm={arm!r} is the baseline, which the others are compared with; expected another arm")
    return found


def _curves(predictions: Predictions, effects: Effects) -> DoseCurves | None:
    """Return the smooth curves of all classes, where there are doses enough."""
    from barnspider.doses import dose_curves, why_no_curves

    if why_no_curves(predictions):
        return None
    method = effects.method
    return dose_curves(predictions, baseline=effects.baseline, level=method.level, generalize_to=method.generalizes_to)


def _why(effects: Effects, shown: str, asked: str | None) -> str:
    """Return why this arm was drawn, if nobody asked for it."""
    if asked is not None or len(effects.arms) == 1:
        return ""
    return ", the best on average" if effects.overall[effects.place(shown)] > 0 else ", since no arm beats the baseline"
