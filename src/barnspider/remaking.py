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
from barnspider.lab.preserve.plan import Preserving
from barnspider.lab.run import check_torch
from barnspider.lab.shift import Shift
from barnspider.lab.sweep import Sweep
from barnspider.lab.transfer.borrowing import Borrowed, Borrowing
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
    check_torch()
    on, room = _placed(device), room_of(plan)
    if room == "worker":
        return _trainings(plan, done, documents, on)
    theirs = "networks" in plan.sweep
    makers = {"derived.worker": _parts, "transfer.worker": _borrowed if theirs else _carried, "": _asked}
    return makers[room](store, plan, done, documents, on)


def _trainings(plan: Study, done: Sequence[Cell], documents: Documents, device: str) -> list[Remakable]:
    sweep = replace(Sweep.from_dict(plan.sweep), keep="")
    runs = {(run.arm, run.seed): run for run in sweep.runs()}
    there = [(cell, runs[cell.arm, cell.seed]) for cell in done if (cell.arm, cell.seed) in runs]
    data = _data_of(sweep, done, documents)

    def result(run: Any) -> Result:
        from barnspider.lab import worker  # which needs torch

        return worker.result_of(run, data(), None, device)

    return [Remakable(cell, run, partial(_seal, run, data, partial(result, run))) for cell, run in there]


def _parts(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    asked, sealed = Deriving.planned(store, plan.identity), {cell.key: cell for cell in done}
    parts = [part for part in of_use(asked, store) if part.cell.key in sealed]
    data = _data_of(asked.sweep, done, documents)

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


def _borrowed(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    """Return what uses networks once more that were trained elsewhere: those that still are what they were."""
    asked, sealed = Borrowing.planned(store, plan.identity), {cell.key for cell in done}
    there = [one for one in zip(asked.cells(), asked.networks, asked.sums, strict=True) if one[0].key in sealed]

    @cache
    def data() -> Dataset:
        return _same(load(asked.to), asked.to, done, documents)

    def result(network: Borrowed, sum_: str) -> Result:
        from barnspider.lab.transfer.worker import result_of_theirs  # which needs torch

        return result_of_theirs(network, sum_, data(), device)

    others = [_other(network.function, sum_, data(), device) for _, network, sum_ in there]
    found = [
        Remakable(cell, cell, partial(_seal, cell, data, partial(result, network, sum_)))
        for (cell, network, sum_), other in zip(there, others, strict=True)
        if not other
    ]
    return CannotTell(others[0]) if others and not found else found


def _other(function: str, sum_: str, data: Dataset, device: str) -> str:
    """Return why a network that was trained elsewhere is not what it was; empty where it is."""
    from barnspider.lab.pretrained import pretrained  # which needs torch

    try:
        return "" if pretrained(function, data, device)[1] == sum_ else _returns_another(function)
    except InputError as error:
        return str(error)


def _returns_another(function: str) -> str:
    return f"{visible(function)} returns another network than it did then, or its file has changed"


def _asked(
    store: Store, plan: Study, done: Sequence[Cell], documents: Documents, device: str
) -> list[Remakable] | CannotTell:
    """Return what asks references once more, at the doses and by the draws of the latest plan."""
    latest = {cell.key for cell in plan.cells if cell not in plan.earlier}
    try:
        asked = Preserving.planned(store, plan.identity)
        data = _data_of(asked.sweep, done, documents)
        references = (_own_reference if asked.pretrained else _kept_references)(store, asked, data, device)
    except InputError as error:  # an older version's plan; the network's file is gone, or it cannot be made
        return CannotTell(str(error))

    def result(cell: Cell, network: Callable[[], Any]) -> Result:
        from barnspider.lab.preserve.run import result_of

        return result_of(asked, network(), cell, data(), device, {})

    found = [
        Remakable(cell, cell, partial(_seal, cell, data, partial(result, cell, references.networks[model])))
        for cell in done
        if cell.key in latest & references.keys and (model := cell.seed // asked.draws) in references.networks
    ]
    return found or CannotTell(references.why_not)


@dataclass(frozen=True)
class _References:
    """Those that can be asked once more: by their numbers; the keys of what they are asked; and why it may be none."""

    networks: Mapping[int, Callable[[], Any]]
    keys: frozenset[str]
    why_not: str


def _own_reference(_: Store, asked: Preserving, data: Callable[[], Dataset], device: str) -> _References:
    from barnspider.lab.pretrained import pretrained  # which needs torch

    kept, sum_ = pretrained(asked.pretrained, data(), device, answers=len(data().classes))
    keys = frozenset(cell.key for cell in asked.runs(sum_))
    return _References({0: lambda: kept}, keys, _returns_another(asked.pretrained))


def _kept_references(store: Store, asked: Preserving, _: Callable[[], Dataset], device: str) -> _References:
    from barnspider.lab.weights import read_weights  # which needs torch

    runs = asked.references().runs()
    kept = {m: cache(partial(read_weights, store, run.key, device)) for m, run in enumerate(runs)}
    there = {m: network for m, network in kept.items() if store.has_weights(runs[m].key)}
    keys = frozenset(cell.key for cell in asked.runs())
    return _References(there, keys, "the weights of its references are not kept")


def _placed(device: str) -> str:
    from barnspider.lab.machine import placed  # which needs torch

    return placed(device, 0)


def _data_of(sweep: Sweep, done: Sequence[Cell], documents: Documents) -> Callable[[], Dataset]:
    """Return what reads a sweep's data, once, when it is needed."""
    base = sweep.base
    return cache(lambda: _same(load(base.dataset, split_seed=base.split_seed), base.dataset, done, documents))


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
