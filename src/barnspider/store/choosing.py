"""Which of several studies is meant, and what can be read of one: the same for a store and for a packed file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from barnspider.errors import InputError, StoreError, listing, pick
from barnspider.predictions import LeftOut, Predictions
from barnspider.store.records import Failure, Planned, Study


class Kept(Protocol):
    """What can be read of studies and their answers, whether they are kept in a folder or in one packed file."""

    @property
    def root(self) -> Path: ...
    def studies(self) -> tuple[str, ...]: ...
    def study(self, name: str | None = None) -> Study: ...
    def load(self, runs: Iterable[Planned], split: str = "test") -> Predictions: ...
    def has_answers(self, runs: Iterable[Planned], split: str) -> bool: ...
    def sealed(self, runs: Iterable[Planned]) -> list[dict[str, Any]]: ...
    def failures(self) -> dict[str, Failure]: ...


def choose(root: Path, name: str | None, known: Sequence[str], of: Callable[[str], str | None]) -> str:
    """Return the identity of the study that is meant.

    Parameters
    ----------
    name
        Its identity or the part before the hash; None where there is only one, besides those that were made of it.
    of
        The study that one was made of, None for one by itself.

    Raises
    ------
    InputError
        When there is none, or more than one, and then which there are.
    """
    if name is None:
        own = known if len(known) == 1 else [identity for identity in known if of(identity) is None]
        if len(own) == 1:
            return own[0]
        raise InputError(f"{str(root)!r} holds {len(known)} studies; choose one: {listing(known) or 'none yet'}")
    matches = [identity for identity in known if identity.rpartition("-")[0] == name]
    if len(matches) > 1:
        raise InputError(f"study={name!r} has several recipes; choose one: {listing(matches)}")
    return matches[0] if matches else pick("study", name, known)


def nothing_finished(root: Path, left_out: Sequence[LeftOut]) -> StoreError:
    """Return what to raise where no run has answers: why each has none."""
    kinds = Counter(x.why.partition(":")[0] for x in left_out)
    why = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return StoreError(f"{str(root)!r} has no finished run of this study ({why}); see `barnspider run`")


def one_fingerprint(fingerprints: Iterable[str]) -> str:
    """Return the data that all runs of a study saw; `StoreError` where they saw several."""
    found = sorted(set(fingerprints))
    if len(found) > 1:
        raise StoreError(f"runs of this study saw different data ({listing(found)}); use one store for each")
    return found[0]
