"""Ours against the loops that others write: same network, images, augmentation, schedule, number of epochs.

    python benchmarks/training.py                            about 12 minutes on 2 cores
    python benchmarks/training.py --cifar cifar10_dev.npz    CIFAR-10 too, from any .npz of it: about 15
    python benchmarks/training.py --rounds 6                 three times as long: narrower accuracies and ratios
    python benchmarks/training.py --quick                    three minutes: that it runs, no more

The variants take turns within one run, each in processes of its own, so a busy machine hurts all of them. Ratios
count; absolute times drift by 10 to 15 %; on a busy machine the CPU seconds say most.

    usual   Dataset, DataLoader with 2 workers, torchvision's v2 transforms of each image, default layout and threads
    timm    the same with timm's loader, transforms and optimizer, as its train.py has them
    one     ours: `barnspider.lab.train` in one process
    study   ours as studies run: `train_missing` with a worker for each core; three models for each
    narrow  the same with `precision = "bfloat16"`, where the processor has instructions for it

A time is that of one model. For `usual`, `timm` and `one` it is training and evaluation (validation images after each
epoch, test images at the end); starting Python, importing torch and reading the data are left out. For `study` and
`narrow` nothing is left out: from the start of Python to its end, with workers, averaged weights, strengths and store.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

import growth
import profiled
from barnspider.errors import TrainingError
from barnspider.lab.cores import core_count
from barnspider.lab.data import Dataset, load
from barnspider.lab.machine import has_bf16
from barnspider.lab.nets.foreign import import_torchvision
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import train_missing, worker_environment
from barnspider.lab.sweep import Sweep
from barnspider.lab.train import train
from barnspider.store import Store
from floor import MemoryWatch, machine_rate, operations
from others import timms, usual

THIN = Recipe("fashion-mnist", network="resnet", width=16, epochs=1, batch=256, lr=0.3, flip=0.5, weight_decay=5e-4)
THIN = replace(THIN, crop=0.2)
CASES = {
    "Fashion-MNIST, `resnet` of width 16": THIN,
    "Fashion-MNIST, `resnet8`": replace(THIN, network="resnet8", train_images=20_000),
}
MODELS = 3
"""For each core, in `study`."""

QUICK = {"train_images": 4000, "batch": 64, "lr": 0.1}


@dataclass(frozen=True)
class Cost:
    """What one model cost: seconds, CPU seconds, the process tree's peak of memory in bytes; all models' accuracies."""

    seconds: float
    cpu: float
    memory: int
    accuracies: list[float]


# --- one variant in processes of its own ----------------------------------------------------------------------------


def ours(recipe: Recipe, seed: int, data: Dataset) -> tuple[float, float]:
    """Return seconds and test accuracy of `barnspider.lab.train`."""
    trained = train(recipe, seed, data)
    assert trained.test is not None
    return trained.seconds, float((trained.test.guess == data.test.labels).mean())


ALONE: dict[str, Callable[[Recipe, int, Dataset], tuple[float, float]]] = {"usual": usual, "timm": timms, "one": ours}


STUDIES = {"study": "float32", "narrow": "bfloat16"}
"""Ours as studies run, by their precision."""


def study(recipe: Recipe, seed: int, models: int) -> list[float]:
    """Train models as studies do; return their test accuracies."""
    sweep = Sweep(recipe, "crop", (recipe.crop,), tuple(range(seed, seed + models)), baseline_dose=recipe.crop)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        train_missing(sweep, store)
        return store.load(sweep.runs()).correct().mean(axis=1).tolist()


def child(variant: str, fields: str, seed: str, models: str) -> None:
    """Train in this variant and print what it cost."""
    recipe = Recipe(**json.loads(fields))
    if variant in STUDIES:
        recipe = replace(recipe, precision=STUDIES[variant])
        seconds, accuracies = 0.0, study(recipe, int(seed), int(models))
        cpu = cpu_seconds()
    else:
        data, before = load(recipe.dataset), cpu_seconds()
        seconds, accuracy = ALONE[variant](recipe, int(seed), data)
        cpu, accuracies = cpu_seconds() - before, [accuracy]
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "cpu": cpu, "accuracies": accuracies}))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def one_round(variant: str, recipe: Recipe, seed: int) -> Cost:
    """Return what one model costs in this variant."""
    models = MODELS * core_count() if variant in STUDIES else 1
    start = time.perf_counter()
    process = start_child(variant, json.dumps(asdict(recipe)), str(seed), str(models))
    with MemoryWatch(process.pid) as watch:
        printed = process.communicate()[0]
    if process.returncode:
        sys.exit(f"the variant {variant!r} ended with {process.returncode}")
    said = json.loads(printed.splitlines()[-1])
    seconds = time.perf_counter() - start if variant in STUDIES else said["seconds"]
    return Cost(seconds / models, said["cpu"] / models, watch.peak, said["accuracies"])


def start_child(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Run this file again for one task; what it prints is its answer."""
    command = [sys.executable, __file__, "--child", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


# --- taking turns ---------------------------------------------------------------------------------------------------


def compared(name: str, recipe: Recipe, variants: list[str], rounds: int, rate: float) -> str:
    """Run all variants in turn, and return their table."""
    results: dict[str, list[Cost]] = {variant: [] for variant in variants}
    for number in range(rounds):
        for variant in variants:
            cost = one_round(variant, recipe, seed=100 * number)
            results[variant].append(cost)
            say(f"{name}, round {number + 1}: {variant} {cost.seconds:.1f} s / model")
    data = load(recipe.dataset)
    work, images = operations(recipe, data), recipe.epochs * (recipe.train_images or len(data.train))
    head = f"\n## {name}\n\n{images:,} training images in {recipe.epochs} epoch, {work / 1e12:.2f} TFLOP a model\n\n"
    return head + table(results, images, work, rate)


def table(results: dict[str, list[Cost]], images: int, work: float, rate: float) -> str:
    """Return medians over rounds, the ratio of each variant to the usual loop, and mean accuracies."""
    lines = [
        "| | s / model | CPU s | us / image | ratio (rounds) | of the floor | peak MB | accuracy % | against usual |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for variant, rounds in results.items():
        seconds = statistics.median(cost.seconds for cost in rounds)
        cpu = statistics.median(cost.cpu for cost in rounds)
        ratios = [base.seconds / cost.seconds for base, cost in zip(results["usual"], rounds, strict=True)]
        lines.append(
            f"| {variant} | {seconds:.1f} | {cpu:.1f} | {1e6 * seconds / images:.0f}"
            f" | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            f" | {100 * work / seconds / rate:.0f} % | {max(cost.memory for cost in rounds) / 1e6:.0f}"
            f" | {accuracy(rounds)} | {difference(rounds, results['usual'])} |"
        )
    return "\n".join(lines)


def found(rounds: list[Cost]) -> list[float]:
    """Return the accuracies of all models, in %."""
    return [100 * a for cost in rounds for a in cost.accuracies]


def accuracy(rounds: list[Cost]) -> str:
    models = found(rounds)
    error = statistics.stdev(models) / math.sqrt(len(models)) if len(models) > 1 else math.nan
    return (
        f"{statistics.mean(models):.2f} +- {error:.2f} ({len(models)})" if len(models) > 1 else f"{models[0]:.2f} (1)"
    )


def difference(rounds: list[Cost], base: list[Cost]) -> str:
    """Return how far the mean accuracy is from the usual loop's, with its standard error; both scatter alike."""
    if rounds is base:
        return ""
    ours, theirs = found(rounds), found(base)
    gap = f"{statistics.mean(ours) - statistics.mean(theirs):+.2f}"
    freedom = len(ours) + len(theirs) - 2
    if not freedom:
        return gap
    squares = sum((a - statistics.mean(part)) ** 2 for part in (ours, theirs) for a in part)
    return f"{gap} +- {math.sqrt(squares / freedom * (1 / len(ours) + 1 / len(theirs))):.2f}"


def variants_here() -> tuple[list[str], list[str]]:
    """Return the variants that can be run, and notes on what others use here."""
    notes, variants = [f"torch {torch.__version__}, {core_count()} cores"], ["usual", "one", "study"]
    for library in ("torchvision", "timm"):
        try:
            import_torchvision("torchvision")
            notes.append(f"{library} {import_torchvision(library).__version__}")
        except TrainingError:
            notes.append(
                "torchvision is absent: its transforms rewritten with Pillow, a little cheaper"
                if library == "torchvision"
                else "timm left out: it is not installed"
            )
            continue
        variants = ["usual", "timm", "one", "study"] if library == "timm" else variants
    if not has_bf16("cpu"):
        return variants, [*notes, "narrow left out: no instructions for bfloat16"]
    return [*variants, "narrow"], notes


def say(line: str) -> None:
    """Tell somebody who waits how far it is."""
    print(line, file=sys.stderr, flush=True)


def load_average() -> str:
    return ", ".join(f"{x:.2f}" for x in os.getloadavg())


def extra(task: str, *arguments: str) -> str:
    """Return a table that a process with the workers' environment makes."""
    process = start_child(task, *arguments, environment=worker_environment())
    return process.communicate()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4,000 images, one round, no table of growth")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--cifar", default="", metavar="PATH", help="an .npz of CIFAR-10, or a part of it")
    options = parser.parse_args()
    cases = dict(CASES)
    if options.cifar:
        cases[f"{Path(options.cifar).name}, `resnet` of width 16"] = replace(
            THIN, dataset=options.cifar, batch=128, lr=0.2
        )
    variants, notes = variants_here()
    print("; ".join(notes))
    print(f"load before: {load_average()}", flush=True)
    rate = machine_rate(1.0 if options.quick else 4.0)
    print(f"the floor: {rate / 1e9:.0f} GFLOP/s, torch's best float32 matrix product, one thread on each core at once")
    for name, recipe in cases.items():
        sized = replace(recipe, epochs=options.epochs, **(QUICK if options.quick else {}))
        print(compared(name, sized, variants, 1 if options.quick else options.rounds, rate), flush=True)
    print(extra("profiled", json.dumps(asdict(THIN))), flush=True)
    if not options.quick:
        print(extra("growth", json.dumps(asdict(THIN))), flush=True)
    print(f"load after (ours counts too): {load_average()}")


TASKS: dict[str, Callable[..., Any]] = {"profiled": profiled.main, "growth": growth.main}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        task, *rest = sys.argv[2:]
        TASKS[task](*rest) if task in TASKS else child(task, *rest)
    else:
        main()
