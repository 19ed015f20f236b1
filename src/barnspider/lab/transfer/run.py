"""transfer(store, to): use every backbone of a study on another data set; only what is missing is done."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barnspider.errors import InputError, listing
from barnspider.files import owner
from barnspider.lab.claims import clear_abandoned, clear_shared
from barnspider.lab.cores import core_count
from barnspider.lab.data import Dataset, load
from barnspider.lab.data.options import parse
from barnspider.lab.data.sharing import share
from barnspider.lab.images import describe
from barnspider.lab.run import check_torch, commands, set_to_work
from barnspider.lab.transfer.borrowing import Borrowed, Borrowing
from barnspider.lab.transfer.plan import Transferring, Tuning
from barnspider.predictions import Predictions
from barnspider.store import Cell, Store, Study

_SIZES = (8, 256)
"""The smallest and the largest side that images are decoded to."""


@dataclass(frozen=True)
class Carried:
    """A study whose backbones were used on another data set.

    Attributes
    ----------
    store : where its answers are sealed
    plan : what was asked; `plan.source` is the study that trained the backbones
    done : how many backbones were transferred now, by this command
    lacking : runs of the source whose weights are not kept: they are left out
    """

    store: Store
    plan: Transferring
    done: int
    lacking: tuple[Cell, ...]

    def answers(self, split: str = "test") -> Predictions:
        """Return the answers about the other data set: an arm for each dose of the source, its seeds for seeds."""
        return self.store.load(self.plan.cells(), split)

    def source(self, split: str = "test") -> Predictions:
        """Return the answers of the backbones about the data that they were trained on."""
        return self.store.load(self.plan.source.cells, split)


def transfer(
    store: Store,
    to: str,
    *,
    study: str | None = None,
    tuning: Tuning | None = None,
    workers: int | None = None,
    device: str = "cpu",
) -> Carried:
    """Use every backbone of a study, whose weights are kept, on another data set.

    What is answered is sealed backbone by backbone, in a study of its own in the same store, so `audit`, `report` and
    all others read it, and a second call does nothing anew.

    Parameters
    ----------
    to
        A data set's name or path, as in a recipe. Images that must be decoded are brought to the backbones' size,
        unless the name says another.
    study
        Which study of the store; may be left out where there is only one besides those that were made of it.
    tuning
        Train the whole network on; by default a probe is trained on frozen features.
    workers, device
        As in `run`.

    Raises
    ------
    InputError
        When no weights are kept, or the data has fewer than two classes to train on.
    TrainingError
        When a backbone cannot be transferred: a network that does not end in a linear layer, a probe that does not
        converge.
    StoreError
        When the store cannot be written.
    """
    check_torch()
    source = store.study(study)
    data = arrived(store, source, to)
    _check_classes(data)
    plan = Transferring(source, to, data.fingerprint, tuning)
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    clear_abandoned(store.root)
    describe(store, data)
    pairs = with_backbone(store, plan)
    missing = store.missing([cell for _, cell in pairs])
    done = _set_to_work(store, plan.identity, missing, data, workers, device) if missing else 0
    there = {cell.key for cell, _ in pairs}
    return Carried(store, plan, done, tuple(c for c in source.cells if c.key not in there))


@dataclass(frozen=True)
class Lent:
    """Networks that were trained elsewhere, used on a data set.

    Attributes
    ----------
    store : where their answers are sealed
    plan : what was asked
    done : how many networks were transferred now, by this command
    """

    store: Store
    plan: Borrowing
    done: int

    def answers(self, split: str = "test") -> Predictions:
        """Return the answers of all networks that were ever asked about this data, these and earlier ones."""
        return self.store.load(self.store.study(self.plan.identity).cells, split)


def borrow(
    store: Store, to: str, networks: Sequence[Borrowed], *, workers: int | None = None, device: str = "cpu"
) -> Lent:
    """Train a probe on the frozen features of networks that were trained elsewhere: an arm for each name.

    What is answered is sealed network by network in a study of its own, which networks that are asked about the same
    data later join. Images that must be decoded are decoded at the size that the data set's name says.

    Parameters
    ----------
    to
        A data set's name or path, as in a recipe.
    networks
        Each function is called as function((C, H, W), classes) and returns a torch module in which Float[N, C, H, W],
        levels from 0 to 1, become logits of whatever classes: what is used is what its last linear layer is given. It
        normalizes and resizes as it was trained to.
    workers, device
        As in `run`.

    Raises
    ------
    InputError
        When a network cannot be used or does not end in a linear layer, or the data has fewer than two classes to
        train on.
    TrainingError
        When a network cannot be transferred: a probe that does not converge.
    StoreError
        When the store cannot be written.
    """
    check_torch()
    from barnspider.lab.pretrained import pretrained
    from barnspider.lab.transfer.features import head_of

    data = load(to)
    _check_classes(data)
    sums: list[str] = []
    for network in networks:
        kept, sum_ = pretrained(network.function, data)
        head_of(kept)  # refuses what has none, before anything is planned
        sums.append(sum_)
    plan = Borrowing(tuple(networks), tuple(sums), to, data.fingerprint)
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    clear_abandoned(store.root)
    describe(store, data)
    missing = store.missing(plan.cells())
    return Lent(store, plan, _set_to_work(store, plan.identity, missing, data, workers, device) if missing else 0)


def _set_to_work(store: Store, study: str, missing: list[Cell], data: Dataset, workers: int | None, device: str) -> int:
    """Start workers on what is missing; return how many backbones they transferred."""
    count = min(workers or (core_count() if device == "cpu" else 1), len(missing))
    clear_shared()
    with tempfile.TemporaryDirectory(prefix=f"barnspider-{owner()}-") as folder:
        share(data, Path(folder))
        started = commands("transfer.worker", store, study, Path(folder), device, count)
        return set_to_work(started, store, missing, len(missing), doing="transferring", done="transferred")


def with_backbone(store: Store, plan: Transferring) -> list[tuple[Cell, Cell]]:
    """Return each of the source's runs that is of use, with its cell: its weights are kept, or it has diverged."""
    pairs = zip(plan.source.cells, plan.cells(), strict=True)
    return [(source, cell) for source, cell in pairs if store.has_weights(source.key) or _diverged(store, source)]


