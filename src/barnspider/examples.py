"""Example images of a class or a group: what the network sees of them at each dose, and which were lost and gained.

Which images turned, answers tell. Their pixels only the laboratory has: `lab.examples` draws them, encoded, into one
sprite for each class, and a page shows those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import pick
from barnspider.predictions import Predictions

Kind = Literal["png", "webp"]
"""How pictures are encoded: exactly, or with losses."""

MOST_BYTES = 175_000
"""All encoded images that a page may hold: about 240 kB of it, since it is text."""

COLUMNS = 16
"""Cells in a row of a sprite."""


@dataclass(frozen=True)
class Turned:
    """An image about which most runs of an arm answer otherwise than most runs of the baseline.

    Attributes
    ----------
    sample : its id
    before, after : how many runs of the baseline, and of the arm, are right
    called : the class that most wrong answers named, of the side that is mostly wrong
    times : how many named it
    """

    sample: str
    before: int
    after: int
    called: str
    times: int


def turned(
    predictions: Predictions, baseline: str, arm: str, unit: str
) -> tuple[tuple[Turned, ...], tuple[Turned, ...]]:
    """Return the images of a class or a group that an arm lost, and those that it gained, the largest change first.

    Lost: more than half of the baseline's runs are right, and less than half of the arm's. Gained: the other way round.
    Images that changed alike stand in the order of their ids, whatever their order in the predictions.

    Raises
    ------
    InputError
        When there is no such arm, class or group.

    Examples
    --------
    >>> answers = {"off": [[0, 0, 1], [0, 0, 1], [0, 1, 1]], "on": [[0, 1, 0], [0, 1, 0], [0, 0, 0]]}
    >>> lost, gained = turned(Predictions.from_arrays([0, 0, 0], answers, classes=["cat", "dog"]), "off", "on", "cat")
    >>> lost
    (Turned(sample='1', before=2, after=1, called='dog', times=2),)
    >>> gained
    (Turned(sample='2', before=0, after=3, called='dog', times=3),)
    """
    number = predictions.units.index(pick("class", unit, predictions.units))
    own = predictions.where(arms=(baseline, arm), samples=np.flatnonzero(predictions.unit == number))
    right, rows = own.correct(), (own.rows(baseline), own.rows(arm))
    runs, counts = [len(r) for r in rows], [right[r].sum(axis=0) for r in rows]
    most, few = ([sign * (2 * c - n) > 0 for c, n in zip(counts, runs, strict=True)] for sign in (1, -1))
    change = np.abs(counts[1] * runs[0] - counts[0] * runs[1])  # of the shares, times both numbers: exact, so ties are

    def told(which: NDArray[np.bool_], wrong: NDArray[np.intp]) -> tuple[Turned, ...]:
        places = np.flatnonzero(which)
        order = places[np.lexsort((own.sample[places], -change[places]))].tolist()
        return tuple(_turned(own, p, (int(counts[0][p]), int(counts[1][p])), wrong[~right[wrong, p]]) for p in order)

    return told(most[0] & few[1], rows[1]), told(few[0] & most[1], rows[0])


def _turned(own: Predictions, place: int, right: tuple[int, int], wrong: NDArray[np.intp]) -> Turned:
    """Describe one image; `wrong` are the runs whose wrong answers are counted. Of equals, the first class."""
    named = np.bincount(own.guess[wrong, place], minlength=len(own.classes))
    called = int(named.argmax())
    return Turned(str(own.sample[place]), *right, own.classes[called], int(named[called]))


@dataclass(frozen=True)
class Change:
    """The images of a class that an arm lost, or gained: how many there are, and the first few."""

    total: int
    first: tuple[Turned, ...]


@dataclass(frozen=True, eq=False)
class ClassExamples:
    """The pictures of one class. A cell is a place in its sprite, counted row by row.

    Attributes
    ----------
    name : the class, or the group
    sprite : all its pictures as one encoded image, `COLUMNS` cells to a row
    seen : Int[images, arms]
        The cell of each training image as the network sees it in each of `Examples.arms`; no rows where the knob does
        not act on images, or the class has no training image.
    sample : the ids of these training images
    lost, gained : arm -> the test images that it lost or gained
    tested : id -> cell, for each of those
    """

    name: str
    sprite: bytes
    seen: NDArray[np.int64]
    sample: tuple[str, ...]
    lost: Mapping[str, Change]
    gained: Mapping[str, Change]
    tested: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Examples:
    """Example images of some classes of a study, small enough for a page.

    Attributes
    ----------
    baseline : the arm with which lost and gained images are compared
    arms : which arms' training images are drawn, in order of dose, the baseline among them
    classes : their pictures
    kind : how sprites are encoded: "png" exactly, "webp" with losses
    size : height and width of a picture
    pitch : height and width of a cell, of which the picture is the upper left part
    shrunk : whether pictures are smaller than the images
    seed : of the run whose random numbers training images are shown with
    why_none : why no training images are shown, in a sentence; empty where they are
    """

    baseline: str
    arms: tuple[str, ...]
    classes: tuple[ClassExamples, ...]
    kind: Kind
    size: tuple[int, int]
    pitch: tuple[int, int]
    shrunk: bool
    seed: int
    why_none: str

    @property
    def bytes(self) -> int:
        """How large all sprites are."""
        return sum(len(found.sprite) for found in self.classes)
