"""`python -m barnspider.lab.probe`: what training and answering cost, measured by short trainings as a worker's are.

Few images are trained on, then twice as many, until that takes seconds; so a small network is measured in batches of
the recipe's size, a large one on a small machine in smaller ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from barnspider.errors import BarnspiderError, TrainingError
from barnspider.lab.data import Dataset, Split
from barnspider.lab.data.sharing import share, shared
from barnspider.lab.data.survey import Survey
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import worker_environment

IMAGES, BATCHES, LONG = 2048, 8, 5.0
"""A training is long enough when it has so many images and so many batches, or takes so many seconds."""

_FIRST = 4

_CALM = 1e-6
"""A learning rate at which nothing diverges: a training that did would end early."""


@dataclass(frozen=True)
class Measured:
    """What a recipe costs on a device; seconds are those of one core or, on a GPU, of the clock.

    Attributes
    ----------
    trained, answered : seconds for each image that is trained on once, or answered once
    begun : seconds until the first step
    batch : how many images a step had; the recipe's own number unless that would have taken too long
    memory : bytes of the device that a worker needs at most, at the recipe's own batch
    room : bytes that the device has
    weights : bytes of a network that is kept
    device : what it is called
    """

    trained: float
    answered: float
    begun: float
    batch: int
    memory: int
    room: int
    weights: int
    device: str

    def run(self, recipe: Recipe, found: Survey) -> float:
        """Return the seconds that a run of this recipe takes on the whole data set."""
        images = min(recipe.train_images or found.train, found.train)
        answered = (recipe.epochs + 1) * found.validation + 2 * found.test  # by the last weights and by their average
        return self.begun + recipe.epochs * images * self.trained + answered * self.answered


def measured(recipe: Recipe, found: Survey, device: str = "cpu") -> Measured:
    """Return what a recipe costs, measured in a process set up like a worker.

    Raises
    ------
    TrainingError
        When the short trainings fail, or there is no such device.
    """
    with tempfile.TemporaryDirectory(prefix="barnspider-probe-") as folder:
        share(found.sample, Path(folder))
        done = subprocess.run(
            [sys.executable, "-m", "barnspider.lab.probe", folder, device],
            input=json.dumps(recipe.as_dict()),
            env=worker_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise TrainingError(f"a short training of this recipe failed: {done.stderr.strip()[-2000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure(recipe: Recipe, data: Dataset, device: str) -> Measured:
    """Measure in this process."""
    from barnspider.lab import nets
    from barnspider.lab.machine import environment, placed
    from barnspider.lab.memory import peak, whole
    from barnspider.lab.weights import packed

    device = placed(device, 0)
    _train(recipe, data, device, _FIRST)  # the first steps pay for loading code
    *before, last = _growing(recipe, data, device)
    twice = _train(recipe, data, device, 2 * last.images, last.batch)
    trained = max(twice - last.seconds, 0.1 * last.seconds) / last.images
    needed = _extrapolated(recipe.batch, [*before, last], peak(device))
    weights = packed(nets.build(recipe, data.shape, len(data.classes), 0))
    return Measured(
        trained, _answering(recipe, data, device), max(0.0, last.seconds - last.images * trained), last.batch,
        needed, whole(device), len(weights), environment(recipe, device)["device"],
    )  # fmt: skip


@dataclass(frozen=True)
class _Short:
    """A short training: its images, how many of them a step had, seconds, and the memory needed so far."""

    images: int
    batch: int
    seconds: float
    memory: int


def _growing(recipe: Recipe, data: Dataset, device: str) -> Iterator[_Short]:
    """Train on twice as many images again and again, until that is long enough."""
    from barnspider.lab.memory import peak

    images, enough = _FIRST, max(IMAGES, BATCHES * recipe.batch)
    while True:
        batch = min(images, recipe.batch)
        seconds = _train(recipe, data, device, images, batch)
        yield _Short(images, batch, seconds, peak(device))
        if seconds >= LONG or images >= enough:
            return
        images *= 2


def _train(recipe: Recipe, data: Dataset, device: str, images: int, batch: int = _FIRST) -> float:
    """Train one epoch on so many images and answer one of each part; return the seconds that it took."""
    from barnspider.lab.train import train

    parts = {part: _repeated(getattr(data, part), n) for part, n in (("train", images), ("validation", 1), ("test", 1))}
    began = _now(device)
    calm = replace(recipe, epochs=1, train_images=0, batch=batch, lr=_CALM)
    train(calm, 0, replace(data, **parts), device)
    return _now(device) - began


def _answering(recipe: Recipe, data: Dataset, device: str) -> float:
    """Return the seconds for one image answered."""
    from barnspider.lab import nets
    from barnspider.lab.evaluation import logits
    from barnspider.lab.machine import prepared
    from barnspider.lab.material import Material

    images, seconds = _FIRST, 0.0
    material = Material.of(replace(data, train=_repeated(data.train, _FIRST)), replace(recipe, train_images=0), device)
    with prepared(recipe, device):
        net = nets.build(recipe, data.shape, len(data.classes), 0).to(device=device)
        while seconds < LONG / 10 and images < IMAGES:
            images *= 2
            began = _now(device)
            logits(net, _repeated(data.test, images), material, recipe).cpu()
            seconds = _now(device) - began
    return seconds / images


def _repeated(split: Split, count: int) -> Split:
    """Return so many images of a part; the same ones again where it has fewer."""
    return split.take(np.resize(np.arange(len(split)), count))


def _now(device: str) -> float:
    """Return the processor's time, for others may be using the machine too; a GPU has only the clock."""
    return time.perf_counter() if device.startswith("cuda") else time.process_time()


def _extrapolated(batch: int, known: list[_Short], most: int) -> int:
    """Return the memory that batches of this size need: what grows with a batch's images is in proportion to them."""
    last = known[-1]
    if last.batch == batch or len(known) < 2:
        return most
    before = known[-2]
    each = (last.memory - before.memory) / (last.batch - before.batch)
    return round(last.memory + (batch - last.batch) * max(0.0, each))


def main() -> None:
    """Read a recipe from standard input, print what was measured as JSON."""
    fields: dict[str, Any] = json.load(sys.stdin)
    folder, device = sys.argv[1:]
    try:
        sys.stdout.write(f"{json.dumps(asdict(measure(Recipe(**fields), shared(Path(folder)), device)))}\n")
    except BarnspiderError as error:
        sys.stderr.write(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
