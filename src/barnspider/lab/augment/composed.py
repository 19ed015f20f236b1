"""RandAugment, made monotone: the dose scales one fixed set of draws, and every operation is off at dose 0."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from barnspider.lab.augment.batch import each, where_on
from barnspider.lab.augment.colour import brightness, contrast, saturation
from barnspider.lab.augment.geometry import warp

GEOMETRIC = {"rotation": 30.0, "shear_x": 0.3, "shear_y": 0.3, "shift_x": 150 / 331, "shift_y": 150 / 331}
"""Degrees, slopes and shares of the side at dose 1: torchvision's largest."""

COLOURING = {"brightness": 0.9, "contrast": 0.9, "saturation": 0.9, "sharpness": 0.9, "solarize": 1.0}
"""Distances of the blending factor from 1, and the share of levels that are inverted, at dose 1: torchvision's."""

_OPERATIONS = len(GEOMETRIC) + len(COLOURING)
_SMOOTH = ((1, 1, 1), (1, 5, 1), (1, 1, 1))


def randaugment(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Apply two of ten operations to each image, each at dose times its largest magnitude, up or down (4 draws).

    torchvision's `RandAugment(num_ops=2, magnitude=m, num_magnitude_bins=31)` has dose m / 30: its usual 9 is 0.3. Of
    its operations, those are here that are off at magnitude 0 and grow with it: rotation, two shears, two
    translations, brightness, contrast, saturation, sharpness, solarize. (Autocontrast and equalize have no magnitude,
    posterize has four.) The two differ, and stand in a fixed order; shears are about the centre.

    Source: Cubuk et al., "RandAugment" (arXiv 1909.13719).

    Examples
    --------
    >>> image = torch.rand(1, 3, 8, 8)
    >>> torch.equal(randaugment(image, torch.zeros(1), torch.rand(1, 4)), image)
    True
    """
    signs = torch.where(draws[:, 2:] < 0.5, -1.0, 1.0).to(dose.dtype)
    magnitude = _chosen(draws, signs) * dose[:, None]
    moves, colours = magnitude.split([len(GEOMETRIC), len(COLOURING)], dim=1)
    moves = moves * torch.tensor(list(GEOMETRIC.values()), dtype=dose.dtype, device=dose.device)
    colours = colours * torch.tensor(list(COLOURING.values()), dtype=dose.dtype, device=dose.device)
    moved = where_on(moves.abs().amax(1), _moved(images, moves), images)
    return _coloured(moved, colours)


def _chosen(draws: Tensor, signs: Tensor) -> Tensor:
    """Return Float[N, 10]: the sign of each of an image's two operations, 0 for the others."""
    first = (draws[:, 0] * _OPERATIONS).long()
    second = (first + 1 + (draws[:, 1] * (_OPERATIONS - 1)).long()) % _OPERATIONS
    chosen = torch.zeros(len(draws), _OPERATIONS, dtype=signs.dtype, device=signs.device)
    return chosen.scatter_(1, torch.stack([first, second], dim=1), signs)


def _moved(images: Tensor, moves: Tensor) -> Tensor:
    """Rotate, shear and shift in one go: Float[N, 5] in the order of `GEOMETRIC`."""
    degrees, shear_x, shear_y, shift_x, shift_y = moves.unbind(1)
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    height, width = images.shape[-2:]
    across = (cos - sin * shear_y, cos * shear_x - sin, -shift_x * width)
    down = (sin + cos * shear_y, sin * shear_x + cos, -shift_y * height)
    return warp(images, across, down)


def _coloured(images: Tensor, colours: Tensor) -> Tensor:
    """Change colours: Float[N, 5] in the order of `COLOURING`; at most two of an image's are not 0."""
    up, sizes = (colours > 0).to(colours.dtype), colours.abs()
    for i, act in enumerate((brightness, contrast, saturation, sharpness, _solarize)):
        rows = sizes[:, i].nonzero()[:, 0]
        images = images.index_copy(0, rows, act(images[rows], sizes[rows, i], up[rows, i : i + 1]))
    return images


def sharpness(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Stretch levels about a smoothed image, 1 - dose to 1 + dose times, borders left alone (1 draw).

    torchvision's `adjust_sharpness` with its kernel of 1, 1, 1; 1, 5, 1; 1, 1, 1.

    Examples
    --------
    >>> point = functional.pad(torch.full((1, 1, 1, 1), 130.0), (1, 1, 1, 1))
    >>> sharpness(point, torch.tensor([1.0]), torch.tensor([[0.0]]))[0, 0, 1].round().tolist()
    [0.0, 50.0, 0.0]
    """
    channels, (height, width) = images.shape[1], images.shape[-2:]
    if min(height, width) < len(_SMOOTH):
        return images
    kernel = torch.tensor(_SMOOTH, dtype=images.dtype, device=images.device) / sum(map(sum, _SMOOTH))
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = functional.conv2d(images, kernel.expand(channels, 1, 3, 3), groups=channels)
    factor = each(1 + dose * (2 * draws[:, 0] - 1)).to(images.dtype)
    return where_on(dose, (images * factor + (1 - factor) * smooth).clamp_(0, 255), images)


def _solarize(images: Tensor, dose: Tensor, _draws: Tensor) -> Tensor:
    """Invert the share dose of all levels, the brightest: torchvision's `solarize(255 * (1 - dose))`."""
    threshold = each(255 * (1 - dose)).to(images.dtype)
    return where_on(dose, torch.where(images > threshold, 255 - images, images), images)
