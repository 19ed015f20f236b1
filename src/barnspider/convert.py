"""What people bring as labels and answers -> exact class indices. Nothing is rounded, guessed or dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from barnspider.errors import InputError, listing

Ints = NDArray[np.integer[Any]]


def as_answers(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return Int[...] or Str[...]; whole floats become integers, everything else is refused.

    Raises
    ------
    InputError
        For booleans, fractions, missing values, negative numbers and objects.

    Examples
    --------
    >>> as_answers("label", [0.0, 2.0]).tolist()
    [0, 2]
    """
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = _plain(name, array)
    if array.dtype.kind in "US":
        return array.astype(np.str_)
    if array.dtype.kind == "b":
        raise InputError(f"{name} is boolean; expected the class of each answer, not whether it was right")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} has type {array.dtype}; expected whole numbers or class names")
    return _whole(name, array)


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    kinds = {type(item) for item in array.flat}
    if kinds <= {str}:
        return array.astype(np.str_)
    if kinds and all(issubclass(k, (int, np.integer)) and k is not bool for k in kinds):
        return array.astype(np.int64)
    names = listing(sorted(k.__name__ for k in kinds))
    raise InputError(f"{name} holds objects ({names}); expected whole numbers or class names, all of one kind")


def _whole(name: str, array: NDArray[Any]) -> Ints:
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array) | (array != np.trunc(array))
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InputError(
                f"{name}{list(where)}={array[where]} is no class; expected whole numbers or class names"
                " (of logits or probabilities, give the argmax)"
            )
        array = array.astype(np.int64)
    if array.size and array.min() < 0:
        where = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise InputError(f"{name}{list(where)}={array[where]} is negative; expected a class from 0 up")
    return array


def as_rows(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return answers as [runs, samples]; a single run may come as [samples]."""
    array = as_answers(name, values)
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2:
        raise InputError(
            f"{name} has shape {array.shape}; expected [runs, samples] (of logits or probabilities, give the argmax)"
        )
    return array


def first_and_accepted(
    label: ArrayLike | Sequence[Iterable[Any]],
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Split labels into the class of each image and, for a list of sets, all its acceptable classes.

    The class is the first one listed, or the smallest of a Python `set`. Absent places are -1 (or "").
    """
    items: Any = label
    if isinstance(items, np.ndarray) or not len(items) or not _is_collection(items[0]):
        return as_answers("label", np.asarray(items)), None
    sets = [sorted(s) if isinstance(s, set | frozenset) else list(s) for s in items]
    empty = [i for i, s in enumerate(sets) if not s]
    if empty:
        raise InputError(
            f"label[{empty[0]}] is an empty set; leave out the samples without a label ({len(empty)} of them)"
        )
    flat = as_answers("label", [x for s in sets for x in s])
    size = np.array([len(s) for s in sets])
    padded = np.full((len(sets), size.max()), "" if flat.dtype.kind == "U" else -1, dtype=flat.dtype)
    padded[np.arange(size.max()) < size[:, None]] = flat
    return padded[:, 0], padded


def _is_collection(item: object) -> bool:
    return isinstance(item, set | frozenset | list | tuple)


def class_names(given: Sequence[str] | None, arrays: Iterable[NDArray[Any] | None]) -> tuple[str, ...]:
    """Return the class names: as given, or all names that occur, or "0" up to the largest index."""
    if given is not None:
        return tuple(str(name) for name in given)
    present = [a for a in arrays if a is not None and a.size]
    texts = [a for a in present if a.dtype.kind == "U"]
    if texts:
        return tuple(sorted({str(name) for a in texts for name in np.unique(a)} - {""}))
    return tuple(str(i) for i in range(1 + max((int(a.max()) for a in present), default=-1)))


def to_index(name: str, array: NDArray[Any], index: Mapping[str, int], *, pad: bool = False) -> Ints:
    """Turn names or numbers into indices of the smallest signed type; `pad` lets -1 (or "") through as -1.

    Raises
    ------
    InputError
        When a name is unknown or a number is not below the number of classes.
    """
    kind = smallest_int(len(index))
    if array.dtype.kind != "U":
        if array.size and array.max() >= len(index):
            where = tuple(int(i) for i in np.argwhere(array >= len(index))[0])
            raise InputError(
                f"{name}{list(where)}={array[where]} is no class; expected 0 to {len(index) - 1} ({len(index)} classes)"
            )
        return array.astype(kind)
    names, inverse = np.unique(array, return_inverse=True)
    unknown = [str(n) for n in names if str(n) not in index and not (pad and n == "")]
    if unknown:
        raise InputError(f"{name} has classes that are not in `classes`: {listing(map(repr, unknown))}")
    table = np.array([index.get(str(n), -1) for n in names], dtype=kind)
    return table[inverse].reshape(array.shape)


def smallest_int(n_classes: int) -> type[np.signedinteger[Any]]:
    """Return the signed integer type that holds -1 to `n_classes` - 1: two bytes up to 32,768 classes."""
    return np.int16 if n_classes <= 2**15 else np.int32
