"""Scenarios of the calibration grid: two worlds whose truth is known, and how often nominal 95 % intervals hold there.

The logistic world is `barnspider.simulate`. The other shares nothing with it but the design: difficulties are
Kumaraswamy (1980; many images that are always right or always wrong), some images are drawn anew for the arm, run
effects have heavy tails and act on the probability itself, and paired answers are the same coin or independent coins.
Constants of the library were chosen in the first world, on other seeds than these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from barnspider.effects import estimate
from barnspider.predictions import Predictions
from barnspider.simulate import Noise, simulate

CLASSES = 20
EFFECT = np.where(np.arange(CLASSES) % 2, -0.05, 0.0)
RUN_NOISE = {
    "none": Noise(run=0.0, run_class=0.0),
    "weak": Noise(run=0.05, run_class=0.2),
    "strong": Noise(run=0.1, run_class=0.5),
    "strong, all classes alike": Noise(run=0.4, run_class=0.0),
}
WORLDS = ("logistic", "other")
FRESH = 1_000_000
"""The first seed: no constant was chosen on a seed from here on."""


@dataclass(frozen=True)
class Cell:
    """One scenario of the grid."""

    world: str
    images: int
    runs: int
    accuracy: float
    noise: str
    paired: bool

    @property
    def cost(self) -> int:
        """Answers in one data set."""
        return 2 * self.images * self.runs * CLASSES

    def draw(self, seed: int) -> Predictions:
        """Draw one data set."""
        if self.world == "other":
            return other_world(self, seed)
        return simulate(
            classes=CLASSES, images=self.images, runs=self.runs, accuracy=self.accuracy, effect=EFFECT,
            noise=RUN_NOISE[self.noise], paired=self.paired, seed=seed,
        ).predictions  # fmt: skip


@dataclass(frozen=True)
class Row:
    """How often a nominal 95 % interval held, its Monte-Carlo error, and its width over the oracle's."""

    cell: Cell
    effect: float
    reached: float
    error: float
    width: float
    naive: float


def measure(cell: Cell, sets: int, first: int = FRESH) -> list[Row]:
    """Run one cell through `estimate`, and through a t test over seeds alone.

    Half of the classes have no effect, half lose five points; each half is a row.
    """
    hit, half, off, naive = [], [], [], []
    for seed in range(first, first + sets):
        preds = cell.draw(seed)
        e = estimate(preds, "baseline")
        hit.append((e.low[0] <= EFFECT) & (e.high[0] >= EFFECT))
        half.append((e.high[0] - e.low[0]) / 2)
        off.append(e.effect[0] - EFFECT)
        naive.append(seeds_alone(preds, cell.runs, cell.paired))
    parts = [(effect, effect == EFFECT) for effect in (0.0, -0.05)]
    return [_row(cell, effect, *(np.array(x)[:, these] for x in (hit, half, off, naive))) for effect, these in parts]


def _row(cell: Cell, effect: float, hit: np.ndarray, half: np.ndarray, off: np.ndarray, naive: np.ndarray) -> Row:
    """Summarize [data sets, classes]: classes of one data set share runs, so the error is that of data sets."""
    error = float(np.std(hit.mean(axis=1), ddof=1) / np.sqrt(len(hit)))
    oracle = 1.96 * float(np.sqrt(np.mean(np.square(off))))
    width = float(half.mean()) / max(oracle, 1e-9)
    return Row(cell, effect, float(hit.mean()), max(error, 0.002), width, float(naive.mean()))


def seeds_alone(preds: Predictions, runs: int, paired: bool) -> np.ndarray:
    """Return whether the interval of a t test over seeds, images ignored, covers the true effect."""
    right = preds.correct().reshape(2, runs, CLASSES, -1).mean(axis=3)
    if paired:
        d = right[1] - right[0]
        mean, se, df = d.mean(0), d.std(0, ddof=1) / np.sqrt(runs), runs - 1
    else:
        mean, se, df = right[1].mean(0) - right[0].mean(0), np.sqrt(right.var(1, ddof=1).sum(0) / runs), 2 * (runs - 1)
    return np.abs(mean - EFFECT) <= stats.t.ppf(0.975, df) * se


def other_world(cell: Cell, seed: int) -> Predictions:
    """Draw answers whose true accuracies are exact, by another mechanism than `simulate`."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(CLASSES), cell.images)
    rank = rng.random(len(label))
    anew = rng.random(len(label)) < 0.1
    arms = (rank, np.where(anew, rng.random(len(label)), rank))
    shared = _Shocks(rng, cell)
    guess = {}
    for arm, place in enumerate(arms):
        chance = difficulty(place, np.full(CLASSES, cell.accuracy) + arm * EFFECT, label)
        shock, coin = shared.of_arm(rng, cell)
        right = coin < chance + shock[:, label] * chance * (1 - chance)
        guess[("baseline", "arm 1")[arm]] = np.where(right, label, (label + 1) % CLASSES)
    return Predictions.from_arrays(label, guess, classes=[f"class {c}" for c in range(CLASSES)], paired=cell.paired)


def difficulty(place: np.ndarray, mean: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return quantiles of a Kumaraswamy distribution with a = 1/2 and this mean, 2 / ((b + 1) (b + 2))."""
    b = ((np.sqrt(1 + 8 / mean) - 3) / 2)[label]
    return (1 - (1 - place) ** (1 / b)) ** 2


class _Shocks:
    """Symmetric, heavy-tailed run effects and coins, shared between arms where runs are paired."""

    def __init__(self, rng: np.random.Generator, cell: Cell) -> None:
        self.shock = self._shock(rng, cell)
        self.coin = rng.random((cell.runs, CLASSES * cell.images))

    @staticmethod
    def _shock(rng: np.random.Generator, cell: Cell) -> np.ndarray:
        noise = RUN_NOISE[cell.noise]
        alike, own = (rng.standard_t(4, (cell.runs, k)) / np.sqrt(2) for k in (1, CLASSES))
        return noise.run * alike + np.asarray(noise.run_class) * own

    def of_arm(self, rng: np.random.Generator, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
        """Return Float[J, C] of shocks, at most 1 in size, and Float[J, N] of coins."""
        shock, coin = self._shock(rng, cell), rng.random(self.coin.shape)
        if cell.paired:
            shock = np.sqrt(0.7) * self.shock + np.sqrt(0.3) * shock
            coin = np.where(rng.random(coin.shape) < 0.5, self.coin, coin)
        return np.clip(shock, -1, 1), coin
