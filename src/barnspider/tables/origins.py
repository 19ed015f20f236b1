"""Names of files, or a small mapping file -> which arm, seed and dose each file is of."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from barnspider.errors import InputError, listing
from barnspider.tables.asked import Origin
from barnspider.tables.class_list import shown
from barnspider.tables.columns import as_text
from barnspider.tables.formats import is_known, kind_of, stem_of
from barnspider.tables.rows import names_in, pieces_of

PARTS = {
    "arm": r"[^/]+?",
    "seed": r"[+-]?[0-9]+",
    "dose": r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?",
    "": "[^/]*?",
}
FIELD = re.compile(r"\{(\w*)\}")
SEEDED = re.compile(r"(?P<arm>.+?)(?P<mark>[-_. ]?(?:seed|run)[-_=]?|[-_.]s)(?P<seed>[0-9]+)", re.IGNORECASE)
"""A name that ends with a seed, and the mark before it."""

_TRY = (
    "expected a file's name with {arm}, {seed}, {dose} where they stand, each once, and {} where anything may; try"
    " '{arm}-seed{seed}.csv'"
)


def by_name(paths: Sequence[Path]) -> list[Origin]:
    """Take every file for one arm, of the file's name, unless it says something else itself."""
    return [Origin(path, {}, stem_of(path)) for path in paths]


def pattern_hint(arms: Sequence[str]) -> str:
    """Return which pattern the names of arms look like, where each is a file's name that ends with a seed; else "".

    Examples
    --------
    >>> pattern_hint(["plain-seed0", "plain-seed1", "mixup-seed0"])
    " Are these runs of fewer arms? Then say --pattern '{arm}-seed{seed}'"
    >>> pattern_hint(["resnet18", "resnet50"]), pattern_hint(["plain-seed0"])
    ('', '')
    """
    found = [SEEDED.fullmatch(arm) for arm in arms]
    marks = {match["mark"] for match in found if match}
    if len(found) < 2 or not all(found) or len(marks) > 1:
        return ""
    return f" Are these runs of fewer arms? Then say --pattern '{{arm}}{marks.pop()}{{seed}}'"


def by_pattern(files: Mapping[Path, str], pattern: str) -> list[Origin]:
    """Read arm, seed and dose from the names of files.

    Parameters
    ----------
    files
        Path -> the name to look at, with "/" between folders; its last parts count, as many as the pattern has.
    pattern
        Such as "{arm}-seed{seed}.csv": `{arm}`, `{seed}` (a whole number), `{dose}` (a number) and `{}` (anything).
        Without `{arm}`, a dose is its own arm, and other runs are of the arm of the folder that they lie in.

    Raises
    ------
    InputError
        When the pattern is wrong, or a file does not fit it.

    Examples
    --------
    >>> dict(by_pattern({Path("a/mixup-s1.csv"): "mixup-s1.csv"}, "{arm}-s{seed}.csv")[0].said)
    {'arm': 'mixup', 'seed': '1'}
    >>> by_pattern({Path("mixup/s1.csv"): "s1.csv"}, "s{seed}.csv")[0].name
    'mixup'
    """
    expression = _expression(pattern)
    matches = {path: expression.fullmatch(_looked_at(full, pattern)) for path, full in files.items()}
    if len(matches) > 1 and not any(matches.values()):
        names = listing((repr(_looked_at(full, pattern)) for full in files.values()), most=2)
        raise InputError(f"pattern={pattern!r} fits none of {len(files)} files: {names}; {_TRY}")
    found: list[Origin] = []
    for path, match in matches.items():
        if match is None:
            raise InputError(
                f"{str(path)!r}: {_looked_at(files[path], pattern)!r} does not fit pattern={pattern!r}; move the file"
                " away, or choose files by a glob such as 'preds/*-seed*.csv'"
            )
        said = match.groupdict()
        if "arm" not in said and "dose" in said:
            said["arm"] = f"dose {said['dose']}"
        found.append(Origin(path, said, _folder(path, pattern)))
    return found


def _folder(path: Path, pattern: str) -> str:
    """Return the name of the folder of a file's runs: the one in which the first part with a field lies."""
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if any(FIELD.findall(part)))
    return path.absolute().parents[len(parts) - 1 - first].name or "files"


