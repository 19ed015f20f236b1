"""make_on_ray(sweep, store, asked): plan a study as `run` does, and have it made on the nodes of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from barnspider.errors import InputError, TrainingError
from barnspider.lab.claims import clear_abandoned
from barnspider.lab.cluster.crew import Crew
from barnspider.lab.cluster.job import Asked, Job, token_in
from barnspider.lab.cluster.nodes import joined, needed
from barnspider.lab.command.agreement import Agreement
from barnspider.lab.run import lay_out
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Sweep
from barnspider.lab.tally import Tally
from barnspider.progress import Progress
from barnspider.store import Planned, Sent, Store, receive

USUAL = ("BARNSPIDER_DATA", "BARNSPIDER_CACHE")
"""Variables that workers get as they are here, where their node has none of the name."""


def make_on_ray(sweep: AnySweep, store: Store, asked: Asked) -> Tally:
    """Make what is missing of a study on the nodes of a Ray cluster; return who has made how many runs.

    A node that sees the store works in it as any worker does; of others the runs are sent back, and sealed here.

    Raises
    ------
    InputError
        When Ray is not installed, no cluster is where one was named, or no node can make the study.
    TrainingError
        When a run could not be made; all others are made and sealed first.
    StoreError
        As `barnspider.lab.run`.
    """
    needed()
    asked = _fitting(asked, sweep)
    fingerprint = _planned(sweep, store)
    runs: list[Planned] = list(store.missing(sweep.runs()))
    if not runs:
        return Tally(0)
    doing, done = ("training", "trained") if isinstance(sweep, Sweep) else ("running", "run")
    with token_in(store) as token, Progress(doing, total=len(runs)) as progress:
        progress.show(0)
        with joined(asked) as cluster:
            job = _job(sweep, store, asked, fingerprint, *token)
            crew = Crew(cluster, store, job, asked.workers, _sealing(sweep))
            crew.make(runs, progress)
    if still := len(store.missing(runs)):
        why = crew.complaints[0] if crew.complaints else "another command has changed the plan meanwhile"
        raise TrainingError(f"{still} of {len(runs)} runs could not be {done}; the first reason: {why}")
    return Tally(crew.sealed, len(runs) - crew.sealed)


def _fitting(asked: Asked, sweep: AnySweep) -> Asked:
    """Return what is asked as a sweep needs it: trainings are on the GPUs that they get, on one each."""
    if not isinstance(sweep, Sweep):
        if asked.device != "cpu":
            raise InputError(
                f"device={asked.device!r} is for our own trainings; a command gets its part of a GPU by --gpus"
            )
        return asked
    if asked.gpus > 1:
        raise InputError(f"gpus={asked.gpus:g}; a training uses one GPU; expected 1 or a part of one, such as 0.25")
    if asked.device == "cuda" or asked.gpus:
        return replace(asked, device="cuda", gpus=asked.gpus or 1.0)
    return asked


def _planned(sweep: AnySweep, store: Store) -> str:
    """Write the plan into the store; return the fingerprint of the data that all must have, "" of commands."""
    if isinstance(sweep, Sweep):
        return lay_out(sweep, store).fingerprint
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    clear_abandoned(store.root)
    return ""


def _sealing(sweep: AnySweep) -> Callable[[Store, Sent], bool]:
    """Return what seals a run that is sent back; one of a command must be about the images of the others."""
    if isinstance(sweep, Sweep):
        return receive
    planned = {run.key: run for run in sweep.runs()}
    return lambda store, sent: Agreement(sweep, store).seal_sent(planned[sent.key], sent)


def _job(sweep: AnySweep, store: Store, asked: Asked, fingerprint: str, token: Path, secret: str) -> Job:
    own = isinstance(sweep, Sweep)
    return Job(
        room="worker" if own else "command.worker",
        store=store.root.absolute(),
        study=store.study(sweep.identity),
        options=("--device", asked.device) if own else (),
        token=token,
        secret=secret,
        given={} if asked.data is None else {"BARNSPIDER_DATA": str(asked.data)},
        usual={name: os.environ[name] for name in USUAL if os.environ.get(name)},
        fingerprint=fingerprint,
    )
