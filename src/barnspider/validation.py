"""A store's validation images, on which doses are chosen: read as the images that measure them, or why they are not."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from barnspider.grouping import grouped, grouped_by_sample
from barnspider.predictions import Predictions
from barnspider.sources import Source, is_store
from barnspider.store import opened
from barnspider.tables.accepted import with_label_sets
from barnspider.tables.class_list import shown
from barnspider.tables.groups import read_groups
from barnspider.tables.label_sets import read_label_sets


@dataclass(frozen=True, eq=False)
class Validation:
    """The answers to validation images; or None, and why they cannot choose: "" where a source has none of them."""

    preds: Predictions | None
    why_not: str = ""


def read_validation(
    source: Source,
    like: Predictions,
    *,
    study: str | None = None,
    label_sets: str | Path | None = None,
    by: str | Path | None = None,
) -> Validation:
    """Read the answers to validation images as those to test images were read, if that can be done.

    What chooses must be read as what measures is: by another reading, or of other groups, another dose may be the best.
    So groups of classes are those of validation images, too; label sets and groups of samples are taken where the file
    knows every validation image.

    Parameters
    ----------
    like
        The answers to test images that `read_predictions` read from the same source with the same options.

    Raises
    ------
    InputError, StoreError
        As `read_predictions`.
    """
    if not is_store(source):
        return Validation(None)
    store = opened(str(source))
    cells = store.study(study).cells
    if not store.has_answers(cells, "validation"):
        return Validation(None)
    found = Validation(store.load(cells, "validation"))
    found = found if by is None else _grouped(found, like, Path(by))
    return found if label_sets is None else _with_sets(found, like, Path(label_sets))


def _grouped(found: Validation, like: Predictions, by: Path) -> Validation:
    preds, read = found.preds, read_groups(by)
    if preds is None:
        return found
    if read.of == "sample":
        why = _unknown(preds, like, read.groups, f"{by.name!r} says the group")
        made = None if why else grouped_by_sample(preds, read.groups, by=by.name)
    else:
        absent = [preds.classes[c] for c in set(preds.label.tolist()) if preds.classes[c] not in read.groups]
        why = (
            f"{by.name!r} has no group for {shown(min(absent))}, of which there are validation images" if absent else ""
        )
        made = None if why else grouped(preds, read.groups, by=by.name)
    if made is not None and made.units != like.units:
        return Validation(None, f"by {by.name!r} validation images are of other groups than test images")
    return Validation(made, why)


def _with_sets(found: Validation, like: Predictions, path: Path) -> Validation:
    preds, read = found.preds, read_label_sets(path)
    if preds is None:
        return found
    why = _unknown(preds, like, read.sets, f"{path.name!r} says all right labels")
    if why:
        return Validation(None, f"{why}, and by their single labels they would be read in another way")
    return Validation(with_label_sets(preds, read))


def _unknown(preds: Predictions, like: Predictions, known: Container[str], says: str) -> str:
    """Return why a file about samples says nothing of validation images; "" where it knows them all."""
    samples: list[str] = preds.sample.tolist()
    if both := sorted(set(samples) & set(like.sample.tolist())):
        return f"{says} of {shown(both[0])}, as both a test image and a validation image are called"
    if absent := [sample for sample in samples if sample not in known]:
        return f"{says} of {len(samples) - len(absent):,} of {len(samples):,} validation images"
    return ""
