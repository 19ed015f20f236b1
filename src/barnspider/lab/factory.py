"""A user's own network by import path, "my.module:factory": where its source is, and the factory itself.

The source is found without running it, so that a plan, which trains nothing, needs none of what the module imports.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from barnspider.errors import InputError
from barnspider.files import sha256


def source_sum(network: str) -> str:
    """Return the SHA-256 of the file that "my.module:factory" names: part of a run's key.

    Other files that this one imports are not part of it.

    Raises
    ------
    InputError
        When there is no such module, in the current folder or where Python looks.

    Examples
    --------
    >>> len(source_sum("barnspider.lab.factory:source_sum"))
    64
    """
    module = network.partition(":")[0]
    folders: list[str] | None = [str(Path.cwd()), *sys.path]
    spec = None
    for part in _prefixes(module):
        spec = PathFinder.find_spec(part, folders)
        folders = None if spec is None else spec.submodule_search_locations
        if folders is None:
            break
    if spec is None or spec.name != module or spec.origin is None:
        raise InputError(f"network={network!r}: there is no module {module!r}; expected 'my.module:factory'")
    return sha256(Path(spec.origin))


def imported(network: str) -> Any:
    """Import the module, from the current folder or where Python looks, and return its factory.

    Raises
    ------
    InputError
        When the module cannot be imported, or has no such function.
    """
    module, _, name = network.partition(":")
    if str(Path.cwd()) not in sys.path:  # Python puts it there for `python -m`, and not for a command that is installed
        sys.path.append(str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        where = "Python must find it in the current folder, or installed"
        raise InputError(f"network={network!r} cannot be imported: {error}; {where}") from error
    except Exception as error:  # theirs: whatever its module does when it is imported
        told = f"{type(error).__name__}: {error}"
        raise InputError(f"network={network!r} cannot be imported: {told}; expected a module that can be") from error
    if not callable(found):
        raise InputError(f"network={network!r}: {module!r} has no function {name!r}; expected 'my.module:factory'")
    return found


def _prefixes(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
