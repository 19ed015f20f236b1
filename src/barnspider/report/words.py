"""Effects -> what the page says without any script. A number that is not there is "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from barnspider import words
from barnspider.doses import BestDoses, DoseCurves, Tolls
from barnspider.effects import Effects, Floats
from barnspider.figures.rows import best_on_average, certainly_lowest, first_shown, toll_order
from barnspider.flows import Flows
from barnspider.gate import Verdict
from barnspider.inequality import Inequality
from barnspider.names import visible

CANNOT = "cannot tell"
NAMED = 3  # classes or arms in one sentence; of more, their number


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


def within(low: float, high: float) -> str:
    """Return an interval with its unit, "0.9 to 1.5 points"; "cannot tell" where an end is NaN."""
    text = between(low, high)
    return text if text == CANNOT else f"{text} points"


def typeset(text: str) -> str:
    """Return a text of numbers with true minus signs; what is unknown cannot be told."""
    return CANNOT if text == "unknown" else text.replace("-", "−")


def headline(effects: Effects, arm: str) -> str:
    """Return the sentence of every report: average, class dependence, how many are harmed and helped."""
    return effects.headline(arm).replace("unknown", CANNOT).replace("-", "−")  # it holds no names


def margin(effects: Effects) -> str:
    """Return what "unchanged" is within: "1 point".

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> margin(estimate(simulate(classes=2, images=20, runs=2).predictions, baseline="baseline"))
    '1 point'
    """
    size = f"{100 * effects.method.margin:.3g}"
    return f"{size} {'point' if size == '1' else 'points'}"


def lead(effects: Effects, a: int) -> str:
    """Return what an arm does, for a reader who never heard of the question: the average, who pays, who gains."""
    low, high = effects.overall_low[a], effects.overall_high[a]
    change = points(abs(effects.overall[a]), sign=False)
    if low > 0 or high < 0:
        average = f"{'Raises' if low > 0 else 'Lowers'} accuracy by {change} points on average"
    else:
        average = f"Whether it changes the average, the data cannot tell ({between(low, high)} points)"
    found = effects.findings()[a]
    helped, same = (int((found == status).sum()) for status in ("helped", "unchanged"))
    unit = effects.method.unit
    unclear, total = int((found == CANNOT).sum()), words.counted(len(found), unit)
    pay, gain = _pay(effects, a), f"{helped:,} of {total} {'gains' if helped == 1 else 'gain'}"
    who = f"{pay}; {gain if helped else 'none can be shown to gain'}"
    if not helped and not effects.harmed[a].any():
        who = f"No {unit} can be shown to pay or to gain"
    alike = (
        f" {same:,} certainly {'changes' if same == 1 else 'change'} by less than {margin(effects)}." if same else ""
    )
    return f"{average}. {who}.{alike}{_untold(unclear, len(found))}"


def _untold(unclear: int, classes: int) -> str:
    if not unclear or classes == 1:  # of one class, all is said
        return ""
    which = f"all {classes:,}" if unclear == classes else f"the other {unclear:,}" if unclear > 1 else "the other one"
    return f" Of {which} the data cannot tell."


def _pay(effects: Effects, a: int) -> str:
    order = effects.worst_first(effects.arms[a])
    harmed = order[effects.harmed[a][order]]
    if not len(harmed):
        return f"No {effects.method.unit} can be shown to pay"
    named = ", ".join(f"{isolated(effects.classes[c])} ({points(effects.effect[a, c])})" for c in harmed[:NAMED])
    more = f" and {len(harmed) - NAMED:,} more" if len(harmed) > NAMED else ""
    return f"{words.counted(len(harmed), effects.method.unit)} {'pays' if len(harmed) == 1 else 'pay'}: {named}{more}"


def failed_worst(effects: Effects, verdict: Verdict | None) -> int | None:
    """Return the arm with the gate's worst finding of harm, if the verdict is about these effects."""
    worst = verdict.findings[0] if verdict is not None and verdict.status == "fail" else None
    if worst is None or worst.arm not in effects.arms or worst.class_ not in effects.classes:
        return None
    a = effects.arms.index(worst.arm)
    return a if effects.effect[a, effects.classes.index(worst.class_)] == worst.effect else None


