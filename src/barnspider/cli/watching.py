"""The command that looks on: status."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from barnspider.cli.options import AsJson, StudyName
from barnspider.cli.output import show
from barnspider.errors import InputError

LOOK = 5.0
"""Seconds between two looks."""


def status(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="A store's folder, or a packed file.")] = Path("runs"),
    study: StudyName = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until all is done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how far studies are, and what is found so far. What is done, running, failed, missing; the time left."""
    from barnspider.status import status as status_of
    from barnspider.store import opened

    there = opened(store)
    names = (study,) if study else there.studies()
    if not names:
        raise InputError(f"{str(store)!r} holds no study yet; plan one with `barnspider run`")
    while True:
        found = [status_of(there, name) for name in names]
        show({"studies": [s.as_dict() for s in found]} if as_json else None, "\n\n\n".join(map(str, found)))
        if not watch or all(s.is_over for s in found):
            return
        time.sleep(LOOK)
