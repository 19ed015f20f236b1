"""Is an adaptive study (`run --refine`) valid, and what does it save? Simulated truth; prints a table in Markdown.

    python benchmarks/refine.py                about ten minutes on one core
    python benchmarks/refine.py --sets 5       a look
    python benchmarks/refine.py --doses 31 --sets 10 --only "classes peak"       a fine grid of 310 runs

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
from barnspider.refine import Question, Round, first_round, next_round, rounds
from barnspider.simulate import Noise, simulate
from scenarios import FRESH

SEEDS, CLASSES, IMAGES, MARGIN = 10, 10, 1000, 0.03
PEAKS = np.linspace(0.15, 0.85, CLASSES)
WEAK, STRONG, TOGETHER = Noise(), Noise(run=0.1, run_class=0.5), Noise(run=0.4, run_class=0.0)


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is true at which doses, and how runs scatter."""

    name: str
    doses: np.ndarray
    effect: np.ndarray
    noise: Noise
    peaked: bool = False


def scenarios(count: int) -> list[Scenario]:
    """Return all scenarios, for so many doses."""
    doses = np.linspace(0, 1, count)
    flat = np.zeros((count - 1, CLASSES))
    one = np.where(np.arange(CLASSES) == 0, -MARGIN, flat)
    peaked = (0.3 * PEAKS**2 - 0.3 * (doses[:, None] - PEAKS) ** 2)[1:]
    return [
        Scenario("nothing happens", doses, flat, WEAK),
        Scenario("nothing happens, runs scatter strongly", doses, flat, STRONG),
        Scenario("nothing happens, runs scatter in all classes alike", doses, flat, TOGETHER),
        Scenario("one class loses the margin exactly, runs scatter strongly", doses, one, STRONG),
        Scenario("all classes lose the margin exactly, runs scatter strongly", doses, flat - MARGIN, STRONG),
        Scenario("classes peak in different places", doses, peaked, WEAK, peaked=True),
        Scenario("classes peak in different places, runs scatter strongly", doses, peaked, STRONG, peaked=True),
    ]


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


def verdicts(answers: Predictions) -> dict[str, str]:
    """Return the gate's verdict on each arm by itself."""
    base, *arms = answers.arms
    return {arm: Gate(MARGIN).check(estimate(answers, base, arms=[arm])).status for arm in arms}


def judged(answers: Predictions, scenario: Scenario) -> dict[str, float]:
    """Return how the intervals and claims of a study compare with the truth."""
    effects, found = estimate(answers, answers.arms[0]), verdicts(answers)
    truth = scenario.effect[[int(arm.removeprefix("arm ")) - 1 for arm in effects.arms]]
    most = truth.min(axis=1)
    fit = dose_curves(answers).fit
    held = [(fit.peak_low <= PEAKS) & (fit.peak_high >= PEAKS)] if scenario.peaked else []
    return {
        "runs": len(answers.arm),
        "covers": float(np.mean((effects.low <= truth) & (truth <= effects.high))),
        "any false": float(np.any((effects.harmed & (truth >= 0)) | (effects.helped & (truth <= 0)))),
        "false fail": float(
            np.mean([v == "fail" and m > -MARGIN - 1e-9 for v, m in zip(found.values(), most, strict=True)])
        ),
        "false pass": float(
            np.mean([v == "pass" and m < -MARGIN + 1e-9 for v, m in zip(found.values(), most, strict=True)])
        ),
        "decided": float(np.mean([v != "inconclusive" for v in found.values()])),
        "peak error": float(np.sqrt(np.mean((fit.peak - PEAKS) ** 2))) if held else np.nan,
        "peak covers": float(np.mean(held)) if held else np.nan,
    }


def measure(scenario: Scenario, sets: int, first: int = FRESH) -> dict[str, list[dict[str, float]]]:
    """Return what each kind of study says in each data set."""
    out: dict[str, list[dict[str, float]]] = {"adaptive": [], "uniform, as many runs": [], "full grid": []}
    for seed in range(first, first + sets):
        full = simulate(
            classes=CLASSES, images=IMAGES, runs=SEEDS, accuracy=0.78, effect=scenario.effect, noise=scenario.noise,
            paired=True, doses=tuple(scenario.doses), seed=seed,
        ).predictions  # fmt: skip
        _, part = follow(full, Question(MARGIN, len(full.arm)))
        few = max(round(len(part.arm) / len(scenario.doses)), 2)
        parts = (part, taken(full, dict.fromkeys(full.arms, few)), full)
        whole = verdicts(full)
        for name, answers in zip(out, parts, strict=True):
            same = float(np.mean([v == whole[arm] for arm, v in verdicts(answers).items()]))
            out[name].append(judged(answers, scenario) | {"same verdict": same, "doses": len(answers.arms)})
    return out


COLUMNS: dict[str, Callable[[float], str]] = {
    "doses": "{:.1f}".format, "runs": "{:.1f}".format,
    "covers": "{:.3f}".format, "any false": "{:.3f}".format, "false fail": "{:.3f}".format,
    "false pass": "{:.3f}".format, "decided": "{:.2f}".format, "same verdict": "{:.3f}".format,
    "peak error": "{:.3f}".format, "peak covers": "{:.3f}".format,
}  # fmt: skip


def main() -> None:
    """Measure every scenario and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100, help="data sets of each scenario")
    parser.add_argument("--doses", type=int, default=8, help="doses of the full grid")
    parser.add_argument("--start", type=int, default=rounds.START, help="seeds of the first round")
    parser.add_argument("--only", default="", help="scenarios whose name starts so")
    asked = parser.parse_args()
    rounds.START = asked.start
    print("| scenario | study |", " | ".join(COLUMNS), "|")
    print("|---|---|" + "---|" * len(COLUMNS))
    for scenario in (s for s in scenarios(asked.doses) if s.name.startswith(asked.only)):
        for study, rows in measure(scenario, asked.sets).items():
            mean = {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS}
            cells = ["" if np.isnan(mean[name]) else show(mean[name]) for name, show in COLUMNS.items()]
            print(f"| {scenario.name} | {study} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
