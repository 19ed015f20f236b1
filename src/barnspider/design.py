"""How a study is laid out: counts of every arm, which runs are pairs, and what a comparison generalizes to.

Every analysis starts here, so runs, seeds and images have one order: runs by seed, images by class and then by id.
Answers are counted once; whoever asks several questions of the same answers makes one Design and passes it to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import InputError, pick
from barnspider.predictions import Predictions
from barnspider.stats.crossed import Arm, ByClass, Contrast, Pairs, by_class, contrast, count
from barnspider.stats.intervals import Over

Floats = NDArray[np.float64]
WANTED = ("auto", "images and runs", "images", "runs")


@dataclass(frozen=True, eq=False)
class Design:
    """The right answers of some arms, counted. K arms, C classes, N images, J runs of an arm.

    Attributes
    ----------
    preds : the answers
    arms : names
    rows : for each arm, its rows of `preds` in order of seed
    counts : for each arm; runs as in `rows`, images as in `layout`
    layout : images in order of class, those of a class in order of id
    """

    preds: Predictions
    arms: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    counts: tuple[Arm, ...]
    layout: ByClass

    @classmethod
    def of(cls, answers: Predictions | Design, arms: Sequence[str] | None = None) -> Design:
        """Count the answers of these arms, by default of all; what a Design has counted is not counted again.

        Raises
        ------
        InputError
            When there is no such arm.

        Examples
        --------
        >>> preds = Predictions.from_arrays([0, 1, 1], {"a": [[0, 1, 0], [0, 0, 0]], "b": [[1, 1, 1]]})
        >>> Design.of(preds).counts[0].per_run.tolist()
        [[1, 1], [1, 0]]
        """
        names = tuple(pick("arm", a, answers.arms) for a in (answers.arms if arms is None else arms))
        if isinstance(answers, Design):
            at = [answers.arms.index(a) for a in names]
            rows, counts = tuple(answers.rows[k] for k in at), tuple(answers.counts[k] for k in at)
            return replace(answers, arms=names, rows=rows, counts=counts)
        layout, right = _layout(answers), answers.correct()
        rows = tuple(tuple(sorted(answers.rows(a).tolist(), key=answers.seed.__getitem__)) for a in names)
        return cls(answers, names, rows, tuple(count(right[list(own)], layout) for own in rows), layout)

    @property
    def by(self) -> str:
        """What images are grouped by; empty where they are told by class."""
        return self.preds.by if self.preds.group is not None else ""

    @property
    def seeds(self) -> tuple[tuple[int, ...], ...]:
        """The seeds of each arm, in increasing order."""
        return tuple(tuple(self.preds.seed[r] for r in own) for own in self.rows)

    def guesses(self, arm: int) -> NDArray[np.integer[Any]]:
        """Return the answers of an arm, Int[J, N]; runs in order of seed, images as in `layout`."""
        return np.take(self.preds.guess[list(self.rows[arm])], self.layout.order, axis=1)

    def pairs(self, first: int, second: int) -> Pairs:
        """Return which runs of two arms share a seed; none where the study does not pair seeds."""
        seeds = self.seeds[first], self.seeds[second]
        common = sorted(set(seeds[0]) & set(seeds[1])) if self.preds.paired else []
        rows = [np.searchsorted(own, common) if common else np.arange(0) for own in seeds]
        return rows[0], rows[1]

    def contrast(self, first: int, second: int) -> Contrast:
        """Describe the change from one arm to another, class by class; runs that have a partner are paired."""
        return contrast(self.counts[first], self.counts[second], self.layout, paired=self.pairs(first, second))

    def over(self, wanted: str, *arms: int) -> Over:
        """Return what a comparison of these arms (by default of all) generalizes to.

        "auto" is images and runs where each of them has two runs or more, and images otherwise, also where all runs
        are about the same models.

        Raises
        ------
        InputError
            When `wanted` is unknown, or one run, or one set of models, is to be generalized from.
        """
        pick("generalize_to", wanted, WANTED)
        if self.preds.same_models and wanted not in ("auto", "images"):
            raise InputError(
                f"generalize_to={wanted!r}, but all runs are draws about the same models; expected"
                " generalize_to='images' (--generalize-to images)"
            )
        if self.preds.same_models:
            return "images"
        runs = {self.arms[k]: self.counts[k].runs for k in arms or range(len(self.arms))}
        few = min(runs, key=lambda name: runs[name])
        if wanted == "auto":
            return "images and runs" if runs[few] > 1 else "images"
        if wanted != "images" and runs[few] < 2:
            raise InputError(
                f"generalize_to={wanted!r}, but arm {few!r} has one run, which tells nothing about runs;"
                " expected two runs or more in every arm, or generalize_to='images' (--generalize-to images)"
            )
        return "images" if wanted == "images" else "runs" if wanted == "runs" else "images and runs"

    def accuracy(self) -> Floats:
        """Return the accuracy of every arm in every class, Float[K, C]; NaN for a class without images."""
        with np.errstate(invalid="ignore"):
            return np.array([arm.per_run.sum(axis=0) / (arm.runs * self.layout.n) for arm in self.counts])

    def overall(self) -> Floats:
        """Return the accuracy of every arm over all images, Float[K]; 0 without any image."""
        return np.array([arm.per_run.sum() / max(arm.runs * self.layout.n.sum(), 1) for arm in self.counts])


def _layout(preds: Predictions) -> ByClass:
    by_id = np.argsort(preds.sample, kind="stable")
    layout = by_class(preds.unit[by_id], len(preds.units))
    return replace(layout, order=by_id[layout.order])
