"""One worker: `python -m barnspider.lab.derived.worker STORE STUDY`. Makes what is missing until nothing is.

It needs to know nothing but the store and the study's name, as workers that train (`barnspider.lab.worker`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from barnspider.errors import InputError
from barnspider.lab.claims import Claim
from barnspider.lab.data import Dataset, load
from barnspider.lab.derived.averages import answered, mean_answers, mean_network
from barnspider.lab.derived.plan import Deriving, Part
from barnspider.lab.derived.run import diverged, of_use
from barnspider.lab.derived.shifts import STRENGTHS, Chosen, choose
from barnspider.lab.evaluation import logits
from barnspider.lab.lines import say
from barnspider.lab.machine import environment, prepared
from barnspider.lab.settling import ALL, serve, settle_all
from barnspider.lab.shift import Shift
from barnspider.lab.sweep import Run
from barnspider.lab.weights import Kept, read_weights
from barnspider.store import Answers, Cell, Result, Store

SPLITS: tuple[str, ...] = ("validation", "test")

Made = tuple[Sequence[Answers], dict[str, Any]]
"""Answers to each of `SPLITS`, and what is told of them."""


def work(store: Store, study: str, data: Dataset | None = None, device: str = "cpu", shift: Shift = ALL) -> None:
    """Make every part of the study that nobody else is making; come back when all are sealed or failed.

    A part of which a network's weights are not kept is left alone.
    """
    plan = Deriving.planned(store, study)
    images = data or load(plan.sweep.base.dataset, split_seed=plan.sweep.base.split_seed)
    parts = {part.cell.key: part for part in of_use(plan, store)}
    say(event="ready")

    def seal(cell: Cell, claim: Claim) -> bool:
        result = result_of(store, parts[cell.key], images, device)
        claim.look()
        return store.write(cell.key, result)

    settle_all(store, [part.cell for part in parts.values()], seal, shift)


def result_of(store: Store, part: Part, data: Dataset, device: str = "cpu") -> Result:
    """Make one part and return what a store keeps of it; where a network of it diverged, that."""
    began = time.perf_counter()
    about: dict[str, Any] = {"of": [run.key for run in part.runs], "how": part.how, "seed": part.cell.seed}
    if any(diverged(store, run) for run in part.runs):
        return Result("diverged", data.fingerprint, {}, {**about, "seconds": 0.0})
    recipe = part.runs[0].recipe
    with prepared(recipe, device):
        given, told = _made(store, part, data, device)
        told |= {"environment": environment(recipe, device), "seconds": round(time.perf_counter() - began, 3)}
    status = "done" if all(a.p_label is not None and np.isfinite(a.p_label).all() for a in given) else "diverged"
    answers = dict(zip(SPLITS, given, strict=True)) if status == "done" else {}
    return Result(status, data.fingerprint, answers, about | told)


def _made(store: Store, part: Part, data: Dataset, device: str) -> Made:
    networks, splits = _networks(store, part.runs, device), [data.validation, data.test]
    if part.how == "answers":
        return mean_answers(networks, splits), {}
    if part.how == "weights":
        kept = mean_network(networks, data)
        return [answered(logits(kept.net, split, kept, kept.recipe).softmax(1), split) for split in splits], {}
    return _moved(next(networks), _base_accuracy(store, part.base, data), data)


def _networks(store: Store, runs: Sequence[Run], device: str) -> Iterator[Kept]:
    """Yield the networks of some trainings, one at a time."""
    for run in runs:
        kept = read_weights(store, run.key, device)
        if kept is None:
            raise InputError(f"the weights of {run.arm}, seed {run.seed}, are no longer in {str(store.root)!r}")
        yield kept


def _moved(kept: Kept, floor: np.ndarray[tuple[int], np.dtype[np.float64]], data: Dataset) -> Made:
    """Return what a network answers with a number added to each class's logit, and the numbers."""
    seen, asked = (logits(kept.net, split, kept, kept.recipe) for split in (data.validation, data.test))
    found = choose(seen.cpu().numpy(), data.validation.labels, floor)
    shift = seen.new_tensor(found.shift.tolist())
    pairs = ((seen, data.validation), (asked, data.test))
    return [answered((given + shift).softmax(1), split) for given, split in pairs], _told(found)


def _told(found: Chosen) -> dict[str, Any]:
    values = [round(value, 6) for value in found.values]
    shift = [float(f"{number:.6g}") for number in found.shift]
    return {
        "strength_of_shift": found.strength,
        "objective": dict(zip(map(str, STRENGTHS), values, strict=True)),
        "shift": shift,
    }


def _base_accuracy(store: Store, base: Run, data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return each class's accuracy on validation images at the baseline dose, the same seed; NaN without images.

    Raises
    ------
    StoreError
        When the training at the baseline dose has no answers: it is missing, or diverged.
    """
    given = store.load([base], "validation")
    labels, classes = data.validation.labels, len(data.classes)
    count = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[given.guess[0] == labels], minlength=classes)
    return np.where(count > 0, right / np.maximum(count, 1), np.nan)


def main() -> None:
    """Work on the store and study that the command line names."""
    serve("barnspider.lab.derived.worker", "Make what is missing.", work)


if __name__ == "__main__":
    main()
