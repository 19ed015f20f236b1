"""One look at every image of a data set, in pieces: which ones are the same, which ones show nothing.

What is kept of an image is 17 bytes, so that a memory map of millions is examined within little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.lab.data.parts import Dataset, Split

PARTS = ("train", "validation", "test")

_AT_ONCE = 16_000_000
"""Bytes of pixels that are read together."""

Watch = Callable[[int], object]
"""Is told, now and then, how many images have been looked at."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What one look at the images of a part tells.

    Attributes
    ----------
    group : Int64[N], 0 to G - 1; equal for images whose pixels are all alike, in whatever part they stand
    blank : Bool[N], whether all pixels of an image have one colour
    """

    group: NDArray[np.int64]
    blank: NDArray[np.bool_]


def marks(data: Dataset, watch: Watch | None = None) -> dict[str, Marks]:
    """Look at every image of the three parts, once.

    Pixels are compared by a hash of 128 bits: that two of a billion different images share one has a chance below
    10^-20.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> found = marks(load("digits"))
    >>> len(np.unique(found["train"].group)), int(found["test"].blank.sum())
    (897, 0)
    """
    splits = {part: getattr(data, part) for part in PARTS}
    total = sum(map(len, splits.values()))
    digest, blank = np.empty((total, 2), np.uint64), np.empty(total, np.bool_)
    done = 0
    for split in splits.values():
        for images in pieces(split):
            own = slice(done, done := done + len(images))
            digest[own] = _digests(images)
            blank[own] = (images == images[:, :1, :1]).all(axis=(1, 2, 3))
            if watch:
                watch(done)
    ends = np.cumsum([len(split) for split in splits.values()])[:-1]
    groups = zip(np.split(_groups(digest), ends), np.split(blank, ends), strict=True)
    return {part: Marks(*own) for part, own in zip(splits, groups, strict=True)}


def pieces(split: Split) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of a part, some megabytes of them at a time."""
    size = int(np.prod(split.pixels.shape[1:]))
    step = max(1, _AT_ONCE // size)
    for start in range(0, len(split), step):
        yield split.read(np.arange(start, min(start + step, len(split))))


def _digests(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    hashed = b"".join(hashlib.blake2b(image.data, digest_size=16).digest() for image in images)
    return np.frombuffer(hashed, np.uint64).reshape(-1, 2)


def _groups(digest: NDArray[np.uint64]) -> NDArray[np.int64]:
    """UInt64[N, 2] -> Int64[N]: equal numbers for equal rows."""
    order = np.lexsort((digest[:, 1], digest[:, 0]))
    ordered = digest[order]
    group = np.zeros(len(digest), np.int64)
    group[order[1:]] = (ordered[1:] != ordered[:-1]).any(axis=1).cumsum()
    return group


def first_rows(group: NDArray[np.int64], several: int) -> NDArray[np.int64]:
    """Return Int64[several]: the first row of every group in a part, or -1 where it has none."""
    first = np.full(several, -1)
    # Backwards, for of several rows the last one that is written stays.
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first
