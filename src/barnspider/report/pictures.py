"""Example images -> what the page's script draws; and which classes are worth showing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from barnspider.effects import Effects
from barnspider.errors import InputError
from barnspider.examples import COLUMNS, Change, ClassExamples, Examples, Turned
from barnspider.gate import Verdict
from barnspider.names import visible
from barnspider.report import words

EACH = 3  # of the most harmed classes, and of the most helped
LONGEST = 120  # characters of an image's id that the page keeps


def shown_classes(effects: Effects, verdict: Verdict | None = None) -> tuple[str, ...]:
    """Return the classes whose images a page shows: three that pay most, then three that gain most.

    Two arms decide: the one that the page opens on, and the one at which most classes pay. Findings come first; among
    them, and where there are none, the shrunken effect decides.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> made = simulate(classes=9, images=400, runs=3, effect=[-0.3, *[0.0] * 7, 0.15], seed=1)
    >>> shown_classes(estimate(made.predictions, baseline="baseline"))[0]
    'class 0'
    """
    arms = [words.focus(effects, verdict), int(np.argmax(effects.harmed.sum(axis=1)))]
    known = np.flatnonzero(effects.known[arms].all(axis=0))
    few, shrunk = min(EACH, (len(known) + 1) // 2), effects.shrunk[arms][:, known]
    harmed, helped = (found[arms][:, known].any(axis=0) for found in (effects.harmed, effects.helped))
    pay = known[np.lexsort((known, shrunk.min(axis=0), ~harmed))]
    gain = known[np.lexsort((known, -shrunk.max(axis=0), ~helped))]
    first = pay[:few].tolist()
    return tuple(effects.classes[c] for c in (*first, *[c for c in gain.tolist() if c not in first][:few]))


def packed(examples: Examples, effects: Effects) -> dict[str, Any]:
    """Return the pictures and all that is told of them, ready for JSON; classes and arms by their numbers.

    Raises
    ------
    InputError
        When the images were compared with another baseline, or a class is none of the effects'.
    """
    if examples.baseline != effects.baseline:
        raise InputError(f"examples have the baseline {examples.baseline!r}; expected {effects.baseline!r}")
    classes = {name: c for c, name in enumerate(effects.classes)}
    if unknown := [found.name for found in examples.classes if found.name not in classes]:
        raise InputError(f"examples show {effects.method.unit} {unknown[0]!r}, which the effects do not have")
    places = {arm: a for a, arm in enumerate((effects.baseline, *effects.arms), start=-1)}
    kept = [k for k, arm in enumerate(examples.arms) if arm in places]
    return {
        "kind": examples.kind,
        "size": examples.size,
        "pitch": examples.pitch,
        "columns": COLUMNS,
        "shrunk": examples.shrunk,
        "seed": examples.seed,
        "whyNone": examples.why_none,
        "arms": [places[examples.arms[k]] for k in kept],
        "of": effects.baseline_runs,
        "classes": [_class(found, kept, classes, effects) for found in examples.classes],
    }


def _class(found: ClassExamples, kept: list[int], classes: Mapping[str, int], effects: Effects) -> dict[str, Any]:
    def told(one: Turned) -> list[Any]:
        return [
            visible(one.sample, LONGEST),
            found.tested[one.sample],
            one.before,
            one.after,
            visible(one.called, LONGEST)
            if effects.method.by
            else classes[one.called],  # answers are classes, not groups
            one.times,
        ]

    def each_arm(side: Mapping[str, Change]) -> list[Any]:
        changes = [side.get(arm) for arm in effects.arms]
        return [None if change is None else [change.total, [told(one) for one in change.first]] for change in changes]

    return {
        "id": classes[found.name],
        "sprite": base64.b64encode(found.sprite).decode(),
        "seen": found.seen[:, kept].tolist(),
        "samples": [visible(sample, LONGEST) for sample in found.sample],
        "lost": each_arm(found.lost),
        "gained": each_arm(found.gained),
    }
