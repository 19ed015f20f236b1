"""Effects: what every arm does to every class, against one baseline. There is no effect without its interval."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError, listing, pick
from barnspider.outcome import Effects, Floats, Generalizes, Method
from barnspider.predictions import Predictions
from barnspider.stats.compare import Comparison, accuracy, compare
from barnspider.stats.crossed import Arm, ByClass, Pairs, by_class, count
from barnspider.stats.multiplicity import benjamini_hochberg

__all__ = ["Effects", "Floats", "Generalizes", "Method", "estimate"]


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in ("barnspider", "numpy", "scipy"))


def estimate(
    preds: Predictions,
    baseline: str | float,
    *,
    level: float = 0.95,
    generalize_to: Literal["auto", "images and runs", "images", "runs"] = "auto",
    arms: Sequence[str] | None = None,
) -> Effects:
    """Estimate what every arm does to every class, with intervals, against one baseline.

    Parameters
    ----------
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
    base = _baseline(preds, baseline)
    names = tuple(arms) if arms is not None else tuple(a for a in preds.arms if a != base)
    _check(preds, base, names, level)
    wanted = pick("generalize_to", generalize_to, ("auto", "images and runs", "images", "runs"))
    over: tuple[Generalizes, ...] = tuple(_generalizes(preds, base, arm, wanted) for arm in names)
    layout = by_class(preds.label, len(preds.classes))
    right = preds.correct()
    counts = {arm: count(right[_by_seed(preds, arm)], layout) for arm in dict.fromkeys((base, *names))}
    compared = [
        compare(counts[base], counts[arm], layout, over=o, paired=_pairs(preds, base, arm), level=level)
        for arm, o in zip(names, over, strict=True)
    ]
    return _assemble(preds, base, names, over, layout, counts, compared, level)


def _baseline(preds: Predictions, baseline: str | float) -> str:
    if isinstance(baseline, str):
        return pick("baseline", baseline, preds.arms)
    doses = {arm: preds.dose_of(arm) for arm in preds.arms}
    same = [arm for arm, dose in doses.items() if dose is not None and dose == baseline]
    if len(same) != 1:
        known = listing(f"{arm!r}: {dose}" for arm, dose in doses.items())
        raise InputError(f"baseline={baseline!r} is the dose of {len(same)} arms; expected of exactly one of {known}")
    return same[0]


def _check(preds: Predictions, base: str, names: tuple[str, ...], level: float) -> None:
    if not 0.5 < level < 1:
        raise InputError(f"level={level!r}; expected above 0.5 and below 1, such as 0.95")
    for arm in names:
        pick("arm", arm, preds.arms)
    if base in names:
        raise InputError(f"arms holds the baseline {base!r}; expected other arms")
    if not names:
        raise InputError(f"the only arm is the baseline {base!r}; expected another to compare with it")
    if len(set(names)) < len(names):
        raise InputError(f"arms={names!r} with baseline={base!r}; expected one other arm or more, each once")


def _generalizes(preds: Predictions, base: str, arm: str, wanted: str) -> Generalizes:
    runs = {name: len(preds.rows(name)) for name in (base, arm)}
    if wanted == "auto":
        return "images and runs" if min(runs.values()) > 1 else "images"
    if wanted != "images" and min(runs.values()) < 2:
        few = min(runs, key=lambda name: runs[name])
        raise InputError(
            f"generalize_to={wanted!r}, but arm {few!r} has one run, which tells nothing about runs;"
            " expected two runs or more in every arm, or generalize_to='images'"
        )
    return "images" if wanted == "images" else "runs" if wanted == "runs" else "images and runs"


def _by_seed(preds: Predictions, arm: str) -> NDArray[np.intp]:
    rows = preds.rows(arm)
    return rows[np.argsort([preds.seed[r] for r in rows], kind="stable")]


def _pairs(preds: Predictions, base: str, arm: str) -> Pairs:
    """Return which runs, in order of seed, have a partner: the design says whether seeds pair at all."""
    seeds = [sorted(preds.seed[r] for r in preds.rows(name)) for name in (base, arm)]
    common = sorted(set(seeds[0]) & set(seeds[1])) if preds.paired else []
    rows = [np.array([own.index(s) for s in common], dtype=np.intp) for own in seeds]
    return rows[0], rows[1]


def _assemble(
    preds: Predictions,
    base: str,
    names: tuple[str, ...],
    over: tuple[Generalizes, ...],
    layout: ByClass,
    counts: dict[str, Arm],
    compared: list[Comparison],
    level: float,
) -> Effects:
    before_over: Generalizes = over[0] if len(set(over)) == 1 else _generalizes(preds, base, base, "auto")
    before = accuracy(counts[base], layout, over=before_over, level=level)
    known = np.broadcast_to(layout.n > 0, (len(names), len(layout.n)))
    with np.errstate(invalid="ignore"):
        after = np.stack([counts[a].per_run.sum(axis=0) / (layout.n * counts[a].runs) for a in names])
    columns: dict[str, Any] = {**_by_arm_and_class(compared, known), **_by_arm(compared)}
    columns |= {
        name: np.where(known[0], x, np.nan)
        for name, x in zip(("before", "before_low", "before_high"), before, strict=True)
    }
    return Effects(
        **columns,
        classes=preds.classes,
        arms=names,
        baseline=base,
        n=layout.n,
        after=after,
        known=known,
        overall_before=float(counts[base].per_run.sum() / max(layout.n.sum() * counts[base].runs, 1)),
        dose=tuple(preds.dose_of(a) for a in names),
        baseline_dose=preds.dose_of(base),
        runs=tuple(counts[a].runs for a in names),
        baseline_runs=counts[base].runs,
        left_out=tuple(x for x in preds.left_out if x.arm in {base, *names}),
        on=preds.on,
        method=_method(preds, base, names, over, level),
        over=over if len(set(over)) > 1 else (),
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


def _method(
    preds: Predictions, base: str, names: tuple[str, ...], over: tuple[Generalizes, ...], level: float
) -> Method:
    return Method(
        level=level,
        generalizes_to=over[0] if len(set(over)) == 1 else "images",
        paired=all(len(_pairs(preds, base, arm)[0]) > 1 for arm in names),
        degrees_of_freedom="Satterthwaite over the mean squares used (Hillis 2007)",
        multiplicity=f"Benjamini-Hochberg over {words.counted(len(names), 'arm')} x classes with images",
        versions=_versions(),
    )
