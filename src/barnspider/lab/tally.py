"""How many runs of a study were missing, and who has made them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """Runs that were missing and are sealed now: `here` by this process and its workers, `elsewhere` by others."""

    here: int
    elsewhere: int = 0
