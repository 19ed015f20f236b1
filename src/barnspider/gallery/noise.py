"""What training does by itself: two halves of one arm, and how runs of one arm scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.effects import Effects, estimate
from barnspider.errors import InputError
from barnspider.gallery.found import LEVEL, Found
from barnspider.gallery.shown import interval, table
from barnspider.markdown import escaped
from barnspider.predictions import Predictions

Floats = NDArray[np.float64]
LEAST = 4
"""Runs that an arm must have to be halved."""


def halves(preds: Predictions, arm: str) -> Predictions:
    """Return an arm's runs as two arms: every other run, by seed. They differ in nothing.

    Examples
    --------
    >>> preds = Predictions.from_arrays([0, 1], {"off": [[0, 1]] * 4})
    >>> halves(preds, "off").arm
    ('one half', 'one half', 'the other', 'the other')
    """
    rows = sorted(preds.rows(arm).tolist(), key=preds.seed.__getitem__)
    size = len(rows) // 2
    dealt = preds.where(runs=[*rows[0 : 2 * size : 2], *rows[1 : 2 * size : 2]])
    names = ("one half",) * size + ("the other",) * size
    return replace(dealt, arm=names, seed=(*range(size),) * 2, dose=(None,) * 2 * size, paired=False, left_out=())


def same_recipe(found: Sequence[Found]) -> str:
    """Return the table of the negative control: what is found between two halves of one arm."""
    head = [
        "study", "arm", "runs x images", "change of the average", "classes harmed or helped", "tau",
        "p that classes are alike",
    ]  # fmt: skip
    rows = [_halved(f, arm) for f in found for arm in f.preds.arms if len(f.preds.rows(arm)) >= LEAST]
    return table(head, rows, left=2)


def _halved(f: Found, arm: str) -> list[str]:
    preds = halves(f.preds, arm)
    e: Effects = estimate(preds, "one half", level=LEVEL)
    size = len(preds.arm) // 2
    return [
        f.entry.name, escaped(arm), f"{size} + {size} x {len(preds.label):,}",
        interval(e.overall[0], e.overall_low[0], e.overall_high[0]),
        f"{int((e.harmed | e.helped).sum())} of {int(e.known.sum())}",
        interval(e.tau[0], e.tau_low[0], e.tau_high[0], sign=False), words.chance(float(e.tau_p[0])),
    ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scatter:
    """How J runs of one arm scatter over C classes.

    Attributes
    ----------
    runs : J
    n, accuracy : Int[C], Float[C]
    sd, low, high : Float[C]
        Standard deviation over runs of a class's accuracy, and its interval (chi squared).
    expected : Float[C]
        sqrt(err / (2 n)): what is usual where errors are independent (Jordan 2023).
    ratio : float
        Of all classes together: the root of the mean variance over that of the mean expected one.
    overall : float
        Standard deviation over runs of the accuracy over all images.
    """

    runs: int
    n: NDArray[np.int64]
    accuracy: Floats
    sd: Floats
    low: Floats
    high: Floats
    expected: Floats
    ratio: float
    overall: float


def scatter(preds: Predictions, arm: str) -> Scatter:
    """Measure how the runs of one arm scatter.

    Raises
    ------
    InputError
        When the arm has fewer than two runs.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> found = scatter(simulate(classes=4, images=500, runs=30, seed=1).predictions, "baseline")
    >>> 0.5 < found.ratio < 3.0, bool((found.low < found.high).all())
    (True, True)
    """
    from scipy.special import chdtri

    d = Design.of(preds, [arm])
    runs, n = d.counts[0].runs, d.layout.n
    if runs < 2:
        raise InputError(f"arm {arm!r} has one run; expected two or more, to see how runs scatter")
    with np.errstate(invalid="ignore"):
        each = d.counts[0].per_run / n
    sd, free = each.std(axis=0, ddof=1), runs - 1
    accuracy = each.mean(axis=0)
    with np.errstate(invalid="ignore"):
        expected = np.sqrt((1 - accuracy) / (2 * n))
    low, high = (sd * np.sqrt(free / chdtri(free, p)) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    whole = d.counts[0].per_run.sum(axis=1) / max(n.sum(), 1)
    some = n > 0
    usual = float(np.mean(expected[some] ** 2))
    ratio = float(np.sqrt(np.mean(sd[some] ** 2) / usual)) if usual > 0 else float("nan")
    return Scatter(runs, n, accuracy, sd, low, high, expected, ratio, float(whole.std(ddof=1)))


def noise(found: Sequence[Found]) -> str:
    """Return, for each study of training noise, a line and the table of its classes, the most scattered first."""
    return "\n\n".join(_noise(f) for f in found)


def _noise(f: Found) -> str:
    arm = max(f.preds.arms, key=lambda name: len(f.preds.rows(name)))
    s = scatter(f.preds, arm)
    head = ["class", "images", "accuracy", "sd over runs", "sqrt(err / 2n)", "ratio"]
    order = np.argsort(-np.nan_to_num(s.sd, nan=-1.0), kind="stable")[:20]
    ratio = "unknown" if np.isnan(s.ratio) else f"{s.ratio:.2f}"
    line = (
        f"{f.entry.name}, arm {escaped(arm)}, {words.counted(s.runs, 'run')}: the average scatters by"
        f" {100 * s.overall:.2f} points; classes by {ratio} times what independent errors would bring."
    )
    return f"{line}\n\n{table(head, [_class(f, s, int(c)) for c in order if s.n[c]])}"


def _class(f: Found, s: Scatter, c: int) -> list[str]:
    ratio = f"{s.sd[c] / s.expected[c]:.2f}" if s.expected[c] > 0 else "unknown"
    return [
        escaped(f.preds.units[c]), f"{s.n[c]:,}", words.percent(float(s.accuracy[c])),
        f"{100 * s.sd[c]:.2f} ({100 * s.low[c]:.2f} to {100 * s.high[c]:.2f})", f"{100 * s.expected[c]:.2f}", ratio,
    ]  # fmt: skip
