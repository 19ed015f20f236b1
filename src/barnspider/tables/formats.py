"""What the end of a file's name says about its format."""

from __future__ import annotations

from pathlib import Path

from barnspider.errors import InputError

TABLE_SCHEMA = "barnspider/table/1"
KINDS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet", ".npz": "npz"}
PACKED = (".gz", ".zst")


def kind_of(path: Path) -> str:
    """Return "csv", "parquet" or "npz".

    Raises
    ------
    InputError
        For any other ending.

    Examples
    --------
    >>> kind_of(Path("answers.tsv.gz"))
    'csv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in PACKED
    ending = suffixes[-2:-1] if packed else suffixes[-1:]
    kind = KINDS.get(ending[0]) if ending else None
    if kind is None or (packed and kind != "csv"):
        raise InputError(
            f"{str(path)!r} has no known ending; expected {', '.join(KINDS)} (of text also with .gz, .zst)"
        )
    return kind
