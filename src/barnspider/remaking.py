"""A study's sealed runs -> what makes them once more, in another store, by the code that made them first.

The store that holds them is only read. Trainings that keep weights are made without keeping them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from barnspider.environments import refuse_other_data
from barnspider.errors import InputError, TrainingError
from barnspider.lab.command.run import run_planned
from barnspider.lab.command.sweep import CommandRun, CommandSweep
from barnspider.lab.data import Dataset, load
from barnspider.lab.derived.plan import Deriving
from barnspider.lab.derived.run import of_use
from barnspider.lab.images import describe
from barnspider.lab.run import check_torch
from barnspider.lab.shift import Shift
from barnspider.lab.sweep import Sweep
from barnspider.lab.transfer.borrowing import Borrowing
from barnspider.lab.transfer.plan import Transferring
from barnspider.lab.transfer.run import arrived, with_backbone
from barnspider.lab.work import room_of
from barnspider.names import visible
from barnspider.store import Cell, Planned, Result, Store, Study

Documents = Mapping[str, Mapping[str, Any]]
"""What is sealed of each run beside its answers, by its key."""


@dataclass(frozen=True, eq=False)
class Remakable:
    """A sealed run that can be made once more.

    Attributes
    ----------
    cell : what was sealed
    run : what is made now; its key is another where the way to make it has changed
    make : makes it and seals it in the store that it is given
    free : whether it is a command's, which may answer otherwise each time
    """

    cell: Cell
    run: Planned
    make: Callable[[Store], object]
    free: bool = False


@dataclass(frozen=True)
class CannotTell:
    """Why no run of a study can be made once more."""

    why: str


def remakable(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    """Return those runs of a study that can be made once more, in the plan's order, or why none can.

    Parameters
    ----------
    done
        The runs that are sealed and have answers.
    device
        As in `barnspider.lab.run`; a command chooses its own.

    Raises
    ------
    InputError
        When the recipe is of another version.
    TrainingError
        When there is no torch or no such device.
    """
    if "command" in plan.sweep:
        return _commands(plan, done)
    room = room_of(plan)
    if not room:
        return CannotTell("it asked references, which only `barnspider preserve` does")
    check_torch()
    on = _placed(device)
    if room == "worker":
        return _trainings(plan, done, documents, on)
    if room == "derived.worker":
        return _parts(store, plan, done, documents, on)
    return (_borrowed if "networks" in plan.sweep else _carried)(store, plan, done, documents, on)


def _trainings(plan: Study, done: Sequence[Cell], documents: Documents, device: str) -> list[Remakable]:
    try:
        sweep = replace(Sweep.from_dict(plan.sweep), keep="")
    except TypeError as error:
        raise InputError(f"the recipe of {plan.identity!r} is not known to this version: {error}") from None
    runs = {(run.arm, run.seed): run for run in sweep.runs()}
    there = [(cell, runs[cell.arm, cell.seed]) for cell in done if (cell.arm, cell.seed) in runs]

    @cache
    def data() -> Dataset:
        return _same(load(sweep.base.dataset, split_seed=sweep.base.split_seed), sweep.base.dataset, done, documents)

    def result(run: Any) -> Result:
        from barnspider.lab import worker  # which needs torch

        return worker.result_of(run, data(), None, device)

    return [Remakable(cell, run, partial(_seal, run, data, partial(result, run))) for cell, run in there]


def _parts(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    asked = Deriving.planned(store, plan.identity)
    base, sealed = asked.sweep.base, {cell.key: cell for cell in done}
    parts = [part for part in of_use(asked, store) if part.cell.key in sealed]

    @cache
    def data() -> Dataset:
        return _same(load(base.dataset, split_seed=base.split_seed), base.dataset, done, documents)

    def result(part: Any) -> Result:
        from barnspider.lab.derived.worker import result_of  # which needs torch

        return result_of(store, part, data(), device)

    found = [
        Remakable(sealed[part.cell.key], part.cell, partial(_seal, part.cell, data, partial(result, part)))
        for part in parts
    ]
    return found or CannotTell("the weights of its networks are not kept")


def _carried(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    asked, sealed = Transferring.planned(store, plan.identity), {cell.key for cell in done}
    pairs = [(source, cell) for source, cell in with_backbone(store, asked) if cell.key in sealed]

    @cache
    def data() -> Dataset:
        return _same(arrived(store, asked.source, asked.to), asked.to, done, documents)

    def result(source: Cell) -> Result:
        from barnspider.lab.transfer.worker import result_of  # which needs torch

        return result_of(store, source, asked, data(), device)

    found = [Remakable(cell, cell, partial(_seal, cell, data, partial(result, source))) for source, cell in pairs]
    return found or CannotTell("the weights of its networks are not kept")


def _borrowed(store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str) -> list[Remakable]:
    asked, sealed = Borrowing.planned(store, plan.identity), {cell.key for cell in done}
    networks = zip(asked.cells(), asked.networks, asked.sums, strict=True)

    @cache
    def data() -> Dataset:
        return _same(load(asked.to), asked.to, done, documents)

    def result(network: Any, sum_: str) -> Result:
        from barnspider.lab.transfer.worker import result_of_theirs  # which needs torch

        return result_of_theirs(network, sum_, data(), device)

    return [
        Remakable(cell, cell, partial(_seal, cell, data, partial(result, network, sum_)))
        for cell, network, sum_ in networks
        if cell.key in sealed
    ]


def _placed(device: str) -> str:
    from barnspider.lab.machine import placed  # which needs torch

    return placed(device, 0)


def _same(data: Dataset, name: str, done: Sequence[Cell], documents: Documents) -> Dataset:
    """Return a data set, which must be what the runs saw."""
    seen = [documents[cell.key] for cell in done if documents[cell.key]["fingerprint"]]
    refuse_other_data(name, data.fingerprint, seen, runs="the runs", otherwise="say --sample 0")
    return data


def _seal(run: Planned, data: Callable[[], Dataset], result: Callable[[], Result], again: Store) -> None:
    describe(again, data())
    again.write(run.key, result())


def _commands(plan: Study, done: Sequence[Cell]) -> list[Remakable] | CannotTell:
    """Return what starts the command again, in its folder, one run at a time."""
    sweep = CommandSweep.from_dict(plan.sweep)
    folder = sweep.base.folder
    if not folder.is_dir():
        return CannotTell(f"its command starts in {visible(str(folder), longest=200)}, which is no folder here")
    try:
        runs = {run.key: run for run in sweep.runs()}
    except InputError as error:  # a file that it lists is gone
        return CannotTell(str(error))
    there = [(cell, runs[cell.key]) for cell in done if cell.key in runs]

    def make(run: CommandRun, again: Store) -> None:
        again.plan(sweep.identity, sweep.runs(), sweep.as_dict())
        try:
            run_planned(sweep, again, [run], Shift(), workers=1)
        except TrainingError:  # which names a log in a folder that is soon gone
            raise TrainingError(
                f"the command of {visible(run.arm)}, seed {run.seed}, failed now; what it said is on standard error"
            ) from None

    found = [Remakable(cell, run, partial(make, run), free=True) for cell, run in there]
    return found or CannotTell("its command has changed since: a file that the study lists, or the command itself")
