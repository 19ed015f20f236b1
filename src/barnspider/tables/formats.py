"""What the end of a file's name says about its format."""

from __future__ import annotations

from pathlib import Path

from barnspider.errors import InputError

TABLE_SCHEMA = "barnspider/table/1"
KINDS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet", ".npz": "npz", ".npy": "npy",
}  # fmt: skip
PACKED = (".gz", ".zst")
TEXTS = ("csv", "json")
ARRAYS = ("npz", "npy")


def kind_of(path: Path) -> str:
    """Return "csv", "json", "parquet", "npz" or "npy".

    Raises
    ------
    InputError
        For any other ending.

    Examples
    --------
    >>> kind_of(Path("answers.tsv.gz"))
    'csv'
    """
    kind = _kind(path)
    if kind is None:
        raise InputError(
            f"{str(path)!r} has no known ending; expected {', '.join(KINDS)} (of text also with .gz, .zst)"
        )
    return kind


def is_known(path: Path) -> bool:
    """Return whether the file's name ends as one that can be read."""
    return _kind(path) is not None


def stem_of(path: Path) -> str:
    """Return the file's name without its endings.

    Examples
    --------
    >>> stem_of(Path("preds/resnet50.v2.csv.gz"))
    'resnet50.v2'
    """
    name = path.name
    for endings in (PACKED, tuple(KINDS)):
        for ending in endings:
            if name.lower().endswith(ending) and len(name) > len(ending):
                name = name[: -len(ending)]
                break
    return name


def _kind(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in PACKED
    ending = suffixes[-2:-1] if packed else suffixes[-1:]
    kind = KINDS.get(ending[0]) if ending else None
    return None if packed and kind not in TEXTS else kind
