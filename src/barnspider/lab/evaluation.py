"""What a network answers to all images of a split."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from barnspider.convert import smallest_int
from barnspider.lab.data import Split
from barnspider.lab.material import MORE_ON_GPU, Material, levels_of, pieces
from barnspider.lab.recipe import Recipe
from barnspider.lab.weights import Kept
from barnspider.store import Answers

_PIXELS = 1 << 18
_LEAST = 64
"""So many images are answered at once, however large they are."""


def answers(net: nn.Module, split: Split, material: Material, recipe: Recipe) -> Answers:
    """Return the network's answers to a split, its images normalized as the training images are."""
    given = logits(net, split, material, recipe)
    labels = torch.tensor(split.labels).to(given.device)
    p_label = given.softmax(1).gather(1, labels[:, None])[:, 0]
    guess = given.argmax(1).cpu().numpy().astype(smallest_int(material.n_classes))
    return Answers(guess, p_label.cpu().numpy())


@torch.inference_mode()
def logits(net: nn.Module, split: Split, material: Material | Kept, recipe: Recipe) -> Tensor:
    """Return Float32[N, classes]; of a `mirrored` recipe, the mean over each image and its mirror image.

    Images are normalized as the training material was, or that of a network that was kept.

    Whatever the recipe's precision, in float32: with fewer digits, many an image's best two logits would be equal, and
    the class that comes first in the list would win.
    """
    net.eval()
    device = material.mean.device

    def seen(images: NDArray[np.uint8]) -> Tensor:
        return material.normalize(levels_of(torch.from_numpy(images).to(device)))

    pixels = _PIXELS * (MORE_ON_GPU if device.type == "cuda" else 1)
    parts = map(seen, pieces(split, max(pixels, _LEAST * split.pixels[0].size)))
    if recipe.mirrored:
        return torch.cat([(net(part) + net(part.flip(3))) / 2 for part in parts]).float()
    return torch.cat([net(part) for part in parts]).float()


def accuracy(given: Answers, split: Split) -> float:
    """Return the share of right answers."""
    return float((given.guess == split.labels).mean())
