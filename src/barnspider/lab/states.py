"""The file that keeps a run's state, as `checkpoint` writes it, on its way between two stores. This needs no torch.

One file: the SHA-256 of what follows, as 64 hexadecimal digits, then safetensors. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from barnspider.files import write_whole
from barnspider.store import Store, slug

DIGITS = 64


@dataclass(frozen=True, eq=False)
class State:
    """A run's state: the bytes of its file, UInt8[size]; an array, which Ray does not copy on its way."""

    key: str
    content: NDArray[np.uint8]

    @property
    def sum(self) -> bytes:
        """The sum that the file begins with."""
        return self.content[:DIGITS].tobytes()

    def is_whole(self) -> bool:
        """Return whether the sum is right."""
        return sum_of(self.content[DIGITS:].data) == self.sum


def sum_of(payload: bytes | memoryview) -> bytes:
    """Return what the file begins with: the SHA-256 of what follows, as hexadecimal digits.

    Examples
    --------
    >>> sum_of(b"")[:8], len(sum_of(b""))
    (b'e3b0c442', 64)
    """
    return hashlib.sha256(payload).hexdigest().encode()


def place_of(store: Store, key: str) -> Path:
    """Return where a run's state is in a store, if it has one."""
    return store.root / "checkpoints" / slug(key)


def state_in(store: Store, key: str, but: bytes = b"") -> State | None:
    """Return a run's state as a store has it; None where it has none, or the one with this sum.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(f"{folder}/store")
    ...     keep(store, State("0a1b", np.frombuffer(sum_of(b"state") + b"state", np.uint8)))
    ...     found = state_in(store, "0a1b")
    ...     found.is_whole(), state_in(store, "0a1b", but=found.sum), state_in(store, "2c3d")
    (True, None, None)
    """
    try:
        with place_of(store, key).open("rb") as file:
            if but and file.read(DIGITS) == but:
                return None
            file.seek(0)
            return State(key, np.fromfile(file, np.uint8))
    except FileNotFoundError:
        return None


def keep(store: Store, state: State) -> None:
    """Write a run's state into a store, in the place of an older one.

    Raises
    ------
    StoreError
        When the disk is full or the folder cannot be written; an older state stays.
    """
    write_whole(place_of(store, state.key), lambda file: file.write(state.content.data))
