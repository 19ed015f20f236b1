"""What tells classes alike: options, and how their files are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.errors import InputError

if TYPE_CHECKING:
    from barnspider.tables.similarity import Similarities

Superclasses = Annotated[
    Path | None,
    typer.Option("--groups", metavar="FILE", help="The superclass of each class (class, group): tells kinds."),
]
Alike = Annotated[
    Path | None,
    typer.Option("--similarity", metavar="FILE", help="How alike classes are (class, other, similarity): tells kinds."),
]


def superclasses(path: Path | None) -> dict[str, str] | None:
    """Return the superclass of each class, if a file was given."""
    from barnspider.tables.groups import read_groups

    if path is None:
        return None
    found = read_groups(path)
    if found.of != "class":
        raise InputError(f"{str(path)!r} holds the groups of samples; --groups expects the superclass of each class")
    return found.groups


def similarities(path: Path | None, classes: Sequence[str]) -> Similarities | None:
    """Return how alike classes are, if a file was given."""
    from barnspider.tables.similarity import read_similarities

    return None if path is None else read_similarities(path, classes)
