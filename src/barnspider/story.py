"""Effects of a sweep -> sentences that a person understands. Every word follows from the numbers."""

from __future__ import annotations

import numpy as np

from barnspider.effects import Effects
from barnspider.errors import listing
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.words import between, counted, lost_or_gained, points


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
    """Tell what the dose chosen on other images does to the average and to the classes, and what the strongest does.

    Parameters
    ----------
    effects
        Measured on test images, against the arm without the knob.
    chosen
        The arm that was best on average on validation images.
    knob
        What the knob is called in the sentences.
    """
    strongest = effects.arms[int(np.argmax([dose or 0.0 for dose in effects.dose]))]
    if chosen == effects.baseline:
        first = f"{knob}: on validation images no dose is better on average than {effects.baseline}."
        return first, _who_pays(effects, strongest)
    first = f"{knob}: on validation images {chosen} is best on average."
    return first, *(_who_pays(effects, arm) for arm in dict.fromkeys((chosen, strongest)))


def _who_pays(effects: Effects, arm: str) -> str:
    """Say what an arm does to the average, which classes lose, how much, and how sure that is."""
    a = effects.arms.index(arm)
    change = between(effects.overall_low[a], effects.overall_high[a])
    first = f"On test images {arm} {lost_or_gained(effects.overall[a])} on average (change {change})"
    found = effects.findings()[a]
    harmed, n_classes = np.flatnonzero(found == "harmed"), counted(int(effects.known[a].sum()), "class")
    helped = f"of {n_classes}, {_some(int((found == 'helped').sum()), 'gain')}"
    if unchanged := int((found == "unchanged").sum()):
        margin = points(effects.method.margin, sign=False)
        helped += f", {unchanged} certainly changed by less than {margin} points"
    if not len(harmed):
        widest = points(float(np.nanmax(effects.effect[a] - effects.low[a])), sign=False)
        return (
            f"{first}; {helped}, and none can be shown to pay, though a loss of up to {widest} points"
            " in one class could hide from so few answers."
        )
    worst = harmed[np.argsort(effects.effect[a, harmed])]
    return (
        f"{first}; {helped} and {_some(len(harmed), 'pay')}: {listing([_loss(effects, a, c) for c in worst], most=4)}."
        f" Of classes named like this, at most {100 * (1 - effects.method.level):.2g} % are expected to be"
        " named by chance."
    )


def _some(number: int, does: str) -> str:
    """Return "1 pays", "2 pay"."""
    return f"{number} {does}s" if number == 1 else f"{number} {does}"


def _loss(effects: Effects, a: int, c: np.intp) -> str:
    loss = points(-effects.effect[a, c], sign=False)
    return f"{visible(effects.classes[c])!r} loses {loss} points ({between(-effects.high[a, c], -effects.low[a, c])})"
