"""Augmentations that mix each image, and its label, with its left neighbour in the batch.

Each is one pure function (images, dose, draws) -> (images, share): `share` is Float[N], how much of each image and of
its target now comes from the neighbour (the image before it; for the first, the last), 0 where the dose is 0.

A pair has one dose, the smaller of its two classes' (`pair_doses`). So a class at dose 0 neither receives another
class's pixels nor gives its own: none of its images, and none of its label, is ever part of a mixture.
"""

from __future__ import annotations

import torch
from torch import Tensor

from barnspider.lab.augment.batch import each, where_on
from barnspider.lab.augment.rectangles import Rectangles, inside


def neighbours(numbers: Tensor) -> Tensor:
    """Return each row's left neighbour.

    Examples
    --------
    >>> neighbours(torch.tensor([1, 2, 3])).tolist()
    [3, 1, 2]
    """
    return numbers.roll(1, 0)


def pair_doses(dose: Tensor) -> Tensor:
    """Return the dose of each image's pair: the smaller of its own and its neighbour's.

    Examples
    --------
    >>> pair_doses(torch.tensor([0.5, 0.2, 0.3])).tolist() == torch.tensor([0.3, 0.2, 0.2]).tolist()
    True
    """
    return torch.minimum(dose, neighbours(dose))


def mixup(images: Tensor, dose: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Take a share, uniform from 0 to dose, of the neighbour's pixels and label (1 draw).

    Dose 0.5 is mixup with alpha = 1: a share uniform from 0 to 1 is, but for the pair's order, one from 0 to 1/2. A
    smaller alpha corresponds to a smaller dose of the same mean share: see `docs/knobs.md`.

    Source: Zhang et al., "mixup: Beyond empirical risk minimization" (arXiv 1710.09412).

    Examples
    --------
    >>> pair = torch.tensor([0.0, 100.0]).view(2, 1, 1, 1)
    >>> images, share = mixup(pair, torch.tensor([0.5, 0.5]), torch.tensor([[0.5], [0.0]]))
    >>> images.flatten().tolist(), share.tolist()
    ([25.0, 100.0], [0.25, 0.0])
    """
    share = dose * draws[:, 0]
    weight = each(share).to(images.dtype)
    return where_on(dose, torch.lerp(images, neighbours(images), weight), images), share


def cutmix(images: Tensor, dose: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of the neighbour over the same place; its area is uniform from 0 to dose (3 draws).

    It has the image's shape, its centre anywhere, and is cut off at the border; the share of the label is that of the
    pixels pasted. Dose 1 is CutMix with alpha = 1, torchvision's `v2.CutMix(alpha=1)`.

    Source: Yun et al., "CutMix" (arXiv 1905.04899).

    Examples
    --------
    >>> pair = torch.tensor([0.0, 100.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    >>> images, share = cutmix(pair, torch.tensor([1.0, 1.0]), torch.tensor([[0.25, 0.5, 0.5], [0.0, 0.5, 0.5]]))
    >>> images[0, 0].sum().item(), share.tolist()
    (400.0, [0.25, 0.0])
    """
    height, width = images.shape[-2:]
    boxes = _centred_boxes(height, width, (dose * draws[:, 0]).sqrt() / 2, draws[:, 1:])
    pasted = torch.where(inside(height, width, boxes), neighbours(images), images)
    return pasted, boxes[2] * boxes[3] / (height * width)


def _centred_boxes(height: int, width: int, half: Tensor, draws: Tensor) -> Rectangles:
    """Return boxes that reach a share `half` of either side, in whole pixels, from a random pixel; within the image."""
    (top, high), (left, wide) = (
        _reach((draw * size).floor(), (half * size).floor(), size)
        for size, draw in zip((height, width), draws.unbind(1), strict=True)
    )
    return top, left, high, wide


def _reach(centre: Tensor, half: Tensor, size: int) -> tuple[Tensor, Tensor]:
    start = (centre - half).clamp(min=0)
    return start, (centre + half).clamp(max=size) - start
