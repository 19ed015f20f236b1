"""A file of names of classes -> the list, in the order of the network's outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from barnspider.errors import InputError

EXPECTED = "expected one name on each line, or a JSON list of names"


def read_classes(path: Path) -> list[str]:
    r"""Read one name on each line; or of a .json file, a list of names. Blank lines at the end are none.

    Raises
    ------
    InputError
        When it cannot be read, is empty, or holds what is no name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "names.txt")
    ...     _ = file.write_text("cat\ndog\n\n")
    ...     read_classes(file)
    ['cat', 'dog']
    """
    where = f"classes={str(path)!r}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        names: Any = json.loads(text) if path.suffix.lower() == ".json" else _lines(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where} cannot be read: {error}; {EXPECTED}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where} is no list of names; {EXPECTED}")
    if not names or "" in names:
        what = f"has no name in place {names.index('') + 1} of {len(names)}" if names else "holds no name"
        raise InputError(f"{where} {what}; {EXPECTED}")
    return names


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")] if text.strip("\r\n") else []
