"""Images in three parts that share none, and how parts are split: stratified, by a seed of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError, InputError
from barnspider.lab.random import shuffled

VALIDATION = 5_000
"""Images split from the training set for validation, but never more than a tenth of it."""

_COLUMNS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Images of one part of a data set.

    In memory, a split holds its own images. Of a packed set, every split holds the same memory map, which all
    processes share, and says which of its rows are its own: `images` then copies them, `read` only those asked for.

    Attributes
    ----------
    pixels : UInt8[M, H, W, C]
        What the images are rows of; an array or a memory map.
    labels : Int64[N]
    ids : Str[M]
        Ids that stay with an image whatever the split.
    rows : Int64[N] | None
        Which rows of `pixels` and `ids` are this part's; None means all of them.

    Examples
    --------
    >>> split = Split(np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 0]), np.array(["a", "b", "c"]))
    >>> split.take(np.array([2, 0])).sample.tolist(), split.read(np.array([1])).shape
    (['c', 'a'], (1, 8, 8, 1))
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    rows: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for array in (self.pixels, self.labels, self.ids):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def images(self) -> NDArray[np.uint8]:
        """UInt8[N, H, W, C]: the images; a copy when they are some rows of a memory map."""
        return self.pixels if self.rows is None else self.pixels[self.rows]

    @property
    def sample(self) -> NDArray[np.str_]:
        """Str[N]: the ids of the images."""
        return self.ids if self.rows is None else self.ids[self.rows]

    def read(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Return a copy of these images, in this order: what a batch needs of a memory map, and no more."""
        return self.pixels[rows if self.rows is None else self.rows[rows]]

    def take(self, rows: NDArray[np.integer[Any]]) -> Split:
        """Return the images in these rows, in this order; of a memory map, without reading any."""
        if isinstance(self.pixels, np.memmap):
            own = rows.astype(np.int64) if self.rows is None else self.rows[rows]
            return Split(self.pixels, self.labels[rows], self.ids, own)
        return Split(self.pixels[rows], self.labels[rows], self.ids[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three parts that share no image, and what their labels mean.

    Attributes
    ----------
    fingerprint
        SHA-256 over class names and each part's images, labels and ids: what a study was really about.
    undecoded
        Images that were left out because they cannot be decoded, and why.
    """

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    train: Split
    validation: Split
    test: Split
    undecoded: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image, as networks count."""
        _, height, width, channels = self.train.pixels.shape
        return channels, height, width


def balanced(split: Split, count: int, seed: int) -> Split:
    """Return `count` images of a split, as many of each class as of the others as far as possible; 0 returns all.

    Raises
    ------
    InputError
        When the split has fewer images.
    """
    if not 0 <= count <= len(split):
        raise InputError(f"train_images={count}; expected at most {len(split)}, the number of training images (0: all)")
    if count in (0, len(split)):
        return split
    place, _ = place_in_class(split.labels, seed, "subset")
    return split.take(np.sort(np.lexsort((split.labels, place))[:count]))


def parted(whole: Split, count: int, seed: int, purpose: str) -> tuple[Split, Split]:
    """Take `count` images out, every class in proportion; both parts keep the order of the whole."""
    place, size = place_in_class(whole.labels, seed, purpose)
    # (place + 1/2) / size spreads every class evenly over 0 to 1, so a cut anywhere is stratified.
    taken = np.lexsort((whole.labels, (place + 0.5) / size))[:count]
    mask = np.zeros(len(whole), dtype=bool)
    mask[taken] = True
    return whole.take(np.flatnonzero(~mask)), whole.take(np.flatnonzero(mask))


def completed(
    name: str, classes: tuple[str, ...], parts: Mapping[str, Split], split_seed: int, content: str = ""
) -> Dataset:
    """Return a data set of "train" and, where they are given, "validation" and "test".

    A missing test part is a fifth of the training images; a missing validation part a tenth of what is left, at most
    `VALIDATION`. `content` is the SHA-256 of a packed set's images; without it the images themselves are hashed.

    Raises
    ------
    DataError
        When a part is empty, or its images are of another shape than the training images.
    """
    train, test, validation = parts["train"], parts.get("test"), parts.get("validation")
    if test is None:
        train, test = parted(train, len(train) // 5, split_seed, "test")
    if validation is None:
        train, validation = parted(train, min(VALIDATION, len(train) // 10), split_seed, "validation")
    return dataset(name, classes, train, validation, test, content)


def dataset(
    name: str, classes: tuple[str, ...], train: Split, validation: Split, test: Split, content: str = ""
) -> Dataset:
    """Put three parts together under their fingerprint; see `completed`."""
    for number, label in enumerate(classes):
        if any("\ud800" <= letter <= "\udfff" for letter in label):
            raise DataError(
                f"dataset={name!r}: the name of class {number}, {label!r}, is no Unicode text: a folder that was named"
                " in another encoding? Expected names in UTF-8; rename it"
            )
    parts = (train, validation, test)
    for part, split in zip(_COLUMNS, parts, strict=True):
        if not len(split):
            raise DataError(
                f"dataset={name!r} has no {part} images; expected at least 12 images to split (10 beside test images)"
            )
        if split.pixels.shape[1:] != train.pixels.shape[1:]:
            raise DataError(
                f"dataset={name!r}: {part} images are {split.pixels.shape[1:]}, train {train.pixels.shape[1:]}"
            )
    shape = (len(train), *train.pixels.shape[1:])
    digest = hashlib.sha256(repr((classes, shape, content) if content else (classes, shape)).encode())
    for split in parts:
        if not content:
            digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).data)
        digest.update(np.ascontiguousarray(split.sample).data)
    return Dataset(name, classes, digest.hexdigest(), train, validation, test)


def ids(prefix: str, count: int) -> NDArray[np.str_]:
    """Return ids for images that are known by their place.

    Examples
    --------
    >>> ids("test", 2).tolist()
    ['test-00000', 'test-00001']
    """
    return np.array([f"{prefix}-{i:05d}" for i in range(count)], dtype=np.str_)


def place_in_class(labels: NDArray[np.int64], seed: int, purpose: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each image's place in a shuffled queue of its class, and the length of that queue."""
    place, size = np.zeros_like(labels), np.ones_like(labels)
    # Sorted once: to look for each of 10,000 classes among a million labels would take a minute.
    ordered = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[ordered], prepend=-1))
    for members in np.split(ordered, starts)[1:]:
        label = int(labels[members[0]])
        place[members[shuffled(len(members), seed, f"split/{purpose}/{label}")]] = np.arange(len(members))
        size[members] = len(members)
    return place, size
