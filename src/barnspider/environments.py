"""In what runs were made: versions, device, determinism; and whether they saw the data that is here now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from barnspider.errors import DataError, listing
from barnspider.names import visible

Environment = Mapping[str, Any]
"""What the bits of a run may depend on beside its recipe and seed, as its document has it."""


def environments(documents: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, Environment], ...]:
    """Return each environment in which runs were made, and of how many, in the order of the runs.

    Examples
    --------
    >>> environments([{"environment": {"torch": "2.13"}}, {}, {"environment": {"torch": "2.13"}}])
    ((2, {'torch': '2.13'}), (1, {}))
    """
    every = [document.get("environment", {}) for document in documents]
    distinct = [one for i, one in enumerate(every) if one not in every[:i]]
    return tuple((every.count(one), one) for one in distinct)


def told(one: Environment) -> str:
    """Return an environment in words.

    Examples
    --------
    >>> told({"torch": "2.13", "threads": "1"}), told({})
    ('torch 2.13, threads 1', 'unknown')
    """
    return ", ".join(f"{visible(str(name))} {visible(str(value))}" for name, value in one.items()) or "unknown"


def refuse_other_data(
    name: str, fingerprint: str, documents: Sequence[Mapping[str, Any]], *, runs: str, otherwise: str
) -> None:
    """Raise `DataError` when runs saw other data than what is here.

    `runs` is what the error calls them, `otherwise` what else can be done.
    """
    then = {str(document["fingerprint"]) for document in documents}
    if then - {fingerprint}:
        raise DataError(
            f"data set {name!r} is not what {runs} saw (fingerprint {fingerprint[:12]}, then"
            f" {listing(x[:12] for x in sorted(then))}); find the same data, or {otherwise}"
        )
