"""Everything but single intervals, against its truth: many tests at once, tau, tolls, doses, inequality, power."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from barnspider import doses
from barnspider.effects import estimate
from barnspider.gate import Gate
from barnspider.inequality import inequality
from barnspider.power import class_power
from barnspider.predictions import Predictions
from barnspider.simulate import Noise, Simulated, simulate
from barnspider.stats.dispersion import MEASURES
from scenarios import FRESH

WEAK, STRONG = Noise(run=0.05, run_class=0.2), Noise(run=0.1, run_class=0.5)


@dataclass(frozen=True)
class Share:
    """A share or a mean that should be `nominal`."""

    what: str
    nominal: str
    reached: float
    error: float


EXACT = 1e-12
"""Rounding: a Gini coefficient of 0 comes out as -2e-17."""

Section = Callable[[int], list[Share]]


def mean_and_error(what: str, nominal: str, values: list[float]) -> Share:
    """Return the mean of independent values and its Monte-Carlo error."""
    x = np.array(values, dtype=float)
    return Share(what, nominal, float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))))


def draws(sets: int, **design: object) -> Iterator[Simulated]:
    """Draw data sets of one design, one seed after another."""
    for seed in range(FRESH, FRESH + sets):
        yield simulate(**design, seed=seed)  # pyright: ignore[reportArgumentType]


def alike(sets: int) -> list[Share]:
    """A/A: two arms of the same recipe."""
    out = []
    designs = ((10, 100, 5, False), (10, 100, 5, True), (100, 50, 3, True), (100, 50, 10, False), (100, 10, 5, False))
    for classes, n, runs, paired in designs:
        found, strict, bands, alarm, worst = [], [], [], [], []
        accuracy = np.linspace(0.5, 0.97, classes)
        for sim in draws(sets, classes=classes, images=n, runs=runs, accuracy=accuracy, paired=paired):
            e = estimate(sim.predictions, "baseline")
            low, high = e.bands()
            found.append(float((e.harmed | e.helped).any()))
            strict.append(float((e.holm() < 0.05).any()))
            bands.append(float(((low <= 0) & (high >= 0)).all()))
            alarm.append(float(e.tau_p[0] < 0.05))
            worst.append(float(e.effect[0].min()))
        design = f"{classes} classes x {n} images x {runs} runs, {'paired' if paired else 'unpaired'}"
        out.append(mean_and_error(f"any class with q < 0.05: {design}", "at most 0.05", found))
        out.append(mean_and_error(f"any class with Holm's p < 0.05: {design}", "at most 0.05", strict))
        out.append(mean_and_error(f"all bands hold at once: {design}", "at least 0.95", bands))
        out.append(mean_and_error(f"global test p < 0.05: {design}", "0.05", alarm))
        out.append(mean_and_error(f"naive: mean effect of the worst class, true 0: {design}", "0", worst))
    return out


def families(sets: int) -> list[Share]:
    """False discoveries among true ones; relative effects; the whole; unchanged; the gate's two errors."""
    out: list[Share] = []
    truth = np.where(np.arange(50) < 15, -0.12, 0.0)
    wrong, relative, whole, alone = [], [], [], []
    for sim in draws(sets, classes=50, images=100, runs=4, accuracy=0.75, effect=truth, paired=True):
        e = estimate(sim.predictions, "baseline")
        claimed = (e.harmed | e.helped)[0]
        wrong.append(float((claimed & (truth == 0)).sum() / max(claimed.sum(), 1)))
        own = truth - truth.mean()
        relative.append(float(((e.relative_low[0] <= own) & (own <= e.relative_high[0])).mean()))
        whole.append(float(e.overall_low[0] <= truth.mean() <= e.overall_high[0]))
        alone.append(float(((e.p[0] < 0.05) & (truth == 0)).sum() / max((e.p[0] < 0.05).sum(), 1)))
    out.append(mean_and_error("share of false ones among harmed and helped, 35 of 50 classes alike", "0.035", wrong))
    out.append(mean_and_error("naive: the same with p < 0.05", "0.035", alone))
    out.append(mean_and_error("relative effect's interval covers", "0.95", relative))
    out.append(mean_and_error("interval of the change over all images covers", "0.95", whole))
    return out + _margins(sets)


