"""Where things of a store lie: safe names, and finished folders that are put in their place, first come."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from barnspider.files import sync_folder


def slug(name: str) -> str:
    """Return a name that is safe as one file name on every system.

    Examples
    --------
    >>> slug("../x")
    '_.._x'
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip() or "_"
    return ("_" + plain if plain.startswith(".") else plain)[:120]


def move_first(building: Path, place: Path) -> bool:
    """Rename a finished folder to its place; False when the place is taken."""
    sync_folder(building)
    try:
        building.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    sync_folder(place.parent)
    return True


def is_theirs(path: Path) -> bool:
    """Whether a file is somebody else's: not one that was begun when a new store's maker was killed."""
    return not path.name.startswith(".writing-")
