"""How fast are the analyses, against what people use, and against reading the answers once?

    python benchmarks/estimate.py

Two large designs and a usual one; each analysis by itself, with its counting, and then all five with one counting.
pandas computes point estimates only, from a long table that is already there. fairlearn's MetricFrame computes
bootstrap intervals of one run's accuracy by class (pip install fairlearn; left out, and said so, where it is absent):
ten resamples of one run are timed and scaled to a thousand resamples of all runs. Times are the shortest of three.
CPU time is that of all threads: on a busy machine it says more than wall time. Memory is the peak beyond the answers,
as tracemalloc sees it, over the size of the answers (two bytes each).
"""

from __future__ import annotations

import importlib.util
import os
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from barnspider.design import Design
from barnspider.doses import best_doses, dose_curves, tolls
from barnspider.effects import estimate
from barnspider.inequality import inequality
from barnspider.predictions import Predictions

DESIGNS = ((1_000, 50, 12, 20), (10_000, 10, 12, 10), (100, 100, 12, 20))
RESAMPLES, WANTED = 10, 1000
Job = Callable[[], object]


def draw(classes: int, images: int, arms: int, runs: int) -> Predictions:
    """Draw answers that are right eight times in ten; arms are doses 0, 1, 2, ..."""
    rng = np.random.default_rng(0)
    label = rng.permutation(np.repeat(np.arange(classes), images)).astype(np.int16)
    wrong = (label + 1) % classes

    def arm() -> np.ndarray:
        return np.where(rng.random((runs, len(label)), dtype=np.float32) < 0.8, label, wrong)

    return Predictions.from_arrays(
        label, {f"arm {a}": arm() for a in range(arms)}, paired=True, classes=[str(c) for c in range(classes)],
        dose={f"arm {a}": float(a) for a in range(arms)},
    )  # fmt: skip


def seconds(job: Job, times: int = 3) -> tuple[float, float]:
    """Return the shortest wall time and the shortest CPU time of several."""
    found: list[tuple[float, float]] = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        job()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(x for x, _ in found), min(x for _, x in found)


def peak_memory(job: Job) -> int:
    """Return the most bytes that were allocated at once."""
    tracemalloc.start()
    job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def analyses(preds: Predictions) -> dict[str, Job]:
    """Return everything of ours that is timed, by name."""

    def all_five() -> None:
        counted = Design.of(preds)
        for ask in (best_doses, tolls, dose_curves):
            ask(counted)
        estimate(counted, "arm 0")
        inequality(counted, "arm 0")

    return {
        "count": lambda: Design.of(preds),
        "estimate": lambda: estimate(preds, "arm 0"),
        "best_doses": lambda: best_doses(preds),
        "tolls": lambda: tolls(preds),
        "dose_curves": lambda: dose_curves(preds),
        "inequality": lambda: inequality(preds, "arm 0"),
        "all five, counted once": all_five,
    }


def pandas_job(preds: Predictions) -> Job:
    """Return a groupby over arm and class of a long table of right and wrong."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "arm": np.repeat(pd.factorize(np.array(preds.arm))[0].astype(np.int8), len(preds.label)),
            "label": np.tile(preds.label, len(preds.arm)),
            "right": preds.correct().ravel(),
        }
    )
    return table.groupby(["arm", "label"], sort=False)["right"].mean


def fairlearn_job(preds: Predictions) -> Job:
    """Return MetricFrame's bootstrap of the first run's accuracy by class."""
    from fairlearn.metrics import MetricFrame

    def accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))

    return lambda: MetricFrame(
        metrics=accuracy, y_true=preds.label, y_pred=preds.guess[0], sensitive_features=preds.label,
        n_boot=RESAMPLES, ci_quantiles=[0.025, 0.975], random_state=0,
    )  # fmt: skip


def row(name: str, wall: float, cpu: float, read: float, memory: str = "") -> None:
    """Print one line of the table."""
    digits = 4 if wall < 0.01 else 3
    print(f"| {name} | {wall:,.{digits}f} | {cpu:,.{digits}f} | {wall / read:,.0f} | {memory} |", flush=True)


def show(design: tuple[int, int, int, int]) -> None:
    """Print the table of one design."""
    preds = draw(*design)
    size = preds.guess.nbytes
    print("\n{:,} classes x {} images x {} arms x {} runs:".format(*design), f"{preds.guess.size:,} answers\n")
    print("| what | wall s | CPU s | x reading once | memory / answers |\n|:--|--:|--:|--:|--:|")
    read = seconds(preds.guess.max, 10)
    row("read once from memory", *read, read[0])
    for name, job in analyses(preds).items():
        row(name, *seconds(job), read[0], f"{peak_memory(job) / size:.2f}")
    row("pandas group-by, point estimates only", *seconds(pandas_job(preds)), read[0])
    if design[0] <= 1_000 and importlib.util.find_spec("fairlearn"):
        scale = len(preds.arm) * WANTED / RESAMPLES
        wall, cpu = (x * scale for x in seconds(fairlearn_job(preds), 1))
        row(
            f"fairlearn MetricFrame, {WANTED:,} resamples of each run: scaled up {scale:,.0f} times", wall, cpu, read[0]
        )


def main() -> None:
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    for design in DESIGNS:
        show(design)
    if importlib.util.find_spec("fairlearn") is None:
        print("\nfairlearn is not installed: pip install fairlearn, and run again")


if __name__ == "__main__":
    main()
