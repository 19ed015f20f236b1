"""Reading a large CSV of answers: `read_table`, which checks everything, against a pandas group-by, which does not.

Command      python benchmarks/tables.py                 12 million rows, 512 MB; about a minute on one core
             python benchmarks/tables.py --runs 24       1.2 million rows
             python benchmarks/tables.py --runs 2000 --folder parquet     a hundred million rows, a folder of 50 files;
             also csv, csv.gz, jsonl; without pandas, which has no memory for that
Expected     per-class accuracy of every run is the same for both; barnspider takes less CPU time and less memory.
             CPU seconds and peaks of memory count; wall times depend on what else the machine does.

Each reader runs in a process of its own, so that its peak of memory is its own; "import" is the peak before reading.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES, CLASSES, SEEDS = 50_000, 1_000, 8
PART = 40


def write_answers(path: Path, runs: range) -> None:
    import polars as pl

    rng = np.random.default_rng(0)
    names = pl.Series([f"n{i:08d}" for i in rng.permutation(CLASSES) * 7919])
    label = rng.integers(CLASSES, size=SAMPLES)
    sample = pl.Series([f"val_{i:08d}" for i in range(SAMPLES)])
    write = WRITERS["".join(path.suffixes)[1:]]
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        frames = []
        for run in runs:
            guess = np.where(rng.random(SAMPLES) < 0.7, label, rng.integers(CLASSES, size=SAMPLES))
            frame = pl.DataFrame(
                {
                    "arm": pl.repeat(f"crop={run // SEEDS}", SAMPLES, eager=True),
                    "seed": pl.repeat(run % SEEDS, SAMPLES, eager=True),
                    "sample": sample, "label": names.gather(label), "prediction": names.gather(guess),
                }
            )  # fmt: skip
            frames.append(frame)
            if len(frames) == PART or run == runs[-1]:
                write(pl.concat(frames), file, run - runs[0] < PART)
                frames = []


def write_parquet(frame: Any, file: Any, first: bool) -> None:
    frame.write_parquet(file)


def write_csv(frame: Any, file: Any, first: bool) -> None:
    file.write(frame.write_csv(include_header=first).encode())


def write_jsonl(frame: Any, file: Any, first: bool) -> None:
    file.write(frame.write_ndjson().encode())


WRITERS = {"parquet": write_parquet, "csv": write_csv, "csv.gz": write_csv, "jsonl": write_jsonl}


def with_barnspider(path: Path) -> float:
    from barnspider import read_predictions

    preds = read_predictions(path)
    size = np.bincount(preds.label, minlength=len(preds.classes))
    right = np.array([np.bincount(preds.label[row], minlength=len(size)) for row in preds.correct()])
    return float(np.sum((right / size) ** 2))


def with_pandas(path: Path) -> float:
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["right"] = table["label"] == table["prediction"]
    accuracy = table.groupby(["arm", "seed", "label"])["right"].mean()
    return float(np.sum(accuracy.to_numpy() ** 2))


READERS = {"barnspider": with_barnspider, "pandas": with_pandas}
MODULES = {"barnspider": "barnspider", "pandas": "pandas"}


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(reader: str, path: Path) -> None:
    __import__(MODULES[reader])
    before, cpu, wall = megabytes(), time.process_time(), time.perf_counter()
    checksum = READERS[reader](path)
    times = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({**times, "import": before, "peak": megabytes(), "checksum": checksum}))


def compare(path: Path, rows: int, readers: Sequence[str]) -> None:
    files = [path] if path.is_file() else sorted(path.iterdir())
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{rows / 1e6:.1f} million rows, {len(files)} {files[0].name} or like it, {size:.0f} MB, {CLASSES} classes")
    found = {}
    for reader in readers:
        command = [sys.executable, __file__, "--reader", reader, "--file", str(path)]
        found[reader] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        line = "{cpu:6.1f} CPU s  {wall:6.1f} s  peak {peak:6.0f} MB (import {import:.0f} MB)".format(**found[reader])
        print(f"{reader:<11}{line}")
    if len(found) < 2:
        return
    ours, theirs = found["barnspider"], found["pandas"]
    assert np.isclose(ours["checksum"], theirs["checksum"]), "the two do not agree"
    print(f"pandas / barnspider: {theirs['cpu'] / ours['cpu']:.1f} x CPU, {theirs['peak'] / ours['peak']:.1f} x memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=240, help="runs of 50,000 samples each")
    parser.add_argument("--folder", choices=WRITERS, help="a folder of files of 40 runs each, read by barnspider alone")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        measure(options.reader, options.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) if options.folder else Path(folder, "answers.csv")
        if options.folder:
            for start in range(0, options.runs, PART):
                part = range(start, min(start + PART, options.runs))
                write_answers(path / f"part{start:05d}.{options.folder}", part)
        else:
            write_answers(path, range(options.runs))
        compare(path, options.runs * SAMPLES, ["barnspider"] if options.folder else list(READERS))


if __name__ == "__main__":
    main()
