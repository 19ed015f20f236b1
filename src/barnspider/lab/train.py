"""Train one run, from top to bottom.

The data set lives on the device as bytes. Every batch is gathered, augmented and normalized as a whole. What is drawn
depends on (seed, purpose, epoch, sample) alone; with one thread and deterministic kernels, the same run gives the same
bits always.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils import deterministic

from barnspider.convert import smallest_int
from barnspider.lab import augment, drops, nets
from barnspider.lab.averaging import Average
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.random import order, torch_seed, uniforms
from barnspider.lab.recipe import Recipe, is_off
from barnspider.store import Answers, averaged_name

Progress = Callable[[int, int], None]
"""Told after every epoch: epochs done, epochs in all."""

WARM_UP = 0.2
"""Share of the steps in which the learning rate rises to its peak; then it falls to 0."""

_EVALUATION_PIXELS = 1 << 18
_AUGMENTED_PIXELS = 1 << 18


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a run.

    Attributes
    ----------
    answers
        Answers by the store's names: to "test" and "validation" by the last iterate, to "test-averaged" and
        "validation-averaged" by the mean of the last steps' weights; empty when the run diverged.
    validation_accuracy
        After each epoch, as a share.
    seconds
        Wall time of training and answering.
    diverged
        The loss, or an answer, was no longer finite; training stopped there.
    environment
        What the bits may depend on: versions, device, threads, determinism.
    """

    answers: Mapping[str, Answers]
    validation_accuracy: tuple[float, ...]
    seconds: float
    diverged: bool
    environment: dict[str, str]

    @property
    def test(self) -> Answers | None:
        """The last iterate's answers to the test images; None when the run diverged."""
        return self.answers.get("test")

    @property
    def validation(self) -> Answers | None:
        """The last iterate's answers to the validation images; None when the run diverged."""
        return self.answers.get("validation")


def train(recipe: Recipe, seed: int, data: Dataset, device: str = "cpu", progress: Progress | None = None) -> Trained:
    """Train the recipe's network with this seed and answer all validation and test images.

    Deterministic kernels and one thread are switched on meanwhile and put back afterwards.

    Raises
    ------
    InputError
        When the recipe does not fit the data: more training images than there are, doses for other classes, a knob
        that does nothing to grey images.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> trained = train(Recipe(dataset="digits", epochs=1), seed=0, data=load("digits"))
    >>> trained.diverged, trained.test.guess.shape
    (False, (600,))
    """
    start = time.perf_counter()
    recipe.check_channels(data.shape[0])
    with _reproducible(device):
        material = _Material.of(balanced(data.train, recipe.train_images, recipe.split_seed), len(data.classes), device)
        net = _placed(nets.build(recipe, data.shape, len(data.classes), seed), device)
        average = Average.of(net, recipe.epochs * _steps(material, recipe))
        curve = tuple(_epochs(net, recipe, seed, material, data.validation, average, progress or _silent))
        answers = material.all_answers(net, data, average, recipe) if len(curve) == recipe.epochs else {}
    diverged = not answers or not all(np.isfinite(a.p_label).all() for a in answers.values())
    seconds = time.perf_counter() - start
    return Trained({} if diverged else answers, curve, seconds, diverged, environment(device, recipe))


def _steps(material: _Material, recipe: Recipe) -> int:
    """Return the number of steps of an epoch."""
    return math.ceil(len(material.labels) / recipe.batch)


