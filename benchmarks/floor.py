"""What the machine can do at best, what a training asks of it, and how much memory processes hold."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from barnspider.lab import nets
from barnspider.lab.cores import core_count
from barnspider.lab.data import Dataset
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import WORKER_ENVIRONMENT

SIZES = (384, 512, 768, 1024)
"""Sides of the square matrices that are tried."""


def matrix_rate(seconds: float) -> float:
    """Return the best rate of torch's float32 matrix product, operations a second, one thread of this process."""
    torch.set_num_threads(1)
    best = 0.0
    for size in SIZES:
        left, right = torch.randn(2, size, size).unbind()
        end = time.perf_counter() + seconds / len(SIZES)
        while (begin := time.perf_counter()) < end:
            torch.mm(left, right)
            best = max(best, 2 * size**3 / (time.perf_counter() - begin))
    return best


def machine_rate(seconds: float = 4.0) -> float:
    """Return the sum of the rates of one process for each core, all at once."""
    environment = dict(os.environ) | WORKER_ENVIRONMENT
    command = [sys.executable, __file__, str(seconds)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(core_count())
    ]
    return sum(float(process.communicate()[0]) for process in processes)


def operations(recipe: Recipe, data: Dataset) -> float:
    """Return the floating-point operations of a training: its images forward and backward, evaluation forward.

    Validation images after each epoch and test images once: answers that only ours gives, those of averaged weights,
    are not counted.
    """
    net = nets.build(recipe, data.shape, len(data.classes), seed=0)
    images = torch.zeros(2, *data.shape)
    with FlopCounterMode(display=False) as both:
        net(images).sum().backward()
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        net(images)
    trained = recipe.epochs * (recipe.train_images or len(data.train))
    answered = recipe.epochs * len(data.validation) + len(data.test)
    return (trained * both.get_total_flops() + answered * forward.get_total_flops()) / len(images)


class MemoryWatch:
    """The largest memory that a process and all that descend from it hold, shared pages counted once (Linux's PSS).

    Looked at four times a second: a shorter peak is missed.
    """

    def __init__(self, process: int) -> None:
        self.peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, args=(process,), daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self, process: int) -> None:
        while not self._done.wait(0.25):
            self.peak = max(self.peak, sum(held_by(one) for one in descendants(process)))


def descendants(process: int) -> list[int]:
    """Return the process and its children, theirs, and so on."""
    try:
        tasks = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:  # it ended meanwhile
        return []
    return [process, *(inner for task in tasks for child in task for inner in descendants(int(child)))]


def held_by(process: int) -> int:
    """Return the bytes that one process holds, its share of shared pages only; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.stdout.write(str(matrix_rate(float(sys.argv[1]))))
