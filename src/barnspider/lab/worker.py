"""One worker: `python -m barnspider.lab.worker STORE STUDY`. Trains what is missing in a study until nothing is.

It needs to know nothing but the store and the study's name, so anyone can start one anywhere that sees the store. What
it has to say goes to standard output, one JSON object a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from barnspider.errors import InputError
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import Claim
from barnspider.lab.data import Dataset, load
from barnspider.lab.images import describe
from barnspider.lab.lines import say
from barnspider.lab.recipe import Recipe
from barnspider.lab.settling import ALL, serve, settle_all
from barnspider.lab.shift import Shift
from barnspider.lab.stopping import patience
from barnspider.lab.strength import strength
from barnspider.lab.sweep import Run, Sweep
from barnspider.lab.train import Trained, train
from barnspider.lab.weights import packed
from barnspider.store import Result, Store, Weights


def work(store: Store, study: str, data: Dataset | None = None, device: str = "cpu", shift: Shift = ALL) -> None:
    """Train every missing run of the study that nobody else is training; come back when all are sealed or failed.

    In the plan's order: all arms of the first seed, then all of the next, so that what is there at any time is
    balanced. Of several workers, each begins at a place of its own, lest all reach for the same run. Asked to end, it
    saves the state of the run that it trains and gives its claim back.
    """
    plan = store.study(study).sweep
    if "recipe" not in plan:
        raise InputError(f"study={study!r} is of a command; it goes on with `barnspider run` and its study file")
    sweep = Sweep.from_dict(plan)
    data = data or load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    describe(store, data)
    say(event="ready", fingerprint=data.fingerprint)
    settle_all(store, sweep.runs(), lambda run, claim: _sealed(store, run, claim, data, device), shift)


def _sealed(store: Store, run: Run, claim: Claim, data: Dataset, device: str) -> bool:
    """Train one run and seal it; False when somebody else sealed it first."""
    checkpoint = Checkpoint(store.root / "checkpoints" / run.key, data.fingerprint, claim=claim)
    with patience():
        result = result_of(run, data, checkpoint, device)
        claim.look()
        first = store.write(run.key, result)
        checkpoint.remove()
        return first


def result_of(run: Run, data: Dataset, checkpoint: Checkpoint | None = None, device: str = "cpu") -> Result:
    """Train one run, from its checkpoint where there is one, and return what a store keeps of it."""
    trained = train(run.recipe, run.seed, data, device=device, checkpoint=checkpoint)
    about: Mapping[str, Any] = {
        "recipe": run.recipe.as_dict(), "seed": run.seed, "seconds": round(trained.seconds, 3),
        "validation_accuracy": [round(a, 5) for a in trained.validation_accuracy],
        "validation_every": trained.validation_every,
        "strength": _strength(run.recipe, data), "environment": dict(trained.environment),
    }  # fmt: skip
    if trained.class_weights:
        about = {**about, "class_weights": [float(f"{weight:.4g}") for weight in trained.class_weights]}
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


def main() -> None:
    """Work on the store and study that the command line names."""
    serve("barnspider.lab.worker", "Train what is missing.", work)


if __name__ == "__main__":
    main()
