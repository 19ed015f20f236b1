"""What a backbone makes of images: the input of its last linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from barnspider.errors import InputError
from barnspider.lab.data import Split
from barnspider.lab.material import levels_of, pieces
from barnspider.lab.transfer.logistic import Labelled
from barnspider.lab.weights import Kept

_PIXELS = 1 << 18


@dataclass(frozen=True, eq=False)
class Head:
    """A network's last linear layer, whose output are the logits, and its name in the network."""

    name: str
    layer: nn.Linear


@torch.inference_mode()
def head_of(kept: Kept) -> Head:
    """Find the linear layer that gives a network's logits, by having two images answered.

    Raises
    ------
    InputError
        When the logits come from something else.
    """
    called: list[tuple[str, nn.Linear, Tensor]] = []

    def watch(name: str, layer: nn.Linear) -> Any:
        def note(_layer: nn.Module, _given: Any, out: Any) -> None:
            called.append((name, layer, out))

        return layer.register_forward_hook(note)

    layers = [(name, layer) for name, layer in kept.net.named_modules() if isinstance(layer, nn.Linear)]
    hooks = [watch(name, layer) for name, layer in layers]
    try:
        logits: Tensor = kept.net(torch.zeros(2, *kept.shape, device=kept.mean.device))
    finally:
        for hook in hooks:
            hook.remove()
    for name, layer, out in reversed(called):
        if out.shape == logits.shape and torch.equal(out, logits):
            return Head(name, layer)
    raise InputError(
        f"network={kept.recipe.network!r} does not end in a linear layer (nn.Linear), so there are no features before"
        " one; transfer needs a network whose logits are the output of a linear layer"
    )


@torch.inference_mode()
def features(kept: Kept, split: Split) -> Tensor:
    """Return Float32[N, d]: what the last linear layer is given for each image of a split.

    Images must have the backbone's shape (`fitting.fit`). Of a `mirrored` recipe, which answers by the mean over an
    image and its mirror image, the mean of both.

    Raises
    ------
    InputError
        When the network does not end in a linear layer.
    """
    head, given = head_of(kept), list[Tensor]()
    hook = head.layer.register_forward_pre_hook(lambda _layer, inputs: given.append(inputs[0].float()))
    try:
        for piece in pieces(split, _PIXELS):
            images = kept.normalize(levels_of(torch.from_numpy(piece).to(kept.mean.device)))
            kept.net(images)
            if kept.recipe.mirrored:
                kept.net(images.flip(3))
                mirrored = given.pop()
                given[-1] = (given[-1] + mirrored) / 2
    finally:
        hook.remove()
    return torch.cat(given)


def labelled(kept: Kept, split: Split) -> Labelled:
    """Return the features of a split's images with their classes."""
    return Labelled(features(kept, split), torch.tensor(split.labels).to(kept.mean.device))
