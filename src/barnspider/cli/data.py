"""Commands about data: doctor, cache."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.options import AsJson, Data, Patient, Split, called
from barnspider.cli.output import show, talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import InputError
from barnspider.progress import Progress

if TYPE_CHECKING:
    from barnspider.checkup import AnswersCheckup
    from barnspider.lab.data import Checkup
    from barnspider.lab.data.marks import Watch

PATIENCE = 2.0
"""Seconds of work before a word is said about it."""

Near = Annotated[
    bool, typer.Option("--near", help="Look also for photographs that are nearly alike, such as compressed again.")
]
Every = Annotated[bool, typer.Option("--all", help="Name every image that is found, not only some.")]


def doctor(
    asked: Patient,
    split: Split = "test",
    near: Near = False,
    everything: Every = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what predictions, or a data set, hold and what would mislead. Exit 0: all is well; 1: something is wrong."""
    from barnspider.as_json import plain
    from barnspider.sources import holds_answers

    most = None if everything else 5
    if asked.given() or len(asked.sources) > 1 or holds_answers(asked.sources[0]):
        if near or data is not None:
            raise InputError(
                f"--{'near' if near else 'data'} is for data sets, but {called(asked.source)!r} holds predictions"
            )
        about, found = "predictions", _answers(asked, split, most)
    else:
        look_for_data_in(data)
        look = partial(_checkup, near=near, most=most)
        about = "data"
        (source,) = asked.sources
        found = _study(Path(source), look) if _is_study(source) else look(source)
    document = {"schema": "barnspider/doctor/1", "about": about, "is_well": found.is_well, **plain(found)}
    show(document if as_json else None, found)
    raise typer.Exit(0 if found.is_well else 1)


def _answers(asked: Patient, split: str, most: int | None) -> AnswersCheckup:
    """Examine answers; what looked wrong when they were read is a finding, too."""
    from barnspider.checkup import examine
    from barnspider.checkup.luck import AtChance
    from barnspider.finding import Finding
    from barnspider.tables import NotLogits

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        predictions = asked.read(split)
    wrong: list[Finding] = []
    for warning in told:
        if issubclass(warning.category, NotLogits):
            wrong.append(Finding("logits", True, 1, str(warning.message), (), ()))
        elif not issubclass(warning.category, AtChance):  # which sends people here
            talk(f"note: {warning.message}")
    found = examine(predictions, called(asked.source), most=most)
    return replace(found, findings=(*wrong, *found.findings))


def _is_study(source: str) -> bool:
    return source.endswith(".toml")


def _study(path: Path, look: Callable[[str, int], Checkup]) -> Checkup:
    """Examine what a study trains on, split as the study splits it."""
    from barnspider.lab.study import read_study
    from barnspider.lab.sweep import Sweep

    sweep = read_study(path)
    if not isinstance(sweep, Sweep):
        raise InputError(f"{str(path)!r} is a study of a command, which has its data for itself; expected a [recipe]")
    found = look(sweep.base.dataset, sweep.base.split_seed)
    sweep.check_classes(found.classes)
    sweep.check_channels(found.shape[0])
    return found


def _checkup(name: str, split_seed: int = 0, *, near: bool, most: int | None) -> Checkup:
    from barnspider.lab.data import examine, leaves_out, load

    data = load(name, split_seed=split_seed, bad="leave-out")
    count = sum(map(len, (data.train, data.validation, data.test)))
    with _patient("looking at images", count * (3 if near else 1)) as watch:
        return examine(data, near=near, most=most, refuse=not leaves_out(name), watch=watch)


@contextmanager
def _patient(what: str, total: int) -> Generator[Watch]:
    """Show progress of what takes long, and be silent about what does not."""
    start = time.monotonic()
    with Progress(what, total=total) as progress:
        progress.begin()

        def watch(done: int) -> None:
            if time.monotonic() - start > PATIENCE:
                progress.show(done)

        yield watch


def cache(
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="Remove what has this name or source.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Remove what was not used for so long: 30d.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="SIZE", help="Remove what was used longest ago, until so much is left."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List decoded data and downloads, or make room. All of it can be made again, and nothing else is touched."""
    from barnspider.as_json import plain
    from barnspider.lab.data import cache as kept
    from barnspider.lab.download import cache_folder

    gone = kept.choose(
        kept.entries(),
        time.time(),
        names=remove or (),
        older_than=None if older_than is None else kept.read_time(older_than),
        most=None if to is None else kept.read_size(to),
    )
    removed = [entry for entry in gone if kept.remove(entry)]
    busy = [entry for entry in gone if entry not in removed]
    for entry in removed:
        talk(f"removed {entry.name} ({kept.said_size(entry.size)}): {entry.source}")
    for entry in busy:
        talk(f"kept {entry.name}: a running process is making it ({entry.source})")
    folder, left = cache_folder(), kept.entries()
    found = {"folder": str(folder), "entries": left, "removed": removed, "busy": busy}
    show({"schema": "barnspider/cache/1", **plain(found)} if as_json else None, kept.told(left, folder))
