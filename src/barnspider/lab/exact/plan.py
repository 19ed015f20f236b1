"""What is asked of the exact laboratory: a study's data and doses, fixed features, and how much is averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from barnspider.errors import InputError, listing, pick
from barnspider.lab.recipe import FIELDS, Dose, Recipe
from barnspider.lab.sweep import Sweep, check_distinct, dose_name

FEATURES = ("patches", "fourier", "pixels")
"""What a linear model is given of an image: see `features.py`."""

PENALTIES = tuple(10 ** (k / 2) for k in range(2, -15, -1))
"""The path of penalties, from strong to weak: 10 to 10^-7 in half decades. Features have a mean variance of 1."""

IMAGES = 10_000
"""Training images of all runs together, by default."""

MOST = 4096
"""Of features: their covariance is a square of so many numbers, and its eigenvectors take some ten seconds."""


@dataclass(frozen=True)
class Exact:
    """A study's knob, at its doses, on a linear model that is solved instead of trained.

    Whatever else is on in the recipe acts on the images as in training, but for weight decay, which is the penalty that
    is solved for, and stochastic depth. Runs have training images of their own, of which no two share any, and random
    features and draws of their own; those of equal seed are paired.

    Attributes
    ----------
    sweep : the study: its data, knob, doses and recipe; network, epochs and seeds do not matter
    features : one of `FEATURES`
    count : how many random features at most; of pixels there are as many as there are
    images : training images of each run; 0 is an equal share of `IMAGES`, or of all where there are fewer
    runs : how many
    draws : how many times each training image is changed at random
    penalties : from strong to weak, all above 0; where the knob is weight decay, the doses take their place

    Raises
    ------
    InputError
        When the knob means nothing to a linear model, there is one dose, or a number is out of range.

    Examples
    --------
    >>> plan = Exact(Sweep(Recipe("digits"), vary="rotation", doses=(0, 30), seeds=(0,)))
    >>> plan.arm(30.0), len(plan.path(30.0))
    ('rotation=30', 17)
    """

    sweep: Sweep
    features: str = FEATURES[0]
    count: int = 500
    images: int = 0
    runs: int = 8
    draws: int = 4
    penalties: tuple[float, ...] = PENALTIES

    def __post_init__(self) -> None:
        vary = self.sweep.vary
        if vary in FIELDS or vary == "stochastic_depth":
            raise InputError(
                f"vary={vary!r} means nothing to a linear model that is solved, not trained; expected a knob that"
                " changes images or labels, weight_decay or dropout"
            )
        if len(self.sweep.doses) < 2:
            raise InputError(f"doses={listing(self.sweep.doses)}; expected two or more, to compare")
        pick("features", self.features, FEATURES)
        for name, low in (("count", 8), ("images", 0), ("runs", 1), ("draws", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InputError(f"{name}={value!r}; expected a whole number of at least {low}")
        if self.count > MOST:
            raise InputError(f"count={self.count}; expected at most {MOST:,} features")
        check_distinct("penalties", self.penalties)
        if not all(math.isfinite(x) and x > 0 for x in self.penalties):
            raise InputError(f"penalties={listing(self.penalties)}; expected numbers above 0")
        object.__setattr__(self, "penalties", tuple(sorted(map(float, self.penalties), reverse=True)))

    def asked(self, dose: Dose) -> Recipe:
        """Return the recipe that changes the training images at a dose; what is solved for in closed form is off."""
        own = self.sweep.base.with_(self.sweep.vary, dose)
        return replace(own, weight_decay=0.0, dropout=0.0, stochastic_depth=0.0)

    def dropout(self, dose: Dose) -> float:
        """Return the share of features that is left out at a dose."""
        dropout = self.sweep.base.with_(self.sweep.vary, dose).dropout
        assert not isinstance(dropout, tuple)  # it takes one number
        return dropout

    def path(self, dose: Dose) -> tuple[float, ...]:
        """Return the penalties that are solved for at a dose."""
        if self.sweep.vary != "weight_decay":
            return self.penalties
        assert not isinstance(dose, tuple)  # it takes one number
        return (dose,)

    def arm(self, dose: Dose) -> str:
        """Return the name of a dose's arm, which is that of the study."""
        return dose_name(self.sweep.vary, dose)
