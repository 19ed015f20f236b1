"""Effects of a sweep -> sentences that a person understands. Every word follows from the numbers."""

from __future__ import annotations

import numpy as np

from barnspider.effects import Effects
from barnspider.errors import listing
from barnspider.predictions import Predictions
from barnspider.names import visible
from barnspider.words import between, points


def best_on_average(predictions: Predictions) -> str:
    """Return the arm with the highest accuracy over all images and runs; of equals, the smallest dose.

    Examples
    --------
    >>> preds = Predictions.from_arrays([0, 1], {"off": [[0, 0]], "on": [[0, 1]]})
    >>> best_on_average(preds)
    'on'
    """
    correct = predictions.correct()
    mean = {arm: correct[predictions.rows(arm)].mean() for arm in predictions.arms}
    by_dose = sorted(predictions.arms, key=lambda arm: predictions.dose_of(arm) or 0.0)
    return max(by_dose, key=lambda arm: mean[arm])


def tell(effects: Effects, chosen: str, knob: str) -> tuple[str, ...]:
    """Tell what the dose chosen on validation images does to the average and to the classes of the test images."""
    strongest = effects.arms[int(np.argmax([dose or 0.0 for dose in effects.dose]))]
    if chosen == effects.baseline:
        first = f"{knob}: of all doses, none is best on average (chosen on validation images)."
        return first, *_who_pays(effects, strongest)
    a = effects.arms.index(chosen)
    first = (
        f"{knob}: {chosen} is best on average (chosen on validation images); on test images it changes the average by "
        f"{_change(effects.overall[a], effects.overall_low[a], effects.overall_high[a])}."
    )
    rest = () if strongest == chosen else _who_pays(effects, strongest)
    return first, *_who_pays(effects, chosen), *rest


def _who_pays(effects: Effects, arm: str) -> tuple[str, ...]:
    """Say which classes lose in an arm, how much, and how sure that is."""
    a = effects.arms.index(arm)
    harmed = np.flatnonzero(effects.harmed[a])
    n_helped, n_classes = int(effects.helped[a].sum()), len(effects.classes)
    average = _change(effects.overall[a], effects.overall_low[a], effects.overall_high[a])
    if not len(harmed):
        widest = float(np.nanmax(effects.effect[a] - effects.low[a]))
        return (
            f"At {arm} (average {average}) no class can be shown to pay; {n_helped} of {n_classes} gain."
            f" A loss of less than about {points(widest, sign=False)} points could hide from this study.",
        )
    worst = harmed[np.argsort(effects.effect[a, harmed])]
    losses = [
        f"{visible(effects.classes[c])} {_change(effects.effect[a, c], effects.low[a, c], effects.high[a, c])}"
        for c in worst
    ]
    return (
        f"At {arm} (average {average}) {len(harmed)} of {n_classes} classes pay for it and {n_helped} gain: "
        f"{listing(losses, most=4)}. Chance alone would name a class wrongly in at most "
        f"{1 - effects.method.level:.0%} of such findings.",
    )


def _change(effect: float, low: float, high: float) -> str:
    return f"{points(effect)} ({between(low, high)}) points"
