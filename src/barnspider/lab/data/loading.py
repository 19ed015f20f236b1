"""A data set's name or path -> a `Dataset`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError, listing
from barnspider.lab.data import named
from barnspider.lab.data.arrays import read_npz
from barnspider.lab.data.binaries import find_binary
from barnspider.lab.data.options import Options, parse
from barnspider.lab.data.parts import Dataset, Split, completed
from barnspider.lab.data.source import PARTS, Source

HOMES = {
    "cifar10": ("cifar-10-batches-py", "cifar-10-batches-bin"),
    "cifar100": ("cifar-100-python", "cifar-100-binary"),
    "svhn": ("svhn", "SVHN", "."),
    "tiny-imagenet": ("tiny-imagenet-200", "tiny-imagenet-200.zip"),
    "imagenet": ("imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"),
    "inaturalist": ("inaturalist", "iNaturalist", "inat2021"),
    **{f"inaturalist-{year}": (f"inaturalist/{year}", f"iNaturalist/{year}", f"{year}") for year in (2017, 2018, 2019)},
}
"""Data sets that you have, and the folders or files that they are looked for under."""

_COMING = ("digits", "fashion-mnist")

NAMED = (*_COMING, *HOMES)
"""The data sets that have a name; any other is a path."""


def load(
    name: str,
    *,
    folder: Path | None = None,
    split_seed: int = 0,
    size: int | None = None,
    bad: str | None = None,
    fetch: bool = True,
) -> Dataset:
    """Return the data set of this name or path.

    Parameters
    ----------
    name
        One of `NAMED`; or the path of an .npz file, a folder or zip file of images by class, a Parquet file or a folder
        of them, or a folder that holds CIFAR-10, CIFAR-100 or SVHN as published. Options for images that must be
        decoded stand behind a question mark, joined by `&`: `size=64` (8 to 256 pixels, 32 by default),
        `bad=leave-out` (images that cannot be decoded; by default they are an error), `depth=2` (two folders make a
        class), and for Parquet `image=` and `label=`, the columns. `svhn?extra=yes` also trains on the extra images.
    folder
        Where to look first for files of a named data set; the default is the environment's BARNSPIDER_DATA.
    split_seed
        Decides which images are for validation (and for testing, where the data has no test images).
    size, bad
        The same as the options.
    fetch
        False asks nothing of the network: what would have to be downloaded is not there.

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
        return named.fashion(folder, split_seed, fetch=fetch)
    bare, options = parse(name)
    path = _place(bare, folder)
    if _holds_arrays(path):
        options.only(name, "arrays")
        return read_npz(path, split_seed)
    binary = find_binary(path)
    if binary:
        options.only(name, binary.what, *binary.options)
        found = binary.read(path, split_seed, options.extra)
        return replace(found, name=bare) if bare in HOMES else found
    source = _listed(name, bare, path, options)
    return _decoded(name, source, options.size if size is None else size, bad or options.bad, split_seed)


def listed(name: str, folder: Path | None = None) -> tuple[Source | None, int]:
    """Return the encoded images that a name or path stands for, and the size that they are brought to.

    None, and 0, for data of which nothing is to be decoded.

    Raises
    ------
    DataError
        When it cannot be found or read.

    Examples
    --------
    >>> listed("digits")
    (None, 0)
    """
    if name in _COMING:
        return None, 0
    bare, options = parse(name)
    path = _place(bare, folder)
    if _holds_arrays(path) or find_binary(path):
        return None, 0
    return _listed(name, bare, path, options), options.size


def leaves_out(name: str) -> bool:
    """Return whether this name says that images which cannot be decoded are left out.

    Examples
    --------
    >>> leaves_out("photos.zip?size=16&bad=leave-out"), leaves_out("photos.zip")
    (True, False)
    """
    return parse(name)[1].bad == "leave-out"


def _place(bare: str, folder: Path | None) -> Path:
    return _home(bare, folder) if bare in HOMES else Path(bare).expanduser()


def _holds_arrays(path: Path) -> bool:
    return path.is_file() and path.suffix == ".npz"


def _home(name: str, folder: Path | None) -> Path:
    """Return where the user has a named data set."""
    tried: list[Path] = []
    for place in named.places(folder):
        for home in HOMES[name]:
            path = place / home
            tried.append(path)
            # The place itself is a home only when it holds the files.
            if path.exists() and (home != "." or find_binary(path)):
                return path
    raise DataError(
        f"dataset={name!r} is not there; looked for {listing(tried)}; put it into a folder and set BARNSPIDER_DATA"
        " to that, or give its path (it is not downloaded)"
    )


def _listed(name: str, bare: str, path: Path, options: Options) -> Source:
    """List a path's encoded images, or say that it is nothing that we know."""
    from barnspider.lab.data import columns
    from barnspider.lab.data import listing as folders

    tables = ("*.parquet", "data/*.parquet", "train/*.parquet")
    if (path.is_file() and path.suffix == ".parquet") or any(next(path.glob(pattern), None) for pattern in tables):
        options.only(name, "a table", "size", "bad", "image", "label")
        return columns.list_tables(path, options.image, options.label)
    if (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file():
        raise DataError(
            f"dataset={name!r} is what `save_to_disk` of Hugging Face wrote; turn it into tables, which are read:"
            " lab.data.keep(datasets.load_from_disk(...), 'a folder')"
        )
    is_zip = path.is_file() and path.suffix == ".zip"
    if not is_zip and not path.is_dir():
        raise DataError(
            f"dataset={name!r} is neither known nor there; expected one of {listing(NAMED)}, or the path of an .npz,"
            " .zip or .parquet file or of a folder of images by class"
        )
    options.only(name, "images in folders", "size", "bad", "depth")
    depth = options.depth if "depth" in options.given else _DEPTHS.get(bare, 1)
    return folders.list_zip(path, depth) if is_zip else folders.list_folder(path, depth)


_DEPTHS = {f"inaturalist-{year}": 2 for year in (2017, 2018, 2019)}
"""Editions whose classes stand in folders of their kingdoms."""


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
    parts = parts_of(source, found.pixels, found.names, good)
    content = f"{found.sha256}, {len(found.bad)} left out"
    undecoded = tuple((str(source.names[row]), why) for row, why in sorted(found.bad.items()))
    return replace(completed(name, source.classes, parts, split_seed, content), undecoded=undecoded)


def parts_of(
    source: Source, pixels: NDArray[np.uint8], ids: NDArray[np.str_], good: NDArray[np.bool_]
) -> dict[str, Split]:
    """Return the parts that a source has, each as some rows of all images; what is not good is left out.

    A part of which nothing is good is empty: it is not split off anew.
    """
    rows_of = {PARTS[i]: np.flatnonzero(good & (source.parts == i)) for i in np.unique(source.parts).tolist()}
    return {part: Split(pixels, source.labels[rows], ids, rows) for part, rows in rows_of.items()}
