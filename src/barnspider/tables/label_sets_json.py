"""JSON of label sets: a list of lists, a mapping from samples to lists, or objects with a sample and its labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from barnspider.errors import InputError, listing
from barnspider.tables.labels import SAMPLE
from barnspider.tables.opened import Block, decoded, opened, read

Entry = tuple[Callable[[], str], str, Sequence[str]]
"""Where it stands, in words, when these are wanted: to find a line costs a look through the file; the sample; a list of
all its labels, or as one text one of them."""

LABEL = ("label", "labels")


class _BadError(Exception):
    """What is wrong with one value."""


def _refuse_constant(name: str) -> NoReturn:
    raise _BadError(f"holds {name}, which is no label")


# As in json_rows: numbers stay as they are written; an object is a tuple of pairs, so that no name is lost.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=tuple)
_UNREADABLE = (ValueError, RecursionError, _BadError)


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the labels of each sample; `InputError` naming file and entry for what is no such JSON."""
    with opened(path) as file:
        text = decoded(path, Block(read(path, file), 1))
    name = repr(str(path))
    try:
        document = _DECODER.decode(text)
    except _UNREADABLE as error:
        lines = [(f"line {i}", line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or ".json" in [suffix.lower() for suffix in path.suffixes[-2:]]:
            raise InputError(f"{name} cannot be read as JSON: {error}; is it whole?") from None
        yield from (_of_object(f"{name}, {place}", _line(f"{name}, {place}", line)) for place, line in lines)
        return
    yield from _of_document(name, document)


def _line(place: str, line: str) -> Any:
    try:
        return _DECODER.decode(line)
    except _UNREADABLE as error:
        raise InputError(f"{place} cannot be read: {error}; expected one JSON object on each line") from None


def _of_document(name: str, document: Any) -> Iterator[Entry]:
    if isinstance(document, list):
        for i, item in enumerate(document):
            place = f"{name}, entry {i} (from 0)"
            own = _of_object(place, item) if isinstance(item, tuple) else None
            yield own or (partial(str, place), str(i), _labels(place, item))
    elif isinstance(document, tuple) and _is_object(document):
        yield _of_object(f"{name}, line 1", document)
    elif isinstance(document, tuple):
        for sample, labels in document:
            place = f"{name}, sample {sample[:100]!r}"
            yield partial(str, place), sample, _labels(place, labels)
    else:
        raise InputError(f"{name} is no list and no object; expected a list of labels for each sample")


def _is_object(pairs: tuple[Any, ...]) -> bool:
    """Whether this is the only object of JSON lines, and not a mapping from samples."""
    names = {name for name, _ in pairs}
    return bool(names & set(SAMPLE)) and bool(names & set(LABEL)) and any(isinstance(v, str) for _, v in pairs)


def _of_object(place: str, value: Any) -> Entry:
    if not isinstance(value, tuple):
        raise InputError(f"{place} is no object; expected one with a sample and its label")
    row = dict(value)
    sample, label = ([name for name in known if name in row] for known in (SAMPLE, LABEL))
    if len(row) < len(value) or len(sample) != 1 or len(label) != 1:
        raise InputError(f"{place} has the names {listing(n for n, _ in value)}; expected sample and label, each once")
    if not isinstance(row[sample[0]], str) or not row[sample[0]]:
        raise InputError(f"{place}: {sample[0]} is no name or number; expected the id of a sample")
    own = row[label[0]]
    if own is None or isinstance(own, str):
        return partial(str, place), row[sample[0]], own or ""
    return partial(str, place), row[sample[0]], _labels(place, own)


def _labels(place: str, labels: Any) -> list[str]:
    if not isinstance(labels, list):
        raise InputError(f"{place} has no list of labels; expected such as [3] or [], also where one label is right")
    for label in labels:
        if not isinstance(label, str) or not label or any("\ud800" <= letter <= "\udfff" for letter in label):
            raise InputError(f"{place} holds {label!r}; expected names or whole numbers as labels")
    return labels
