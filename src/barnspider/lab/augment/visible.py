"""Which share of an image's area is still seen once it was cropped and shifted: for targets that fade with the crop.

Each is one pure function (height, width, dose, draws) -> Float[N], with the same draws as the augmentation itself; 1
where the dose is 0. After one another they multiply: a second cut takes its share of what the first has left.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from barnspider.lab.augment.batch import between
from barnspider.lab.augment.rectangles import crop_boxes, fixed_boxes

Kept = Callable[[int, int, Tensor, Tensor], Tensor]


def after_crop(height: int, width: int, dose: Tensor, draws: Tensor) -> Tensor:
    """Return the share of the area that a random resized crop keeps.

    Examples
    --------
    >>> after_crop(8, 8, torch.tensor([0.0, 0.75]), torch.full((2, 22), 0.5)).tolist()
    [1.0, 0.5625]
    """
    _, _, high, wide = crop_boxes(height, width, dose, draws)
    return _where_on(dose, high * wide / (height * width))


def after_fixed_crop(height: int, width: int, dose: Tensor, draws: Tensor) -> Tensor:
    """Return the share of the area that a crop of a fixed size keeps.

    Examples
    --------
    >>> after_fixed_crop(8, 8, torch.tensor([0.75]), torch.zeros(1, 2)).tolist()
    [0.25]
    """
    _, _, high, wide = fixed_boxes(height, width, dose, draws)
    return _where_on(dose, high * wide / (height * width))


def after_translation(height: int, width: int, dose: Tensor, draws: Tensor) -> Tensor:
    """Return the share of the area that a shift leaves inside.

    Examples
    --------
    >>> after_translation(4, 4, torch.tensor([0.5]), torch.tensor([[1.0, 0.25]])).tolist()
    [0.375]
    """
    down, right = (
        1 - between(draw, dose * size).round().abs() / size
        for size, draw in zip((height, width), draws.unbind(1), strict=True)
    )
    return _where_on(dose, down * right)


KEPT: dict[str, Kept] = {"crop": after_crop, "fixed_crop": after_fixed_crop, "translation": after_translation}
"""Every knob that cuts parts of an image away, in the order in which they act."""


def _where_on(dose: Tensor, share: Tensor) -> Tensor:
    return torch.where(dose > 0, share, 1.0)
