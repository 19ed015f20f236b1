"""What a study will cost, measured before it is paid: runs, time, memory, disk, money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from barnspider.errors import InputError
from barnspider.lab.command.outlook import Outlook, outlook
from barnspider.lab.cores import core_count
from barnspider.lab.data.checkup import said_size
from barnspider.lab.data.packing import room
from barnspider.lab.data.survey import Survey, survey
from barnspider.lab.probe import Measured, measured
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Run, Sweep
from barnspider.progress import Stages, clock
from barnspider.store import Store


@dataclass(frozen=True)
class Cost:
    """What a study needs.

    Attributes
    ----------
    planned, there, missing : numbers of runs
    seconds_each : seconds for one run, of one core or of one GPU; where it comes from is in `measured_on`
    workers : processes side by side
    bytes_each : disk for one run: its answers, and its weights where they are kept
    arms : the arms' names
    seeds : how many seeds
    device : what the runs are for, "cpu" or "cuda"
    data : the data set, or what is known of it before it is decoded
    batch : images of a step, as the recipe says
    trial : what the short trainings have measured; None where runs that are there tell the time
    price : of an hour of one core or one GPU, in whatever money; None if nobody said
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
    device: str
    data: Survey
    batch: int
    trial: Measured | None = None
    price: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time for what is missing, if all workers are kept busy."""
        return self.seconds_each * -(-self.missing // self.workers)

    @property
    def hours(self) -> float:
        """Hours of a core, or of a GPU, for what is missing."""
        return self.seconds_each * self.missing / 3600

    @property
    def money(self) -> float | None:
        """What these hours cost."""
        return None if self.price is None else self.hours * self.price

    def __str__(self) -> str:
        one = self._one
        return "\n".join([
            f"study      {self.study}",
            f"arms       {len(self.arms)}: {', '.join(self.arms)}",
            f"runs       {self.planned} planned ({self.seeds} seeds for each arm), "
            f"{self.planned - self.missing} there, {self.missing} missing",
            f"a run      {clock(self.seconds_each)} on one {one} ({self.measured_on})",
            f"the rest   about {clock(self.seconds)} with {self.workers} workers of one {one} each",
            f"disk       about {self.bytes_each * self.missing / 1e6:.1f} MB",
            *self._details(),
        ])  # fmt: skip

    @property
    def _one(self) -> str:
        return "core" if self.device == "cpu" else "GPU"

    def _details(self) -> Iterator[str]:
        if self.trial is not None:
            yield from self._measured(self.trial)
            yield from self._reading(self.trial)
        if self.data.waiting:
            yield from self._decoding()
        if self.money is not None:
            yield f"price      about {self.money:,.2f}: {self.hours:,.1f} {self._one}-hours at {self.price:g}"

    def _measured(self, trial: Measured) -> Iterator[str]:
        small = trial.batch < self.batch
        steps = f", in batches of {trial.batch}, not {self.batch}" if small else ""
        times = f"{_short(trial.trained)} for an image trained on, {_short(trial.answered)} for one answered"
        yield f"measured   {times}{steps}; {trial.device}"
        about = f", extrapolated from batches of {trial.batch}" if small else ""
        yield f"memory     about {said_size(trial.memory)} for each worker{about}; there are {said_size(trial.room)}"
        side_by_side = self.workers if self.device == "cpu" else 1
        if trial.memory * side_by_side > trial.room:
            yield "warning    that is more memory than there is; try fewer workers, or a smaller batch and lr"

    def _reading(self, trial: Measured) -> Iterator[str]:
        """Say how fast the disk must be where a GPU cannot hold the images: those that were measured were in memory."""
        if self.device != "cpu" and self.data.bytes > trial.room / 4:
            each = self.data.bytes / (self.data.train + self.data.validation + self.data.test)
            yield f"reading    {said_size(each / trial.trained)} a second for each worker, which the disk must give"

    def _decoding(self) -> Iterator[str]:
        found, cores = self.data, core_count()
        channels, height, width = found.sample.shape
        kind = "in colour" if channels > 1 else "in grey"
        yield f"images     {found.train:,} to train on, {found.validation:,} to validate, {found.test:,} to test"
        yield (
            f"decoding   once, about {clock(found.waiting * found.decoding / cores)} of {cores} cores"
            f" ({1 / found.decoding:,.0f} images a second of one core, measured on {found.looked}), to"
            f" {said_size(found.bytes)} on the disk: {height}x{width} {kind}"
        )
        if found.bytes > room():
            yield (
                f"warning    the cache's disk has {said_size(room())} left; BARNSPIDER_CACHE may name another, and a"
                " smaller ?size= needs less"
            )


def _short(seconds: float) -> str:
    """Return a short time as people say it.

    Examples
    --------
    >>> _short(0.000183), _short(0.0213), _short(2.5)
    ('183 us', '21.3 ms', '2.5 s')
    """
    if seconds < 0.001:
        return f"{seconds * 1e6:.3g} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def price(
    sweep: AnySweep,
    store: Store,
    *,
    workers: int | None = None,
    device: str = "cpu",
    hourly: float | None = None,
) -> Cost | Outlook:
    """Return what a study would start and what it would cost; see `Cost` and, for commands, `Outlook`.

    Parameters
    ----------
    workers, device
        As in `run`.
    hourly
        The price of an hour of one core or, of a device "cuda", one GPU.

    Raises
    ------
    InputError
        When the sweep does not fit the data; when a device or a price is given for commands.
    TrainingError
        When there is no such device, or a short training fails.
    """
    if hourly is not None and not 0 <= hourly < float("inf"):
        raise InputError(f"price={hourly!r}; expected what an hour costs, 0 or more")
    if isinstance(sweep, Sweep):
        return _price(sweep, store, workers, device, hourly)
    if device != "cpu" or hourly is not None:
        raise InputError("device and price are for our own trainings; what a command uses, only that knows")
    return outlook(sweep, store, workers=workers)


def _price(sweep: Sweep, store: Store, workers: int | None, device: str, hourly: float | None) -> Cost:
    """Count what a sweep would train and say what it would cost; trains nothing that is kept.

    The time of a run is the mean of this study's runs in the store or, where there is none yet, measured by short
    trainings on some of the images. Of images that are not decoded, only those are.
    """
    runs = sweep.runs()
    documents = store.sealed(runs)
    with Stages("plan") as stages:
        stages.begin("looking at the images")
        data = survey(sweep.base.dataset, split_seed=sweep.base.split_seed)
        sweep.check_classes(data.sample.classes)
        sweep.check_channels(data.sample.shape[0])
        trial, recipe = None, runs[-1].recipe
        if not documents:
            stages.begin(f"training a little on {device}")
            trial = measured(recipe, data, device)
    if trial is None:
        seconds, source = sum(d["seconds"] for d in documents) / len(documents), f"mean of {len(documents)} runs there"
    else:
        seconds, source = trial.run(recipe, data), "measured by two short trainings"
    return Cost(
        study=sweep.identity, planned=len(runs), missing=_missing(runs, store, len(documents)), seconds_each=seconds,
        measured_on=source, workers=workers or (core_count() if device == "cpu" else 1),
        bytes_each=2000 + 6 * (data.test + data.validation) + _kept(sweep, store, trial),
        arms=tuple(dict.fromkeys(run.arm for run in runs)),
        seeds=len(sweep.seeds), device=device.partition(":")[0], data=data, batch=sweep.base.batch, trial=trial,
        price=hourly,
    )  # fmt: skip


def _kept(sweep: Sweep, store: Store, trial: Measured | None) -> int:
    """Return the bytes of one run's weights, where they are kept: as measured, or of any that are there."""
    if not sweep.keep:
        return 0
    if trial is not None:
        return trial.weights
    files = [sum(file.stat().st_size for file in folder.iterdir()) for folder in (store.root / "weights").glob("*")]
    return max(files, default=0)


def _missing(runs: Sequence[Run], store: Store, sealed: int) -> int:
    """Return how many runs would be trained: those that are not sealed, and those that lack weights to be kept.

    A plan looks and changes nothing, so that damaged weights count as there until a run finds them.
    """
    if not any(run.keeps_weights for run in runs):
        return len(runs) - sealed
    done = [document["key"] for document in store.sealed(runs) if document["status"] == "done"]
    return len(runs) - sealed + sum(not (store.root / "weights" / key).exists() for key in done)
