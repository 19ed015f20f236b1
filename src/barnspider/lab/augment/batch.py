"""What every augmentation needs of a batch: a number for each image, and images at dose 0 left alone."""

from __future__ import annotations

import torch
from torch import Tensor


def each(numbers: Tensor) -> Tensor:
    """Shape [N] -> [N, 1, 1, 1], to stand beside Float[N, C, H, W].

    Examples
    --------
    >>> each(torch.zeros(5)).shape
    torch.Size([5, 1, 1, 1])
    """
    return numbers[:, None, None, None]


def where_on(dose: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """Take the changed images, but keep the very bits of those whose dose is 0.

    Examples
    --------
    >>> where_on(torch.tensor([0.0, 1.0]), torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)).flatten().tolist()
    [0.0, 1.0]
    """
    return torch.where(each(dose > 0), changed, images)


def between(draw: Tensor, dose: Tensor) -> Tensor:
    """Stretch uniform numbers from 0 to 1 over -dose to dose.

    Examples
    --------
    >>> between(torch.tensor([0.0, 0.75]), torch.tensor([4.0, 4.0])).tolist()
    [-4.0, 2.0]
    """
    return dose * (2 * draw - 1)