def _margins(sets: int) -> list[Share]:
    """What is claimed at a margin that is exactly reached."""
    unchanged, failed, passed = [], [], []
    one = np.where(np.arange(10) == 0, -0.04, 0.0)
    design = {"classes": 10, "images": 500, "runs": 6, "accuracy": 0.8, "paired": True}
    gate = Gate(max_drop=0.04)
    for sim in draws(sets, effect=-0.04, **design):
        e = estimate(sim.predictions, "baseline")
        unchanged.append(float(e.unchanged(0.04).any()))
        failed.append(float(gate.check(e).status == "fail"))
    for sim in draws(sets, effect=one, **design):
        verdict = gate.check(estimate(sim.predictions, "baseline"))
        passed.append(float(verdict.status == "pass"))
    return [
        mean_and_error("any class called unchanged within 4 points that lost 4", "at most 0.05", unchanged),
        mean_and_error("gate fails where every class lost the margin exactly", "at most 0.05", failed),
        mean_and_error("gate passes where one class lost the margin exactly", "at most 0.05", passed),
    ]


def uneven(sets: int) -> list[Share]:
    """Runs that scatter far more in some classes than in the others (standard deviation four times as large)."""
    out: list[Share] = []
    for n, runs, noisy in ((100, 3, 1), (100, 5, 1), (1000, 2, 1), (1000, 3, 1), (1000, 5, 1), (1000, 5, 5)):
        noise = Noise(run=0.05, run_class=(*[0.5] * noisy, *[0.125] * (20 - noisy)))
        few = max(sets // (1 + n // 500), 30)
        hit = []
        for sim in draws(few, classes=20, images=n, runs=runs, accuracy=0.8, noise=noise, paired=True):
            e = estimate(sim.predictions, "baseline")
            hit.append((e.low[0] <= 0) & (e.high[0] >= 0))
        design = f"{noisy} of 20 classes noisy, {n} images x {runs} paired runs"
        held = np.array(hit, dtype=float)
        for who, these in (("noisy", slice(0, noisy)), ("quiet", slice(noisy, None))):
            rows = held[:, these].mean(axis=1).tolist()
            out.append(mean_and_error(f"interval covers, {who} classes: {design}", "0.95", rows))
    return out


def whole_changes(sets: int) -> list[Share]:
    """Runs that all answer alike, and an arm that breaks some images for good: two models that hardly differ."""
    out: list[Share] = []
    for classes, n, runs, drop in ((1, 30, 2, 0.03), (10, 30, 2, 0.05), (10, 100, 3, 0.05), (10, 30, 1, 0.05)):
        held, slipped = [], []
        for seed in range(FRESH, FRESH + sets):
            e = estimate(_breaking(classes, n, runs, drop, seed), "a")
            known = e.known[0]
            held.append(float(((e.low[0] <= -drop) & (-drop <= e.high[0]))[known].mean()))
            slipped.append(float(Gate(max_drop=0.02).check(e).status == "pass"))
        design = f"{classes} x {n} images x {runs} runs, {100 * drop:g} points lost"
        out.append(mean_and_error(f"interval covers: {design}", "0.95", held))
        out.append(mean_and_error(f"gate passes at 2 points: {design}", "at most 0.05", slipped))
    return out


def _breaking(classes: int, n: int, runs: int, drop: float, seed: int) -> Predictions:
    """Draw a model that is right on four images of five, and one that has lost some of these."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(classes), n)
    right = rng.random(len(label)) < 0.8
    kept = right & (rng.random(len(label)) >= drop / 0.8)
    guess = {arm: np.tile(np.where(x, label, label + 1), (runs, 1)) for arm, x in (("a", right), ("b", kept))}
    return Predictions.from_arrays(label, guess, classes=[f"class {c}" for c in range(classes + 1)])


def incomplete(sets: int) -> list[Share]:
    """One of six paired runs is missing in one arm."""
    hit, width, tolls = [], [], []
    for sim in draws(sets, classes=20, images=100, runs=6, noise=STRONG, paired=True):
        part = sim.predictions.where(runs=list(range(11)))
        e, every = (estimate(x, "baseline") for x in (part, sim.predictions))
        hit.append(float(((e.low[0] <= 0) & (e.high[0] >= 0)).mean()))
        width.append(float((e.high - e.low).mean() / (every.high - every.low).mean()))
        t = doses.tolls(part)
        tolls.append(float(((t.low <= 0) & (t.high >= 0)).mean()))
    return [
        mean_and_error("interval covers, one run of twelve missing", "0.95", hit),
        mean_and_error("its width over that of the complete study", "little above 1", width),
        mean_and_error("toll's interval covers (true 0), one run of twelve missing", "0.95", tolls),
    ]


def dependence(sets: int) -> list[Share]:
    """Tau and the probability of harm."""
    out: list[Share] = []
    for classes, n, runs, tau in (
        (10, 300, 5, 0.05), (10, 100, 4, 0.02), (100, 50, 5, 0.05), (100, 50, 3, 0.03), (100, 50, 3, 0.02),
        (100, 10, 10, 0.05), (100, 200, 5, 0.02),
    ):  # fmt: skip
        out += _dependence(sets, classes, n, runs, tau)
    return out


def _dependence(sets: int, classes: int, n: int, runs: int, tau: float) -> list[Share]:
    square, covered, prob, harmed = [], [], [], []
    accuracy = np.linspace(0.55, 0.9, classes)
    for seed in range(FRESH, FRESH + sets):
        effect = np.clip(0.005 + tau * np.random.default_rng(seed).standard_normal(classes), -0.4, 0.08)
        sim = simulate(classes=classes, images=n, runs=runs, accuracy=accuracy, effect=effect, paired=True, seed=seed)
        e, true = estimate(sim.predictions, "baseline"), float(np.std(effect, ddof=1))
        square.append(float(e.tau[0] ** 2 - true**2) / true**2)
        covered.append(float(e.tau_low[0] <= true <= e.tau_high[0]))
        prob.append(e.prob_harm[0])
        harmed.append(effect < 0)
    design = f"tau {100 * tau:g} points, {classes} classes x {n} images x {runs} paired runs"
    out = [
        mean_and_error(f"relative error of tau squared: {design}", "0", square),
        mean_and_error(f"tau's interval covers: {design}", "0.95", covered),
    ]
    p, h = np.concatenate(prob), np.concatenate(harmed)
    for low, high in ((0.0, 0.1), (0.4, 0.6), (0.7, 0.9), (0.9, 1.0)):
        here = (p >= low) & (p <= high)
        if here.sum() > 30:
            what = (
                f"truly harmed, of the {100 * here.mean():.0f} % given {100 * low:.0f} to {100 * high:.0f} %: {design}"
            )
            out.append(mean_and_error(what, f"{p[here].mean():.3f}", h[here].tolist()))
    return out


def tolls(sets: int) -> list[Share]:
    """Toll: cross-fitted and naive, with and without a true one, on the same images and chosen on others."""
    arms, peak = np.linspace(0, 1, 6)[1:, None], np.linspace(0.0, 1.0, 10)[None]
    curved = -0.15 * (arms - peak) ** 2 + 0.15 * peak**2
    return [
        row for name, effect in (("none", np.zeros((5, 10))), ("real", curved)) for row in _toll(sets, name, effect)
    ]


def _toll(sets: int, name: str, effect: np.ndarray) -> list[Share]:
    found: dict[str, list[list[float]]] = {"halves of the images": [], "chosen on validation images": []}
    naive: list[float] = []
    for sim in draws(sets, classes=10, images=400, runs=6, effect=effect, accuracy=0.75, paired=True):
        even = np.arange(4000) % 2 == 0
        test, validation = (sim.predictions.where(samples=np.flatnonzero(x)) for x in (even, ~even))
        for how, other in zip(found, (None, validation), strict=True):
            t = doses.tolls(test, choose_on=other)
            true = sim.accuracy.max(axis=0) - sim.accuracy[t.arms.index(t.average)]
            found[how].append([float(np.mean(t.toll - true)), float(np.mean((t.low <= true) & (true <= t.high)))])
            naive.append(float(np.mean(t.naive - true)))
    out = [mean_and_error(f"toll, {name}: naive (max over doses) minus true", "0", naive)]
    for how, values in found.items():
        off, held = (list(x) for x in zip(*values, strict=True))
        out.append(mean_and_error(f"toll, {name}: cross-fitted minus true, {how}", "0 or a little less", off))
        out.append(mean_and_error(f"toll, {name}: interval covers, {how}", "0.95", held))
    return out


LADDER = np.linspace(0, 1, 8)
PEAKS = np.linspace(0.15, 0.85, 10)
DELTA = 0.02


def curves(sets: int) -> list[Share]:
    """Do the contenders hold the best dose? Do curves find peaks, and the dose where a class has lost delta?"""
    effect = (-0.25 * (LADDER[:, None] - PEAKS) ** 2 + 0.25 * PEAKS**2)[1:]
    true_lost = PEAKS + np.sqrt(PEAKS**2 + DELTA / 0.25)
    true_lost = np.where(true_lost > 1, np.inf, true_lost)
    seen: dict[str, list[float]] = {}
    design = {"classes": 10, "images": 500, "runs": 10, "accuracy": 0.7, "paired": True, "doses": tuple(LADDER)}
    for sim in draws(sets, effect=effect, **design):
        p = sim.predictions
        three = p.where(runs=[r for r in range(len(p.arm)) if p.seed[r] < 3])
        fit, best = doses.dose_curves(three, delta=DELTA).fit, doses.best_doses(three)
        small, large = (_accuracies(x) for x in (three, p))
        own = sim.accuracy.argmax(axis=0)
        for what, value in {
            "peak: mean squared error of the dose, 8 doses x 3 runs, curve|small": np.mean((fit.peak - PEAKS) ** 2),
            "peak: mean squared error of the dose, 8 doses x 3 runs, argmax|small":
                np.mean((LADDER[small.argmax(0)] - PEAKS) ** 2),
            "peak: mean squared error of the dose, 8 doses x 10 runs, argmax|small":
                np.mean((LADDER[large.argmax(0)] - PEAKS) ** 2),
            "peak: interval covers, 8 doses x 3 runs|0.95": _held(fit.peak_low, PEAKS, fit.peak_high),
            "dose where a class has lost 2 points: interval covers|0.95": _held(fit.lost_low, true_lost, fit.lost_high),
            "the truly best dose on average is among the contenders|at least 0.95":
                best.arms[int(sim.accuracy.mean(axis=1).argmax())] in best.contenders,
            "a class's truly best dose is among its contenders|at least 0.95":
                best.class_contenders[own, np.arange(10)].mean(),
            "contenders of a class, of 8 doses|few": best.class_contenders.sum(axis=0).mean(),
        }.items():  # fmt: skip
            seen.setdefault(what, []).append(float(value))
    return [mean_and_error(*what.split("|"), values) for what, values in seen.items()]


SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "flat": lambda x: 0 * x * PEAKS,
    "hump": lambda x: 0.25 * (PEAKS**2 - (x - PEAKS) ** 2),
    "kink": lambda x: np.where(x < PEAKS, 0.1 * x, 0.7 * PEAKS - 0.6 * x),
    "wave": lambda x: 0.05 * (np.sin(12 * (x + PEAKS)) - np.sin(12 * PEAKS)),
}
"""True changes of ten classes over doses from 0 to 1, in four shapes, two of which are not smooth."""


def smooth(sets: int) -> list[Share]:
    """Does the interval of a curve's change from the first dose hold, and how wide is it beside that of the points?"""
    out: list[Share] = []
    few = max(sets // 10, 4)
    for shape, runs, paired, rungs in product(SHAPES, (2, 3, 5, 10), (True, False), (5, 11)):
        held, whole, width = _smooth(few, SHAPES[shape], runs, paired, np.linspace(0, 1, rungs))
        design = f"{shape}, {rungs} doses x {runs} {'paired' if paired else 'unpaired'} runs"
        out.append(mean_and_error(f"interval of the change covers: {design}", "0.95", held))
        out.append(mean_and_error(f"the whole curve is within its intervals: {design}", "less", whole))
        out.append(mean_and_error(f"width over that of the points' intervals: {design}", "below 1", width))
    return out


def _smooth(
    sets: int, shape: Callable[[np.ndarray], np.ndarray], runs: int, paired: bool, ladder: np.ndarray
) -> tuple[list[float], list[float], list[float]]:
    held, whole, width = [], [], []
    effect = shape(ladder[1:, None])
    design = {"classes": 10, "images": 100, "runs": runs, "accuracy": 0.75, "paired": paired, "doses": tuple(ladder)}
    for sim in draws(sets, effect=effect, **design):
        fit, e = doses.dose_curves(sim.predictions).fit, estimate(sim.predictions, "baseline")
        inside = (fit.change_low <= shape(fit.dose[:, None])) & (shape(fit.dose[:, None]) <= fit.change_high)
        wide = np.array([np.interp(ladder[1:], fit.dose, x) for x in (fit.change_high - fit.change_low).T]).T
        held.append(float(inside[1:].mean()))
        whole.append(float(inside.all(axis=0).mean()))
        width.append(float(wide.mean() / (e.high - e.low).mean()))
    return held, whole, width


def _held(low: np.ndarray, true: np.ndarray, high: np.ndarray) -> float:
    return float(np.mean((low <= true) & (true <= high)))


def _accuracies(preds: Predictions) -> np.ndarray:
    """Return the accuracy of each arm and class, for ten classes of 500 images."""
    return np.array([preds.where(arms=[a]).correct().reshape(-1, 10, 500).mean((0, 2)) for a in preds.arms])


def unequal(sets: int) -> list[Share]:
    """Dispersion measures and their changes cover; the naive ones are biased."""
    bell = np.clip(0.75 + 0.1 * np.random.default_rng(0).standard_normal(40), 0.4, 0.95)
    few = np.where(np.arange(40) < 3, 0.35, 0.85)
    out: list[Share] = []
    for shape, true, effect in (
        ("bell-shaped accuracies, five points lost by half", bell, np.where(np.arange(40) % 2, -0.05, 0.0)),
        ("all alike, nothing changes", np.full(40, 0.8), np.zeros(40)),
        ("three of forty far below, and lower still", few, np.where(np.arange(40) < 3, -0.1, 0.0)),
    ):
        out += _unequal(2 * sets, shape, true, effect)
    return out


def _unequal(sets: int, shape: str, true: np.ndarray, effect: np.ndarray) -> list[Share]:
    level: dict[str, list[float]] = {}
    change: dict[str, list[float]] = {}
    naive: dict[str, list[float]] = {}
    for sim in draws(sets, classes=40, images=50, runs=4, accuracy=true, effect=effect, paired=True):
        found = inequality(sim.predictions, "baseline")
        for name, measure in MEASURES.items():
            before, after = float(measure(true)), float(measure(true + effect))
            m, c = found.measures[0][name], found.change[0][name]
            level.setdefault(name, []).append(float(m.low - EXACT <= before <= m.high + EXACT))
            change.setdefault(name, []).append(float(c.low - EXACT <= after - before <= c.high + EXACT))
            naive.setdefault(name, []).append(m.naive - before)
    return [
        *(mean_and_error(f"{name}: interval covers ({shape})", "0.95", x) for name, x in level.items()),
        *(mean_and_error(f"change of {name}: interval covers ({shape})", "0.95", x) for name, x in change.items()),
        *(mean_and_error(f"naive {name} minus true ({shape})", "0", x) for name, x in naive.items()),
    ]


def power(sets: int) -> list[Share]:
    """Is an effect of the detectable size found as often as was said, and does what a class asks for suffice?"""
    out: list[Share] = []
    for n, runs in ((50, 5), (200, 5), (1000, 4)):
        design = {"classes": 10, "images": n, "runs": runs, "accuracy": 0.8, "paired": True}
        pilot = [estimate(sim.predictions, "baseline").detectable().mean() for sim in draws(20, **design)]
        size = float(np.mean(pilot))
        few = max(sets // (1 + n // 500), 30)
        found = [(estimate(s.predictions, "baseline").p[0] < 0.05).mean() for s in draws(few, effect=-size, **design)]
        what = f"a loss of the detectable size ({100 * size:.1f} points) is found, {n} images x {runs} runs"
        out.append(mean_and_error(what, "0.80", [float(x) for x in found]))
    return [*out, _asked(sets)]


def _asked(sets: int) -> Share:
    """Take as many images as a pilot's classes ask for on average, and look for the effect that was meant."""
    pilot = simulate(classes=20, images=100, runs=5, accuracy=0.8, paired=True, seed=FRESH)
    wanted = int(np.median(class_power(pilot.predictions, "baseline", "arm 1", effect=0.04).images_needed))
    again = draws(max(sets // 2, 30), classes=10, images=wanted, runs=5, accuracy=0.8, effect=-0.04, paired=True)
    found = [float((estimate(s.predictions, "baseline").p[0] < 0.05).mean()) for s in again]
    return mean_and_error(f"4 points are found with the {wanted} images that a pilot of 100 asks for", "0.80", found)


SECTIONS: dict[str, Section] = {
    "Two arms of the same recipe (A/A)": alike,
    "Many claims at once": families,
    "Runs that scatter more in some classes": uneven,
    "Models that hardly differ": whole_changes,
    "Missing runs": incomplete,
    "Class dependence and the probability of harm": dependence,
    "Toll": tolls,
    "Best doses and curves": curves,
    "Smooth curves": smooth,
    "Inequality": unequal,
    "Power": power,
}
