"""Angelakis & Rass on Fashion-MNIST (arXiv 2403.04120), side by side: theirs, ours, and whether the two agree.

Theirs are the numbers of their text, sections 2.3 and 2.4. They crop a fixed share alpha of every image, which is our
knob `fixed_crop`; a study of another knob has another axis, and its doses are not compared with theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import Effects, estimate
from barnspider.errors import InputError, listing
from barnspider.gallery.found import LEVEL, Found
from barnspider.gallery.shown import CANNOT, interval, table
from barnspider.joining import concat
from barnspider.markdown import escaped
from barnspider.stats.curves import Curves
from barnspider.stats.intervals import wilson
from barnspider.stats.ranks import rank_correlation

ALPHA = "fixed_crop"
SANDAL = {"flips": 0.36, "no flips": 0.40}
"""Where Sandal is best, ResNet50."""

DRESS = 0.30
"""From where Dress falls rapidly, EfficientNetV2S with flips."""

Row = list[str]
Floats = NDArray[np.float64]
HEAD = ["finding", "theirs", "ours", "studies", "agreement"]


def angelakis_rass(found: Sequence[Found]) -> str:
    """Return the table.

    Raises
    ------
    InputError
        When a study has no class called Sandal or Dress.
    """
    for f in found:
        if absent := [name for name in ("Sandal", "Dress") if name not in f.preds.units]:
            raise InputError(f"study {f.entry.name!r} has no class {listing(absent)}; expected one of Fashion-MNIST")
    rows = [_axis(f) for f in found] + [_sandal(f) for f in found]
    with_flips = [f for f in found if f.entry.published == "flips"]
    rows += [_dress(f) for f in with_flips] + [_order(f) for f in found]
    for on in with_flips:
        for off in (f for f in found if f.entry.published == "no flips" and _alike(f, on)):
            rows += [_average(on, off, arm) for arm in _shared(on, off)] + [_peaks(on, off)]
    findings = table(HEAD, [*rows, *_networks(with_flips)], left=4)
    return "\n\n".join([findings, *_thresholds(found)])


def _thresholds(found: Sequence[Found]) -> list[str]:
    """Return as a table where each class is best and has lost 2 points; who falls first in the first study is first.

    Beside its best dose stands its share of all answers there: a class may be best since others are taken for it.
    """
    curved = [(f, f.curves.fit) for f in found if f.curves is not None]
    if not curved:
        return []
    said = ("best at", "answers there", "has lost 2 points from")
    head = ["class", *(f"{what}, {f.entry.name}" for f, _ in curved for what in said)]
    order = np.argsort(np.nan_to_num(curved[0][1].lost, nan=np.inf), kind="stable")
    rows = [
        [escaped(curved[0][0].preds.units[c]), *(cell for f, fit in curved for cell in _marks(f, fit, c))]
        for c in order.tolist()
    ]
    return [table(head, rows)]


def _marks(f: Found, fit: Curves, c: int) -> list[str]:
    best = [float(x[c]) for x in (fit.peak, fit.peak_low, fit.peak_high)]
    lost = [float(x[c]) for x in (fit.lost, fit.lost_low, fit.lost_high)]
    nearest = min(f.preds.arms, key=lambda arm: abs((f.preds.dose_of(arm) or 0.0) - best[0]))
    return [_at(*best), f"{_called(f, nearest, c):.0%}", _at(*lost)]


def _called(f: Found, arm: str, c: int) -> float:
    """Return which share of an arm's answers is a class."""
    return float((f.preds.guess[f.preds.rows(arm)] == c).mean())


def _alike(one: Found, other: Found) -> bool:
    """Return whether two studies differ in flips alone, as far as their recipes tell."""
    return one.knob == other.knob and all(
        one.recipe.get(name) == other.recipe.get(name) for name in {*one.recipe, *other.recipe} - {"flip", "mirrored"}
    )


def _shared(one: Found, other: Found) -> list[str]:
    """Return the arms in which flips are compared: off, and the best average with flips."""
    both = [arm for arm in one.preds.arms if arm in other.preds.arms]
    return [arm for arm in dict.fromkeys([one.baseline, one.best.best]) if arm in both]


def _axis(f: Found) -> Row:
    same = "the same" if f.knob == ALPHA else "another axis"
    return ["axis", "alpha, the share removed of every image", f.axis.title()[0], f.entry.name, same]


def _sandal(f: Found) -> Row:
    what, theirs = f"Sandal is best at alpha, {f.entry.published}", SANDAL[f.entry.published or "flips"]
    if f.curves is None:
        return [what, f"{theirs:g}", CANNOT, f.entry.name, CANNOT]
    fit, c, doses = f.curves.fit, f.curves.classes.index("Sandal"), f.curves.dose
    at, low, high = float(fit.peak[c]), float(fit.peak_low[c]), float(fit.peak_high[c])
    anywhere = low <= doses[0] and high >= doses[-1]
    return [what, f"{theirs:g}", _at(at, low, high), f.entry.name, _within(f, theirs, low, high, vague=anywhere)]


