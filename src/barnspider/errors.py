"""Everything barnspider raises on purpose, and the words it says it in.

    BarnspiderError
    ├── InputError       what was given is wrong: a table, an array, an option, a study file
    ├── DataError        a data set cannot be found, read or trusted
    ├── StoreError       a folder is no store, is damaged, or cannot be written
    └── TrainingError    a run could not be trained

A message says name, got, expected, and what to do. The command line prints it in one piece and exits with 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from barnspider.names import visible


class BarnspiderError(Exception):
    """The root: catch this to catch all that barnspider raises on purpose."""


class InputError(BarnspiderError):
    """What was given is wrong: a table, an array, an option, a study file."""


class DataError(BarnspiderError):
    """A data set cannot be found, read or trusted."""


class StoreError(BarnspiderError):
    """A folder is no store, is damaged, or cannot be written."""


class TrainingError(BarnspiderError):
    """A run could not be trained."""


def pick(name: str, got: str, expected: Iterable[str]) -> str:
    """Return `got` if it is one of `expected`; otherwise say what would have been right.

    Raises
    ------
    InputError
        "`name`=`got` is unknown; expected one of: ...", with the nearest spelling when there is one.

    Examples
    --------
    >>> pick("vary", "crop", ["crop", "flip"])
    'crop'
    >>> pick("vary", "corp", ["crop", "flip"])
    Traceback (most recent call last):
    barnspider.errors.InputError: vary='corp' is unknown; expected one of: crop, flip. Did you mean 'crop'?
    """
    known = list(expected)
    if got in known:
        return got
    near = difflib.get_close_matches(str(got), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{name}={got!r} is unknown; expected one of: {listing(known)}.{hint}")


def listing(items: Iterable[object], most: int = 12) -> str:
    """Join items by commas, and say how many were left out.

    Examples
    --------
    >>> listing(range(5), most=3)
    '0, 1, 2 and 2 more'
    """
    words = [visible(str(item), longest=300) for item in items]
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
