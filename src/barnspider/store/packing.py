"""Studies of a store -> one packed file: class ids and plans; the same content makes the same bytes."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import Ints
from barnspider.errors import InputError, listing, pick
from barnspider.files import write_whole
from barnspider.predictions import Predictions
from barnspider.store.choosing import Kept
from barnspider.store.coding import coded, index_type
from barnspider.store.packed import SCHEMA, Part
from barnspider.store.records import SPLITS, Cell, Study

PACKED_SPLITS = ("test", "validation", "test-averaged")
"""Of the splits, those that are packed unless others are asked for."""

KEPT = ("status", "fingerprint", "recipe", "environment", "seconds", "same_models")
"""What is kept of a run's document."""

PRIVATE = ("folder",)
"""What a plan says of the machine that it was made on."""


@dataclass
class _Matrix:
    """The answers of several studies' runs to one split of some data, each run once."""

    images: Predictions
    rows: dict[str, Ints] = field(default_factory=dict[str, Ints])
    p_label: dict[str, NDArray[np.float32]] = field(default_factory=dict[str, NDArray[np.float32]])


def pack(
    store: Kept,
    path: str | Path,
    studies: Sequence[str] = (),
    *,
    splits: Sequence[str] = PACKED_SPLITS,
    p_label: bool = False,
) -> Path:
    """Write studies and their answers to one small file, which everything that reads stores reads, too.

    Parameters
    ----------
    store
        A store, or what `Packed.existing` opened.
    studies
        Their names; none: the only one, as in `Store.study`. One that was made of another finds it in the same file.
    splits
        Of `SPLITS`; those that have no answers are left out.
    p_label
        Also keep the probability given to the true class, which takes two bytes for each answer.

    Raises
    ------
    InputError
        When there is no such study or split, or the file's name does not end in .xz.
    StoreError
        When a study has no finished run, the store is damaged, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.store import Answers, Cell, Images, Packed, Result, Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(Path(folder, "runs"))
    ...     images = Images(np.array([0, 1]), np.array(["a", "b"]))
    ...     store.describe_images("f0", ["cat", "dog"], "pets", {"test": images})
    ...     _ = store.plan("crop-1a", [Cell("crop=0", 0.0, 0, "k0")], {"vary": "crop"})
    ...     _ = store.write("k0", Result("done", "f0", {"test": Answers(np.array([0, 0]), None)}, {}))
    ...     packed = Packed.existing(pack(store, Path(folder, "crop.xz")))
    ...     packed.load(packed.study().cells).correct().tolist()
    [[True, False]]
    """
    if Path(path).suffix.lower() != ".xz":
        raise InputError(f"out={str(path)!r} does not end in .xz, as a packed file's name must")
    for split in splits:
        pick("split", split, SPLITS)
    plans = [store.study(name) for name in studies] if studies else [store.study()]
    if twice := {plan.identity for plan in plans if plans.count(plan) > 1}:
        raise InputError(f"study={listing(twice)} was given twice; expected each once")
    runs: dict[str, dict[str, Any]] = {}
    matrices: dict[tuple[str, str], _Matrix] = {}
    plans.sort(key=lambda plan: plan.identity)
    for plan in plans:
        runs |= _runs(store, plan)
        _gather(store, plan, runs, matrices, [split for split in SPLITS if split in splits])
    return write_whole(Path(path), lambda file: _write(file, plans, runs, matrices, p_label=p_label))


def _runs(store: Kept, plan: Study) -> dict[str, dict[str, Any]]:
    """Return what is known of a study's runs, sealed or not."""
    sealed = {document["key"]: document for document in store.sealed(plan.cells)}
    return {
        key: {name: document[name] for name in KEPT if name in document}
        for key, document in sealed.items()
    }  # fmt: skip


