"""Effects: what every arm does to every class, against one baseline. There is no effect without its interval."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import InputError, listing, pick
from barnspider.outcome import Effects, Floats, Generalizes, Method
from barnspider.predictions import Predictions
from barnspider.stats.compare import Comparison, accuracy, compare
from barnspider.stats.intervals import Over
from barnspider.stats.multiplicity import benjamini_hochberg
from barnspider.stats.parallel import each
from barnspider.tables.origins import pattern_hint

__all__ = ["Effects", "Floats", "Generalizes", "Method", "estimate"]


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("barnspider", "numpy", "scipy"))


def estimate(
    preds: Predictions | Design,
    baseline: str | float,
    *,
    level: float = 0.95,
    generalize_to: Literal["auto", "images and runs", "images", "runs"] = "auto",
    arms: Sequence[str] | None = None,
) -> Effects:
    """Estimate what every arm does to every class, with intervals, against one baseline.

    Parameters
    ----------
    preds
        Answers, or their Design where other questions are asked of them too.
    baseline
        An arm's name, or its dose.
    level
        Of every interval, strictly between 0.5 and 1. A class is harmed or helped when q < 1 - level.
    generalize_to
        What may differ next time: "images and runs", "images" (these very models) or "runs" (this very test set).
        "auto" is images and runs where both arms have two runs or more, and images otherwise.
    arms
        Which arms to compare with the baseline; by default all others.

    Raises
    ------
    InputError
        When there is no such arm or dose, nothing to compare, or a single run is to be generalized from.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=3, images=200, runs=4, effect=[-0.3, 0.0, 0.1], seed=1)
    >>> effects = estimate(sim.predictions, baseline="baseline")
    >>> effects.harmed.tolist()
    [[True, False, False]]
    >>> print(effects.sentence("arm 1", "class 0")[:52])
    Class 'class 0' lost 33.6 points, from 79.8 % to 46.
    """
    base = baseline_arm(preds, baseline)
    names = tuple(arms) if arms is not None else tuple(a for a in preds.arms if a != base)
    _check(preds.arms, base, names, level)
    design = Design.of(preds, (base, *names))
    over: tuple[Over, ...] = tuple(design.over(generalize_to, 0, k) for k in range(1, len(design.arms)))
    compared = each(lambda k: compare(design.contrast(0, k), over=over[k - 1], level=level), range(1, len(over) + 1))
    return _assemble(design, over, compared, level)


def baseline_arm(answers: Predictions | Design, baseline: str | float) -> str:
    """Return the arm of this name, or of this dose; `InputError` when there is none, or several have the dose."""
    if isinstance(baseline, str) and baseline not in answers.arms and (hint := pattern_hint(answers.arms)):
        raise InputError(f"baseline={baseline!r} is unknown; expected one of: {listing(answers.arms)}.{hint}")
    if isinstance(baseline, str):
        return pick("baseline", baseline, answers.arms)
    preds = answers.preds if isinstance(answers, Design) else answers
    doses = {arm: preds.dose_of(arm) for arm in answers.arms}
    same = [arm for arm, dose in doses.items() if dose is not None and dose == baseline]
    if len(same) != 1:
        known = listing(f"{arm!r}: {dose}" for arm, dose in doses.items())
        raise InputError(f"baseline={baseline!r} is the dose of {len(same)} arms; expected of exactly one of {known}")
    return same[0]


def _check(arms: tuple[str, ...], base: str, names: tuple[str, ...], level: float) -> None:
    if not 0.5 < level < 1:
        raise InputError(f"level={level!r}; expected above 0.5 and below 1, such as 0.95")
    for arm in names:
        pick("arm", arm, arms)
    if base in names:
        raise InputError(f"arms holds the baseline {base!r}; expected other arms")
    if not names:
        raise InputError(f"the only arm is the baseline {base!r}; expected another to compare with it")
    if len(set(names)) < len(names):
        raise InputError(f"arms={names!r} with baseline={base!r}; expected one other arm or more, each once")


def _assemble(d: Design, over: tuple[Over, ...], compared: list[Comparison], level: float) -> Effects:
    """Put everything together; the first arm of the design is the baseline."""
    preds, base, names, n = d.preds, d.arms[0], d.arms[1:], d.layout.n
    same = len(set(over)) == 1
    before = accuracy(d.counts[0], d.layout, over=over[0] if same else d.over("auto", 0), level=level)
    known = np.broadcast_to(n > 0, (len(names), len(n)))
    columns: dict[str, Any] = {**_by_arm_and_class(compared, known), **_by_arm(compared)}
    columns |= {
        name: np.where(known[0], x, np.nan)
        for name, x in zip(("before", "before_low", "before_high"), before, strict=True)
    }
    return Effects(
        **columns,
        classes=preds.units,
        arms=names,
        baseline=base,
        n=n,
        after=d.accuracy()[1:],
        known=known,
        overall_before=float(d.overall()[0]),
        dose=tuple(preds.dose_of(a) for a in names),
        baseline_dose=preds.dose_of(base),
        runs=tuple(arm.runs for arm in d.counts[1:]),
        baseline_runs=d.counts[0].runs,
        # An arm of which no run is left, since all diverged, is in no comparison; but it must not vanish unsaid.
        left_out=tuple(x for x in preds.left_out if x.arm in d.arms or x.arm not in preds.arms),
        on=preds.on,
        method=_method(d, over[0] if same else "images", level),
        over=() if same else over,
    )


def _by_arm_and_class(compared: list[Comparison], known: NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the fields Float[A, C]; NaN where nothing is known."""
    p, relative_p = (np.stack(x) for x in zip(*((x.interval.p, x.relative_interval.p) for x in compared), strict=True))
    found = {
        "effect": [x.effect for x in compared],
        "low": [x.interval.low for x in compared],
        "high": [x.interval.high for x in compared],
        "se": [np.sqrt(x.spread.variance) for x in compared],
        "df": [x.spread.df for x in compared],
        "p": p,
        "q": benjamini_hochberg(p, known),
        "shrunk": [x.shrunk.mean for x in compared],
        "prob_harm": [x.shrunk.prob_harm for x in compared],
        "relative": [x.relative for x in compared],
        "relative_low": [x.relative_interval.low for x in compared],
        "relative_high": [x.relative_interval.high for x in compared],
        "relative_se": [np.sqrt(x.relative_spread.variance) for x in compared],
        "relative_df": [x.relative_spread.df for x in compared],
        "relative_p": relative_p,
        "relative_q": benjamini_hochberg(relative_p, known),
    }
    return {name: np.where(known, np.asarray(values), np.nan) for name, values in found.items()}


