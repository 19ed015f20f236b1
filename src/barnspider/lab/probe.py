"""`python -m barnspider.lab.probe`: what one run costs, measured by two short ones, set up as in a worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from barnspider.errors import BarnspiderError, TrainingError
from barnspider.lab.data import Dataset, load
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import worker_environment

IMAGES = 2048


def seconds_of(recipe: Recipe) -> float:
    """Return the seconds of one core that a run of this recipe takes, measured in a process set up like a worker.

    Raises
    ------
    TrainingError
        When the short trainings fail.
    """
    command = [sys.executable, "-m", "barnspider.lab.probe"]
    done = subprocess.run(
        command,
        input=json.dumps(recipe.as_dict()),
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TrainingError(f"a short training of this recipe failed: {done.stderr.strip()[-2000:]}")
    return float(done.stdout)


def measure(recipe: Recipe) -> float:
    """Scale two trainings of one epoch, on few images and on twice as many, up to the whole recipe."""
    data = load(recipe.dataset, split_seed=recipe.split_seed)
    total = min(recipe.train_images or len(data.train.labels), len(data.train.labels))
    few = max(len(data.classes), min(IMAGES, total // 2))
    _core_seconds(recipe, few, data)  # the first steps pay for loading code
    once, twice = (_core_seconds(recipe, n, data) for n in (few, 2 * few))
    each_image = max(twice - once, 0.1 * once) / few
    evaluation = max(once - few * each_image, 0.0)
    share = len(data.validation.labels) / (len(data.validation.labels) + len(data.test.labels))
    return recipe.epochs * (total * each_image + share * evaluation) + (1 - share) * evaluation


def _core_seconds(recipe: Recipe, images: int, data: Dataset) -> float:
    """Train one epoch on some images; the processor's time, because others may be using the machine too."""
    from barnspider.lab.train import train

    began = time.process_time()
    train(replace(recipe, epochs=1, train_images=images), 0, data)
    return time.process_time() - began


def main() -> None:
    """Read a recipe from standard input, print the seconds."""
    fields: dict[str, Any] = json.load(sys.stdin)
    try:
        sys.stdout.write(f"{measure(Recipe(**fields))}\n")
    except BarnspiderError as error:
        sys.stderr.write(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
