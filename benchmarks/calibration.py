"""Is what barnspider says true? Simulated truth, the full grid: writes docs/calibration.md.

    python benchmarks/calibration.py                  about twenty minutes on one core, 1 GB
    python benchmarks/calibration.py --quick          the same tables from few repetitions, for a look

Every row is compared with a truth that is known exactly (barnspider.simulate). "Width" is the mean interval over the
oracle's: 1.96 standard deviations of the estimates themselves, which nobody can know from one experiment.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy import stats

from barnspider import doses
from barnspider.effects import estimate
from barnspider.inequality import inequality
from barnspider.predictions import Predictions
from barnspider.simulate import Noise, simulate
from barnspider.stats.dispersion import MEASURES

RUN_NOISE = {
    "none": Noise(run=0.0, run_class=0.0),
    "weak": Noise(run=0.05, run_class=0.2),
    "strong": Noise(run=0.1, run_class=0.5),
    "strong, all classes alike": Noise(run=0.4, run_class=0.0),
}
CLASSES = 20
EFFECT = np.where(np.arange(CLASSES) % 2, -0.05, 0.0)
BAND = (0.935, 0.965)
COMMON = {"none", "weak"}


@dataclass(frozen=True)
class Row:
    """One scenario: how often a nominal 95 % interval held, its Monte-Carlo error, and its width over the oracle's."""

    scenario: tuple[str, ...]
    reached: float
    error: float
    width: float
    naive: float


def coverage(n: int, runs: int, accuracy: float, noise: str, paired: bool, budget: int) -> list[Row]:
    """Run one cell of the grid through `estimate`, and through a t test over seeds alone.

    Half of the classes have no effect, half lose five points; each half is a row.
    """
    hit, half, off, naive = [], [], [], []
    sets = max(30, min(80, budget // (2 * n * runs * CLASSES)))
    for seed in range(sets):
        sim = simulate(
            classes=CLASSES, images=n, runs=runs, accuracy=accuracy, effect=EFFECT, noise=RUN_NOISE[noise],
            paired=paired, seed=seed,
        )  # fmt: skip
        e = estimate(sim.predictions, "baseline")
        hit.append((e.low[0] <= EFFECT) & (e.high[0] >= EFFECT))
        half.append((e.high[0] - e.low[0]) / 2)
        off.append(e.effect[0] - EFFECT)
        naive.append(seeds_alone(sim.predictions, runs, paired))
    name = (str(n), str(runs), f"{accuracy:g}", noise, "yes" if paired else "no")
    parts = ((f"{100 * effect:+g}", effect == EFFECT) for effect in (0.0, -0.05))
    return [row((*name, text), *(np.array(x)[:, these] for x in (hit, half, off, naive))) for text, these in parts]


def row(name: tuple[str, ...], hit: np.ndarray, half: np.ndarray, off: np.ndarray, naive: np.ndarray) -> Row:
    """Summarize [data sets, classes]: classes of one data set share runs, so the error is that of data sets."""
    error = float(np.std(hit.mean(axis=1), ddof=1) / np.sqrt(len(hit)))
    oracle = 1.96 * float(np.sqrt(np.mean(np.square(off))))
    return Row(name, float(hit.mean()), max(error, 0.002), float(half.mean()) / max(oracle, 1e-9), float(naive.mean()))


def seeds_alone(preds: Predictions, runs: int, paired: bool) -> np.ndarray:
    """Return whether the interval of a t test over seeds, images ignored, covers the true effect."""
    right = preds.correct().reshape(2, runs, CLASSES, -1).mean(axis=3)
    if paired:
        d = right[1] - right[0]
        mean, se, df = d.mean(0), d.std(0, ddof=1) / np.sqrt(runs), runs - 1
    else:
        mean, se, df = right[1].mean(0) - right[0].mean(0), np.sqrt(right.var(1, ddof=1).sum(0) / runs), 2 * (runs - 1)
    return np.abs(mean - EFFECT) <= stats.t.ppf(0.975, df) * se


def coverage_rows(budget: int) -> Iterator[Row]:
    """Go through the grid."""
    for n, runs, accuracy, noise, paired in product(
        (10, 50, 100, 1000), (2, 3, 5, 10, 20), (0.3, 0.6, 0.9, 0.97), RUN_NOISE, (False, True)
    ):
        yield from coverage(n, runs, accuracy, noise, paired, budget)


@dataclass(frozen=True)
class Share:
    """A share or a mean that should be `nominal`."""

    what: str
    nominal: str
    reached: float
    error: float


def mean_and_error(what: str, nominal: str, values: list[float]) -> Share:
    x = np.array(values, dtype=float)
    return Share(what, nominal, float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))))


