"""Train one run, from top to bottom.

Every batch is gathered, augmented and normalized as a whole (`material.py`). What is drawn depends on (seed, purpose,
epoch, sample) alone; with one thread and deterministic kernels, the same run gives the same bits always, also when it
was killed and went on from a checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from barnspider.lab import nets, stopping
from barnspider.lab.averaging import Average
from barnspider.lab.checkpoint import Checkpoint, Course
from barnspider.lab.data import Dataset
from barnspider.lab.evaluation import accuracy, answers
from barnspider.lab.machine import environment, narrow, prepared
from barnspider.lab.material import Batch, Material
from barnspider.lab.playback import Playback, Step
from barnspider.lab.random import torch_seed
from barnspider.lab.recipe import Recipe
from barnspider.lab.schedule import rate
from barnspider.lab.weighing import weighing_of
from barnspider.store import Answers, averaged_name

Progress = Callable[[int, int], None]
"""Told after every epoch: epochs done, epochs in all."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a training starts, if not from the seed's own weights.

    Attributes
    ----------
    state
        Weights and statistics by their names in the network; what is not named starts as always.
    mean, std
        Float[C, 1, 1]: images are normalized with these, not with the training images' own.
    """

    state: Mapping[str, Tensor]
    mean: Tensor
    std: Tensor


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a run.

    Attributes
    ----------
    answers
        Answers by the store's names: to "test" and "validation" by the last iterate, to "test-averaged" and
        "validation-averaged" by the mean of the last steps' weights; empty when the run diverged.
    validation_accuracy
        After every `validation_every` epochs and after the last, as a share.
    validation_every
        1, or more where there are fewer training images: to answer never takes more images than to train.
    seconds
        Wall time of training and answering.
    diverged
        The loss, or an answer, was no longer finite; training stopped there.
    environment
        What the bits may depend on: versions, device, threads, determinism.
    network
        With the last weights.
    mean, std
        Of each channel's grey levels: images were normalized with these.
    class_weights
        How much each class counted in the loss at the end, 1 on average; empty when all images counted alike.
    """

    answers: Mapping[str, Answers]
    validation_accuracy: tuple[float, ...]
    seconds: float
    diverged: bool
    environment: dict[str, str]
    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_weights: tuple[float, ...] = ()
    validation_every: int = 1

    @property
    def test(self) -> Answers | None:
        """The last iterate's answers to the test images; None when the run diverged."""
        return self.answers.get("test")

    @property
    def validation(self) -> Answers | None:
        """The last iterate's answers to the validation images; None when the run diverged."""
        return self.answers.get("validation")