def _dress(f: Found) -> Row:
    what = "Dress falls from alpha (ours: has lost 2 points)"
    if f.curves is None:
        return [what, f"{DRESS:g}", CANNOT, f.entry.name, CANNOT]
    fit, c = f.curves.fit, f.curves.classes.index("Dress")
    at, low, high = float(fit.lost[c]), float(fit.lost_low[c]), float(fit.lost_high[c])
    vague = low <= f.curves.dose[0] and not np.isfinite(high)
    return [what, f"{DRESS:g}", _at(at, low, high), f.entry.name, _within(f, DRESS, low, high, vague=vague)]


def _within(f: Found, theirs: float, low: float, high: float, *, vague: bool) -> str:
    if f.knob != ALPHA:
        return f"not comparable: {f.knob} is another axis"
    return CANNOT if vague else "agrees" if low <= theirs <= high else "differs"


def _at(at: float, low: float, high: float) -> str:
    """Return a dose with its interval; beyond the doses that were tried is "never"."""
    return "{} ({} to {})".format(*("never" if np.isinf(x) else f"{x:.2g}" for x in (at, low, high)))


def _order(f: Found) -> Row:
    what, theirs = "Dress falls before Sandal is at its best", "yes"
    if f.curves is None:
        return [what, theirs, CANNOT, f.entry.name, CANNOT]
    fit, c, d = f.curves.fit, f.curves.classes.index("Sandal"), f.curves.classes.index("Dress")
    ours = f"Dress {_at(*map(float, (fit.lost[d], fit.lost_low[d], fit.lost_high[d])))}, Sandal {fit.peak[c]:.2g}"
    sure = (
        "agrees" if fit.lost_high[d] < fit.peak_low[c] else "differs" if fit.lost_low[d] > fit.peak_high[c] else CANNOT
    )
    return [what, theirs, ours, f.entry.name, sure]


def _average(on: Found, off: Found, arm: str) -> Row:
    """Compare the average without flips with that with flips, in one arm of both; runs are not paired."""
    e = _without(on, off, arm)
    low, high = float(e.overall_low[0]), float(e.overall_high[0])
    ours = f"{interval(float(e.overall[0]), low, high)} points at {on.dose(arm)}"
    sure = "agrees" if high < 0 else "differs" if low > 0 else CANNOT
    return ["without flips the average is slightly lower", "yes", ours, f"{off.entry.name}, {on.entry.name}", sure]


def _without(on: Found, off: Found, arm: str) -> Effects:
    parts = [
        replace(own, arm=(name,) * len(own.arm), paired=False, left_out=())
        for name, f in (("flips", on), ("no flips", off))
        for own in [f.preds.where(arms=[arm])]
    ]
    return estimate(concat(parts), "flips", level=LEVEL)


def _peaks(on: Found, off: Found) -> Row:
    """Count the classes whose best dose is larger without flips."""
    what, theirs = "without flips, best doses are larger", "generally"
    if on.curves is None or off.curves is None:
        return [what, theirs, CANNOT, f"{off.entry.name}, {on.entry.name}", CANNOT]
    return _moved(what, theirs, off.curves.fit.peak, on.curves.fit.peak, f"{off.entry.name}, {on.entry.name}")


def _later(slow: Found, fast: Found) -> Row:
    """Count the classes that have lost 2 points at a larger dose in one network than in another."""
    what, studies = "a transformer falls later", f"{slow.entry.name}, {fast.entry.name}"
    if slow.curves is None or fast.curves is None:
        return [what, "yes", CANNOT, studies, CANNOT]
    return _moved(what, "yes", slow.curves.fit.lost, fast.curves.fit.lost, studies)


def _moved(what: str, theirs: str, one: Floats, other: Floats, studies: str) -> Row:
    """Say of how many classes a dose is larger in one study than in another, and whether of more than half (Wilson)."""
    up, down = int((one > other).sum()), int((one < other).sum())
    low, high = wilson(up, up + down, LEVEL) if up + down else (0.0, 1.0)
    ours = f"{up} of {len(one)} classes; {down} the other way"
    return [what, theirs, ours, studies, "agrees" if low > 0.5 else "differs" if high < 0.5 else CANNOT]


def _is_transformer(f: Found) -> bool:
    return str(f.recipe.get("network", "")).rpartition("/")[2].startswith(("swin", "vit", "deit"))


def _networks(found: Sequence[Found]) -> Iterable[Row]:
    """Compare networks, two by two: transformers with others, and others by what the largest shared dose does."""
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            both = [arm for arm in one.effects.arms if arm in other.effects.arms]
            if one.recipe.get("network") == other.recipe.get("network") or not both:
                continue
            if _is_transformer(one) != _is_transformer(other):
                yield _later(*((one, other) if _is_transformer(one) else (other, one)))
                continue
            arm = max(both, key=lambda name: one.preds.dose_of(name) or 0.0)
            r = rank_correlation(
                one.effects.effect[one.effects.place(arm)], other.effects.effect[other.effects.place(arm)]
            )
            ours = CANNOT if np.isnan(r.rho) else f"rank correlation {r.rho:.2f} ({r.low:.2f} to {r.high:.2f}) at {arm}"
            sure = "agrees" if r.low > 0 else "differs" if r.high < 0 else CANNOT
            studies = f"{one.entry.name}, {other.entry.name}"
            yield ["residual networks hit classes alike", "yes", ours, studies, sure]
