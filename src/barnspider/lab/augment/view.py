"""What the network is shown of an image: a box, brought to a size by an antialiased filter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from barnspider.lab.augment.rectangles import Rectangles


def brought(images: Tensor, boxes: Rectangles, side: int) -> Tensor:
    """Bring what is in each image's box to side x side pixels, reading no pixel outside it.

    A bilinear filter that is as wide as the box is reduced, as Pillow's: torch's `interpolate(antialias=True)` of what
    is in the box. Enlarged, it is the plain bilinear filter.

    Parameters
    ----------
    images
        Float[N, C, H, W].
    boxes
        Inside the images.

    Examples
    --------
    >>> box = tuple(torch.tensor([number]) for number in (0.0, 1.0, 2.0, 2.0))
    >>> brought(torch.tensor([[[[9.0, 1.0, 3.0], [9.0, 5.0, 7.0]]]]), box, side=1).tolist()
    [[[[4.0]]]]
    """
    top, left, high, wide = boxes
    down = _weights(top, high, side, images.shape[-2]).to(images.dtype)
    across = _weights(left, wide, side, images.shape[-1]).to(images.dtype)
    return down[:, None] @ images @ across[:, None].mT


def whole(height: int, width: int, count: int, **where: Any) -> Rectangles:
    """Return boxes that hold all of `count` images, where torch is told to put them.

    Examples
    --------
    >>> [box.tolist() for box in whole(2, 3, count=1)]
    [[0.0], [0.0], [2.0], [3.0]]
    """
    none = torch.zeros(count, **where)
    return none, none, none + height, none + width


def central(images: Tensor, share: float) -> Rectangles:
    """Return the central boxes of this share of each side, in whole pixels.

    Examples
    --------
    >>> [box.tolist() for box in central(torch.zeros(1, 3, 256, 256), share=0.875)]
    [[16.0], [16.0], [224.0], [224.0]]
    """
    height, width = images.shape[-2:]
    high, wide = max(1, round(share * height)), max(1, round(share * width))
    none = images.new_zeros(len(images))
    return none + (height - high) // 2, none + (width - wide) // 2, none + high, none + wide


def _weights(start: Tensor, length: Tensor, side: int, size: int) -> Tensor:
    """Float[N] twice -> Float[N, side, size]: how much of each of `size` pixels is in each of the `side` that are made.

    The weights are a triangle about the middle of the new pixel, cut off at the box, and sum to 1.
    """
    steps, pixels = (torch.arange(n, dtype=start.dtype, device=start.device) + 0.5 for n in (side, size))
    scale = (length / side)[:, None]
    middle = start[:, None] + steps * scale
    triangle = 1 - (pixels - middle[:, :, None]).abs() / scale.clamp(min=1)[:, :, None]
    inside = (pixels > start[:, None]) & (pixels < (start + length)[:, None])
    weights = triangle.clamp(min=0) * inside[:, None]
    return weights / weights.sum(2, keepdim=True)
