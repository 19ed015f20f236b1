"""CIFAR-10, CIFAR-100 and SVHN in the forms that their authors publish and torchvision keeps on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError
from barnspider.lab.data.parts import Dataset, Split, completed, ids
from barnspider.lab.data.pickled import read_pickle

_Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Binary:
    """A form in which a data set is published.

    Attributes
    ----------
    what : its name
    read : path, seed of the split, whether to add extra images -> Dataset
    options : the options that mean something to it
    """

    what: str
    read: Callable[[Path, int, bool], Dataset]
    options: tuple[str, ...] = ()


def find_binary(path: Path) -> Binary | None:
    """Return how to read a folder that holds one of these, or None when it does not.

    The folder is the one that holds the files, such as `cifar-10-batches-py`.
    """
    return next((form for files, form in _FORMS.items() if all((path / file).is_file() for file in files)), None)


def _cifar10_pickles(path: Path, split_seed: int, _extra: bool) -> Dataset:
    def part(files: Sequence[str]) -> _Part:
        batches = [read_pickle(path / file) for file in files]
        return _rgb(path, [_field(path, b, "data") for b in batches], [_field(path, b, "labels") for b in batches])

    names = _field(path, read_pickle(path / "batches.meta"), "label_names")
    train = part([f"data_batch_{i}" for i in range(1, 6) if (path / f"data_batch_{i}").is_file()])
    return _finished(path, names, train, part(["test_batch"]), split_seed)


def _cifar100_pickles(path: Path, split_seed: int, _extra: bool) -> Dataset:
    def part(file: str) -> _Part:
        batch = read_pickle(path / file)
        return _rgb(path, [_field(path, batch, "data")], [_field(path, batch, "fine_labels")])

    names = _field(path, read_pickle(path / "meta"), "fine_label_names")
    return _finished(path, names, part("train"), part("test"), split_seed)


def _cifar10_records(path: Path, split_seed: int, _extra: bool) -> Dataset:
    train = [_records(path / f"data_batch_{i}.bin", 1) for i in range(1, 6) if (path / f"data_batch_{i}.bin").is_file()]
    test = [_records(path / "test_batch.bin", 1)]
    return _from_records(path, "batches.meta.txt", train, test, split_seed)


def _cifar100_records(path: Path, split_seed: int, _extra: bool) -> Dataset:
    train, test = [_records(path / "train.bin", 2)], [_records(path / "test.bin", 2)]
    return _from_records(path, "fine_label_names.txt", train, test, split_seed)


def _from_records(path: Path, names: str, train: list[_Part], test: list[_Part], split_seed: int) -> Dataset:
    try:
        classes = [line for line in (path / names).read_text("utf-8").splitlines() if line]
    except OSError as error:
        raise DataError(
            f"{str(path / names)!r} cannot be read: {error.strerror}; expected the classes' names"
        ) from error
    train_part, test_part = (_rgb(path, [d for d, _ in part], [y for _, y in part]) for part in (train, test))
    return _finished(path, classes, train_part, test_part, split_seed)


def _records(path: Path, n_labels: int) -> _Part:
    """Read records of one or two labels (the last is the fine one) and 3,072 bytes."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror or error}; is the set complete?") from error
    length = n_labels + 3072
    if not len(content) or len(content) % length:
        raise DataError(f"{str(path)!r} has {len(content)} bytes; expected records of {length} bytes; is it whole?")
    records = content.reshape(-1, length)
    return records[:, n_labels:], records[:, n_labels - 1].astype(np.int64)


def _svhn(path: Path, split_seed: int, extra: bool) -> Dataset:
    train, test = _matlab(path / "train_32x32.mat"), _matlab(path / "test_32x32.mat")
    if not extra:
        return _finished(path, "0123456789", train, test, split_seed)
    more = _matlab(path / "extra_32x32.mat")
    both = np.concatenate([train[0], more[0]]), np.concatenate([train[1], more[1]])
    names = np.concatenate([ids("train", len(train[1])), ids("extra", len(more[1]))])
    return _finished(path, "0123456789", both, test, split_seed, names)


def _matlab(path: Path) -> _Part:
    """Read UInt8[32, 32, 3, N] and labels 1 to 10, where 10 stands for the digit 0."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: Any = loadmat(path, variable_names=("X", "y"))
        images, labels = found["X"].transpose(3, 0, 1, 2), found["y"].ravel().astype(np.int64) % 10
    except (OSError, ValueError, KeyError, TypeError, MatReadError, NotImplementedError) as error:
        raise DataError(f"{str(path)!r} cannot be read: {error}; expected SVHN's 32x32 file with X and y") from error
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3) or len(labels) != len(images):
        raise DataError(f"{str(path)!r}: X is {images.dtype}{list(images.shape)}; expected uint8[32, 32, 3, N]")
    return np.ascontiguousarray(images), labels


def _field(path: Path, batch: dict[str, Any], name: str) -> Any:
    if name not in batch:
        raise DataError(f"{str(path)!r}: a file has no {name!r}; expected the files that CIFAR's authors wrote")
    return batch[name]


def _rgb(path: Path, data: Sequence[Any], labels: Sequence[Any]) -> _Part:
    """UInt8[n, 3072] (red, green, blue planes) in several pieces -> UInt8[N, 32, 32, 3]."""
    for piece, own in zip(data, labels, strict=True):
        if not isinstance(piece, np.ndarray) or piece.shape != (len(own), 3072):
            raise DataError(f"{str(path)!r}: a file's data is no array of {len(own)} rows of 3,072 bytes; is it whole?")
    planes = np.concatenate(list(data)).reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), np.concatenate([np.asarray(y, np.int64) for y in labels])


def _finished(
    path: Path,
    classes: Sequence[str | bytes],
    train: _Part,
    test: _Part,
    split_seed: int,
    train_ids: NDArray[np.str_] | None = None,
) -> Dataset:
    names = {
        "train": ids("train", len(train[1])) if train_ids is None else train_ids,
        "test": ids("test", len(test[1])),
    }
    parts = {key: Split(*part, names[key]) for key, part in (("train", train), ("test", test))}
    for key, part in parts.items():
        if part.labels.min() < 0 or part.labels.max() >= len(classes):
            raise DataError(f"{str(path)!r}: {key} has label {part.labels.max()}; expected 0 to {len(classes) - 1}")
    named = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in classes)
    return completed(str(path), named, parts, split_seed)


_FORMS: dict[tuple[str, ...], Binary] = {
    ("batches.meta", "data_batch_1"): Binary("CIFAR-10", _cifar10_pickles),
    ("batches.meta.txt", "data_batch_1.bin"): Binary("CIFAR-10", _cifar10_records),
    ("meta", "train"): Binary("CIFAR-100", _cifar100_pickles),
    ("fine_label_names.txt", "train.bin"): Binary("CIFAR-100", _cifar100_records),
    ("train_32x32.mat",): Binary("SVHN", _svhn, ("extra",)),
}