def alike(sets: int) -> list[Share]:
    """A/A: two arms of the same recipe."""
    out = []
    designs = ((10, 100, 5, False), (10, 100, 5, True), (100, 50, 3, True), (100, 50, 10, False), (100, 10, 5, False))
    for classes, n, runs, paired in designs:
        found, alarm, worst = [], [], []
        for seed in range(sets):
            accuracy = np.linspace(0.5, 0.97, classes)
            sim = simulate(classes=classes, images=n, runs=runs, accuracy=accuracy, paired=paired, seed=seed)
            e = estimate(sim.predictions, "baseline")
            found.append(float((e.harmed | e.helped).any()))
            alarm.append(float(e.tau_p[0] < 0.05))
            worst.append(float(e.effect[0].min()))
        design = f"{classes} classes x {n} images x {runs} runs, {'paired' if paired else 'unpaired'}"
        out.append(mean_and_error(f"any class with q < 0.05: {design}", "at most 0.05", found))
        out.append(mean_and_error(f"global test p < 0.05: {design}", "0.05", alarm))
        out.append(mean_and_error(f"naive: mean effect of the worst class, true 0: {design}", "0", worst))
    return out


def dependence(sets: int) -> list[Share]:
    """Tau and the probability of harm."""
    out: list[Share] = []
    for classes, n, runs, tau in ((10, 300, 5, 0.05), (100, 50, 5, 0.05), (100, 50, 3, 0.02), (100, 10, 10, 0.05)):
        square, covered, prob, harmed = [], [], [], []
        for seed in range(sets):
            rng = np.random.default_rng(seed)
            effect = np.clip(0.005 + tau * rng.standard_normal(classes), -0.4, 0.08)
            accuracy = np.linspace(0.55, 0.9, classes)
            sim = simulate(
                classes=classes, images=n, runs=runs, accuracy=accuracy, effect=effect, paired=True, seed=seed
            )
            e, true = estimate(sim.predictions, "baseline"), float(np.std(effect, ddof=1))
            square.append(float(e.tau[0] ** 2 - true**2) / true**2)
            covered.append(float(e.tau_low[0] <= true <= e.tau_high[0]))
            prob.append(e.prob_harm[0])
            harmed.append(effect < 0)
        design = f"tau {100 * tau:g} points, {classes} classes x {n} images x {runs} paired runs"
        out.append(mean_and_error(f"relative error of tau squared: {design}", "0", square))
        out.append(mean_and_error(f"tau's interval covers: {design}", "0.95", covered))
        p, h = np.concatenate(prob), np.concatenate(harmed)
        for low, high in ((0.0, 0.1), (0.4, 0.6), (0.7, 0.9), (0.9, 1.0)):
            here = (p >= low) & (p <= high)
            if here.sum() > 30:
                what = f"truly harmed, of classes given {100 * low:.0f} to {100 * high:.0f} %: {design}"
                out.append(mean_and_error(what, f"{p[here].mean():.3f}", h[here].tolist()))
    return out


def tolls(sets: int) -> list[Share]:
    """Toll: cross-fitted and naive, with and without a true one."""
    out: list[Share] = []
    arms = np.linspace(0, 1, 6)[1:, None]
    peak = np.linspace(0.0, 1.0, 10)[None]
    curved = -0.15 * (arms - peak) ** 2 + 0.15 * peak**2
    for name, effect in (("none", np.zeros((5, 10))), ("real", curved)):
        fitted, naive, covered = [], [], []
        for seed in range(sets):
            sim = simulate(classes=10, images=200, runs=6, effect=effect, accuracy=0.75, paired=True, seed=seed)
            t = doses.tolls(sim.predictions)
            true = sim.accuracy.max(axis=0) - sim.accuracy[t.arms.index(t.average)]
            fitted.append(float(np.mean(t.toll - true)))
            naive.append(float(np.mean(t.naive - true)))
            covered.append(float(np.mean((t.low <= true) & (true <= t.high))))
        out.append(mean_and_error(f"toll, {name}: cross-fitted minus true", "0 or a little less", fitted))
        out.append(mean_and_error(f"toll, {name}: naive (max over doses) minus true", "0", naive))
        out.append(mean_and_error(f"toll, {name}: interval covers", "0.95", covered))
    return out


