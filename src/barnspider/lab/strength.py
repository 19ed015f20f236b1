"""How strongly a recipe's augmentations act on real images: what they leave of each class, and how much they change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barnspider.lab import augment
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.material import channel_moments, levels_of
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe, is_off

IMAGES = 300
"""How many training images are looked at, balanced over classes."""


@dataclass(frozen=True)
class Strength:
    """What augmentations do to the images of each class; NaN for a class without training images.

    Attributes
    ----------
    kept
        Mean share of an image's pixels on which what the network sees still depends: 1 while nothing is cut away. A
        level that is cut off at black or white counts as lost.
    change
        Mean squared change of a pixel, in variances of the training set: 0 while nothing changes.
    images
        How many images of each class were looked at.
    """

    kept: tuple[float, ...]
    change: tuple[float, ...]
    images: tuple[int, ...]

    def as_json(self) -> dict[str, list[float | None]]:
        """Return the same as JSON knows it, rounded; what is not known is null."""
        return {name: [None if math.isnan(x) else round(x, 5) for x in numbers] for name, numbers in vars(self).items()}


def strength(recipe: Recipe, data: Dataset, images: int = IMAGES, seed: int = 0) -> Strength:
    """Measure what a recipe's augmentations do to some training images; for one knob, give a recipe with that alone.

    Raises
    ------
    InputError
        When the recipe does not fit the data.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> half = strength(Recipe(dataset="digits", fixed_crop=0.5), load("digits"))
    >>> {round(kept, 2) for kept in half.kept}, min(half.change) > 0.5
    ({0.56}, True)
    """
    recipe.check_channels(data.shape[0])
    some = balanced(data.train, min(images, len(data.train)), recipe.split_seed)
    mean, std = (torch.from_numpy(moment)[:, None, None] for moment in _moments(data.train))
    levels = levels_of(torch.tensor(some.images)).requires_grad_()
    labels = torch.tensor(some.labels)
    plain = _seen(levels.detach(), labels, Recipe(recipe.dataset, view=recipe.view), seed, len(data.classes), mean, std)
    seen = _seen(levels, labels, recipe, seed, len(data.classes), mean, std)
    change = (seen.detach() - plain).square().mean((1, 2, 3))
    # Random weights, so that what depends on a pixel in two places does not cancel out.
    weights = torch.from_numpy(uniforms(seed, "strength", 0, seen.numel(), 1)).view(seen.shape) + 0.5
    kept = torch.autograd.grad((seen * weights).sum(), levels)[0].ne(0).any(1).float().mean((1, 2))
    counts = np.bincount(some.labels, minlength=len(data.classes))
    return Strength(_by_class(kept, labels, counts), _by_class(change, labels, counts), tuple(counts.tolist()))


@lru_cache(maxsize=1)
def _moments(split: Split) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the training images' moments; the next arm of the same worker asks for the same, which may take long."""
    return channel_moments(split)


def _seen(
    levels: Tensor, labels: Tensor, recipe: Recipe, seed: int, n_classes: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Return what the network sees of each image; its left neighbour's part in that is left out of the gradient."""
    n = len(labels)
    draws = {
        knob: torch.from_numpy(uniforms(seed, knob, 0, n, count))
        for knob, count in augment.DRAWS.items()
        if not is_off(getattr(recipe, knob))
    }
    images = augment.shown(levels, labels, recipe, draws, n_classes, lambda images: (images - mean) / std)
    pairs = torch.stack([images.detach().roll(1, 0), images], dim=1).flatten(0, 1)
    pair_labels = torch.stack([labels.roll(1, 0), labels], dim=1).flatten()
    twice = {knob: numbers.repeat_interleave(2, dim=0) for knob, numbers in draws.items()}
    return augment.mixed(pairs, pair_labels, recipe, twice, n_classes)[0][1::2]


def _by_class(numbers: Tensor, labels: Tensor, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[float, ...]:
    sums = np.bincount(labels.numpy(), weights=numbers.double().numpy(), minlength=len(counts))
    return tuple((sums / np.where(counts, counts, np.nan)).tolist())
