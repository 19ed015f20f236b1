"""Files that somebody is working on: a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def held(path: Path) -> Generator[None]:
    """Say, while the block runs, that this file is worked on; several may say so at once."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def free(path: Path) -> Generator[bool]:
    """Yield whether nobody works on a file; nobody else can begin to while the block runs.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "job"
    >>> file.touch()
    >>> with held(file), free(file) as mine:
    ...     mine
    False
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
