"""Augmentations that move pixels: crops, translation, rotation, mirrors. What they uncover is black."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from barnspider.lab.augment.batch import between, each, where_on
from barnspider.lab.augment.rectangles import Rectangles, crop_boxes, fixed_boxes


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
    return where_on(dose, _stretched(images, crop_boxes(height, width, dose, draws)), images)


def fixed_crop(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Crop of a fixed size: a box of the image's own shape, whose area is 1 - dose, stretched back (2 draws).

    Every image loses the share dose of its area, where `crop` takes at most that: the axis alpha of Angelakis & Rass,
    "A data-centric approach to class-specific bias in image data augmentation" (arXiv 2403.04120). torchvision's
    `RandomResizedCrop(scale=(1 - dose, 1 - dose), ratio=(1, 1))` on square images.

    Examples
    --------
    >>> corner = fixed_crop(torch.arange(16.0).view(1, 1, 4, 4), torch.tensor([0.75]), torch.tensor([[0.0, 0.9]]))
    >>> corner[0, 0, 0].tolist()
    [2.0, 2.25, 2.75, 3.0]
    """
    height, width = images.shape[-2:]
    return where_on(dose, _stretched(images, fixed_boxes(height, width, dose, draws)), images)


def translate(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Shift by whole pixels, down and right each uniform from -dose to dose of the side (2 draws: down, right).

    torchvision's `RandomAffine(degrees=0, translate=(dose, dose))`; what the shift uncovers is black.

    Examples
    --------
    >>> translate(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.tensor([0.4]), torch.tensor([[0.5, 1.0]])).tolist()
    [[[[0.0, 1.0, 2.0]]]]
    """
    down, right = (
        _pixels(size, dose) - between(draw, dose * size).round()[:, None]
        for size, draw in zip(images.shape[-2:], draws.unbind(1), strict=True)
    )
    return where_on(dose, _sampled(images, down, right), images)


def rotate(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Rotate about the centre by an angle uniform from -dose to dose degrees (1 draw).

    Bilinear; what the rotation uncovers is black: torchvision's `RandomRotation(dose, interpolation=BILINEAR)`.

    Examples
    --------
    >>> turned = rotate(torch.eye(2)[None, None], torch.tensor([90.0]), torch.tensor([[1.0]]))
    >>> turned.round().flatten().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    angle = torch.deg2rad(dose * (2 * draws[:, 0] - 1))
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return where_on(dose, warp(images, (cos, -sin, none), (sin, cos, none)), images)


def warp(images: Tensor, across: tuple[Tensor, Tensor, Tensor], down: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Read every pixel, bilinearly, from where an affine map sends it; outside the image is black.

    A pixel (x, y), counted from the centre in pixels, is read from (a x + b y + c, d x + e y + f), where `across` is
    (a, b, c) and `down` is (d, e, f), each Float[N].

    Examples
    --------
    >>> one, none = torch.ones(1), torch.zeros(1)
    >>> warp(torch.tensor([[[[1.0, 2.0]]]]), (-one, none, none), (none, one, none)).tolist()
    [[[[2.0, 1.0]]]]
    """
    height, width = images.shape[-2:]
    (a, b, c), (d, e, f) = across, down
    # torch counts both directions from -1 to 1.
    theta = torch.stack([a, b * (height / width), c * (2 / width), d * (width / height), e, f * (2 / height)], dim=1)
    grid = functional.affine_grid(theta.view(-1, 2, 3).to(images.dtype), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def flip(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Mirror left and right with probability dose (1 draw): torchvision's `RandomHorizontalFlip(dose)`.

    Examples
    --------
    >>> flip(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([0.5]), torch.tensor([[0.4]])).flatten().tolist()
    [2.0, 1.0]
    """
    return torch.where(each(draws[:, 0] < dose), images.flip(-1), images)


def vertical_flip(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Turn upside down with probability dose (1 draw): torchvision's `RandomVerticalFlip(dose)`.

    Examples
    --------
    >>> vertical_flip(torch.tensor([[[[1.0], [2.0]]]]), torch.tensor([0.5]), torch.tensor([[0.4]])).flatten().tolist()
    [2.0, 1.0]
    """
    return torch.where(each(draws[:, 0] < dose), images.flip(-2), images)


def _stretched(images: Tensor, boxes: Rectangles) -> Tensor:
    """Stretch what is in the boxes to the full image, reading no pixel outside them."""
    height, width = images.shape[-2:]
    top, left, high, wide = boxes
    return _sampled(images, _within(top, high, height), _within(left, wide, width))


def _within(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return Float[N, size]: for each output pixel its place among the source pixels start to start + length - 1."""
    within = (_pixels(size, start) + 0.5) * (length / size)[:, None] - 0.5
    return start[:, None] + torch.minimum(within.clamp(min=0), length[:, None] - 1)


def _sampled(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Read output pixel (y, x) at place (rows[y], columns[x]) of the source; two matrix products for each image."""
    down, across = (_interpolation(places).to(images.dtype) for places in (rows, columns))
    return down[:, None] @ images @ across[:, None].mT


def _interpolation(source: Tensor) -> Tensor:
    """Float[N, size] -> Float[N, size, size]: row y holds the weights of the source pixels; none outside the image."""
    return (1 - (source[:, :, None] - _pixels(source.shape[1], source)).abs()).clamp_(min=0)


def _pixels(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, dtype=like.dtype, device=like.device)
