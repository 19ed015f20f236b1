"""Commands about doses and designs: doses, power."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from barnspider.cli.options import All, AsJson, Level, Like, Reading, To, Top
from barnspider.cli.output import show
from barnspider.errors import InputError
from barnspider.words import judged_by

RunSd = Annotated[float, typer.Option("--run-sd", help="Standard deviation of a class's accuracy over runs.")]
Unpaired = Annotated[bool, typer.Option("--unpaired", help="Runs of equal seed do not share random numbers.")]


def doses(
    asked: Reading,
    delta: Annotated[
        float, typer.Option("--delta", help="A loss: curves tell the dose where a class has lost it.")
    ] = 0.02,
    level: Level = 0.95,
    to: To = "auto",
    as_json: AsJson = False,
) -> None:
    """Print the best dose, and what it costs each class. And each class's curve over the doses.

    In a store, doses are chosen on validation images, if it has some, and measured on test images. Curves need three
    doses or more.
    """
    from barnspider.as_json import plain
    from barnspider.design import Design
    from barnspider.doses import best_doses, dose_curves, tolls, why_no_curves

    if not 0 < delta < 1:
        raise InputError(f"delta={delta!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    answers = asked.read()
    test, chosen_on = Design.of(answers), asked.validation(answers)
    validation = None if chosen_on is None else Design.of(chosen_on)
    why = why_no_curves(test)
    found: dict[str, Any] = {
        "best": best_doses(test if validation is None else validation, level=level, generalize_to=to),
        "tolls": tolls(test, choose_on=validation, level=level, generalize_to=to),
        "curves": None if why else dose_curves(test, delta=delta, level=level, generalize_to=to),
    }
    labels = "single" if answers.accepted is None else "sets"
    about = judged_by(labels, answers.unlabelled)
    said = found | ({"curves": f"No curves over the doses: {why}."} if why else {})
    document = {"schema": "barnspider/doses/1", "labels": labels, "unlabelled": answers.unlabelled, **plain(found)}
    lines = [*([f"{about}."] if about else []), *map(str, said.values())]
    show(document if as_json else None, "\n\n".join(lines))


def power(
    images: Annotated[int | None, typer.Option("--images", min=1, help="Test images of each class.")] = None,
    runs: Annotated[int | None, typer.Option("--runs", min=2, help="Runs (seeds) of each arm.")] = None,
    effect: Annotated[float | None, typer.Option("--effect", help="A change to be found; 0.02 is two points.")] = None,
    accuracy: Annotated[float, typer.Option("--accuracy", help="Accuracy of a typical class.")] = 0.8,
    likeness: Annotated[float, typer.Option("--likeness", help="Correlation of two runs' answers.")] = 0.7,
    run_sd: RunSd = 0.01,
    unpaired: Unpaired = False,
    *,
    asked: Like,
    arm: Annotated[str | None, typer.Option("--arm", help="With --like: only this arm.")] = None,
    top: Top = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Say what a study can find, before or after it is run. And what would do.

    Before: --images, --runs and --classes. After: --like SOURCE, and what each class needs for --effect to be found.
    """
    from barnspider.power import plan_power

    if asked.sources:
        if images or runs:
            raise InputError("--like was given with --images or --runs; expected the one or the others")
        rows = None if everything else top or 10
        return _like(asked, arm, 0.02 if effect is None else effect, rows, as_json)
    classes = asked.count()
    if images is None or runs is None or classes is None:
        raise InputError("expected --images, --runs and --classes of the design, or --like SOURCE of one that was run")
    if alone := [name for name in asked.given() if name not in ("level", "classes")]:
        raise InputError(f"--{alone[0]} says how answers are read; expected --like SOURCE with it")
    made = plan_power(
        images=images, runs=runs, classes=classes, effect=effect, accuracy=accuracy, likeness=likeness, run_sd=run_sd,
        paired=not unpaired, level=asked.level,
    )  # fmt: skip
    return show(made.to_json() if as_json else None, made)


def _like(asked: Like, arm: str | None, effect: float, rows: int | None, as_json: bool) -> None:
    """Print what each class of a study that was run needs, for one arm or all."""
    from barnspider.needs import needs

    effects, predictions = asked.effects()
    found = [needs(effects, predictions, x, effect=effect) for x in (effects.arms if arm is None else [arm])]
    document = {"schema": "barnspider/needs/1", "effect": effect, "arms": [x.to_json() for x in found]}
    shown = (x.text(len(x.classes) if rows is None else rows) for x in found)
    show(document if as_json else None, "\n\n".join(shown))