def best_and_peaks(sets: int) -> list[Share]:
    """Does the set of contenders hold the best dose? Do curves find peaks?"""
    ladder = np.linspace(0, 1, 8)
    peak = np.linspace(0.15, 0.85, 10)
    effect = (-0.25 * (ladder[:, None] - peak) ** 2 + 0.25 * peak**2)[1:]
    out: list[Share] = []
    held, curve, few, many, covers = [], [], [], [], []
    for seed in range(sets):
        sim = simulate(
            classes=10, images=500, runs=10, effect=effect, accuracy=0.7, paired=True, seed=seed, doses=tuple(ladder)
        )
        p = sim.predictions
        three = p.where(runs=[r for r in range(len(p.arm)) if p.seed[r] < 3])
        found = doses.dose_curves(three).fit
        small, large = (by_arm(x) for x in (three, p))
        curve.append(float(np.mean((found.peak - peak) ** 2)))
        covers.append(float(np.mean((found.peak_low <= peak) & (peak <= found.peak_high))))
        few.append(float(np.mean((ladder[small.argmax(0)] - peak) ** 2)))
        many.append(float(np.mean((ladder[large.argmax(0)] - peak) ** 2)))
        best = doses.best_doses(three)
        held.append(float(best.arms[int(sim.accuracy.mean(axis=1).argmax())] in best.contenders))
    for what, values in (
        ("8 doses x 3 runs, curve", curve),
        ("8 doses x 3 runs, argmax", few),
        ("8 doses x 10 runs, argmax", many),
    ):
        out.append(mean_and_error(f"peak: mean squared error of the dose, {what}", "small", values))
    out.append(mean_and_error("peak: interval covers, 8 doses x 3 runs", "0.95", covers))
    out.append(mean_and_error("the truly best dose is among the contenders, 8 doses x 3 runs", "at least 0.95", held))
    return out


def by_arm(preds: Predictions) -> np.ndarray:
    """Return the accuracy of each arm and class, for ten classes of 500 images."""
    return np.array([preds.where(arms=[a]).correct().reshape(-1, 10, 500).mean((0, 2)) for a in preds.arms])


def unequal(sets: int) -> list[Share]:
    """Dispersion measures cover; the naive ones are biased."""
    true = np.clip(0.75 + 0.1 * np.random.default_rng(0).standard_normal(40), 0.4, 0.97)
    covered: dict[str, list[float]] = {}
    naive: dict[str, list[float]] = {}
    for seed in range(sets):
        sim = simulate(classes=40, images=50, runs=5, accuracy=true, seed=seed)
        for name, m in inequality(sim.predictions, "baseline").measures[0].items():
            truth = float(MEASURES[name](true))
            covered.setdefault(name, []).append(float(m.low <= truth <= m.high))
            naive.setdefault(name, []).append(m.naive - truth)
    out = [mean_and_error(f"{name}: interval covers", "0.95", x) for name, x in covered.items()]
    return out + [mean_and_error(f"naive {name} minus true", "0", x) for name, x in naive.items()]


def timed(what: str, f: Callable[[], list[Share]]) -> list[Share]:
    start = time.perf_counter()
    out = f()
    print(f"{what}: {time.perf_counter() - start:.0f} s", flush=True)
    return out


HEAD = ("images", "runs", "accuracy", "run effects", "paired", "effect", "reached", "error", "width", "seeds alone")


