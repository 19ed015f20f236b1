"""The command that asks where else a harm is: transfer."""

from __future__ import annotations

import sys
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
    from barnspider.lab.transfer import Carried, Lent, Tuning
    from barnspider.store import Store
    from barnspider.transfer import Transfer

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="STUDY.toml|STORE",
        help="The study that trained the networks: its file, or a store.",
        show_default=False,
    ),
]
Pretrained = Annotated[
    list[str] | None,
    typer.Option(
        "--pretrained",
        metavar="NAME=MODULE:FUNCTION",
        help="In the place of a study, a network of yours, trained already; may be repeated, a NAME too.",
    ),
]
To = Annotated[str, typer.Option("--to", metavar="DATASET", help="The other data set: a name or path, as in a recipe.")]
Tune = Annotated[bool, typer.Option("--tune", help="Train whole networks on, instead of probes on frozen features.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="With --tune: how many epochs. Default: 5.")]
Rate = Annotated[
    float | None, typer.Option("--lr", help="With --tune: the highest learning rate. Default: a tenth of the study's.")
]


def transfer(
    to: To,
    source: Source = None,
    pretrained: Pretrained = None,
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
    study with keep = "weights", or networks of your own: --pretrained. What is answered is a study of its own in the
    same store, for audit, gate, report, doses and others with --study. Stop it any time; run it again to go on.
    """
    from barnspider.lab.transfer import transfer as carry

    look_for_data_in(data)
    most = sys.maxsize if everything else top
    if pretrained:
        _refuse_beside_pretrained(source=source, tune=tune, epochs=epochs, lr=lr, study=study)
        _show_lent(_lent(store, to, pretrained, workers, device), baseline, level, most, as_json)
        return
    opened, name = _opened(source, store, study)
    carried = carry(opened, to, study=name, tuning=_tuning(tune, epochs, lr), workers=workers, device=device)
    _talk_about(carried)
    _show_carried(carried, baseline, level, most, as_json)


def _show_carried(carried: Carried, baseline: str | None, level: float, top: int | None, as_json: bool) -> None:
    effects, found = _compared(carried, baseline, level)
    identity = carried.plan.identity
    about = {"schema": "barnspider/transfer/1", "study": identity, "of": carried.plan.source.identity}
    lacking = [{"arm": cell.arm, "seed": cell.seed} for cell in carried.lacking]
    told = {"lacking": lacking, "effects": effects.to_json(), "transfer": found.to_json()}
    show({**about, **told} if as_json else None, f"{effects.text(top)}\n\n{found}")
    talk(f"Next: barnspider report {carried.store.root} --study {identity}")


def _refuse_beside_pretrained(source: Path | None, tune: bool, **given: object) -> None:
    if source is not None:
        raise InputError(f"--pretrained stands in the place of a study; leave out {str(source)!r}, or --pretrained")
    for name, value in {"tune": tune, **given}.items():
        if value not in (None, False):
            raise InputError(
                f"--{name} is for networks of a study, whose recipe is known; of pretrained ones, features are used as"
                f" they are: leave out --{name}"
            )


def _lent(store: Path, to: str, pretrained: list[str], workers: int | None, device: str) -> Lent:
    from barnspider.lab.transfer import borrow, borrowed
    from barnspider.store import Store

    lent = borrow(Store(store), to, borrowed(pretrained), workers=workers, device=device)
    talk(f"{lent.done} of {len(pretrained)} networks transferred now; their answers are in {lent.store.root}/.")
    return lent


def _show_lent(lent: Lent, baseline: str | None, level: float, top: int | None, as_json: bool) -> None:
    """Say what each arm is worth and, where there are several, whom the choice between them costs."""
    from barnspider.effects import estimate
    from barnspider.sources import default_baseline
    from barnspider.transfer import worth

    there, identity = lent.answers(), lent.plan.identity
    value, effects = worth(there, level=level), None
    if len(there.arms) > 1:
        base = named_arm(baseline, there) if baseline is not None else None
        base = base or default_baseline(there, lent.store.root, study=identity)
        effects = estimate(there, baseline=base, level=level)
    about = {"schema": "barnspider/transfer/1", "study": identity, "of": None, "lacking": [], "transfer": None}
    told = {"effects": None if effects is None else effects.to_json(), "worth": value.to_json()}
    blocks = [] if effects is None else [effects.text(top)]
    show({**about, **told} if as_json else None, "\n\n".join([*blocks, str(value)]))
    one = "; give another network of the same data to compare it with" if effects is None else ""
    talk(f"Next: barnspider {'inequality' if one else 'report'} {lent.store.root} --study {identity}{one}")


def _opened(source: Path | None, store: Path, study: str | None) -> tuple[Store, str | None]:
    """Return the store and the study that a study file, or a store, names."""
    from barnspider.lab.study import read_study
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

    if source is None:
        raise InputError("nothing says whose networks; expected a study file or a store, or --pretrained")
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
