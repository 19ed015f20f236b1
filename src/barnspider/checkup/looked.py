"""Answers, counted once for all that look for something in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from barnspider.names import visible
from barnspider.predictions import Predictions

SOME = 10
"""Fewer samples, or fewer wrong answers, than this are no evidence of anything."""


@dataclass(frozen=True, eq=False)
class Looked:
    """Predictions of R runs about N samples of C classes, and what several searches need of them.

    `most` is how many runs, classes or samples a finding names; None names all.
    """

    preds: Predictions
    most: int | None = 5

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Bool[R, N]."""
        return self.preds.correct()

    @cached_property
    def accuracy(self) -> NDArray[np.float64]:
        """Float[R]."""
        return self.right.mean(axis=1) if self.right.size else np.zeros(len(self.preds.arm))

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """Int[C]: samples of each class."""
        return np.bincount(self.preds.label, minlength=len(self.preds.classes))

    @cached_property
    def answered(self) -> NDArray[np.int64]:
        """Int[R, C]: how often each run answers each class."""
        classes = len(self.preds.classes)
        return np.stack([np.bincount(own, minlength=classes) for own in self.preds.guess])

    @cached_property
    def by_luck(self) -> NDArray[np.float64]:
        """Float[R]: the accuracy of the same answers, given to samples at random."""
        return self.answered @ self.n / max(len(self.preds.label), 1) ** 2

    @cached_property
    def fixed(self) -> NDArray[np.intp]:
        """Int[R]: the class that a run answers nearly always, though most samples are of others; else -1."""
        samples = max(len(self.preds.label), 1)
        top = self.answered.argmax(axis=1)
        share, due = self.answered[np.arange(len(top)), top] / samples, self.n[top] / samples
        return np.where((samples >= SOME) & (share >= 0.9) & (share - due >= 0.3), top, -1)

    def run(self, r: int) -> str:
        """Return what to call a run: arm and seed."""
        return f"{visible(self.preds.arm[r])} seed {self.preds.seed[r]}"

    def runs(self, rows: Sequence[int]) -> tuple[str, ...]:
        """Return what to call the first of these runs."""
        return tuple(self.run(r) for r in rows[: self.most])
