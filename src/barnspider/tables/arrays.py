"""npz files -> Predictions: our own, and the plain arrays that people save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import as_answers, as_rows, class_names, to_index
from barnspider.errors import InputError, listing
from barnspider.files import read_arrays
from barnspider.predictions import Predictions, from_saved, with_classes

Arrays = dict[str, NDArray[Any]]

KNOWN = ("label", "guess", "arm", "seed", "dose", "p_label", "classes", "sample", "on")


def from_npz(
    path: Path, *, classes: Sequence[str] | None = None, paired: bool = False, on: str | None = None
) -> Predictions:
    """Read an .npz file, written by `Predictions.save` or holding the arrays that `read_table` names.

    Raises
    ------
    InputError
        Naming the file and the array.
    """
    where, arrays = repr(str(path)), read_arrays(path)
    if "about" in arrays:
        preds = from_saved(where, arrays)
        preds = preds if classes is None else with_classes(preds, tuple(classes))
        preds = replace(preds, paired=paired or preds.paired)
    else:
        try:
            preds = _plain(path, arrays, classes, paired)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    if on is not None and preds.on != on:
        raise InputError(f"on={on!r} is not in {where}: it is about {preds.on!r}")
    return preds


def _plain(path: Path, arrays: Arrays, classes: Sequence[str] | None, paired: bool) -> Predictions:
    absent = [name for name in ("label", "guess") if name not in arrays]
    if absent:
        raise InputError(
            f"there is no array {' and no array '.join(map(repr, absent))}; it holds {listing(arrays) or 'nothing'};"
            f" expected label, guess, and optionally {', '.join(KNOWN[2:])}"
        )
    label, guess = as_answers("label", arrays["label"]), as_rows("guess", arrays["guess"])
    if label.ndim != 1:
        raise InputError(f"label has shape {label.shape}; expected [samples] (of one-hot labels, give the argmax)")
    given = classes if classes is not None else _texts(arrays, "classes", None)
    names = class_names(given, [label, guess])
    index = {name: i for i, name in enumerate(names)}
    arm = _texts(arrays, "arm", [path.stem] * len(guess)) or []
    sample = _texts(arrays, "sample", [str(i) for i in range(len(label))])
    return Predictions(
        guess=to_index("guess", guess, index),
        label=to_index("label", label, index),
        arm=tuple(arm),
        seed=_seeds(arrays, arm),
        dose=_doses(arrays, len(guess)),
        classes=names,
        sample=np.array(sample, dtype=np.str_),
        on=_on(arrays),
        p_label=_probabilities(arrays),
        paired=paired,
    )


def _texts(arrays: Arrays, name: str, default: list[str] | None) -> list[str] | None:
    """Return an array of names, or of whole numbers, as a list of texts."""
    if name not in arrays:
        return default
    array = np.atleast_1d(arrays[name])
    if array.ndim != 1 or array.dtype.kind not in "Uiu":
        raise InputError(f"{name} has type {array.dtype} and shape {array.shape}; expected names, in one dimension")
    return [str(item) for item in array]


def _on(arrays: Arrays) -> str:
    values = _texts(arrays, "on", [""]) or []
    if len(values) != 1:
        raise InputError(f"on has {len(values)} values; expected one: which images these are")
    return values[0]


def _seeds(arrays: Arrays, arm: list[str]) -> tuple[int, ...]:
    if "seed" not in arrays:
        return tuple(arm[:i].count(name) for i, name in enumerate(arm))
    seed = np.atleast_1d(arrays["seed"])
    if seed.ndim != 1 or seed.dtype.kind not in "iuf" or not bool(np.all(np.isfinite(seed) & (seed == np.trunc(seed)))):
        raise InputError(f"seed has type {seed.dtype} and shape {seed.shape}; expected one whole number for each run")
    return tuple(int(s) for s in seed)


def _doses(arrays: Arrays, count: int) -> tuple[float | None, ...]:
    if "dose" not in arrays:
        return (None,) * count
    dose = np.atleast_1d(arrays["dose"])
    if dose.ndim != 1 or dose.dtype.kind not in "iuf":
        raise InputError(f"dose has type {dose.dtype} and shape {dose.shape}; expected one number for each run")
    return tuple(None if np.isnan(d) else float(d) for d in dose)


def _probabilities(arrays: Arrays) -> NDArray[np.float32] | None:
    if "p_label" not in arrays:
        return None
    values = np.atleast_2d(arrays["p_label"])
    if values.dtype.kind not in "iuf":
        raise InputError(f"p_label has type {values.dtype}; expected probabilities [runs, samples]")
    return values.astype(np.float32)