def _epochs(
    net: nn.Module,
    recipe: Recipe,
    seed: int,
    material: _Material,
    validation: Split,
    average: Average,
    progress: Progress,
) -> Iterator[float]:
    """Train; yield the validation accuracy after each epoch, and end early when the loss is no longer finite."""
    optimizer = _optimizer(net, recipe)
    steps = _steps(material, recipe)
    for epoch in range(recipe.epochs):
        net.train()
        torch.manual_seed(torch_seed(seed, "network", epoch))  # for others' networks: ours never draw from it
        total = torch.zeros((), device=material.labels.device)
        for step, (images, targets, chance) in enumerate(material.batches(recipe, seed, epoch, steps)):
            _set_lr(optimizer, recipe.lr * one_cycle((epoch * steps + step) / (recipe.epochs * steps)))
            loss = functional.cross_entropy(net(images, chance), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.add(epoch * steps + step)
            total += loss.detach()
        if not math.isfinite(float(total)):
            return
        yield material.accuracy(net, validation, recipe)
        progress(epoch + 1, recipe.epochs)


def one_cycle(done: float) -> float:
    """Return the learning rate's share of its peak when a share `done` of the steps is done: a line up, a line down.

    Source: Smith & Topin, "Super-convergence" (arXiv 1708.07120).

    Examples
    --------
    >>> one_cycle(0.1), one_cycle(0.2), one_cycle(0.6)
    (0.5, 1.0, 0.5)
    """
    return done / WARM_UP if done < WARM_UP else (1 - done) / (1 - WARM_UP)


def _optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with Nesterov momentum; weights decay, biases and normalization do not."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others}]
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, weight_decay=0.0, fused=True
    )


def _placed(net: Any, device: str) -> nn.Module:
    """Move to the device, the channels innermost in memory (the `Any`: torch's stubs do not know this call)."""
    return net.to(device=device, memory_format=torch.channels_last)


