"""An adaptive study chooses where to look by what it has seen, and yet its intervals and verdicts hold."""

import numpy as np
import pytest

from barnspider.effects import estimate
from barnspider.gate import Gate
from barnspider.refine import Question, first_round, next_round
from barnspider.simulate import Noise, simulate

SETS, CLASSES, SEEDS, DOSES, MARGIN = 40, 6, 8, (0.0, 0.3, 0.6, 0.9), 0.05
STRONG = Noise(run=0.1, run_class=0.5)
ONE = np.where(np.arange(CLASSES) == 0, -MARGIN, np.zeros((3, CLASSES)))


def taken(answers, runs):
    rows = [r for r, (a, s) in enumerate(zip(answers.arm, answers.seed, strict=True)) if s < runs.get(a, 0)]
    return answers.where(runs=rows)


def follow(answers, question):
    step = first_round(answers.arms, answers.arms[0], SEEDS, question)
    seen = taken(answers, step.runs)
    while step.arms:
        seen = taken(answers, step.runs)
        step = next_round(step, seen, answers.arms, SEEDS, question)
    return step, seen


def verdicts(answers):
    base, *arms = answers.arms
    return np.array([Gate(MARGIN).check(estimate(answers, base, arms=[arm])).status for arm in arms])


def studies(effect, noise):
    """Draw full grids, and what an adaptive study takes of each."""
    for seed in range(SETS):
        full = simulate(
            classes=CLASSES, images=500, runs=SEEDS, accuracy=0.8, effect=effect, noise=noise, paired=True,
            doses=DOSES, seed=seed,
        ).predictions  # fmt: skip
        yield full, follow(full, Question(MARGIN, len(full.arm)))[1]


@pytest.mark.parametrize(
    ("effect", "noise"),
    [(0 * ONE, Noise()), (0 * ONE, STRONG), (ONE, STRONG)],
    ids=["nothing happens", "nothing happens, strong run noise", "one class loses the margin exactly"],
)
def test_intervals_cover_and_no_verdict_is_wrong_too_often(effect, noise):
    held, false, runs = [], [], []
    for full, part in studies(effect, noise):
        e = estimate(part, full.arms[0])
        held.append(((e.low <= effect) & (effect <= e.high)).mean())
        wrong = "fail" if effect.min() > -MARGIN else ("pass", "fail")
        false.append(np.isin(verdicts(part), wrong).mean())
        runs.append(len(part.arm) / len(full.arm))
    error = np.std(held, ddof=1) / np.sqrt(SETS)
    assert np.mean(held) > 0.95 - 0.015 - 3 * error
    assert np.mean(false) < 0.05 + 3 * np.sqrt(0.05 / SETS / 3)
    assert np.mean(runs) < 1


def test_it_decides_as_the_full_grid_does_with_fewer_runs():
    peaks = np.linspace(0.1, 0.8, CLASSES)
    effect = (0.4 * peaks**2 - 0.4 * (np.array(DOSES)[1:, None] - peaks) ** 2) * 0.5
    same, runs = [], []
    for full, part in studies(effect, Noise()):
        same.append((verdicts(part) == verdicts(full)).mean())
        runs.append(len(part.arm) / len(full.arm))
    assert np.mean(same) > 0.93
    assert np.mean(runs) < 0.85
