"""Effects, and how they print: a number, its interval, its n and its method never part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from barnspider import document, overview, sentences
from barnspider.errors import listing
from barnspider.evidence import Evidence, Floats, Generalizes, Method
from barnspider.names import visible

__all__ = ["Effects", "Floats", "Generalizes", "Method"]


@dataclass(frozen=True, eq=False)
class Effects(Evidence):
    """Change of each class's accuracy from the baseline arm to each other arm, and the words for it.

    Its numbers and decisions are those of `barnspider.evidence.Evidence`: `effect`, `low`, `high`, `p`, `q`, `shrunk`,
    `prob_harm`, `relative`, ... are Float[arms, classes]; `overall`, `tau`, ... are Float[arms]; `findings()` says
    "harmed", "helped", "unchanged" or "cannot tell" of every class. `corrected("holm")`, `within(margin)` and
    `simultaneous()` give the same effects, judged otherwise.
    """

    def headline(self, arm: str) -> str:
        """Return the one sentence about an arm: its average, its class dependence, how many classes changed."""
        return sentences.headline(self, arm)

    def sentence(self, arm: str, name: str) -> str:
        """Return what happened to one class, for a reader who is no statistician."""
        return sentences.sentence(self, arm, name)

    def text(self, rows: int | None = 10, *, relative: bool = False) -> str:
        """Return the table that a person wants: for every arm its headline and its worst `rows` classes.

        None is as many rows as one screen holds. With `relative`, each class's change less the average change of its
        arm is shown.
        """
        screen = max(3, 20 // max(len(self.arms), 1))
        return overview.text(self, screen if rows is None else rows, relative=relative)

    def __str__(self) -> str:
        return self.text(rows=None)

    def __repr__(self) -> str:
        """Say in one line what is here; `print` shows the table."""
        sizes = f"{len(self.classes):,} classes, {int(self.n.sum()):,} images"
        return f"<Effects against {visible(self.baseline)!r}: {sizes}; arms: {listing(self.arms, most=5)}>"

    def _repr_html_(self) -> str:
        return overview.as_html(self)

    def to_json(self) -> dict[str, Any]:
        """Return what `audit --json` prints, as plain Python: proportions, and None where nothing is known."""
        return document.document(self)
