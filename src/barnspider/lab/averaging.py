"""The mean of a network's weights over the last steps: less noise from run to run, at next to no cost.

Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging" (1992); Izmailov et al., "Averaging
weights leads to wider optima" (arXiv 1803.05407).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SHARE = 0.2
"""The last share of all steps whose weights are averaged; `docs/training.md` has the measurement."""


@dataclass(eq=False)
class Average:
    """Sums of a network's weights and of its normalization statistics, over those steps that count.

    Examples
    --------
    >>> net = nn.Linear(1, 1, bias=False)
    >>> average = Average.of(net, steps=100)
    >>> for step in range(100):
    ...     _ = net.weight.data.fill_(step)
    ...     average.add(step)
    >>> with average.applied():
    ...     print(net.weight.item())
    89.5
    >>> net.weight.item()
    99.0
    """

    state: list[Tensor]
    sums: list[Tensor]
    first: int
    steps: int

    @classmethod
    def of(cls, net: nn.Module, steps: int) -> Average:
        """Begin an average over the last steps of a training of `steps` steps."""
        state = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
        return cls(state, [torch.zeros_like(t) for t in state], steps - max(1, round(SHARE * steps)), steps)

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take the weights after this step, counted from 0, into the average, if it is one of the last."""
        if step >= self.first:
            for total, tensor in zip(self.sums, self.state, strict=True):
                total.add_(tensor)

    @contextmanager
    def applied(self) -> Generator[None]:
        """Give the network its average weights while the block runs; all steps must have been taken."""
        last = [tensor.clone() for tensor in self.state]
        count = self.steps - self.first
        self._set([total / count for total in self.sums])
        try:
            yield
        finally:
            self._set(last)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        for tensor, value in zip(self.state, values, strict=True):
            tensor.copy_(value)
