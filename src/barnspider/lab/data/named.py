"""The data sets that come with a name and need no file of yours: digits and Fashion-MNIST."""

from __future__ import annotations

import gzip
import importlib.util
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError
from barnspider.lab import download
from barnspider.lab.data.parts import VALIDATION, Dataset, Split, dataset, ids, parted

SYSTEM = Path("/usr/share/datasets")
"""Where a system package (Debian's `dataset-fashion-mnist`) puts data sets."""

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

FASHION_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""SHA-256 of each file's content, uncompressed: the authors and Debian compress the same bytes differently."""


def digits(split_seed: int) -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits, split here: 897 / 300 / 600."""
    need("sklearn", "scikit-learn, which brings the digits")
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    # The grey levels are counts of ink, 0 to 16: 16 becomes 255, and halves are rounded to even.
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    everything = Split(images, bunch.target.astype(np.int64), ids("digit", len(images)))
    rest, test = parted(everything, 600, split_seed, "test")
    train, validation = parted(rest, 300, split_seed, "validation")
    return dataset("digits", tuple("0123456789"), train, validation, test)


def fashion(folder: Path | None, split_seed: int, *, fetch: bool = True) -> Dataset:
    """Return Fashion-MNIST: from a folder of the user's, the cache, the system's package, or its public homes."""
    train, validation = parted(_fashion_part("train", folder, fetch), VALIDATION, split_seed, "validation")
    return dataset("fashion-mnist", FASHION_CLASSES, train, validation, _fashion_part("t10k", folder, fetch))


def need(module: str, what: str) -> None:
    """Raise `DataError` when a library is absent that a data set needs."""
    if importlib.util.find_spec(module) is None:
        raise DataError(f"this data set needs {what}; try: pip install 'barnspider[lab]'")


def places(folder: Path | None) -> Iterator[Path]:
    """Yield where named data is looked for: the folder that was given or BARNSPIDER_DATA, then the cache."""
    given = folder or download.data_folder()
    if given:
        yield given
    yield download.cache_folder()


def find_fashion(file: str, folder: Path | None, *, fetch: bool = True) -> Path:
    """Look in the user's folder, the cache, the system's package; otherwise download into the cache, if that may be."""
    *users, cache = places(folder)
    for place in (
        *users,
        *(user / "fashion-mnist" for user in users),
        cache / "fashion-mnist",
        SYSTEM / "fashion-mnist",
    ):
        for path in (place / file, place / f"{file}.gz"):
            if path.is_file():
                return _trusted(path, FASHION_FILES[file])
    if not fetch:
        raise DataError(f"dataset='fashion-mnist' is not here ({file!r} is missing), and is not downloaded for this")
    target = cache / "fashion-mnist" / f"{file}.gz"
    return download.fetch(target.name, FASHION_FILES[file], target, download.mirrors("fashion-mnist"))


def _fashion_part(part: str, folder: Path | None, fetch: bool) -> Split:
    images = _idx(find_fashion(f"{part}-images-idx3-ubyte", folder, fetch=fetch))[..., None]
    labels = _idx(find_fashion(f"{part}-labels-idx1-ubyte", folder, fetch=fetch)).astype(np.int64)
    return Split(images, labels, ids("train" if part == "train" else "test", len(labels)))


def _trusted(path: Path, expected: str) -> Path:
    got = download.content_sha256(path)
    if got != expected:
        raise DataError(
            f"{str(path)!r} is not the published file: sha256 of its content is {got}, expected {expected};"
            " remove it, or name another folder in BARNSPIDER_DATA"
        )
    return path


def _idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file of bytes: two zeros, 0x08, the number of dimensions, each as a big-endian 32-bit number."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = file.read()
    n_dims = content[3]
    shape = struct.unpack(f">{n_dims}I", content[4 : 4 + 4 * n_dims])
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * n_dims).reshape(shape)
