"""Effects -> what the page says without any script. A number that is not there is "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from barnspider import words
from barnspider.effects import Effects, Floats
from barnspider.names import visible

CANNOT = "cannot tell"


def points(value: float, *, sign: bool = True) -> str:
    """Return a proportion in points with a true minus sign; "cannot tell" where it is NaN.

    Examples
    --------
    >>> points(0.0123), points(-0.0104), points(float("nan"))
    ('+1.2', '−1.0', 'cannot tell')
    """
    return CANNOT if math.isnan(value) else words.points(value, sign=sign).replace("-", "−")


def between(low: float, high: float) -> str:
    """Return an interval in points, such as "0.9 to 1.5"; "cannot tell" where an end is NaN."""
    return CANNOT if math.isnan(low) or math.isnan(high) else words.between(low, high).replace("-", "−")


def headline(effects: Effects, arm: str) -> str:
    """Return the sentence of every report: average, class dependence, how many are harmed and helped."""
    return effects.headline(arm).replace("unknown", CANNOT).replace("-", "−")  # it holds no names


def lead(effects: Effects, a: int) -> str:
    """Return what an arm does, for a reader who never heard of the question: the average, who pays, who gains."""
    low, high = effects.overall_low[a], effects.overall_high[a]
    change = points(abs(effects.overall[a]), sign=False)
    if low > 0 or high < 0:
        average = f"{'Raises' if low > 0 else 'Lowers'} accuracy by {change} points on average"
    else:
        average = f"Whether it changes the average, the data cannot tell ({between(low, high)} points)"
    harmed, helped, total = int(effects.harmed[a].sum()), int(effects.helped[a].sum()), len(effects.classes)
    if not harmed and not helped:
        return f"{average}. Of none of the {words.counted(total, 'class')} can it be shown that it pays or gains."
    gain = f"{helped:,} of {words.counted(total, 'class')} {'gains' if helped == 1 else 'gain'}"
    if not helped:
        gain = "none can be shown to gain"
    unclear = total - harmed - helped
    rest = f" Of the other {unclear:,} the data cannot tell." if unclear else ""
    return f"{average}. {_pay(effects, a)}; {gain}.{rest}"


def _pay(effects: Effects, a: int) -> str:
    order = effects.worst_first(effects.arms[a])
    harmed = order[effects.harmed[a][order]]
    if not len(harmed):
        return "No class can be shown to pay"
    named = ", ".join(f"{isolated(effects.classes[c])} ({points(effects.effect[a, c])})" for c in harmed[:3])
    more = f" and {len(harmed) - 3:,} more" if len(harmed) > 3 else ""
    return f"{words.counted(len(harmed), 'class')} {'pays' if len(harmed) == 1 else 'pay'}: {named}{more}"


def focus(effects: Effects) -> int:
    """Return the arm to show first: the best on average or, where none beats the baseline, where most classes pay."""
    harmed = effects.harmed.sum(axis=1)
    if np.nanmax(effects.overall, initial=-np.inf) > 0 or not harmed.any():
        return int(np.argmax(np.nan_to_num(effects.overall, nan=-np.inf)))
    return int(np.argmax(harmed))


def elsewhere(effects: Effects, shown: int, titles: Sequence[str]) -> str:
    """Return what the arm shown first does not tell: is the baseline the best, and where do most classes pay?"""
    if len(titles) == 1:
        return ""
    above = np.nanmax(effects.overall, initial=-np.inf) > 0
    first = "" if above else "On average no arm is better here than the baseline. "
    harmed = effects.harmed.sum(axis=1)
    most = int(np.argmax(harmed))
    if not harmed.any():
        return f"{first}In no other arm can any class be shown to pay."
    return (first if most == shown else f"{first}Most classes pay at {titles[most]}. {_pay(effects, most)}.").strip()


def typical(found: Floats, power: float) -> str:
    """Return the smallest effect that the study finds for its median class, and how often."""
    if not np.isfinite(found).any():
        return "chance could explain them"
    return (
        f"a change of {points(float(np.nanmedian(found)), sign=False)} points is found {100 * power:.0f} % of the time"
    )


def isolated(name: str) -> str:
    """Return a stranger's name, visible, that keeps its writing direction to itself within a sentence."""
    return f"'\u2068{visible(name)}\u2069'"


def generalizes(effects: Effects, arm: str) -> str:
    """Return whom an arm's intervals speak for, in plain words."""
    return {
        "images and runs": "new images and new runs of the same recipe",
        "images": "new images, but only these very models: not the recipe",
        "runs": "new runs of the same recipe, but only this very test set",
    }[effects.generalizes_to(arm)]


def assumptions(effects: Effects) -> list[tuple[str, str]]:
    """Return how the intervals were made, as (name, words)."""
    method = effects.method
    paired = (
        "yes: runs of equal seed share their random numbers, so their differences are compared"
        if method.paired
        else "no: the runs of different arms are independent"
    )
    alpha = f"{1 - method.level:.3g}"
    return [
        ("Intervals", f"{100 * method.level:.4g} %, over runs x images, in closed form"),
        ("Runs are paired", paired),
        ("Degrees of freedom", method.degrees_of_freedom),
        ("Many classes at once", method.multiplicity),
        ("Harmed, helped", f"a class whose q-value is below {alpha}; of the others the data cannot tell"),
        ("Shrunken effect", "the class's effect drawn towards the average as far as its own noise demands"),
        ("Chance of harm", "the probability that the true effect is below zero, by the same reasoning"),
        ("Class dependence tau", "the standard deviation of the true effects over the classes; 0 when all are alike"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in method.versions)),
    ]
