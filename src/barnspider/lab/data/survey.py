"""What a data set will be, before it is decoded: its classes, its parts, its size, and how long decoding will take.

A folder of a million photographs is listed in seconds and decoded in hours. Here it is listed, and some of it decoded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError
from barnspider.lab.data.loading import listed, load, parts_of
from barnspider.lab.data.named import need
from barnspider.lab.data.packing import is_packed
from barnspider.lab.data.parts import Dataset, Split, completed
from barnspider.lab.data.source import Source, contents

LOOKED = {"train": 256, "validation": 32, "test": 32}
"""How many images of each part are decoded to learn how long decoding takes, and to train a few steps on."""


@dataclass(frozen=True, eq=False)
class Survey:
    """A data set, or what is known of it while it is not decoded.

    Attributes
    ----------
    sample
        The data set; of one that is not decoded, some images of each part, from all over it.
    train, validation, test
        How many images there are in all; some of them may be found to be bad when they are decoded.
    waiting
        How many images are to be decoded; 0 when all are.
    decoding
        Seconds of one core for one of those, reading it included but not waiting for the disk.
    looked
        How many were decoded to learn that.
    """

    sample: Dataset
    train: int
    validation: int
    test: int
    waiting: int = 0
    decoding: float = 0.0
    looked: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of all images, decoded."""
        return (self.train + self.validation + self.test) * int(np.prod(self.sample.shape))


def survey(name: str, *, split_seed: int = 0) -> Survey:
    """Return what is known of the data set of this name or path; of one that is not decoded, only some images are.

    Raises
    ------
    DataError
        When it cannot be found, read or trusted, or none of the images that are looked at can be decoded.

    Examples
    --------
    >>> found = survey("digits")
    >>> found.train, found.validation, found.test, found.waiting, found.bytes
    (897, 300, 600, 0, 115008)
    """
    source, size = listed(name)
    if source is not None and not is_packed(source, size):
        need("PIL", "Pillow, which reads images")
        return _surveyed(name, source, size, split_seed)
    data = load(name, split_seed=split_seed)
    return Survey(data, len(data.train), len(data.validation), len(data.test))


def _surveyed(name: str, source: Source, size: int, split_seed: int) -> Survey:
    """List the parts that a source will have, and decode some of each."""
    nothing, all_ = np.zeros((len(source.names), 1, 1, 1), np.uint8), np.ones(len(source.names), dtype=bool)
    rows = parts_of(source, nothing, source.names, all_)
    parts = {part: Split(split.images, split.labels, split.sample) for part, split in rows.items()}
    whole = completed(name, source.classes, parts, split_seed, "not decoded")
    some = {part: _some(getattr(whole, part), most) for part, most in LOOKED.items()}
    began = time.process_time()
    found = _decoded(name, source, np.concatenate([split.sample for split in some.values()]), size)
    seconds = time.process_time() - began
    sample = replace(whole, **{part: _with(split, found) for part, split in some.items()})
    looked = sum(map(len, some.values()))
    return Survey(
        sample, len(whole.train), len(whole.validation), len(whole.test), len(source.names), seconds / looked, looked
    )


def _some(split: Split, most: int) -> Split:
    """Return images from all over a part."""
    return split.take(np.unique(np.arange(most) * len(split) // most))


def _decoded(name: str, source: Source, names: NDArray[np.str_], size: int) -> dict[str, NDArray[np.uint8]]:
    """Return those of these images that can be decoded; how many cannot is said when all are."""
    from barnspider.lab.data.pictures import decode

    found: dict[str, tuple[NDArray[np.uint8], bool]] = {}
    why = ""
    with contents(source.kind, source.root, source.column) as read:
        for name_, encoded in zip(names.tolist(), read(names.tolist()), strict=True):
            try:
                found[name_] = decode(encoded, size)
            except DataError as error:
                why = str(error)
    if not found:
        raise DataError(f"dataset={name!r}: none of {len(names)} images that were looked at can be decoded: {why}")
    channels = 3 if any(colour for _, colour in found.values()) else 1
    return {name: pixels[..., :channels] for name, (pixels, _) in found.items()}


def _with(split: Split, found: Mapping[str, NDArray[np.uint8]]) -> Split:
    """Return a part's images that were decoded; where none could be, any image stands for it."""
    rows = [row for row, name in enumerate(split.sample.tolist()) if name in found] or [0]
    pixels = [found.get(str(split.sample[row]), next(iter(found.values()))) for row in rows]
    return Split(np.stack(pixels), split.labels[rows], split.sample[rows])
