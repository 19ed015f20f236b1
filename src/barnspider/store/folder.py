"""Store: one folder of write-once run folders. A run is there whole, with its sums, or not at all.

    barnspider.json                 the format's version
    studies/<identity>/0001.json    what was planned: the sweep and its cells (arm, dose, seed, key); with its sum
    images/<fingerprint>/           the images that answers are about: labels, ids, class names
    runs/<key>/                     one run, sealed: run.json, test.npz, validation.npz, the same -averaged.npz (the
                                    answers of weights averaged over the last steps), and `seal`, the sum of run.json
    claims/<key>                    who is training a run right now; a hint that saves work, never the truth
    failed/<key>                    why a run could not be trained, until it is tried again
    logs/<key>.txt                  what a user's own command said while it made a run, the end of it
    logs/<key>/                     what it left in its last attempt, where that was refused
    prescriptions/<key>.json        the doses by class that a user's own command was given
    checkpoints/<key>               where a long run goes on after a kill, until it is sealed
    weights/<key>/                  a run's last weights, weights.safetensors, where its study keeps them; about.json
                                    has the sum, and what it takes to use them
    set-aside/                      runs that were found damaged

A run is sealed by renaming a finished folder: who comes first wins, and a torn folder cannot exist.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import StoreError, pick
from barnspider.files import cannot_write, owner, sha256, write_whole
from barnspider.predictions import LeftOut, Predictions
from barnspider.store.choosing import choose, nothing_finished, one_fingerprint
from barnspider.store.documents import (
    WEIGHTS,
    as_json,
    read_npz,
    read_sealed,
    read_summed,
    read_weights_about,
    summed,
)
from barnspider.store.packed import is_packed
from barnspider.store.placing import is_theirs, move_first, slug
from barnspider.store.reading import FORMAT, check_format, failure_in, is_described, plans_in, probabilities, read_plan
from barnspider.store.records import SPLITS, Cell, Failure, Images, Planned, Result, Study, Weights

P = TypeVar("P", bound=Planned)


@dataclass(frozen=True)
class Store:
    """A folder of sealed runs. Nothing is written before the first `write` or `plan`.

    Raises
    ------
    StoreError
        When the folder is a file, holds something else, or was written by a newer version.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        marker = self.root / "barnspider.json"
        if marker.exists():
            check_format(marker)
        elif self.root.exists() and (not self.root.is_dir() or any(map(is_theirs, self.root.iterdir()))):
            raise StoreError(
                f"{str(self.root)!r} is no store; expected an empty or new folder, or one made by barnspider"
            )

    @classmethod
    def existing(cls, root: str | Path) -> Store:
        """Open a store that must be there already; `StoreError` when it is not."""
        if is_packed(root):
            raise StoreError(f"{str(root)!r} holds answers only, packed; this takes the store of the runs themselves")
        store = cls(Path(root))
        if not (store.root / "barnspider.json").exists():
            raise StoreError(f"{str(root)!r} is no store: there is no barnspider.json; make one with `barnspider run`")
        return store

    # -- what was planned ------------------------------------------------------------------------------------

    def plan(self, identity: str, runs: Sequence[Planned], sweep: Mapping[str, Any]) -> Study:
        """Write down what shall be trained; a plan that is already the latest is not written again.

        Damaged plans are set aside: what they planned can be planned again.
        """
        self._create()
        cells = tuple(Cell(r.arm, r.dose, r.seed, r.key, r.paired, r.keeps_weights) for r in runs)
        folder = self.root / "studies" / slug(identity)
        document = {"identity": identity, "sweep": dict(sweep), "cells": [_written(c) for c in cells]}
        sound = {plan: written for plan in plans_in(folder) if (written := self._sound_plan(plan)) is not None}
        if not sound or list(sound.values())[-1] != json.loads(json.dumps(document)):
            number = max((int(plan.stem) for plan in sound), default=0) + 1
            write_whole(folder / f"{number:04d}.json", lambda file: file.write(summed(document)))
        return Study(identity, cells, sweep)

    def _sound_plan(self, plan: Path) -> dict[str, Any] | None:
        try:
            return read_summed(plan, "identity", "sweep", "cells")
        except StoreError:
            self._set_aside(plan, plan.parent.name)
            return None

    def studies(self) -> tuple[str, ...]:
        """Return the identities of the studies that were planned here."""
        plans = [plans_in(folder)[-1:] for folder in self.root.glob("studies/*")]
        return tuple(sorted(read_plan(plan)["identity"] for latest in plans for plan in latest))

    def study(self, name: str | None = None) -> Study:
        """Return the latest plan of a study, and what was sealed of its earlier plans, for other arms or seeds.

        `name` is its identity or the part before the hash; it may be left out where there is only one study besides
        those that were made of it. Where two plans have a run of the same arm and seed under two keys, since a listed
        file was changed, the later wins.
        """
        identity = self._identity(name)
        plans = [read_plan(plan) for plan in plans_in(self.root / "studies" / slug(identity))]
        latest = plans[-1]
        cells = [Cell(**c) for c in latest["cells"]]
        keys, places = {cell.key for cell in cells}, {(cell.arm, cell.seed) for cell in cells}
        earlier: list[Cell] = []
        for cell in (Cell(**c) for plan in plans[-2::-1] for c in plan["cells"]):
            if cell.key not in keys and (cell.arm, cell.seed) not in places and self._has(cell.key):
                keys.add(cell.key)
                places.add((cell.arm, cell.seed))
                earlier.append(cell)
        return Study(identity, (*cells, *earlier), latest["sweep"], tuple(earlier))

    def _identity(self, name: str | None) -> str:
        return choose(self.root, name, self.studies(), lambda identity: self.study(identity).of)

    # -- which images ----------------------------------------------------------------------------------------

    def describe_images(
        self, fingerprint: str, classes: Sequence[str], name: str, splits: Mapping[str, Images]
    ) -> None:
        """Write down, once, the labels, ids and class names of the images that runs will answer."""
        self._create()
        folder = self.root / "images" / slug(fingerprint)
        about = {"name": name, "classes": list(classes), "splits": list(splits)}
        if is_described(folder, about):
            return
        for split, images in splits.items():
            arrays = {"label": images.label, "sample": images.sample}
            write_whole(folder / f"{split}.npz", lambda file, a=arrays: np.savez_compressed(file, **a))  # pyright: ignore
        write_whole(folder / "about.json", lambda file: file.write(summed(about)))

    # -- runs ------------------------------------------------------------------------------------------------

    def missing(self, runs: Iterable[P]) -> list[P]:
        """Return the runs that are not sealed, or lack weights that are kept; what is damaged is set aside first."""
        return [run for run in runs if not self._is_sound(run.key) or self._lacks_weights(run)]

    def _lacks_weights(self, run: Planned) -> bool:
        if not run.keeps_weights or self.has_weights(run.key):
            return False
        document = self.document(run.key)
        return document is not None and document["status"] == "done"  # what diverged has none

    def write(self, key: str, result: Result) -> bool:
        """Seal a run, and keep its weights where it has some.

        False when somebody else did both first: then theirs stays, and ours is dropped.

        Raises
        ------
        StoreError
            When the disk is full or the folder cannot be written; nothing half-written stays.
        """
        self._create()
        # Weights come before the seal, which says that all is there.
        kept = result.weights is not None and self._write_weights(key, result.weights)
        with self.building(key) as building:
            for split, answers in result.answers.items():
                arrays: dict[str, NDArray[Any]] = {"guess": answers.guess}
                if answers.p_label is not None:
                    arrays["p_label"] = answers.p_label.astype(np.float16)
                write_whole(building / f"{split}.npz", lambda file, a=arrays: np.savez_compressed(file, **a))  # pyright: ignore
            self._write_document(building, key, result)
            return move_first(building, self.root / "runs" / key) or kept

    @contextlib.contextmanager
    def building(self, name: str) -> Generator[Path]:
        """Yield a folder in which something is made before it is moved to its place; nothing of it stays."""
        folder = self.root / "building" / f"{name}-{owner()}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise StoreError(cannot_write(self.root, error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _write_document(self, building: Path, key: str, result: Result) -> None:
        document = {
            "key": key, "status": result.status, "fingerprint": result.fingerprint, **result.about,
            "files": {file.name: sha256(file) for file in sorted(building.iterdir())},
        }  # fmt: skip
        write_whole(building / "run.json", lambda file: file.write(as_json(document)))
        sum_ = sha256(building / "run.json")
        write_whole(building / "seal", lambda file: file.write(sum_.encode()))

    def document(self, key: str) -> dict[str, Any] | None:
        """Return a sealed run's document, or None when there is no such run.

        Raises
        ------
        StoreError
            When the run is there but its sums are wrong.
        """
        folder = self.root / "runs" / slug(key)
        if not folder.exists():
            return None
        return read_sealed(folder, key)

    def count(self, runs: Iterable[Planned]) -> int:
        """Return how many of these runs are there, whether sound or not: a quick look."""
        return sum(self._has(run.key) for run in runs)

    def _has(self, key: str) -> bool:
        return (self.root / "runs" / slug(key)).exists()

    def _is_sound(self, key: str) -> bool:
        try:
            return self.document(key) is not None
        except StoreError:
            self._set_aside(self.root / "runs" / key, key)
            return False

    def _set_aside(self, damaged: Path, name: str) -> None:
        place = self.root / "set-aside" / f"{name}-{secrets.token_hex(4)}"
        try:
            place.parent.mkdir(exist_ok=True)
            damaged.rename(place)
        except FileNotFoundError:  # another worker has just set it aside
            return
        except OSError as error:
            raise StoreError(cannot_write(place, error)) from error

    # -- weights -----------------------------------------------------------------------------------------------

    def _write_weights(self, key: str, weights: Weights) -> bool:
        """Keep a run's weights; False when some are there already, which stay."""
        with self.building(f"{key}-weights") as building:
            file = write_whole(building / WEIGHTS, lambda file: file.write(weights.file))
            document = {"key": key, "sha256": sha256(file), **weights.about}
            write_whole(building / "about.json", lambda file: file.write(summed(document)))
            (self.root / "weights").mkdir(exist_ok=True)
            return move_first(building, self.root / "weights" / slug(key))

    def has_weights(self, key: str) -> bool:
        """Return whether a run's weights are kept and sound; damaged ones are set aside and count as missing."""
        try:
            return self.weights(key) is not None
        except StoreError:
            self._set_aside(self.root / "weights" / slug(key), f"{key}-weights")
            return False

    def weights(self, key: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the file of a run's weights and what was written down of them; None when they are not kept.

        Raises
        ------
        StoreError
            When they are there but their sums are wrong.
        """
        folder = self.root / "weights" / slug(key)
        if not folder.exists():
            return None
        return folder / WEIGHTS, read_weights_about(folder, key)

    # -- runs that failed --------------------------------------------------------------------------------------

    def note_failure(self, key: str, reason: str) -> None:
        """Write down that a run could not be trained, and why; an older note gives way.

        Raises
        ------
        StoreError
            When the disk is full or the folder cannot be written.
        """
        note = {"reason": reason, "host": socket.gethostname(), "time": time.time()}
        write_whole(self.root / "failed" / slug(key), lambda file: file.write(as_json(note)))

    def forget_failure(self, key: str) -> None:
        """Remove the note that a run failed, if there is one: it is tried again."""
        (self.root / "failed" / slug(key)).unlink(missing_ok=True)

    def failures(self) -> dict[str, Failure]:
        """Return why runs could not be trained when they were last tried, by their keys.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = Store(folder)
        ...     store.note_failure("0a1b", "out of memory")
        ...     store.failures()["0a1b"].reason
        'out of memory'
        """
        notes = sorted((self.root / "failed").glob("[!.]*"))
        return {note.name: failure for note in notes if (failure := failure_in(note)) is not None}

    # -- answers ---------------------------------------------------------------------------------------------

    def load(self, runs: Iterable[Planned], split: str = "test") -> Predictions:
        """Return the answers of these runs to one split; runs that have none are listed in `left_out`.

        `split` is one of `SPLITS`. Runs of stores from before there were averaged weights have none of theirs.

        Raises
        ------
        StoreError
            When no run has answers, or runs answered different images.
        """
        pick("split", split, SPLITS)
        there: list[tuple[Planned, dict[str, Any]]] = []
        left_out: list[LeftOut] = []
        for run in runs:
            document, why = self._readable(run, split)
            if document is None:
                left_out.append(LeftOut(run.arm, run.seed, why))
            else:
                there.append((run, document))
        if not there:
            raise nothing_finished(self.root, left_out)
        return self._stack(there, tuple(left_out), split)

    def has_answers(self, runs: Iterable[Planned], split: str) -> bool:
        """Return whether a sealed run has answers to this split; some runs are about one part of the images only."""
        return any((self.root / "runs" / slug(run.key) / f"{split}.npz").exists() for run in runs)

    def sealed(self, runs: Iterable[Planned]) -> list[dict[str, Any]]:
        """Return the documents of those runs that are there and sound, diverged ones among them."""
        documents: list[dict[str, Any]] = []
        for run in runs:
            with contextlib.suppress(StoreError):  # damaged: `missing` will set it aside
                document = self.document(run.key)
                documents += [document] if document is not None else []
        return documents

    def _readable(self, run: Planned, split: str) -> tuple[dict[str, Any] | None, str]:
        try:
            document = self.document(run.key)
        except StoreError:
            return None, "damaged"
        if document is None:
            failure = failure_in(self.root / "failed" / slug(run.key))
            return None, "missing" if failure is None else f"failed: {failure.reason}"
        if document["status"] != "done":
            return None, document["status"]
        return (document, "") if f"{split}.npz" in document["files"] else (None, f"without {split} answers")

    def _stack(
        self, there: Sequence[tuple[Planned, dict[str, Any]]], left_out: tuple[LeftOut, ...], split: str
    ) -> Predictions:
        images = self.root / "images" / slug(one_fingerprint(document["fingerprint"] for _, document in there))
        about = read_summed(images / "about.json", "name", "classes")
        known = read_npz(images / f"{split.removesuffix('-averaged')}.npz")
        answers = [read_npz(self.root / "runs" / run.key / f"{split}.npz") for run, _ in there]
        return Predictions(
            guess=np.stack([a["guess"] for a in answers]),
            p_label=probabilities(answers),
            label=known["label"],
            sample=known["sample"],
            classes=tuple(about["classes"]),
            arm=tuple(run.arm for run, _ in there),
            seed=tuple(run.seed for run, _ in there),
            dose=tuple(run.dose for run, _ in there),
            on=f"{about['name']}/{split}",
            paired=all(run.paired for run, _ in there),
            same_models=any(document.get("same_models", False) for _, document in there),
            left_out=left_out,
        )

    def _create(self) -> None:
        marker = self.root / "barnspider.json"
        if not marker.exists():
            write_whole(marker, lambda file: file.write(as_json({"format": FORMAT})))
        try:
            for name in ("runs", "building", "claims", "studies", "images"):
                (self.root / name).mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(cannot_write(self.root, error)) from error


def _written(cell: Cell) -> dict[str, Any]:
    """Return a cell as a plan keeps it, without what goes without saying."""
    usual = {"paired": True, "keeps_weights": False}
    return {name: value for name, value in vars(cell).items() if name not in usual or value != usual[name]}
