"""The command that asks where else a harm is: transfer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.options import All, AsJson, Baseline, Data, Device, Level, StoreFolder, StudyName, Top, Workers
from barnspider.cli.options import arm_of as named_arm
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError, listing

if TYPE_CHECKING:
    from barnspider import Effects
    from barnspider.lab.transfer import Carried, Tuning
    from barnspider.store import Store
    from barnspider.transfer import Transfer

Source = Annotated[
    Path, typer.Argument(metavar="STUDY.toml|STORE", help="The study that trained the networks: its file, or a store.")
]
To = Annotated[str, typer.Option("--to", metavar="DATASET", help="The other data set: a name or path, as in a recipe.")]
Tune = Annotated[bool, typer.Option("--tune", help="Train whole networks on, instead of probes on frozen features.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="With --tune: how many epochs. Default: 5.")]
Rate = Annotated[
    float | None, typer.Option("--lr", help="With --tune: the highest learning rate. Default: a tenth of the study's.")
]


def transfer(
    source: Source,
    to: To,
    tune: Tune = False,
    epochs: Epochs = None,
    lr: Rate = None,
    store: StoreFolder = Path("runs"),
    study: StudyName = None,
    baseline: Baseline = None,
    level: Level = 0.95,
    top: Top = None,
    everything: All = False,
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Use a study's networks on another data set. Who pays there for the dose that was chosen here?

    The networks of every dose are frozen, and a probe is trained on what they make of the other images. That needs a
    study with keep = "weights". What is answered is a study of its own in the same store, for audit, gate, report,
    doses and others with --study. Stop it any time; run it again to go on.
    """
    from barnspider.lab.transfer import transfer as carry

    look_for_data_in(data)
    opened, name = _opened(source, store, study)
    carried = carry(opened, to, study=name, tuning=_tuning(tune, epochs, lr), workers=workers, device=device)
    _talk_about(carried)
    effects, found = _compared(carried, baseline, level)
    identity = carried.plan.identity
    if as_json:
        about = {"schema": "barnspider/transfer/1", "study": identity, "of": carried.plan.source.identity}
        lacking = [{"arm": cell.arm, "seed": cell.seed} for cell in carried.lacking]
        show({**about, "lacking": lacking, "effects": effects.to_json(), "transfer": found.to_json()}, "")
    else:
        show(None, f"{effects.text(len(effects.classes) if everything else top)}\n\n{found}")
    talk(f"Next: barnspider report {opened.root} --study {identity}")


def _opened(source: Path, store: Path, study: str | None) -> tuple[Store, str | None]:
    """Return the store and the study that a study file, or a store, names."""
    from barnspider.lab.study import read_study
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

    if source.suffix != ".toml":
        return Store.existing(source), study
    if study is not None:
        raise InputError(f"study={study!r} was given with a study file, which says it; leave out --study")
    sweep = read_study(source)
    if not isinstance(sweep, Sweep):
        raise InputError(f"{str(source)!r} is a study of a command, whose weights no store keeps; expected a [recipe]")
    opened = Store.existing(store)
    if sweep.identity not in opened.studies():
        raise InputError(f"{str(store)!r} holds no run of {str(source)!r} yet; train it: barnspider run {source}")
    return opened, sweep.identity


def _tuning(tune: bool, epochs: int | None, lr: float | None) -> Tuning | None:
    from barnspider.lab.transfer import Tuning

    if not tune:
        if given := [name for name, value in {"--epochs": epochs, "--lr": lr}.items() if value is not None]:
            raise InputError(f"{given[0]} says how whole networks are trained on; expected --tune with it")
        return None
    return Tuning(epochs or 5, lr)


def _talk_about(carried: Carried) -> None:
    total = len(carried.plan.source.cells)
    there = total - len(carried.lacking)
    talk(f"{carried.done} of {total} networks transferred now, {there} are in {carried.store.root}/.")
    if carried.lacking:
        names = listing(f"{cell.arm}, seed {cell.seed}" for cell in carried.lacking)
        talk(
            f"note: {len(carried.lacking)} of {total} are left out, for their weights are not kept: {names}. With"
            ' keep = "weights" in the study file, `barnspider run` makes them'
        )


def _compared(carried: Carried, baseline: str | None, level: float) -> tuple[Effects, Transfer]:
    """Estimate the downstream effects of every dose, and what is worth what where."""
    from barnspider.effects import estimate
    from barnspider.sources import default_baseline
    from barnspider.transfer import compare_transfer

    there = carried.answers()
    root, identity = carried.store.root, carried.plan.identity
    base = named_arm(baseline, there) if baseline is not None else default_baseline(there, root, study=identity)
    effects = estimate(there, baseline=base, level=level)
    found = compare_transfer(
        carried.source(), there, choose_source_on=carried.source("validation"),
        choose_on=carried.answers("validation"), level=level,
    )  # fmt: skip
    return effects, found
