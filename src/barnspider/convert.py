"""What people bring as labels, answers, seeds, doses, ids -> exact arrays. Nothing is rounded, guessed or dropped."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from barnspider.errors import InputError, listing

Ints = NDArray[np.integer[Any]]

LARGEST = 2**53  # the largest whole number up to which a float is exact
MOST_CLASSES = 1_000_000


def as_answers(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return Int[...] or Str[...]; whole floats become integers, everything else is refused.

    Raises
    ------
    InputError
        For booleans, fractions, missing values, negative numbers, objects, and names mixed with numbers.

    Examples
    --------
    >>> as_answers("label", [0.0, 2.0]).tolist()
    [0, 2]
    """
    array = _array(name, on_host(values))
    if array.dtype.kind in "OT":
        array = _plain(name, array.astype(object))
    if array.dtype.kind in "SU":
        return _texts(name, array)
    if array.dtype.kind == "b":
        raise InputError(f"{name} is boolean; expected the class of each answer, not whether it was right")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} has type {array.dtype}; expected whole numbers or class names")
    return _whole(name, array)


def as_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return what was given as an array, without looking at its values; `InputError` for what is none."""
    return _array(name, on_host(values))


def on_host(values: Any) -> Any:
    """Return a torch tensor as an array: from any device, with or without a gradient; leave all else as it is.

    A type that NumPy has not (bfloat16) becomes float32, which holds it exactly.
    """
    if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
        return [on_host(item) for item in values]
    detach = getattr(values, "detach", None)
    if detach is None:
        return values
    tensor = detach().cpu()
    return (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()


def _array(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return an array of what was given, but not where NumPy would have to change some of it."""
    kinds = _kinds(values)
    if len(kinds) > 1:
        raise InputError(
            f"{name} mixes {listing(sorted(kinds))}; expected whole numbers or class names, all of one kind"
        )
    if kinds == {"text ending with NUL"}:
        raise InputError(f"{name} has a class name that ends with a NUL character; remove it")
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} is no array ({error}); expected rows of equal length") from None


def _kinds(values: Any) -> set[str]:
    """Return what kinds of things a nested list holds; nothing for an array, whose type tells."""
    if not isinstance(values, list | tuple):
        return set()
    items: Sequence[Any] = values
    if items and (isinstance(items[0], list | tuple) or getattr(items[0], "ndim", 0)):
        return {kind for item in items for kind in _kinds(item)}
    names = {_kind(t) for t in set(map(type, items))}
    if names == {"text"} and any(str(item).endswith("\0") for item in items):
        return {"text ending with NUL"}
    return names


def _kind(kind: type) -> str:
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, bool | np.bool_):
        return "bool"
    return "numbers" if issubclass(kind, int | float | np.number) else kind.__name__


def _texts(name: str, array: NDArray[Any]) -> NDArray[Any]:
    try:
        return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array.astype(np.str_)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{name} holds what is no text ({error}); expected whole numbers or class names") from None


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    kinds = {type(item) for item in array.flat}
    if kinds <= {str}:
        _array(name, array.ravel().tolist())
        return array.astype(np.str_)
    if kinds and all(issubclass(k, int | np.integer) and k is not bool for k in kinds):
        if max(array.flat) > LARGEST or min(array.flat) < -LARGEST:
            raise InputError(f"{name} holds {max(array.flat, key=abs)}; expected a class from 0 up, or class names")
        return array.astype(np.int64)
    names = listing(sorted(k.__name__ for k in kinds))
    raise InputError(f"{name} holds objects ({names}); expected whole numbers or class names, all of one kind")


def _whole(name: str, array: NDArray[Any]) -> Ints:
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array) | (array != np.trunc(array)) | (np.abs(array) > LARGEST)
        if bad.any():
            raise InputError(
                f"{_at(name, array, bad)} is no class; expected whole numbers or class names"
                " (of logits or probabilities, give the argmax)"
            )
        array = array.astype(np.int64)
    if array.size and array.min() < 0:
        raise InputError(f"{_at(name, array, array < 0)} is negative; expected a class from 0 up")
    return array


def _at(name: str, array: NDArray[Any], bad: NDArray[np.bool_]) -> str:
    """Return "name[place]=value" of the first bad value."""
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{name}{list(where)}={array[where]}"


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
    items: Any = on_host(label)
    if hasattr(items, "dtype"):  # an array or a column: of objects, when it holds sets
        array = np.asarray(items)
        items = list(array) if array.dtype.kind == "O" else array
    if isinstance(items, np.ndarray) or not any(_is_collection(item) for item in items):
        return _one_each(as_answers("label", items)), None
    sets = [_members(i, item) for i, item in enumerate(items)]
    empty = [i for i, s in enumerate(sets) if not s]
    if empty:
        raise InputError(
            f"label[{empty[0]}] is an empty set; leave out the samples without a label ({len(empty)} of them)"
        )
    flat = as_answers("label", [x for s in sets for x in s])
    size = np.array([len(s) for s in sets])
    padded = np.full((len(sets), size.max()), "" if flat.dtype.kind == "U" else -1, dtype=_signed(flat))
    padded[np.arange(size.max()) < size[:, None]] = flat
    return padded[:, 0], padded


def _one_each(label: NDArray[Any]) -> NDArray[Any]:
    if label.ndim != 1:
        raise InputError(f"label has shape {label.shape}; expected [samples] ({not_flat(label)})")
    return label


def not_flat(label: NDArray[Any]) -> str:
    """Return what to do with labels that are no plain list.

    Examples
    --------
    >>> not_flat(np.zeros((5, 1))), not_flat(np.zeros((5, 3)))
    ('flatten it: label.ravel()', 'of one-hot labels, give the argmax')
    """
    return "flatten it: label.ravel()" if label.ndim > 1 and label.size == max(label.shape) else _ONE_HOT


