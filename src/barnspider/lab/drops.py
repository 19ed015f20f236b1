"""What is left out inside a network during training: hidden units (dropout), residual branches (stochastic depth).

Both take the uniform numbers of their image, Float[N, 2], or None: in evaluation, or when the knob is off, nothing is
left out. A dose changes what is done with the numbers, so what is left out at a dose is left out at every larger one.
They take one dose, never one per class: what is left out must not tell the network which class it sees.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from barnspider.lab.augment.batch import each
from barnspider.lab.counter import DRAWS, scattered

KNOBS = {"dropout": DRAWS, "stochastic_depth": DRAWS}
"""The knobs inside a network, and how many uniform numbers an image needs for each."""

Chance = Mapping[str, Tensor]
"""The uniform numbers of a batch by knob, for those knobs that are on."""


def dropout(hidden: Tensor, dose: float, draws: Tensor | None, layer: int = 0) -> Tensor:
    """Set each of Float[N, units] to 0 with probability dose, and scale the others so that the mean stays.

    torch's `Dropout(p=dose)`. Source: Srivastava et al., "Dropout" (JMLR 15, 2014). Layers with the same draws need
    different numbers.

    Examples
    --------
    >>> import torch
    >>> dropped = dropout(torch.ones(1, 1000), 0.25, torch.rand(1, 2))
    >>> sorted({round(value, 2) for value in dropped.flatten().tolist()}), bool(abs(dropped.mean() - 1) < 0.1)
    ([0.0, 1.33], True)
    """
    if draws is None:
        return hidden
    kept = scattered(draws, hidden.shape[1], purpose=layer) >= dose
    return hidden * kept / (1 - dose)


def skip(branch: Tensor, dose: float, draws: Tensor | None, block: int, blocks: int) -> Tensor:
    """Set the residual branch Float[N, C, H, W] to 0 for each image with probability dose * block / blocks.

    `block` counts from 1. Kept branches are scaled so that the mean stays: torchvision's
    `StochasticDepth(dose * block / blocks, "row")`. Source: Huang et al., "Deep networks with stochastic depth"
    (arXiv 1603.09382), whose survival probability of the last block is 1 - dose.

    Examples
    --------
    >>> import torch
    >>> sorted(set(skip(torch.ones(99, 1, 1, 1), 0.5, torch.rand(99, 2), block=2, blocks=2).flatten().tolist()))
    [0.0, 2.0]
    """
    if draws is None:
        return branch
    share = dose * block / blocks
    return branch * each((scattered(draws, blocks)[:, block - 1] >= share) / (1 - share))
