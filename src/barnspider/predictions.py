"""Predictions: what runs answered on the same images. The waist of the hourglass.

Every way of making or bringing answers ends here, and every question about them starts here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from barnspider.convert import (
    Ints,
    as_rows,
    check_arms,
    class_names,
    first_and_accepted,
    ids,
    number,
    places,
    seeds_of,
    stack_probabilities,
    to_index,
)
from barnspider.errors import InputError, listing, pick
from barnspider.files import read_arrays, write_whole
from barnspider.names import visible

SCHEMA = "barnspider/predictions/1"
COMMON = '--samples common (in Python samples="common")'
NONE = "(none)"
"""The group of what nothing is said of; it is a group like any other, and so is seen."""


@dataclass(frozen=True)
class LeftOut:
    """A run that was planned but has no answers here, and why: "missing", "diverged", "damaged", "failed: no luck"."""

    arm: str
    seed: int
    why: str


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers of R runs on the same N images.

    Attributes
    ----------
    guess : Int[R, N]
        The class that each run gave to each image, as an index into `classes`.
    label : Int[N]
        The true class of each image.
    arm, seed, dose : one for each run
        Runs of one arm differ only in their seed. The dose is None where it is unknown or one per class.
    classes : names, without duplicates
    sample : Str[N]
        Ids of the images, without duplicates: joins are by id, never by position.
    on : which images these are, such as "fashion-mnist/test"
    p_label : Float[R, N] or None
        The probability that each run gave to the true class.
    accepted : Int[N, k] or None
        Where more than one answer is right: all acceptable classes of each image, padded with -1.
    paired : bool
        Whether runs of equal seed in different arms share their random numbers (the design says so, never the data).
    same_models : bool
        Whether the runs are draws about the same models: they tell nothing of how other models would answer.
    left_out : runs that are missing, and why
    group : Int[N] or None
        Where effects are told of groups of images instead of classes (see `grouped`): each image's, of `groups`.
    groups, by : the groups' names, and what to call the grouping
    group_of : Int[C] or None
        Where groups are of classes: each class's, of `groups`. None where they are of images one by one.
    unlabelled : int
        How many images are left out here since no label of theirs is right (see `with_label_sets`).

    Raises
    ------
    InputError
        When shapes disagree, an index is no class, or an id, a class name or an (arm, seed) stands twice.
    """

    guess: Ints
    label: Ints
    arm: tuple[str, ...]
    seed: tuple[int, ...]
    dose: tuple[float | None, ...]
    classes: tuple[str, ...]
    sample: NDArray[np.str_]
    on: str = ""
    p_label: NDArray[np.float32] | None = None
    accepted: Ints | None = None
    paired: bool = False
    same_models: bool = False
    left_out: tuple[LeftOut, ...] = ()
    unlabelled: int = 0
    group: Ints | None = None
    groups: tuple[str, ...] = ()
    by: str = ""
    group_of: Ints | None = None

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_values(self)
        for name in ("guess", "label", "sample", "p_label", "accepted", "group", "group_of"):
            array = getattr(self, name)
            if array is not None:
                array = array.view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    @classmethod
    def from_arrays(
        cls,
        label: ArrayLike | Sequence[Iterable[Any]],
        guess: Mapping[str, ArrayLike],
        *,
        classes: Sequence[str] | None = None,
        seeds: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
        dose: Mapping[str, float] | None = None,
        sample: Sequence[object] | None = None,
        on: str = "",
        p_label: Mapping[str, ArrayLike] | None = None,
        paired: bool = False,
    ) -> Predictions:
        """Make Predictions from arrays: arm -> Int[runs, N], or Int[N] for an arm of one run.

        Parameters
        ----------
        label
            Int[N], or names, or a list of sets of acceptable classes. An image with several acceptable classes
            belongs to the first one listed (of a Python `set`: the smallest); one with an empty set is refused.
        guess
            The answers of each arm, as indices into `classes` or as names.
        classes
            Names; by default the names that occur, or "0", "1", ... up to the largest index.
        seeds
            One list for all arms or one for each; by default 0, 1, 2, ...
        paired
            Say True only when runs of equal seed share their randomness across arms.

        Raises
        ------
        InputError
            When shapes disagree, an answer is no class, or a number is not whole.

        Examples
        --------
        >>> preds = Predictions.from_arrays([0, 1, 1], {"plain": [[0, 1, 1]], "mixup": [[0, 0, 1]]})
        >>> preds.correct().mean(axis=1).round(2).tolist()
        [1.0, 0.67]
        """
        if not guess:
            raise InputError("guess={} has no arm; expected a mapping: arm -> Int[runs, samples]")
        first, accepted = first_and_accepted(label)
        blocks = {arm: as_rows(f"guess[{arm!r}]", rows) for arm, rows in guess.items()}
        names = class_names(classes, [first, accepted, *blocks.values()])
        index = {name: i for i, name in enumerate(names)}
        check_arms(blocks, seeds=seeds, dose=dose)
        seed_of = {arm: seeds_of(arm, len(rows), seeds) for arm, rows in blocks.items()}
        runs = [(arm, s) for arm in blocks for s in seed_of[arm]]
        return cls(
            guess=np.concatenate([to_index(f"guess[{a!r}]", b, index) for a, b in blocks.items()]),
            label=to_index("label", first, index),
            arm=tuple(arm for arm, _ in runs),
            seed=tuple(s for _, s in runs),
            dose=tuple(None if dose is None else number(dose, arm) for arm, _ in runs),
            classes=names,
            sample=ids(range(len(first)) if sample is None else sample),
            on=on,
            p_label=None if p_label is None else stack_probabilities(p_label, blocks),
            accepted=None if accepted is None else to_index("label", accepted, index, pad=True),
            paired=paired,
        )

    def __repr__(self) -> str:
        """Say in one line what is here: the arrays may hold millions of answers."""
        on = f" of {visible(self.on)}" if self.on else ""
        sizes = f"{len(self.arm):,} runs, {len(self.label):,} samples{on}, {len(self.classes):,} classes"
        return f"<Predictions: {sizes}; arms: {listing(self.arms, most=5)}>"

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, in order of first appearance."""
        return tuple(dict.fromkeys(self.arm))

    @property
    def units(self) -> tuple[str, ...]:
        """What effects are told of: groups where there are some, else classes."""
        return self.classes if self.group is None else self.groups

    @property
    def unit(self) -> Ints:
        """Int[N]: the group of each image where there are groups, else its class."""
        return self.label if self.group is None else self.group

    @property
    def answered(self) -> Ints | None:
        """Int[C]: which of `units` an answer is of, by its class; None where groups are of images one by one."""
        return np.arange(len(self.classes)) if self.group is None else self.group_of

    def rows(self, arm: str) -> NDArray[np.intp]:
        """Return the row numbers of an arm's runs; `InputError` when there is no such arm."""
        pick("arm", arm, self.arms)
        return np.flatnonzero(np.array([a == arm for a in self.arm]))

    def dose_of(self, arm: str) -> float | None:
        """Return the arm's dose, None where it is unknown or one per class."""
        return self.dose[int(self.rows(arm)[0])]

    def correct(self) -> NDArray[np.bool_]:
        """Return Bool[R, N]: was the answer the true class, or one of the acceptable ones?"""
        if self.accepted is None:
            return self.guess == self.label
        right = self.guess == self.accepted[:, 0]
        for column in self.accepted.T[1:]:
            right |= self.guess == column
        return right

    def where(
        self,
        *,
        arms: Iterable[str] | None = None,
        runs: ArrayLike | None = None,
        samples: ArrayLike | None = None,
    ) -> Predictions:
        """Return the part with these arms, these runs (rows) and these samples (mask or positions).

        Raises
        ------
        InputError
            When there is no such arm, run or sample, or one is asked for twice.

        Examples
        --------
        >>> preds = Predictions.from_arrays([0, 1], {"a": [[0, 1], [1, 1]], "b": [[0, 0]]})
        >>> preds.where(arms=["a"], samples=[1]).guess.tolist()
        [[1], [1]]
        """
        keep = places("runs", runs, len(self.arm))
        wanted = {*self.arms, *(x.arm for x in self.left_out)}
        if arms is not None:
            wanted = {pick("arm", arm, self.arms) for arm in arms}
            keep = np.array([r for r in keep if self.arm[r] in wanted], dtype=np.intp)
        columns = slice(None) if samples is None else places("samples", samples, len(self.label))
        return replace(
            self,
            guess=self.guess[keep][:, columns],
            label=self.label[columns],
            arm=tuple(self.arm[r] for r in keep),
            seed=tuple(self.seed[r] for r in keep),
            dose=tuple(self.dose[r] for r in keep),
            sample=self.sample[columns],
            p_label=None if self.p_label is None else self.p_label[keep][:, columns],
            accepted=None if self.accepted is None else self.accepted[columns],
            group=None if self.group is None else self.group[columns],
            left_out=tuple(x for x in self.left_out if x.arm in wanted),
        )

    def save(self, path: str | Path) -> Path:
        """Write everything to one .npz file without pickles, whole or not at all; `load` gives it back."""
        about = {
            "schema": SCHEMA, "arm": self.arm, "seed": self.seed, "dose": self.dose, "classes": self.classes,
            "on": self.on, "paired": self.paired, "same_models": self.same_models,
            "left_out": [[x.arm, x.seed, x.why] for x in self.left_out], "unlabelled": self.unlabelled,
            "groups": self.groups, "by": self.by,
        }  # fmt: skip
        arrays: dict[str, NDArray[Any]] = {"guess": self.guess, "label": self.label, "sample": self.sample}
        for name in ("p_label", "accepted", "group", "group_of"):
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        return write_whole(Path(path), lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Predictions:
        """Read what `save` wrote. `InputError` when the file is something else or damaged."""
        return from_saved(repr(str(path)), read_arrays(Path(path)))


def from_saved(where: str, arrays: Mapping[str, NDArray[Any]]) -> Predictions:
    """Return the Predictions whose arrays `save` wrote to the file that `where` names.

    Raises
    ------
    InputError
        When they are something else, of another version, or do not fit together.
    """
    if "about" not in arrays:
        raise InputError(f"{where} has no 'about'; it was not written by Predictions.save")
    try:
        about = json.loads(arrays["about"].tobytes())
        schema = about.pop("schema", None)
        about["left_out"] = tuple(LeftOut(*x) for x in about.get("left_out", ()))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: 'about' cannot be read ({error}); the file is damaged") from error
    if schema != SCHEMA:
        raise InputError(f"{where} has schema {schema!r}; this version reads {SCHEMA!r}")
    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in about.items()}
    given.update((name, array) for name, array in arrays.items() if name != "about")
    names = {field.name: field.default is MISSING for field in fields(Predictions)}
    wrong = [name for name, required in names.items() if required and name not in given] + sorted(
        set(given) - set(names)
    )
    if wrong:
        raise InputError(f"{where} lacks, or does not know, {listing(wrong)}; the file is damaged")
    try:
        return Predictions(**given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_shapes(p: Predictions) -> None:
    n_runs, n_samples = len(p.arm), len(p.label)
    expected = {
        "guess": (n_runs, n_samples), "label": (n_samples,), "sample": (n_samples,),
        "p_label": (n_runs, n_samples), "group": (n_samples,), "seed": (n_runs,), "dose": (n_runs,),
    }  # fmt: skip
    for name, shape in expected.items():
        value = getattr(p, name)
        if value is not None and np.shape(value) != shape:
            raise InputError(
                f"{name} has shape {np.shape(value)}; expected {shape}: {n_runs} runs, {n_samples} samples"
            )
    if p.group_of is not None and (p.group is None or np.shape(p.group_of) != (len(p.classes),)):
        raise InputError(f"group_of has shape {np.shape(p.group_of)}; expected ({len(p.classes)},), beside group")
    if p.accepted is not None and (p.accepted.ndim != 2 or len(p.accepted) != n_samples):
        raise InputError(f"accepted has shape {p.accepted.shape}; expected ({n_samples}, k)")


def _check_values(p: Predictions) -> None:
    _check_unique("class name", p.classes)
    _check_unique("sample id", p.sample.tolist())
    _check_unique("(arm, seed)", list(zip(p.arm, p.seed, strict=True)))
    for name, low in (("guess", 0), ("label", 0), ("accepted", -1)):
        array = getattr(p, name)
        if array is None or not array.size:
            continue
        if array.dtype.kind not in "iu" or array.min() < low or array.max() >= len(p.classes):
            raise InputError(f"{name} must hold class indices from {low} to {len(p.classes) - 1}, as integers")
    if p.group is not None and p.group.size:
        whole = p.group.dtype.kind in "iu" and p.group.min() >= 0 and p.group.max() < len(p.groups)
        if not whole or len(set(p.groups)) < len(p.groups):
            raise InputError(f"group must hold places in groups, {len(p.groups)} distinct names, as integers")
    if p.group_of is not None:
        _check_groups_of_classes(p.group_of, p)
    if p.sample.dtype.kind != "U":
        raise InputError(f"sample has type {p.sample.dtype}; expected texts, one id for each image")
    _check_doses(p)
    if p.p_label is not None and not bool(np.all((p.p_label >= 0) & (p.p_label <= 1))):
        raise InputError("p_label must hold probabilities from 0 to 1, without missing values")


def _check_groups_of_classes(of: Ints, p: Predictions) -> None:
    if of.dtype.kind not in "iu" or (of.size and not 0 <= of.min() <= of.max() < len(p.groups)):
        raise InputError(f"group_of must hold places in groups, {len(p.groups)} distinct names, as integers")
    if not np.array_equal(of[p.label], np.asarray(p.group)):
        raise InputError("group_of puts images into other groups than group does; expected the group of each class")


def _check_doses(p: Predictions) -> None:
    if any(d is not None and not math.isfinite(d) for d in p.dose):
        raise InputError(f"dose={p.dose} must be finite; expected a number for each run, or None where it is unknown")
    dose_of: dict[str, float | None] = {}
    for arm, dose in zip(p.arm, p.dose, strict=True):
        if dose_of.setdefault(arm, dose) != dose:
            raise InputError(
                f"arm {arm!r} has dose {dose_of[arm]} and dose {dose}; expected one for all its runs:"
                " give each dose an arm of its own"
            )


def _check_unique(what: str, items: Sequence[Any]) -> None:
    if len(set(items)) == len(items):
        return
    twice = sorted({str(i) for i, n in Counter(items).items() if n > 1})
    raise InputError(f"{what} stands more than once: {listing(map(repr, twice))}; make them distinct")
