"""The command that makes fixes of networks that are there: derive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.options import All, AsJson, Data, Device, Level, StoreFolder, StudyName, Top, Workers, doses_in
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError, listing

if TYPE_CHECKING:
    from barnspider import Predictions
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

Source = Annotated[
    Path, typer.Argument(metavar="STUDY.toml|STORE", help="The study that trained the networks: its file, or a store.")
]
How = Annotated[
    list[str] | None,
    typer.Option(
        "--how",
        metavar="answers|weights|logits",
        help="Means of answers, means of weights, or logits moved for each class; may be repeated. Default: all three.",
    ),
]
Doses = Annotated[
    str | None, typer.Option("--doses", metavar="DOSE,...", help="Of which doses. Default: all of the study's.")
]


def derive(
    source: Source,
    how: How = None,
    doses: Doses = None,
    store: StoreFolder = Path("runs"),
    study: StudyName = None,
    level: Level = 0.95,
    top: Top = None,
    everything: All = False,
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Make fixes of a study's networks without training: means of answers or weights, moved logits.

    That needs a study with keep = "weights". What is made are arms of a study of its own in the same store, beside the
    study's own arms, for audit, gate, report and others with --study. Stop it any time; run it again to go on.
    """
    from barnspider.effects import estimate
    from barnspider.lab.derived import HOW, Deriving
    from barnspider.lab.derived import derive as make

    look_for_data_in(data)
    opened, sweep = _opened(source, store, study)
    chosen = doses_in(doses)
    answers = make(sweep, opened, how=how or HOW, doses=chosen, workers=workers, device=device)
    _say_what_is_left_out(answers)
    effects = estimate(answers, baseline=sweep.baseline, level=level)
    show(effects.to_json() if as_json else None, effects.text(len(effects.classes) if everything else top))
    talk(f"Next: barnspider report {opened.root} --study {Deriving(sweep, tuple(chosen or ())).identity}")


def _opened(source: Path, store: Path, study: str | None) -> tuple[Store, Sweep]:
    """Return the store, and the sweep that a study file, or a store, names."""
    from barnspider.lab.study import read_study
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

    if source.suffix == ".toml":
        if study is not None:
            raise InputError(f"study={study!r} was given with a study file, which says it; leave out --study")
        sweep = read_study(source)
        if not isinstance(sweep, Sweep):
            raise InputError(f"{str(source)!r} is a study of a command, whose weights no store keeps")
        return Store.existing(store), sweep
    opened = Store.existing(source)
    found = opened.study(study)
    if found.of is not None:
        raise InputError(f"study {found.identity!r} was made of {found.of!r}, and has no weights; name that: --study")
    if "recipe" not in found.sweep:
        raise InputError(f"study {found.identity!r} is of a command, whose weights no store keeps")
    return opened, Sweep.from_dict(found.sweep)


def _say_what_is_left_out(answers: Predictions) -> None:
    if answers.left_out:
        names = listing(f"{x.arm}, seed {x.seed} ({x.why})" for x in answers.left_out)
        talk(
            f"note: {len(answers.left_out)} left out: {names}. What needs weights that are not kept is missing; with"
            ' keep = "weights" in the study file, `barnspider run` makes them'
        )
