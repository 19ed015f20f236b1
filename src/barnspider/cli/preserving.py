"""The command that asks whether labels are kept: preserve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from barnspider.cli.options import (
    All,
    AsJson,
    Data,
    Device,
    LabelSetsFile,
    Level,
    StoreFolder,
    StudyFile,
    Top,
    Workers,
    doses_in,
)
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError

if TYPE_CHECKING:
    from barnspider import Effects, Predictions
    from barnspider.lab import Sweep
    from barnspider.lab.preserve import Preserving
    from barnspider.store import Store

Doses = Annotated[
    str | None, typer.Option("--doses", metavar="DOSE,...", help="Of the study's knob. Default: the study's.")
]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="NAME", help="Architecture of references that are trained; may be repeated."),
]
Pretrained = Annotated[
    list[str] | None,
    typer.Option(
        "--pretrained", metavar="MODULE:FUNCTION", help="A network of yours, trained already; may be repeated."
    ),
]
Models = Annotated[int, typer.Option("--models", min=1, help="How many references of each architecture are trained.")]
Draws = Annotated[int, typer.Option("--draws", min=1, help="How many times each image is changed at random.")]
Delta = Annotated[
    float, typer.Option("--delta", help="A loss from which on a label counts as lost; 0.05: five points.")
]


def preserve(
    study: StudyFile,
    store: StoreFolder = Path("runs"),
    doses: Doses = None,
    networks: Networks = None,
    pretrained: Pretrained = None,
    models: Models = 1,
    draws: Draws = 3,
    delta: Delta = 0.05,
    label_sets: LabelSetsFile = None,
    level: Level = 0.95,
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    top: Top = None,
    everything: All = False,
    as_json: AsJson = False,
) -> None:
    """Ask reference networks up to which dose images still show their class. Before a study is run, or after it.

    References are trained as the study says but without its knob, unless they are there. After the study was run, the
    command also says whether losing the label foretells losing accuracy, and who is harmed although the label is kept.
    With --label-sets, a label is kept where the answer is any of the image's labels; both readings stand side by side.
    """
    from barnspider.lab import Store, Sweep, read_study
    from barnspider.lab.preserve import preserve as ask
    from barnspider.lab.preserve.plan import of_study
    from barnspider.preservation import foretold, preservation

    look_for_data_in(data)
    sweep, folder = read_study(study), Store(store)
    if not isinstance(sweep, Sweep):
        raise InputError(f"{str(study)!r} is a study of a command, whose images and networks only that knows")
    if not 0 < delta < 1:
        raise InputError(f"delta={delta!r}; expected a proportion above 0 and below 1 (0.05 is five points)")
    read = _reading(label_sets)  # before anything is trained
    plans = of_study(sweep, doses_in(doses), networks or (), pretrained or (), models, draws)
    answers = {plan.shown: read(ask(plan, folder, workers=workers, device=device)) for plan in plans}
    found = preservation(answers, delta=delta, level=level)
    effects = _effects(sweep, folder, level, read)
    told = [] if effects is None else foretold(found, effects)
    strengths = _strength(folder, plans[0])
    document = {"schema": "barnspider/preserve/1", "strength": strengths, **found.to_json()}
    document["foretold"] = [x.to_json() for x in told]
    blocks = [found.text(None if everything else top or 10), _told(strengths), *map(str, told)]
    show(document if as_json else None, "\n\n".join(blocks))
    talk(f"The answers are studies of their own: barnspider report {store} --study {plans[0].name}")


def _reading(label_sets: Path | None) -> Callable[[Predictions], Predictions]:
    """Return what reads answers: by the label sets of a file, where there is one."""
    from barnspider.tables.accepted import with_label_sets
    from barnspider.tables.label_sets import read_label_sets

    if label_sets is None:
        return lambda preds: preds
    sets = read_label_sets(label_sets)
    return lambda preds: with_label_sets(preds, sets)


def _effects(sweep: Sweep, store: Store, level: float, read: Callable[[Predictions], Predictions]) -> Effects | None:
    """Return what the study's arms do, read as the references are, if at least two of them were trained."""
    from barnspider.effects import estimate

    runs = sweep.runs()
    trained = store.load(runs) if store.has_answers(runs, "test") else None
    if trained is None or len(trained.arms) < 2 or sweep.baseline not in trained.arms:
        talk("note: the study itself is not trained yet; once it is, this says whether losing the label foretells harm")
        return None
    return estimate(read(trained), sweep.baseline, level=level)


def _strength(store: Store, plan: Preserving) -> list[dict[str, Any]]:
    """Return, for each dose, what it leaves of each class's images without asking any network."""
    by_arm: dict[str, dict[str, Any]] = {}
    for cell in store.study(plan.identity).cells:
        if cell.arm not in by_arm and (document := store.document(cell.key)) is not None:
            by_arm[cell.arm] = {"arm": cell.arm, "dose": cell.dose, **document["strength"]}
    return list(by_arm.values())


def _told(strengths: list[dict[str, Any]]) -> str:
    """Return one line for each dose: how strongly it acts on images, whatever the network."""
    lines = [_line(x) for x in strengths if x["dose"]]
    return "\n".join(["How strongly images are changed, without any network (mean over classes):", *lines])


def _line(x: Mapping[str, Any]) -> str:
    kept, change = ([v for v in x[name] if v is not None] for name in ("kept", "change"))
    return (
        f"  {x['arm']}: {100 * sum(kept) / len(kept):.0f} % of the area kept; mean squared change"
        f" {sum(change) / len(change):.2f} of the pixels' variance"
    )
