"""Is an adaptive study (`run --refine`) valid, and what does it save? Simulated truth; prints a table in Markdown.

    python benchmarks/refine.py                about ten minutes on one core
    python benchmarks/refine.py --sets 5       a look

A full grid of 8 doses x 10 paired seeds, 10 classes of 1,000 images, is drawn. The adaptive study sees what of it it
asks for; the uniform grid has all doses and as many seeds each as the adaptive study's runs buy. Everything is judged
as `audit`, `gate` and `doses` judge it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from barnspider.doses import dose_curves
from barnspider.effects import estimate
from barnspider.gate import Gate
from barnspider.predictions import Predictions
from barnspider.refine import Question, Round, first_round, next_round
from barnspider.simulate import Noise, simulate
from scenarios import FRESH

SEEDS, CLASSES, IMAGES, MARGIN = 10, 10, 1000, 0.03
DOSES = np.linspace(0, 1, 8)
PEAKS = np.linspace(0.15, 0.85, CLASSES)
FLAT = np.zeros((len(DOSES) - 1, CLASSES))
PEAKED = (0.3 * PEAKS**2 - 0.3 * (DOSES[:, None] - PEAKS) ** 2)[1:]
ONE = np.where(np.arange(CLASSES) == 0, -MARGIN, FLAT)
WEAK, STRONG, TOGETHER = Noise(), Noise(run=0.1, run_class=0.5), Noise(run=0.4, run_class=0.0)


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is true, and how runs scatter."""

    name: str
    effect: np.ndarray
    noise: Noise


SCENARIOS = (
    Scenario("nothing happens", FLAT, WEAK),
    Scenario("nothing happens, runs scatter strongly", FLAT, STRONG),
    Scenario("nothing happens, runs scatter in all classes alike", FLAT, TOGETHER),
    Scenario("one class loses the margin exactly, runs scatter strongly", ONE, STRONG),
    Scenario("all classes lose the margin exactly, runs scatter strongly", FLAT - MARGIN, STRONG),
    Scenario("classes peak in different places", PEAKED, WEAK),
    Scenario("classes peak in different places, runs scatter strongly", PEAKED, STRONG),
)


def follow(answers: Predictions, question: Question) -> tuple[Round, Predictions]:
    """Let an adaptive study ask for runs that are all there; return its last round, and the answers it asked for."""
    ladder = answers.arms
    step = first_round(ladder, ladder[0], SEEDS, question)
    seen = taken(answers, step.runs)
    while step.arms:
        seen = taken(answers, step.runs)
        step = next_round(step, seen, ladder, SEEDS, question)
    return step, seen


def taken(answers: Predictions, runs: Mapping[str, int]) -> Predictions:
    """Return the answers of each arm's first seeds."""
    rows = [r for r, (arm, seed) in enumerate(zip(answers.arm, answers.seed, strict=True)) if seed < runs.get(arm, 0)]
    return answers.where(runs=rows)


def verdicts(answers: Predictions) -> list[str]:
    """Return the gate's verdict on each arm by itself."""
    base, *arms = answers.arms
    return [Gate(MARGIN).check(estimate(answers, base, arms=[arm])).status for arm in arms]


def judged(answers: Predictions, scenario: Scenario) -> dict[str, float]:
    """Return how the intervals and claims of a study compare with the truth."""
    effects, truth = estimate(answers, answers.arms[0]), scenario.effect
    found = verdicts(answers)
    most = truth.min(axis=1)
    fit = dose_curves(answers).fit
    held = [(fit.peak_low <= PEAKS) & (fit.peak_high >= PEAKS)] if truth is PEAKED else []
    return {
        "runs": len(answers.arm),
        "covers": float(np.mean((effects.low <= truth) & (truth <= effects.high))),
        "any false": float(np.any((effects.harmed & (truth >= 0)) | (effects.helped & (truth <= 0)))),
        "false fail": float(np.mean([v == "fail" and m > -MARGIN - 1e-9 for v, m in zip(found, most, strict=True)])),
        "false pass": float(np.mean([v == "pass" and m < -MARGIN + 1e-9 for v, m in zip(found, most, strict=True)])),
        "decided": float(np.mean([v != "inconclusive" for v in found])),
        "peak error": float(np.sqrt(np.mean((fit.peak - PEAKS) ** 2))) if held else np.nan,
        "peak covers": float(np.mean(held)) if held else np.nan,
    }


def measure(scenario: Scenario, sets: int, first: int = FRESH) -> dict[str, list[dict[str, float]]]:
    """Return what each kind of study says in each data set."""
    out: dict[str, list[dict[str, float]]] = {"adaptive": [], "uniform, as many runs": [], "full grid": []}
    for seed in range(first, first + sets):
        full = simulate(
            classes=CLASSES, images=IMAGES, runs=SEEDS, accuracy=0.78, effect=scenario.effect, noise=scenario.noise,
            paired=True, doses=tuple(DOSES), seed=seed,
        ).predictions  # fmt: skip
        _, part = follow(full, Question(MARGIN, len(full.arm)))
        few = max(round(len(part.arm) / len(DOSES)), 2)
        parts = (part, taken(full, dict.fromkeys(full.arms, few)), full)
        whole = verdicts(full)
        for name, answers in zip(out, parts, strict=True):
            same = float(np.mean([a == b for a, b in zip(verdicts(answers), whole, strict=True)]))
            out[name].append(judged(answers, scenario) | {"same verdict": same})
    return out


COLUMNS: dict[str, Callable[[float], str]] = {
    "runs": "{:.1f}".format, "covers": "{:.3f}".format, "any false": "{:.3f}".format, "false fail": "{:.3f}".format,
    "false pass": "{:.3f}".format, "decided": "{:.2f}".format, "same verdict": "{:.3f}".format,
    "peak error": "{:.3f}".format, "peak covers": "{:.3f}".format,
}  # fmt: skip


def main() -> None:
    """Measure every scenario and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100, help="data sets of each scenario")
    sets = parser.parse_args().sets
    print("| scenario | study |", " | ".join(COLUMNS), "|")
    print("|---|---|" + "---|" * len(COLUMNS))
    for scenario in SCENARIOS:
        for study, rows in measure(scenario, sets).items():
            mean = {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS}
            cells = ["" if np.isnan(mean[name]) else show(mean[name]) for name, show in COLUMNS.items()]
            print(f"| {scenario.name} | {study} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
