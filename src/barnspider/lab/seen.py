"""What the network sees of single training images: the very pixels of a run's first epoch, as grey levels.

An image's random numbers are keyed by (seed, knob, epoch, image), so they are looked up, not drawn in turn: two doses
of one seed show the same centres of crops, angles and neighbours, only larger or smaller.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barnspider.lab import augment
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.material import FAR, channel_moments, levels_of
from barnspider.lab.random import order, uniforms
from barnspider.lab.recipe import Recipe, is_off

SOME = 4096
"""Images from which the mean colour is taken where all of them would have to be read from a disk."""

Rows = NDArray[np.integer[Any]]


def changes_images(knob: str) -> bool:
    """Return whether what a sweep varies changes what the network sees.

    Examples
    --------
    >>> changes_images("crop"), changes_images("mixup"), changes_images("weight_decay"), changes_images("epochs")
    (True, True, False, False)
    """
    return knob in augment.DRAWS


def trained_on(recipe: Recipe, data: Dataset) -> Split:
    """Return the images that a recipe trains on; rows below are rows of this."""
    return _chosen(data, recipe.train_images, recipe.split_seed)


def seen(recipe: Recipe, data: Dataset, rows: Rows, seed: int) -> NDArray[np.uint8]:
    """Return these training images as a run of this recipe and seed sees them in its first epoch.

    Everything that is on in the recipe acts on them. An image that is mixed is mixed with its neighbour in the run's
    own batch. Only these images, and such neighbours, are read.

    Parameters
    ----------
    rows
        Int[n], of the images that the recipe trains on: see `trained_on`.

    Returns
    -------
    UInt8[n, H, W, C]
        Rounded to whole grey levels; the very images where every knob is off.

    Raises
    ------
    InputError
        When the recipe does not fit the data.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> digits, rows = load("digits"), np.arange(3)
    >>> recipes = Recipe("digits"), Recipe("digits", crop=0.5)
    >>> [bool((seen(recipe, digits, rows, seed=0) == digits.train.read(rows)).all()) for recipe in recipes]
    [True, False]
    """
    recipe.check_channels(data.shape[0])
    split = trained_on(recipe, data)
    beside = _beside(recipe, len(split), rows, seed)
    flat, n_classes = beside.ravel(), len(data.classes)
    levels, labels = levels_of(torch.from_numpy(split.read(flat))), torch.tensor(split.labels[flat])
    draws, mean = _draws(recipe, flat, seed), _mean_colour(recipe, split)
    images = augment.shown(levels, labels, recipe, draws, n_classes, lambda changed: changed - mean)
    # Beside one another stand an image's neighbours and itself, so the last of each group is mixed as in its batch.
    images = augment.mixed(images, labels, recipe, draws, n_classes)[0][beside.shape[1] - 1 :: beside.shape[1]]
    return (images + mean).round().clamp(0, 255).permute(0, 2, 3, 1).to(torch.uint8).numpy()


def _beside(recipe: Recipe, count: int, rows: Rows, seed: int) -> NDArray[np.int64]:
    """Return Int[n, 1 + steps]: each image after its left neighbours in its batch, one for each step of mixing."""
    reach = sum(not is_off(getattr(recipe, step.knob)) for step in augment.MIXING)
    batches = np.array_split(order(seed, 0, count), -(-count // recipe.batch))
    ends = np.cumsum([len(batch) for batch in batches])
    places = np.argsort(np.concatenate(batches), kind="stable")[rows]
    own = np.searchsorted(ends, places, side="right")
    within = places - ends[own] + np.array([len(batches[b]) for b in own])
    return np.array(
        [
            [batches[b][(i - j) % len(batches[b])] for j in range(reach, -1, -1)]
            for b, i in zip(own, within, strict=True)
        ]
    )


def _draws(recipe: Recipe, rows: Rows, seed: int) -> dict[str, Tensor]:
    """Return these images' uniform numbers of the first epoch, for every knob that is on."""
    count = int(rows.max()) + 1
    return {
        knob: torch.from_numpy(uniforms(seed, knob, 0, count, each)[rows])
        for knob, each in augment.DRAWS.items()
        if not is_off(getattr(recipe, knob))
    }


def _mean_colour(recipe: Recipe, split: Split) -> Tensor:
    """Return Float32[C, 1, 1]: what erased parts are filled with; 0 where nothing is erased, to keep every bit."""
    erases = any(not is_off(getattr(recipe, step.knob)) for step in augment.ERASING)
    mean = _mean(split) if erases else np.zeros(split.pixels.shape[3], np.float32)
    return torch.from_numpy(mean)[:, None, None]


@lru_cache(maxsize=1)
def _chosen(data: Dataset, count: int, split_seed: int) -> Split:
    return balanced(data.train, count, split_seed)


@lru_cache(maxsize=1)
def _mean(split: Split) -> NDArray[np.float32]:
    """Return each channel's mean grey level; of a large memory map, that of some images from all over it."""
    if isinstance(split.pixels, np.memmap) and split.pixels.nbytes >= FAR:
        split = split.take(np.arange(SOME) * len(split) // SOME)
    return channel_moments(split)[0]
