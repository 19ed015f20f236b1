"""Ours against the loop that most people write: same network, data, augmentation, schedule, number of epochs.

    python benchmarks/training.py            Fashion-MNIST, 55,000 images, 2 epochs, 3 rounds: 8 minutes on 2 cores
    python benchmarks/training.py --quick    5,000 images, 1 epoch, 1 round: a minute; a check that it runs, no more

The variants take turns within one run, each in processes of its own, so a busy machine hurts all of them. Ratios
count; absolute times drift by 10 to 15 %; on a busy machine the CPU seconds say most. A time is training and evaluation
(validation images after each epoch, test images at the end) of one model, from the first batch on: starting Python and
reading the data are left out for all.

    usual   Dataset, DataLoader with 2 workers, per-image transforms, default layout and threads; one model at a time
    one     ours: `barnspider.lab.train`, one process
    two     ours: two processes at once, each of one thread, in the workers' environment (malloc tunables)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from barnspider.lab import nets
from barnspider.lab.data import Dataset, Split, balanced, load
from barnspider.lab.material import channel_moments
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import WORKER_ENVIRONMENT
from barnspider.lab.schedule import rate
from barnspider.lab.train import train

Cost = tuple[float, float, list[float]]
"""Of one round: seconds and CPU seconds for each model, and the accuracies."""

VARIANTS = {"usual": 1, "one": 1, "two": 2}
"""Each variant and how many processes it runs at once."""


# --- the loop that most people write --------------------------------------------------------------------------------


def transforms(recipe: Recipe, split: Split) -> tuple[Callable[[Any], torch.Tensor], Callable[[Any], torch.Tensor]]:
    """Return the per-image transforms for training and for evaluation."""
    mean, std = (m / 255 for m in channel_moments(split))
    assert isinstance(recipe.crop, float)
    assert isinstance(recipe.flip, float)
    try:
        from torchvision import transforms as t
    except ImportError:
        plain = Normalized(mean, std)
        return Augmented(1 - recipe.crop, recipe.flip, plain), plain
    ending = [t.ToTensor(), t.Normalize(mean.tolist(), std.tolist())]
    size = split.images.shape[1:3]
    crop = t.RandomResizedCrop(size, scale=(1 - recipe.crop, 1.0))
    return t.Compose([crop, t.RandomHorizontalFlip(recipe.flip), *ending]), t.Compose(ending)


class Normalized:
    """ToTensor and Normalize, as torchvision does it."""

    def __init__(self, mean: np.ndarray, std: np.ndarray) -> None:
        self.mean, self.std = torch.from_numpy(mean)[:, None, None], torch.from_numpy(std)[:, None, None]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(image))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
        return (pixels.float() / 255 - self.mean) / self.std


class Augmented:
    """RandomResizedCrop and RandomHorizontalFlip by Pillow, as torchvision does it."""

    def __init__(self, smallest: float, flip: float, then: Normalized) -> None:
        self.smallest, self.flip, self.then = smallest, flip, then

    def __call__(self, image: Image.Image) -> torch.Tensor:
        left, top, width, height = self.box(*image.size)
        box = (left, top, left + width, top + height)
        image = image.crop(box).resize(image.size, Image.Resampling.BILINEAR)
        if random.random() < self.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self.then(image)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = width * height * random.uniform(self.smallest, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return random.randint(0, width - w), random.randint(0, height - h), w, h
        return 0, 0, width, height


class Pictures(TorchDataset[tuple[torch.Tensor, int]]):
    """One image at a time."""

    def __init__(self, split: Split, transform: Callable[[Any], torch.Tensor]) -> None:
        self.images, self.labels, self.transform = split.images, split.labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        image = self.images[i]
        return self.transform(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)), int(self.labels[i])


def usual(recipe: Recipe, seed: int, data: Dataset) -> tuple[float, float]:
    """Return seconds and test accuracy of the loop that most people write."""
    torch.manual_seed(seed)
    random.seed(seed)
    split = balanced(data.train, recipe.train_images, 0)
    augmented, plain = transforms(recipe, split)
    net = nets.build(recipe, data.shape, len(data.classes), seed)
    decay = {"lr": recipe.lr, "momentum": recipe.momentum, "nesterov": True, "weight_decay": recipe.weight_decay}
    optimizer = torch.optim.SGD(net.parameters(), **decay)
    loader = DataLoader(Pictures(split, augmented), batch_size=recipe.batch, shuffle=True, num_workers=2)
    steps = recipe.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate(recipe, min(1.0, step / steps)) / recipe.lr
    )
    start = time.perf_counter()
    for _ in range(recipe.epochs):
        net.train()
        for images, labels in loader:
            optimizer.zero_grad()
            functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
            schedule.step()
        accuracy(net, Pictures(data.validation, plain))
    result = accuracy(net, Pictures(data.test, plain))
    return time.perf_counter() - start, result


@torch.no_grad()
def accuracy(net: torch.nn.Module, pictures: Pictures) -> float:
    net.eval()
    right = [net(x).argmax(1) == y for x, y in DataLoader(pictures, batch_size=512, num_workers=2)]
    return float(torch.cat(right).float().mean())


def ours(recipe: Recipe, seed: int, data: Dataset) -> tuple[float, float]:
    """Return seconds and test accuracy of `barnspider.lab.train`."""
    trained = train(recipe, seed, data)
    assert trained.test is not None
    return trained.seconds, float((trained.test.guess == data.test.labels).mean())


# --- taking turns ---------------------------------------------------------------------------------------------------


def one_round(variant: str, recipe: Recipe, seed: int, models: int) -> Cost:
    """Return what one model costs in this variant."""
    at_once = VARIANTS[variant]
    environment = dict(os.environ) | (WORKER_ENVIRONMENT if variant == "two" else {})
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--child", variant, json.dumps(asdict(recipe)), str(seed + i), str(models)],
            env=environment, stdout=subprocess.PIPE, text=True,
        )
        for i in range(at_once)
    ]  # fmt: skip
    said = [json.loads(child.communicate()[0]) for child in children]
    # The slowest process counts: a sweep is done when its last run is.
    seconds, cpu = max(s["seconds"] for s in said), sum(s["cpu"] for s in said)
    return seconds / (models * at_once), cpu / (models * at_once), [a for s in said for a in s["accuracy"]]


def child(variant: str, recipe: str, seed: str, models: str) -> None:
    """Train some models one after another and print what they cost."""
    function = usual if variant == "usual" else ours
    fields = Recipe(**json.loads(recipe))
    data, before = load(fields.dataset), cpu_seconds()
    said = [function(fields, int(seed) + 100 * i, data) for i in range(int(models))]
    cpu = cpu_seconds() - before
    sys.stdout.write(json.dumps({"seconds": sum(s for s, _ in said), "cpu": cpu, "accuracy": [a for _, a in said]}))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def table(results: dict[str, list[Cost]], images: int) -> str:
    """Return the table: medians over rounds, the ratio of each variant to the usual loop."""
    lines = [f"{'':8}{'s / model':>10}{'CPU s':>8}{'us / image':>12}{'ratio':>8}{'(rounds)':>18}  accuracy (models)"]
    base = [seconds for seconds, _, _ in results["usual"]]
    for variant, rounds in results.items():
        seconds = [s for s, _, _ in rounds]
        ratios = [b / s for b, s in zip(base, seconds, strict=True)]
        found = [100 * a for _, _, each in rounds for a in each]
        spread = statistics.stdev(found) if len(found) > 1 else math.nan
        middle, cpu = statistics.median(seconds), statistics.median(c for _, c, _ in rounds)
        between = f"({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(
            f"{variant:8}{middle:10.1f}{cpu:8.1f}{1e6 * middle / images:12.0f}{statistics.median(ratios):8.2f}"
            f"{between:>18}  {statistics.mean(found):.2f} +- {spread:.2f} % ({len(found)})"
        )
    return "\n".join(lines)


def load_average() -> str:
    return ", ".join(f"{x:.2f}" for x in os.getloadavg())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5,000 images, 1 epoch, 1 round")
    parser.add_argument("--width", type=int, default=16, help="channels of the first stage (default 16)")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = {"epochs": 1, "batch": 64, "lr": 0.1, "train_images": 5000} if options.quick else {"epochs": options.epochs}
    base = Recipe("fashion-mnist", network="resnet", batch=256, lr=0.3, crop=0.2, flip=0.5, weight_decay=5e-4)
    recipe = replace(base, width=options.width, **size)
    images = recipe.epochs * (recipe.train_images or len(load(recipe.dataset).train))
    try:
        import torchvision

        source = f"torchvision {torchvision.__version__}"
    except ImportError:
        source = "torchvision is absent: its transforms rewritten with Pillow (a little cheaper than torchvision's own)"
    print(f"{recipe}\nper-image transforms: {source}\ntorch {torch.__version__}, {os.cpu_count()} cores")
    print(f"load before: {load_average()}", flush=True)
    results: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    for number in range(1 if options.quick else options.rounds):
        for variant in VARIANTS:
            results[variant].append(one_round(variant, recipe, seed=10 * number, models=1))
            print(f"round {number + 1}: {variant} {results[variant][-1][0]:.1f} s / model", file=sys.stderr, flush=True)
    print(table(results, images))
    print(f"load after (ours counts too): {load_average()}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
