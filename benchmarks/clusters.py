"""`python benchmarks/clusters.py`: one study by `run --workers 2` and by `run --on ray --workers 2`, in turn.

Each is a command with a new store, as somebody would say it; both must say the same table. From what a store knows of
its runs, the time of a command is told apart: until the first run begins, while there are runs, and after the last.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

STUDY = """
name = "clusters"
[recipe]
dataset = "digits"
network = "resnet"
width = 8
epochs = {epochs}
[sweep]
vary = "rotation"
doses = [0, 30]
seeds = {seeds}
"""
WAYS = {"plain": (), "Ray": ("--on", "ray", "--address", "local")}


@dataclass(frozen=True)
class Took:
    """Seconds of a command: all, before the first run, and after the last; and what its store answers."""

    whole: float
    start: float
    end: float
    table: bytes

    @property
    def between(self) -> float:
        """The seconds in which there were runs."""
        return self.whole - self.start - self.end


def take(folder: Path, way: str, number: int) -> Took:
    store = folder / f"{way}-{number}"
    command = [sys.executable, "-m", "barnspider", "run", "study.toml", "--store", str(store), "--workers", "2"]
    began, at = time.time(), time.perf_counter()
    subprocess.run([*command, *WAYS[way]], cwd=folder, check=True, capture_output=True)
    whole = time.perf_counter() - at
    sealed = {path: path.stat().st_mtime - began for path in store.glob("runs/*/seal")}
    seconds = {path: json.loads((path.parent / "run.json").read_text())["seconds"] for path in sealed}
    start = min(sealed[path] - seconds[path] for path in sealed)
    audit = [sys.executable, "-m", "barnspider", "audit", str(store), "--json"]
    table = subprocess.run(audit, check=True, capture_output=True).stdout
    return Took(whole, start, whole - max(sealed.values()), table)


def told(values: list[float], digits: int = 1) -> str:
    return f"{statistics.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="One study on one machine, by itself and by Ray.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=6)
    asked = parser.parse_args()
    took: dict[str, list[Took]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.toml").write_text(STUDY.format(epochs=asked.epochs, seeds=asked.seeds))
        for number in range(asked.rounds):
            for way in sorted(WAYS, reverse=bool(number % 2)):
                took[way].append(take(folder, way, number))
                print(f"round {number}, {way}: {took[way][-1].whole:.1f} s", file=sys.stderr)
    assert len({each.table for ways in took.values() for each in ways}) == 1, "the tables differ"
    print(f"{2 * asked.seeds} runs, {asked.rounds} rounds in turn, load {os.getloadavg()[0]:.1f} at the end\n")
    print("| | plain | Ray | ratio or seconds more |\n|:--|--:|--:|--:|")
    for what in ("whole", "start", "between", "end"):
        plain, ray = ([getattr(each, what) for each in took[way]] for way in WAYS)
        pairs = zip(plain, ray, strict=True)
        more = [b / a if what in ("whole", "between") else b - a for a, b in pairs]
        print(f"| {what} | {told(plain)} | {told(ray)} | {told(more, 2)} |")


if __name__ == "__main__":
    main()
