"""What may be wrong with a data set: each function looks for one thing and yields it as a `Finding`.

Kinds are "copies", "near", "labels", "undecoded", "few", "blank", "spellings" and "uneven"; of "few", "spellings" and
"uneven" `count` and `names` are those of classes, of the others of images.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.finding import Finding
from barnspider.lab.data.marks import PARTS, Marks, first_rows
from barnspider.lab.data.parts import Dataset, Split
from barnspider.lab.data.twins import named, twin
from barnspider.words import counted

FEW = 20
"""Images of a class below which one of them is more than 5 points of its accuracy."""

UNEVEN = 10
"""How many times the images of the smallest class the largest may have before it is worth a word."""


@dataclass(frozen=True)
class Part:
    """How many images a part has, all together and of each class."""

    name: str
    images: int
    per_class: tuple[int, ...]


def copies(data: Dataset, looked: Mapping[str, Marks], most: int | None) -> Iterator[Finding]:
    """Yield, for each pair of parts and for each part alone, the images that stand there again."""
    several = 1 + max(int(own.group.max()) for own in looked.values())
    for i, part in enumerate(PARTS):
        own = looked[part].group
        for earlier in PARTS[: i + 1]:
            first = first_rows(looked[earlier].group, several)[own]
            rows = np.flatnonzero((first >= 0) & ((part != earlier) | (first != np.arange(len(own)))))
            if len(rows):
                yield _copied(data, part, earlier, rows, first[rows], most)


def near(data: Dataset, pairs: NDArray[np.int64], most: int | None) -> Iterator[Finding]:
    """Yield the same for pairs of images that are nearly alike, whose rows count through all parts."""
    ends = np.cumsum([0, *(len(getattr(data, part)) for part in PARTS)])
    part_of = np.searchsorted(ends, pairs, side="right") - 1
    for i, part in enumerate(PARTS):
        for j, earlier in enumerate(PARTS[: i + 1]):
            own = pairs[(part_of[:, 1] == i) & (part_of[:, 0] == j)]
            rows, at = np.unique(own[:, 1], return_index=True)
            if len(rows):
                yield _copied(data, part, earlier, rows - ends[i], own[at, 0] - ends[j], most, kind="near")


def _copied(
    data: Dataset,
    part: str,
    earlier: str,
    rows: NDArray[np.int64],
    first: NDArray[np.int64],
    most: int | None,
    kind: str = "copies",
) -> Finding:
    """Say which images of a part (in `rows`) are those of an earlier part (in the rows `first`)."""
    split: Split = getattr(data, part)
    relabelled = int((split.labels[rows] != getattr(data, earlier).labels[first]).sum())
    also = f", {relabelled:,} of them under another label" if relabelled else ""
    other, so_what = (f"other {part}", _WITHIN) if part == earlier else (earlier, _ACROSS[earlier])
    be = _BE[kind, len(rows) == 1]
    text = f"{len(rows):,} of {len(split):,} {part} images {be} of {other} images{also}; {so_what}"
    found = [
        twin(data, (part, row), (earlier, of))
        for row, of in zip(rows[:most].tolist(), first[:most].tolist(), strict=True)
    ]
    names = tuple(twin.sample for twin in found)
    lines = map(str, found) if kind == "copies" else (str(twin).replace(") is ", ") is like ", 1) for twin in found)
    return Finding(kind, part != earlier, len(rows), text, names, tuple(lines))


_BE = {
    ("copies", True): "is an exact copy",
    ("copies", False): "are exact copies",
    ("near", True): "is nearly a copy",
    ("near", False): "are nearly copies",
}
_WITHIN = "counted twice, they weigh twice"
_ACROSS = {
    "train": "a network may remember them, so remove them from one of the parts",
    "validation": "what was chosen on an image is not tested by it, so remove them from one of the parts",
}


def labels(data: Dataset, looked: Mapping[str, Marks], most: int | None) -> Iterator[Finding]:
    """Yield the images of which a copy has another label, wherever it stands; copies stand together."""
    group = np.concatenate([looked[part].group for part in PARTS])
    label = np.concatenate([getattr(data, part).labels for part in PARTS])
    order = np.lexsort((label, group))
    start = np.flatnonzero(np.diff(group[order], prepend=-1))
    torn = np.minimum.reduceat(label[order], start) != np.maximum.reduceat(label[order], start)
    rows = np.flatnonzero(torn[group])
    if len(rows):
        rows = rows[np.argsort(group[rows], kind="stable")]
        text = (
            f"{len(rows):,} images have an exact copy under another label; no network can be right about all of them,"
            " so correct or remove them"
        )
        yield _about_images("labels", True, text, data, rows, most)


def blank(data: Dataset, looked: Mapping[str, Marks], most: int | None) -> Iterator[Finding]:
    """Yield images that show nothing."""
    rows = np.flatnonzero(np.concatenate([looked[part].blank for part in PARTS]))
    if len(rows):
        be = "image is" if len(rows) == 1 else "images are"
        text = f"{len(rows):,} {be} of one colour throughout; nothing can be learned or told from that"
        yield _about_images("blank", False, text, data, rows, most)


def _about_images(
    kind: str, wrong: bool, text: str, data: Dataset, rows: NDArray[np.int64], most: int | None
) -> Finding:
    """Return a finding about images; their rows count through all parts."""
    ends = np.cumsum([0, *(len(getattr(data, part)) for part in PARTS)])
    part_of = np.searchsorted(ends, rows[:most], side="right") - 1
    places = zip(part_of.tolist(), (rows[:most] - ends[part_of]).tolist(), strict=True)
    found = [(PARTS[part], *named(data, PARTS[part], row)) for part, row in places]
    lines = tuple(f"{sample} ({part}, {label})" for part, sample, label in found)
    return Finding(kind, wrong, len(rows), text, tuple(sample for _, sample, _ in found), lines)


def undecoded(data: Dataset, refuse: bool, most: int | None) -> Iterator[Finding]:
    """Yield images that cannot be decoded."""
    bad = data.undecoded
    if bad:
        so_what = "a study stops there, so repair or remove them, or leave them out with '?bad=leave-out'"
        text = f"{counted(len(bad), 'image')} cannot be decoded; {so_what if refuse else 'the study is without them'}"
        lines = tuple(f"{name}: {why}" for name, why in bad[:most])
        yield Finding("undecoded", refuse, len(bad), text, tuple(name for name, _ in bad[:most]), lines)


def spellings(classes: Sequence[str], most: int | None) -> Iterator[Finding]:
    """Yield classes that a reader takes for one: written with other characters, or with other spaces."""
    same: dict[str, list[str]] = {}
    for name in classes:
        same.setdefault(" ".join(unicodedata.normalize("NFC", name).split()), []).append(name)
    twice = [names for names in same.values() if len(names) > 1]
    if twice:
        text = "several classes have one name, written with other characters or spaces; make them one class"
        lines = tuple(" and ".join(map(ascii, names)) for names in twice[:most])
        yield Finding("spellings", True, len(twice), text, tuple(names[0] for names in twice[:most]), lines)


def few(parts: Sequence[Part], classes: Sequence[str], most: int | None) -> Iterator[Finding]:
    """Yield classes with no images in a part, or too few to train on or to tell anything from."""
    held = np.sum([part.per_class for part in parts], axis=0)
    for part in parts:
        count = np.array(part.per_class)
        none, some = np.flatnonzero(count == 0), np.flatnonzero((count > 0) & (count < FEW))
        if len(none):
            # A class that has no images anywhere is only a name.
            wrong = part.name == "train" and bool(held[none].any())
            yield _scarce(f"no {part.name} images: {_WITHOUT[part.name]}", wrong, part, none, classes, most)
        if len(some) and part.name in _WITH_FEW:
            what = f"fewer than {FEW} {part.name} images: {_WITH_FEW[part.name]}"
            yield _scarce(what, False, part, some, classes, most)


_WITHOUT = {
    "train": "they cannot be learned",
    "validation": "they have no say when a dose is chosen",
    "test": "nothing is said of them",
}
_WITH_FEW = {
    "train": "what is found depends on these very images",
    "test": "each is more than 5 points of its class's accuracy",
}


def _scarce(
    what: str, wrong: bool, part: Part, which: NDArray[np.int64], classes: Sequence[str], most: int | None
) -> Finding:
    have = "has" if len(which) == 1 else "have"
    some: list[int] = which[:most].tolist()
    lines = tuple(f"{classes[i]}: {part.per_class[i]:,}" for i in some)
    names = tuple(classes[i] for i in some)
    return Finding("few", wrong, len(which), f"{len(which):,} of {len(classes):,} classes {have} {what}", names, lines)


def uneven(train: Part, classes: Sequence[str]) -> Iterator[Finding]:
    """Yield the largest and the smallest class, where they are far apart."""
    count = np.array(train.per_class)
    held = np.flatnonzero(count)
    low, high = int(held[count[held].argmin()]), int(count.argmax())
    if count[high] >= UNEVEN * count[low]:
        times = f"{count[high] / count[low]:,.0f}"
        text = f"the largest class has {times} times the training images of the smallest; averages are about the large"
        lines = tuple(f"{classes[i]}: {count[i]:,}" for i in (high, low))
        yield Finding("uneven", False, 2, text, (classes[high], classes[low]), lines)
