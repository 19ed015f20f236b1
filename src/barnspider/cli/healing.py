"""The command that closes the loop: heal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.judging import Case, refuse_folder, write_judged
from barnspider.cli.options import AsJson, Data, Device, Level, StoreFolder, StudyFile, Workers
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError

if TYPE_CHECKING:
    from barnspider.heal import Healed, Healing
    from barnspider.store import Store

Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        help="own best, label preservation, receivers, harmed and receivers, harmed groups; may be repeated. Default:"
        " all but the second, which needs `barnspider preserve` first.",
    ),
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        help="Judge beside them: clam, group-dro, fading labels, longer, shorter; or, made without training, mean"
        " answers, mean weights, moved logits; may be repeated.",
    ),
]
At = Annotated[
    float | None, typer.Option("--at", help="The dose that all classes get otherwise. Default: that of the best mean.")
]
Rounds = Annotated[int, typer.Option("--rounds", min=0, help="Rounds of the loop, at most.")]
Judges = Annotated[int, typer.Option("--judges", min=2, help="Fresh seeds that judge.")]
Together = Annotated[
    float,
    typer.Option("--together", help="One dose for classes of which so many images are confused; 1: each its own."),
]
Budget = Annotated[
    int | None, typer.Option("--budget", min=1, help="Runs at most, of everything; else nothing starts.")
]
OnlyBill = Annotated[bool, typer.Option("--plan", help="Say how many runs it takes, and end.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="FOLDER", help="Write there: table, page and JSON, prescriptions, answers."),
]


def heal(
    study: StudyFile,
    store: StoreFolder = Path("runs"),
    rules: Rules = None,
    methods: Methods = None,
    at: At = None,
    rounds: Rounds = 3,
    together: Together = 0.01,
    judges: Judges = 4,
    budget: Budget = None,
    only_bill: OnlyBill = False,
    out: OutFolder = None,
    level: Level = 0.95,
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Look for doses that harm nobody: prescribe, train, audit, adjust. And judge all of it with fresh seeds.

    The study is trained, every rule prescribes a dose for each class, and a loop weakens the doses of who is still
    harmed and of who receives their answers. All choices are made on validation images; test images and fresh seeds
    judge every arm against the baseline, the best single dose and each class's own best dose. Stop it any time; run it
    again to go on.
    """
    from barnspider.heal import Healing
    from barnspider.heal import heal as made
    from barnspider.lab import Store, Sweep, read_study

    look_for_data_in(data)
    sweep = read_study(study)
    if not isinstance(sweep, Sweep):
        raise InputError(
            f"{str(study)!r} is a study of a command; prescribe for it, and let your trainer read the file"
        )
    plan = Healing(
        sweep, *((tuple(rules),) if rules else ()), methods=tuple(methods or ()), rounds=rounds, judges=judges, at=at,
        level=level, together=together,
    )  # fmt: skip
    _state(plan, budget, None if only_bill else out)
    if only_bill:
        return
    found = made(plan, Store(store), workers=workers, device=device, tell=talk)
    show(found.to_json() if as_json else None, found)
    if out is not None:
        _write(found, plan.baseline, Store(store), out)
    talk(f"The judgement is a study of its own: barnspider report {store} --study {found.study}")


def _state(plan: Healing, budget: int | None, out: Path | None) -> None:
    """Say what it takes before anything is trained; `InputError` where that is too much, or `out` is no folder."""
    bill = plan.bill()
    talk(str(bill))
    if budget is not None and bill.total > budget:
        raise InputError(
            f"budget={budget} is less than {bill.total} runs; expected more, or fewer rounds, rules, judges"
        )
    refuse_folder(out)


def _write(found: Healed, baseline: str, store: Store, folder: Path) -> None:
    """Write the judgement, the answers that it is made of, and each prescription."""
    from barnspider.sources import provenance
    from barnspider.tables.prescription_file import write_prescription

    case = Case(found.fresh, found.chooser, baseline, found.tried)
    write_judged(found.judgement, case, found.to_json(), folder, provenance(store.root, study=found.study))
    for name, rx in found.tried.prescriptions.items():
        write_prescription(rx, folder / f"{name.replace(' ', '-')}.json")
    for name, answers in (("fresh", found.fresh), ("chooser", found.chooser)):
        replace(answers, p_label=None).save(folder / f"{name}.npz")
    talk(
        f"beside it {len(found.tried.prescriptions)} prescriptions, and the answers: barnspider judge"
        f" {folder / 'fresh.npz'} --chosen-on {folder / 'chooser.npz'} --tried {folder / 'judgement.json'}"
    )