def focus(effects: Effects, verdict: Verdict | None = None) -> int:
    """Return the arm to show first: the one that failed worst, else the best or, where none is, the most harmful."""
    failed = failed_worst(effects, verdict)
    if failed is not None:
        return failed
    return first_shown(effects)


def role(effects: Effects, a: int, verdict: Verdict | None) -> str:
    """Return why an arm is remarkable: "best on average", "failed the gate worst", both or nothing."""
    best = len(effects.arms) > 1 and a == best_on_average(effects) and bool(effects.overall[a] > 0)
    failed = len(effects.arms) > 1 and a == failed_worst(effects, verdict)
    return " and ".join(["best on average"] * best + ["failed the gate worst"] * failed)


def elsewhere(effects: Effects, shown: int, titles: Sequence[str]) -> str:
    """Return what the arm shown first does not tell: which is the best, and where do most classes pay?"""
    if len(titles) == 1:
        return ""
    best, harmed = best_on_average(effects), effects.harmed.sum(axis=1)
    if not effects.overall[best] > 0:
        first = "On average no arm is better here than the baseline. "
    else:
        first = "" if best == shown else f"Best on average is {titles[best]} ({points(effects.overall[best])} points). "
    lowest = certainly_lowest(effects)
    if lowest not in (None, shown):
        loss = points(-effects.overall[lowest], sign=False)
        within = between(effects.overall_low[lowest], effects.overall_high[lowest])
        first += f"{titles[lowest]} lowers the average most: by {loss} points ({within}). "
    most = int(np.argmax(harmed))
    if not harmed.any():
        return f"{first}In no other arm can any {effects.method.unit} be shown to pay."
    if most == shown:
        return first.strip()
    many = f"Most {effects.method.units} pay at {titles[most]}:"
    where = f"At {titles[most]}," if harmed[most] == 1 else many
    return f"{first}{where} {_pay(effects, most)}."


def typical(found: Floats, power: float) -> str:
    """Return the smallest effect that the study finds for its median class, and how often."""
    if not np.isfinite(found).any():
        return "chance could explain them"
    median = float(np.nanmedian(found))
    change = f"a change of {points(median, sign=False)} points" if median < 1 else "no change, however large,"
    return f"{change} is found {100 * power:.0f} % of the time"


def isolated(name: str) -> str:
    """Return a stranger's name, visible, that keeps its writing direction to itself within a sentence."""
    return f"'\u2068{visible(name)}\u2069'"


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are.

    Examples
    --------
    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def best(found: BestDoses, titles: Mapping[str, str], on: str) -> str:
    """Return the best arm on average on these images, and all that cannot be told from it."""
    others = [titles[arm] for arm in found.contenders if arm != found.best]
    accuracy = words.percent(float(found.overall[found.arms.index(found.best)]))
    told = f"It cannot be told from {some(others)}" if others else "It is better than every other"
    where = f" of {visible(on)}" if on else ""
    return f"Best on average: {titles[found.best]} ({accuracy}{where}). {told} (at {100 * found.level:.4g} %)."


def toll(tolls: Tolls) -> str:
    """Return how many classes certainly pay for the best average, and how much at most."""
    order = toll_order(tolls)
    pay, total = [c for c in order if tolls.low[c] > 0], words.counted(len(order), tolls.unit)
    if not pay:
        return f"Of {total}, none can be shown to pay for the best average."
    named = "; ".join(
        f"{isolated(tolls.classes[c])} {points(tolls.toll[c], sign=False)} points"
        f" ({between(tolls.low[c], tolls.high[c])}; naive {points(tolls.naive[c], sign=False)})"
        for c in pay[:NAMED]
    )
    more = f"; and {len(pay) - NAMED:,} more" if len(pay) > NAMED else ""
    return f"{len(pay):,} of {total} {'pays' if len(pay) == 1 else 'pay'} a toll: {named}{more}."


