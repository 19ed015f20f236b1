"""A user's own network that is trained already, by import path: made, tried, and summed."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

from barnspider.errors import InputError
from barnspider.lab import factory
from barnspider.lab.data import Dataset
from barnspider.lab.recipe import Recipe
from barnspider.lab.sweep import digest
from barnspider.lab.weights import Kept, packed

ANY = 0
"""How many answers are expected of a network, if it does not matter."""


def pretrained(name: str, data: Dataset, device: str = "cpu", answers: int = ANY) -> tuple[Kept, str]:
    """Return a user's trained network, and a sum of its name, its weights and the file that its function stands in.

    "my.module:function" is called as function((C, H, W), classes), the images' and the data's. It returns a torch
    module that takes Float[N, C, H, W], levels from 0 to 1, and normalizes and resizes them as it was trained to.

    Parameters
    ----------
    answers
        How many numbers it must answer an image with; `ANY` where its own classes are others.

    Raises
    ------
    InputError
        When it cannot be made, or does not answer such images with so many finite numbers.
    """
    make: Callable[[tuple[int, int, int], int], object] = factory.imported(name)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # whatever it prints is no data of ours
            net = make(data.shape, len(data.classes))
    except Exception as error:  # theirs: whatever it raises, a missing file of weights above all
        told = f"{type(error).__name__}: {error}"
        raise InputError(f"pretrained={name!r} cannot be made: {told}; expected a torch.nn.Module") from error
    if not isinstance(net, nn.Module):
        raise InputError(f"pretrained={name!r} returned {type(net).__name__}; expected a torch.nn.Module")
    net = net.to(device).eval()
    zero, white = (torch.full((1, 1, 1), level, device=device) for level in (0.0, 255.0))
    recipe = Recipe(data.name, network=name)
    kept = Kept(net, recipe, 0, data.classes, data.shape, zero, white, data.fingerprint)
    _try(kept, name, device, answers)
    return kept, digest([name, hashlib.sha256(packed(net)).hexdigest(), factory.source_sum(name)])


@torch.inference_mode()
def _try(kept: Kept, name: str, device: str, answers: int) -> None:
    images = torch.full((2, *kept.shape), 0.5, device=device)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            given: object = kept.net(images)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise InputError(f"pretrained={name!r} does not take images {tuple(images.shape)}: {error}") from error
    shape = tuple(given.shape) if isinstance(given, Tensor) else ()
    fits = len(shape) == 2 and shape[0] == 2 and answers in (ANY, shape[1])
    if not fits or not torch.as_tensor(given).isfinite().all():
        expected = "(2, its own classes)" if answers == ANY else (2, answers)
        got = shape or type(given).__name__
        raise InputError(f"pretrained={name!r} answers two images with {got}; expected finite logits {expected}")
