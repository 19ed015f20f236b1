"""The judgement: what each way of regularizing does to the average and to every class, on the same untouched answers.

Every arm is compared with the baseline, with the one dose that is best on average, and with each class's own best dose.
Those were chosen on other answers, so that no comparison has seen what judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.design import Design
from barnspider.effects import estimate
from barnspider.errors import InputError
from barnspider.inequality import inequality
from barnspider.names import visible
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.prescribe.composed import COMPOSED, compose
from barnspider.prescribe.parting import judged_by
from barnspider.prescribe.rules import Ladder
from barnspider.stats.dispersion import Measured

Share = tuple[float, float, float]
"""A change, and its interval."""


@dataclass(frozen=True)
class Judged:
    """One arm, judged.

    Attributes
    ----------
    arm : its name; runs : how many judged it
    mean : accuracy over all images
    against_off, against_best : change of the mean from the baseline, and from the one dose for all
    harmed : classes that are certainly harmed, against the baseline
    below_own : classes that are certainly worse than at their own best dose
    worst : the mean over the worst tenth of the classes, noise and selection taken out
    tau : class dependence of the effects against the baseline; None of the baseline itself
    toll : what all images lose, against each at the own best dose of its class
    largest_toll : the largest loss that is certain, and whose; 0 where none is
    cost : models that were trained to come by the arm, those that only judge it left out
    """

    arm: str
    runs: int
    mean: float
    against_off: Share | None
    against_best: Share | None
    harmed: tuple[str, ...]
    below_own: tuple[str, ...]
    worst: Measured
    tau: Share | None
    toll: Share
    largest_toll: float
    cost: int

    @property
    def reached(self) -> bool:
        """Whether the aim is: no class certainly harmed, and the average not certainly below the one dose's for all."""
        return not self.harmed and (self.against_best is None or self.against_best[2] >= 0)


@dataclass(frozen=True, eq=False)
class Judgement(words.Shown):
    """Every arm, judged on the same answers.

    Attributes
    ----------
    baseline, best : the arm with the knob off, and the one dose for all: that of the best mean, or one that was asked
    own : for each class the arm of its own best dose
    classes : names
    arms : the baseline first, then as they were given
    chosen_on, judged_on : which images and runs
    effects : of every arm against the baseline, on what judges
    """

    baseline: str
    best: str
    own: tuple[str, ...]
    classes: tuple[str, ...]
    arms: tuple[Judged, ...]
    chosen_on: str
    judged_on: str
    effects: Effects

    def __str__(self) -> str:
        m = self.effects.method
        title = (
            f"Judged on {self.judged_on}; chosen on {self.chosen_on}. Points; {100 * m.level:.4g} % intervals for"
            f" {words.explained(m.generalizes_to)}. The one dose for all: {visible(self.best)}"
        )
        head = [
            "arm",
            "mean",
            "from baseline",
            "from one dose for all",
            "harmed",
            "below own best",
            "worst tenth",
            "tau",
        ]
        head += ["toll", "models"]
        return "\n".join([title, words.text_table(head, [self._row(x) for x in self.arms]), "", self.told()])

    def _row(self, x: Judged) -> list[str]:
        worst = f"{words.percent(x.worst.value)} ({words.between(x.worst.low, x.worst.high)})"
        return [
            f"{'* ' if x.reached else '  '}{visible(x.arm, 40)}", words.percent(x.mean), _told(x.against_off),
            _told(x.against_best), f"{len(x.harmed):,}", f"{len(x.below_own):,}", worst,
            "" if x.tau is None else f"{words.points(x.tau[0], sign=False)} ({words.between(*x.tau[1:])})",
            _told(x.toll), f"{x.cost:,}",
        ]  # fmt: skip

    def told(self) -> str:
        """Return who reaches the aim: no class certainly harmed, and the average not below the one dose for all."""
        others = [x for x in self.arms if x.arm not in (self.baseline, self.best)]
        good = [visible(x.arm) for x in others if x.reached]
        aim = "no class certainly harmed, and the average not certainly below the one dose for all"
        seen = self.effects.detectable()
        least = (
            f"; what judges {words.finds(float(np.nanmedian(seen)))} in half of the classes"
            if np.isfinite(seen).any()
            else ""
        )
        return f"* reaches the aim ({aim}): {', '.join(good) or 'no other arm'}{least}."

    def to_json(self) -> dict[str, Any]:
        """Return `heal --json`."""
        return {
            "schema": "barnspider/judgement/1", "baseline": self.baseline, "best": self.best,
            "level": self.effects.method.level, "chosen_on": self.chosen_on, "judged_on": self.judged_on,
            "own_best": dict(zip(self.classes, self.own, strict=True)),
            "arms": [plain(x) | {"reached": x.reached} for x in self.arms],
        }  # fmt: skip


