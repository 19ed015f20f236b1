"""What somebody decided before the answers were seen: a class's own budget, and harm that is allowed for a while."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from barnspider.errors import InputError, listing, pick
from barnspider.names import visible

BUDGETS, ALLOW = "max_drop", "allow"
"""The tables of a TOML or JSON file; one file may hold both."""
FIELDS = {BUDGETS: (("class", "max_drop"), ()), ALLOW: (("class", "reason", "expires"), ("arm",))}
"""What a row must have, and what it may."""
DATE = "expected a date such as 2027-01-31, or never"


@dataclass(frozen=True)
class Allowance:
    """A class that may lose more than the margin, for a reason and until a day.

    Attributes
    ----------
    class_ : name of the class
    reason : why; shown wherever the class is excused
    expires : the last day on which this holds (UTC), or None: never
    arm : the arm in which it may, or None: in every arm

    Raises
    ------
    InputError
        When there is no reason.
    """

    class_: str
    reason: str
    expires: date | None
    arm: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InputError(f"reason={self.reason!r}; expected why this class may lose more")

    def holds(self, today: date) -> bool:
        """Return whether it still excuses anything; on its last day it does."""
        return self.expires is None or today <= self.expires

    @property
    def until(self) -> str:
        """Until when it holds: "until 2027-01-31", or "for ever"."""
        return "for ever" if self.expires is None else f"until {self.expires.isoformat()}"

    @property
    def whom(self) -> str:
        """Whom it excuses, on one line: "dog", or "mixup, dog"."""
        return visible(self.class_) if self.arm is None else f"{visible(self.arm)}, {visible(self.class_)}"

    def to_json(self) -> dict[str, Any]:
        """Return class, arm (null: every arm), reason and expires ("never", or a date)."""
        expires = "never" if self.expires is None else self.expires.isoformat()
        return {"class": self.class_, "arm": self.arm, "reason": self.reason, "expires": expires}


def margin(value: object) -> float:
    """Return the largest loss allowed, a proportion.

    Raises
    ------
    InputError
        When it is no number from 0, below 1.

    Examples
    --------
    >>> margin(2)
    Traceback (most recent call last):
    barnspider.errors.InputError: max_drop=2; expected a proportion from 0, below 1 (0.02 is two points)
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    if not 0 <= number < 1:
        shown = visible(repr(value), longest=300)
        raise InputError(f"max_drop={shown}; expected a proportion from 0, below 1 (0.02 is two points)")
    return number


def read_budgets(path: str | Path, classes: Sequence[str]) -> dict[str, float]:
    r"""Read budgets: the largest loss allowed to each of some classes, a proportion.

    Parameters
    ----------
    path
        A CSV file with the columns `class` and `max_drop`; or TOML or JSON with a table `max_drop`, name = number.
    classes
        The classes that there are.

    Raises
    ------
    InputError
        Naming file, row and field: when the file cannot be read, a class is unknown or stands twice, a number is no
        proportion.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "budgets.csv")
    ...     _ = file.write_text("class,max_drop\ndog,0.05\n")
    ...     read_budgets(file, ["cat", "dog"])
    {'dog': 0.05}
    """
    budgets: dict[str, float] = {}
    known = dict.fromkeys(classes)

    def take(row: dict[str, Any]) -> None:
        name, value = _class(row, known), row["max_drop"]
        if name in budgets:
            raise InputError(f"class={name!r} stands twice; expected one row for each class")
        budgets[name] = margin(_number(value) if isinstance(value, str) else value)

    _each(_rows(Path(path), BUDGETS), take, *FIELDS[BUDGETS])
    return budgets


def read_allowances(path: str | Path, classes: Sequence[str]) -> tuple[Allowance, ...]:
    r"""Read allowances: classes that may lose more than the margin, each with a reason and an end.

    Parameters
    ----------
    path
        A CSV file with the columns `class`, `reason`, `expires` and perhaps `arm`; or TOML or JSON with a list `allow`
        of tables with these fields. `expires` is the last day, such as 2027-01-31, or "never"; without `arm`, the class
        is excused in every arm.
    classes
        The classes that there are.

    Raises
    ------
    InputError
        Naming file, row and field: when the file cannot be read, a class is unknown, one class of one arm stands
        twice, or a reason or an end is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "allow.toml")
    ...     _ = file.write_text('[[allow]]\nclass = "dog"\nreason = "wrong labels, issue 12"\nexpires = 2027-01-31\n')
    ...     read_allowances(file, ["cat", "dog"])[0].until
    'until 2027-01-31'
    """
    found: dict[tuple[str, str | None], Allowance] = {}
    known = dict.fromkeys(classes)

    def take(row: dict[str, Any]) -> None:
        for name in ("reason", "arm"):
            if not isinstance(row.get(name) or "", str):
                raise InputError(f"{name}={row[name]!r}; expected a text")
        made = Allowance(_class(row, known), row["reason"], _day(row["expires"]), row.get("arm") or None)
        if (made.class_, made.arm) in found:
            raise InputError(f"{made.whom} is allowed twice; expected one reason and one end")
        found[made.class_, made.arm] = made

    _each(_rows(Path(path), ALLOW), take, *FIELDS[ALLOW])
    return tuple(found.values())


