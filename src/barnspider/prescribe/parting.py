"""What chooses and what judges: never the same images, and where there are enough runs, never the same runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.design import Design
from barnspider.errors import InputError, listing, pick
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats.selection import odd_images

Runs = Literal["auto", "half", "all"]
ENOUGH = 8
"""Runs of an arm from which on they are halved: with fewer, a half of them knows too little of how runs scatter."""


@dataclass(frozen=True, eq=False)
class Parted:
    """Answers that choose, and answers that judge what was chosen.

    Attributes
    ----------
    choose, judge : the same arms and classes, other images, and other runs if `runs_apart`
    chosen_on, judged_on : which images and runs, in words
    """

    choose: Predictions
    judge: Predictions
    chosen_on: str
    judged_on: str
    runs_apart: bool

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs that choose."""
        return tuple(sorted(set(self.choose.seed)))


def part(preds: Predictions, choose_on: Predictions | None = None, *, runs: Runs = "auto") -> Parted:
    """Put answers apart into those that choose and those that judge.

    Parameters
    ----------
    preds
        Answers about the images that judge. Without `choose_on`, every other image of each class chooses instead.
    choose_on
        Answers of the same runs about other images: a store's validation images.
    runs
        "half": every other seed chooses, the others judge. "all": all runs do both, on other images. "auto" halves
        where every arm has eight runs or more.

    Raises
    ------
    InputError
        When `choose_on` holds the images that judge, or other arms, runs or classes; or there is one run to be halved.

    Examples
    --------
    >>> preds = Predictions.from_arrays([0, 0, 1, 1], {"a": [[0, 0, 1, 1]] * 4, "b": [[0, 1, 1, 1]] * 4})
    >>> parted = part(preds, runs="half")
    >>> parted.choose.sample.tolist(), parted.judge.sample.tolist(), parted.seeds
    (['0', '2'], ['1', '3'], (0, 2))
    """
    pick("runs", runs, ("auto", "half", "all"))
    if choose_on is not None:
        _check(preds, choose_on)
    halved = runs == "half" or (runs == "auto" and min(map(preds.arm.count, preds.arms)) >= ENOUGH)
    first, second = _halves(preds) if halved else (None, None)
    if choose_on is None:
        even, odd = _every_other_image(preds)
        images = "every other image" if not preds.on else f"every other image of {visible(preds.on)}"
        chosen, judged = preds.where(samples=even, runs=first), preds.where(samples=odd, runs=second)
        where = images, f"the other images{'' if not preds.on else f' of {visible(preds.on)}'}"
    else:
        same = _rows_of(choose_on, preds, first)
        chosen, judged = choose_on.where(runs=same), preds.where(runs=second)
        where = choose_on.on or "the images given to choose on", preds.on or "the images given to judge on"
    said = (_seeds(chosen), _seeds(judged)) if halved else ("all runs", "the same runs")
    return Parted(chosen, judged, f"{where[0]}, {said[0]}", f"{where[1]}, {said[1]}", halved)


def judged_by(chosen: Predictions, fresh: Predictions) -> Predictions:
    """Return `fresh` if it may judge what `chosen` chose: other images, or none of the same runs.

    Raises
    ------
    InputError
        When a run that chose answers an image again that it chose on.
    """
    runs = set(zip(chosen.arm, chosen.seed, strict=True)) & set(zip(fresh.arm, fresh.seed, strict=True))
    if runs and chosen.on == fresh.on and set(chosen.sample.tolist()) & set(fresh.sample.tolist()):
        arm, seed = min(runs)
        raise InputError(
            f"{visible(arm)} seed {seed} chose on the very images that are to judge; expected other images or new seeds"
        )
    return fresh


def _check(preds: Predictions, choose_on: Predictions) -> None:
    same = np.array_equal(preds.sample, choose_on.sample) and np.array_equal(preds.guess, choose_on.guess)
    common = preds.on and preds.on == choose_on.on and set(preds.sample.tolist()) & set(choose_on.sample.tolist())
    if same or common:
        raise InputError(
            "choose_on holds the images that judge: whatever is chosen would look better than it is; expected answers"
            " about other images, or none: then one half of the images chooses and the other judges"
        )
    if choose_on.units != preds.units:
        differ = sorted(set(choose_on.units) ^ set(preds.units)) or ["the same in another order"]
        raise InputError(f"choose_on has other classes: {listing(differ)}; expected those that judge")


def _halves(preds: Predictions) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of every other seed, and of the others: of all arms alike where they are paired."""
    first: list[int] = []
    shared = {seed: i % 2 == 0 for i, seed in enumerate(sorted(set(preds.seed)))}
    for arm in preds.arms:
        rows = sorted(preds.rows(arm).tolist(), key=preds.seed.__getitem__)
        own = [row for i, row in enumerate(rows) if (shared[preds.seed[row]] if preds.paired else i % 2 == 0)]
        if not 0 < len(own) < len(rows):
            raise InputError(
                f"arm {visible(arm)!r} has no run {'left to judge' if own else 'to choose'} when runs are halved;"
                " expected two or more, with the seeds of the other arms; or --runs all"
            )
        first += own
    return np.array(sorted(first)), np.setdiff1d(np.arange(len(preds.arm)), first)


def _rows_of(choose_on: Predictions, preds: Predictions, rows: NDArray[np.intp] | None) -> list[int]:
    """Return the rows of `choose_on` that are the same runs as these rows of `preds`."""
    where = {run: i for i, run in enumerate(zip(choose_on.arm, choose_on.seed, strict=True))}
    wanted = range(len(preds.arm)) if rows is None else rows.tolist()
    absent = [r for r in wanted if (preds.arm[r], preds.seed[r]) not in where]
    if absent:
        raise InputError(
            f"choose_on lacks {visible(preds.arm[absent[0]])} seed {preds.seed[absent[0]]}; expected the same runs"
        )
    return [where[preds.arm[r], preds.seed[r]] for r in wanted]


def _every_other_image(preds: Predictions) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    layout = Design.of(preds, preds.arms[:1]).layout
    odd = np.zeros(len(preds.label), dtype=np.bool_)
    odd[layout.order] = odd_images(layout) == 1
    return ~odd, odd


def _seeds(preds: Predictions) -> str:
    seeds: Sequence[Any] = sorted(set(preds.seed))
    return f"seed{'s' if len(seeds) > 1 else ''} {listing(seeds, most=10)}"