_ONE_HOT = "of one-hot labels, give the argmax"


def _members(place: int, item: Any) -> list[Any]:
    """Return the acceptable classes of one sample."""
    if not _is_collection(item):
        raise InputError(f"label[{place}]={item!r} is no set, but others are; give each sample a set or list")
    try:
        return sorted(item) if isinstance(item, set | frozenset) else list(item)
    except TypeError as error:
        raise InputError(f"label[{place}] mixes kinds ({error}); expected whole numbers or class names") from None


def _signed(flat: NDArray[Any]) -> np.dtype[Any]:
    """Return a type that can also hold -1."""
    return flat.dtype if flat.dtype.kind != "u" else np.dtype(np.int64)


def _is_collection(item: object) -> bool:
    return isinstance(item, set | frozenset | list | tuple | np.ndarray)


def class_names(given: Sequence[str] | None, arrays: Iterable[NDArray[Any] | None]) -> tuple[str, ...]:
    """Return the class names: as given, or all names that occur, or "0" up to the largest index.

    Raises
    ------
    InputError
        When a given name stands twice, arrays of names stand beside arrays of numbers, or a number is too large
        to be an index.
    """
    if given is not None:
        return _distinct(tuple(str(name) for name in given))
    present = [a for a in arrays if a is not None and a.size]
    texts = [a for a in present if a.dtype.kind == "U"]
    if texts and len(texts) < len(present):
        raise InputError(
            "some labels or answers are names and others numbers; expected one kind, or give `classes`"
            " (--classes FILE): numbers are then indices into it"
        )
    if texts:
        return tuple(sorted({str(name) for a in texts for name in np.unique(a)} - {""}))
    largest = max((int(a.max()) for a in present), default=-1)
    if largest >= MOST_CLASSES:
        raise InputError(f"the largest class is {largest}; expected indices from 0 up, without gaps, or class names")
    return tuple(str(i) for i in range(1 + largest))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"classes has names that stand more than once: {listing(map(repr, twice))}")
    return names


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
            where = _at(name, array, array >= len(index))
            raise InputError(f"{where} is no class; expected 0 to {len(index) - 1} ({len(index)} classes)")
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


def places(name: str, chosen: ArrayLike | None, count: int) -> NDArray[np.intp]:
    """Return the positions that a mask or a list of positions means; `InputError` when it does not fit."""
    if chosen is None:
        return np.arange(count)
    array = np.asarray(chosen)
    array = array.astype(np.intp) if not array.size else array
    try:
        return np.arange(count)[array]
    except IndexError as error:
        raise InputError(
            f"{name} cannot be chosen: {error}; expected a mask of {count}, or positions below it"
        ) from None


def check_arms(blocks: Mapping[str, Any], **options: Any) -> None:
    """Raise `InputError` where an option that maps from arms names one that is not there or, of seeds, lacks one."""
    for name, option in options.items():
        if isinstance(option, Mapping):
            unknown = [str(arm) for arm in option if arm not in blocks]
            absent = [arm for arm in blocks if arm not in option] if name == "seeds" else []
            if unknown or absent:
                raise InputError(f"{name} has arms {listing(option)}; expected those of guess: {listing(blocks)}")


def seeds_of(arm: str, count: int, seeds: Mapping[str, Sequence[int]] | Sequence[int] | None) -> list[int]:
    """Return an arm's seeds; 0, 1, ... where none are given. `InputError` when they are not one for each run."""
    given = range(count) if seeds is None else seeds[arm] if isinstance(seeds, Mapping) else seeds
    if len(given) != count:
        raise InputError(f"seeds for arm {arm!r} are {len(given)}; expected {count}, one for each of its runs")
    try:
        return [operator.index(s) for s in given]
    except TypeError:
        raise InputError(f"seeds={given!r} for arm {arm!r} are not whole numbers; expected such as 0, 1, 2") from None


def number(dose: Mapping[str, float | None], arm: str) -> float | None:
    """Return an arm's dose, None where it has none; `InputError` when it is no number."""
    value = dose.get(arm)
    if isinstance(value, str | bytes) or not np.isscalar(value if value is not None else 0.0):
        raise InputError(f"dose[{arm!r}]={value!r} is no number; expected one, or None where it is one for each class")
    return None if value is None else float(value)


def ids(sample: Iterable[object]) -> NDArray[np.str_]:
    """Return Str[N]; `InputError` for an id that numpy would cut."""
    names = [str(s) for s in sample]
    if any(name.endswith("\0") for name in names):
        raise InputError("sample has an id that ends with a NUL character; remove it")
    return np.array(names, dtype=np.str_)


def stack_probabilities(p_label: Mapping[str, ArrayLike], blocks: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return Float[R, N], in the order of the arms; `InputError` when it does not fit the answers."""
    if set(p_label) != set(blocks):
        raise InputError(f"p_label has arms {sorted(p_label)}; expected those of guess: {sorted(blocks)}")
    try:
        rows = {arm: np.atleast_2d(np.asarray(on_host(p_label[arm]), dtype=np.float32)) for arm in blocks}
    except (TypeError, ValueError) as error:
        raise InputError(f"p_label holds what is no number ({error}); expected probabilities [runs, samples]") from None
    for arm, block in blocks.items():
        if rows[arm].shape != block.shape:
            raise InputError(f"p_label[{arm!r}] has shape {rows[arm].shape}; expected {block.shape}, that of guess")
    return np.concatenate(list(rows.values()))
