"""One worker: `python -m barnspider.lab.worker STORE STUDY`. Trains what is missing in a study until nothing is.

It needs to know nothing but the store and the study's name, so anyone can start one anywhere that sees the store. What
it has to say goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from barnspider.errors import BarnspiderError, InputError, StoreError, TrainingError
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import claimed
from barnspider.lab.data import Dataset, load
from barnspider.lab.data.sharing import shared
from barnspider.lab.images import describe
from barnspider.lab.machine import placed
from barnspider.lab.recipe import Recipe
from barnspider.lab.strength import strength
from barnspider.lab.sweep import Run, Sweep
from barnspider.lab.train import Trained, train
from barnspider.lab.weights import packed
from barnspider.store import Result, Store, Weights

WAIT = 0.5
"""Seconds between two looks at runs that other workers hold."""


def work(store: Store, study: str, data: Dataset | None = None, device: str = "cpu", number: int = 0) -> None:
    """Train every missing run of the study that nobody else is training; come back when all are sealed or failed.

    In the plan's order: all arms of the first seed, then all of the next, so that what is there at any time is
    balanced. Of several workers, each begins at a place of its own, lest all reach for the same run.
    """
    plan = store.study(study).sweep
    if "recipe" not in plan:
        raise InputError(f"study={study!r} is of a command; it goes on with `barnspider run` and its study file")
    sweep = Sweep.from_dict(plan)
    data = data or load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    describe(store, data)
    say(event="ready")
    missing, parent = store.missing(sweep.runs()), os.getppid()
    first = number % max(1, len(missing))
    waiting = missing[first:] + missing[:first]
    while waiting and os.getppid() == parent:
        held = [run for run in waiting if not _settle(store, run, data, device)]
        if len(held) == len(waiting):
            time.sleep(WAIT)
        waiting = held


def _settle(store: Store, run: Run, data: Dataset, device: str) -> bool:
    """Return True when the run needs no more attention: it is sealed, or it failed. False when somebody holds it."""
    if not store.missing([run]):
        return True
    with claimed(store.root, run.key) as mine:
        if not mine:
            return False
        if store.missing([run]):
            _train_and_seal(store, run, data, device)
        return True


def _train_and_seal(store: Store, run: Run, data: Dataset, device: str) -> None:
    checkpoint = Checkpoint(store.root / "checkpoints" / run.key, data.fingerprint)
    store.forget_failure(run.key)
    try:
        first = store.write(run.key, result_of(run, data, checkpoint, device))
        checkpoint.remove()
    except StoreError:
        raise
    except Exception as error:
        known = isinstance(error, BarnspiderError)
        store.note_failure(run.key, str(error) if known else f"{type(error).__name__}: {error}")
        if not isinstance(error, TrainingError):
            raise
        say(event="failed", error=f"{run.arm}, seed {run.seed}: {error}")
    else:
        if first:
            say(event="sealed")


def result_of(run: Run, data: Dataset, checkpoint: Checkpoint | None = None, device: str = "cpu") -> Result:
    """Train one run, from its checkpoint where there is one, and return what a store keeps of it."""
    trained = train(run.recipe, run.seed, data, device=device, checkpoint=checkpoint)
    about: Mapping[str, Any] = {
        "recipe": run.recipe.as_dict(), "seed": run.seed, "seconds": round(trained.seconds, 3),
        "validation_accuracy": [round(a, 5) for a in trained.validation_accuracy],
        "strength": _strength(run.recipe, data), "environment": dict(trained.environment),
    }  # fmt: skip
    weights = _weights(run, data, trained) if run.keeps_weights and not trained.diverged else None
    return Result("diverged" if trained.diverged else "done", data.fingerprint, trained.answers, about, weights)


def _weights(run: Run, data: Dataset, trained: Trained) -> Weights:
    """Return the weights, and all that it takes to use them elsewhere."""
    about = {
        "recipe": run.recipe.as_dict(), "seed": run.seed, "fingerprint": data.fingerprint,
        "classes": list(data.classes), "shape": list(data.shape), "mean": list(trained.mean), "std": list(trained.std),
    }  # fmt: skip
    return Weights(packed(trained.network), about)


@lru_cache
def _strength(recipe: Recipe, data: Dataset) -> dict[str, list[float | None]]:
    """Return what the recipe's augmentations do to each class, as JSON knows it; measured once for all seeds."""
    return strength(recipe, data).as_json()


def say(**event: Any) -> None:
    """Write one line for the process that started this one."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Work on the store and study that the command line names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    parser = argparse.ArgumentParser(prog="python -m barnspider.lab.worker", description="Train what is missing.")
    parser.add_argument("store")
    parser.add_argument("study")
    parser.add_argument("--data", type=Path, help="folder in which the data set is laid down for all workers")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or one GPU: cuda:0")
    parser.add_argument(
        "--number", type=int, default=0, help="which of several workers this is: spreads them over GPUs and runs"
    )
    asked = parser.parse_args()
    try:
        device = placed(asked.device, asked.number)
        work(Store.existing(asked.store), asked.study, asked.data and shared(asked.data), device, asked.number)
    except BarnspiderError as error:
        say(event="stopped", error=str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
