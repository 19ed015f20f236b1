"""What a study will cost, measured before it is paid: runs, time, disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from barnspider.lab.command.outlook import Outlook, outlook
from barnspider.lab.cores import core_count
from barnspider.lab.data import load
from barnspider.lab.probe import seconds_of
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Run, Sweep
from barnspider.progress import clock
from barnspider.store import Store


@dataclass(frozen=True)
class Cost:
    """What a study needs.

    Attributes
    ----------
    planned, there, missing : numbers of runs
    seconds_each : seconds of one core for one run; where it comes from is in `measured_on`
    workers : processes side by side
    bytes_each : disk for one run's answers
    arms : the arms' names
    seeds : how many seeds
    """

    study: str
    planned: int
    missing: int
    seconds_each: float
    measured_on: str
    workers: int
    bytes_each: int
    arms: tuple[str, ...]
    seeds: int

    @property
    def seconds(self) -> float:
        """Wall time for what is missing, if all workers are kept busy."""
        return self.seconds_each * -(-self.missing // self.workers)

    def __str__(self) -> str:
        return "\n".join([
            f"study      {self.study}",
            f"arms       {len(self.arms)}: {', '.join(self.arms)}",
            f"runs       {self.planned} planned ({self.seeds} seeds for each arm), "
            f"{self.planned - self.missing} there, {self.missing} missing",
            f"a run      {clock(self.seconds_each)} on one core ({self.measured_on})",
            f"the rest   about {clock(self.seconds)} with {self.workers} workers of one core each",
            f"disk       about {self.bytes_each * self.missing / 1e6:.1f} MB",
        ])  # fmt: skip


def price(sweep: AnySweep, store: Store, *, workers: int | None = None) -> Cost | Outlook:
    """Return what a study would start and what it would cost; see `Cost` and, for commands, `Outlook`."""
    return _price(sweep, store, workers) if isinstance(sweep, Sweep) else outlook(sweep, store, workers=workers)


def _price(sweep: Sweep, store: Store, workers: int | None) -> Cost:
    """Count what a sweep would train and say what it would cost; trains nothing that is kept.

    The time of a run is the mean of this study's runs in the store or, where there is none yet, that of a short
    training on a part of the images, scaled up.
    """
    runs = sweep.runs()
    documents = store.sealed(runs)
    data = load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    sweep.check_classes(data.classes)
    sweep.check_channels(data.shape[0])
    if documents:
        seconds, source = sum(d["seconds"] for d in documents) / len(documents), f"mean of {len(documents)} runs there"
    else:
        seconds, source = seconds_of(runs[-1].recipe), "measured by two short trainings"
    answers = len(data.test.labels) + len(data.validation.labels)
    return Cost(
        study=sweep.identity, planned=len(runs), missing=_missing(runs, store, len(documents)), seconds_each=seconds,
        measured_on=source, workers=workers or core_count(), bytes_each=2000 + 6 * answers,
        arms=tuple(dict.fromkeys(run.arm for run in runs)), seeds=len(sweep.seeds),
    )  # fmt: skip


def _missing(runs: Sequence[Run], store: Store, sealed: int) -> int:
    """Return how many runs would be trained: those that are not sealed, and those that lack weights to be kept.

    A plan looks and changes nothing, so that damaged weights count as there until a run finds them.
    """
    if not any(run.keeps_weights for run in runs):
        return len(runs) - sealed
    done = [document["key"] for document in store.sealed(runs) if document["status"] == "done"]
    return len(runs) - sealed + sum(not (store.root / "weights" / key).exists() for key in done)
