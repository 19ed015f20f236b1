"""How fast is `estimate`, against what people use, and against reading the answers once?

    python benchmarks/estimate.py

Three designs (the second one of the issue has as many answers as the first), one process. pandas computes point
estimates only, from a long table that is already there. fairlearn's MetricFrame computes bootstrap intervals of one
arm's accuracy by class (pip install fairlearn; left out, and said so, where it is absent); it is run on a part and
scaled up. Memory is the peak beyond the answers themselves, as tracemalloc sees it.
"""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from barnspider.effects import estimate
from barnspider.predictions import Predictions

DESIGNS = ((1_000, 50, 12, 20), (10_000, 10, 12, 10), (100, 100, 12, 20))


def draw(classes: int, images: int, arms: int, runs: int) -> Predictions:
    """Draw answers that are right eight times in ten."""
    rng = np.random.default_rng(0)
    label = rng.permutation(np.repeat(np.arange(classes), images)).astype(np.int16)
    wrong = (label + 1) % classes

    def arm() -> np.ndarray:
        return np.where(rng.random((runs, len(label)), dtype=np.float32) < 0.8, label, wrong)

    names = [str(c) for c in range(classes)]
    return Predictions.from_arrays(label, {f"arm {a}": arm() for a in range(arms)}, paired=True, classes=names)


def best_of(f: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of several wall times, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def peak_memory(f: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once."""
    tracemalloc.start()
    f()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def pandas_seconds(preds: Predictions) -> float:
    """Time a groupby over arm and class of a long table of right and wrong."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "arm": np.repeat(pd.factorize(np.array(preds.arm))[0].astype(np.int8), len(preds.label)),
            "label": np.tile(preds.label, len(preds.arm)),
            "right": preds.correct().ravel(),
        }
    )
    return best_of(table.groupby(["arm", "label"], sort=False)["right"].mean, times=1)


def fairlearn_seconds(preds: Predictions, resamples: int = 10, wanted: int = 1000) -> float | None:
    """Time MetricFrame's bootstrap for the first run, scaled to all runs and to `wanted` resamples; None if absent."""
    if importlib.util.find_spec("fairlearn") is None:
        return None
    from fairlearn.metrics import MetricFrame

    def accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))

    def frame() -> object:
        return MetricFrame(
            metrics=accuracy, y_true=preds.label, y_pred=preds.guess[0], sensitive_features=preds.label,
            n_boot=resamples, ci_quantiles=[0.025, 0.975], random_state=0,
        )  # fmt: skip

    return best_of(frame, times=1) * wanted / resamples * len(preds.arm)


def main() -> None:
    print("classes x images x arms x runs | answers | estimate | memory / answers | read once | pandas | fairlearn")
    for design in DESIGNS:
        preds = draw(*design)
        size = preds.guess.nbytes
        ours = best_of(lambda p=preds: estimate(p, "arm 0"))
        memory = peak_memory(lambda p=preds: estimate(p, "arm 0")) / size
        read = best_of(lambda p=preds: p.guess.max())
        fair = fairlearn_seconds(preds) if design == DESIGNS[-1] else None
        cells = [
            " x ".join(f"{x:,}" for x in design), f"{preds.guess.size:,}", f"{ours:.3f} s", f"{memory:.2f}",
            f"{read:.4f} s", f"{pandas_seconds(preds):.3f} s",
            "not run" if fair is None else f"{fair:,.0f} s (1 run, 10 resamples; scaled to all runs, 1,000)",
        ]  # fmt: skip
        print(" | ".join(cells), flush=True)
    if importlib.util.find_spec("fairlearn") is None:
        print("fairlearn is not installed: pip install fairlearn, and run again")


if __name__ == "__main__":
    main()
