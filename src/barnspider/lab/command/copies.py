"""Seeds of an arm that gave the same answers: one training, counted as several."""

from __future__ import annotations

from collections.abc import Sequence

from barnspider.errors import listing
from barnspider.lab.command.answers import SPLITS
from barnspider.store import Cell, Store


def copies_note(store: Store, cells: Sequence[Cell]) -> str:
    """Return what is to be said of seeds of one arm that answered all images of a split alike; "" where none did.

    Where probabilities are known, they must be the same, too. Answers that are all right may well be the same.
    """
    alike = listing(f"{arm} (seeds {listing(seeds)})" for arm, seeds in _alike(store, cells))
    if not alike:
        return ""
    return (
        f"runs that differ in their seed alone gave the same answers to every image: {alike}. Does the command use"
        " {seed}? If not, mend it and begin in a new store. If nothing in it is drawn at random, one seed is all there"
        " is to know. Counted as runs of their own, they make intervals too narrow"
    )


def _alike(store: Store, cells: Sequence[Cell]) -> list[tuple[str, tuple[int, ...]]]:
    """Return arms, and their seeds that gave the same answers."""
    same: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        for document in store.sealed([cell]):
            for split in SPLITS:
                if sum_ := document["files"].get(f"{split}.npz"):  # the same answers make the same bytes
                    same.setdefault((cell.arm, split, sum_), []).append(cell)
    several = [(arm, split, own) for (arm, split, _), own in same.items() if len(own) > 1]
    found = [(arm, own) for arm, split, own in several if not store.load(own[:1], split).correct().all()]
    return list(dict.fromkeys((arm, tuple(sorted(cell.seed for cell in own))) for arm, own in found))
