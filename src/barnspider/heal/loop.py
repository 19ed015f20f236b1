"""The closed loop: train what is prescribed, look on validation images who is still harmed, weaken, and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.effects import estimate
from barnspider.errors import listing
from barnspider.flows import flows
from barnspider.joining import concat
from barnspider.predictions import Predictions
from barnspider.prescription import Prescription
from barnspider.tried import Round

Doses = tuple[float, ...]


def loop(
    start: Prescription,
    answers: Callable[[Sequence[Doses]], Predictions],
    baseline: Predictions,
    rounds: int,
    tell: Callable[[Round], None],
    groups: NDArray[np.intp] | None = None,
) -> tuple[Prescription, tuple[Round, ...]]:
    """Train and adjust until no class is certainly harmed, nothing is left to weaken, or the rounds end.

    Every round follows from the answers before it, which are a function of recipes and seeds: stopped at any moment,
    the same call comes to the same.

    Parameters
    ----------
    start : what the first round trains
    answers : trains what is missing of several doses, and returns the last one's answers to validation images
    baseline : the answers of the arm with the knob off, same seeds, same images
    tell : called after each round
    groups : Int[C], classes that are weakened together; by default each by itself

    Returns
    -------
    The prescription of the round with the fewest harmed classes, the latest of equals; and all rounds.
    """
    tried: list[Round] = []
    doses = start.doses
    for number in range(rounds):
        harmed, receiving = [], []
        if any(doses):  # dose 0 for all is the baseline itself
            harmed, receiving = _audit(answers([*(x.doses for x in tried), doses]), baseline)
        weaker = weakened(doses, _with_their_groups([*harmed, *receiving], groups), start)
        reason = _reason(harmed, weaker == doses, number + 1 == rounds)
        tried.append(Round(doses, _names(start, harmed), _names(start, receiving), reason))
        tell(tried[-1])
        if not harmed or weaker == doses:
            break
        doses = weaker
    if not tried:
        return start, ()
    best = min(reversed(tried), key=lambda x: len(x.harmed))
    why = tuple("" if dose == start.at else f"after {words.counted(len(tried), 'round')}" for dose in best.doses)
    return replace(start, doses=best.doses, rule="healed", why=why, chosen=None, judged=None, doubt=""), tuple(tried)


def _with_their_groups(classes: list[int], groups: NDArray[np.intp] | None) -> list[int]:
    return classes if groups is None else np.flatnonzero(np.isin(groups, groups[classes])).tolist()


def weakened(doses: Doses, classes: Sequence[int], start: Prescription) -> Doses:
    """Return the doses with those of some classes one studied dose weaker: nearer to 0, which is the weakest.

    Examples
    --------
    >>> rx = Prescription("crop", ("cat", "dog"), (0.4, 0.4), "receivers", 0.4, (0.0, 0.2, 0.4))
    >>> weakened((0.4, 0.1), [0, 1], rx)
    (0.2, 0.0)
    """
    ladder, chosen = sorted(start.studied), set(classes)
    return tuple(
        max((x for x in ladder if x < dose), default=dose) if c in chosen else dose for c, dose in enumerate(doses)
    )


def _audit(found: Predictions, baseline: Predictions) -> tuple[list[int], list[int]]:
    """Return the classes that are certainly harmed, and the others to which their answers certainly flow."""
    base = baseline.arms[0]
    design = Design.of(concat([baseline, found]))
    effects = estimate(design, base)
    harmed = np.flatnonzero(effects.harmed[0]).tolist()
    f = flows(design, effects)
    grown = f.certain()[0] & (f.change[0] > 0) & np.isin(f.source, harmed)
    return harmed, [c for c in sorted(set(f.target[grown].tolist())) if c not in harmed]


def _reason(harmed: Sequence[int], nothing_left: bool, last: bool) -> str:
    if not harmed:
        return "nobody is certainly harmed: the loop ends"
    if nothing_left:
        return "who is harmed has dose 0 already, as has who receives their answers: the loop ends"
    return "the budget ends" if last else "their doses, and those of who receives their answers, are weakened"


def _names(rx: Prescription, numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(rx.classes[c] for c in numbers)


def told(number: int, done: Round) -> str:
    """Return one line about a round."""
    harmed = listing(done.harmed) or "nobody"
    receiving = f"; answers flow to {listing(done.receiving)}" if done.receiving else ""
    return f"round {number}: harmed: {harmed}{receiving}; {done.reason}"
