"""What a comparison found: the numbers of every class in every arm, how they were made, and what they decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError, pick
from barnspider.predictions import LeftOut
from barnspider.stats.multiplicity import benjamini_hochberg, equivalence, holm, quantile, simultaneous_level
from barnspider.stats.power import smallest_change

if TYPE_CHECKING:
    import polars

Floats = NDArray[np.float64]
Generalizes = Literal["images and runs", "images", "runs"]
Correction = Literal["bh", "holm"]
_ADJUST: dict[Correction, Callable[[Floats, NDArray[np.bool_]], Floats]] = {"bh": benjamini_hochberg, "holm": holm}
_NAMES: dict[Correction, str] = {"bh": "Benjamini-Hochberg", "holm": "Holm"}
POWER = 0.8
"""Of the smallest effect that is called detectable: it is found 4 times in 5."""


@dataclass(frozen=True)
class Method:
    """How the intervals were made: part of every result, so that nobody has to guess.

    Attributes
    ----------
    level : confidence level of every interval, 0.95 by default
    generalizes_to : "images and runs", "images" (these models, not the recipe) or "runs" (this very test set)
    paired : whether runs of equal seed share their random numbers, so that the run component is that of differences
    degrees_of_freedom : the rule, in words
    multiplicity : the correction behind `q`, in words
    versions : barnspider, numpy, scipy
    margin : a class that certainly changed by less than this proportion is called unchanged
    correction : the same correction, as a code: "bh" or "holm"
    simultaneous : whether the intervals of classes hold for all classes and arms at once
    labels : "single", or "sets": an answer is right if it is any of an image's labels
    unlabelled : how many images are left out since none of their labels is right
    by : what images are grouped by, so that each "class" is a group of them; empty where classes are classes
    """

    level: float
    generalizes_to: Generalizes
    paired: bool
    degrees_of_freedom: str
    multiplicity: str
    versions: tuple[tuple[str, str], ...]
    margin: float = 0.01
    correction: Correction = "bh"
    simultaneous: bool = False
    labels: Literal["single", "sets"] = "single"
    unlabelled: int = 0
    by: str = ""

    @property
    def unit(self) -> str:
        """What effects are told of, as a word: "class" or "group"."""
        return words.unit(self.by)

    @property
    def units(self) -> str:
        """What effects are told of, of several: "classes" or "groups"."""
        return words.plural(self.unit)

    @property
    def alpha(self) -> float:
        """What `q` must be below for a finding: 1 - level."""
        return 1 - self.level

    @property
    def symbol(self) -> str:
        """What the corrected p-value is called where it is shown: "q", or "Holm p"."""
        return "q" if self.correction == "bh" else "Holm p"


@dataclass(frozen=True, eq=False)
class Evidence:
    """Change of each class's accuracy from the baseline arm to each other arm. A arms, C classes.

    All accuracies and effects are proportions (0.02 is two points). Where nothing can be said (a class without
    images), numbers are NaN and `known` is False: every renderer says "cannot tell", none prints NaN.
    `Effects` is this, and the words for it.

    Attributes
    ----------
    classes, arms, baseline : names; `arms` leaves the baseline out
    n : Int[C]
        Images of each class.
    before, before_low, before_high : Float[C]
        Accuracy of each class in the baseline arm, and its interval.
    after, effect, low, high, se, df, p, q : Float[A, C]
        Accuracy in the arm; change from the baseline; its interval, standard error, degrees of freedom, p-value and
        corrected p-value over all classes and arms (see `corrected`).
    shrunk, prob_harm : Float[A, C]
        Empirical-Bayes effect and the probability that the true effect is below zero.
    known : Bool[A, C]
        False where there is no evidence.
    overall, overall_low, overall_high, overall_p : Float[A]
        The same change over all images.
    overall_before : float
        Accuracy over all images in the baseline arm.
    tau, tau_low, tau_high, tau_p : Float[A]
        Class dependence: standard deviation of the true effects, its interval, and the p-value of "all alike".
    dose, baseline_dose : the doses, None where unknown or one per class
    runs, baseline_runs : how many runs each arm has
    left_out : runs that are missing here, and why
    on : which images
    method : how all this was computed
    over : what each arm's intervals generalize to, where arms differ; empty where all are as `method` says
    relative, relative_low, relative_high, relative_se, relative_df, relative_p, relative_q : Float[A, C]
        Each class's change minus the change over all images (Hooker et al. 2019), and its test.
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str
    n: NDArray[np.int64]
    before: Floats
    before_low: Floats
    before_high: Floats
    after: Floats
    effect: Floats
    low: Floats
    high: Floats
    se: Floats
    df: Floats
    p: Floats
    q: Floats
    shrunk: Floats
    prob_harm: Floats
    known: NDArray[np.bool_]
    overall_before: float
    overall: Floats
    overall_low: Floats
    overall_high: Floats
    overall_p: Floats
    tau: Floats
    tau_low: Floats
    tau_high: Floats
    tau_p: Floats
    dose: tuple[float | None, ...]
    baseline_dose: float | None
    runs: tuple[int, ...]
    baseline_runs: int
    left_out: tuple[LeftOut, ...]
    on: str
    method: Method
    relative: Floats
    relative_low: Floats
    relative_high: Floats
    relative_se: Floats
    relative_df: Floats
    relative_p: Floats
    relative_q: Floats
    over: tuple[Generalizes, ...] = ()

    @property
    def harmed(self) -> NDArray[np.bool_]:
        """Bool[A, C]: below zero, and not by chance (q < 1 - level)."""
        return self.known & (self.q < self.method.alpha) & (self.effect < 0)

    @property
    def helped(self) -> NDArray[np.bool_]:
        """Bool[A, C]: above zero, and not by chance (q < 1 - level)."""
        return self.known & (self.q < self.method.alpha) & (self.effect > 0)

    def unchanged(self, margin: float) -> NDArray[np.bool_]:
        """Bool[A, C]: certainly changed by less than `margin` (a proportion), q < 1 - level (two one-sided tests).

        Raises
        ------
        InputError
            When `margin` is not between 0 and 1.
        """
        if not 0 < margin < 1:
            raise InputError(f"margin={margin!r}; expected a proportion above 0 and below 1 (0.01 is one point)")
        q = self._adjusted(equivalence(self.effect, self.se, self.df, margin), self.method.correction)
        return self.known & (q < self.method.alpha)

    def findings(self, margin: float | None = None) -> NDArray[np.str_]:
        """Return Str[A, C]: "harmed", "helped", "unchanged" or "cannot tell".

        A class is unchanged when it is neither harmed nor helped and certainly changed by less than `margin` (a
        proportion; by default `method.margin`, one point).
        """
        if margin is None:
            return self._findings
        found = [self.harmed, self.helped, self.unchanged(margin)]
        return np.select(found, ["harmed", "helped", "unchanged"], "cannot tell")

    @cached_property
    def _findings(self) -> NDArray[np.str_]:
        return _sealed(self.findings(self.method.margin))

    @cached_property
    def negligible(self) -> NDArray[np.bool_]:
        """Bool[A, C]: certainly changed by less than `method.margin`, be it a finding or not."""
        return _sealed(self.unchanged(self.method.margin))

    def relative_findings(self) -> NDArray[np.str_]:
        """Return Str[A, C]: "worse than average", "better than average" or "cannot tell" (relative_q < 1 - level)."""
        sure = self.known & (self.relative_q < self.method.alpha)
        return np.select(
            [sure & (self.relative < 0), sure & (self.relative > 0)],
            ["worse than average", "better than average"],
            "cannot tell",
        )

    def corrected(self, correction: str) -> Self:
        """Return the same effects, decided by another correction for their number.

        Parameters
        ----------
        correction
            "bh": of what is found, few are false (Benjamini & Hochberg 1995). "holm": any false finding is rare (Holm
            1979); stricter.

        Raises
        ------
        InputError
            When there is no such correction.

        Examples
        --------
        >>> from barnspider import estimate, simulate
        >>> effects = estimate(simulate(effect=-0.1, seed=1).predictions, "baseline")
        >>> strict = effects.corrected("holm")
        >>> bool((strict.q >= effects.q).all()), strict.method.symbol
        (True, 'Holm p')
        """
        chosen: Correction = "bh" if pick("correction", correction, _ADJUST) == "bh" else "holm"
        old = self.method
        told = old.multiplicity.replace(_NAMES[old.correction], _NAMES[chosen])
        return replace(
            self,
            q=self._adjusted(self.p, chosen),
            relative_q=self._adjusted(self.relative_p, chosen),
            method=replace(old, correction=chosen, multiplicity=told),
        )

    def holm(self) -> Floats:
        """Return p-values adjusted so that any false finding is rare (Holm 1979), Float[A, C]; stricter than `q`."""
        return self._adjusted(self.p, "holm")

    def within(self, margin: float) -> Self:
        """Return the same effects, with another margin for "unchanged" (a proportion: 0.01 is one point).

        Raises
        ------
        InputError
            When `margin` is not between 0 and 1.
        """
        made = replace(self, method=replace(self.method, margin=margin))
        made.unchanged(margin)
        return made

    def bands(self) -> tuple[Floats, Floats]:
        """Return low and high, Float[A, C] each, that hold for all classes and arms at once (Sidak 1967)."""
        half = self.se * quantile(self.df, simultaneous_level(self.method.level, int(self.known.sum())))
        return np.maximum(self.effect - half, -1), np.minimum(self.effect + half, 1)

    def simultaneous(self) -> Self:
        """Return the same effects, with `bands()` for the intervals of classes."""
        low, high = self.bands()
        return replace(self, low=low, high=high, method=replace(self.method, simultaneous=True))

    def against_average(self) -> Self:
        """Return the same evidence with each class's change against the average change in the place of its change."""
        return replace(
            self,
            effect=self.relative,
            low=self.relative_low,
            high=self.relative_high,
            se=self.relative_se,
            df=self.relative_df,
            p=self.relative_p,
            q=self.relative_q,
        )

    def detectable(self, power: float = POWER) -> Floats:
        """Return the smallest true change that this design finds with this power, one class by itself: Float[A, C]."""
        return self._detectable if power == POWER else self._found_with(power)

    @cached_property
    def _detectable(self) -> Floats:
        return _sealed(self._found_with(POWER))

    def _found_with(self, power: float) -> Floats:
        fixed = np.array([[self.generalizes_to(arm) == "runs"] for arm in self.arms])
        n = np.where(fixed, np.inf, self.n)
        return smallest_change(self.se, self.df, n, self.before, self.after, self.method.level, power)

    def generalizes_to(self, arm: str) -> Generalizes:
        """Return what the intervals of this arm generalize to."""
        return self.over[self.place(arm)] if self.over else self.method.generalizes_to

    def place(self, arm: str) -> int:
        """Return the number of an arm; `InputError` when there is none of this name."""
        return self.arms.index(pick("arm", arm, self.arms))

    def worst_first(self, arm: str) -> NDArray[np.intp]:
        """Return class numbers from the worst to the best by shrunken effect, which does not chase noise."""
        a = self.place(arm)
        return np.lexsort((np.arange(len(self.classes)), self.effect[a], self.shrunk[a]))

    def to_frame(self) -> polars.DataFrame:
        """Return one row for each arm and class; what is unknown is null."""
        import polars

        shape = self.effect.shape
        columns: dict[str, Any] = {
            "arm": np.repeat(np.array(self.arms, dtype=object), shape[1]),
            "dose": [d for d in self.dose for _ in self.classes],
            "class": list(self.classes) * shape[0],
        }
        for name in ("n", "before", "before_low", "before_high"):
            columns[name] = np.broadcast_to(getattr(self, name), shape).ravel()
        names = ("after", "effect", "low", "high", "se", "df", "p", "q", "shrunk", "prob_harm")
        for name in (*names, "relative", "relative_low", "relative_high", "relative_p", "relative_q"):
            columns[name] = getattr(self, name).ravel()
        for name in ("known", "harmed", "helped"):
            columns[name] = getattr(self, name).ravel()
        columns["finding"] = self.findings().ravel()
        columns["relative_finding"] = self.relative_findings().ravel()
        kinds = {"arm": polars.String, "dose": polars.Float64}
        return polars.DataFrame(columns, schema_overrides=kinds).with_columns(polars.selectors.float().fill_nan(None))

    def _adjusted(self, p: Floats, correction: Correction) -> Floats:
        """Return p-values corrected over all that is known; NaN elsewhere."""
        return np.where(self.known, _ADJUST[correction](np.where(self.known, p, 1.0), self.known), np.nan)


def _sealed(array: Any) -> Any:
    """Return an array that is kept, so that nobody may write to it."""
    array.setflags(write=False)
    return array
