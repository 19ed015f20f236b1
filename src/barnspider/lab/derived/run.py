"""derive(sweep, store) -> Predictions: make what is missing of a study's networks; train nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from barnspider.errors import InputError, StoreError
from barnspider.files import owner
from barnspider.lab.claims import clear_abandoned, clear_shared
from barnspider.lab.cores import core_count
from barnspider.lab.data import Dataset, load
from barnspider.lab.data.sharing import share
from barnspider.lab.derived.plan import HOW, Deriving, Part
from barnspider.lab.images import describe
from barnspider.lab.recipe import Dose
from barnspider.lab.run import check_torch, commands, set_to_work
from barnspider.lab.sweep import Run, Sweep
from barnspider.predictions import Predictions
from barnspider.store import Store


def derive(
    sweep: Sweep,
    store: Store,
    *,
    how: str | Sequence[str] = HOW,
    doses: Sequence[Dose] | None = None,
    workers: int | None = None,
    split: str = "test",
    device: str = "cpu",
) -> Predictions:
    """Make one network, or one answer, of those that a study trained at several doses with the same seed.

    It is sealed part by part in a study of its own in the same store, "<study>-averaged", beside the study's own arms;
    `audit`, `report` and all others read it, and a second call makes nothing anew. What was asked of the same doses
    before stays an arm of it. A seed of which a network's weights are not kept is left out, and counted as missing; one
    of which a network diverged, as diverged.

    Parameters
    ----------
    how
        "answers": the mean of the classes' probabilities. "weights": the mean of the weights, with the statistics of
        batch normalization taken anew. "logits": of each dose but the baseline, its network's logits plus one number
        for each class, chosen on validation images (`shifts.py`). By default all three.
    doses
        Of which doses; by default all of the sweep's.
    workers, split, device
        As in `run`.

    Raises
    ------
    InputError
        When no seed has all its weights, or a dose is not of the study.
    TrainingError
        When something could not be made.
    StoreError
        When the store cannot be written, or its runs saw other data than what the recipe now names.

    Examples
    --------
    >>> from barnspider.lab import Recipe
    >>> sweep = Sweep(Recipe("digits"), vary="rotation", doses=(0, 60), seeds=range(3), keep="weights")
    >>> derive(sweep, Store("nothing-trained-yet"), how="answers")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    barnspider.errors.InputError: no seed of 'digits-rotation-...' has the weights of all its networks in ...
    """
    check_torch()
    plan = _with_earlier(Deriving(sweep, tuple(doses or ()), (how,) if isinstance(how, str) else tuple(how)), store)
    made = _made_of_what_is_kept(plan, store)
    data = load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    _refuse_other_data(plan, store, data)
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    clear_abandoned(store.root)
    describe(store, data)
    missing = store.missing([part.cell for part in made])
    if missing:
        count = min(workers or (core_count() if device == "cpu" else 1), len(missing))
        clear_shared()
        with tempfile.TemporaryDirectory(prefix=f"barnspider-{owner()}-") as folder:
            share(data, Path(folder))
            started = commands("derived.worker", store, plan.identity, Path(folder), device, count)
            set_to_work(started, store, missing, len(missing), doing="averaging", done="averaged")
    return store.load(plan.cells(), split)


def of_use(plan: Deriving, store: Store) -> list[Part]:
    """Return those parts whose networks are all kept, or have diverged; moved logits need the baseline's answers."""
    runs = plan.shown().runs()
    known = {run.key for run in runs if store.has_weights(run.key) or diverged(store, run)}
    bases = {run.key for run in runs if run.arm == plan.sweep.baseline and store.has_answers([run], "validation")}
    return [
        part
        for part in plan.parts()
        if all(run.key in known for run in part.runs) and (part.how != "logits" or part.base.key in bases)
    ]


def diverged(store: Store, run: Run) -> bool:
    """Return whether a training is sealed as diverged."""
    return any(document["status"] == "diverged" for document in store.sealed([run]))


def _with_earlier(plan: Deriving, store: Store) -> Deriving:
    """Return the plan with what was asked of the same networks before, so that the study keeps its arms."""
    if plan.identity not in (store.studies() if store.root.exists() else ()):
        return plan
    return plan.with_how([*store.study(plan.identity).sweep["how"], *plan.how])


def _made_of_what_is_kept(plan: Deriving, store: Store) -> list[Part]:
    parts = of_use(plan, store)
    if not parts:
        raise InputError(
            f"no seed of {plan.sweep.identity!r} has the weights of all its networks in {str(store.root)!r}; add"
            ' keep = "weights" above the tables of the study file and run it: of runs that are there, only the weights'
            " are made anew, the answers stay"
        )
    return parts


def _refuse_other_data(plan: Deriving, store: Store, data: Dataset) -> None:
    if any(document["fingerprint"] != data.fingerprint for document in store.sealed(plan.shown().runs())):
        raise StoreError(
            f"data set {data.name!r} is not what it was when runs in {str(store.root)!r} were trained; use a new"
            " store for the new data"
        )
