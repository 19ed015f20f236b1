"""What a study of a command would start: the very commands, and how long they take once one is known."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from barnspider.lab.command.sweep import Command, CommandSweep
from barnspider.names import visible
from barnspider.progress import clock
from barnspider.store import Store
from barnspider.words import counted

FIRST = 3
"""Commands that are shown."""


@dataclass(frozen=True)
class Outlook:
    """What a study needs. Nothing is started to find out: only runs that are there tell how long one takes.

    Attributes
    ----------
    planned, missing : numbers of runs
    first : the command lines of the first runs that are missing, in their order
    folder : where they are started
    workers : how many run side by side
    seconds_each : mean seconds of the `there` runs; None while there is none
    arms : the arms' names
    seeds : how many seeds
    failed : why missing runs failed when they were last tried
    warning : what would go wrong here, or ""
    """

    study: str
    planned: int
    missing: int
    first: tuple[str, ...]
    folder: str
    workers: int
    seconds_each: float | None
    arms: tuple[str, ...]
    seeds: int
    failed: tuple[str, ...]
    warning: str

    @property
    def there(self) -> int:
        """Runs that are in the store."""
        return self.planned - self.missing

    def __str__(self) -> str:
        lines = [
            f"study      {self.study}",
            f"arms       {len(self.arms)}: {', '.join(map(visible, self.arms))}",
            f"runs       {self.planned} planned ({self.seeds} seeds for each arm), "
            f"{self.there} there, {self.missing} missing",
            *self._time(),
        ]
        if self.failed:
            lines.append(
                f"failed     {len(self.failed)}, and will be tried again; the first {visible(self.failed[0], 300)}"
            )
        if self.missing:
            more = self.missing - len(self.first)
            lines += [f"starts     in {self.folder}; {{out}} is a place in the store:"]
            lines += [f"  {visible(line, 2000)}" for line in self.first]
            lines += [f"  and {more} more"] if more else []
        return "\n".join([*lines, *([f"warning    {self.warning}"] if self.warning else [])])

    def _time(self) -> list[str]:
        if self.seconds_each is None:
            return ["a run      nobody knows how long it takes until one is there"]
        lines = [f"a run      {clock(self.seconds_each)} (mean of {counted(self.there, 'run')} there)"]
        if self.missing:
            rest = self.seconds_each * -(-self.missing // self.workers)
            lines.append(f"the rest   about {clock(rest)} with {self.workers} side by side")
        return lines


def outlook(sweep: CommandSweep, store: Store, *, workers: int | None = None) -> Outlook:
    """Return what a sweep would start; starts nothing.

    Raises
    ------
    InputError
        When a file that the study lists is not there.
    """
    runs = sweep.runs()
    sealed = {document["key"]: document for document in store.sealed(runs)}
    missing = [run for run in runs if run.key not in sealed]
    failures = store.failures()
    return Outlook(
        study=sweep.identity, planned=len(runs), missing=len(missing),
        first=tuple(sweep.base.line(run.values) for run in missing[:FIRST]), folder=str(sweep.base.folder),
        workers=workers or sweep.base.workers,
        seconds_each=sum(d["seconds"] for d in sealed.values()) / len(sealed) if sealed else None,
        arms=tuple(dict.fromkeys(run.arm for run in runs)), seeds=len(sweep.seeds),
        failed=tuple(
            f"{run.arm}, seed {run.seed}: {failures[run.key].reason}" for run in missing if run.key in failures
        ),
        warning=_warning(sweep.base),
    )  # fmt: skip


def _warning(command: Command) -> str:
    """Return what is wrong with the program's name, where that can be told without starting it."""
    program = command.words[0]
    if "{" in program:
        return ""
    path = command.environment.get("PATH", os.environ.get("PATH"))
    if "/" in program and (command.folder / program).is_file() and os.access(command.folder / program, os.X_OK):
        return ""
    if "/" not in program and shutil.which(program, path=path):
        return ""
    return f"{visible(program)!r} is no program that can be started here"
