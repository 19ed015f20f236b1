"""What a backbone makes of images: the input of its last linear layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from barnspider.errors import InputError
from barnspider.lab.data import Split
from barnspider.lab.material import levels_of, pieces
from barnspider.lab.random import uniforms
from barnspider.lab.transfer.logistic import Labelled
from barnspider.lab.weights import Kept

_PIXELS = 1 << 18


Last = nn.Linear | nn.Conv2d
"""What may give logits: a linear layer, or the same written as a convolution of one pixel (timm's ResNetV2)."""


@dataclass(frozen=True, eq=False)
class Head:
    """A network's last linear layer, whose output are the logits, and its name in the network."""

    name: str
    layer: Last


@torch.inference_mode()
def head_of(kept: Kept) -> Head:
    """Find the linear layer that gives a network's logits, by having two images of noise answered.

    Raises
    ------
    InputError
        When the logits come from something else.
    """
    # Noise, for an empty image may be answered with nothing but zeros, by many layers alike.
    draws = torch.from_numpy(uniforms(0, "head", 0, 2, math.prod(kept.shape)))
    noise = kept.normalize(255 * draws.view(2, *kept.shape).to(kept.mean.device))
    called: list[tuple[str, Last, Tensor]] = []

    def watch(name: str, layer: Last) -> Any:
        def note(_layer: nn.Module, _given: Any, out: Any) -> None:
            called.append((name, layer, out))

        return layer.register_forward_hook(note)

    hooks = [watch(name, layer) for name, layer in kept.net.named_modules() if _may_be_last(layer)]
    try:
        logits: Tensor = kept.net(noise)
    finally:
        for hook in hooks:
            hook.remove()
    last = [(name, layer) for name, layer, out in called if _are(logits, out)]
    if len(last) != 1 or sum(name == last[0][0] for name, _, _ in called) != 1:
        raise InputError(
            f"network={kept.recipe.network!r} does not end in a linear layer (nn.Linear), so there are no features"
            " before one; transfer needs a network whose logits are the output of a linear layer"
        )
    return Head(*last[0])


def _may_be_last(layer: nn.Module) -> TypeGuard[Last]:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))


def _are(logits: Tensor, out: Tensor) -> bool:
    """Whether a layer's output, of one pixel where it is a convolution's, are the logits."""
    return out.ndim in (2, 4) and out[0].numel() == logits[0].numel() and torch.equal(out.flatten(1), logits)


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
    hook = head.layer.register_forward_pre_hook(lambda _layer, inputs: given.append(inputs[0].flatten(1).float()))
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
