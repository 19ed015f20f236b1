"""The files of a store: JSON with its own sum, by which a flipped bit is noticed, and arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from barnspider.errors import InputError, StoreError, listing
from barnspider.files import read_arrays, sha256

WEIGHTS = "weights.safetensors"

_OF_WEIGHTS = ("recipe", "seed", "classes", "shape", "mean", "std", "fingerprint")

ANEW = "`barnspider run` with the same study writes it anew"


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; `StoreError` when the file holds none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{str(path)!r} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise StoreError(f"{str(path)!r} holds {type(document).__name__}; expected a JSON object")
    return document


def summed(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON with its own sum in it, by which a flipped bit is noticed."""
    return as_json({**document, "sum": hashlib.sha256(as_json(document)).hexdigest()})


def read_summed(path: Path, *fields: str) -> dict[str, Any]:
    """Return a document that `summed` made; one from before there were sums is taken as it is.

    `StoreError` when it cannot be read, does not match its sum, or lacks one of these `fields`.
    """
    try:
        document = read_json(path)
    except StoreError as error:
        raise StoreError(f"{error}; {ANEW}") from error
    sum_ = document.pop("sum", None)
    if sum_ is not None and sum_ != hashlib.sha256(as_json(document)).hexdigest():
        raise StoreError(f"{str(path)!r} is damaged: it does not match its sum; {ANEW}")
    if lacking := [name for name in fields if name not in document]:
        raise StoreError(f"{str(path)!r} is damaged: it lacks {listing(lacking)}; {ANEW}")
    return document


def read_sealed(folder: Path, key: str) -> dict[str, Any]:
    """Return the document of a run in a sealed folder; `StoreError` when a sum is wrong."""
    try:
        if sha256(folder / "run.json") != (folder / "seal").read_text("ascii"):
            raise StoreError(f"run {key} is damaged: run.json does not match its seal")
        document = read_json(folder / "run.json")
        if lacking := [name for name in ("key", "status", "fingerprint", "files") if name not in document]:
            raise StoreError(f"run {key} is damaged: run.json lacks {listing(lacking)}")
        for name, sum_ in document["files"].items():
            if sha256(folder / name) != sum_:
                raise StoreError(f"run {key} is damaged: {name} does not match its sum")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"run {key} is damaged: {error}") from error
    return document


def read_weights_about(folder: Path, key: str) -> dict[str, Any]:
    """Return what was written down of a run's weights in their folder; `StoreError` when their sum is wrong."""
    about = read_summed(folder / "about.json", "sha256", *_OF_WEIGHTS)
    try:
        if sha256(folder / WEIGHTS) == about["sha256"]:
            return about
    except OSError as error:
        raise StoreError(f"the weights of run {key} are damaged: {error}") from error
    raise StoreError(f"the weights of run {key} are damaged: they do not match their sum")


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file; `StoreError` when it cannot be read."""
    try:
        return read_arrays(path)
    except InputError as error:
        raise StoreError(f"a file of the store is damaged: {error}; {ANEW}") from error


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document as a person can read it, one field a line."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
