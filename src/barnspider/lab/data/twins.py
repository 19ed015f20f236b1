"""Images that stand in two parts of a data set: what a network remembers from training, it need not understand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import listing
from barnspider.lab.data.marks import first_rows, marks
from barnspider.lab.data.parts import Dataset, Split


@dataclass(frozen=True)
class Twin:
    """An image whose pixels stand, every one alike, in an earlier place.

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

    Copies within one part are not counted (`examine` counts them). 70,000 images of 28x28 pixels take a fraction of a
    second; a memory map is read in pieces.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> twins(load("digits"))
    ()
    """
    groups = {part: own.group for part, own in marks(data).items()}
    several = 1 + max(int(group.max()) for group in groups.values())
    found: list[Twin] = []
    before: list[tuple[str, NDArray[np.int64]]] = []
    for part, group in groups.items():
        for row in np.flatnonzero(np.any([first[group] >= 0 for _, first in before], axis=0)).tolist():
            earlier, first = next((other, int(rows[group[row]])) for other, rows in before if rows[group[row]] >= 0)
            found.append(twin(data, (part, row), (earlier, first)))
        before.append((part, first_rows(group, several)))
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


def twin(data: Dataset, later: tuple[str, int], first: tuple[str, int]) -> Twin:
    """Return two images, each known by its part and row, as a `Twin`."""
    return Twin(later[0], *named(data, *later), first[0], *named(data, *first))


def named(data: Dataset, part: str, row: int) -> tuple[str, str]:
    """Return the id of an image, and its class."""
    split: Split = getattr(data, part)
    place = row if split.rows is None else int(split.rows[row])
    return str(split.ids[place]), data.classes[int(split.labels[row])]
