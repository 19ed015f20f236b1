"""What a design that has been run would need: how many runs or images until a change of some size is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.effects import Effects, Floats
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.power import fewest
from barnspider.predictions import Predictions

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Needs(words.Shown):
    """What each class of one comparison needs for `effect` to be found, by itself, 4 times in 5. C classes.

    Attributes
    ----------
    baseline, arm, classes : names
    runs : of the arm that has fewer
    n : Int[C]
        Images of each class.
    detectable : Float[C]
        The smallest change that this design finds, a proportion; NaN for a class without images.
    runs_needed, images_needed : Float[C]
        The fewest runs of each arm, or images of the class, the other held; infinite where no number is enough, NaN
        where nothing can be said: with less than two images, or of runs where an arm has one.
    effect, level : what was asked; where classes were asked for changes of their own, the largest of them
    generalizes_to : what may differ next time
    sizes : Float[C]
        The change asked for, class by class.
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
    """

    baseline: str
    arm: str
    classes: tuple[str, ...]
    runs: int
    n: NDArray[np.int64]
    detectable: Floats
    runs_needed: Floats
    images_needed: Floats
    effect: float
    level: float
    generalizes_to: str
    sizes: Floats
    by: str = ""

    def worst_first(self) -> NDArray[np.intp]:
        """Return class numbers, those that need most first: without images, then by the smallest change found."""
        return np.argsort(-np.nan_to_num(self.detectable, nan=np.inf), kind="stable")

    def text(self, rows: int = 10) -> str:
        """Return the table of the `rows` classes that need most."""
        over, unit = f"a change of {words.points(self.effect, sign=False)} points", words.unit(self.by)
        title = (
            f"{visible(self.arm)} against {visible(self.baseline)}, {words.counted(self.runs, 'run')} in each arm:"
            f" what finds {over} in one {unit}, 4 times in 5 ({100 * self.level:.4g} %, new {self.generalizes_to})"
        )
        enough = int((self.detectable <= self.effect).sum())
        head = [unit, "images", "finds now", "needs runs", "or images"]
        table = words.text_table(head, [self._row(int(c)) for c in self.worst_first()[:rows]])
        more = len(self.classes) - rows
        tail = f"\n... and {more:,} more" if more > 0 else ""
        note = f"{enough:,} of {words.counted(len(self.classes), unit)} are measured finely enough already."
        return f"{title}\n{note}\n\n{table}{tail}"

    def __str__(self) -> str:
        return self.text()

    def _row(self, c: int) -> list[str]:
        found = self.detectable[c]
        now = "no images" if math.isnan(found) else words.points(float(found), sign=False) if found < 1 else "nothing"
        needs = (_count(float(x[c])) for x in (self.runs_needed, self.images_needed))
        return [self.classes[c], f"{self.n[c]:,}", now, *needs]

    def to_json(self) -> dict[str, Any]:
        """Return what `power --like --json` prints of one arm; None where there is no number."""
        columns: dict[str, list[Any]] = {
            "class": list(self.classes),
            "n": self.n.tolist(),
            "detectable": plain(self.detectable),
            "runs_needed": list(map(whole, self.runs_needed)),
            "images_needed": list(map(whole, self.images_needed)),
        }
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        about = ("baseline", "arm", "runs", "effect", "level", "generalizes_to", "by")
        return {**{name: getattr(self, name) for name in about}, "classes": rows}


def needs(effects: Effects, predictions: Predictions, arm: str, *, effect: float | Floats = 0.02) -> Needs:
    """Say what each class needs, for a change of `effect` (a proportion) in this arm to be found.

    Where the intervals are for new images and new runs, variance components come from the answers themselves; where
    they are for new images only, the squared standard error is inverse to their number; for new runs likewise.

    Parameters
    ----------
    effects
        As `estimate(predictions, ...)` gave them.
    effect
        One change for all classes, or Float[C].

    Raises
    ------
    InputError
        When there is no such arm, or an `effect` is not between 0 and 1.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> preds = simulate(classes=2, images=100, runs=3, seed=1).predictions
    >>> made = needs(estimate(preds, "baseline"), preds, "arm 1", effect=0.05)
    >>> bool((made.images_needed > 100).all())
    True
    """
    sizes = np.broadcast_to(np.asarray(effect, dtype=np.float64), effects.n.shape)
    if not ((sizes > 0) & (sizes < 1)).all():
        raise InputError(f"effect={effect!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    a, over = effects.place(arm), effects.generalizes_to(arm)
    runs = min(effects.runs[a], effects.baseline_runs)
    more_runs, more_images = _wanted(effects, predictions, arm, sizes, runs)
    return Needs(
        baseline=effects.baseline,
        arm=arm,
        classes=effects.classes,
        runs=runs,
        n=effects.n,
        detectable=effects.detectable()[a],
        runs_needed=more_runs,
        images_needed=more_images,
        effect=float(sizes.max()),
        level=effects.method.level,
        generalizes_to=over,
        sizes=sizes,
        by=effects.method.by,
    )


def _wanted(effects: Effects, predictions: Predictions, arm: str, effect: Floats, runs: int) -> tuple[Floats, Floats]:
    """Return how many runs and how many images each class needs."""
    over, found = effects.generalizes_to(arm), effects.detectable()[effects.place(arm)]
    by_square = np.where(effects.n > 1, np.ceil((found / effect) ** 2 * effects.n), np.nan)
    unknown, enough = np.full(len(found), np.nan), found <= effect
    if over == "images":
        return unknown, by_square
    if over == "runs":
        never = np.where(effects.n > 0, np.inf, np.nan)
        return np.ceil((found / effect) ** 2 * runs), np.where(enough, effects.n, never)
    _, by_runs, by_own = fewest(predictions, effects.baseline, arm, effect=effect, level=effects.method.level)
    # Where nothing varied, components are next to zero; but no design gets better faster than its images grow.
    by_images = np.maximum(by_own, np.where(enough, 0, np.ceil(found / effect * effects.n)))
    return (
        _settled(by_runs, runs, enough, unknown),
        _settled(by_images, effects.n, enough, by_square),
    )


def advice(found: Sequence[tuple[Needs, Bools]]) -> str:
    """Return in one sentence what finds the change asked for in every chosen class of some arms; "" without any."""
    single = any((part.n[chosen] == 1).any() for part, chosen in found)
    unit = words.unit(found[0][0].by if found else "")
    if not any((part.n[chosen] > 1).any() for part, chosen in found):
        return f"A {unit} of one image needs more of them before anything can be said." if single else ""

    def of_all(name: str) -> Floats:
        return np.concatenate([getattr(part, name)[c & (part.n > 1)] for part, c in found])

    sizes = of_all("sizes")
    same = bool((sizes == sizes[0]).all())
    size = f"a change of {words.points(float(sizes[0]), sign=False)} points" if same else "a change of its margin"
    if (of_all("detectable") <= sizes).all():
        seen = f"changes of {words.points(float(sizes[0]), sign=False)} points" if same else "changes of their margins"
        return f"This design finds {seen} in them; what they lost is too close to call."
    runs, images = (float(of_all(name).max(initial=0)) for name in ("runs_needed", "images_needed"))
    ways = [f"{runs:,.0f} runs in each arm"] if math.isfinite(runs) else []
    ways += [f"{images:,.0f} images of each {unit}"] if math.isfinite(images) else []
    if not ways:
        return f"To find {size} in each of them takes more images and more runs."
    but = f" (not counting {words.plural(unit)} of one image)" if single else ""
    takes = f"To find {size} in each of them, 4 times in 5, takes {', or '.join(ways)}{but}"
    return f"{takes}; a loss close to the margin may stay undecided all the same."


def whole(number: float) -> int | None:
    """Return a number of runs or images; None where there is none."""
    return int(number) if math.isfinite(number) else None


def _settled(needed: Floats, there: NDArray[np.int64] | int, enough: Bools, otherwise: Floats) -> Floats:
    """Return what is needed: at most what is there where that is enough, and `otherwise` where less is said to do.

    Standard errors lean on what classes have in common; components are a class's own, and scatter.
    """
    needed = np.where(enough, np.minimum(needed, there), needed)
    return np.where(~enough & (needed <= there), otherwise, needed)


def _count(number: float) -> str:
    return "cannot tell" if math.isnan(number) else f"{number:,.0f}" if math.isfinite(number) else "no number"
