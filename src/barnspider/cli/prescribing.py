"""The command that chooses: prescribe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from barnspider import Predictions
from barnspider.cli.options import All, AsJson, Baseline, Level, Reading, Top, arm_of
from barnspider.cli.output import show, talk
from barnspider.errors import InputError

RuleName = Annotated[
    Literal["own best", "label preservation", "receivers", "harmed and receivers", "harmed groups"] | None,
    typer.Option("--rule", help="Prescribe a dose for each class by this rule."),
]
Objective = Annotated[
    Literal["mean", "safe", "worst class", "worst tenth", "worst twentieth", "harmonic mean"] | None,
    typer.Option("--objective", help="Prescribe one dose for all: the best by this."),
]
At = Annotated[
    float | None,
    typer.Option("--at", help="With --rule: the dose of all classes that need no other. Default: the best mean's."),
]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="FILE.json", help="Write what is prescribed: a study takes it.")
]
WhichRuns = Annotated[
    Literal["auto", "half", "all"],
    typer.Option(
        "--runs", help="half: every other seed chooses, the others judge. auto: where arms have eight or more."
    ),
]
SafeMargin = Annotated[
    float, typer.Option("--margin", help="A dose is safe if every class certainly lost less than this; 0.02: 2 points.")
]
Delta = Annotated[
    float, typer.Option("--delta", help="Of label preservation: a loss from which on a label counts as lost.")
]
Together = Annotated[
    float,
    typer.Option("--together", help="Of harmed groups: one dose for classes of which so many images are confused."),
]


def prescribe(
    asked: Reading,
    baseline: Baseline = None,
    objective: Objective = None,
    rule: RuleName = None,
    at: At = None,
    vary: Annotated[str | None, typer.Option("--vary", metavar="NAME", help="What the knob is called.")] = None,
    runs: WhichRuns = "auto",
    margin: SafeMargin = 0.02,
    delta: Delta = 0.05,
    together: Together = 0.01,
    out: Out = None,
    level: Level = 0.95,
    top: Top = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Choose a dose with every class in view. On some answers; and judge it on others.

    By itself, the command compares objectives: best mean, best mean without harm, worst classes, harmonic mean. With
    --objective or --rule it prescribes, and -o writes a file that a study takes as a dose.
    """
    from barnspider.prescribe import choose
    from barnspider.prescribe import prescribe as prescribed
    from barnspider.preservation import read_asked
    from barnspider.sources import default_baseline, dose_axis
    from barnspider.tables.prescription_file import write_prescription

    answers = _read(asked, rule, objective, out, at)
    base = default_baseline(answers, asked.source, study=asked.study) if baseline is None else arm_of(baseline, answers)
    choose_on = asked.validation(answers)
    if not (rule or objective):
        made = choose(answers, base, choose_on=choose_on, runs=runs, margin=margin, level=level)
        show({"schema": "barnspider/choices/1", **made.to_json()} if as_json else None, made)
        return
    split = "test" if choose_on is None else "validation"
    preserved = read_asked(asked.source, asked.study, split=split) if rule == "label preservation" else None
    found = prescribed(
        answers, vary or dose_axis(asked.source, study=asked.study).knob or "dose", base, at=at, choose_on=choose_on,
        rule=rule or objective or "", runs=runs, preserved=preserved, delta=delta, margin=margin, together=together,
        level=level,
    )  # fmt: skip
    show(found.to_json() if as_json else None, found.text(None if everything else top or 10))
    if out is not None:
        talk(f"written: {write_prescription(found, out)}; a study takes it as a dose: doses = [0, {str(out)!r}]")
    if found.doubt:
        raise typer.Exit(3)


def _read(asked: Reading, rule: str | None, objective: str | None, out: Path | None, at: float | None) -> Predictions:
    """Read the answers; `InputError` where options do not go together, before, or with them."""
    if rule and objective:
        raise InputError("--rule and --objective were both given; expected one of them")
    if not (rule or objective) and (out or at is not None):
        raise InputError(f"{'--out' if out else '--at'} goes with something prescribed; expected --rule or --objective")
    answers = asked.read()
    if rule and answers.group is not None:
        raise InputError("--by groups classes, and a dose is for a class; expected --rule without --by")
    return answers
