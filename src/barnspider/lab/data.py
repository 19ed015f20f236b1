"""A data set's name -> uint8 images, labels, class names, fingerprint. Needs no torch.

    "digits"          scikit-learn's 1,797 handwritten digits, 8x8, grey; split here: 897 / 300 / 600
    "fashion-mnist"   60,000 + 10,000 images, 28x28, grey; 5,000 of the former are for validation
    "....npz"         x_train, y_train (and x_test, y_test, class_names), grey or colour
    a folder          of images by class, see `pictures.py`

Validation images are always split from the training images, stratified, by a seed of their own: never by a run's.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import as_answers, class_names, to_index
from barnspider.errors import DataError, InputError, listing
from barnspider.lab import download
from barnspider.lab.random import shuffled

NAMED = ("digits", "fashion-mnist")
"""The data sets that have a name; any other is a path."""

VALIDATION = 5_000
"""Images split from the training set for validation, but never more than a tenth of it."""

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


@dataclass(frozen=True, eq=False)
class Split:
    """Images of one part of a data set.

    Attributes
    ----------
    images : UInt8[N, H, W, C]
    labels : Int64[N]
    sample : Str[N]
        Ids that stay with an image whatever the split.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sample: NDArray[np.str_]

    def __post_init__(self) -> None:
        for array in (self.images, self.labels, self.sample):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.integer[Any]]) -> Split:
        """Return the images in these rows, in this order."""
        return Split(self.images[rows], self.labels[rows], self.sample[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three parts that share no image, and what their labels mean.

    Attributes
    ----------
    fingerprint
        SHA-256 over class names and each part's images, labels and ids: what a study was really about.
    """

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    train: Split
    validation: Split
    test: Split

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image, as networks count."""
        _, height, width, channels = self.train.images.shape
        return channels, height, width


def load(name: str, *, folder: Path | None = None, split_seed: int = 0, size: int = 32) -> Dataset:
    """Return the data set of this name or path.

    Parameters
    ----------
    folder
        Where to look first for files of a named data set; the default is the environment's BARNSPIDER_DATA.
    split_seed
        Decides which images are for validation (and for testing, where the data has no test images).
    size
        Height and width that a folder's images are brought to; other data keep theirs.

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
        return _digits(split_seed)
    if name == "fashion-mnist":
        return _fashion(folder, split_seed)
    path = Path(name).expanduser()
    if path.is_dir():
        return _folder(path, split_seed, size)
    if path.is_file() and path.suffix == ".npz":
        return _npz(path, split_seed)
    raise DataError(
        f"dataset={name!r} is neither known nor there; expected one of {listing(NAMED)},"
        " or the path of an .npz file or of a folder of images by class"
    )


def balanced(split: Split, count: int, seed: int) -> Split:
    """Return `count` images of a split, as many of each class as of the others as far as possible; 0 returns all.

    Raises
    ------
    InputError
        When the split has fewer images.
    """
    if not 0 <= count <= len(split):
        raise InputError(f"train_images={count}; expected at most {len(split)}, the number of training images (0: all)")
    if count in (0, len(split)):
        return split
    place, _ = _place_in_class(split.labels, seed, "subset")
    return split.take(np.sort(np.lexsort((split.labels, place))[:count]))


# --- the data sets --------------------------------------------------------------------------------------------------


def _need(module: str, what: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise DataError(f"this data set needs {what}; try: pip install 'barnspider[lab]'")


def _digits(split_seed: int) -> Dataset:
    _need("sklearn", "scikit-learn, which brings the digits")
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    # The grey levels are counts of ink, 0 to 16: 16 becomes 255, and halves are rounded to even.
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    everything = Split(images, bunch.target.astype(np.int64), _ids("digit", len(images)))
    rest, test = _split(everything, 600, split_seed, "test")
    train, validation = _split(rest, 300, split_seed, "validation")
    return _dataset("digits", tuple("0123456789"), train, validation, test)


def _fashion(folder: Path | None, split_seed: int) -> Dataset:
    train = _fashion_part("train", folder)
    train, validation = _split(train, VALIDATION, split_seed, "validation")
    return _dataset("fashion-mnist", FASHION_CLASSES, train, validation, _fashion_part("t10k", folder))


def _fashion_part(part: str, folder: Path | None) -> Split:
    images = _idx(_find_fashion(f"{part}-images-idx3-ubyte", folder))[..., None]
    labels = _idx(_find_fashion(f"{part}-labels-idx1-ubyte", folder)).astype(np.int64)
    return Split(images, labels, _ids("train" if part == "train" else "test", len(labels)))


def _npz(path: Path, split_seed: int) -> Dataset:
    try:
        # Opened here, for numpy leaves a damaged file open.
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {error}; expected arrays x_train and y_train, no pickle"
        ) from error
    missing = [name for name in ("x_train", "y_train") if name not in arrays]
    if missing:
        raise DataError(f"{str(path)!r} has no {listing(missing)}; it has {listing(arrays)}")
    classes = _classes_of(path, arrays)
    train = _npz_part(path, arrays, "train", classes)
    if "x_test" in arrays:
        test = _npz_part(path, arrays, "test", classes)
    else:
        train, test = _split(train, len(train) // 5, split_seed, "test")
    train, validation = _split(train, _validation_count(len(train)), split_seed, "validation")
    return _dataset(str(path), classes, train, validation, test)


def _folder(path: Path, split_seed: int, size: int) -> Dataset:
    _need("PIL", "Pillow, which reads images")
    from barnspider.lab import pictures

    found = pictures.read_folder(path, size)
    parts = {name: Split(p.images, p.labels, p.sample) for name, p in found.parts.items()}
    train = parts["train"]
    if "test" in parts:
        test = parts["test"]
    else:
        train, test = _split(train, len(train) // 5, split_seed, "test")
    if "validation" in parts:
        validation = parts["validation"]
    else:
        train, validation = _split(train, _validation_count(len(train)), split_seed, "validation")
    return _dataset(str(path), found.classes, train, validation, test)


# --- finding and reading Fashion-MNIST ------------------------------------------------------------------------------


def _find_fashion(file: str, folder: Path | None) -> Path:
    """Look in the user's folder, the cache, the system's package; otherwise download into the cache."""
    given = folder or (Path(os.environ["BARNSPIDER_DATA"]) if os.environ.get("BARNSPIDER_DATA") else None)
    cache = download.cache_folder() / "fashion-mnist"
    users = [given, given / "fashion-mnist"] if given else []
    for place in (*users, cache, SYSTEM / "fashion-mnist"):
        for path in (place / file, place / f"{file}.gz"):
            if path.is_file():
                return _trusted(path, FASHION_FILES[file])
    target = cache / f"{file}.gz"
    return download.fetch(target.name, FASHION_FILES[file], target, download.mirrors("fashion-mnist"))


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


# --- reading an npz -------------------------------------------------------------------------------------------------


def _classes_of(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    try:
        labels = [as_answers(name, arrays[name]) for name in ("y_train", "y_test") if name in arrays]
        given = arrays.get("class_names")
        classes = class_names(None if given is None else given.tolist(), labels)
    except InputError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    if len(classes) < 2:
        raise DataError(f"{str(path)!r} has one class, {listing(classes)}; expected two or more")
    return classes


def _npz_part(path: Path, arrays: dict[str, NDArray[Any]], part: str, classes: Sequence[str]) -> Split:
    images, where = arrays[f"x_{part}"], f"{str(path)!r}: x_{part}"
    if f"y_{part}" not in arrays:
        raise DataError(f"{str(path)!r} has x_{part} but no y_{part}; it has {listing(arrays)}")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{where} is {images.dtype}{list(images.shape)}; expected uint8[N, H, W] or uint8[N, H, W, 1 or 3]"
        )
    try:
        answers = as_answers(f"y_{part}", arrays[f"y_{part}"].reshape(-1))
        labels = to_index(f"y_{part}", answers, {c: i for i, c in enumerate(classes)}).astype(np.int64)
    except InputError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    if len(labels) != len(images) or not len(labels):
        raise DataError(
            f"{where} has {len(images)} images and {len(labels)} labels; expected one label for each, and some"
        )
    return Split(np.ascontiguousarray(images), labels, _ids(part, len(labels)))


# --- splitting ------------------------------------------------------------------------------------------------------


def _split(whole: Split, count: int, seed: int, purpose: str) -> tuple[Split, Split]:
    """Take `count` images out, every class in proportion; both parts keep the order of the whole."""
    place, size = _place_in_class(whole.labels, seed, purpose)
    # (place + 1/2) / size spreads every class evenly over 0 to 1, so a cut anywhere is stratified.
    taken = np.lexsort((whole.labels, (place + 0.5) / size))[:count]
    mask = np.zeros(len(whole), dtype=bool)
    mask[taken] = True
    return whole.take(np.flatnonzero(~mask)), whole.take(np.flatnonzero(mask))


def _place_in_class(labels: NDArray[np.int64], seed: int, purpose: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each image's place in a shuffled queue of its class, and the length of that queue."""
    place, size = np.zeros_like(labels), np.ones_like(labels)
    for label in np.unique(labels).tolist():
        members = np.flatnonzero(labels == label)
        place[members[shuffled(len(members), seed, f"split/{purpose}/{label}")]] = np.arange(len(members))
        size[members] = len(members)
    return place, size


def _validation_count(n_train: int) -> int:
    return min(VALIDATION, n_train // 10)


def _ids(prefix: str, count: int) -> NDArray[np.str_]:
    return np.array([f"{prefix}-{i:05d}" for i in range(count)], dtype=np.str_)


def _dataset(name: str, classes: tuple[str, ...], train: Split, validation: Split, test: Split) -> Dataset:
    parts = {"train": train, "validation": validation, "test": test}
    for part, split in parts.items():
        if not len(split):
            raise DataError(f"dataset={name!r} has no {part} images; expected at least 10 images to split")
        if split.images.shape[1:] != train.images.shape[1:]:
            raise DataError(
                f"dataset={name!r}: {part} images are {split.images.shape[1:]}, train {train.images.shape[1:]}"
            )
    digest = hashlib.sha256(repr((classes, train.images.shape)).encode())
    for split in parts.values():
        for array in (split.images, split.labels, split.sample):
            digest.update(np.ascontiguousarray(array).data)
    return Dataset(name, classes, digest.hexdigest(), train, validation, test)