def _gather(
    store: Kept,
    plan: Study,
    runs: dict[str, dict[str, Any]],
    matrices: dict[tuple[str, str], _Matrix],
    splits: Sequence[str],
) -> None:
    """Read a study's answers, and note why runs have none."""
    there = [split for split in splits if store.has_answers(plan.cells, split)]
    if not there:
        store.load(plan.cells, splits[0] if splits else "test")  # says why there are none
    for split in there:
        preds = store.load(plan.cells, split)
        cells = {(cell.arm, cell.seed): cell for cell in plan.cells}
        for x in preds.left_out:
            key = cells[x.arm, x.seed].key
            runs.setdefault(key, {"status": x.why})
        fingerprint = runs[cells[preds.arm[0], preds.seed[0]].key]["fingerprint"]
        matrix = matrices.setdefault((fingerprint, split), _Matrix(preds))
        for r, place in enumerate(zip(preds.arm, preds.seed, strict=True)):
            matrix.rows[cells[place].key] = preds.guess[r]
            if preds.p_label is not None:
                matrix.p_label[cells[place].key] = preds.p_label[r]


def _write(
    file: BinaryIO,
    plans: Sequence[Study],
    runs: Mapping[str, Mapping[str, Any]],
    matrices: Mapping[tuple[str, str], _Matrix],
    *,
    p_label: bool,
) -> None:
    parts = [part for place in sorted(matrices, key=_order) for part in _parts(place, matrices, p_label=p_label)]
    images = {fingerprint: matrix.images for (fingerprint, _), matrix in sorted(matrices.items())}
    about = {
        "schema": SCHEMA,
        "studies": [_plan(plan) for plan in plans],
        "runs": dict(sorted(runs.items())),
        "images": {
            fingerprint: {"name": preds.on.rpartition("/")[0], "classes": preds.classes}
            for fingerprint, preds in images.items()
        },
        "parts": [{name: x for name, x in asdict(part).items() if x != ()} for part, _ in parts],
    }
    with lzma.open(file, "wb", preset=9 | lzma.PRESET_EXTREME) as packed:
        packed.write(json.dumps(about).encode("ascii") + b"\n")
        for _, data in parts:
            packed.write(data)


def _order(place: tuple[str, str]) -> tuple[str, int]:
    return place[0], SPLITS.index(place[1])


def _plan(plan: Study) -> dict[str, Any]:
    usual = asdict(Cell("", None, 0, ""))
    return {
        "identity": plan.identity,
        "sweep": {name: value for name, value in plan.sweep.items() if name not in PRIVATE},
        "cells": [
            {name: x for name, x in asdict(cell).items() if name in ("arm", "dose", "seed", "key") or x != usual[name]}
            for cell in plan.cells
        ],
        "earlier": len(plan.earlier),
    }


def _parts(
    place: tuple[str, str], matrices: Mapping[tuple[str, str], _Matrix], *, p_label: bool
) -> list[tuple[Part, bytes]]:
    """Return what is written of one split: its images, unless another split is about the same; its answers."""
    (fingerprint, split), matrix = place, matrices[place]
    preds, keys = matrix.images, tuple(matrix.rows)  # neighbours in the plan are alike
    base = split.removesuffix("-averaged")
    found: dict[str, tuple[str, bytes, tuple[str, ...]]] = {}
    if split == base or (fingerprint, base) not in matrices:
        found["samples"] = base, json.dumps(preds.sample.tolist()).encode("ascii"), ()
        found["labels"] = base, preds.label.astype(index_type(len(preds.classes))).tobytes(), ()
    guess = np.stack([matrix.rows[key] for key in keys])
    found["answers"] = split, coded(guess, preds.label, len(preds.classes)), keys
    if p_label and matrix.p_label:
        keys = tuple(key for key in keys if key in matrix.p_label)
        found["p_label"] = split, np.stack([matrix.p_label[key] for key in keys]).astype("<f2").tobytes(), keys
    return [(Part(what, fingerprint, of, len(data), own), data) for what, (of, data, own) in found.items()]
