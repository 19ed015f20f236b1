"""examine(data) -> Checkup: what a data set holds, and what of it would mislead a study, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from barnspider.errors import listing
from barnspider.finding import Finding, told
from barnspider.lab.data import findings
from barnspider.lab.data.findings import Part
from barnspider.lab.data.marks import PARTS, Watch, marks
from barnspider.lab.data.near import near_pairs
from barnspider.lab.data.parts import Dataset, Split
from barnspider.words import counted, text_table


@dataclass(frozen=True)
class Checkup:
    """What `examine` found.

    Attributes
    ----------
    shape : (C, H, W) of every image
    size : bytes that all images take, decoded
    packed : the memory map that holds them; empty when they are in memory
    parts : train, validation, test
    findings : what a person should know; first what is wrong
    """

    name: str
    fingerprint: str
    classes: tuple[str, ...] = field(repr=False)
    shape: tuple[int, int, int]
    size: int
    packed: str
    parts: tuple[Part, ...] = field(repr=False)
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing was found that would bias a study."""
        return not any(finding.wrong for finding in self.findings)

    def __str__(self) -> str:
        well = "Nothing was found that would bias a study."
        found = told(self.findings, "Wrong, for it would bias a study:", well)
        return "\n".join([self._what_it_is(), "", self._table(), "", *found])

    def _what_it_is(self) -> str:
        channels, height, width = self.shape
        images = counted(sum(part.images for part in self.parts), "image")
        kind = "grey" if channels == 1 else "colour"
        where = f"packed in {self.packed}" if self.packed else "in memory"
        classes = counted(len(self.classes), "class")
        what = f"{images} in {kind} of {height}x{width} pixels, {classes}"
        return f"{listing([self.name])}: {what}; {said_size(self.size)}, {where}"

    def _table(self) -> str:
        head = ["part", "images", "smallest class", "median", "largest class"]
        return text_table(head, [_row(part, self.classes) for part in self.parts])


def said_size(size: float) -> str:
    """Return a number of bytes as people say it.

    Examples
    --------
    >>> said_size(512), said_size(115_008), said_size(2.7e8), said_size(1.5e13)
    ('512 bytes', '115 kB', '270 MB', '15 TB')
    """
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size / 1000:.3g} TB"


def examine(
    data: Dataset, *, near: bool = False, most: int | None = 5, refuse: bool = True, watch: Watch | None = None
) -> Checkup:
    """Look at every image of a data set, once, and say what would mislead a study.

    Parameters
    ----------
    near
        Look also for photographs that are nearly alike: scaled, compressed or brightened again. Takes a second look.
    most
        How many images or classes a finding names; None names all.
    refuse
        Whether a study would stop at images that cannot be decoded; otherwise it goes on without them.
    watch
        Is told now and then how many images have been looked at; with `near`, each counts three times.

    Raises
    ------
    InputError
        When near copies are asked for among grey images.

    Examples
    --------
    >>> from barnspider.lab.data import load
    >>> print(examine(load("digits")))
    digits: 1,797 images in grey of 8x8 pixels, 10 classes; 115 kB, in memory
    <BLANKLINE>
    part        images  smallest class  median  largest class
    train          897          87 (8)      90         91 (1)
    validation     300          29 (8)      30         31 (3)
    test           600          58 (8)      60         61 (1)
    <BLANKLINE>
    Nothing was found that would bias a study.
    """
    looked = marks(data, watch)
    splits = [(part, getattr(data, part)) for part in PARTS]
    parts = tuple(Part(part, len(split), _per_class(split, len(data.classes))) for part, split in splits)
    found = (
        *findings.copies(data, looked, most),
        *(findings.near(data, near_pairs(data, looked, watch), most) if near else ()),
        *findings.labels(data, looked, most),
        *findings.undecoded(data, refuse, most),
        *findings.spellings(data.classes, most),
        *findings.few(parts, data.classes, most),
        *findings.uneven(parts[0], data.classes),
        *findings.blank(data, looked, most),
    )
    pixels = data.train.pixels
    return Checkup(
        data.name,
        data.fingerprint,
        data.classes,
        data.shape,
        sum(part.images for part in parts) * int(np.prod(pixels.shape[1:])),
        str(pixels.filename) if isinstance(pixels, np.memmap) else "",
        parts,
        tuple(sorted(found, key=lambda finding: not finding.wrong)),
    )


def _per_class(split: Split, n_classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(split.labels, minlength=n_classes).tolist())


def _row(part: Part, classes: Sequence[str]) -> list[str]:
    count = np.array(part.per_class)
    low, high = int(count.argmin()), int(count.argmax())
    names = ("", "") if count[low] == count[high] else (f" ({classes[low]})", f" ({classes[high]})")
    smallest, largest = f"{count[low]:,}{names[0]}", f"{count[high]:,}{names[1]}"
    return [part.name, f"{part.images:,}", smallest, f"{np.median(count):,.6g}", largest]
