"""What a step costs on a GPU, each way beside the others: plain or played back, float32 or narrower; several workers.

    python benchmarks/gpu.py                    # one process
    python benchmarks/gpu.py --workers 14       # and so many side by side, with MPS if its daemon runs

Fashion-MNIST, `resnet` of width 32, batches of 128 images, crop 0.5: so small that starting kernels takes longer than
running them. The variants take turns; each figure is the median of their rounds. Batches are made before.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from barnspider.lab import machine, nets
from barnspider.lab.data import Dataset, load
from barnspider.lab.machine import narrow, prepared
from barnspider.lab.material import Batch, Material
from barnspider.lab.playback import Playback
from barnspider.lab.recipe import Recipe

GPU = "cuda:0"
RECIPE = Recipe("fashion-mnist", network="resnet", width=32, batch=128, train_images=2000, crop=0.5, lr=0.1)
EIGHT = replace(RECIPE, network="resnet8", width=16)
NARROW = replace(RECIPE, precision="bfloat16")
VARIANTS = {  # recipe, whether convolutions may round (TF32), whether steps are played back
    "float32 as torch has it, plain": (RECIPE, True, False),
    "float32 as torch has it": (RECIPE, True, True),
    "float32 to the last bit": (RECIPE, False, True),
    "bfloat16": (NARROW, True, True),
    "ResNet-8 of width 16": (EIGHT, True, True),
}
ROUNDS, STEPS = 7, 60
TOGETHER = 3.0
"""Seconds for which several workers take steps side by side."""

Step = Callable[[Batch], None]


def step_of(recipe: Recipe, data: Dataset, *, played: bool) -> tuple[Step, list[Batch]]:
    """Return a training step as `lab.train` takes it, but for averages and the rate, and batches of one size for it."""
    material = Material.of(data, recipe, GPU)
    net: Any = nets.build(recipe, data.shape, len(data.classes), 0).train()
    net = net.to(device=GPU, memory_format=torch.channels_last)
    rate = torch.tensor(recipe.lr, device=GPU)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, nesterov=True, fused=True)

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        with narrow(recipe, "cuda"):
            logits = net(batch.images, batch.draws)
        functional.cross_entropy(logits.float(), batch.targets).backward()
        optimizer.step()

    batches = list(material.batches(recipe, 0, 0))
    return Playback(step) if played else step, [b for b in batches if len(b.targets) == len(batches[0].targets)]


def taken(step: Step, batches: list[Batch], steps: int) -> float:
    """Return the seconds that so many steps take."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for number in range(steps):
        step(batches[number % len(batches)])
    torch.cuda.synchronize()
    return time.perf_counter() - began


def settings(recipe: Recipe, *, rounds: bool) -> ExitStack:
    """Return what a training sets while it runs."""
    machine.TENSOR_FLOAT = rounds
    stack = ExitStack()
    stack.enter_context(prepared(recipe, GPU))
    return stack


def alone(data: Dataset) -> None:
    """Print microseconds a step of every variant, one process on the GPU."""
    made = {name: step_of(recipe, data, played=played) for name, (recipe, _, played) in VARIANTS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for number in range(ROUNDS + 1):  # the first settles kernels and records
        for name, (recipe, rounds, _) in VARIANTS.items():
            with settings(recipe, rounds=rounds):
                found = taken(*made[name], STEPS)
            seconds[name] += [found] if number else []
    first = statistics.median(next(iter(seconds.values())))
    for name, found in seconds.items():
        middle = statistics.median(found)
        print(f"{name:32} {1e6 * middle / STEPS:7.0f} us a step, {first / middle:.1f} times the first", flush=True)


def together(data: Dataset, start: float) -> None:
    """Print the steps a second of this process while others do the same."""
    for number, (name, (recipe, rounds, played)) in enumerate(VARIANTS.items()):
        step, batches = step_of(recipe, data, played=played)
        with settings(recipe, rounds=rounds):
            taken(step, batches, 4)
            begin = start + 2 * number * TOGETHER
            time.sleep(max(0.0, begin - time.time()))
            steps = 0
            while time.time() < begin + TOGETHER:
                taken(step, batches, STEPS)
                steps += STEPS
        print(f"{name}\t{steps / TOGETHER}", flush=True)


def several(workers: int) -> None:
    """Print the steps a second of several processes, all together."""
    start = time.time() + 40
    command = [sys.executable, __file__, "--start", str(start)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    rows = [line.split("\t") for process in processes for line in process.communicate()[0].splitlines()]
    for name in VARIANTS:
        print(f"{name:32} {sum(float(rate) for own, rate in rows if own == name):7.0f} steps/s of {workers} workers")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="What a step costs on a GPU.")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--start", type=float, default=0.0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("torch sees no GPU here: nothing is measured")
    data = load("fashion-mnist")
    if asked.start:
        together(data, asked.start)
        return
    alone(data)
    if asked.workers:
        several(asked.workers)


if __name__ == "__main__":
    main()