def _told(x: Share | None) -> str:
    return "" if x is None else f"{words.points(x[0])} ({words.between(*x[1:])})"


def judge(
    fresh: Predictions,
    chooser: Predictions,
    baseline: str,
    *,
    at: float | None = None,
    cost: Mapping[str, int] | None = None,
    level: float = 0.95,
) -> Judgement:
    """Judge every arm of `fresh`.

    Parameters
    ----------
    fresh
        Answers that had no part in any choice: fresh seeds, other images. Every dose of `chooser` is an arm of it.
    chooser
        Answers of the sweep on which the best single dose and each class's own best dose are chosen.
    at
        The best single dose, if it is another than that of the best mean of `chooser`.
    cost
        arm -> how many models were trained to come by it.

    Raises
    ------
    InputError
        When `fresh` lacks an arm or has other classes, or a run judges images on which it chose.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> effect, doses = [[0.05] * 4 + [-0.1], [0.08] * 4 + [-0.3]], (0, 0.3, 0.6)
    >>> first, second = (
    ...     simulate(classes=5, images=1000, runs=4, effect=effect, doses=doses, paired=True, seed=s).predictions
    ...     for s in (1, 2)
    ... )
    >>> from dataclasses import replace
    >>> judge(replace(second, on="test"), first, "baseline").arms[2].harmed
    ('class 4',)
    """
    judged_by(chooser, fresh)
    if fresh.units != chooser.units:
        raise InputError("what judges has other classes than what chose; expected the same")
    ladder = Ladder.of(chooser, baseline, at, level)
    if absent := [arm for arm in ladder.design.arms if arm not in fresh.arms]:
        raise InputError(f"nothing judges {visible(absent[0])!r}, which was chosen from; expected its runs, too")
    own, best = _own(ladder), ladder.arm(ladder.at)
    design = Design.of(compose(fresh, ladder.doses[own].tolist()))
    from_off, from_best, from_own = (
        estimate(design, base, level=level, arms=[arm for arm in fresh.arms if arm != base])
        for base in (baseline, best, COMPOSED)
    )
    unequal = inequality(fresh, baseline, level=level)
    mean = dict(zip(design.arms, design.overall().tolist(), strict=True))
    arms = tuple(
        Judged(
            arm, fresh.arm.count(arm), mean[arm], _mean(from_off, arm), _mean(from_best, arm), _harmed(from_off, arm),
            _harmed(from_own, arm), unequal.measures[k]["worst tenth"], _tau(from_off, arm), _toll(from_own, arm),
            _largest(from_own, arm), (cost or {}).get(arm, 0),
        )
        for k, arm in enumerate(unequal.arms)
    )  # fmt: skip
    return Judgement(
        baseline, best, tuple(ladder.arm(int(k)) for k in own), ladder.classes, arms, visible(chooser.on or "others"),
        f"{visible(fresh.on or 'fresh answers')}, {words.counted(min(map(fresh.arm.count, fresh.arms)), 'run')} of each"
        " arm that chose nothing",
        from_off,
    )  # fmt: skip


def _own(ladder: Ladder) -> NDArray[np.intp]:
    """Return for each class the arm of its highest accuracy; at a tie, that of all."""
    accuracy = np.nan_to_num(ladder.design.accuracy(), nan=0.0)
    best = np.argmax(accuracy, axis=0)
    ties = accuracy[ladder.at] == accuracy.max(axis=0)
    return np.where(ties, ladder.at, best)


def _mean(e: Effects, arm: str) -> Share | None:
    if arm == e.baseline:
        return None
    a = e.place(arm)
    return float(e.overall[a]), float(e.overall_low[a]), float(e.overall_high[a])


def _tau(e: Effects, arm: str) -> Share | None:
    if arm == e.baseline:
        return None
    a = e.place(arm)
    return float(e.tau[a]), float(e.tau_low[a]), float(e.tau_high[a])


def _harmed(e: Effects, arm: str) -> tuple[str, ...]:
    """Return the classes that an arm certainly harms."""
    return () if arm == e.baseline else tuple(e.classes[c] for c in np.flatnonzero(e.harmed[e.place(arm)]))


def _toll(e: Effects, arm: str) -> Share:
    """Return what all images lose in an arm, against each at the own best dose of its class."""
    a = e.place(arm)
    return -float(e.overall[a]), -float(e.overall_high[a]), -float(e.overall_low[a])


def _largest(e: Effects, arm: str) -> float:
    """Return the largest certain loss of a class against its own best dose; 0 without any."""
    a = e.place(arm)
    return float(-e.effect[a][e.harmed[a]].min(initial=0.0))
