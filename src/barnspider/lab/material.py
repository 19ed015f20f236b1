"""Training images on their way into a network: gathered, augmented and normalized, a whole batch at a time.

A small set lives on the device as bytes. Of one that does not fit, or that is a large memory map, batches are read
ahead while the device computes. What is drawn depends on (seed, purpose, epoch, sample) alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barnspider.lab import augment, drops
from barnspider.lab.ahead import ahead
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.random import order, uniforms
from barnspider.lab.recipe import Recipe, is_off

RESIDENT = 0.25
"""The largest share of a device's memory that training images may fill."""

FAR = 1 << 28
"""Bytes from which on a memory map is taken to be on the disk, not in the system's memory."""

VAST = 1 << 32
SOME = 1 << 14
"""Of a set of more than `VAST` bytes, the moments are those of so many images."""

_AUGMENTED_PIXELS = 1 << 18

MORE_ON_GPU = 16
"""So many times more pixels at once on a GPU, which starts a kernel no faster than it changes a million pixels."""

_PIECE = 1 << 26
_LEVELS = 1 << 21


class Batch(NamedTuple):
    """One step's images, Float[N, C, H, W]; labels, Int64[N], or targets, Float[N, classes]; and uniform numbers.

    `classes` are the labels; where classes are weighed and images mixed, shares of each: Float[N, classes].
    """

    images: Tensor
    targets: Tensor
    draws: Mapping[str, Tensor]
    classes: Tensor


