"""Texts of a table -> the list of classes. Whole numbers are ordered as numbers; look-alikes are refused."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from barnspider.errors import listing

PLAIN = re.compile(r"0|[1-9][0-9]{0,99}")
WHOLE = re.compile(r"(0|[1-9][0-9]{0,99})\.0*")
NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
MISSING = frozenset({"na", "n/a", "nan", "null", "none", "<na>"})


class ClassError(Exception):
    """What is wrong with one of the texts; the reader of the table adds where it stands."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} {why}")
        self.text = text
        self.why = why


@dataclass(frozen=True)
class ClassList:
    """The classes in order, and for each text of the table the index of its class."""

    classes: tuple[str, ...]
    index: tuple[int, ...]


def natural(text: str) -> tuple[bool, int, str]:
    """Order plain whole numbers as numbers, before all other texts; these by code point.

    Examples
    --------
    >>> sorted(["10", "b", "9", "007"], key=natural)
    ['9', '10', '007', 'b']
    """
    plain = PLAIN.fullmatch(text) is not None
    return not plain, len(text) if plain else 0, text


def shown(text: object) -> str:
    """Return a text in quotes for a message, cut where it is long.

    Examples
    --------
    >>> shown("dog"), len(shown("x" * 10_000))
    ("'dog'", 105)
    """
    words = str(text)
    return repr(words) if len(words) <= 100 else repr(words[:100]) + "..."


def padded_hint(here: Iterable[str], there: Iterable[str]) -> str:
    """Return what to do where ids differ in their leading zeros only, as 00012 and 12 do; "" where none do.

    Examples
    --------
    >>> padded_hint(["00012", "a"], ["12"])
    "; a sample is '00012' here and '12' there: write both in one way (as text, leading zeros stay)"
    >>> padded_hint(["13"], ["12"])
    ''
    """
    bare = {name.lstrip("0") or "0": name for name in there if name.isdecimal()}
    for name in here:
        other = bare.get(name.lstrip("0") or "0", name)
        if name != other and name.isdecimal():
            return (
                f"; a sample is {name!r} here and {other!r} there: write both in one way (as text, leading zeros stay)"
            )
    return ""


def class_list(texts: Sequence[str], given: Sequence[str] | None = None) -> ClassList:
    """Return the classes that the distinct `texts` of a table stand for.

    With `given` classes each text is one of their names; a whole number that is none, where no name is a number, or
    where all texts are whole numbers, is an index into them.
    Otherwise the classes are the texts that occur. When all are whole numbers ("3", and "3.0" where one missing value
    made a column floating) they are ordered as numbers and written plainly; else all are names, kept as they are.

    Raises
    ------
    ClassError
        For fractions, negative numbers and missing values among numbers, and for names that look the same.

    Examples
    --------
    >>> class_list(["10", "9.0", "9"])
    ClassList(classes=('9', '10'), index=(1, 0, 0))
    >>> class_list(["NA", "001"]).classes
    ('001', 'NA')
    """
    if given is not None:
        return _among(texts, tuple(str(name) for name in given))
    named = _numbers_as_names(texts)
    if named is None:
        _refuse_strange_numbers(texts)
        _refuse_look_alikes(texts)
        named = list(texts)
    return _ordered(named, tuple(sorted(set(named), key=natural)))


def _among(texts: Sequence[str], classes: tuple[str, ...]) -> ClassList:
    known = set(classes)
    unknown = [text for text in texts if text not in known]
    numbers = _numbers_as_names(texts)
    if unknown and numbers is not None:
        return ClassList(
            classes, tuple(_place(text, number, classes) for text, number in zip(texts, numbers, strict=True))
        )
    places = _numbers_as_names(unknown)
    if unknown and places is not None and not any(map(is_number, classes)):  # labels by name, answers by index
        order = {name: i for i, name in enumerate(classes)}
        order |= {text: _place(text, number, classes) for text, number in zip(unknown, places, strict=True)}
        return ClassList(classes, tuple(order[text] for text in texts))
    if unknown:
        near = difflib.get_close_matches(unknown[0][:100], [name[:100] for name in classes], n=1)
        hint = f"; did you mean {shown(near[0])}?" if near else ""
        why = f"is not in `classes` ({listing(map(shown, classes), most=5)}); {len(unknown)} such names{hint}"
        raise ClassError(unknown[0], why)
    return _ordered(list(texts), classes)


def _place(text: str, number: str, classes: tuple[str, ...]) -> int:
    if int(number) >= len(classes):
        raise ClassError(text, f"is no class; expected 0 to {len(classes) - 1}: `classes` has {len(classes)}")
    return int(number)


def _ordered(named: list[str], classes: tuple[str, ...]) -> ClassList:
    order = {name: i for i, name in enumerate(classes)}
    return ClassList(classes, tuple(order[name] for name in named))


def _numbers_as_names(texts: Iterable[str]) -> list[str] | None:
    """Return the plain form of each whole number, or None when there is anything else."""
    plain: list[str] = []
    for text in texts:
        whole = WHOLE.fullmatch(text)
        if whole is None and PLAIN.fullmatch(text) is None:
            return None
        plain.append(whole[1] if whole else text)
    return plain


def is_number(text: str) -> bool:
    """Return whether a text is a number as programs write it, so not "001"."""
    return NUMBER.fullmatch(text) is not None and re.match("-?0[0-9]", text) is None


def _refuse_strange_numbers(texts: Sequence[str]) -> None:
    """Among numbers only, a fraction, a negative number or a missing value is no class; "001" makes all names."""
    others = [text for text in texts if not is_number(text)]
    if len(others) == len(texts) or any(text.lower() not in MISSING for text in others):
        return
    escape = "or give `classes` (--classes FILE) if it is the name of one"
    for text in others:
        raise ClassError(text, f"stands among numbers and looks like a missing value; leave out such samples, {escape}")
    for text in texts:
        if not float(text).is_integer():
            raise ClassError(text, f"is no class (of logits or probabilities, give the argmax), {escape}")
        if text.startswith("-"):
            raise ClassError(
                text, f"is negative; expected a class from 0 up: leave out samples without a label, {escape}"
            )


def _refuse_look_alikes(texts: Sequence[str]) -> None:
    """Refuse names that differ only in Unicode form, or as numbers only in how they are written."""
    seen: dict[object, str] = {}
    for text in texts:
        number = NUMBER.fullmatch(text)
        same = Decimal(text) if number else unicodedata.normalize("NFC", text)
        if same in seen:
            how = "are the same number" if number else f"look the same (Unicode NFC and NFD: {text[:100]!a})"
            apart = "give `classes` (--classes FILE) to keep them apart"
            why = f"and {shown(seen[same])} {how}; write them in one way, or {apart}"
            raise ClassError(text, why)
        seen[same] = text
