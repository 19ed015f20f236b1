"""How files are to be read, as asked; and what is known of a file beside what stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Samples = Literal["all", "common"]
Format = Literal["auto", "long", "imagenet-x", "timm"]
Scores = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class Asked:
    """The options of `read_table`, together."""

    classes: Sequence[str] | None = None
    paired: bool = False
    on: str | None = None
    samples: Samples = "all"
    labels: str | Path | None = None
    format: Format = "auto"
    columns: Mapping[str, str] | None = None
    scores: Scores | None = None


@dataclass(frozen=True)
class Origin:
    """A file, and which run its answers are of where it does not say so itself.

    `said` holds what a pattern or a mapping says: it may not contradict what stands in the file. `name` is the arm's
    name where nothing else says one.
    """

    path: Path
    said: Mapping[str, str | None]
    name: str
