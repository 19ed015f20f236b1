"""A step that is the same every time, recorded once on a GPU and then played back: one launch in place of hundreds.

A small network's step is some three hundred short kernels, and starting them takes longer than running them. A CUDA
graph starts them all at once, and computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from barnspider.lab.drops import KNOBS
from barnspider.lab.material import Batch

Step = Callable[[Batch], None]

_Shapes = tuple[torch.Size, ...]


class Playback:
    """Takes the same step again and again, each with another batch.

    Of every shape of batch, the first is taken plainly (libraries settle which kernels they use), the second recorded
    and played, all others played. What the step changes must stay where it is in memory, and what it does may depend
    on values in memory alone: a number that Python computes is recorded as it was.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._seen: set[_Shapes] = set()
        self._records: dict[_Shapes, tuple[Batch, torch.cuda.CUDAGraph]] = {}

    def __call__(self, batch: Batch) -> None:
        shapes = tuple(tensor.shape for tensor in _tensors(batch))
        if shapes not in self._seen:
            self._seen.add(shapes)
            self._step(batch)
            return
        if shapes not in self._records:
            self._records[shapes] = self._recorded(batch)
        place, graph = self._records[shapes]
        for to, tensor in zip(_tensors(place), _tensors(batch), strict=True):
            to.copy_(tensor)
        graph.replay()

    def _recorded(self, batch: Batch) -> tuple[Batch, torch.cuda.CUDAGraph]:
        """Record the step on a batch that stays in its place; nothing is computed meanwhile."""
        place = Batch(
            batch.images.clone(memory_format=torch.preserve_format), batch.targets.clone(),
            {knob: draws.clone() for knob, draws in batch.draws.items() if knob in KNOBS}, batch.classes.clone(),
        )  # fmt: skip
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            self._step(place)
        return place, graph


def _tensors(batch: Batch) -> Iterator[Tensor]:
    """Yield what a step reads of a batch: of the draws, those that are used inside the network."""
    yield batch.images
    yield batch.targets
    yield batch.classes
    for knob in sorted(KNOBS):
        if knob in batch.draws:
            yield batch.draws[knob]
