"""Reading a large CSV of answers: `read_table`, which checks everything, against a pandas group-by, which does not.

Command      python benchmarks/tables.py                 12 million rows, 512 MB; about a minute on one core
             python benchmarks/tables.py --runs 24       1.2 million rows
Expected     per-class accuracy of every run is the same for both; barnspider takes less CPU time and less memory.
             CPU seconds and peaks of memory count; wall times depend on what else the machine does.

Each reader runs in a process of its own, so that its peak of memory is its own; "import" is the peak before reading.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SAMPLES, CLASSES, SEEDS = 50_000, 1_000, 8


def write_answers(path: Path, runs: int) -> None:
    import polars as pl

    rng = np.random.default_rng(0)
    names = pl.Series([f"n{i:08d}" for i in rng.permutation(CLASSES) * 7919])
    label = rng.integers(CLASSES, size=SAMPLES)
    sample = pl.Series([f"val_{i:08d}" for i in range(SAMPLES)])
    with path.open("wb") as file:
        for run in range(runs):
            guess = np.where(rng.random(SAMPLES) < 0.7, label, rng.integers(CLASSES, size=SAMPLES))
            frame = pl.DataFrame(
                {
                    "arm": pl.repeat(f"crop={run // SEEDS}", SAMPLES, eager=True),
                    "seed": pl.repeat(run % SEEDS, SAMPLES, eager=True),
                    "sample": sample, "label": names.gather(label), "prediction": names.gather(guess),
                }
            )  # fmt: skip
            file.write(frame.write_csv(include_header=run == 0).encode())


def with_barnspider(path: Path) -> float:
    from barnspider.tables import read_table

    preds = read_table(path)
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
MODULES = {"barnspider": "barnspider.tables", "pandas": "pandas"}


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(reader: str, path: Path) -> None:
    __import__(MODULES[reader])
    before, cpu, wall = megabytes(), time.process_time(), time.perf_counter()
    checksum = READERS[reader](path)
    times = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({**times, "import": before, "peak": megabytes(), "checksum": checksum}))


def compare(path: Path, rows: int) -> None:
    print(f"{rows / 1e6:.1f} million rows, {path.stat().st_size / 1e6:.0f} MB, {CLASSES} classes")
    found = {}
    for reader in READERS:
        command = [sys.executable, __file__, "--reader", reader, "--file", str(path)]
        found[reader] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        line = "{cpu:6.1f} CPU s  {wall:6.1f} s  peak {peak:6.0f} MB (import {import:.0f} MB)".format(**found[reader])
        print(f"{reader:<11}{line}")
    ours, theirs = found["barnspider"], found["pandas"]
    assert np.isclose(ours["checksum"], theirs["checksum"]), "the two do not agree"
    print(f"pandas / barnspider: {theirs['cpu'] / ours['cpu']:.1f} x CPU, {theirs['peak'] / ours['peak']:.1f} x memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=240, help="runs of 50,000 samples each")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        measure(options.reader, options.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.csv")
        write_answers(path, options.runs)
        compare(path, options.runs * SAMPLES)


if __name__ == "__main__":
    main()
