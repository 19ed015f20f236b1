"""One copy of a data set for all workers: images in files that every process maps into its memory.

<folder>/about.json                   name, classes, fingerprint, where each part's images are, and all other files
<folder>/<part>-pixels.npy ...        what was in memory; of a packed set, its own file is mapped again
"""

from __future__ import annotations

import json
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.files import write_whole
from barnspider.lab.data.parts import Dataset, Split

PARTS = ("train", "validation", "test")


def share(data: Dataset, folder: Path) -> None:
    """Write a data set where other processes can map it.

    Raises
    ------
    StoreError
        When the folder cannot be written or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.lab.data import load
    >>> digits = load("digits")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     share(digits, Path(folder))
    ...     mapped = shared(Path(folder))
    ...     mapped.fingerprint == digits.fingerprint, type(mapped.train.pixels).__name__, len(mapped.test)
    (True, 'memmap', 600)
    """
    maps = {part: _laid_down(getattr(data, part), folder, part) for part in PARTS}
    files = sorted(file.name for file in folder.glob("*.npy"))
    about = {"name": data.name, "classes": data.classes, "fingerprint": data.fingerprint, "maps": maps, "files": files}
    write_whole(folder / "about.json", lambda file: file.write(json.dumps(about).encode()))


def _laid_down(split: Split, folder: Path, part: str) -> dict[str, Any] | None:
    """Write a part's arrays; return where its images are mapped already, if they are."""
    packed = _place(split.pixels)
    arrays = {"labels": split.labels, "ids": split.ids, "rows": split.rows}
    for name, array in (arrays if packed else {**arrays, "pixels": split.pixels}).items():
        if array is not None:
            write_whole(folder / f"{part}-{name}.npy", lambda file, a=array: np.save(file, a, allow_pickle=False))
    return packed


def _place(pixels: NDArray[np.uint8]) -> dict[str, Any] | None:
    """Return where a memory map's bytes are; None for an array, and for a slice, which does not know its place."""
    if not isinstance(pixels, np.memmap) or not isinstance(pixels.base, mmap):
        return None
    return {"file": str(pixels.filename), "offset": pixels.offset, "shape": pixels.shape}


def shared(folder: Path) -> Dataset:
    """Map a data set that `share` has written; nothing is read before it is needed."""
    about = json.loads((folder / "about.json").read_text("utf-8"))
    train, validation, test = (_mapped(folder, part, about["maps"][part]) for part in PARTS)
    return Dataset(about["name"], tuple(about["classes"]), about["fingerprint"], train, validation, test)


def _mapped(folder: Path, part: str, packed: dict[str, Any] | None) -> Split:
    def array(name: str) -> NDArray[Any]:
        return np.load(folder / f"{part}-{name}.npy", mmap_mode="r", allow_pickle=False)

    pixels = array("pixels") if packed is None else _reopened(packed)
    rows = np.array(array("rows")) if (folder / f"{part}-rows.npy").exists() else None
    return Split(pixels, np.array(array("labels")), array("ids"), rows)


def _reopened(packed: dict[str, Any]) -> NDArray[np.uint8]:
    return np.memmap(packed["file"], np.uint8, "r", offset=packed["offset"], shape=tuple(packed["shape"]))
