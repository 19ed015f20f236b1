"""The command that trains a packed study once more: repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barnspider.cli.options import MAX_DROP, AsJson, Data, Device, Level, StudyName, Workers, doses_in
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.words import counted

Packed = Annotated[Path, typer.Argument(metavar="FILE", help="A packed file, or the store that trained the study.")]
Into = Annotated[Path, typer.Option("--store", help="Folder that keeps the new runs; not the one that trained it.")]
Seeds = Annotated[int | None, typer.Option("--seeds", min=1, help="How many of its seeds. Default: all.")]
Doses = Annotated[
    str | None, typer.Option("--doses", metavar="DOSE,...", help="Which of its doses, the baseline among them.")
]
Margin = Annotated[
    float,
    typer.Option("--margin", parser=MAX_DROP.parser, metavar="FLOAT", help="What may differ; 0.02 is two points."),
]


def repeat(
    packed: Packed,
    store: Into = Path("repeated"),
    study: StudyName = None,
    seeds: Seeds = None,
    doses: Doses = None,
    margin: Margin = 0.02,
    level: Level = 0.95,
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Train a packed study once more, and compare. Exit 0 where they agree, 1 where not, 3 where it cannot tell.

    In the same environment runs are the same bit for bit. Elsewhere effects are compared: they agree where no class
    and no average certainly differs, and both certainly differ by less than --margin. Stop it any time; run it again
    to go on.
    """
    from barnspider.repeat import repeat as again
    from barnspider.store import Store, opened

    look_for_data_in(data)
    found = again(
        opened(packed), Store(store), study=study, seeds=seeds, doses=doses_in(doses), workers=workers, device=device,
        level=level, margin=margin,
    )  # fmt: skip
    here = found.tally.here
    talk(f"{counted(here, 'run')} trained now, {found.agreement.new} compared; they are in {store}/")
    show({"schema": "barnspider/repeat/1", **found.to_json()} if as_json else None, found)
    raise typer.Exit(found.exit_code)