def _set_lr(optimizer: torch.optim.SGD, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


def _silent(_done: int, _epochs: int) -> None:
    """Say nothing."""


class Batch(NamedTuple):
    """One step's images, Float[N, C, H, W]; labels, Int64[N], or targets, Float[N, classes]; and uniform numbers."""

    images: Tensor
    targets: Tensor
    draws: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class _Material:
    """The training images on the device: UInt8[N, H, W, C] and Int64[N], and how their grey levels are normalized."""

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor
    n_classes: int

    @classmethod
    def of(cls, split: Split, n_classes: int, device: str) -> _Material:
        mean, std = channel_moments(split.images)
        return cls(
            torch.tensor(split.images).to(device),
            torch.tensor(split.labels).to(device),
            torch.from_numpy(mean).to(device)[:, None, None],
            torch.from_numpy(std).to(device)[:, None, None],
            n_classes,
        )

    def batches(self, recipe: Recipe, seed: int, epoch: int, count: int) -> Iterator[Batch]:
        """Yield every training image once, in `count` batches whose sizes differ by at most one.

        Several small batches are augmented in one go: for tiny images the calls cost more than the arithmetic.
        """
        rows = torch.from_numpy(order(seed, epoch, len(self.labels))).to(self.labels.device)
        draws = self._draws(recipe, seed, epoch)
        together = max(1, _AUGMENTED_PIXELS // (recipe.batch * self.images[0].numel()))
        batches = rows.tensor_split(count)
        for i in range(0, count, together):
            some = batches[i : i + together]
            images = self._augmented(recipe, torch.cat(some), draws).split([len(b) for b in some])
            for part, own_rows in zip(images, some, strict=True):
                own = {knob: numbers[own_rows] for knob, numbers in draws.items()}
                yield Batch(*augment.mixed(part, self.labels[own_rows], recipe, own, self.n_classes), own)

    def _draws(self, recipe: Recipe, seed: int, epoch: int) -> dict[str, Tensor]:
        """Return an epoch's uniform numbers for every knob that is on: Float32[N, k], a row for each training image."""
        return {
            knob: torch.from_numpy(uniforms(seed, knob, epoch, len(self.labels), count)).to(self.labels.device)
            for knob, count in (augment.DRAWS | drops.KNOBS).items()
            if not is_off(getattr(recipe, knob))
        }

    def _augmented(self, recipe: Recipe, rows: Tensor, draws: dict[str, Tensor]) -> Tensor:
        own = {knob: numbers[rows] for knob, numbers in draws.items()}
        levels = levels_of(self.images[rows])
        images = augment.shown(levels, self.labels[rows], recipe, own, self.n_classes, self._normalize)
        return images.contiguous(memory_format=torch.channels_last)

    def _normalize(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    @torch.inference_mode()
    def _logits(self, net: nn.Module, images: NDArray[np.uint8], recipe: Recipe) -> Tensor:
        net.eval()
        size = max(1, _EVALUATION_PIXELS // images[0].size)
        parts = torch.tensor(images).split(size)
        seen = (self._normalize(levels_of(part.to(self.labels.device))) for part in parts)
        if recipe.mirrored:
            return torch.cat([(net(part) + net(part.flip(3))) / 2 for part in seen])
        return torch.cat([net(part) for part in seen])

    def accuracy(self, net: nn.Module, split: Split, recipe: Recipe) -> float:
        """Return the share of right answers."""
        guess = self._logits(net, split.images, recipe).argmax(1).cpu().numpy()
        return float((guess == split.labels).mean())

    def all_answers(self, net: nn.Module, data: Dataset, average: Average, recipe: Recipe) -> dict[str, Answers]:
        """Return what is kept of a run: answers to both parts, by the last weights and by their average."""
        parts = {"validation": data.validation, "test": data.test}
        answers = {name: self._answers(net, part, recipe) for name, part in parts.items()}
        with average.applied():
            averaged = {averaged_name(name): self._answers(net, part, recipe) for name, part in parts.items()}
        return answers | averaged

    def _answers(self, net: nn.Module, split: Split, recipe: Recipe) -> Answers:
        logits = self._logits(net, split.images, recipe).float()
        labels = torch.tensor(split.labels).to(logits.device)
        p_label = logits.softmax(1).gather(1, labels[:, None])[:, 0]
        guess = logits.argmax(1).cpu().numpy().astype(smallest_int(self.n_classes))
        return Answers(guess, p_label.cpu().numpy())


def levels_of(images: Tensor) -> Tensor:
    """UInt8[N, H, W, C] -> Float32[N, C, H, W], grey levels 0 to 255, the channels innermost in memory.

    Examples
    --------
    >>> levels_of(torch.zeros(2, 28, 20, 3, dtype=torch.uint8)).shape
    torch.Size([2, 3, 28, 20])
    """
    return images.permute(0, 3, 1, 2).float()


def channel_moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each channel's grey levels, exactly: Float32[C] twice.

    Examples
    --------
    >>> mean, std = channel_moments(np.array([0, 255], dtype=np.uint8).reshape(1, 1, 2, 1))
    >>> mean.tolist(), std.tolist()
    ([127.5], [127.5])
    """
    levels = np.arange(256.0)
    counts = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[3])])
    share = counts / counts.sum(1, keepdims=True)
    mean = share @ levels
    std = np.sqrt((share * (levels - mean[:, None]) ** 2).sum(1))
    return mean.astype(np.float32), np.maximum(std, 1.0).astype(np.float32)


def environment(device: str, recipe: Recipe) -> dict[str, str]:
    """Return what the bits of a run may depend on beside its recipe and seed."""
    library = recipe.network.partition("/")[0]
    theirs = {library: version(library)} if "/" in recipe.network else {}
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    return {
        "torch": torch.__version__,
        **theirs,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": f"{device} ({name})",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": "1",
        "deterministic": "yes",
    }


@contextmanager
def _reproducible(device: str) -> Generator[None]:
    """One thread and deterministic kernels; what the caller had set, torch's generators too, is put back."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # Read when cuBLAS is first used: without it, it refuses to be deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    memory: Any = deterministic  # torch's stubs do not know its one field
    fill = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it is written, and filling it first costs 6 % of a small network's time.
    memory.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
        memory.fill_uninitialized_memory = fill
