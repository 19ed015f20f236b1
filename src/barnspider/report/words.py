"""Effects -> sentences for people: what an arm does on average, to how many classes, and how sure that is."""

from __future__ import annotations

import math

from barnspider.effects import Effects
from barnspider.figures import ALPHA, HARMED, HELPED, statuses

CANNOT = "cannot tell"


def points(value: float, *, signed: bool = True) -> str:
    """Return a proportion in points with one decimal and a true minus sign; "cannot tell" where it is NaN.

    Examples
    --------
    >>> points(0.0123), points(-0.0004), points(float("nan"))
    ('+1.2', '0.0', 'cannot tell')
    """
    if math.isnan(value):
        return CANNOT
    rounded = round(100 * value, 1) + 0.0
    text = f"{rounded:+.1f}" if signed and rounded else f"{rounded:.1f}"
    return text.replace("-", "−")


def between(low: float, high: float, *, signed: bool = True) -> str:
    """Return an interval in points, such as "0.9 to 1.5"; the sign is written where the ends differ in it."""
    if math.isnan(low) or math.isnan(high):
        return "interval: cannot tell"
    signed = signed and low < 0 < high
    return f"{points(low, signed=signed)} to {points(high, signed=signed)}"


def headline(effects: Effects, arm: int) -> str:
    """Return the sentence of every report: average, class dependence, how many are harmed and helped."""
    status = statuses(effects)[arm]
    harmed, helped = int((status == HARMED).sum()), int((status == HELPED).sum())
    average = f"average {points(effects.overall[arm])} "
    average += f"({between(effects.overall_low[arm], effects.overall_high[arm])}) points"
    if math.isnan(effects.overall[arm]):
        average = f"average: {CANNOT}"
    count = f"{harmed:,} of {len(effects.classes):,} classes harmed, {helped:,} helped (q < {ALPHA:g})"
    return f"{average}; {dependence(effects, arm)}; {count}"


def dependence(effects: Effects, arm: int) -> str:
    """Return class dependence in words: tau and its interval, in points."""
    tau = effects.tau[arm]
    if math.isnan(tau):
        return f"class dependence: {CANNOT}"
    interval = between(effects.tau_low[arm], effects.tau_high[arm], signed=False)
    return f"class dependence tau = {points(tau, signed=False)} ({interval}) points"


def generalizes(effects: Effects) -> str:
    """Return whom the intervals speak for, in plain words."""
    return {
        "images and runs": "new images and new runs of the same recipe",
        "images": "new images, but only these very models: not the recipe",
        "runs": "new runs of the same recipe, but only this very test set",
    }[effects.method.generalizes_to]


def assumptions(effects: Effects) -> list[tuple[str, str]]:
    """Return how the intervals were made, as (name, words)."""
    method = effects.method
    paired = (
        "yes: runs of equal seed share their random numbers, and differences are compared"
        if method.paired
        else "no: the runs of different arms are independent"
    )
    return [
        ("Intervals", f"{100 * method.level:g} %, for {generalizes(effects)}"),
        ("Runs are paired", paired),
        ("Degrees of freedom", method.degrees_of_freedom),
        ("Many classes at once", method.multiplicity),
        ("Harmed, helped", f"a class whose q-value is below {ALPHA:g}; for all others the data cannot tell"),
        ("Shrunken effect", "the class's effect drawn towards the average as far as its own noise demands"),
        ("Class dependence tau", "the standard deviation of the true effects over the classes; 0 when all are alike"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in method.versions)),
    ]
