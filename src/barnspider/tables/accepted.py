"""Predictions and label sets: an answer is right if it is any of its sample's labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import Ints, smallest_int
from barnspider.errors import InputError, listing
from barnspider.predictions import Predictions
from barnspider.tables.class_list import WHOLE, ClassError, class_list, is_number, padded_hint, shown
from barnspider.tables.completeness import SamplesLeftOut
from barnspider.tables.label_sets import LabelSets

Sets = LabelSets | Mapping[str, Iterable[object]] | Sequence[Iterable[object]]


def with_label_sets(preds: Predictions, sets: Sets) -> Predictions:
    """Return the same answers, right wherever they are any of the sample's labels.

    Samples of which no label is right are left out, and counted in `unlabelled`. A sample still belongs to the class of
    its single label: classes keep their images, and both readings are about the same ones.

    Parameters
    ----------
    sets
        What `read_label_sets` read; a mapping from sample ids to labels; or one set of labels for each sample, in the
        order of `preds`. Labels are names of classes, or whole numbers: indices into them.

    Raises
    ------
    InputError
        When a sample has no entry, a label is no class, or no sample is left.

    Examples
    --------
    >>> preds = Predictions.from_arrays(["desk", "screen", "desk"], {"a": [["screen", "screen", "desk"]]})
    >>> real = with_label_sets(preds, [["desk", "screen"], ["screen"], []])
    >>> preds.correct().tolist(), real.correct().tolist(), real.unlabelled
    ([[False, True, True]], [[True, True]], 1)
    """
    where, own = _own_sets(preds, sets)
    index = _index(where, own, preds)
    kept = np.array([i for i, labels in enumerate(own) if labels], dtype=np.intp)
    if not len(kept):
        raise InputError(f"{where} has no label for any of {len(own)} samples; expected one or more for most of them")
    accepted = _padded([[index[label] for label in own[i]] for i in kept.tolist()], len(preds.classes))
    left = preds.where(samples=kept)
    return replace(left, accepted=accepted, unlabelled=preds.unlabelled + len(own) - len(kept))


def _own_sets(preds: Predictions, sets: Sets) -> tuple[str, list[tuple[str, ...]]]:
    """Return what to call the sets, and those of each sample of these predictions."""
    if isinstance(sets, LabelSets):
        where, known = sets.where, sets.sets
    elif isinstance(sets, Mapping):
        where, known = "sets", {str(sample): _texts(labels, sample) for sample, labels in sets.items()}
    else:
        if len(sets) != len(preds.label):
            raise InputError(f"sets has {len(sets)} entries; expected {len(preds.label)}, one for each sample")
        return "sets", [_texts(labels, i) for i, labels in enumerate(sets)]
    samples: list[str] = preds.sample.tolist()
    if isinstance(sets, LabelSets) and len(known) > len(samples) and set(samples) <= known.keys():
        text = f"{len(known) - len(samples)} of {len(known)} samples with labels in {where} are left out"
        warnings.warn(f"{text}: nothing is answered of them here", SamplesLeftOut, stacklevel=4)
    absent = [sample for sample in samples if sample not in known]
    if absent:
        raise InputError(
            f"{where} has no entry for sample {shown(absent[0])} ({len(absent)} of {len(samples)} samples); it knows"
            f" {len(known)} samples such as {shown(next(iter(known), ''))}{padded_hint(absent[:1], known) or _SAME}"
        )
    return where, [known[sample] for sample in samples]


_SAME = (
    ". Name the samples in the same way in both; an empty list, or in a table of labels a row with an empty one, says"
    " that none is right"
)


def _texts(labels: Iterable[object], sample: object) -> tuple[str, ...]:
    if isinstance(labels, str | bytes) or not hasattr(labels, "__iter__"):
        raise InputError(f"sets[{sample!r}]={labels!r} is no set; expected a list of labels, perhaps empty")
    found = tuple(dict.fromkeys(labels))
    for label in found:
        if isinstance(label, bool) or not isinstance(label, str | int | np.integer):
            raise InputError(f"sets[{sample!r}] holds {label!r}; expected names of classes or whole numbers")
    return tuple(str(label) for label in found)


def _index(where: str, own: Sequence[tuple[str, ...]], preds: Predictions) -> dict[str, int]:
    """Return the class that each text stands for."""
    texts = sorted({label for labels in own for label in labels})
    try:
        if not any(map(is_number, preds.classes)):
            return dict(zip(texts, class_list(texts, preds.classes).index, strict=True))
        return _numbered(texts, preds.classes)
    except ClassError as error:
        row = next(i for i, labels in enumerate(own) if error.text in labels)
        place = f"{where}: sample {shown(preds.sample[row])}: label {shown(error.text)} {error.why}"
        raise InputError(
            f"{place}; the classes are those that were labels or answers, or the names in --classes"
        ) from None


def _numbered(texts: Sequence[str], classes: Sequence[str]) -> dict[str, int]:
    """Where names of classes are numbers, every text is a name: as an index it could mean another class."""
    known = {name: i for i, name in enumerate(classes)}
    found: dict[str, int] = {}
    for text in texts:
        whole = WHOLE.fullmatch(text)
        name = whole[1] if whole and text not in known else text
        if name not in known:
            raise ClassError(text, f"is no class; expected one of {listing(map(shown, classes), most=5)}")
        found[text] = known[name]
    return found


def _padded(sets: Sequence[Sequence[int]], classes: int) -> Ints:
    """Return sets as rows of one length, each class once, padded with -1."""
    size = np.array([len(labels) for labels in sets])
    padded: NDArray[Any] = np.full((len(sets), size.max()), -1, dtype=smallest_int(classes))
    padded[np.arange(size.max()) < size[:, None]] = [label for labels in sets for label in labels]
    return padded
