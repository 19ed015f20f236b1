"""Our own networks, plainly. They are called with images and, in training, with the uniform numbers for what they
leave out (`drops.Chance`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from barnspider.lab import drops
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Dose, Recipe

Shape = tuple[int, int, int]
"""(C, H, W) of one image."""

_SAFE = 8
"""From so many channels on, torch 2.13 on the CPU can take the gradient of a convolution of one pixel with stride 2,
channels innermost; with fewer it writes beyond its memory."""

NO_CHANCE: drops.Chance = {}
"""What evaluation leaves to chance."""


class Mlp(nn.Module):
    """Two hidden layers of equal width with ReLU: for tiny images."""

    def __init__(self, shape: Shape, n_classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.dropout, width = _number(recipe.dropout), recipe.width
        self.first = nn.Linear(math.prod(shape), width)
        self.second = nn.Linear(width, width)
        self.head = nn.Linear(width, n_classes)

    def forward(self, images: Tensor, chance: drops.Chance = NO_CHANCE) -> Tensor:
        """Float[N, C, H, W] -> logits, Float[N, n_classes]."""
        hidden = images.flatten(1)
        for number, layer in enumerate((self.first, self.second)):
            hidden = drops.dropout(layer(hidden).relu_(), self.dropout, chance.get("dropout"), number)
        return self.head(hidden)


class ResNet(nn.Module):
    """A thin residual net in the style of airbench (Jordan, arXiv 2404.00498): a patch stem, then two stages.

    `width` channels after the stem, 2 and 4 times as many after the stages; each stage halves height and width. At
    28x28, width 16 costs 16 million floating-point operations for a training image, forward and backward.
    """

    growth = (2, 4)
    """Channels after each stage, in widths."""

    def __init__(self, shape: Shape, n_classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.dropout, width = _number(recipe.dropout), recipe.width
        channels, *sides = shape
        size, stride = self.patch(min(sides))
        # There are no more whitening filters than directions and their negatives.
        before = min(width, 2 * channels * size**2) if recipe.stem == "whitening" else width
        self.stem = _Conv(channels, before, size, stride)
        side = min(sides) // stride
        depth, self.stages = _number(recipe.stochastic_depth), nn.ModuleList()
        for number, growth in enumerate(self.growth, 1):
            place = (number, len(self.growth))
            self.stages.append(_Stage(before, growth * width, depth, place, pool=side > 1))
            before, side = growth * width, side // 2
        self.head = nn.Linear(before, n_classes)

    def patch(self, side: int) -> tuple[int, int]:
        """Return size and stride of the stem; images under 16 pixels are too small to be halved three times."""
        return (4, 2) if side >= 16 else (3, 1)

    def forward(self, images: Tensor, chance: drops.Chance = NO_CHANCE) -> Tensor:
        """Float[N, C, H, W] -> logits, Float[N, n_classes]."""
        hidden = self.stem(images)
        for stage in self.stages:
            hidden = stage(hidden, chance)
        return self.head(drops.dropout(hidden.amax(dim=(2, 3)), self.dropout, chance.get("dropout")))


class WideResNet(ResNet):
    """A wider and deeper one, as airbench's and hlb-CIFAR10's: stages of 2, 4 and 4 widths at the images' full size.

    Each stage halves height and width, as far as they can be. `width` 64 is about airbench's largest.
    """

    growth = (2, 4, 4)

    def patch(self, side: int) -> tuple[int, int]:
        """Return size and stride of the stem, which here never shrinks the image."""
        return 3, 1


class ResNet8(nn.Module):
    """The classic ResNet-8: a 3x3 stem, then three stages of one block of two convolutions. Its `width` is 16.

    `width`, 2 and 4 times as many channels; the second and the third stage halve height and width, and their shortcuts
    are convolutions of one pixel. At 28x28, width 16 costs 56 million floating-point operations for a training image,
    forward and backward. Source: He et al., "Deep residual learning" (arXiv 1512.03385), section 4.2, n = 1, option B.
    """

    growth = (1, 2, 4)
    """Channels of each stage, in widths."""

    def __init__(self, shape: Shape, n_classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.dropout, width = _number(recipe.dropout), recipe.width
        self.stem = _Conv(shape[0], width)
        depth, self.stages, before = _number(recipe.stochastic_depth), nn.ModuleList(), width
        for number, growth in enumerate(self.growth, 1):
            self.stages.append(_Block(before, growth * width, depth, (number, len(self.growth))))
            before = growth * width
        self.head = nn.Linear(before, n_classes)

    def forward(self, images: Tensor, chance: drops.Chance = NO_CHANCE) -> Tensor:
        """Float[N, C, H, W] -> logits, Float[N, n_classes]."""
        hidden = self.stem(images)
        for stage in self.stages:
            hidden = stage(hidden, chance)
        return self.head(drops.dropout(hidden.mean(dim=(2, 3)), self.dropout, chance.get("dropout")))


class _Block(nn.Module):
    """Two convolutions beside a shortcut; stochastic depth may leave out the convolutions. Halves where it widens."""

    def __init__(self, before: int, after: int, depth: float, place: tuple[int, int]) -> None:
        super().__init__()
        self.depth, self.place = depth, place
        stride = 1 if before == after else 2
        self.widen = _Conv(before, after, stride=stride)
        self.refine = _normalized(after, after)
        self.shortcut = nn.Identity() if stride == 1 else _narrowed(before, after, stride)

    def forward(self, images: Tensor, chance: drops.Chance) -> Tensor:
        branch = self.refine(self.widen(images))
        branch = drops.skip(branch, self.depth, chance.get("stochastic_depth"), *self.place)
        return (branch + self.shortcut(images)).relu_()


def _narrowed(before: int, after: int, stride: int) -> nn.Module:
    """Convolution of one pixel that takes every `stride`th pixel, then batch normalization."""
    if before >= _SAFE:
        return _normalized(before, after, size=1, stride=stride)
    return nn.Sequential(_Every(stride), *_normalized(before, after, size=1))


class _Every(nn.Module):
    """Keeps every `step`th pixel, both ways."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def forward(self, images: Tensor) -> Tensor:
        return images[..., :: self.step, :: self.step]