def _diverged(store: Store, cell: Cell) -> bool:
    return any(document["status"] == "diverged" for document in store.sealed([cell]))


def arrived(store: Store, source: Study, to: str) -> Dataset:
    """Return the other data set, its images as the backbones want them.

    Raises
    ------
    InputError
        When no run's weights are kept.
    DataError
        When there is no such data set.
    """
    from barnspider.lab.transfer.fitting import fit  # which needs torch

    channels, height, width = _shape_of(store, source)
    side = int(np.clip(max(height, width), *_SIZES))
    data = load(to, size=None if "size" in parse(to)[1].given else side)
    return fit(data, (channels, height, width))


def _shape_of(store: Store, source: Study) -> tuple[int, int, int]:
    """Return (C, H, W) of the images that the backbones were trained on."""
    for cell in source.cells:
        if store.has_weights(cell.key) and (found := store.weights(cell.key)) is not None:
            channels, height, width = found[1]["shape"]
            return channels, height, width
    if source.of is not None:
        raise InputError(
            f"study {source.identity!r} was made of {source.of!r}, and has no weights of its own; name that: --study"
        )
    if "recipe" not in source.sweep:
        raise InputError(f"study {source.identity!r} is of a command, whose weights no store keeps")
    raise InputError(
        f'no run of {source.identity!r} has its weights in {str(store.root)!r}; add keep = "weights" above the tables'
        " of the study file and run it again: only the weights are made anew, the answers stay"
    )


def _check_classes(data: Dataset) -> None:
    """Refuse data of which nothing can be learned."""
    seen = set(data.train.labels.tolist())
    if len(seen) < 2:
        raise InputError(
            f"dataset={data.name!r} has training images of one class, {listing(data.classes[k] for k in seen)};"
            " expected two classes or more, between which a probe can tell"
        )
