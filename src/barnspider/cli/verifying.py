"""The command that looks whether a store can be trusted: verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barnspider.cli.options import AsJson, Data, Device
from barnspider.cli.output import show
from barnspider.cli.studies import look_for_data_in

Looked = Annotated[Path, typer.Argument(metavar="STORE", help="A store's folder.")]
Which = Annotated[str | None, typer.Option("--study", help="Which study of the store. Default: all.")]
Sample = Annotated[int, typer.Option("--sample", min=0, help="Runs of each study that are made once more.")]


def verify(
    store: Looked = Path("runs"),
    study: Which = None,
    sample: Sample = 3,
    data: Data = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Check a store: all sums, mixed environments, and a few runs made once more. Nothing in it is changed.

    In the same environment a run must be the same bit for bit; elsewhere its accuracies are compared, and so are those
    of commands, which are started again; --sample 0 makes nothing again. Exit 0 where all is right, 1 where a sum is
    wrong or a run does not come out again, 3 where nobody can tell.
    """
    from barnspider.store import Store
    from barnspider.verifying import verify as verified

    look_for_data_in(data)
    found = verified(Store.existing(store), study, sample=sample, device=device)
    show({"schema": "barnspider/verify/1", **found.to_json()} if as_json else None, found)
    raise typer.Exit(found.exit_code)
