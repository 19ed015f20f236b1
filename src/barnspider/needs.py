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
from barnspider.power import class_power
from barnspider.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Needs:
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
    effect, level : what was asked
    generalizes_to : what may differ next time
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

    def worst_first(self) -> NDArray[np.intp]:
        """Return class numbers, those that need most first: without images, then by the smallest change found."""
        return np.argsort(-np.nan_to_num(self.detectable, nan=np.inf), kind="stable")

    def text(self, rows: int = 10) -> str:
        """Return the table of the `rows` classes that need most."""
        over = f"a change of {words.points(self.effect, sign=False)} points"
        title = (
            f"{visible(self.arm)} against {visible(self.baseline)}, {words.counted(self.runs, 'run')} in each arm:"
            f" what finds {over} in one class, 4 times in 5 ({100 * self.level:.4g} %, new {self.generalizes_to})"
        )
        enough = int((self.detectable <= self.effect).sum())
        head = ["class", "images", "finds now", "needs runs", "or images"]
        table = words.text_table(head, [self._row(int(c)) for c in self.worst_first()[:rows]])
        more = len(self.classes) - rows
        tail = f"\n... and {more:,} more" if more > 0 else ""
        note = f"{enough:,} of {words.counted(len(self.classes), 'class')} are measured finely enough already."
        return f"{title}\n{note}\n\n{table}{tail}"

    def __str__(self) -> str:
        return self.text()

    def _row(self, c: int) -> list[str]:
        found = self.detectable[c]
        now = "no images" if math.isnan(found) else words.points(float(found), sign=False)
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
        about = ("baseline", "arm", "runs", "effect", "level", "generalizes_to")
        return {**{name: getattr(self, name) for name in about}, "classes": rows}


def needs(effects: Effects, predictions: Predictions, arm: str, *, effect: float = 0.02) -> Needs:
    """Say what each class needs, for a change of `effect` (a proportion) in this arm to be found.

    Where the intervals are for new images and new runs, variance components come from the answers themselves; where
    they are for new images only, the squared standard error is inverse to their number; for new runs likewise.

    Parameters
    ----------
    effects
        As `estimate(predictions, ...)` gave them.

    Raises
    ------
    InputError
        When there is no such arm, or `effect` is not between 0 and 1.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> preds = simulate(classes=2, images=100, runs=3, seed=1).predictions
    >>> made = needs(estimate(preds, "baseline"), preds, "arm 1", effect=0.05)
    >>> bool((made.images_needed > 100).all())
    True
    """
    if not 0 < effect < 1:
        raise InputError(f"effect={effect!r}; expected a proportion above 0 and below 1 (0.02 is two points)")
    a, over = effects.place(arm), effects.generalizes_to(arm)
    found, runs = effects.detectable()[a], min(effects.runs[a], effects.baseline_runs)
    if over == "images and runs":
        made = class_power(predictions, effects.baseline, arm, effect=effect, level=effects.method.level)
        more_runs, more_images = made.runs_needed, made.images_needed
    else:
        times, never = (found / effect) ** 2, np.full(len(found), np.inf)
        unknown = np.full(len(found), np.nan)
        more_runs = np.ceil(times * runs) if over == "runs" else unknown
        more_images = never if over == "runs" else np.where(effects.n > 1, np.ceil(times * effects.n), np.nan)
    return Needs(
        baseline=effects.baseline,
        arm=arm,
        classes=effects.classes,
        runs=runs,
        n=effects.n,
        detectable=found,
        runs_needed=_settled(more_runs, runs, found, effect),
        images_needed=_settled(more_images, effects.n, found, effect),
        effect=effect,
        level=effects.method.level,
        generalizes_to=over,
    )


def advice(found: Sequence[tuple[Needs, NDArray[np.bool_]]]) -> str:
    """Return in one sentence what finds the change asked for in every chosen class of some arms; "" without any."""
    if not any(chosen.any() for _, chosen in found):
        return ""

    def most(name: str) -> float:
        return _most(np.concatenate([getattr(part, name)[chosen] for part, chosen in found]))

    size = words.points(found[0][0].effect, sign=False)
    if most("detectable") <= found[0][0].effect:
        return f"This design finds changes of {size} points in them; what they lost is too close to call."
    runs, images = most("runs_needed"), most("images_needed")
    ways = [f"{runs:,.0f} runs in each arm"] if math.isfinite(runs) else []
    ways += [f"{images:,.0f} images of each class"] if math.isfinite(images) else []
    if not ways:
        return f"To find a change of {size} points in each of them takes more images and more runs."
    single = any((part.n[chosen] == 1).any() for part, chosen in found)
    but = " (not counting classes of one image)" if single else ""
    return f"To find a change of {size} points in each of them, 4 times in 5, takes {', or '.join(ways)}{but}."


def whole(number: float) -> int | None:
    """Return a number of runs or images; None where there is none."""
    return int(number) if math.isfinite(number) else None


def _settled(needed: Floats, there: NDArray[np.int64] | int, found: Floats, effect: float) -> Floats:
    """Return what is needed, never more than is there where that does already, nor less where it does not.

    The audit's standard errors lean on what classes have in common; components are a class's own, and scatter.
    """
    return np.where(found <= effect, np.minimum(needed, there), np.maximum(needed, np.add(there, 1)))


def _count(number: float) -> str:
    return "cannot tell" if math.isnan(number) else f"{number:,.0f}" if math.isfinite(number) else "no number"


def _most(numbers: Floats) -> float:
    """Return the largest that is known; infinite where one is not enough whatever its size, NaN where none is known."""
    known = numbers[~np.isnan(numbers)]
    return float(known.max()) if len(known) else math.nan
