"""npz and npy files -> Predictions: our own, and the plain arrays that people save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.convert import Ints, as_answers, as_rows, class_names, not_flat, to_index
from barnspider.errors import InputError, listing
from barnspider.files import StoredArray, read_array, read_array_names, read_arrays, stored_array
from barnspider.joining import with_classes
from barnspider.predictions import Predictions, from_saved
from barnspider.tables.asked import Asked, Origin
from barnspider.tables.columns import Piece
from barnspider.tables.formats import kind_of
from barnspider.tables.labels import Labels
from barnspider.tables.scores import Answered, ScoreArray, answered, as_scores, refuse_one_class
from barnspider.words import counted

Arrays = dict[str, NDArray[Any]]
Scored = Mapping[str, NDArray[Any] | StoredArray]

Kind = Literal["guess", "logits", "probabilities", "scores"]
ANSWERS: tuple[Kind, ...] = ("guess", "logits", "probabilities", "scores")
OTHER = ("arm", "seed", "dose", "p_label", "classes", "sample", "on")


def from_arrays_file(origin: Origin, asked: Asked, labels: Labels | None) -> Predictions:
    """Read an .npz file, written by `Predictions.save` or holding the arrays that `read_table` names; or an .npy.

    Raises
    ------
    InputError
        Naming the file and the array.
    """
    where = repr(str(origin.path))
    arrays, scored = _of_npz(origin.path) if kind_of(origin.path) == "npz" else _of_npy(origin.path, asked)
    if "about" in arrays:
        preds = _saved(where, arrays, origin, asked, labels)
    else:
        try:
            preds = _plain(origin, arrays, scored, asked, labels)
        except InputError as error:
            said = str(error)
            raise InputError(said if said.startswith(where) else f"{where}: {said}") from None
    if asked.on is not None and preds.on != asked.on:
        raise InputError(f"on={asked.on!r} is not in {where}: it is about {preds.on!r}")
    return preds


def _saved(where: str, arrays: Arrays, origin: Origin, asked: Asked, labels: Labels | None) -> Predictions:
    preds = from_saved(where, arrays)
    preds = preds if asked.classes is None else with_classes(preds, tuple(asked.classes))
    if known := [*origin.said, *(["label"] if labels else [])]:
        raise InputError(f"{where} was written by barnspider and says {listing(known)} itself; leave that out")
    return replace(preds, paired=asked.paired or preds.paired)


def _of_npz(path: Path) -> tuple[Arrays, Scored]:
    """Return the arrays of an .npz; scores of all classes are left where they are, as they may be large."""
    names = read_array_names(path)
    scored = [] if "about" in names else [name for name in ANSWERS if name in names and name != "guess"]
    arrays = read_arrays(path, [name for name in names if name not in scored])
    return arrays, {name: stored_array(path, name) for name in scored}


def _of_npy(path: Path, asked: Asked) -> tuple[Arrays, Scored]:
    """Whole numbers are answers; fractions are scores, of which nobody knows the kind unless it is said."""
    array = read_array(path)
    if asked.scores is not None or (array.dtype.kind == "f" and array.ndim > 1):
        return {}, {asked.scores or "scores": array}
    return {"guess": array}, {}


def _plain(origin: Origin, arrays: Arrays, scored: Scored, asked: Asked, labels: Labels | None) -> Predictions:
    kind = _kind([*arrays, *scored])
    name = f"{str(origin.path)!r}: {kind}"
    held = as_rows("guess", arrays["guess"]) if kind == "guess" else as_scores(name, scored[kind])
    sample = _texts(arrays, "sample", [str(i) for i in range(held.shape[1])]) or []
    label = _labels(arrays, [*arrays, *scored], sample, labels)
    _check_held(kind, held, label)
    names = _names(arrays, asked.classes, labels, label, held)
    index = {name: i for i, name in enumerate(names)}
    places = to_index("label", label, index)
    found = _answers(arrays, kind, held, places)
    arm = _arms(arrays, origin, len(found.guess))
    return Predictions(
        guess=to_index("guess", found.guess, index),
        label=places,
        arm=tuple(arm),
        seed=_seeds(arrays, arm, origin),
        dose=_doses(arrays, len(arm), origin),
        classes=names,
        sample=np.array(sample, dtype=np.str_),
        on=_on(arrays),
        p_label=found.p_label,
        paired=asked.paired,
    )


def _check_held(kind: Kind, held: NDArray[Any] | ScoreArray, label: NDArray[Any]) -> None:
    if isinstance(held, ScoreArray) and held.shape[2] == 1:
        refuse_one_class(held.name, label)
    if held.shape[1] != len(label):
        answers = f"{kind} has {counted(held.shape[1], 'sample')}, but label has {len(label):,}"
        raise InputError(f"{answers}; expected a label for each sample, and [runs, samples] or [samples] of answers")


def _answers(arrays: Arrays, kind: Kind, held: NDArray[Any] | ScoreArray, label: Ints) -> Answered:
    """Return the answers, and what probability the labels had: as it is said, else from the scores."""
    said = _probabilities(arrays)
    if not isinstance(held, ScoreArray):
        return Answered(held, said)
    known = kind if kind in ("logits", "probabilities") else None
    found = answered(held, known, label if said is None and len(label) == held.shape[1] else None)
    return Answered(found.guess, found.p_label if said is None else said)


def _kind(names: Sequence[str]) -> Kind:
    """Return which array holds the answers."""
    found: list[Kind] = [name for name in ANSWERS if name in names]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"there are the arrays {listing(found)}; expected one of them, as each would give the answers")
    label = "" if "label" in names else "no array 'label' and "
    raise InputError(
        f"there is {label}no array 'guess'; it holds {listing(names) or 'nothing'}; expected label, one of"
        f" {', '.join(ANSWERS[:-1])}, and optionally {', '.join(OTHER)}"
    )


def _labels(arrays: Arrays, names: Sequence[str], sample: list[str], labels: Labels | None) -> NDArray[Any]:
    if labels is None:
        if "label" not in arrays:
            raise InputError(
                f"there is no array 'label'; it holds {listing(names)}; add it, or give a file with the label of each"
                " sample: labels= (--labels FILE)"
            )
        label = as_answers("label", arrays["label"])
        if label.ndim != 1:
            raise InputError(f"label has shape {label.shape}; expected [samples] ({not_flat(label)})")
        return label
    if "label" in arrays:
        raise InputError(f"there is an array 'label', and {labels.where} was given as well; leave one of them out")
    frame = pl.DataFrame({"sample": pl.Series(sample, dtype=pl.String)})
    found = labels.of(Piece(frame, "the array", lambda row: f"sample {row} (from 0)"))
    numbers = found.cast(pl.Int64, strict=False)
    whole = labels.classes is None and not numbers.null_count() and (numbers.cast(pl.String) == found).all()
    return as_answers("label", numbers.to_numpy()) if whole else np.array(found.to_list(), dtype=np.str_)


def _names(
    arrays: Arrays,
    asked: Sequence[str] | None,
    labels: Labels | None,
    label: NDArray[Any],
    held: NDArray[Any] | ScoreArray,
) -> tuple[str, ...]:
    """Return the classes: as asked for, as file or labels say, else those that occur or have a score."""
    given = asked if asked is not None else _texts(arrays, "classes", None)
    given = labels.classes if given is None and labels is not None else given
    scored = held.shape[2] if isinstance(held, ScoreArray) else None
    names = class_names(given, [label, held if not isinstance(held, ScoreArray) else np.arange(held.shape[2])])
    if given is not None and scored is not None and len(names) != scored:
        raise InputError(f"there are scores of {scored} classes, but `classes` has {len(names)}")
    return names


def _arms(arrays: Arrays, origin: Origin, count: int) -> list[str]:
    _refuse_both(arrays, origin, "arm")
    return _texts(arrays, "arm", [origin.said.get("arm") or origin.name] * count) or []


def _refuse_both(arrays: Arrays, origin: Origin, name: str) -> None:
    if name in arrays and name in origin.said:
        raise InputError(
            f"there is an array {name!r}, and the pattern or mapping says {name}={origin.said[name]!r}; leave one out"
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


def _seeds(arrays: Arrays, arm: list[str], origin: Origin) -> tuple[int, ...]:
    _refuse_both(arrays, origin, "seed")
    if said := origin.said.get("seed"):
        if len(arm) > 1:
            raise InputError(
                f"there are {len(arm)} runs, but the pattern or mapping says seed={said}; expected one run"
            )
        return (_whole(said),)
    if "seed" not in arrays:
        return tuple(arm[:i].count(name) for i, name in enumerate(arm))
    seed = np.atleast_1d(arrays["seed"])
    if seed.ndim != 1 or seed.dtype.kind not in "iuf" or not bool(np.all(np.isfinite(seed) & (seed == np.trunc(seed)))):
        raise InputError(f"seed has type {seed.dtype} and shape {seed.shape}; expected one whole number for each run")
    return tuple(int(s) for s in seed)


def _doses(arrays: Arrays, count: int, origin: Origin) -> tuple[float | None, ...]:
    _refuse_both(arrays, origin, "dose")
    if said := origin.said.get("dose"):
        return (_number(said),) * count
    if "dose" not in arrays:
        return (None,) * count
    dose = np.atleast_1d(arrays["dose"])
    if dose.ndim != 1 or dose.dtype.kind not in "iuf":
        raise InputError(f"dose has type {dose.dtype} and shape {dose.shape}; expected one number for each run")
    return tuple(None if np.isnan(d) else float(d) for d in dose)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"seed={text!r} is no whole number; expected 0, 1, 2, ...") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"dose={text!r} is no number; expected one, or nothing where it is unknown")
    return value


def _probabilities(arrays: Arrays) -> NDArray[np.float32] | None:
    if "p_label" not in arrays:
        return None
    values = np.atleast_2d(arrays["p_label"])
    if values.dtype.kind not in "iuf":
        raise InputError(f"p_label has type {values.dtype}; expected probabilities [runs, samples]")
    return values.astype(np.float32)
