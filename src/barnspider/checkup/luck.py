"""Runs that certainly do no better than luck: a word about them before any statistics, whatever was asked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np

from barnspider.checkup.looked import SOME
from barnspider.checkup.runs import CHANCE
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.words import counted, percent

SURE = 3.0
"""Standard errors by which a run must be below what any network that learned something would reach."""


class AtChance(UserWarning):
    """Some arms are right no more often than by luck: do labels and answers belong together?"""


def warn_of_chance(preds: Predictions) -> None:
    """Warn `AtChance`, once, of arms with runs that certainly do no better than luck.

    An arm of a dose above 0 of which every run is so may be meant: `examine` mentions it.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for r, accuracy, luck in _by_luck(preds):
        found.setdefault(preds.arm[r], []).append((accuracy, luck))
    ruined = {a for a, own in found.items() if (preds.dose_of(a) or 0) > 0 and len(own) == len(preds.rows(a))}
    left = [arm for arm in found if arm not in ruined]
    if not left:
        return
    own, runs = found[left[0]], len(preds.rows(left[0]))
    some = "" if len(own) == runs else f" in {len(own)} of {runs} runs"
    accuracy, luck = (percent(sum(pair[i] for pair in own) / len(own)) for i in (0, 1))
    more = f" (and so {'is' if len(left) == 2 else 'are'} {counted(len(left) - 1, 'more arm')})" if left[1:] else ""
    text = f"arm {visible(left[0])!r} is right in {accuracy} of its answers{some}, no more often than by luck, {luck}"
    warnings.warn(f"{text}{more}: do labels and answers belong together? Run barnspider doctor", AtChance, stacklevel=3)


def _by_luck(preds: Predictions) -> Iterator[tuple[int, float, float]]:
    """Yield runs that certainly do no better than luck: their number, accuracy, and accuracy by luck."""
    samples = len(preds.label)
    n = np.bincount(preds.label, minlength=len(preds.classes))
    if samples < SOME or np.count_nonzero(n) < 2:
        return
    most = n.max() / samples
    for r, guess in enumerate(preds.guess):
        accuracy = float((guess == preds.label).mean())
        if accuracy >= _reached(most):
            continue
        luck = float(np.bincount(guess, minlength=len(n)) @ n) / samples**2
        sd, spread = (math.sqrt(x * (1 - x) / samples) for x in (luck, accuracy))
        if accuracy <= luck + SURE * sd and accuracy + SURE * max(spread, 1 / samples) < _reached(luck):
            yield r, accuracy, luck


def _reached(luck: float) -> float:
    """Return the accuracy that a run reaches which learned a little."""
    return luck + CHANCE * (1 - luck)
