"""What one worker of several has to do: which share of a study's runs, how many of them, until when."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from barnspider.errors import InputError
from barnspider.store import Planned

R = TypeVar("R", bound=Planned)


@dataclass(frozen=True)
class Share:
    """Number `part` of `parts` equal shares of a study, from 1 up.

    Raises
    ------
    InputError
        When there is no such share.

    Examples
    --------
    >>> Share.parse("3/16")
    Share(part=3, parts=16)
    """

    part: int
    parts: int

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts:
            raise InputError(f"shard={str(self)!r}; expected a share from 1/{self.parts} to {self.parts}/{self.parts}")

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    @classmethod
    def parse(cls, text: str) -> Share:
        """Return the share that "3/16" names; `InputError` when it names none."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        if not found or not int(found[2]):
            raise InputError(f"shard={text!r}; expected which share of how many, such as 3/16")
        return cls(int(found[1]), int(found[2]))

    def of(self, runs: Iterable[R]) -> list[R]:
        """Return this share of a study's runs, in their order.

        The same wherever it is asked for. All shares together are all runs, each once; in runs as a whole, in runs of
        any arm and in runs of any seed, two shares differ by one at the most (where every seed has every arm).
        """
        planned = list(runs)
        arms = list(dict.fromkeys(run.arm for run in planned))
        seeds = {seed: number for number, seed in enumerate(dict.fromkeys(run.seed for run in planned))}
        return [run for run in planned if self._owner(seeds[run.seed], arms.index(run.arm), len(arms)) == self.part]

    def _owner(self, seed: int, arm: int, arms: int) -> int:
        """Return whose cell this is: dealt out in turn, and one further on when seeds would begin where they began."""
        cycle = self.parts // math.gcd(arms, self.parts)
        return (seed * arms + arm + seed // cycle) % self.parts + 1


@dataclass(frozen=True)
class Shift:
    """What one worker does.

    Attributes
    ----------
    number : which of several workers it is: each begins at a place of its own
    share : which of the runs are for it; None for all
    most : how many runs it makes; None for as many as there are
    until : moment of `time.monotonic` after which it begins none
    waits : whether it stays until the runs that others hold are sealed, in case their holders die
    parent : the process without which it ends
    told : whether it makes the runs that it is told on standard input (`lines.keys`), and no others
    """

    number: int = 0
    share: Share | None = None
    most: int | None = None
    until: float | None = None
    waits: bool = True
    parent: int | None = None
    told: bool = False

    def of(self, runs: Iterable[R]) -> list[R]:
        """Return the runs that are for this worker."""
        return list(runs) if self.share is None else self.share.of(runs)

    @property
    def seconds_left(self) -> float | None:
        """The seconds in which it may begin a run; None for ever."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())

    @property
    def takes_all(self) -> bool:
        """Whether it leaves nothing of its share undone that could be done."""
        return self.most is None and self.until is None and self.waits

    def split(self, workers: int) -> list[Shift]:
        """Return what each of so many workers has to do; of a limit to the runs, each gets its part.

        Examples
        --------
        >>> [(shift.number, shift.most) for shift in Shift(most=5).split(3)]
        [(0, 2), (1, 2), (2, 1)]
        """
        most = [None if self.most is None else (self.most + workers - 1 - i) // workers for i in range(workers)]
        return [replace(self, number=i, most=most[i]) for i in range(workers) if most[i] != 0]

    def is_over(self, made: int) -> bool:
        """Return whether it ends, so many runs having been made."""
        late = self.until is not None and time.monotonic() >= self.until
        orphaned = self.parent is not None and os.getppid() != self.parent
        return late or orphaned or (self.most is not None and made >= self.most)
