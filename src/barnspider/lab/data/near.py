"""Photographs that are nearly alike: one picture that was scaled, compressed or brightened again.

Each is made a thumbnail of at most 16x16 pixels, each channel less its mean, of length 1: two are alike when the
correlation is above `ALIKE`. Pairs are looked for along the 16 directions in which the thumbnails differ most: a
projection brings nothing further apart, so none is lost there. Every image is compared with all that are near it along
the first: a tree would have to visit most of its leaves, and is ten times slower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import InputError
from barnspider.lab.data.marks import PARTS, Marks, Watch, pieces
from barnspider.lab.data.parts import Dataset

ALIKE = 0.98
"""Correlation of thumbnails; `docs/data.md` says what it finds, and how often it is wrong."""

SIDE, AXES, SAMPLE, BLOCK = 16, 16, 4096, 1024

NEIGHBOURS = 8
"""The most pictures that one is compared with: what is alike a thousand times is found with some of them."""

Thumbnails = NDArray[np.float32]


def thumbnails(images: NDArray[np.uint8]) -> Thumbnails:
    """UInt8[N, H, W, C] -> Float32[N, K] of length 1, or 0 for an image of one colour.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(200, size=(1, 32, 32, 3), dtype=np.uint8)
    >>> one, brighter = thumbnails(images), thumbnails(images + 50)
    >>> round(float((one * brighter).sum()), 3)
    1.0
    """
    n, height, width, _ = images.shape
    edges = [np.arange(min(SIDE, side)) * side // min(SIDE, side) for side in (height, width)]
    sums = np.add.reduceat(np.add.reduceat(images.astype(np.float32), edges[0], axis=1), edges[1], axis=2)
    areas = np.outer(*(np.diff(edge, append=side) for edge, side in zip(edges, (height, width), strict=True)))
    mean = sums / areas[:, :, None].astype(np.float32)
    flat = (mean - mean.mean(axis=(1, 2), keepdims=True)).reshape(n, -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.maximum(length, 1e-3)


def near_pairs(data: Dataset, looked: dict[str, Marks], watch: Watch | None = None) -> NDArray[np.int64]:
    """Return Int64[P, 2]: pairs of images that are nearly, but not exactly, alike; the earlier one first.

    Rows count through train, validation and test. Of exact copies within a part the first stands for all.

    Raises
    ------
    InputError
        When the images are grey: drawings and digits are too alike for this.
    """
    if data.shape[0] == 1:
        raise InputError("near copies are looked for among colour photographs; grey drawings are too much alike")
    rows = _worth_it(looked)
    pairs = _close(
        _projected(data, _axes(data), watch)[rows], watch, 2 * sum(len(own.group) for own in looked.values())
    )
    pairs = np.sort(rows[pairs], axis=1)
    group = np.concatenate([looked[part].group for part in PARTS])
    pairs = np.unique(pairs[group[pairs[:, 0]] != group[pairs[:, 1]]], axis=0)
    return pairs[_alike(data, pairs)]


def _close(points: Thumbnails, watch: Watch | None, before: int) -> NDArray[np.int64]:
    """Return Int64[P, 2]: pairs of points that are within reach of one another."""
    # |a - b|^2 = 2 - 2 correlation, for thumbnails have length 1.
    square = 2 - 2 * ALIKE
    order = np.argsort(points[:, -1], kind="stable")
    ordered = np.ascontiguousarray(points[order])
    half = (ordered * ordered).sum(axis=1) / 2
    ends = np.searchsorted(ordered[:, -1], ordered[:, -1] + np.float32(np.sqrt(square)), side="right")
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(ordered), BLOCK):
        own = slice(start, min(start + BLOCK, len(ordered)))
        for first in range(start, int(ends[own].max()), 16 * BLOCK):
            other = slice(first, min(first + 16 * BLOCK, int(ends[own].max())))
            # a b >= (|a|^2 + |b|^2 - reach^2) / 2
            near = ordered[own] @ ordered[other].T - half[other] >= half[own, None] - square / 2
            found.append(_some(near) + np.array([start, first]))
        if watch:
            watch(before + own.stop)
    pairs = np.concatenate(found)
    return order[pairs[pairs[:, 0] < pairs[:, 1]]]


def _some(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return Int64[P, 2]: where it is true; not everywhere where it is true for more than is of use."""
    if near.sum() > 2 * NEIGHBOURS * len(near):
        near &= near.cumsum(axis=1) <= NEIGHBOURS
    return np.argwhere(near)


def _worth_it(looked: dict[str, Marks]) -> NDArray[np.int64]:
    """Return the rows of images that show something, without copies within a part."""
    start, rows = 0, list[NDArray[np.int64]]()
    for part in PARTS:
        first = np.unique(looked[part].group, return_index=True)[1]
        rows.append(start + np.sort(first[~looked[part].blank[first]]))
        start += len(looked[part].group)
    return np.concatenate(rows)


def _axes(data: Dataset) -> Thumbnails:
    """Return Float32[K, 16]: the directions in which thumbnails of training images differ most."""
    rows = np.unique(np.linspace(0, len(data.train) - 1, SAMPLE).astype(np.int64))
    sample = thumbnails(data.train.read(rows))
    return np.linalg.eigh(sample.T @ sample)[1][:, -AXES:]


def _projected(data: Dataset, axes: Thumbnails, watch: Watch | None) -> Thumbnails:
    total = sum(len(getattr(data, part)) for part in PARTS)
    found, done = np.empty((total, axes.shape[1]), np.float32), 0
    for part in PARTS:
        for images in pieces(getattr(data, part)):
            found[done : done + len(images)] = thumbnails(images) @ axes
            done += len(images)
            if watch:
                watch(total + done)
    return found


def _alike(data: Dataset, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs are alike in whole, not only along the axes."""
    ends = np.cumsum([0, *(len(getattr(data, part)) for part in PARTS)])
    found = np.empty(len(pairs), np.bool_)
    for start in range(0, len(pairs), SAMPLE):
        some = pairs[start : start + SAMPLE]
        one, other = (thumbnails(_read(data, ends, some[:, side])) for side in (0, 1))
        found[start : start + SAMPLE] = (one * other).sum(axis=1) > ALIKE
    return found


def _read(data: Dataset, ends: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return images by rows that count through all parts."""
    images = np.empty((len(rows), *data.train.pixels.shape[1:]), np.uint8)
    for i, part in enumerate(PARTS):
        own = (ends[i] <= rows) & (rows < ends[i + 1])
        images[own] = getattr(data, part).read(rows[own] - ends[i])
    return images
