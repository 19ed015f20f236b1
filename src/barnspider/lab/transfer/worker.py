"""One worker: `python -m barnspider.lab.transfer.worker STORE STUDY`. Transfers backbones until none is left.

It needs to know nothing but the store and the study's name, as workers that train (`barnspider.lab.worker`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from barnspider.convert import smallest_int
from barnspider.errors import InputError
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import Claim
from barnspider.lab.data import Dataset, load
from barnspider.lab.lines import say
from barnspider.lab.machine import environment, prepared
from barnspider.lab.pretrained import pretrained
from barnspider.lab.recipe import Recipe
from barnspider.lab.settling import ALL, serve, settle_all
from barnspider.lab.shift import Shift
from barnspider.lab.train import train
from barnspider.lab.transfer.borrowing import Borrowed, Borrowing
from barnspider.lab.transfer.features import labelled
from barnspider.lab.transfer.logistic import Labelled, Probe, Step, chosen, follow
from barnspider.lab.transfer.plan import Transferring
from barnspider.lab.transfer.run import arrived, with_backbone
from barnspider.lab.transfer.tuning import recipe_of, start_of
from barnspider.lab.weights import Kept, read_weights
from barnspider.store import Answers, Cell, Result, Store


def work(store: Store, study: str, data: Dataset | None = None, device: str = "cpu", shift: Shift = ALL) -> None:
    """Transfer every backbone of the study that nobody else is transferring; come back when all are sealed or failed.

    A backbone whose weights are not kept is left alone.
    """
    theirs = "networks" in store.study(study).sweep
    jobs = _theirs(store, study, data, device) if theirs else _own(store, study, data, device)
    say(event="ready")

    def seal(cell: Cell, claim: Claim) -> bool:
        result = jobs[cell](claim)
        claim.look()
        first = store.write(cell.key, result)
        _checkpoint(store, cell.key).unlink(missing_ok=True)
        return first

    settle_all(store, jobs, seal, shift)


Jobs = dict[Cell, Callable[[Claim], Result]]
"""What is to be made, and what makes it as long as the claim on it is ours."""


def _own(store: Store, study: str, data: Dataset | None, device: str) -> Jobs:
    plan = Transferring.planned(store, study)
    images = data or arrived(store, plan.source, plan.to)

    def made(source: Cell, cell: Cell, claim: Claim) -> Result:
        checkpoint = Checkpoint(_checkpoint(store, cell.key), images.fingerprint, claim=claim)
        return result_of(store, source, plan, images, device, checkpoint)

    return {cell: partial(made, source, cell) for source, cell in with_backbone(store, plan)}


def _theirs(store: Store, study: str, data: Dataset | None, device: str) -> Jobs:
    plan = Borrowing.planned(store, study)
    images = data or load(plan.to)

    def made(network: Borrowed, sum_: str, _: Claim) -> Result:
        return result_of_theirs(network, sum_, images, device)

    return {
        cell: partial(made, network, sum_)
        for cell, network, sum_ in zip(plan.cells(), plan.networks, plan.sums, strict=True)
    }


def _checkpoint(store: Store, key: str) -> Path:
    return store.root / "checkpoints" / key


def result_of(
    store: Store,
    source: Cell,
    plan: Transferring,
    data: Dataset,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Transfer one backbone and return what a store keeps of it; of one that diverged, that.

    Raises
    ------
    InputError
        When the network does not end in a linear layer, or the data has fewer than two classes to train on.
    TrainingError
        When the probe does not converge.
    """
    began = time.perf_counter()
    about: dict[str, Any] = {"of": source.key, "seed": source.seed}
    kept = read_weights(store, source.key, device)
    if kept is None:
        return Result("diverged", plan.fingerprint, {}, {**about, "seconds": 0.0})
    if plan.tuning is None:
        answers, told = _probed(kept, data, device)
        told |= {"seconds": _since(began)}
    else:
        recipe = recipe_of(kept, plan.source.sweep["vary"], plan.to, plan.tuning)
        answers, told = _tuned(recipe, kept, data, checkpoint, device)
    return Result("done" if answers else "diverged", plan.fingerprint, answers, {**about, **told})


def result_of_theirs(network: Borrowed, sum_: str, data: Dataset, device: str = "cpu") -> Result:
    """Use a network that was trained elsewhere, and return what a store keeps of it.

    Raises
    ------
    InputError
        When it is not what it was when it was planned, or does not end in a linear layer.
    TrainingError
        When the probe does not converge.
    """
    began = time.perf_counter()
    kept, found = pretrained(network.function, data, device)
    if found != sum_:
        raise InputError(
            f"pretrained={network.function!r} returned other weights than when it was planned; expected the same"
            " whenever it is called: load them from a file, or set torch's seed"
        )
    answers, told = _probed(kept, data, device)
    about = {"network": network.function, "sum": sum_, "seed": network.seed, "seconds": _since(began)}
    return Result("done", data.fingerprint, answers, about | told)


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


def _probed(kept: Kept, data: Dataset, device: str) -> tuple[dict[str, Answers], dict[str, Any]]:
    """Return what a probe on frozen features answers, and how it was found."""
    with prepared(kept.recipe, device):
        seen = {name: labelled(kept, getattr(data, name)) for name in ("train", "validation", "test")}
        probe, path = follow(seen["train"], seen["validation"], len(data.classes))
        answers = {name: _answers(probe, seen[name]) for name in ("validation", "test")}
    return answers, {
        "features": seen["train"].features.shape[1], "strength": chosen(path).strength,
        "path": [_rounded(step) for step in path], "environment": environment(kept.recipe, device),
    }  # fmt: skip


def _rounded(step: Step) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in asdict(step).items()}


def _answers(probe: Probe, images: Labelled) -> Answers:
    guess, own = probe.answers(images)
    return Answers(guess.cpu().numpy().astype(smallest_int(probe.classes)), own.cpu().numpy())


def _tuned(
    recipe: Recipe, kept: Kept, data: Dataset, checkpoint: Checkpoint | None, device: str
) -> tuple[dict[str, Answers], dict[str, Any]]:
    """Return what the whole network answers when it was trained on, and how; no answers when it diverged.

    It goes on where its checkpoint has it, as trainings do: so a kill costs a few minutes at most.
    """
    trained = train(recipe, kept.seed, data, device, checkpoint=checkpoint, start=start_of(kept))
    curve = [round(a, 5) for a in trained.validation_accuracy]
    told = {"recipe": recipe.as_dict(), "validation_accuracy": curve, "environment": dict(trained.environment)}
    return dict(trained.answers), told | {"seconds": round(trained.seconds, 3)}


def main() -> None:
    """Work on the store and study that the command line names."""
    serve("barnspider.lab.transfer.worker", "Transfer what is missing.", work)


if __name__ == "__main__":
    main()
