"""The command that solves a study in place of training it: theory."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from barnspider import words
from barnspider.cli.options import All, AsJson, Data, Level, StudyFile, Top, doses_in
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError
from barnspider.names import visible

if TYPE_CHECKING:
    from barnspider import Effects
    from barnspider.lab import Sweep
    from barnspider.lab.exact import Exact, Solved
    from barnspider.lab.recipe import Dose
    from barnspider.theory import Growth, Theory

FeaturesOf = Annotated[
    Literal["patches", "fourier", "pixels"],
    typer.Option("--features", help="What the model is given: random convolutions, a random kernel, or pixels."),
]
Count = Annotated[int, typer.Option("--count", min=8, help="How many random features.")]
Images = Annotated[
    int | None, typer.Option("--images", min=1, help="Training images of each run. Default: 10,000 shared by all.")
]
Runs = Annotated[int, typer.Option("--runs", min=1, help="Runs; no two share a training image.")]
Draws = Annotated[int, typer.Option("--draws", min=1, help="How many times each image is changed at random.")]
Doses = Annotated[
    str | None, typer.Option("--doses", metavar="DOSE,...", help="Of the study's knob. Default: the study's.")
]
GrowthAt = Annotated[
    float | None,
    typer.Option("--growth", metavar="DOSE", help="Also: does the harm of this dose go away with more images?"),
]
TrainedIn = Annotated[
    Path | None, typer.Option("--store", help="Folder of the trained runs: also compare with what they do.")
]
SMALLEST = 100
"""Training images of a run from which growth is told."""


def theory(
    study: StudyFile,
    features: FeaturesOf = "patches",
    count: Count = 500,
    images: Images = None,
    runs: Runs = 8,
    draws: Draws = 4,
    doses: Doses = None,
    growth: GrowthAt = None,
    store: TrainedIn = None,
    level: Level = 0.95,
    top: Top = None,
    everything: All = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Solve a study on a linear model, in seconds. Where is the optimum, and who is at risk?

    Ridge regression on fixed features, with the study's augmentation, has a closed form: no steps, no learning rate. A
    sanity check before a study is trained. Nothing is stored.
    """
    from barnspider.lab import Sweep, read_study
    from barnspider.lab.exact import Exact, exact

    look_for_data_in(data)
    sweep = read_study(study)
    if not isinstance(sweep, Sweep):
        raise InputError(f"{str(study)!r} is a study of a command, whose images only that knows; expected a [recipe]")
    if not 0.5 < level < 1:
        raise InputError(f"level={level!r}; expected above 0.5 and below 1, such as 0.95")
    trained = None if store is None else _trained(sweep, store, level)
    if (chosen := doses_in(doses)) is not None:
        sweep = sweep.with_doses(chosen)
    plan = Exact(sweep, features, count, images or 0, runs, draws)
    larger = None if growth is None else _at(plan, growth)
    rows = None if everything else top or 10
    solved = exact(plan)
    found = _found(solved, trained, level)
    growing = None if larger is None else _growing(larger, solved.images, level)
    document = {"schema": "barnspider/theory/1", **_model(solved), **found.to_json()}
    document["growth"] = None if growing is None else growing.to_json()
    blocks = [found.text(rows), *([] if growing is None else [growing.text(rows)])]
    show(document if as_json else None, "\n\n".join(blocks))
    talk(f"Nothing was trained or stored. Next: barnspider plan {shlex.quote(str(study))}")


def _trained(sweep: Sweep, store: Path, level: float) -> Effects:
    """Return what the arms of the trained study do."""
    from barnspider.effects import estimate
    from barnspider.store import Store

    runs, folder = sweep.runs(), Store.existing(store)
    answers = folder.load(runs) if folder.has_answers(runs, "test") else None
    if answers is None or len(answers.arms) < 2 or sweep.baseline not in answers.arms:
        raise InputError(
            f"{str(store)!r} has no two arms of this study to compare with; train it there, or leave out --store"
        )
    return estimate(answers, sweep.baseline, level=level)


def _found(solved: Solved, trained: Effects | None, level: float) -> Theory:
    """Say what the answers mean."""
    from barnspider.theory import theory as say

    plan = solved.plan
    off = _baseline(plan)
    path = None if plan.sweep.vary == "weight_decay" else (solved.path(off), solved.path(off, "validation"))
    return say(
        solved.answers(), solved.answers("validation"), plan.sweep.baseline, about=_about(solved),
        penalty=[solved.penalty(dose) for dose in plan.sweep.doses], path=path, trained=trained, level=level,
    )  # fmt: skip


def _baseline(plan: Exact) -> Dose:
    return next(dose for dose in plan.sweep.doses if plan.arm(dose) == plan.sweep.baseline)


def _about(solved: Solved) -> str:
    plan = solved.plan
    given = {"patches": "random convolutions", "fourier": "random Fourier features", "pixels": "pixels"}[plan.features]
    return (
        f"{visible(plan.sweep.name)} on a linear model: ridge regression on {solved.features:,} {given};"
        f" {words.counted(plan.runs, 'run')}, each of {solved.images:,} training images of its own, changed at random"
        f" {words.counted(plan.draws, 'time')}; each run's penalty is the best on validation images"
    )


def _model(solved: Solved) -> dict[str, Any]:
    """Return what the model was, and the accuracies of all doses, penalties and classes at once."""
    from barnspider.as_json import plain

    plan = solved.plan
    return {
        "features": plan.features, "count": solved.features, "images": solved.images, "runs": plan.runs,
        "draws": plan.draws, "doses": list(plan.sweep.doses), "classes": list(solved.data.classes),
        "penalties": [list(plan.path(dose)) for dose in plan.sweep.doses], "accuracy": plain(solved.accuracy()),
    }  # fmt: skip


def _at(plan: Exact, dose: float) -> Exact:
    """Return the same with the baseline and one other dose."""
    off = _baseline(plan)
    if dose == off:
        raise InputError(f"growth={dose:g} is the baseline; expected another dose")
    return replace(plan, sweep=plan.sweep.with_doses((off, dose)))


def _growing(plan: Exact, images: int, level: float) -> Growth:
    """Solve the baseline and one dose with more and more images."""
    from barnspider.lab.exact import growth
    from barnspider.theory import grown

    halves = [images >> k for k in range(5, 0, -1)]
    found = growth(plan, [size for size in halves if size >= SMALLEST])
    off, on = map(plan.arm, plan.sweep.doses)
    return grown([(x.images, x.answers()) for x in found], off, on, level=level)
