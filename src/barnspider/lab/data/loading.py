"""A data set's name or path -> a `Dataset`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from barnspider.errors import DataError, listing
from barnspider.lab.data import named
from barnspider.lab.data.arrays import read_npz
from barnspider.lab.data.binaries import find_binary
from barnspider.lab.data.parts import Dataset, Split, completed
from barnspider.lab.data.source import PARTS, Source

HOMES = {
    "cifar10": ("cifar-10-batches-py", "cifar-10-batches-bin"),
    "cifar100": ("cifar-100-python", "cifar-100-binary"),
    "svhn": ("svhn", "SVHN", "."),
    "tiny-imagenet": ("tiny-imagenet-200", "tiny-imagenet-200.zip"),
    "imagenet": ("imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"),
    "inaturalist": ("inaturalist", "iNaturalist", "inat2021"),
}
"""Data sets that you have, and the folders or files that they are looked for under."""

NAMED = ("digits", "fashion-mnist", *HOMES)
"""The data sets that have a name; any other is a path."""

_BAD = ("refuse", "leave-out")


@dataclass(frozen=True)
class _Options:
    """What may stand behind a path: `photos.zip?size=64&bad=leave-out`."""

    size: int = 32
    bad: str = "refuse"
    image: str = ""
    label: str = ""


def load(
    name: str, *, folder: Path | None = None, split_seed: int = 0, size: int | None = None, bad: str | None = None
) -> Dataset:
    """Return the data set of this name or path.

    Parameters
    ----------
    name
        One of `NAMED`; or the path of an .npz file, a folder or zip file of images by class, a Parquet file or a folder
        of them, or a folder that holds CIFAR-10, CIFAR-100 or SVHN as published. Options for images that must be
        decoded stand behind a question mark, joined by `&`: `size=64` (8 to 256 pixels, 32 by default),
        `bad=leave-out` (images that cannot be decoded; by default they are an error), and for Parquet `image=` and
        `label=`, the columns.
    folder
        Where to look first for files of a named data set; the default is the environment's BARNSPIDER_DATA.
    split_seed
        Decides which images are for validation (and for testing, where the data has no test images).
    size, bad
        The same as the options.

    Raises
    ------
    DataError
        When it cannot be found, read or trusted: says what was looked for and what to do.

    Examples
    --------
    >>> digits = load("digits")
    >>> len(digits.train), len(digits.validation), len(digits.test), digits.shape
    (897, 300, 600, (1, 8, 8))
    """
    if name == "digits":
        return named.digits(split_seed)
    if name == "fashion-mnist":
        return named.fashion(folder, split_seed)
    bare, options = _parse(name)
    path = _home(bare, folder) if bare in HOMES else Path(bare).expanduser()
    if path.is_file() and path.suffix == ".npz":
        return read_npz(path, split_seed)
    binary = find_binary(path)
    if binary:
        return binary(split_seed)
    listed = _lister(path, options)
    if listed is None:
        raise DataError(
            f"dataset={name!r} is neither known nor there; expected one of {listing(NAMED)}, or the path of an .npz,"
            " .zip or .parquet file or of a folder of images by class"
        )
    return _decoded(name, listed(), options.size if size is None else size, bad or options.bad, split_seed)


def leaves_out(name: str) -> bool:
    """Return whether this name says that images which cannot be decoded are left out.

    Examples
    --------
    >>> leaves_out("photos.zip?size=16&bad=leave-out"), leaves_out("photos.zip")
    (True, False)
    """
    return _parse(name)[1].bad == "leave-out"


def _parse(name: str) -> tuple[str, _Options]:
    bare, mark, behind = name.partition("?")
    if not mark or Path(name).expanduser().exists():
        return name, _Options()
    given = {option.partition("=")[0]: option.partition("=")[2] for option in behind.split("&")}
    unknown = given.keys() - {"size", "bad", "image", "label"}
    if unknown:
        raise DataError(f"dataset={name!r}: option {listing(unknown)} is unknown; expected size, bad, image, label")
    size, bad = given.get("size", "32"), given.get("bad", "refuse")
    if not size.isdecimal():
        raise DataError(f"dataset={name!r}: size={size!r}; expected a number of pixels, 8 to 256")
    if bad not in _BAD:
        raise DataError(f"dataset={name!r}: bad={bad!r}; expected one of {listing(_BAD)}")
    return bare, _Options(int(size), bad, given.get("image", ""), given.get("label", ""))


def _home(name: str, folder: Path | None) -> Path:
    """Return where the user has a named data set."""
    tried = [place / home for place in named.places(folder) for home in HOMES[name]]
    for path in tried:
        if path.is_file() or (path.is_dir() and (path.name in HOMES[name] or find_binary(path))):
            return path
    raise DataError(
        f"dataset={name!r} is not there; looked for {listing(tried)}; put it into a folder and set BARNSPIDER_DATA"
        " to that, or give its path (it is not downloaded)"
    )


def _lister(path: Path, options: _Options) -> Callable[[], Source] | None:
    """Return how to list a path's encoded images, or None when it is nothing that we know."""
    from barnspider.lab.data import columns
    from barnspider.lab.data import listing as folders

    if path.is_file() and path.suffix == ".zip":
        return lambda: folders.list_zip(path)
    if path.is_file() and path.suffix == ".parquet":
        return lambda: columns.list_tables(path, options.image, options.label)
    if any(next(path.glob(pattern), None) for pattern in ("*.parquet", "data/*.parquet", "train/*.parquet")):
        return lambda: columns.list_tables(path, options.image, options.label)
    return (lambda: folders.list_folder(path)) if path.is_dir() else None


def _decoded(name: str, source: Source, size: int, bad: str, split_seed: int) -> Dataset:
    named.need("PIL", "Pillow, which reads images")
    from barnspider.lab.data.packing import packed

    found = packed(source, size)
    if found.bad and bad == "refuse":
        told = [f"{source.names[row]} ({why})" for row, why in sorted(found.bad.items())]
        raise DataError(
            f"dataset={name!r}: {len(told)} of {len(source.names)} images cannot be decoded: {listing(told, most=100)};"
            " repair or remove them, or leave them out with '?bad=leave-out'"
        )
    good = np.ones(len(source.names), dtype=bool)
    good[list(found.bad)] = False
    parts: dict[str, Split] = {}
    for i in np.unique(source.parts[good]).tolist():
        rows = np.flatnonzero(good & (source.parts == i))
        parts[PARTS[i]] = Split(found.pixels, source.labels[rows], found.names, rows)
    content = f"{found.sha256}, {len(found.bad)} left out"
    undecoded = tuple((str(source.names[row]), why) for row, why in sorted(found.bad.items()))
    return replace(completed(name, source.classes, parts, split_seed, content), undecoded=undecoded)
