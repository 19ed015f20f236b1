"""What stands behind a data set's name: `photos.zip?size=64&bad=leave-out`. It is part of every run's key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import DataError, listing

_CHOICES = {"bad": ("refuse", "leave-out"), "extra": ("no", "yes")}
_NUMBERS = {"size": "a number of pixels, 8 to 256", "depth": "how many folders make a class, 1 or more"}


@dataclass(frozen=True)
class Options:
    """The options of a data set.

    Attributes
    ----------
    size : height and width that images are brought to
    bad : "refuse" or "leave-out" images that cannot be decoded
    image, label : columns of a table
    extra : whether SVHN's extra images are for training, too
    depth : how many folders above an image make its class
    given : the names of those that were given
    """

    size: int = 32
    bad: str = "refuse"
    image: str = ""
    label: str = ""
    extra: bool = False
    depth: int = 1
    given: frozenset[str] = frozenset()

    def only(self, name: str, what: str, *known: str) -> None:
        """Raise `DataError` when an option was given that does nothing to data of this kind."""
        idle = sorted(self.given - set(known))
        if idle:
            takes = f"it takes {listing(known)}" if known else "it takes none"
            raise DataError(f"dataset={name!r}: option {listing(idle)} does nothing to {what}; {takes}")


def parse(name: str) -> tuple[str, Options]:
    """Return a data set's name without its options, and the options.

    Examples
    --------
    >>> bare, options = parse("photos.zip?size=64&bad=leave-out")
    >>> bare, options.size, options.bad
    ('photos.zip', 64, 'leave-out')
    """
    bare, mark, behind = name.partition("?")
    if not mark or Path(name).expanduser().exists():
        return name, Options()
    given = {option.partition("=")[0]: option.partition("=")[2] for option in behind.split("&")}
    known = ("size", "bad", "depth", "image", "label", "extra")
    unknown = given.keys() - set(known)
    if unknown:
        raise DataError(f"dataset={name!r}: option {listing(unknown)} is unknown; expected {', '.join(known)}")
    for option, value in given.items():
        _check(name, option, value)
    return bare, Options(
        int(given.get("size", "32")),
        given.get("bad", "refuse"),
        given.get("image", ""),
        given.get("label", ""),
        given.get("extra") == "yes",
        int(given.get("depth", "1")),
        frozenset(given),
    )


def _check(name: str, option: str, value: str) -> None:
    if option in _NUMBERS and (not value.isdecimal() or not int(value)):
        raise DataError(f"dataset={name!r}: {option}={value!r}; expected {_NUMBERS[option]}")
    if option in _CHOICES and value not in _CHOICES[option]:
        raise DataError(f"dataset={name!r}: {option}={value!r}; expected one of {listing(_CHOICES[option])}")
