"""Commands that train: demo, plan, run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from barnspider.cli.options import Data, Device, StoreFolder, StudyFile, Workers
from barnspider.cli.output import talk
from barnspider.errors import InputError


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store and the page.")] = Path("demo"),
    workers: Workers = None,
) -> None:
    """Tell the whole story on handwritten digits, in about a minute."""
    from barnspider.demo import tell_demo

    tell_demo(out, workers)


def plan(study: StudyFile, store: StoreFolder = Path("runs"), workers: Workers = None, data: Data = None) -> None:
    """Say what would be trained, what is there already, how long the rest takes, how much disk it needs."""
    from barnspider.lab.cost import price
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    look_for_data_in(data)
    typer.echo(str(price(read_study(study), Store(store), workers=workers)))


def run(
    study: StudyFile,
    store: StoreFolder = Path("runs"),
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
) -> None:
    """Train what is missing of a study. Stop it any time; run it again to go on."""
    from barnspider.lab.run import train_missing
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    look_for_data_in(data)
    sweep = read_study(study)
    trained = train_missing(sweep, Store(store), workers=workers, device=device)
    total = len(sweep.runs())
    talk(f"{trained} of {total} runs trained now, all {total} are in {store}/. Next: barnspider audit {store}")


def look_for_data_in(folder: Path | None) -> None:
    """Let named data sets be looked for here, by this process and its workers."""
    if folder is None:
        return
    if not folder.is_dir():
        raise InputError(f"data={str(folder)!r} is no folder; expected the folder where your data sets are")
    os.environ["BARNSPIDER_DATA"] = str(folder.resolve())