def flows(found: Flows, a: int) -> str:
    """Return how many pairs of classes are certainly confused more, or less, in an arm."""
    sure, total = found.certain()[a], words.counted(len(found.source), "pair")
    more, less = (int((sure & side).sum()) for side in (found.change[a] > 0, found.change[a] < 0))
    confused = f"Of {total} of {found.method.units} that are confused at all"
    if not sure.any():
        return f"{confused}, none certainly changed."
    return f"{confused}, {more:,} certainly more often, {less:,} less often."


def chosen_and_measured(tolls: Tolls) -> str:
    """Return which images chose and which measured."""
    where = f"measured on {visible(tolls.measured_on)}"
    if tolls.chosen_on == "the other half":
        return f"Chosen on one half of the images (and of the runs), {where}, the other half; then the other way round."
    return f"Chosen on {visible(tolls.chosen_on)}, {where}; with several runs, half of them choose and half measure."


def curve(curves: DoseCurves) -> str:
    """Return what the loss is whose dose is marked on a curve, such as "2 points"."""
    return f"{100 * curves.fit.delta:.3g} points"


def unequal(found: Inequality, a: int) -> str:
    """Return whether an arm (by its place, baseline first) makes classes more unequal, by their standard deviation."""
    change, before, after = found.change[a - 1]["sd"], found.measures[0]["sd"], found.measures[a]["sd"]
    units = words.plural(words.unit(found.by))
    if not np.isfinite([change.value, change.low, change.high]).all():
        return f"Whether {units} become more or less unequal, the data cannot tell."
    spread = f"the standard deviation of their accuracies changes by {points(change.value)} points"
    size = f"({between(change.low, change.high)}), from {points(before.value, sign=False)} to"
    size += f" {points(after.value, sign=False)}"
    if change.low <= 0 <= change.high:
        return f"Whether {units} become more or less unequal, the data cannot tell: {spread} {size}."
    return f"{units.capitalize()} become {'more' if change.low > 0 else 'less'} unequal: {spread} {size}."


def generalizes(effects: Effects, arm: str) -> str:
    """Return whom an arm's intervals speak for, in plain words."""
    return {
        "images and runs": "new images and new runs of the same recipe",
        "images": "new images, but only these very models: not the recipe",
        "runs": "new runs of the same recipe, but only this very test set",
    }[effects.generalizes_to(arm)]


def speaks_for(studies: Iterable[Effects]) -> str:
    """Return what the whole page generalizes to; where arms or studies differ, all of it."""
    found = [generalizes(effects, arm) for effects in studies for arm in effects.arms]
    return "; or, where an arm has one run only, ".join(dict.fromkeys(found))


def assumptions(effects: Effects) -> list[tuple[str, str]]:
    """Return how the intervals were made, as (name, words)."""
    method = effects.method
    paired = (
        "yes: runs of equal seed share their random numbers, so their differences are compared"
        if method.paired
        else "no: the runs of different arms are independent"
    )
    alpha, unit = f"{1 - method.level:.3g}", method.unit
    right = words.judged_by(method.labels, method.unlabelled)
    return [
        *([("Right answers", right)] if right else []),
        *([("Groups", words.grouping(method.by))] if method.by else []),
        ("Intervals", f"{100 * method.level:.4g} %, over runs x images, in closed form"),
        ("Runs are paired", paired),
        ("Degrees of freedom", method.degrees_of_freedom),
        (f"Many {method.units} at once", method.multiplicity),
        ("Harmed, helped", f"a {unit} whose q-value is below {alpha}"),
        (
            "Unchanged",
            f"neither, and certainly changed by less than {margin(effects)} (two one-sided tests, q < {alpha})",
        ),
        ("Cannot tell", "all others: a change may be there that is too small for this study to find"),
        (
            "Against the average",
            f"the {unit}'s change minus the change over all images (Hooker et al. 2019), with its own q",
        ),
        ("Shrunken effect", f"the {unit}'s effect drawn towards the average as far as its own noise demands"),
        ("Chance of harm", "the probability that the true effect is below zero, by the same reasoning"),
        (
            f"{unit.capitalize()} dependence tau",
            f"the standard deviation of the true effects over the {method.units}; 0 when all are alike",
        ),
        ("Versions", ", ".join(f"{name} {version}" for name, version in method.versions)),
    ]