def _looked_at(full: str, pattern: str) -> str:
    """Return the part of a file's name that a pattern is about: endings count where the pattern has some."""
    name = Path(*Path(full).parts[-1 - pattern.count("/") :])
    return name.as_posix() if is_known(Path(pattern)) or pattern.endswith("{}") else str(name.with_name(stem_of(name)))


def _expression(pattern: str) -> re.Pattern[str]:
    fields = FIELD.findall(pattern)
    unknown = [name for name in fields if name not in PARTS]
    twice = [name for name in fields if name and fields.count(name) > 1]
    if unknown or twice or not any(fields) or set(FIELD.sub("", pattern)) & set("{}"):
        raise InputError(f"pattern={pattern!r}; {_TRY}")
    pieces = FIELD.split(pattern)
    return re.compile("".join(_piece(i, text) for i, text in enumerate(pieces)))


def _piece(place: int, text: str) -> str:
    if place % 2 == 0:
        return re.escape(text)
    return f"(?P<{text}>{PARTS[text]})" if text else PARTS[""]


def by_mapping(path: Path, folder: Path) -> list[Origin]:
    """Read a table (CSV, JSON lines, Parquet) with the column `file` and arm, seed, dose; or TOML.

    In TOML each file is a table: `["preds/a.csv"]` with `arm = "mixup"` and `seed = 1`. Names of files are relative to
    the mapping's folder, or else to this `folder`; what is not said stands in the file, or follows from its name.

    Raises
    ------
    InputError
        When the mapping cannot be read, names a file twice, or names one that is not there.
    """
    rows = _from_toml(path) if path.suffix.lower() == ".toml" else _from_table(path)
    if not rows:
        raise InputError(f"{str(path)!r} names no file; expected the columns file, arm, and optionally seed, dose")
    found: dict[Path, Origin] = {}
    for place, file, said in rows:
        target = next((t for t in (path.parent / file, folder / file) if t.is_file()), None)
        if target is None:
            where = listing(dict.fromkeys(repr(str(above / file)) for above in (path.parent, folder)))
            raise InputError(f"{place()}: {shown(file)} does not exist or is no file; looked for {where}")
        if target.resolve() in found:
            raise InputError(f"{place()}: {str(target)!r} stands in the mapping twice; expected each file once")
        found[target.resolve()] = Origin(target, said, stem_of(target))
    return list(found.values())


Row = tuple[Callable[[], str], str, dict[str, str | None]]
"""Where it stands, in words, when these are wanted: to find the line costs a look through the file."""


def _from_table(path: Path) -> list[Row]:
    if kind_of(path) not in ("csv", "json", "parquet"):
        raise InputError(f"mapping={str(path)!r} is no table; expected CSV, JSON lines, Parquet or TOML")
    names = names_in(path)
    known = [name for name in ("file", "arm", "seed", "dose") if name in names]
    other = [name for name in names if name not in known]
    if "file" not in known or len(known) < 2 or other:
        raise InputError(
            f"{str(path)!r} has the columns {listing(map(repr, names))}; expected file, and arm, seed, dose"
        )
    rows: list[Row] = []
    for piece in pieces_of(path, known):
        columns = {name: as_text(piece, name).to_list() for name in known}
        for i, file in enumerate(columns["file"]):
            if not file:
                raise InputError(f"{piece.place(i)}: file is empty; expected the name of one")
            said = {name: own[i] for name, own in columns.items() if name != "file" and own[i]}
            rows.append((partial(piece.place, i), file, said))
    return rows


def _from_toml(path: Path) -> list[Row]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"mapping={str(path)!r} cannot be read: {error}") from None
    places = {file: f"{str(path)!r}, [{shown(file)}]" for file in document}
    return [(partial(str, places[file]), file, _said(path, file, entry)) for file, entry in document.items()]


def _said(path: Path, file: str, entry: Any) -> dict[str, str | None]:
    if not isinstance(entry, dict) or set(entry) - {"arm", "seed", "dose"}:
        raise InputError(f"{str(path)!r}: {file!r} = {entry!r}; expected a table with arm, seed, dose")
    if bad := [name for name, value in entry.items() if not isinstance(value, str | int | float) or value is True]:
        raise InputError(f"{str(path)!r}: {file!r} has {bad[0]}={entry[bad[0]]!r}; expected a text or a number")
    return {name: str(value) for name, value in entry.items()}
