"""Files of a store, read one by one: its format, plans, images that are described, answers, notes of what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import StoreError
from barnspider.store.documents import ANEW, read_json, read_npz, read_summed
from barnspider.store.placing import slug
from barnspider.store.records import Cell, Failure

FORMAT = 1


def probabilities(answers: Sequence[Mapping[str, NDArray[Any]]]) -> NDArray[np.float32] | None:
    """Return Float[runs, samples], or None where a run does not know them."""
    if not all("p_label" in a for a in answers):
        return None
    return np.stack([a["p_label"] for a in answers]).astype(np.float32)


def plans_in(folder: Path) -> list[Path]:
    """Return the plans of a study, the latest last."""
    return sorted(folder.glob("[0-9]*.json"))


def read_plan(path: Path) -> dict[str, Any]:
    """Return a plan of a study; `StoreError` when it is damaged, or is no plan of the study whose folder it lies in."""
    plan = read_summed(path, "identity", "sweep", "cells")
    try:
        cells = [Cell(**cell) for cell in plan["cells"]]
    except TypeError as error:
        raise StoreError(f"{str(path)!r} is damaged: it holds no runs ({error}); {ANEW}") from error
    if slug(str(plan["identity"])) != path.parent.name:
        raise StoreError(f"{str(path)!r} is the plan of another study, {plan['identity']!r}; move it to its folder")
    return {**plan, "cells": [vars(cell) for cell in cells]}


def check_format(marker: Path) -> None:
    """Raise `StoreError` where the file is no store's, or of a newer version's."""
    restore = f'if this was a store, write {{"format": {FORMAT}}} into that file'
    try:
        found = read_json(marker).get("format")
    except StoreError as error:
        raise StoreError(f"{error}; {restore}") from error
    if not isinstance(found, int):
        raise StoreError(f"{str(marker)!r} has format {found!r}; expected a whole number; {restore}")
    if found > FORMAT:
        raise StoreError(
            f"{str(marker.parent)!r} was written by a newer barnspider (format {found}); update barnspider"
        )


def failure_in(note: Path) -> Failure | None:
    """Return what a note says; None when it has just been removed."""
    try:
        said = read_json(note)
        return Failure(str(said["reason"]), str(said["host"]), float(said["time"]))
    except (StoreError, KeyError, TypeError, ValueError):
        return Failure("its note is damaged", "an unknown host", 0.0) if note.exists() else None


def is_described(images: Path, about: Mapping[str, Any]) -> bool:
    """Whether the images are described already, by files that can be read."""
    if not (images / "about.json").exists():
        return False
    try:
        for split in about["splits"]:
            read_npz(images / f"{split}.npz")
        return read_summed(images / "about.json") == about
    except StoreError:
        return False
