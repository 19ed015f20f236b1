"""Answers put together: runs of several Predictions about the same images, joined by the images' ids.

`with_classes` brings answers to another list of classes, so that they can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from barnspider.convert import smallest_int
from barnspider.errors import InputError, listing
from barnspider.names import visible
from barnspider.predictions import COMMON, NONE, Predictions


def with_classes(preds: Predictions, classes: Sequence[str]) -> Predictions:
    """Return the same answers with another list of classes: reordered, or with more names.

    Raises
    ------
    InputError
        When a class of `preds` is not in the list.

    Examples
    --------
    >>> preds = Predictions.from_arrays(["cat", "dog"], {"a": [["cat", "cat"]]})
    >>> with_classes(preds, ["dog", "cow", "cat"]).label.tolist()
    [2, 0]
    """
    order = {name: i for i, name in enumerate(classes)}
    unknown = [name for name in preds.classes if name not in order]
    if unknown:
        raise InputError(f"classes={listing(map(repr, classes))} lacks {listing(map(repr, unknown))}; add them")
    # The last place is for -1, which stands where a sample has fewer acceptable classes than others.
    moved = np.array([*(order[name] for name in preds.classes), -1], dtype=smallest_int(len(order)))
    return replace(
        preds,
        classes=tuple(classes),
        guess=moved[preds.guess],
        label=moved[preds.label],
        accepted=None if preds.accepted is None else moved[preds.accepted],
        **_regrouped(preds, classes),
    )


def _regrouped(preds: Predictions, classes: Sequence[str]) -> dict[str, Any]:
    """Return the groups of another list of classes; those that are new have none."""
    if preds.group_of is None:
        return {}
    known = dict(zip(preds.classes, preds.group_of.tolist(), strict=True))
    groups = preds.groups if NONE in preds.groups or len(known) == len(classes) else (*preds.groups, NONE)
    places = [known[name] if name in known else groups.index(NONE) for name in classes]
    return {"groups": groups, "group_of": np.array(places, dtype=smallest_int(len(groups)))}


def concat(parts: Sequence[Predictions]) -> Predictions:
    """Put the runs of several Predictions about the same images together; samples are joined by id.

    `p_label` is kept when all parts have it; sets of acceptable labels and `on` when one part has them.

    Raises
    ------
    InputError
        When they are about different images, labels or classes, an (arm, seed) stands twice, or an arm has two doses.

    Examples
    --------
    >>> a = Predictions.from_arrays([0, 1], {"a": [[0, 1]]})
    >>> b = Predictions.from_arrays([0, 1], {"b": [[1, 1]]})
    >>> concat([a, b]).arms
    ('a', 'b')
    """
    if not parts:
        raise InputError("parts=[] is empty; expected at least one Predictions")
    first = parts[0]
    same = [first, *(_aligned(first, other) for other in parts[1:])]
    with_p = [p.p_label for p in same if p.p_label is not None]
    return replace(
        first,
        guess=np.concatenate([p.guess for p in same]),
        arm=tuple(a for p in same for a in p.arm),
        seed=tuple(s for p in same for s in p.seed),
        dose=tuple(d for p in same for d in p.dose),
        p_label=np.concatenate(with_p) if len(with_p) == len(same) else None,
        on=_only("on", [p.on for p in same if p.on], first.on),
        accepted=_only("accepted", [p.accepted for p in same if p.accepted is not None], None),
        paired=all(p.paired for p in same),
        same_models=any(p.same_models for p in same),
        left_out=tuple(x for p in same for x in p.left_out),
        **_grouping(same),
        unlabelled=max(p.unlabelled for p in same),
    )


def _grouping(same: Sequence[Predictions]) -> dict[str, Any]:
    """Return the groups of parts; none, or the same in all."""
    if len({(p.group is None, p.groups, p.group_of is None) for p in same}) > 1:
        raise InputError("the parts are grouped in different ways; group them after they are put together")
    found = {
        name: _only(name, [own for p in same if (own := getattr(p, name)) is not None], None)
        for name in ("group", "group_of")
    }
    return {**found, "groups": same[0].groups, "by": same[0].by}


def _only(name: str, found: Sequence[Any], default: Any) -> Any:
    """Return what all that have it agree on."""
    for other in found[1:]:
        if not np.array_equal(found[0], other):
            got = f": {found[0]!r} and {other!r}" if isinstance(other, str) else ""
            raise InputError(f"the parts differ in {name}{got}; put only answers about the same images together")
    return found[0] if found else default


def _aligned(first: Predictions, other: Predictions) -> Predictions:
    """Return `other` with its samples in the order of `first`."""
    if first.classes != other.classes:
        differ = sorted(set(first.classes) ^ set(other.classes)) or ["the same names in another order"]
        raise InputError(f"the parts have different classes: {listing(differ)}; map them to one list first")
    order = {str(s): i for i, s in enumerate(other.sample)}
    absent = [str(s) for s in first.sample if str(s) not in order]
    if absent or len(order) != len(first.sample):
        more = sorted(set(order) - {str(s) for s in first.sample})
        raise InputError(
            f"the parts are about different samples: {len(first.sample)} against {len(order)},"
            f" absent from the later: {listing(absent) or 'none'}, from the first: {listing(more) or 'none'};"
            f" add these answers, or compare on the samples that all answered: {COMMON}"
        )
    moved = other.where(samples=[order[str(s)] for s in first.sample])
    differ = np.flatnonzero(moved.label != first.label)
    if len(differ):
        i = differ[0]
        one, another = (visible(first.classes[p.label[i]]) for p in (first, moved))
        raise InputError(
            f"the parts label sample {str(first.sample[i])!r} differently ({len(differ)} such samples): {one!r} in the"
            f" first, {another!r} in the later"
        )
    return moved
