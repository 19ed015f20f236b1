"""Max-pooling of 2 x 2 pixels, which gives the same bits every time on a GPU, too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_SIZE = [2, 2]
_NONE = [0, 0]
_ONE = [1, 1]


class Halving(nn.Module):
    """Keeps the largest of every 2 x 2 pixels: torch's `MaxPool2d(2)`.

    torch refuses the gradient of any max-pooling on a GPU where the same bits are wanted, since where windows overlap
    a pixel's gradient is a sum in any order. These windows do not overlap: no pixel has more than one.

    Examples
    --------
    >>> Halving()(torch.arange(16.0).view(1, 1, 4, 4)).flatten().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    def forward(self, images: Tensor) -> Tensor:
        """Float[N, C, H, W] -> Float[N, C, H // 2, W // 2]."""
        if images.is_cuda and images.requires_grad:
            return _Halved.apply(images)
        return functional.max_pool2d(images, 2)


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        largest, places = functional.max_pool2d_with_indices(images, _SIZE)
        ctx.save_for_backward(images, places)
        return largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        images, places = ctx.saved_tensors
        strict = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(False)
        try:
            return torch.ops.aten.max_pool2d_with_indices_backward(
                gradients[0], images, _SIZE, _SIZE, _NONE, _ONE, False, places
            )
        finally:
            torch.use_deterministic_algorithms(strict)
