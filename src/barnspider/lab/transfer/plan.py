"""What is asked: a study whose weights are kept, another data set, and how its backbones are used there."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from barnspider.errors import InputError
from barnspider.lab.sweep import digest
from barnspider.store import Cell, Store, Study, slug

VERSION = 1
"""Raised when the same question would get other answers than before: part of every key."""

STRENGTHS = tuple(10 ** (-i / 2) for i in range(13))
"""Strengths of a probe's L2 penalty, from strong to weak: see `logistic.follow`."""

_COPIED = ("vary", "doses", "seeds", "baseline", "usual")


@dataclass(frozen=True)
class Tuning:
    """Train the whole network on, instead of a probe on frozen features.

    Attributes
    ----------
    epochs : over the other data set's training images
    lr : the highest learning rate; None is a tenth of the one that the backbone was trained with

    Raises
    ------
    InputError
        When a number is out of range.
    """

    epochs: int = 5
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs={self.epochs}; expected at least 1")
        if self.lr is not None and not (math.isfinite(self.lr) and self.lr > 0):
            raise InputError(f"lr={self.lr}; expected a number above 0")


@dataclass(frozen=True)
class Transferring:
    """Every backbone of a study is used on another data set.

    Attributes
    ----------
    source : the study that trained the backbones
    to, fingerprint : the other data set's name and what its images and labels are
    tuning : how the whole network is trained on; None for a probe on frozen features

    Examples
    --------
    >>> source = Study("digits-rotation-0a1b2c", (Cell("rotation=0", 0.0, 0, "k0"),), {"vary": "rotation"})
    >>> plan = Transferring(source, "photos/birds.npz", "f0")
    >>> plan.name, plan.cells()[0].arm, plan.cells()[0].key != "k0"
    ('digits-rotation-to-birds', 'rotation=0', True)
    """

    source: Study
    to: str
    fingerprint: str
    tuning: Tuning | None = None

    @property
    def name(self) -> str:
        """What the study is called in the store, without the hash."""
        bare = slug(Path(self.to.partition("?")[0]).stem)
        return f"{self.source.identity.rpartition('-')[0]}-{'tuned-to' if self.tuning else 'to'}-{bare}"

    @property
    def identity(self) -> str:
        """The study's name and a hash of what is asked."""
        return f"{self.name}-{digest([self.source.identity, self.fingerprint, self._how()])[:6]}"

    def cells(self) -> tuple[Cell, ...]:
        """Return a cell for each of the source's runs: the same arm, dose and seed."""
        return tuple(Cell(c.arm, c.dose, c.seed, self.key(c), c.paired) for c in self.source.cells)

    def key(self, cell: Cell) -> str:
        """Return a hash of all that can change the answers of a backbone, one of the source's runs."""
        return digest({"transfer": VERSION, "of": cell.key, "data": self.fingerprint, **self._how()})

    def _how(self) -> dict[str, Any]:
        return {"tuning": asdict(self.tuning)} if self.tuning else {"strengths": list(STRENGTHS)}

    def as_dict(self) -> dict[str, Any]:
        """Return what the store's plan keeps, from which `planned` makes it again."""
        copied = {name: self.source.sweep[name] for name in _COPIED if name in self.source.sweep}
        about = {"name": self.name, "of": self.source.identity, "to": self.to, "data": self.fingerprint}
        return {**about, **copied, **self._how()}

    @classmethod
    def planned(cls, store: Store, study: str) -> Transferring:
        """Return what a study of a store asks."""
        plan = store.study(study).sweep
        tuning = Tuning(**plan["tuning"]) if "tuning" in plan else None
        return cls(store.study(plan["of"]), plan["to"], plan["data"], tuning)