@dataclass(frozen=True)
class _Rows:
    """The rows of a file, and the words for where each of them stands."""

    values: list[dict[str, Any]]
    place: Callable[[int], str]


def _each(
    rows: _Rows, take: Callable[[dict[str, Any]], None], needed: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    """Check the fields of every row and take it; a mistake is told with its file and row."""
    for i, row in enumerate(rows.values):
        try:
            _check(row, needed, optional)
            take(row)
        except InputError as error:
            raise InputError(f"{rows.place(i)}: {error}") from None


def _check(row: dict[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for name in row:
        pick("field", name, (*needed, *optional))
    if missing := [name for name in needed if row.get(name) in (None, "")]:
        raise InputError(f"{listing(missing)} is missing; expected {listing(needed)} in each row")


def _rows(path: Path, table: str) -> _Rows:
    kind, where = path.suffix.lower(), repr(str(path))
    if kind not in {".toml", ".json"}:
        return _csv(path, table)
    found = _table(path, kind, table)
    if table == BUDGETS and isinstance(found, dict):
        names = list(found)
        return _Rows(
            [{"class": name, "max_drop": value} for name, value in found.items()],
            lambda i: f"{where}, class {visible(names[i])!r}",
        )
    if table == ALLOW and isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return _Rows(found, lambda i: f"{where}, allow number {i + 1}")
    raise InputError(f"{where}: {table!r} is a {type(found).__name__}; {_SHAPES[table]}")


def _csv(path: Path, table: str) -> _Rows:
    from barnspider.tables.csv_rows import line_of, read_header, read_rows

    header = read_header(path)
    if twice := [name for name in header.names if header.names.count(name) > 1]:
        raise InputError(f"{str(path)!r}, line 1: the column {twice[0]!r} stands twice")
    _check_header(f"{str(path)!r}, header", header.names, *FIELDS[table])
    values = [row for frame in read_rows(path, header, header.names) for row in frame.to_dicts()]
    return _Rows(values, lambda i: f"{str(path)!r}, line {line_of(path, i)}")


def _check_header(where: str, names: Sequence[str], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for name in names:
        pick(f"{where}: column", name, (*needed, *optional))
    if missing := [name for name in needed if name not in names]:
        raise InputError(f"{where}: {listing(missing)} is missing; expected the columns {listing(needed)}")


def _table(path: Path, kind: str, table: str) -> Any:
    """Return one table of a TOML or JSON file."""
    where = repr(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = tomllib.loads(text) if kind == ".toml" else json.loads(text, object_pairs_hook=_once)
    except OSError as error:
        raise InputError(f"{where} cannot be opened: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # the errors of TOML, JSON and UTF-8 are ValueErrors
        raise InputError(f"{where} cannot be read as {kind[1:].upper()}: {error}") from None
    if not isinstance(found, dict) or table not in found:
        raise InputError(f"{where} has no {table!r}; {_SHAPES[table]}")
    for name in found:
        pick(f"{where}: table", name, (BUDGETS, ALLOW))
    return found[table]


_SHAPES = {
    BUDGETS: "expected a table 'max_drop' of class names and proportions",
    ALLOW: "expected a list 'allow' of tables with class, reason, expires and perhaps arm",
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a JSON name that stands twice, of which Python would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _class(row: dict[str, Any], known: Collection[str]) -> str:
    name = row["class"]
    if not isinstance(name, str):
        raise InputError(f"class={name!r}; expected the name of a class, a text")
    return name if name in known else pick("class", name, known)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _day(value: object) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise InputError(f"expires={value!r} is no day ({error}); {DATE}") from None
    if value != "never":
        raise InputError(f"expires={visible(str(value), longest=300)!r}; {DATE}")
    return None
