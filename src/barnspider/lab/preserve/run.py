"""preserve(plan, store) -> Predictions: train the references that are missing, ask them, seal what they answer."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from barnspider.errors import StoreError
from barnspider.lab.data import Dataset, load
from barnspider.lab.images import describe
from barnspider.lab.preserve.plan import Preserving
from barnspider.lab.run import train_missing
from barnspider.predictions import Predictions
from barnspider.progress import Progress
from barnspider.store import Cell, Result, Store

if TYPE_CHECKING:
    from barnspider.lab.weights import Kept


def preserve(plan: Preserving, store: Store, *, workers: int | None = None, device: str = "cpu") -> Predictions:
    """Ask reference networks about a study's images at every dose; return what they answer, an arm for each dose.

    It is what they answer about test images; about validation images they are asked, too, so that doses can be chosen
    on these (`Store.load(cells, "validation")`).

    References that are missing are trained first, and kept in the store. What is answered is sealed, network by network
    and draw by draw; a second call asks nothing. It is a study of its own in the store, so `audit`, `report` and all
    others read it. Its effects, against dose 0, are how much of a class's accuracy the change of its images costs: what
    may differ next time are the images and their changes, not the references.

    Parameters
    ----------
    plan
        With `pretrained`, "my.module:function" is called as function((C, H, W), classes) and returns a torch module in
        which Float[N, C, H, W], levels from 0 to 1, become logits, Float[N, classes], in the order of the data's
        classes. It normalizes and resizes as it was trained to.
    workers, device
        As in `run`.

    Raises
    ------
    InputError
        When the study does not fit the data, or a pretrained network cannot be used.
    TrainingError
        When a reference cannot be trained.
    StoreError
        When the store cannot be written, or a reference diverged.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider import estimate
    >>> from barnspider.lab import Recipe, Sweep
    >>> sweep = Sweep(Recipe("digits", epochs=3), vary="rotation", doses=(0, 180), seeds=range(5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = preserve(Preserving(sweep, sweep.doses), Store(folder), workers=1)
    >>> effects = estimate(kept, baseline=0.0)
    >>> effects.method.generalizes_to, bool(effects.overall[0] < -0.1)
    ('images', True)
    """
    sweep = plan.sweep
    data = load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    sweep.with_doses(plan.doses).check_channels(data.shape[0])
    describe(store, data)
    networks, cells = _theirs(plan, data, device) if plan.pretrained else _trained(plan, store, workers, device)
    store.plan(plan.identity, cells, plan.as_dict())
    _ask(plan, store, networks, cells, data, device)
    return store.load(cells)


def _theirs(plan: Preserving, data: Dataset, device: str) -> tuple[list[Kept], tuple[Cell, ...]]:
    from barnspider.lab.pretrained import pretrained

    kept, sum_ = pretrained(plan.pretrained, data, device, answers=len(data.classes))
    return [kept], plan.runs(sum_)


def _trained(plan: Preserving, store: Store, workers: int | None, device: str) -> tuple[list[Kept], tuple[Cell, ...]]:
    references = plan.references()
    train_missing(references, store, workers=workers, device=device, about={"of": plan.sweep.identity})
    return [_kept(store, run.key, run.seed, device) for run in references.runs()], plan.runs()


def _kept(store: Store, key: str, seed: int, device: str) -> Kept:
    from barnspider.lab.weights import read_weights

    kept = read_weights(store, key, device)
    if kept is None:
        raise StoreError(f"the reference of seed {seed} diverged: it has no weights; train it in another way")
    return kept


def _ask(
    plan: Preserving, store: Store, networks: list[Kept], cells: tuple[Cell, ...], data: Dataset, device: str
) -> None:
    """Ask what is missing, and seal it."""
    from barnspider.lab.strength import strength

    @cache
    def acting(arm: str) -> dict[str, Any]:
        return {"strength": strength(plan.asked_at(arm), data).as_json()}

    missing = store.missing(cells)
    with Progress(f"asking {plan.shown}", total=len(missing)) as progress:
        progress.begin()
        for done, cell in enumerate(missing, start=1):
            network = networks[cell.seed // plan.draws]
            store.write(cell.key, result_of(plan, network, cell, data, device, acting(cell.arm)))
            progress.show(done)


def result_of(
    plan: Preserving, network: Kept, cell: Cell, data: Dataset, device: str, about: Mapping[str, Any]
) -> Result:
    """Ask one reference at one dose, with the changes of one draw; return what a store keeps of it.

    `about` is what its document says beside.
    """
    from barnspider.lab.machine import environment, prepared
    from barnspider.lab.preserve.seen_by import answers

    began = time.perf_counter()
    asked, parts = plan.asked_at(cell.arm), {"test": data.test, "validation": data.validation}
    with prepared(plan.reference(), device), contextlib.redirect_stdout(sys.stderr):
        draw = cell.seed % plan.draws
        given = {name: answers(network, part, asked, draw, device) for name, part in parts.items()}
        made_in = {"seed": cell.seed, "same_models": True, "environment": environment(plan.reference(), device)}
    seconds = round(time.perf_counter() - began, 3)
    told = {"asked": asked.as_dict(), **about, **made_in, "seconds": seconds}
    return Result("done", data.fingerprint, given, told)
