"""One worker: `python -m barnspider.lab.transfer.worker STORE STUDY`. Transfers backbones until none is left.

It needs to know nothing but the store and the study's name, as workers that train (`barnspider.lab.worker`).
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from barnspider.convert import smallest_int
from barnspider.lab.data import Dataset
from barnspider.lab.machine import environment, prepared
from barnspider.lab.settling import say, serve, settle_all
from barnspider.lab.train import train
from barnspider.lab.transfer.features import labelled
from barnspider.lab.transfer.logistic import Labelled, Probe, Step, chosen, follow
from barnspider.lab.transfer.plan import Transferring, Tuning
from barnspider.lab.transfer.run import arrived, with_backbone
from barnspider.lab.transfer.tuning import recipe_of, start_of
from barnspider.lab.weights import Kept, read_weights
from barnspider.store import Answers, Cell, Result, Store


def work(store: Store, study: str, data: Dataset | None = None, device: str = "cpu", number: int = 0) -> None:
    """Transfer every backbone of the study that nobody else is transferring; come back when all are sealed or failed.

    A backbone whose weights are not kept is left alone.
    """
    plan = Transferring.planned(store, study)
    images = data or arrived(store, plan.source, plan.to)
    pairs = with_backbone(store, plan)
    sources = {cell.key: source for source, cell in pairs}
    say(event="ready")

    def seal(cell: Cell) -> bool:
        return store.write(cell.key, result_of(store, sources[cell.key], plan, images, device))

    settle_all(store, [cell for _, cell in pairs], seal, number)


def result_of(store: Store, source: Cell, plan: Transferring, data: Dataset, device: str = "cpu") -> Result:
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
        with prepared(kept.recipe, device):
            answers, told = _probed(kept, data)
        told |= {"environment": environment(kept.recipe, device)}
    else:
        answers, told = _tuned(store, kept, plan, plan.tuning, data, device)
    status = "done" if answers else "diverged"
    return Result(
        status, plan.fingerprint, answers, {**about, **told, "seconds": round(time.perf_counter() - began, 3)}
    )


def _probed(kept: Kept, data: Dataset) -> tuple[dict[str, Answers], dict[str, Any]]:
    """Return what a probe on frozen features answers, and how it was found."""
    seen = {name: labelled(kept, getattr(data, name)) for name in ("train", "validation", "test")}
    probe, path = follow(seen["train"], seen["validation"], len(data.classes))
    answers = {name: _answers(probe, seen[name]) for name in ("validation", "test")}
    width = seen["train"].features.shape[1]
    return answers, {"features": width, "strength": chosen(path).strength, "path": [_rounded(step) for step in path]}


def _rounded(step: Step) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in asdict(step).items()}


def _answers(probe: Probe, images: Labelled) -> Answers:
    p = probe.probabilities(images.features)
    own = p.gather(1, images.labels[:, None])[:, 0].cpu().numpy()
    return Answers(p.argmax(1).cpu().numpy().astype(smallest_int(probe.classes)), own)


def _tuned(
    store: Store, kept: Kept, plan: Transferring, tuning: Tuning, data: Dataset, device: str
) -> tuple[dict[str, Answers], dict[str, Any]]:
    """Return what the whole network answers when it was trained on, and how; no answers when it diverged."""
    recipe = recipe_of(kept, plan.source.sweep["vary"], plan.to, tuning)
    trained = train(recipe, kept.seed, data, device, start=start_of(kept))
    curve = [round(a, 5) for a in trained.validation_accuracy]
    told = {"recipe": recipe.as_dict(), "validation_accuracy": curve, "environment": dict(trained.environment)}
    return dict(trained.answers), told


def main() -> None:
    """Work on the store and study that the command line names."""
    serve("barnspider.lab.transfer.worker", "Transfer what is missing.", work)


if __name__ == "__main__":
    main()
