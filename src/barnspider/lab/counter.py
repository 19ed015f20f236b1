"""Many uniform numbers for each image from the two that were drawn for it: a hash of (key, place).

Noise and dropout need one number for each pixel or unit; drawing and keeping those for a whole epoch would cost more
memory than the images. Which numbers come out depends on the two draws and the place alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

DRAWS = 2

_BITS = 24


def scattered(draws: Tensor, size: int, purpose: int = 0) -> Tensor:
    """Float[N, 2] of uniform numbers -> Float32[N, size] of uniform numbers from 0 up to, not including, 1.

    `purpose` tells several calls with the same draws apart. The hash is the finalizer of MurmurHash3 (Appleby, public
    domain), in whole numbers of 32 bits, so every device gives the same bits.

    Examples
    --------
    >>> few, many = (scattered(torch.tensor([[0.25, 0.5]]), size) for size in (3, 300))
    >>> torch.equal(few, many[:, :3]), bool(abs(many.mean() - 0.5) < 0.05)
    (True, True)
    """
    high, low = (draws[:, :2] * 2**_BITS).int().unbind(1)
    place = torch.arange(size, dtype=torch.int32, device=draws.device) + (purpose << _BITS)
    bits = _mixed(_mixed(place + 1) ^ _mixed((high << 8) ^ low)[:, None])
    return _shifted(bits, 32 - _BITS).float().mul_(2.0**-_BITS)


def _mixed(bits: Tensor) -> Tensor:
    """Int32 -> Int32, one to one, every bit of the result depending on every bit given; products wrap around."""
    for shift, factor in ((16, 0x85EBCA6B - (1 << 32)), (13, 0xC2B2AE35 - (1 << 32))):
        bits = _shifted(bits, shift).bitwise_xor_(bits).mul_(factor)
    return _shifted(bits, 16).bitwise_xor_(bits)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shift right and fill with zeros, where torch would fill with the sign."""
    return (bits >> by).bitwise_and_((1 << (32 - by)) - 1)
