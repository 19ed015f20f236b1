"""One door to all that is kept: a store's folder, or a packed file."""

from __future__ import annotations

from pathlib import Path

from barnspider.store.choosing import Kept
from barnspider.store.folder import Store
from barnspider.store.packed import Packed


def opened(path: str | Path) -> Kept:
    """Open a store or a packed file for reading.

    Raises
    ------
    StoreError, InputError
        When it is neither, or damaged.
    """
    return Packed.existing(path) if Path(path).is_file() else Store.existing(path)
