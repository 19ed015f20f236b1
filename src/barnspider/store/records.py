"""What a store keeps: planned runs, images, answers, and what a run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import Ints

SPLITS = ("test", "validation", "test-averaged", "validation-averaged")
"""Which answers of a run can be read: to which images, by the last weights or by the last steps' average."""


def averaged_name(split: str) -> str:
    """Return the name under which the answers of averaged weights to this split are kept.

    Examples
    --------
    >>> averaged_name("test")
    'test-averaged'
    """
    return f"{split}-averaged"


class Planned(Protocol):
    """A run as a store sees it: where it belongs, the key under which its answers are kept, whether runs of its seed in
    other arms share its random numbers, and whether its weights are kept.
    """

    @property
    def arm(self) -> str: ...
    @property
    def dose(self) -> float | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def paired(self) -> bool: ...
    @property
    def keeps_weights(self) -> bool: ...


@dataclass(frozen=True)
class Cell:
    """A planned run, as it was written down in the store."""

    arm: str
    dose: float | None
    seed: int
    key: str
    paired: bool = True
    keeps_weights: bool = False


@dataclass(frozen=True)
class Study:
    """What was planned: cells of one sweep. `sweep` is the laboratory's own description of it.

    `earlier` are those of the cells that only earlier plans hold.
    """

    identity: str
    cells: tuple[Cell, ...]
    sweep: Mapping[str, Any]
    earlier: tuple[Cell, ...] = ()

    @property
    def of(self) -> str | None:
        """The study that this one was made of, as label preservation and transfer are; None for one by itself."""
        return self.sweep.get("of")


@dataclass(frozen=True, eq=False)
class Images:
    """The images of one split that runs answer: Int[N] labels and Str[N] ids."""

    label: Ints
    sample: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Answers:
    """One run's answers to one split: Int[N] classes and Float[N] probabilities of the true class, where known."""

    guess: Ints
    p_label: NDArray[np.floating[Any]] | None


@dataclass(frozen=True, eq=False)
class Weights:
    """A network's weights as a safetensors file, and what it takes to use them, as JSON knows it."""

    file: bytes
    about: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Result:
    """What a run leaves behind. A diverged run has no answers, and says so; only some keep their weights."""

    status: str
    fingerprint: str
    answers: Mapping[str, Answers]
    about: Mapping[str, Any]
    weights: Weights | None = None


@dataclass(frozen=True)
class Failure:
    """Why a run could not be trained, on which host, and when (seconds of the epoch)."""

    reason: str
    host: str
    time: float