def _by_arm(compared: list[Comparison]) -> dict[str, Floats]:
    """Return the fields Float[A]."""
    found = {
        "overall": [x.overall for x in compared],
        "overall_low": [x.overall_interval.low[0] for x in compared],
        "overall_high": [x.overall_interval.high[0] for x in compared],
        "overall_p": [x.overall_interval.p[0] for x in compared],
        "tau": [x.dependence.tau for x in compared],
        "tau_low": [x.dependence.low for x in compared],
        "tau_high": [x.dependence.high for x in compared],
        "tau_p": [x.dependence.p for x in compared],
    }
    return {name: np.array(values) for name, values in found.items()}


def _method(d: Design, over: Over, level: float) -> Method:
    units = words.plural(words.unit(d.by))
    return Method(
        level=level,
        generalizes_to=over,
        paired=all(len(d.pairs(0, k)[0]) > 1 for k in range(1, len(d.arms))),
        degrees_of_freedom="Satterthwaite over the mean squares used (Hillis 2007)",
        multiplicity=f"Benjamini-Hochberg over {words.counted(len(d.arms) - 1, 'arm')} x {units} with images",
        versions=_versions(),
        labels="single" if d.preds.accepted is None else "sets",
        unlabelled=d.preds.unlabelled,
        by=d.by,
    )