@dataclass(frozen=True, eq=False)
class Material:
    """The training images, their labels on the device, Int64[N], and how their grey levels are normalized."""

    split: Split
    resident: Tensor | None
    labels: Tensor
    mean: Tensor
    std: Tensor
    n_classes: int

    @classmethod
    def of(cls, data: Dataset, recipe: Recipe, device: str) -> Material:
        """Lay out the images that a recipe trains on.

        Raises
        ------
        InputError
            When the recipe asks for more images than there are.
        """
        split, mean, std = _chosen(data, recipe.train_images, recipe.split_seed)
        return cls(
            split,
            _resident(split, device),
            torch.tensor(split.labels).to(device),
            torch.from_numpy(mean).to(device)[:, None, None],
            torch.from_numpy(std).to(device)[:, None, None],
            len(data.classes),
        )

    def steps(self, recipe: Recipe) -> int:
        """Return the number of steps of an epoch."""
        return -(-len(self.labels) // recipe.batch)

    def batches(self, recipe: Recipe, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Yield every training image once, in batches whose sizes differ by at most one; leave out the `first` few.

        Several small batches are augmented in one go: for tiny images the calls cost more than the arithmetic.
        """
        rows = self._order(seed, epoch).tensor_split(self.steps(recipe))
        pixels = _AUGMENTED_PIXELS * (MORE_ON_GPU if self.labels.is_cuda else 1)
        together = max(1, pixels // (recipe.batch * self.split.pixels[0].size))
        groups = [rows[i : i + together] for i in range(first // together * together, len(rows), together)]
        yield from islice(self._batches(recipe, groups, self._draws(recipe, seed, epoch)), first % together, None)

    def _order(self, seed: int, epoch: int) -> Tensor:
        """Return the images' order in this epoch, Int64[n], where the images are."""
        rows = torch.from_numpy(order(seed, epoch, len(self.labels)))
        return rows if self.resident is None else rows.to(self.resident.device)

    def _batches(
        self, recipe: Recipe, groups: list[tuple[Tensor, ...]], draws: Mapping[str, Tensor]
    ) -> Iterator[Batch]:
        joined = [torch.cat(group) for group in groups]
        gathered = ahead(self.gather, joined) if self._waits else map(self.gather, joined)
        for group, rows, pixels in zip(groups, joined, gathered, strict=True):
            images = self._augmented(recipe, pixels, rows.to(pixels.device), draws).split([len(b) for b in group])
            for part, own_rows in zip(images, group, strict=True):
                place = own_rows.to(pixels.device)
                own = {knob: numbers[place] for knob, numbers in draws.items()}
                asked = (part, self.labels[place], recipe, own, self.n_classes)
                classes = augment.classes_of(*asked) if recipe.class_weights else self.labels[place]
                yield Batch(*augment.mixed(*asked), own, classes)

    @property
    def _waits(self) -> bool:
        """Whether a batch's bytes must be waited for: they are on a disk, or far from the device."""
        pixels = self.split.pixels
        mapped = isinstance(pixels, np.memmap) and pixels.nbytes >= FAR
        return self.resident is None and (mapped or self.labels.device.type != "cpu")

    def some(self) -> Tensor:
        """Return normalized images from all over the set, as many as have two million grey levels together."""
        count = min(len(self.labels), max(1, _LEVELS // self.split.pixels[0].size))
        rows = torch.arange(count) * len(self.labels) // count
        return self.normalize(levels_of(self.gather(rows)))

    def gather(self, rows: Tensor) -> Tensor:
        """Return the bytes of these images on the device: UInt8[n, H, W, C]."""
        if self.resident is not None:
            return self.resident[rows.to(self.resident.device)]
        return torch.from_numpy(self.split.read(rows.numpy())).to(self.labels.device)

    def _draws(self, recipe: Recipe, seed: int, epoch: int) -> dict[str, Tensor]:
        """Return an epoch's uniform numbers for every knob that is on: Float32[N, k], a row for each training image."""
        return {
            knob: torch.from_numpy(uniforms(seed, knob, epoch, len(self.labels), count)).to(self.labels.device)
            for knob, count in (augment.DRAWS | drops.KNOBS).items()
            if not is_off(getattr(recipe, knob))
        }

    def _augmented(self, recipe: Recipe, pixels: Tensor, rows: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        own = {knob: numbers[rows] for knob, numbers in draws.items()}
        images = augment.shown(levels_of(pixels), self.labels[rows], recipe, own, self.n_classes, self.normalize)
        return images.contiguous(memory_format=torch.channels_last)

    def normalize(self, levels: Tensor) -> Tensor:
        """Return grey levels, Float[N, C, H, W], with the training images' mean 0 and variance 1 in each channel."""
        return (levels - self.mean) / self.std


@lru_cache(maxsize=1)
def _chosen(data: Dataset, count: int, seed: int) -> tuple[Split, NDArray[np.float32], NDArray[np.float32]]:
    """Return the images to train on and their moments; the next run of the same worker wants the same."""
    split = balanced(data.train, count, seed)
    return split, *channel_moments(split)


def _resident(split: Split, device: str) -> Tensor | None:
    """Return all images on the device, when there is room; the main memory has them already."""
    size = len(split) * split.pixels[0].size
    if not device.startswith("cuda") or size > RESIDENT * torch.cuda.get_device_properties(device).total_memory:
        return None
    return torch.tensor(split.images).to(device)


def levels_of(images: Tensor) -> Tensor:
    """UInt8[N, H, W, C] -> Float32[N, C, H, W], grey levels 0 to 255, the channels innermost in memory.

    Examples
    --------
    >>> levels_of(torch.zeros(2, 28, 20, 3, dtype=torch.uint8)).shape
    torch.Size([2, 3, 28, 20])
    """
    return images.permute(0, 3, 1, 2).float()


def pieces(split: Split, pixels: int) -> Iterator[NDArray[np.uint8]]:
    """Yield a split's images in order, UInt8[n, H, W, C], in pieces of about so many pixels.

    Examples
    --------
    >>> split = Split(np.zeros((5, 8, 8, 1), np.uint8), np.zeros(5, np.int64), np.array(list("abcde")))
    >>> [len(piece) for piece in pieces(split, pixels=150)]
    [2, 2, 1]
    """
    size = max(1, pixels // split.pixels[0].size)
    for start in range(0, len(split), size):
        yield split.read(np.arange(start, min(start + size, len(split))))


def channel_moments(split: Split) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each channel's grey levels, exactly: Float32[C] twice.

    Of more than four gigabytes of images, those of 16,384 from all over the set: reading all of ImageNet for two
    numbers takes half an hour.

    Examples
    --------
    >>> images = np.array([0, 255], dtype=np.uint8).reshape(2, 1, 1, 1)
    >>> mean, std = channel_moments(Split(images, np.array([0, 1]), np.array(["a", "b"])))
    >>> mean.tolist(), std.tolist()
    ([127.5], [127.5])
    """
    if len(split) * split.pixels[0].size > VAST:
        split = split.take(np.arange(SOME) * len(split) // SOME)
    levels = np.arange(256.0)
    counts = sum(
        np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[3])])
        for images in pieces(split, _PIECE)
    )
    share = counts / np.sum(counts, axis=1, keepdims=True)
    mean = share @ levels
    std = np.sqrt((share * (levels - mean[:, None]) ** 2).sum(1))
    return mean.astype(np.float32), np.maximum(std, 1.0).astype(np.float32)
