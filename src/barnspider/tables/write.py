"""Predictions -> CSV, JSON lines, Parquet, npz."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from barnspider.errors import InputError, listing
from barnspider.files import write_whole
from barnspider.predictions import Predictions
from barnspider.tables.formats import TABLE_SCHEMA, kind_of


class NotWritten(UserWarning):
    """The file holds all answers, but its format has no place for something else that the Predictions know."""


def write_table(preds: Predictions, path: str | Path) -> Path:
    """Write one row for each answer to .csv, .tsv, .jsonl (also .gz) or .parquet, or everything to .npz; whole or not
    at all.

    Parquet and npz give back everything. CSV and JSON lines have no place for the list of classes (give
    `classes=preds.classes` to `read_table`), for `paired` and for the runs that were left out (the warning `NotWritten`
    names them).

    Raises
    ------
    InputError
        For another ending, and for what no table can hold: sets of acceptable labels, groups, empty names, no answers.
    StoreError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> preds = Predictions.from_arrays(["cat", "dog"], {"plain": [["cat", "cat"]]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_table(preds, Path(folder, "answers.csv")).read_text())
    arm,seed,sample,label,prediction
    plain,0,0,cat,cat
    plain,0,1,dog,cat
    <BLANKLINE>
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "npz":
        return preds.save(path)
    _check_writable(preds, path)
    if kind == "parquet":
        frame = pl.concat([_run_frame(preds, run) for run in range(len(preds.arm))])
        return write_whole(path, lambda file: frame.write_parquet(file, metadata={"barnspider": _about(preds)}))
    if preds.left_out:
        runs = listing(f"{x.arm!r} seed {x.seed} ({x.why})" for x in preds.left_out)
        warnings.warn(f"{str(path)!r} does not tell which runs were left out: {runs}", NotWritten, stacklevel=2)
    return write_whole(path, lambda file: _write_text(preds, path, file))


def _check_writable(preds: Predictions, path: Path) -> None:
    if kind_of(path) == "npy" or ".json" in path.suffixes[-2:]:
        raise InputError(f"{str(path)!r}: that ending is read, not written; write .jsonl, .npz or .parquet")
    if path.suffix.lower() == ".zst":
        raise InputError(f"{str(path)!r}: .zst is read, not written; write .csv.gz or .parquet")
    if preds.accepted is not None:
        raise InputError(f"{str(path)!r}: a table has no place for sets of acceptable labels; write .npz")
    if preds.group is not None:
        raise InputError(f"{str(path)!r}: a table has no place for groups ({preds.by!r}); write .npz")
    if not preds.guess.size:
        raise InputError(f"{str(path)!r}: there are no answers to write ({preds.guess.shape[0]} runs)")
    for what, names in (("arm", preds.arm), ("class", preds.classes), ("sample", preds.sample.tolist())):
        for name in names:
            if not name or not _is_utf8(name):
                raise InputError(f"{str(path)!r}: the {what} name {name!r} is empty or no valid text; rename it")
    if not _is_utf8(preds.on):
        raise InputError(f"{str(path)!r}: on={preds.on!r} is no valid text; rename it")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _about(preds: Predictions) -> str:
    left_out = [[x.arm, x.seed, x.why] for x in preds.left_out]
    about = {"schema": TABLE_SCHEMA, "classes": preds.classes, "paired": preds.paired, "left_out": left_out}
    return json.dumps(about | ({"same_models": True} if preds.same_models else {}))


def _run_frame(preds: Predictions, run: int) -> pl.DataFrame:
    count = len(preds.label)
    names = pl.Series(preds.classes, dtype=pl.String)
    small = all(abs(seed) < 2**63 for seed in preds.seed)
    columns: dict[str, Any] = {
        "arm": pl.repeat(preds.arm[run], count, dtype=pl.String, eager=True),
        "seed": pl.Series([preds.seed[run] if small else str(preds.seed[run])]).new_from_index(0, count),
        "sample": pl.Series(preds.sample.tolist(), dtype=pl.String),
        "label": names.gather(preds.label),
        "prediction": names.gather(preds.guess[run]),
    }
    if any(dose is not None for dose in preds.dose):
        columns["dose"] = pl.repeat(preds.dose[run], count, dtype=pl.Float64, eager=True)
    if preds.p_label is not None:
        columns["p_label"] = preds.p_label[run]
    if preds.on:
        columns["on"] = pl.repeat(preds.on, count, dtype=pl.String, eager=True)
    return pl.DataFrame(columns)


def _write_text(preds: Predictions, path: Path, file: BinaryIO) -> None:
    if path.suffix.lower() == ".gz":
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
            _write_runs(preds, packed, path)
    else:
        _write_runs(preds, file, path)


def _write_runs(preds: Predictions, file: Any, path: Path) -> None:
    separator = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes[-2:]] else ","
    for run in range(len(preds.arm)):
        frame = _run_frame(preds, run)
        if kind_of(path) == "json":
            file.write(frame.write_ndjson().encode())
        else:
            file.write(frame.write_csv(include_header=run == 0, separator=separator).encode())
