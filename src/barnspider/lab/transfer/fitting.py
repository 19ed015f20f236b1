"""One rule by which images of any size and number of channels become what a backbone was trained on.

1. Channels: colour becomes grey by luma (ITU-R BT.601); grey becomes colour by three equal channels.
2. Size: bilinear, antialiased, to the height and width that the backbone was trained on, whatever the aspect.
3. Levels are rounded to whole ones. The backbone then normalizes them as its own training images were.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from barnspider.lab.augment.colour import grey
from barnspider.lab.data import Dataset, Split
from barnspider.lab.material import levels_of, pieces

_PIXELS = 1 << 22

Shape = tuple[int, int, int]
"""(C, H, W) of one image."""


def fit(data: Dataset, shape: Shape) -> Dataset:
    """Return the same data set with images of this shape (C, H, W); its fingerprint is still that of its own images.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> fit(load("digits"), (3, 12, 10)).shape
    (3, 12, 10)
    """
    if data.shape == shape:
        return data
    parts = {name: _fitted(getattr(data, name), shape) for name in ("train", "validation", "test")}
    return replace(data, **parts)


def _fitted(split: Split, shape: Shape) -> Split:
    channels, height, width = shape
    whole = np.empty((len(split), height, width, channels), np.uint8)
    done = 0
    for piece in pieces(split, _PIXELS):
        whole[done : done + len(piece)] = _bytes(fitted(levels_of(torch.from_numpy(piece)), shape))
        done += len(piece)
    return Split(whole, split.labels, split.sample)


def fitted(levels: Tensor, shape: Shape) -> Tensor:
    """Grey levels, Float[N, c, h, w] -> Float[N, C, H, W].

    Examples
    --------
    >>> fitted(torch.tensor([100.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(2, 3, 4, 4), (1, 2, 2)).round().unique()
    tensor([30.])
    """
    channels, height, width = shape
    levels = grey(levels) if channels == 1 else levels.expand(-1, channels, -1, -1)
    if levels.shape[2:] == (height, width):
        return levels
    return functional.interpolate(levels, size=(height, width), mode="bilinear", antialias=True, align_corners=False)


def _bytes(levels: Tensor) -> NDArray[np.uint8]:
    return levels.round().clamp(0, 255).permute(0, 2, 3, 1).to(torch.uint8).numpy()
