"""The options of `run` that leave the work to a cluster, and what SLURM is then given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from barnspider.cli.options import Options
from barnspider.cli.output import talk
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.words import counted

if TYPE_CHECKING:
    from barnspider.lab.cluster import Asked
    from barnspider.lab.slurm import Resources
    from barnspider.lab.study import AnySweep

ON = Annotated[
    Literal["slurm", "ray"] | None,
    typer.Option(
        "--on",
        help="slurm: train nothing here, but write a script whose jobs do, into the store. ray: train on the nodes of a"
        " Ray cluster, and stay until all is made.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="With --on slurm: how many jobs work side by side.")]
Partition = Annotated[str | None, typer.Option("--partition", help="With --on slurm: where.")]
Account = Annotated[str | None, typer.Option("--account", help="With --on slurm: who pays.")]
Gpus = Annotated[
    str | None,
    typer.Option(
        "--gpus",
        metavar="[TYPE:]N",
        help="With --on slurm: GPUs of each job, a worker for each. With --on ray: of each worker, as 1 or 0.25.",
    ),
]
Time = Annotated[str | None, typer.Option("--time", help="With --on slurm: each job's time, as 04:00:00.")]
Memory = Annotated[str | None, typer.Option("--mem", help="With --on slurm: each job's memory, as 16G.")]
Cpus = Annotated[
    int | None, typer.Option("--cpus", min=1, help="With --on slurm: cores of each job. With --on ray: of each worker.")
]
Setup = Annotated[
    Path | None,
    typer.Option("--setup", metavar="FILE", help="With --on slurm: lines of shell that each job begins with."),
]
Submit = Annotated[bool, typer.Option("--submit", help="With --on slurm: hand the script to sbatch.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="With --on ray: the cluster's head; local for this machine alone. Default: RAY_ADDRESS, or the cluster"
        " that this machine has joined, or else this machine alone.",
    ),
]
ONLY = {
    "slurm": ("jobs", "partition", "account", "time", "mem", "setup", "submit"),
    "ray": ("address",),
}
"""Options that one cluster knows and the other does not."""


@dataclass(frozen=True)
class Cluster(Options):
    """Where else than here a study is made."""

    on: ON = None
    jobs: Jobs = 1
    partition: Partition = None
    account: Account = None
    gpus: Gpus = None
    time: Time = None
    mem: Memory = None
    cpus: Cpus = None
    setup: Setup = None
    submit: Submit = False
    address: Address = None

    def check(self) -> None:
        """Refuse options of a cluster where none is named, and of one where the other is."""
        given = [f.name for f in fields(self) if f.name != "on" and getattr(self, f.name) != f.default]
        if self.on is None and given:
            known = [name for name, own in ONLY.items() if given[0] in own] or list(ONLY)
            raise InputError(
                f"--{given[0]} is about the {'workers' if known == ['ray'] else 'jobs'} of a cluster; expected"
                f" {' or '.join(f'--on {name}' for name in known)} with it"
            )
        for name, own in ONLY.items():
            if name != self.on and (alien := [option for option in given if option in own]):
                raise InputError(f"--{alien[0]} is for --on {name}; leave it out with --on {self.on}")

    def resources(self) -> Resources:
        """Return what each job gets; `InputError` where SLURM would not take it."""
        from barnspider.lab.slurm import Resources

        return Resources(
            self.jobs, self.partition, self.account, self.time, self.mem, self.gpus, self.cpus, self._setup_lines()
        )

    def asked(self, workers: int | None, device: str, data: Path | None) -> Asked:
        """Return what is asked of a Ray cluster; `InputError` where there can be no such thing."""
        from barnspider.lab.cluster import Asked

        try:
            gpus = float(self.gpus or 0)
        except ValueError:
            raise InputError(
                f"gpus={visible(self.gpus or '')!r}; with --on ray expected a number, such as 1 or 0.25"
            ) from None
        where = None if data is None else data.resolve()
        return Asked(self.address, workers, self.cpus or 1, gpus, device, where)

    def _setup_lines(self) -> str:
        if self.setup is None:
            return ""
        try:
            return self.setup.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"setup={str(self.setup)!r} cannot be read: {error}; expected lines of shell") from None


def leave_to(cluster: Cluster, sweep: AnySweep, store: Path, *, workers: int | None, device: str) -> None:
    """Plan a study, write the script that makes it, and hand that over where that is wanted."""
    from barnspider.lab.planning import plan_only
    from barnspider.lab.slurm import array_of, submit
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

    kept, resources = Store(store), cluster.resources()
    missing = plan_only(sweep, kept)
    given = device if isinstance(sweep, Sweep) else None
    script = array_of(kept, sweep.identity, resources, workers=workers, device=given).write()
    planned = (
        f"{missing} of {counted(len(sweep.runs()), 'run')} missing; {counted(resources.jobs, 'job')} may take them"
    )
    place = shlex.quote(str(store))
    if cluster.submit:
        typer.echo(submit(script))
        talk(f"{planned}, and are submitted. Next: barnspider status {place}")
    else:
        typer.echo(script)
        talk(f"{planned}. Next: sbatch {shlex.quote(str(script))}; then barnspider status {place}")