def cell_table(rows: list[Row]) -> list[str]:
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for r in rows:
        low, high = BAND[0] - 2 * r.error, BAND[1] + 2 * r.error
        mark = " **below**" if r.reached < low else " above" if r.reached > high else ""
        cells = [*r.scenario, f"{r.reached:.3f}{mark}", f"{r.error:.3f}", f"{r.width:.2f}", f"{r.naive:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def share_table(rows: list[Share]) -> list[str]:
    lines = ["| quantity | nominal | reached | MC error |", "|---|---|---|---|"]
    return lines + [f"| {r.what} | {r.nominal} | {r.reached:.4f} | {r.error:.4f} |" for r in rows]


def summary(rows: list[Row]) -> list[str]:
    low = [r for r in rows if r.reached < BAND[0] - 2 * r.error]
    high = [r for r in rows if r.reached > BAND[1] + 2 * r.error]
    common = [r.width for r in rows if int(r.scenario[0]) >= 50 and int(r.scenario[1]) >= 5 and r.scenario[3] in COMMON]
    reached, naive = np.array([r.reached for r in rows]), np.array([r.naive for r in rows])
    return [
        f"- {len(rows)} scenarios; mean coverage {reached.mean():.3f}; lowest {reached.min():.3f}.",
        f"- Below {BAND[0]} by more than two Monte-Carlo errors: {len(low)}. Above {BAND[1]}: {len(high)}.",
        f"- Common designs (50 images or more, 5 runs or more, weak or no run effects): width {np.mean(common):.2f} of"
        f" the oracle's on average, {np.max(common):.2f} at most.",
        f"- A t test over seeds alone, same data: mean coverage {naive.mean():.3f}, lowest {naive.min():.3f}.",
    ]


ABOUT = """\
Written by `python benchmarks/calibration.py` in {minutes:.0f} minutes. Do not edit: run it again. Every row compares
with a truth that is known exactly. Scenarios of `barnspider.simulate`: image difficulty with standard deviation 2 on
the logit scale, images' own response to an arm 0.5; run effects none, weak (0.05 for all classes alike, 0.2 for each
class), strong (0.1 and 0.5), or strong and alike for all classes (0.4 and 0); twenty classes, of which half have no
effect and half lose five points; seeds paired with correlation 0.7.

Nominal is 95 % everywhere. **below** and "above" mark rows outside 93.5 to 96.5 % by more than two Monte-Carlo errors.
"Width" is the mean interval over the oracle's (1.96 standard deviations of the estimates). "Seeds alone" is the usual
practice: a t test over the runs' accuracies, as if the test images were all images there are.
"""


def plot(rows: list[Row], path: Path) -> None:
    """Draw every scenario's coverage, ours and of seeds alone, against the number of images."""
    import altair as alt
    import polars as pl

    table = pl.DataFrame(
        {
            "images": [r.scenario[0] for r in rows] * 2,
            "coverage": [r.reached for r in rows] + [r.naive for r in rows],
            "method": ["barnspider"] * len(rows) + ["t test over seeds alone"] * len(rows),
        }
    )
    points = (
        alt.Chart(table)
        .mark_tick(thickness=1, opacity=0.4)
        .encode(
            x=alt.X("coverage:Q", scale=alt.Scale(domain=[0.5, 1.0]), title="coverage of nominal 95 % intervals"),
            y=alt.Y("images:N", sort=["10", "50", "100", "1000"], title="images of a class"),
            row=alt.Row("method:N", title=None),
        )
    )
    points.properties(width=520, height=110).save(str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sets", type=int, default=200, help="data sets for each row of the smaller tables")
    parser.add_argument("--out", type=Path, default=Path("docs/calibration.md"))
    args = parser.parse_args()
    sets, budget = (12, 1) if args.quick else (args.sets, 2_000_000)
    start = time.perf_counter()
    sections = {
        "Two arms of the same recipe (A/A)": timed("A/A", lambda: alike(sets)),
        "Class dependence and the probability of harm": timed("tau", lambda: dependence(sets)),
        "Toll": timed("toll", lambda: tolls(sets)),
        "Best doses and curves": timed("peaks", lambda: best_and_peaks(sets // 2)),
        "Inequality": timed("inequality", lambda: unequal(sets)),
    }
    rows = list(coverage_rows(budget))
    about = ABOUT.format(minutes=(time.perf_counter() - start) / 60)
    lines = ["# Calibration: is what barnspider says true?", "", about]
    picture = args.out.with_suffix(".svg")
    plot(rows, picture)
    lines += ["## Summary of the grid", "", *summary(rows), ""]
    lines += [f"![Coverage of every scenario]({picture.name})", ""]
    lines += ["### Narrowest coverage", "", *cell_table(sorted(rows, key=lambda r: r.reached)[:20]), ""]
    lines += ["### Widest intervals", "", *cell_table(sorted(rows, key=lambda r: -r.width)[:20]), ""]
    for title, shares in sections.items():
        lines += [f"## {title}", "", *share_table(shares), ""]
    lines += ["## Every scenario", "", *cell_table(rows), ""]
    args.out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
