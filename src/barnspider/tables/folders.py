"""A tree of folders, one for each class -> the names of its files and of their classes. No file is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import InputError
from barnspider.tables.class_list import shown

EXPECTED = "expected a folder for each class, and the samples in it: FOLDER/<class>/<file>"


@dataclass(frozen=True)
class Tree:
    """The classes in order; and for each file its own name and its class, in the order of classes and names."""

    classes: tuple[str, ...]
    file: list[str]
    label: list[str]


def read_tree(folder: Path) -> Tree:
    """Return what is in the folders below a folder, which are the classes, sorted as torchvision's ImageFolder does.

    Hidden files and folders are left alone, and so are files that lie beside the folders of the classes.

    Raises
    ------
    InputError
        When there is no class or no file, or folders are nested deeper: then tools differ on what the class is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("dog/b.png", "cat/a.png", "cat/.hidden"):
    ...         Path(folder, name).parent.mkdir(exist_ok=True)
    ...         Path(folder, name).touch()
    ...     read_tree(Path(folder))
    Tree(classes=('cat', 'dog'), file=['a.png', 'b.png'], label=['cat', 'dog'])
    """
    inside = _listed(folder)
    classes = tuple(entry.name for entry in inside if entry.is_dir())
    if not classes:
        what = f"{len(inside)} files such as {shown(inside[0].name)}, but no folder" if inside else "nothing"
        raise InputError(f"labels={str(folder)!r} holds {what}; {EXPECTED}")
    of_class = {name: [_file(folder, name, entry) for entry in _listed(folder / name)] for name in classes}
    if not any(of_class.values()):
        raise InputError(f"labels={str(folder)!r} holds folders such as {shown(classes[0])}, but no file; {EXPECTED}")
    return Tree(
        classes=classes,
        file=[name for files in of_class.values() for name in files],
        label=[name for name, files in of_class.items() for _ in files],
    )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds, sorted by code point, without what is hidden."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{str(folder)!r} cannot be read: {error.strerror}") from None
    for entry in found:
        if not entry.name.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in entry.name):
            raise InputError(f"{entry.path!r} has a name that is not UTF-8; rename it")
    return found


def _file(folder: Path, name: str, entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        raise InputError(
            f"labels={str(folder)!r} has a folder {shown(f'{name}/{entry.name}')} in a folder of a class; {EXPECTED};"
            f" is {str(folder / name)!r} meant?"
        )
    return entry.name
