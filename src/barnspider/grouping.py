"""Groups of images in the place of classes: superclasses, cameras, hospitals. Answers are judged by class still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from barnspider.convert import Ints, smallest_int
from barnspider.errors import InputError, listing
from barnspider.predictions import NONE, Predictions
from barnspider.tables.asked import Asked, Origin
from barnspider.tables.class_list import natural, shown
from barnspider.tables.groups import column_groups, is_groups_file, read_groups


def grouped(preds: Predictions, groups: Mapping[str, str] | Sequence[str], *, by: str = "group") -> Predictions:
    """Return the same answers, of which effects are told by group instead of by class.

    An answer is right if it is the sample's class, as before: a husky taken for a malamute is wrong, though both are
    dogs. A group pools the samples of its classes, each counting alike. Where groups are of classes, every answer is of
    a group, too: so flows, precision and confused pairs can be told of them, and of groups of samples they cannot.

    Parameters
    ----------
    groups
        The group of each class (a mapping from every class that has samples), or of each sample, in order. An empty
        text is the group "(none)", which classes without samples are of that the mapping does not know.
    by
        What to call the grouping, where effects are shown.

    Raises
    ------
    InputError
        When a class or a sample has no group.

    Examples
    --------
    >>> from barnspider import estimate
    >>> preds = Predictions.from_arrays(["husky", "malamute", "tabby"], {"a": [["husky", "husky", "tabby"]]})
    >>> pooled = grouped(preds, {"husky": "dog", "malamute": "dog", "tabby": "cat"})
    >>> pooled.units, pooled.unit.tolist(), pooled.correct().tolist()
    (('cat', 'dog'), [1, 1, 0], [[True, False, True]])
    """
    if isinstance(groups, Mapping):
        present = [preds.classes[c] for c in np.unique(preds.label).tolist()]
        absent = [name for name in present if name not in groups]
        if absent:
            raise InputError(
                f"by={by!r} has no group for {len(absent)} of {len(present)} classes: {listing(map(shown, absent))};"
                " every class with samples needs one"
            )
        names, of_class = _placed([groups.get(name, "") for name in preds.classes])
        return replace(preds, group=of_class[preds.label], groups=names, by=by, group_of=of_class)
    if len(groups) != len(preds.label):
        raise InputError(f"by={by!r} has {len(groups)} groups; expected {len(preds.label)}, one for each sample")
    names, own = _placed(groups)
    return replace(preds, group=own, groups=names, by=by, group_of=None)


def _placed(own: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the names of groups, in order, and the place of each of these among them."""
    names = tuple(sorted({name or NONE for name in own}, key=natural))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[name or NONE] for name in own], dtype=smallest_int(len(names)))


def grouped_by_sample(preds: Predictions, groups: Mapping[str, str], *, by: str) -> Predictions:
    """Return the same, the groups being those of sample ids; `InputError` when a sample has none."""
    samples: list[str] = preds.sample.tolist()
    absent = [sample for sample in samples if sample not in groups]
    if absent:
        raise InputError(
            f"by={by!r} has no group for sample {shown(absent[0])} ({len(absent)} of {len(samples)} samples); name the"
            " samples in the same way in both"
        )
    return grouped(preds, [groups[sample] for sample in samples], by=by)


def grouped_by(preds: Predictions, by: str, origins: Sequence[Origin], asked: Asked) -> Predictions:
    """Return predictions grouped by a file, or by a column of the files that they were read from (none: a store).

    Raises
    ------
    InputError
        When there is no such file or column, or a class or sample has no group.
    """
    if not is_groups_file(by):
        if not origins:
            raise InputError(f"by={by!r}: a store has no columns; expected a file of groups (.csv, .toml, .json)")
        return grouped_by_sample(preds, column_groups(origins, asked, by), by=by)
    found, name = read_groups(by), Path(by).name
    put = grouped if found.of == "class" else grouped_by_sample
    return put(preds, found.groups, by=name)
