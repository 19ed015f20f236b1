"""What a command left -> one run's answers, checked: by the tables' own rules, and against the runs before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barnspider.errors import InputError, listing
from barnspider.files import read_arrays
from barnspider.joining import with_classes
from barnspider.lab.command.sweep import CommandRun
from barnspider.predictions import Predictions
from barnspider.store import Answers, Images
from barnspider.tables import read_table
from barnspider.tables.class_list import natural
from barnspider.tables.formats import ARRAYS, kind_of
from barnspider.tables.rows import names_in

SPLITS = {"test": "out", "validation": "out_validation"}
"""The images that a command may answer, and the placeholder of the file where it leaves its answers."""

MAGIC = {b"PK\x03\x04": ".npz", b"PAR1": ".parquet"}
"""How files begin whose names do not say what they are."""


def left_at(place: Path) -> Path:
    """Return the file that a command left at {out}: with any known ending, or with none.

    Raises
    ------
    InputError
        When there is none, more than one, a folder, or an empty file.
    """
    found = [path for path in sorted(place.parent.glob("*")) if path.name.partition(".")[0] == place.name]
    if len(found) != 1:
        what = listing(path.name.replace(place.name, "{out}", 1) for path in found)
        raise InputError(f"it left {what}; expected one" if found else "it left no file at {out}")
    path = found[0]
    if not path.is_file():
        raise InputError("it left a folder at {out}; expected a file (CSV, Parquet or npz)")
    if not path.stat().st_size:
        raise InputError("it left an empty file at {out}")
    if not path.suffix:
        with path.open("rb") as file:
            path = path.rename(path.with_suffix(MAGIC.get(file.read(4), ".csv")))
    return path


def read_one(path: Path, run: CommandRun) -> Predictions:
    """Read the answers of one run, from whatever `read_table` reads; columns `arm` and `seed` may be absent.

    Raises
    ------
    InputError
        As `read_table`, naming the row; and when the file holds several runs, or says it is of another run.
    """
    given = run.command.classes or None
    try:
        preds = read_table(path, classes=given)
    except InputError as error:
        raise InputError(str(error).replace(str(path), path.name)) from None
    if len(preds.arm) != 1:
        raise InputError(f"{path.name!r} holds {len(preds.arm)} runs; expected the answers of one")
    stated = _stated(path)
    for name, said, expected in (("seed", preds.seed[0], run.seed), ("dose", preds.dose[0], run.dose)):
        if name in stated and said is not None and expected is not None and said != expected:
            raise InputError(f"{path.name!r} says that its {name} is {said:g}; this run's is {expected:g}")
    return preds


def _stated(path: Path) -> set[str]:
    """Return what a file says of itself, by the names of its columns or arrays."""
    if kind_of(path) not in ARRAYS:
        return set(names_in(path))
    names = set(read_arrays(path)) if kind_of(path) == "npz" else set[str]()
    return names | {"seed", "dose"} if "about" in names else names


@dataclass(frozen=True, eq=False)
class Harvest:
    """One run's answers to each split that its command answers, about the same classes."""

    splits: dict[str, Predictions]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all splits."""
        return self.splits["test"].classes

    def like(self, first: Harvest) -> Harvest:
        """Return the same with images and classes in the order of the first run.

        Raises
        ------
        InputError
            When the runs are about other classes, samples or labels, naming them.
        """
        if set(self.splits) != set(first.splits):
            raise InputError(
                f"it answers {listing(self.splits)} images, runs before it {listing(first.splits)}; expected the same"
            )
        return Harvest({split: _aligned(preds, first.splits[split], split) for split, preds in self.splits.items()})

    def images(self) -> dict[str, Images]:
        """Return what the answers are about."""
        return {split: Images(preds.label, preds.sample) for split, preds in self.splits.items()}

    def answers(self) -> dict[str, Answers]:
        """Return what a store keeps of the run."""
        return {
            split: Answers(preds.guess[0], None if preds.p_label is None else preds.p_label[0])
            for split, preds in self.splits.items()
        }

    def fingerprint(self, name: str) -> str:
        """Return what stands for the images of this name: their labels, ids and classes."""
        parts = [hashlib.sha256("\0".join([name, *self.classes]).encode("utf-8", "surrogatepass"))]
        for _, preds in sorted(self.splits.items()):
            names = "\0".join(preds.sample.tolist()).encode("utf-8", "surrogatepass")
            parts.append(hashlib.sha256(names + b"\0" + preds.label.astype("<i4").tobytes()))
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()[:32]


def harvest(places: Mapping[str, Path], run: CommandRun) -> Harvest:
    """Read what a command left at the place of each split; the classes are those of all of them.

    Raises
    ------
    InputError
        As `left_at` and `read_one`.
    """
    splits: dict[str, Predictions] = {}
    for split, place in places.items():
        try:
            splits[split] = read_one(left_at(place), run)
        except InputError as error:
            raise InputError(str(error).replace("{out}", f"{{{SPLITS[split]}}}")) from None
    if len({preds.classes for preds in splits.values()}) > 1:
        names = sorted({name for preds in splits.values() for name in preds.classes}, key=natural)
        splits = {split: with_classes(preds, names) for split, preds in splits.items()}
    return Harvest(splits)


def _aligned(preds: Predictions, first: Predictions, split: str) -> Predictions:
    """Return the answers in the order of the first run's."""
    if preds.classes != first.classes:
        preds = _in_classes(preds, first)
    order = {name: place for place, name in enumerate(preds.sample.tolist())}
    lacking = [name for name in first.sample.tolist() if name not in order]
    others = len(order) - (len(first.sample) - len(lacking))
    if lacking or others:
        known = set(first.sample.tolist())
        strange = listing((repr(name) for name in order if name not in known), most=5)
        raise InputError(
            f"it answers {len(order)} {split} images, the runs before it {len(first.sample)}; it lacks"
            f" {listing(map(repr, lacking), most=5) or 'none'}, and has besides {strange or 'none'}"
        )
    moved = preds.where(samples=[order[name] for name in first.sample.tolist()])
    if len(differ := np.flatnonzero(moved.label != first.label)):
        at = int(differ[0])
        raise InputError(
            f"it labels {split} image {str(first.sample[at])!r} {first.classes[moved.label[at]]!r}, the runs before it"
            f" {first.classes[first.label[at]]!r} ({len(differ)} such images)"
        )
    return moved


def _in_classes(preds: Predictions, first: Predictions) -> Predictions:
    if unknown := [name for name in preds.classes if name not in first.classes]:
        raise InputError(
            f"it knows the classes {listing(map(repr, unknown), most=5)}, which the runs before it do not; where a run"
            ' may never name a class, name them all in the study file: classes = ["...", "..."]'
        )
    return with_classes(preds, first.classes)
