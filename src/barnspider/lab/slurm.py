"""A study as an array of SLURM jobs: a script whose every task is `barnspider work`, and may be requeued any time."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from barnspider.errors import InputError
from barnspider.files import write_whole
from barnspider.names import visible
from barnspider.store import Store, slug

NOTICE = 120
"""Seconds before its time is over at which a job is told, so that it can save what it does."""

EARLIER = 60
"""Seconds by which SLURM may tell it earlier (`man sbatch`, --signal)."""

CARRIED = ("PYTHONPATH", "BARNSPIDER_DATA", "BARNSPIDER_CACHE")
"""Variables that a task gets as they are where the script is made."""

_DIRECTIVE = "#SBATCH"

_FORMS = {
    "partition": (r"[\w.,-]+", "the name of a partition, or several with commas between"),
    "account": (r"[\w.@+-]+", "the name of an account"),
    "gpus": (r"(?:[\w.-]+:)?[1-9][0-9]*", "how many GPUs each job gets, such as 1 or a100:2"),
    "time": (
        r"[0-9]+|[0-9]+:[0-9]{2}(?::[0-9]{2})?|[0-9]+-[0-9]+(?::[0-9]{2}){0,2}",
        "as SLURM takes it: minutes, minutes:seconds, hours:minutes:seconds, or days-hours",
    ),
    "mem": (r"[1-9][0-9]*[KMGT]?", "as SLURM takes it, such as 16G"),
}
"""What SLURM's options look like, so that no value can be anything else to the shell or to SLURM."""


@dataclass(frozen=True)
class Resources:
    """What each job of an array gets. What is None is left to the cluster.

    Attributes
    ----------
    jobs : how many jobs there are
    partition, account, time, mem, gpus : as SLURM takes them
    cpus : cores of each job; by default one for each worker
    setup : lines of shell that each job begins with; those that begin with #SBATCH stand at the script's head

    Raises
    ------
    InputError
        When a value is not as SLURM takes it.
    """

    jobs: int
    partition: str | None = None
    account: str | None = None
    time: str | None = None
    mem: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    setup: str = ""

    def __post_init__(self) -> None:
        for name, (form, expected) in _FORMS.items():
            value = getattr(self, name)
            if value is not None and not re.fullmatch(form, value, re.ASCII):
                raise InputError(f"{name}={visible(value)!r}; expected {expected}")
        if self.time is not None and 0 < seconds(self.time) <= NOTICE + EARLIER:
            raise InputError(
                f"time={self.time!r} is {seconds(self.time)} seconds; expected more than {NOTICE + EARLIER}, since a"
                " job is told so long before its time is over, and would never begin"
            )

    @property
    def gpu_count(self) -> int:
        """How many GPUs each job gets."""
        return 0 if self.gpus is None else int(self.gpus.rpartition(":")[2])


