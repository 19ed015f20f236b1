"""Answers that share no class with the labels: the two name the classes in different ways, and all would be wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from barnspider.errors import InputError, listing
from barnspider.predictions import Predictions
from barnspider.tables.class_list import shown

ENOUGH = 10
"""Samples, below which answers that are all of other classes may be bad luck."""

MENDED = "write both in one way, or give the names of all classes: classes= (--classes FILE)"


def refuse_strangers(where: str, preds: Predictions) -> None:
    """Raise `InputError` where no answer of all runs is of a class that any sample has; or where that is so of one run,
    and its classes are those of the labels but for case, spaces, `-` and `_`.
    """
    never = [r for r, own in enumerate(preds.guess) if not (own == preds.label).any()]
    if preds.accepted is not None or not never or not len(preds.label):
        return
    labels = _names(preds, preds.label)
    strange = {r: answers for r in never if not set(answers := _names(preds, preds.guess[r])) & set(labels)}
    meant = {_bare(name): name for name in labels}
    for r, answers in strange.items():
        if near := next((name for name in answers if _bare(name) in meant), None):
            also = f" Is {shown(near)} meant to be {shown(meant[_bare(near)])}?"
            who = "" if len(strange) == len(preds.arm) else f"arm {shown(preds.arm[r])}, seed {preds.seed[r]}: "
            raise InputError(f"{where}: {who}{_differ(labels, answers)}.{also} If so, {MENDED}")
    if len(strange) == len(preds.arm) and len(labels) > 1 and len(preds.label) >= ENOUGH:
        answers = list(dict.fromkeys(name for own in strange.values() for name in own))
        raise InputError(f"{where}: {_differ(labels, answers)}; {MENDED}")


def _names(preds: Predictions, places: object) -> list[str]:
    return [preds.classes[c] for c in np.unique(np.asarray(places)).tolist()]


def _bare(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def _differ(labels: Sequence[str], answers: Sequence[str]) -> str:
    told = (listing(map(shown, names), most=3) for names in (labels, answers))
    return "labels and answers share no class: labels are {}, answers are {}".format(*told)
