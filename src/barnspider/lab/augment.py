"""Whole-batch augmentations: each is one pure function (images, dose, draws) -> images.

    images : Float[N, C, H, W]     any floating type; shape and type are kept
    dose   : Float[N]              one for each image, looked up by its class; 0 leaves the image bit-identical
    draws  : Float[N, k]           uniform numbers from 0 to 1, those of the image: a dose changes what is done with
                                   them, never how many are used, so images of two doses of one seed stay comparable

`STEPS` lists them in the order in which they are applied. Geometry works on grey levels (0 is black, which fills what a
rotation uncovers); `cutout` works on normalized images, in which 0 is the training set's mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from barnspider.errors import InputError
from barnspider.lab.recipe import Dose, Recipe, is_off

_TRIES = 10
_WIDEST = 4 / 3


@dataclass(frozen=True)
class Step:
    """One augmentation: its knob, its function, how many uniform numbers an image needs."""

    knob: str
    act: Callable[[Tensor, Tensor, Tensor], Tensor]
    draws: int


def doses(name: str, dose: Dose, labels: Tensor, n_classes: int) -> Tensor:
    """Return Float32[N]: each image's dose, looked up by its label.

    Raises
    ------
    InputError
        When there is neither one dose nor one for each class.

    Examples
    --------
    >>> doses("flip", (0.0, 0.5), torch.tensor([1, 0, 1]), n_classes=2).tolist()
    [0.5, 0.0, 0.5]
    """
    each = dose if isinstance(dose, tuple) else (dose,) * n_classes
    if len(each) != n_classes:
        raise InputError(f"{name} has {len(each)} doses; expected one number, or one for each of {n_classes} classes")
    return torch.tensor(each, dtype=torch.float32, device=labels.device)[labels]


def apply(
    steps: Sequence[Step], images: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int
) -> Tensor:
    """Apply those steps whose knob is on, in order, each image at the dose of its class."""
    for step in steps:
        dose = getattr(recipe, step.knob)
        if not is_off(dose):
            images = step.act(images, doses(step.knob, dose, labels, n_classes), draws[step.knob])
    return images


def crop(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Random resized crop: a box of random area and aspect ratio, stretched back to the full image (22 draws).

    The area is uniform from 1 - dose to 1, the logarithm of the aspect ratio uniform from 3/4 to 4/3: torchvision's
    `RandomResizedCrop(scale=(1 - dose, 1))` with its ten tries and its fallback. Bilinear, and exact: an output row is
    a weighted sum of two rows inside the box, so no pixel outside it is ever read.

    Source: Szegedy et al., "Going deeper with convolutions" (arXiv 1409.4842), as in torchvision.

    Examples
    --------
    >>> image = torch.rand(1, 1, 8, 8)
    >>> torch.equal(crop(image, torch.zeros(1), torch.rand(1, 22)), image)
    True
    """
    height, width = images.shape[-2:]
    top, left, box_height, box_width = boxes(height, width, dose, draws)
    rows = _interpolation(top, box_height, height).to(images.dtype)
    columns = _interpolation(left, box_width, width).to(images.dtype)
    return _where_on(dose, rows[:, None] @ images @ columns[:, None].mT, images)


def boxes(height: int, width: int, dose: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return top, left, height, width of each image's box: Float[N], whole numbers, inside the image."""
    area = height * width * (1 - dose[:, None] * draws[:, :_TRIES])
    ratio = torch.exp(math.log(_WIDEST) * (2 * draws[:, _TRIES : 2 * _TRIES] - 1))
    wide, high = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    tries = torch.arange(_TRIES, device=dose.device)
    first = torch.where(fits, tries, _TRIES).amin(dim=1, keepdim=True)
    # When no try fits, torchvision takes the largest central box of a permitted ratio: all of a square image.
    central_high, central_wide = min(height, round(width * _WIDEST)), min(width, round(height * _WIDEST))
    high = functional.pad(high, (0, 1), value=central_high).gather(1, first)[:, 0]
    wide = functional.pad(wide, (0, 1), value=central_wide).gather(1, first)[:, 0]
    central = first[:, 0] == _TRIES
    top = torch.where(central, (height - high) / 2, draws[:, 20] * (height - high + 1)).floor()
    left = torch.where(central, (width - wide) / 2, draws[:, 21] * (width - wide + 1)).floor()
    return top, left, high, wide


def _interpolation(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return Float[N, size, size]: row y holds the weights of the source pixels for output pixel y."""
    pixel = torch.arange(size, dtype=start.dtype, device=start.device)
    within = (pixel + 0.5) * (length / size)[:, None] - 0.5
    source = start[:, None] + torch.minimum(within.clamp(min=0), length[:, None] - 1)
    return (1 - (source[:, :, None] - pixel).abs()).clamp_(min=0)


def rotate(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Rotate about the centre by an angle uniform from -dose to dose degrees (1 draw).

    Bilinear; what the rotation uncovers is black: torchvision's `RandomRotation(dose, interpolation=BILINEAR)`.

    Examples
    --------
    >>> turned = rotate(torch.eye(2)[None, None], torch.tensor([90.0]), torch.tensor([[1.0]]))
    >>> turned.round().flatten().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    height, width = images.shape[-2:]
    angle = torch.deg2rad(dose * (2 * draws[:, 0] - 1))
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([cos, -sin * (height / width), none, sin * (width / height), cos, none], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(theta.to(images.dtype), list(images.shape), align_corners=False)
    return _where_on(dose, functional.grid_sample(images, grid, align_corners=False), images)


def flip(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Mirror left and right with probability dose (1 draw): torchvision's `RandomHorizontalFlip(dose)`.

    Examples
    --------
    >>> flip(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([0.5]), torch.tensor([[0.4]])).flatten().tolist()
    [2.0, 1.0]
    """
    return torch.where(_each(draws[:, 0] < dose), images.flip(-1), images)


def cutout(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Set a square to 0, the mean colour; its side is dose times the shorter side, its centre anywhere (2 draws).

    The square may reach over the border, as in DeVries & Taylor, "Improved regularization of convolutional neural
    networks with cutout" (arXiv 1708.04552): there 16 of 32 pixels is our dose 0.5.

    Examples
    --------
    >>> cutout(torch.ones(1, 1, 2, 2), torch.tensor([0.6]), torch.tensor([[0.1, 0.1]])).flatten().tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    height, width = images.shape[-2:]
    half = (dose * min(height, width) / 2)[:, None]
    rows = (_centres(height, draws) - draws[:, :1] * height).abs() < half
    columns = (_centres(width, draws) - draws[:, 1:] * width).abs() < half
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


def _centres(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, dtype=like.dtype, device=like.device) + 0.5


def _each(condition: Tensor) -> Tensor:
    return condition[:, None, None, None]


def _where_on(dose: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """Keep the very bits of images whose dose is 0."""
    return torch.where(_each(dose > 0), changed, images)


GEOMETRY = (Step("crop", crop, draws=22), Step("rotation", rotate, draws=1), Step("flip", flip, draws=1))
"""Steps on grey levels, in order."""

ERASING = (Step("cutout", cutout, draws=2),)
"""Steps on normalized images, in order, after those."""

STEPS = (*GEOMETRY, *ERASING)
"""Every augmentation, in the order in which they are applied."""
