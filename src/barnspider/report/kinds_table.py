"""Kinds of confusion -> words for the page: how each kind grew in every arm, and of what kind a pair is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.flows import Flows
from barnspider.kinds import Kinds
from barnspider.report import words

UNTOLD = " "


def packed(found: Kinds) -> dict[str, Any]:
    """Return the kinds' names and, for each arm, a row of words for each of them.

    Examples
    --------
    >>> from barnspider import Predictions, estimate
    >>> from barnspider.kinds import kinds
    >>> label = ["pug"] * 40 + ["boxer"] * 40
    >>> preds = Predictions.from_arrays(label, {"a": [label], "b": [["boxer"] * 20 + label[20:]]})
    >>> dogs = {"pug": "dog", "boxer": "dog"}
    >>> packed(kinds(preds, estimate(preds, "a"), groups=dogs))["arms"][0][0][:2]
    ['ambiguous or fine-grained', '1']
    """
    arms, kinds = range(len(found.arms)), range(len(found.names))
    return {"names": found.names, "arms": [[_row(found, a, k) for k in kinds] for a in arms]}


def _row(found: Kinds, a: int, k: int) -> list[str]:
    name, *numbers = found.row(a, k)
    return [name, *map(words.typeset, numbers)]


def codes(found: Kinds, flows: Flows, pairs: NDArray[np.intp]) -> str:
    """Return a character for each of these pairs: the number of its kind, or a space where it has none."""
    count = len(flows.classes)
    known, wanted = found.source * count + found.target, flows.source[pairs] * count + flows.target[pairs]
    place = np.searchsorted(known, wanted)
    same = np.append(known, -1)[place] == wanted
    return "".join(
        str(kind) if told else UNTOLD for kind, told in zip(np.append(found.kind, 0)[place], same, strict=True)
    )
