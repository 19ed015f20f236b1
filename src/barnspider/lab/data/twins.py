"""Images that stand in two parts of a data set: what a network remembers from training, it need not understand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from barnspider.errors import listing
from barnspider.lab.data.parts import Dataset, Split

_AT_ONCE = 1024


@dataclass(frozen=True)
class Twin:
    """An image whose pixels stand, every one alike, in an earlier part (train, validation, test).

    Attributes
    ----------
    part, sample, label : of the later image
    first_part, first_sample, first_label : of the first one with these pixels
    """

    part: str
    sample: str
    label: str
    first_part: str
    first_sample: str
    first_label: str

    def __str__(self) -> str:
        later, first = f"{self.part}, {self.label}", f"{self.first_part}, {self.first_label}"
        return f"{self.sample} ({later}) is {self.first_sample} ({first})"


def twins(data: Dataset) -> tuple[Twin, ...]:
    """Return every validation and test image that is an exact copy of an image in an earlier part.

    Copies within one part are not counted. Pixels are compared by a hash of 128 bits: 60,000 images of 28x28 pixels
    take a fraction of a second; a memory map is read in pieces.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> twins(load("digits"))
    ()
    """
    first: dict[bytes, tuple[str, Split, int]] = {}
    found: list[Twin] = []
    for part, split in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        own = _hashes(split)
        for row, pixels in enumerate(own):
            if pixels in first:
                found.append(_twin(data.classes, (part, split, row), first[pixels]))
        # Only now, so that copies within a part are not found.
        first = {pixels: (part, split, row) for row, pixels in enumerate(own)} | first
    return tuple(found)


def told(found: tuple[Twin, ...], data: Dataset, most: int = 5) -> str:
    """Say in words what `twins` found.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> told((), load("digits"))
    'no image stands in two parts'
    """
    if not found:
        return "no image stands in two parts"
    tested = sum(twin.part == "test" for twin in found)
    others = sum(twin.label != twin.first_label for twin in found)
    return (
        f"{tested} of {len(data.test)} test images and {len(found) - tested} of {len(data.validation)} validation"
        f" images are exact copies of images in an earlier part, {others} of them under another label:"
        f" {listing(found, most)}; a network may remember them, so leave them out or say so"
    )


def _hashes(split: Split) -> list[bytes]:
    found: list[bytes] = []
    for rows in np.array_split(np.arange(len(split)), -(-len(split) // _AT_ONCE)):
        found += [hashlib.blake2b(image.data, digest_size=16).digest() for image in split.read(rows)]
    return found


def _twin(classes: tuple[str, ...], later: tuple[str, Split, int], first: tuple[str, Split, int]) -> Twin:
    (part, split, row), (first_part, first_split, first_row) = later, first
    return Twin(part, *_named(classes, split, row), first_part, *_named(classes, first_split, first_row))


def _named(classes: tuple[str, ...], split: Split, row: int) -> tuple[str, str]:
    place = row if split.rows is None else int(split.rows[row])
    return str(split.ids[place]), classes[int(split.labels[row])]