def _normalized(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias that keeps height and width but for the stride, then batch normalization."""
    conv = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


class _Stage(nn.Module):
    """Convolution, max-pooling, then a residual convolution, which stochastic depth may leave out."""

    def __init__(self, before: int, after: int, depth: float, place: tuple[int, int], *, pool: bool) -> None:
        super().__init__()
        self.depth, self.place = depth, place
        self.widen = _Conv(before, after, pool=pool)
        self.refine = _Conv(after, after)

    def forward(self, images: Tensor, chance: drops.Chance) -> Tensor:
        wide = self.widen(images)
        return wide + drops.skip(self.refine(wide), self.depth, chance.get("stochastic_depth"), *self.place)


class _Conv(nn.Module):
    """Convolution without bias, (max-pooling,) batch normalization, ReLU."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1, *, pool: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.norm = nn.BatchNorm2d(after)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.pool(self.conv(images))).relu_()


def _number(dose: Dose) -> float:
    """Return the dose of a knob that takes no doses per class."""
    assert isinstance(dose, float)
    return dose


NETWORKS: dict[str, Callable[[Shape, int, Recipe], nn.Module]] = {
    "mlp": Mlp, "resnet": ResNet, "wide-resnet": WideResNet, "resnet8": ResNet8
}  # fmt: skip
"""Our networks by name: (shape of an image, number of classes, recipe) -> module."""


@torch.no_grad()
def initialize(net: nn.Module, seed: int) -> None:
    """He et al. (arXiv 1502.01852), uniform: variance 2 / fan-in for weights; biases 0; normalization 1 and 0."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
    weights = [p for p in net.parameters() if p.ndim > 1]
    draws = torch.from_numpy(uniforms(seed, "weights", 0, sum(p.numel() for p in weights), 1)[:, 0])
    for weight, own in zip(weights, draws.split([p.numel() for p in weights]), strict=True):
        weight.copy_((own * 2 - 1).view_as(weight) * math.sqrt(6 / weight[0].numel()))
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
