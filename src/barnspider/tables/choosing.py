"""A source -> the files that it means, which runs they are of, and where their labels are."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from barnspider.errors import InputError, listing
from barnspider.tables.asked import Asked, Origin
from barnspider.tables.formats import is_known, stem_of
from barnspider.tables.origins import by_mapping, by_name, by_pattern

Source = str | Path | Sequence[str | Path]

LABELS = ("label", "labels", "filename_label")
"""What files of labels are called; the last is ImageNet-X's."""

BESIDE = re.compile(
    r"(readme|licen[cs]e|notice|changelog|requirements).*\.txt"
    r"|(metrics|config|settings|args|hparams|hyperparameters|environment|trainer_state|training_args)\.json",
    re.IGNORECASE,
)
"""Names of files that lie beside predictions and are none, though their endings are those of tables."""


@dataclass(frozen=True)
class Chosen:
    """The files of a source and their runs; how to read them; and which files were left alone, unasked."""

    origins: list[Origin]
    asked: Asked
    left_alone: tuple[Path, ...] = ()


def find(source: Source, asked: Asked, *, pattern: str | None = None, mapping: str | Path | None = None) -> Chosen:
    """Return the files that a source means, which runs they are of, and where their labels are.

    Raises
    ------
    InputError
        When there are none, or a pattern or a mapping does not fit them.
    """
    if pattern is not None and mapping is not None:
        raise InputError(f"pattern={pattern!r} and mapping={str(mapping)!r} were both given; expected one of them")
    files = files_of(source, deep=pattern is not None and "/" in pattern)
    files, asked = _without_labels(source, files, asked, mapping)
    everything = list(files)
    if mapping is not None:
        origins = _chosen(by_mapping(Path(mapping), _folder(source)), files, mapping)
    else:
        beside = {file for file in files if is_beside(file) and len(files) > 1}
        files = {file: name for file, name in files.items() if file not in beside} or files
        origins = by_name(list(files)) if pattern is None else by_pattern(files, pattern)
    theirs = {origin.path.resolve() for origin in origins}
    return Chosen(origins, asked, tuple(file for file in everything if file.resolve() not in theirs))


def is_beside(path: Path) -> bool:
    """Return whether a file is one of those that lie beside predictions, by its name: README.txt, config.json."""
    return BESIDE.fullmatch(path.name) is not None


def _folder(source: Source) -> Path:
    """Return the folder of a source, below which nothing is chosen by a glob."""
    if not isinstance(source, str | Path):
        return Path()
    path = Path(source)
    return path if path.is_dir() else _fixed(path)


def files_of(source: Source, *, deep: bool) -> dict[Path, str]:
    """Return the files of a source, in order, each with the name that a pattern looks at."""
    if not isinstance(source, str | Path):
        paths = [Path(path) for path in source]
        if not paths or len(set(paths)) < len(paths):
            raise InputError(f"source={[str(p) for p in paths]} names no file, or one twice; expected each file once")
        if folder := next((path for path in paths if path.is_dir()), None):
            raise InputError(
                f"{str(folder)!r} is a folder, and was given with others; expected one folder, or files, or a glob in"
                " quotes such as 'preds/*/*.csv'"
            )
        return {path: path.as_posix() for path in paths}
    if not str(source):
        raise InputError("source='' is empty; expected a store's folder, or a file, a folder or a glob of predictions")
    path = Path(source)
    if path.is_dir():
        found = {file: file.relative_to(path).as_posix() for file in sorted(files_in(path, deep=deep))}
        if not found:
            raise InputError(
                f"{str(source)!r} is no store (there is no barnspider.json), and holds no file of predictions; of"
                f" folders in it, give a glob: '{source}/*/*.csv'"
            )
        return found
    if not path.exists() and glob.has_magic(str(source)):
        return _matches(str(source))
    if not path.exists():
        raise InputError(
            f"{str(source)!r} does not exist; expected a store's folder, a file of predictions (CSV, JSON lines,"
            " Parquet, npz, npy), a folder of them, or a glob in quotes"
        )
    return {path: path.name}


def files_in(folder: Path, *, deep: bool = False) -> list[Path]:
    """Return the files in a folder that could hold predictions; hidden ones never do."""
    found = folder.rglob("*") if deep else folder.iterdir()
    return [file for file in found if is_known(file) and file.is_file() and not _is_hidden(file.relative_to(folder))]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _matches(source: str) -> dict[Path, str]:
    paths = sorted(Path(name) for name in glob.glob(source, recursive=True))
    files = {path: path.relative_to(_fixed(Path(source))).as_posix() for path in paths if path.is_file()}
    if not files:
        raise InputError(f"{source!r} matches no file; expected a glob such as 'preds/*.csv'")
    return files


def _fixed(path: Path) -> Path:
    """Return the folders of a glob above the first that has a mark."""
    marked = next((i for i, part in enumerate(path.parts) if glob.has_magic(part)), len(path.parts) - 1)
    return Path(*path.parts[:marked])


def _without_labels(
    source: Source, files: dict[Path, str], asked: Asked, mapping: str | Path | None
) -> tuple[dict[Path, str], Asked]:
    """Take a folder's file of labels, and its mapping, for what they are."""
    own = [file for file in files if stem_of(file) in LABELS and len(files) > 1]
    if asked.labels is None and len(own) > 1:
        raise InputError(
            f"{named(source)} holds {listing(str(f) for f in own)}; say which has the labels: --labels FILE"
        )
    labels = asked.labels if asked.labels is not None or not own else own[0]
    apart = {Path(other).resolve() for other in (labels, mapping) if other is not None}
    left = {file: name for file, name in files.items() if file.resolve() not in apart or len(files) == 1}
    return left, replace(asked, labels=labels)


def _chosen(mapped: list[Origin], files: Mapping[Path, str], mapping: str | Path) -> list[Origin]:
    """Return what a mapping says of the files of the source."""
    theirs = {file.resolve() for file in files}
    chosen = [origin for origin in mapped if origin.path.resolve() in theirs]
    if not chosen:
        raise InputError(f"mapping={str(mapping)!r} names none of the files {listing(map(str, files), most=3)}")
    return chosen


def named(source: Source) -> str:
    """Return what to call a source in a message."""
    return repr(str(source)) if isinstance(source, str | Path) else listing((repr(str(p)) for p in source), most=3)
