"""What the network is asked to answer, as shares: Float[N, C] whose rows sum to 1."""

from __future__ import annotations

import torch
from torch import Tensor

from barnspider.lab.augment.mixing import neighbours


def smooth(targets: Tensor, dose: Tensor) -> Tensor:
    """Give the share dose of each image's target to all classes alike (no draws).

    Label smoothing of Szegedy et al., "Rethinking the Inception architecture" (arXiv 1512.00567): torch's
    `CrossEntropyLoss(label_smoothing=dose)`.

    Examples
    --------
    >>> smooth(torch.tensor([[1.0, 0.0]]), torch.tensor([0.5])).tolist()
    [[0.75, 0.25]]
    """
    return targets * (1 - dose[:, None]) + dose[:, None] / targets.shape[1]


FADING = 2
"""The power of the share cut away by which a target fades: `--pcrop 2` of the commands that the source's authors give
for CIFAR-100 (github.com/youngleox/soft_augmentation)."""


def fade(targets: Tensor, dose: Tensor, visible: Tensor) -> Tensor:
    """Give the share dose * (1 - visible)**2 of each image's target to all classes alike (no draws).

    Soft augmentation of Liu, Yan, Leal-Taixé, Hays & Ramanan, "Soft augmentation for image classification" (CVPR 2023,
    arXiv 2211.04625): confidence in the label is 1 - (1 - p_min) * (1 - visible)**k. At dose 1, p_min is chance, one
    class of all; at dose d, it is 1 - d * (1 - chance).

    Examples
    --------
    >>> fade(torch.eye(2), torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.5])).tolist()
    [[1.0, 0.0], [0.125, 0.875]]
    """
    return smooth(targets, dose * (1 - visible) ** FADING)


def mix(targets: Tensor, share: Tensor) -> Tensor:
    """Take a share of each target from the neighbour's, as its image did.

    Examples
    --------
    >>> mix(torch.eye(2), torch.tensor([0.25, 0.0])).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    return torch.lerp(targets, neighbours(targets), share[:, None])