@dataclass(frozen=True)
class Array:
    """An array of jobs that work on one study of a store.

    Attributes
    ----------
    options : what `barnspider work` is told beside the store and the study
    workers : processes of each job
    environment : variables that each job gets
    """

    store: Path
    study: str
    resources: Resources
    options: tuple[str, ...] = ()
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def script(self) -> str:
        """Return the script, which is safe whatever the names of its files are.

        A job that is told that its time is nearly over (SIGUSR1), or that it must make room (SIGTERM), lets its workers
        save their states and give their claims back. Of its own accord it is requeued in the first case; in the second
        SLURM decides.
        """
        every = self.resources.setup.splitlines()
        directives = [*self._directives(), *(line for line in every if line.startswith(_DIRECTIVE))]
        work = ["-m", "barnspider", "work", str(self.store.absolute()), f"--study={self.study}"]
        filled = {
            "directives": "\n".join(directives),
            "exports": "\n".join(f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()),
            "folder": shlex.quote(str(Path.cwd())),
            "setup": "\n".join(line for line in every if not line.startswith(_DIRECTIVE)),
            "python": shlex.quote(sys.executable),
            "work": shlex.join([*work, "--workers", str(self.workers), *self.options, "--no-wait"]),
        }
        return re.sub(r"@(\w+)@", lambda found: filled[found[1]], _SCRIPT)

    def _directives(self) -> list[str]:
        asked = self.resources
        given = {
            "job-name": f"barnspider-{slug(self.study)}",
            "array": f"0-{asked.jobs - 1}",
            "nodes": "1",
            "ntasks": "1",
            "cpus-per-task": str(asked.cpus or self.workers),
            "partition": asked.partition,
            "account": asked.account,
            "gpus-per-node": asked.gpus,
            "mem": asked.mem,
            "time": asked.time,
            "signal": f"B:USR1@{NOTICE}",
            "open-mode": "append",
        }
        return [*(f"{_DIRECTIVE} --{k}={v}" for k, v in given.items() if v is not None), f"{_DIRECTIVE} --requeue"]

    def write(self) -> Path:
        """Write the script into the store; return where it is. `StoreError` when that cannot be."""
        text = self.script().encode(errors="surrogateescape")
        path = self.store.absolute() / "jobs" / f"{slug(self.study)}.sh"
        return write_whole(path, lambda file: file.write(text))


def seconds(time: str) -> int:
    """Return how long a time is that is written as SLURM takes it; 0 is without limit.

    Examples
    --------
    >>> [seconds(time) for time in ("90", "4:30", "04:00:00", "1-12", "1-12:30")]
    [5400, 270, 14400, 129600, 131400]
    """
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    units = (3600, 60, 1) if dash or len(parts) == 3 else (60, 1)
    return int(days or 0) * 86400 + sum(part * unit for part, unit in zip(parts, units, strict=False))


_SCRIPT = r"""#!/bin/bash
@directives@

# Each task of this array takes missing runs of the study until none is left; it may be stopped and requeued any time.
# Names are quoted as they are, and functions are called by traps.
# shellcheck disable=SC2016,SC2317,SC2329
worker=''
interrupted=''
requeue() { scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"; }
pass_on() {
  interrupted=yes
  if [ -n "$worker" ]; then
    kill -s "$1" "$worker" 2>/dev/null
  elif [ "$1" = USR1 ]; then
    requeue
    exit 75
  else
    exit 130
  fi
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

@exports@
cd @folder@ || exit 2
@setup@
set +e

python=@python@
"${BARNSPIDER_PYTHON:-$python}" @work@ &
worker=$!
while :; do # a trap ends `wait` before the worker has ended
  interrupted=''
  wait "$worker"
  code=$?
  [ -n "$interrupted" ] || break
done
if [ "$code" -eq 75 ]; then # it gave way, and is to be started again
  requeue
fi
exit "$code"
"""


def carried() -> dict[str, str]:
    """Return those variables of this process that the jobs get, too."""
    return {name: os.environ[name] for name in CARRIED if os.environ.get(name)}


def submit(script: Path) -> str:
    """Hand a script to SLURM; return the number of the job.

    Raises
    ------
    InputError
        When there is no `sbatch` here, or it refuses.
    """
    try:
        done = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError(f"there is no `sbatch` on this machine; the script is in {str(script)!r}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise InputError(f"sbatch refused the script {str(script)!r}: {visible(said, longest=1000)}")
    return done.stdout.strip().partition(";")[0]


def array_of(store: Store, study: str, resources: Resources, *, workers: int | None, device: str | None) -> Array:
    """Return the array that works on a planned study: a worker for each GPU or, without, for each core.

    `device` is None for commands, which choose their own.
    """
    count = workers or resources.gpu_count or resources.cpus or 1
    options = () if device is None else ("--device", "cuda" if resources.gpu_count and device == "cpu" else device)
    return Array(store.root, study, resources, options, count, carried())
