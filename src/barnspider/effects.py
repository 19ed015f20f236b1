"""Effects: what every arm does to every class, against one baseline. There is no effect without its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.predictions import LeftOut

Floats = NDArray[np.float64]
Generalizes = Literal["images and runs", "images", "runs"]


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
    """

    level: float
    generalizes_to: Generalizes
    paired: bool
    degrees_of_freedom: str
    multiplicity: str
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Effects:
    """Change of each class's accuracy from the baseline arm to each other arm. A arms, C classes.

    All accuracies and effects are proportions (0.02 is two points). Where nothing can be said (a class without
    images), numbers are NaN and `known` is False: every renderer says "cannot tell", none prints NaN.

    Attributes
    ----------
    classes, arms, baseline : names; `arms` leaves the baseline out
    n : Int[C]
        Images of each class.
    before, before_low, before_high : Float[C]
        Accuracy of each class in the baseline arm, and its interval.
    after, effect, low, high, se, df, p, q : Float[A, C]
        Accuracy in the arm; change from the baseline; its interval, standard error, degrees of freedom, p-value and
        Benjamini-Hochberg q-value over all classes and arms.
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
