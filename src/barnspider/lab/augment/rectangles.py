"""Random rectangles in an image, for many images at once: what a crop keeps, what an eraser takes.

A rectangle is top, left, height, width: four Float[N] of whole numbers, inside the image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

Rectangles = tuple[Tensor, Tensor, Tensor, Tensor]
"""Top, left, height, width."""

TRIES = 10
DRAWS = 2 * TRIES + 2
"""Uniform numbers for an area and a shape in each of ten tries, and for a place."""

WIDEST = 4 / 3
"""A crop's largest ratio of width to height; the smallest is 1 / WIDEST."""

FLATTEST, TALLEST = 0.3, 3.3
"""An erased rectangle's smallest and largest ratio of height to width, as in torchvision."""


def crop_boxes(height: int, width: int, dose: Tensor, draws: Tensor) -> Rectangles:
    """Return what a random resized crop keeps: an area uniform from 1 - dose to 1, ratio log-uniform from 3/4 to 4/3.

    The first of ten tries that fits is taken; when none fits, the largest central box of a permitted ratio, as in
    torchvision's `RandomResizedCrop.get_params`: all of a square image.

    Examples
    --------
    >>> [int(number) for number in crop_boxes(8, 8, torch.zeros(1), torch.full((1, 22), 0.5))]
    [0, 0, 8, 8]
    """
    area = height * width * (1 - dose[:, None] * draws[:, :TRIES])
    ratio = torch.exp(math.log(WIDEST) * (2 * draws[:, TRIES : 2 * TRIES] - 1))
    wide, high = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    central_high, central_wide = min(height, round(width * WIDEST)), min(width, round(height * WIDEST))
    high, wide, central = _first_that_fits(fits, high, wide, (central_high, central_wide))
    top = torch.where(central, (height - high) / 2, draws[:, 20] * (height - high + 1)).floor()
    left = torch.where(central, (width - wide) / 2, draws[:, 21] * (width - wide + 1)).floor()
    return top, left, high, wide


def fixed_boxes(height: int, width: int, dose: Tensor, draws: Tensor) -> Rectangles:
    """Return boxes of the image's own shape and an area of 1 - dose, anywhere; draws is Float[N, 2].

    Examples
    --------
    >>> [int(number) for number in fixed_boxes(8, 8, torch.tensor([0.75]), torch.tensor([[0.0, 0.99]]))]
    [0, 4, 4, 4]
    """
    side = (1 - dose).sqrt()
    high, wide = (height * side).round().clamp(min=1), (width * side).round().clamp(min=1)
    return *_placed(height, width, high, wide, draws), high, wide


def erased_boxes(height: int, width: int, dose: Tensor, draws: Tensor) -> Rectangles:
    """Return what is erased: an area uniform from 0 to dose, ratio of height to width log-uniform from 0.3 to 3.3.

    The first of ten tries that is smaller than the image both ways is taken; when none is, nothing is erased, as in
    torchvision's `RandomErasing.get_params`.

    Examples
    --------
    >>> [int(number) for number in erased_boxes(8, 8, torch.tensor([0.5]), torch.full((1, 22), 0.5))]
    [2, 2, 4, 4]
    """
    area = height * width * dose[:, None] * draws[:, :TRIES]
    low, high_end = math.log(FLATTEST), math.log(TALLEST)
    ratio = torch.exp(low + (high_end - low) * draws[:, TRIES : 2 * TRIES])
    high, wide = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    high, wide, _ = _first_that_fits((high < height) & (wide < width), high, wide, (0, 0))
    return *_placed(height, width, high, wide, draws[:, 2 * TRIES :]), high, wide


def inside(height: int, width: int, boxes: Rectangles) -> Tensor:
    """Return Bool[N, 1, height, width]: which pixels lie in each image's rectangle.

    Examples
    --------
    >>> box = tuple(torch.tensor([float(number)]) for number in (0, 1, 1, 1))
    >>> inside(1, 3, box).flatten().tolist()
    [False, True, False]
    """
    top, left, high, wide = (number[:, None] for number in boxes)
    rows, columns = (torch.arange(size, dtype=top.dtype, device=top.device) for size in (height, width))
    within_rows, within_columns = (rows >= top) & (rows < top + high), (columns >= left) & (columns < left + wide)
    return (within_rows[:, :, None] & within_columns[:, None, :])[:, None]


def _first_that_fits(
    fits: Tensor, high: Tensor, wide: Tensor, otherwise: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return height and width of the first try that fits, or `otherwise`; and whether it had to be that."""
    tries = torch.arange(TRIES, device=fits.device)
    first = torch.where(fits, tries, TRIES).amin(dim=1, keepdim=True)
    high = functional.pad(high, (0, 1), value=otherwise[0]).gather(1, first)[:, 0]
    wide = functional.pad(wide, (0, 1), value=otherwise[1]).gather(1, first)[:, 0]
    return high, wide, first[:, 0] == TRIES


def _placed(height: int, width: int, high: Tensor, wide: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    return (draws[:, 0] * (height - high + 1)).floor(), (draws[:, 1] * (width - wide + 1)).floor()
