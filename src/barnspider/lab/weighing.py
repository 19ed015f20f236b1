"""How much each class counts in the loss, changed while the network is trained: classes that do badly count more.

Two of the baselines that a fix is judged beside. Where images are mixed, an image belongs to its classes by their
shares; smoothing and fading change what is asked of it, not whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from barnspider.lab.material import Batch, Material
from barnspider.lab.recipe import Recipe

LEAST, MOST = 0.5, 2.0
"""Between these CLAM's weights are kept."""

STEP = 0.01
"""Group-DRO's step size: the default of its authors' program (github.com/kohpangwei/group_DRO)."""


@dataclass(frozen=True, eq=False)
class Clam:
    """Weights that are multiplied after every epoch by exp(-accuracy), relative to the mean over classes.

    After every epoch w_k <- clip(w_k exp(-acc_k) / mean_j exp(-acc_j), 0.5, 2). acc_k is measured in evaluation mode on
    all training images, augmented anew (not mixed). The loss of an image counts as its class's w_k, divided by the mean
    of all: without that, clipping would change the learning rate. A class without training images keeps its weight.

    Source: Jiang, Ban & Weng, "Understanding and reducing the class-dependent effects of data augmentation with a
    two-player game approach" (TMLR 2025, arXiv 2407.03146).

    Attributes
    ----------
    state : Float32[classes], the weights w
    """

    state: Tensor

    def weights(self) -> Tensor:
        """Return Float32[classes], 1 on average."""
        return self.state / self.state.mean()

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the batch's images, each weighed by its class.

        Examples
        --------
        >>> batch = Batch(torch.zeros(2), torch.tensor([0, 1]), {}, torch.tensor([0, 1]))
        >>> logits = torch.tensor([[0.0, 0.0], [0.0, 9.0]])
        >>> round(float(Clam(torch.tensor([2.0, 0.5])).loss(logits, batch)), 3)  # 1.6 log(2) / 2
        0.555
        """
        each = functional.cross_entropy(logits, batch.targets, reduction="none")
        return (_members(batch, logits) @ self.weights() * each).mean()

    @torch.no_grad()
    def after_epoch(self, net: nn.Module, material: Material, recipe: Recipe, seed: int, epoch: int) -> None:
        """Measure every class on augmented training images, and weigh anew."""
        net.eval()
        right, count = torch.zeros_like(self.state), torch.zeros_like(self.state)
        plain = replace(recipe, mixup=0.0, cutmix=0.0, label_smoothing=0.0, fade=0.0)
        # Augmented by the random numbers of epochs that no training has: those after the last.
        for batch in material.batches(plain, seed, recipe.epochs + epoch):
            hit = (net(batch.images).argmax(1) == batch.targets).float()
            right.index_add_(0, batch.targets, hit)
            count.index_add_(0, batch.targets, torch.ones_like(hit))
        self.update(right / count)

    def update(self, accuracy: Tensor) -> None:
        """Weigh anew by the accuracy of every class, Float32[classes]; NaN where there is none.

        Examples
        --------
        >>> clam = Clam(torch.ones(3))
        >>> clam.update(torch.tensor([1.0, 0.0, torch.nan]))
        >>> [round(weight, 3) for weight in clam.state.tolist()]  # 2 / (1 + e), 2 e / (1 + e)
        [0.538, 1.462, 1.0]
        """
        known = ~accuracy.isnan()
        factor = torch.where(known, (-accuracy).exp(), 0)
        factor = factor * known.sum() / factor.sum()
        self.state.copy_(torch.where(known, (self.state * factor).clamp(LEAST, MOST), self.state))


@dataclass(frozen=True, eq=False)
class GroupDro:
    """Weights that follow the loss of each class, step by step: the loss of the worst classes is made small.

    In every step q_k <- q_k exp(0.01 * loss_k), where loss_k is the mean loss of the step's images of class k (0 where
    there is none), and q is normalized; the loss is the sum of q_k loss_k. Where a batch lacks classes, as it must with
    many, it is divided by the sum of q over those that it has (our choice): otherwise the learning rate would shrink.

    Source: Sagawa, Koh, Hashimoto & Liang, "Distributionally robust neural networks for group shifts" (ICLR 2020, arXiv
    1911.08731), with classes for groups, without its adjustments.

    Attributes
    ----------
    state : Float32[classes], log q
    """

    state: Tensor

    def weights(self) -> Tensor:
        """Return Float32[classes], 1 on average."""
        return self.state.exp() * len(self.state)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Weigh anew by the losses of the batch's classes, and return their weighed sum.

        Examples
        --------
        >>> batch = Batch(torch.zeros(2), torch.tensor([0, 1]), {}, torch.tensor([0, 1]))
        >>> dro = GroupDro(torch.full((2,), 0.5).log())
        >>> loss = dro.loss(torch.tensor([[0.0, 0.0], [0.0, 9.0]]), batch)
        >>> (dro.weights() > 1).tolist(), bool(loss > 0.346)
        ([True, False], True)
        """
        each, members = functional.cross_entropy(logits, batch.targets, reduction="none"), _members(batch, logits)
        size = members.sum(0)
        losses = members.T @ each / torch.where(size > 0, size, 1)
        with torch.no_grad():
            self.state.copy_((self.state + STEP * losses).log_softmax(0))
            q = torch.where(size > 0, self.state, -torch.inf).softmax(0)
        return q @ losses

    def after_epoch(self, net: nn.Module, material: Material, recipe: Recipe, seed: int, epoch: int) -> None:
        """Do nothing: the steps have done it."""


Weighing = Clam | GroupDro


def weighing_of(recipe: Recipe, n_classes: int, device: str) -> Weighing | None:
    """Return how a recipe weighs classes, as it begins; None where all images count alike."""
    equal = torch.ones(n_classes, device=device)
    match recipe.class_weights:
        case "clam":
            return Clam(equal)
        case "group-dro":
            return GroupDro((equal / n_classes).log())
        case _:
            return None


def _members(batch: Batch, logits: Tensor) -> Tensor:
    """Return Float32[N, classes]: the share that each class has of each image."""
    if batch.classes.ndim == 2:
        return batch.classes
    return functional.one_hot(batch.classes, logits.shape[1]).to(logits.dtype)
