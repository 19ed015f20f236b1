"""A folder of images by class, or a zip file of one -> a `Source`. Nothing is decoded, nothing is unpacked.

Layouts: `<class>/<image>`, or `<part>/<class>/<image>` (folders inside a class are fine), below any number of outer
folders that hold nothing else. A `val` part without a `test` part is what is tested, as in ImageNet, for validation
images are then split from train. A part whose images stand in no class folder is unlabelled and passed over.
"""

from __future__ import annotations

import csv
import hashlib
import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from barnspider.errors import DataError, listing
from barnspider.lab.data.pickled import torch_names
from barnspider.lab.data.source import MOST_BYTES, PARTS, Source

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Endings that count as images, in small letters; other files are passed over."""

DEEPEST = 12
"""A file below more folders is refused: a link may lead in a circle."""

_PART_OF = {
    "train": "train", "2021_train": "train", "2021_train_mini": "train", "val": "validation", "valid": "validation",
    "2021_valid": "validation", "validation": "validation", "test": "test",
}  # fmt: skip

_Read = Callable[[str], bytes]


@dataclass(frozen=True)
class _File:
    """A file's name inside the root, with slashes, and what changes when it does."""

    name: str
    size: int
    stamp: int


@dataclass(frozen=True)
class _Picture:
    file: _File
    part: str
    label: str


def list_folder(root: Path, depth: int = 1) -> Source:
    """Return the images of a folder, of which the names of `depth` folders make a class.

    Raises
    ------
    DataError
        When there are no images, fewer than two classes, or parts that differ in their classes.
    """
    try:
        files = list(_walked(root, "", 0))
        return _source("folder", root, files, lambda name: (root / name).read_bytes(), depth, _above(root))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{str(root)!r} cannot be read: {error}") from error


def list_zip(path: Path, depth: int = 1) -> Source:
    """Return the images of a zip file, of which nothing is ever unpacked to the disk; see `list_folder`.

    Raises
    ------
    DataError
        Also when a name leads out of the archive, is there twice, is a link, is encrypted, or is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = [_checked(path, info) for info in archive.infolist() if not info.is_dir()]
            if len({file.name for file in files}) < len(files):
                raise DataError(f"{str(path)!r} holds two files of one name; expected different names")
            return _source("zip", path, files, archive.read, depth, {})
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} cannot be read as a zip file: {error}; is it whole?") from error


def _walked(root: Path, below: str, depth: int) -> Iterator[_File]:
    if depth > DEEPEST:
        raise DataError(f"{str(root / below)!r} is more than {DEEPEST} folders deep; does a link lead in a circle?")
    with os.scandir(root / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walked(root, name, depth + 1)
            elif entry.is_file():
                about = entry.stat()
                yield _File(name, about.st_size, about.st_mtime_ns)


def _checked(path: Path, info: zipfile.ZipInfo) -> _File:
    name = info.filename
    steps = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in steps[0] or ".." in steps or len(steps) > DEEPEST:
        raise DataError(f"{str(path)!r} holds {name!r}, which leads elsewhere; expected plain relative names")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DataError(f"{str(path)!r} holds {name!r}, a link; expected plain files")
    if info.flag_bits & 1:
        raise DataError(f"{str(path)!r} holds {name!r}, which is encrypted; expected plain files")
    if info.file_size > MOST_BYTES and name.lower().endswith((*ENDINGS, ".txt", ".csv")):
        raise DataError(f"{str(path)!r} holds {name!r} of {info.file_size:,} bytes; expected at most {MOST_BYTES:,}")
    return _File(name, info.file_size, info.CRC)


def _above(root: Path) -> dict[str, bytes]:
    """Return what Kaggle's ImageNet keeps three folders above its images: labels and names."""
    places = [root.parents[2] / file for file in _KAGGLE] if root.name == "CLS-LOC" and len(root.parents) > 2 else []
    return {place.name: place.read_bytes() for place in places if place.is_file()}


def _source(kind: str, root: Path, files: Sequence[_File], read: _Read, depth: int, above: dict[str, bytes]) -> Source:
    files = sorted((f for f in files if "__MACOSX" not in f.name and "/." not in f"/{f.name}"), key=lambda f: f.name)
    outer = _outer(files, depth)
    wanted = {"val/val_annotations.txt", *_KAGGLE, *_NAMES}
    names = {f.name.removeprefix(outer): f.name for f in files}
    beside = above | {short: read(name) for short, name in names.items() if short in wanted}
    found = _pictures(root, files, outer, _annotated(beside), depth)
    folders = _classes(root, found)
    place = {name: i for i, name in enumerate(folders)}
    return Source(
        kind,
        root,
        _spoken(folders, beside),
        np.array([p.file.name for p in found], dtype=np.str_),
        np.array([place[p.label] for p in found], dtype=np.int64),
        np.array([PARTS.index(p.part) for p in found], dtype=np.uint8),
        hashlib.sha256(repr([(p.file.name, p.file.size, p.file.stamp, p.label) for p in found]).encode()).hexdigest(),
    )


def _outer(files: Sequence[_File], depth: int) -> str:
    """Return the folders that all images share and that are neither a part nor of a class, with a slash at the end."""
    folders = {posixpath.dirname(f.name) for f in files if f.name.lower().endswith(ENDINGS)}
    shared = posixpath.commonpath(folders) if folders else ""
    shallowest = min((_levels(folder) for folder in folders), default=0)
    while shared and (posixpath.basename(shared) in _PART_OF or shallowest - _levels(shared) < depth):
        shared = posixpath.dirname(shared)
    return f"{shared}/" if shared else ""


