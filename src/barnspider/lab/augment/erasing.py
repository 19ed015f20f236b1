"""Augmentations that take a part of the image away. They act on normalized images: 0 is the mean colour."""

from __future__ import annotations

import torch
from torch import Tensor

from barnspider.lab.augment.rectangles import erased_boxes, inside


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


def erase(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Set a rectangle to 0, the mean colour; its area is uniform from 0 to dose of the image's (22 draws).

    Its ratio of height to width is log-uniform from 0.3 to 3.3, and it lies wholly inside, where a `cutout` is a square
    of fixed size that may reach over the border: torchvision's `RandomErasing(p=1, scale=(0, dose), value=0)`.

    Source: Zhong et al., "Random erasing data augmentation" (arXiv 1708.04896).

    Examples
    --------
    >>> erase(torch.ones(1, 1, 4, 4), torch.tensor([0.5]), torch.full((1, 22), 0.5)).sum().item()
    12.0
    """
    height, width = images.shape[-2:]
    return images.masked_fill(inside(height, width, erased_boxes(height, width, dose, draws)), 0)


def _centres(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, dtype=like.dtype, device=like.device) + 0.5
