"""What grows with the number of models, with the size of images, with the number of classes: small tables."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace

import numpy as np

from barnspider.lab.data import Dataset, from_arrays
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import train_missing
from barnspider.lab.sweep import Sweep
from barnspider.lab.train import train
from barnspider.store import Store

MODELS = (2, 4, 12)
SIDES = (16, 28, 32, 48, 64)
CLASSES = (10, 100, 1000)
IMAGES = 3000


def main(fields: str) -> None:
    """Print what a recipe costs when one thing grows."""
    recipe = Recipe(**json.loads(fields))
    print("\n## Growth\n\nA study of one epoch of 4,000 images for each model, everything included:\n")
    print("| models | seconds | seconds / model |\n|--:|--:|--:|")
    for models in MODELS:
        seconds = study_seconds(replace(recipe, epochs=1, train_images=4000), models)
        print(f"| {models} | {seconds:.1f} | {seconds / models:.2f} |")
    print("\nOne process, training on random images in colour, CPU microseconds for each training image:\n")
    print("| side | classes | us / image | us / image and 1,000 pixels |\n|--:|--:|--:|--:|")
    for side, classes in [*((side, CLASSES[0]) for side in SIDES), *((28, classes) for classes in CLASSES[1:])]:
        each = 1e6 * image_seconds(recipe, side, classes)
        print(f"| {side} | {classes} | {each:.0f} | {1000 * each / side**2:.0f} |")


def study_seconds(recipe: Recipe, models: int) -> float:
    """Return the wall time of a study of so many models."""
    sweep = Sweep(recipe, "crop", (recipe.crop,), tuple(range(models)), baseline_dose=recipe.crop)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train_missing(sweep, Store(folder))
    return time.perf_counter() - start


def image_seconds(recipe: Recipe, side: int, classes: int) -> float:
    """Return the CPU seconds for each training image, the better of two epochs."""
    data, spent = noise(side, classes), list[float]()
    one = replace(recipe, dataset=data.name, epochs=1, train_images=0)
    for _ in range(2):
        start = time.process_time()
        train(one, 0, data)
        spent.append(time.process_time() - start)
    return min(spent) / len(data.train)


def noise(side: int, classes: int) -> Dataset:
    """Return random images with random labels, every class among them; few to answer."""
    draw = np.random.default_rng(0)
    images = draw.integers(256, size=(IMAGES + 100, side, side, 3), dtype=np.uint8)
    labels = np.arange(len(images)) % classes
    names = [str(c) for c in range(classes)]
    parts = {
        "x_train": images[:IMAGES],
        "y_train": labels[:IMAGES],
        "x_test": images[IMAGES:],
        "y_test": labels[IMAGES:],
    }
    return from_arrays(parts | {"class_names": np.array(names)}, f"{side} x {side}, {classes} classes")
