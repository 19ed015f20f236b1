"""Where the time of our training goes, by torch's profiler."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from barnspider.lab import nets
from barnspider.lab.data import Dataset, load
from barnspider.lab.evaluation import answers
from barnspider.lab.material import Material
from barnspider.lab.recipe import Recipe
from barnspider.lab.train import train

IMAGES = 20_000

KINDS = {
    "convolution, backward": ("convolution_backward",),
    "convolution, forward": ("mkldnn_convolution", "thnn_conv2d", "_slow_conv2d_forward"),
    "batch normalization": ("batch_norm",),
    "max-pooling": ("max_pool2d",),
    "ReLU": ("threshold_backward", "clamp_min", "relu"),
    "optimizer": ("_fused_sgd", "Optimizer."),
}
"""What is told apart, by parts of the names of torch's operators."""


def main(fields: str) -> None:
    """Print a table of shares of one epoch of the recipe, and what answering costs beside it."""
    recipe = replace(Recipe(**json.loads(fields)), epochs=1, train_images=IMAGES)
    data = load(recipe.dataset)
    few = few_to_answer(data)
    train(replace(recipe, train_images=1000), 0, few)  # the first call of anything is slow
    net = f"`{recipe.network}` of width {recipe.width}"
    print(f"\n## Where the time goes: {net}, {IMAGES:,} images, steps only, by torch's profiler\n")
    print("| | share of the CPU time |\n|:--|--:|")
    for kind, share in shares(recipe, few).items():
        print(f"| {kind or 'the rest: making batches, loss, residual sums, copies, Python'} | {100 * share:.1f} % |")
    step, batch = timed(lambda: train(recipe, 0, few)) / IMAGES, making(recipe, data) / IMAGES
    each = answering(recipe, data) / len(data.validation)
    print(
        f"\nCPU time without the profiler: {1e6 * step:.0f} us to train on an image. Of these, fetching and augmenting"
    )
    print(
        f"it take {1e6 * batch:.1f}: {100 * batch / step:.1f} %. To answer one takes {1e6 * each:.0f}, so answering",
        end=" ",
    )
    share = each * len(data.validation) / (step * len(data.train))
    print(f"{len(data.validation):,}\nafter each epoch of {len(data.train):,} adds {100 * share:.1f} %.")


def few_to_answer(data: Dataset) -> Dataset:
    """Leave nearly nothing to evaluate."""
    some = np.arange(100)
    return replace(data, validation=data.validation.take(some), test=data.test.take(some))


def shares(recipe: Recipe, data: Dataset) -> dict[str, float]:
    """Return each kind's share of the CPU time of a training; of "", that of all else."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        train(recipe, 0, data)
    events = found.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    return {kind: sum(e.self_cpu_time_total for e in events if kind_of(e.key) == kind) / whole for kind in [*KINDS, ""]}


def making(recipe: Recipe, data: Dataset) -> float:
    """Return the CPU seconds of making an epoch's batches and doing nothing with them."""
    material = Material.of(data, recipe, "cpu")
    return timed(lambda: [None for _ in material.batches(recipe, 0, 0)])


def answering(recipe: Recipe, data: Dataset) -> float:
    """Return the CPU seconds of answering all validation images."""
    net = nets.build(recipe, data.shape, len(data.classes), seed=0).to(memory_format=torch.channels_last)
    material = Material.of(data, recipe, "cpu")
    return timed(lambda: answers(net, data.validation, material, recipe))


def timed(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the second of two calls, on one thread."""
    torch.set_num_threads(1)
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def kind_of(operator: str) -> str:
    """Return which of `KINDS` an operator is; "" for none."""
    return next((kind for kind, parts in KINDS.items() if any(part in operator for part in parts)), "")