def train(
    recipe: Recipe,
    seed: int,
    data: Dataset,
    device: str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    start: Start | None = None,
) -> Trained:
    """Train the recipe's network with this seed and answer all validation and test images.

    One thread and the recipe's kernels are set meanwhile and put back afterwards. With a checkpoint, the training goes
    on where that has it, and saves itself every few minutes. With a start, it begins there.

    Raises
    ------
    InputError
        When the recipe does not fit the data: more training images than there are, doses for other classes, a knob
        that does nothing to grey images.
    TrainingError
        When the machine has no instructions for the recipe's precision, or a library of networks is not installed.
    StoreError
        When a checkpoint cannot be written.
    LostClaim
        When somebody else has taken the run over, by the claim that the checkpoint knows.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> trained = train(Recipe(dataset="digits", epochs=1), seed=0, data=load("digits"))
    >>> trained.diverged, trained.test.guess.shape
    (False, (600,))
    """
    recipe.check_channels(data.shape[0])
    with prepared(recipe, device):
        training = _Training.begin(recipe, seed, data, device, start)
        if checkpoint:
            checkpoint.restore(training.course, training.environment)
        validation = training.finish(checkpoint, progress or _silent)
        given = {} if validation is None else training.answers(validation)
    diverged = not all(a.p_label is not None and np.isfinite(a.p_label).all() for a in given.values()) or not given
    mean, std = (tuple(moment.flatten().tolist()) for moment in (training.material.mean, training.material.std))
    return Trained(
        {} if diverged else given, tuple(training.course.curve), training.seconds, diverged, training.environment,
        training.course.net, mean, std, training.class_weights, training.every,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Training:
    """One run while it is trained: what it was asked for, and its course."""

    recipe: Recipe
    seed: int
    data: Dataset
    material: Material
    course: Course
    environment: dict[str, str]
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Wall time spent on this run, by this process and by those before it."""
        return self.course.seconds + time.perf_counter() - self.began

    @property
    def every(self) -> int:
        """After so many epochs at least as many images were trained on as the validation images are."""
        return max(1, -(-len(self.data.validation) // len(self.material.labels)))

    @property
    def class_weights(self) -> tuple[float, ...]:
        """How much each class counts in the loss now, 1 on average; empty when all images count alike."""
        weighing = self.course.weighing
        return () if weighing is None else tuple(weighing.weights().tolist())

    @classmethod
    def begin(cls, recipe: Recipe, seed: int, data: Dataset, device: str, start: Start | None) -> _Training:
        """Lay everything out for the first step."""
        material = Material.of(data, recipe, device)
        net = nets.build(recipe, data.shape, len(data.classes), seed)
        if recipe.stem == "whitening":
            nets.whiten(net, material.some().cpu())
        if start is not None:
            net.load_state_dict(start.state, strict=False)
            material = replace(material, mean=start.mean.to(device), std=start.std.to(device))
        net = _placed(net, device)
        average = Average.of(net, recipe.epochs * material.steps(recipe))
        weighing = weighing_of(recipe, len(data.classes), device)
        course = Course(net, _optimizer(net, recipe, device), average, torch.zeros((), device=device), weighing)
        return cls(recipe, seed, data, material, course, environment(recipe, device))

    def finish(self, checkpoint: Checkpoint | None, progress: Progress) -> Answers | None:
        """Train what is left; return the last answers to the validation images, or None when the loss is not finite."""
        validation: Answers | None = None
        for epoch in range(self.course.step // self.material.steps(self.recipe), self.recipe.epochs):
            self._epoch(epoch, checkpoint)
            if not math.isfinite(float(self.course.loss)):
                return None
            if self.course.weighing is not None:
                self.course.weighing.after_epoch(self.course.net, self.material, self.recipe, self.seed, epoch)
            if (epoch + 1) % self.every == 0 or epoch + 1 == self.recipe.epochs:
                validation = answers(self.course.net, self.data.validation, self.material, self.recipe)
                self.course.curve.append(accuracy(validation, self.data.validation))
            progress(epoch + 1, self.recipe.epochs)
        return validation

    def _epoch(self, epoch: int, checkpoint: Checkpoint | None) -> None:
        """Take the steps of an epoch that are left."""
        course = self.course
        course.net.train()
        first = course.step - epoch * self.material.steps(self.recipe)
        if not first:
            torch.manual_seed(torch_seed(self.seed, "network", epoch))  # for others' networks: ours never draw from it
            course.loss.zero_()
        for batch in self.material.batches(self.recipe, self.seed, epoch, first):
            if checkpoint:
                checkpoint.look()
                if checkpoint.due() or stopping.is_asked():
                    self._keep(checkpoint)
            self._step(batch)

    def _keep(self, checkpoint: Checkpoint) -> None:
        """Save what was done so far; end there where that is wanted."""
        if self.course.step:
            checkpoint.save(self.course, self.environment, self.seconds)
        stopping.end_if_asked()

    def _step(self, batch: Batch) -> None:
        course, steps = self.course, self.recipe.epochs * self.material.steps(self.recipe)
        _set_lr(course.optimizer, rate(self.recipe, course.step / steps))
        self._descend(batch)
        course.average.add(course.step)
        course.step += 1

    @cached_property
    def _descend(self) -> Step:
        """Follow the gradient of one batch; on a GPU played back, but with others' networks, which may draw numbers."""
        recordable = self.course.loss.is_cuda and not self.recipe.is_foreign
        return Playback(self._descended) if recordable else self._descended

    def _descended(self, batch: Batch) -> None:
        course = self.course
        course.optimizer.zero_grad()
        with narrow(self.recipe, batch.images.device.type):
            logits = course.net(batch.images, batch.draws)
        loss = self._loss(logits.float(), batch)
        loss.backward()
        course.optimizer.step()
        course.loss += loss.detach()

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        if self.course.weighing is None:
            return functional.cross_entropy(logits, batch.targets)
        return self.course.weighing.loss(logits, batch)

    def answers(self, validation: Answers) -> dict[str, Answers]:
        """Return what is kept of a run: answers to both parts, by the last weights and by their average."""
        net, parts = self.course.net, {"validation": self.data.validation, "test": self.data.test}
        test = answers(net, self.data.test, self.material, self.recipe)
        with self.course.average.applied():
            averaged = {averaged_name(n): answers(net, s, self.material, self.recipe) for n, s in parts.items()}
        return {"validation": validation, "test": test} | averaged


def _optimizer(net: nn.Module, recipe: Recipe, device: str) -> torch.optim.SGD:
    """SGD with Nesterov momentum; weights decay, biases and normalization do not.

    On a GPU the learning rate is a number in its memory: a step that is played back reads it there.
    """
    lr = torch.tensor(recipe.lr, device=device) if device.startswith("cuda") else recipe.lr
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others}]
    return torch.optim.SGD(
        groups, lr=lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, weight_decay=0.0, fused=True
    )


def _placed(net: Any, device: str) -> nn.Module:
    """Move to the device, the channels innermost in memory (the `Any`: torch's stubs do not know this call)."""
    return net.to(device=device, memory_format=torch.channels_last)


def _set_lr(optimizer: torch.optim.SGD, lr: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def _silent(_done: int, _epochs: int) -> None:
    """Say nothing."""