def _levels(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


_KAGGLE = ("LOC_val_solution.csv", "LOC_synset_mapping.txt")


def _annotated(beside: dict[str, bytes]) -> dict[str, str]:
    """Return the class folders of validation images that stand in none: of Tiny ImageNet, and of Kaggle's ImageNet."""
    tiny = [line.split("\t") for line in beside.get("val/val_annotations.txt", b"").decode("utf-8").splitlines()]
    kaggle = csv.DictReader(beside.get(_KAGGLE[0], b"").decode("utf-8").splitlines())
    found = {f"val/images/{cells[0]}": cells[1] for cells in tiny if len(cells) > 1}
    # "n01978287 85 1 499 272 n01978287 3 ...": the class, and boxes.
    return found | {f"val/{row['ImageId']}.JPEG": row["PredictionString"].split(" ")[0] for row in kaggle}


def _pictures(root: Path, files: Sequence[_File], outer: str, annotated: dict[str, str], depth: int) -> list[_Picture]:
    """Return all labelled images with the names of their parts and class folders."""
    images = [(f, f.name.removeprefix(outer)) for f in files if f.name.lower().endswith(ENDINGS)]
    tops = {_PART_OF[name.split("/")[0]]: name.split("/")[0] for _, name in images if name.split("/")[0] in _PART_OF}
    found: list[_Picture] = []
    for file, name in images:
        top, *rest = name.split("/")
        if not tops:
            found += _labelled(root, file, "train", [top, *rest[:-1]] if rest else [], depth)
        elif name in annotated:
            found.append(_Picture(file, "validation", annotated[name]))
        elif top in _PART_OF and not (annotated and rest[0] == "images"):
            if tops[_PART_OF[top]] != top:
                raise DataError(f"{str(root)!r} has both {top} and {tops[_PART_OF[top]]}; expected one of them")
            found += _labelled(root, file, _PART_OF[top], rest[:-1], depth)
    return _tested(root, found)


def _labelled(root: Path, file: _File, part: str, folders: list[str], depth: int) -> list[_Picture]:
    """Return an image under its class; nothing when it stands in no folder at all, and so has none."""
    if folders and len(folders) < depth:
        raise DataError(f"{str(root)!r}: {file.name} has fewer than {depth} folders for its class; leave depth out")
    return [_Picture(file, part, "/".join(folders[:depth]))] if folders else []


def _tested(root: Path, found: list[_Picture]) -> list[_Picture]:
    """Let validation images be what is tested when nothing else is."""
    parts = {picture.part for picture in found}
    if not found:
        raise DataError(f"{str(root)!r} holds no images; expected <class>/<image> with endings {listing(ENDINGS)}")
    if "train" not in parts:
        raise DataError(f"{str(root)!r} has {listing(sorted(parts))} but no train; expected train/<class>/<image>")
    if "validation" in parts and "test" not in parts:
        return [_Picture(p.file, "test" if p.part == "validation" else p.part, p.label) for p in found]
    return found


def _classes(root: Path, found: Sequence[_Picture]) -> tuple[str, ...]:
    of_part: dict[str, set[str]] = {}
    for picture in found:
        of_part.setdefault(picture.part, set()).add(picture.label)
    classes = of_part["train"]
    if len(classes) < 2:
        raise DataError(f"{str(root)!r} has one class, {listing(classes)}; expected a folder for each, two or more")
    for part, others in of_part.items():
        if others != classes:
            raise DataError(f"{str(root)!r}: {part} and train differ in classes: {listing(sorted(others ^ classes))}")
    return tuple(sorted(classes))


_NAMES = ("words.txt", "LOC_synset_mapping.txt", "classes.csv", "meta.bin")


def _spoken(folders: tuple[str, ...], beside: dict[str, bytes]) -> tuple[str, ...]:
    """Return what people call the classes, where a file beside the images says so and no two are called the same.

    `words.txt` (Tiny ImageNet) and `LOC_synset_mapping.txt` (ImageNet) have a folder and its names in every line; of
    several names, separated by commas, the first counts. `classes.csv` has columns `dir` and `name`. `meta.bin` is what
    torchvision writes for ImageNet.
    """
    words = dict.fromkeys(folders, "")
    for file, content in ((name, beside[name]) for name in sorted(beside) if name in _NAMES):
        words |= {folder: name.split(",")[0].strip() for folder, name in _pairs(file, content) if folder in words}
    said = list(words.values())
    return tuple(
        folder if not word else word if said.count(word) == 1 and word not in words else f"{word} ({folder})"
        for folder, word in words.items()
    )


def _pairs(file: str, content: bytes) -> list[tuple[str, str]]:
    """Return folders and their names as one of `_NAMES` says them."""
    if file == "meta.bin":
        return torch_names(content)
    lines = content.decode("utf-8").splitlines()
    if file == "classes.csv":
        return [(row.get("dir") or "", row.get("name") or "") for row in csv.DictReader(lines)]
    return [(cells[0], cells[1]) for cells in (line.split(maxsplit=1) for line in lines) if len(cells) > 1]
