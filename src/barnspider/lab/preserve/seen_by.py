"""What a reference network answers to test images that a knob has changed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from barnspider.convert import smallest_int
from barnspider.lab import augment
from barnspider.lab.data import Split
from barnspider.lab.material import levels_of
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe, is_off
from barnspider.lab.weights import Kept
from barnspider.store import Answers

_PIXELS = 1 << 20


@torch.inference_mode()
def answers(kept: Kept, split: Split, asked: Recipe, draw: int, device: str = "cpu") -> Answers:
    """Return a network's answers to a split's images, each changed as `asked` says by the numbers of this draw.

    The numbers depend on knob, draw and image alone: they are the same for every network, and at every dose.
    """
    draws = {
        knob: uniforms(0, f"preserve {knob}", draw, len(split), count)
        for knob, count in augment.DRAWS.items()
        if not is_off(getattr(asked, knob))
    }
    guess, p_label = [], []
    step = max(1, _PIXELS // split.pixels[0].size)
    for rows in np.array_split(np.arange(len(split)), -(-len(split) // step)):
        labels = torch.tensor(split.labels[rows], device=device)
        levels = levels_of(torch.from_numpy(split.read(rows)).to(device))
        own = {knob: torch.from_numpy(numbers[rows]).to(device) for knob, numbers in draws.items()}
        images = augment.shown(levels, labels, asked, own, len(kept.classes), kept.normalize)
        logits = _logits(kept, images)
        guess.append(logits.argmax(1).cpu().numpy())
        p_label.append(logits.softmax(1).gather(1, labels[:, None])[:, 0].cpu().numpy())
    return Answers(np.concatenate(guess).astype(smallest_int(len(kept.classes))), np.concatenate(p_label))


def _logits(kept: Kept, images: Tensor) -> Tensor:
    given: Tensor = kept.net(images)
    return ((given + kept.net(images.flip(3))) / 2 if kept.recipe.mirrored else given).float()
