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
from barnspider.errors import InputError, pick
from barnspider.inequality import inequality
from barnspider.names import visible
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.prescribe.composed import COMPOSED, compose
from barnspider.prescribe.parting import judged_by
from barnspider.prescribe.rules import Ladder
from barnspider.stats.crossed import single
from barnspider.stats.dispersion import Measured
from barnspider.stats.intervals import average_interval

AIM = "no class certainly harmed, and the average not certainly below the one dose for all"
"""What is hoped for."""

Share = tuple[float, float, float]
"""An accuracy or a change, and its interval."""


@dataclass(frozen=True)
class Loss:
    """A class that certainly lost: by how much, and the interval of that change."""

    name: str
    change: float
    low: float
    high: float


@dataclass(frozen=True)
class Judged:
    """One arm, judged.

    Attributes
    ----------
    arm : its name; runs : how many judged it
    mean : accuracy over all images
    against_off, against_best : change of the mean from the baseline, and from the one dose for all; None of these
    losses : classes that are certainly harmed, against the baseline; worst first, by shrunken effect
    tolls : classes that are certainly worse than at their own best dose, the largest loss first
    worst : the mean over the worst tenth of the classes, noise and selection taken out
    tau : class dependence of the effects against the baseline; None of the baseline itself
    toll : what all images lose, against each at the own best dose of its class
    cost : models that were trained to come by the arm, those that only judge it left out; None where nobody said
    """

    arm: str
    runs: int
    mean: Share
    against_off: Share | None
    against_best: Share | None
    losses: tuple[Loss, ...]
    tolls: tuple[Loss, ...]
    worst: Measured
    tau: Share | None
    toll: Share
    cost: int | None

    @property
    def harmed(self) -> tuple[str, ...]:
        """Names of the classes that are certainly harmed."""
        return tuple(x.name for x in self.losses)

    @property
    def below_own(self) -> tuple[str, ...]:
        """Names of the classes that are certainly worse than at their own best dose."""
        return tuple(x.name for x in self.tolls)

    @property
    def largest_toll(self) -> Loss | None:
        """The largest certain loss against a class's own best dose: as the largest of many, rather too large."""
        return self.tolls[0] if self.tolls else None

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
    from_own : the same, against each class's own best dose
    """

    baseline: str
    best: str
    own: tuple[str, ...]
    classes: tuple[str, ...]
    arms: tuple[Judged, ...]
    chosen_on: str
    judged_on: str
    effects: Effects
    from_own: Effects

    def of(self, arm: str) -> Judged:
        """Return what is judged of an arm; `InputError` when there is no such arm."""
        names = [x.arm for x in self.arms]
        return self.arms[names.index(pick("arm", arm, names))]

    def __str__(self) -> str:
        head = [
            "arm",
            "mean, %",
            "from baseline",
            "from one dose for all",
            "harmed",
            "below own best",
            "worst tenth, %",
        ]
        head += ["tau", "toll", "models"]
        table = words.text_table(head, [self._row(x) for x in self.arms])
        return "\n".join([self.title(), table, "", self.told()])

    def title(self) -> str:
        """Return what judged, what chose, and which intervals these are."""
        m = self.effects.method
        return (
            f"Judged on {self.judged_on}; chosen on {self.chosen_on}. Points; {100 * m.level:.4g} % intervals for"
            f" {words.explained(m.generalizes_to)}. The one dose for all: {visible(self.best)}"
        )

    def _row(self, x: Judged) -> list[str]:
        return [
            f"{'* ' if x.reached else '  '}{visible(x.arm, 40)}", told(x.mean, sign=False), told(x.against_off),
            told(x.against_best), f"{len(x.losses):,}", f"{len(x.tolls):,}",
            told((x.worst.value, x.worst.low, x.worst.high), sign=False),
            told(x.tau, sign=False), told(x.toll), "?" if x.cost is None else f"{x.cost:,}",
        ]  # fmt: skip

    def told(self) -> str:
        """Return who reaches the aim: no class certainly harmed, and the average not below the one dose for all."""
        good = [visible(x.arm) for x in self.good()]
        return f"* reaches the aim ({AIM}): {', '.join(good) or 'no other arm'}{self.least()}."

    def good(self) -> tuple[Judged, ...]:
        """Return the arms that reach the aim, the baseline and the one dose for all left out."""
        return tuple(x for x in self.arms if x.arm not in (self.baseline, self.best) and x.reached)

    def least(self) -> str:
        """Return what the design would find in half of the classes, as the end of a sentence; "" if that is unknown."""
        seen = self.detectable()
        if np.isnan(seen):
            return ""
        return f"; what judges {words.finds(seen)} in half of the {self.effects.method.units}"

    def detectable(self) -> float:
        """Return the change that is found in half of the classes, 4 times in 5; NaN if that is unknown."""
        seen = self.effects.detectable()
        return float(np.nanmedian(seen)) if np.isfinite(seen).any() else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Return `judge --json`."""
        return {
            "schema": "barnspider/judgement/1", "baseline": self.baseline, "best": self.best,
            "level": self.effects.method.level, "chosen_on": self.chosen_on, "judged_on": self.judged_on,
            "detectable": plain(self.detectable()),
            "own_best": dict(zip(self.classes, self.own, strict=True)),
            "arms": [
                plain(x) | {"harmed": list(x.harmed), "below_own": list(x.below_own)}
                | {"largest_toll": plain(x.largest_toll), "reached": x.reached}
                for x in self.arms
            ],
        }  # fmt: skip


def told(x: Share | None, *, sign: bool = True) -> str:
    """Return a number and its interval in points; "cannot tell" where it is not known, nothing where there is none.

    Examples
    --------
    >>> told((0.012, 0.005, 0.02)), told((0.5, float("nan"), 1.0)), told(None)
    ('+1.2 (0.5 to 2.0)', 'cannot tell', '')
    """
    if x is None:
        return ""
    return f"{words.points(x[0], sign=sign)} ({words.between(*x[1:])})" if np.isfinite(x).all() else "cannot tell"


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
        arm -> how many models were trained to come by it; of arms that are not in it, that is unknown.

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
    arms = tuple(
        Judged(
            arm, fresh.arm.count(arm), _accuracy(design, arm, level), _mean(from_off, arm), _mean(from_best, arm),
            _losses(from_off, arm), _by_size(_losses(from_own, arm)), unequal.measures[k]["worst tenth"],
            _tau(from_off, arm), _toll(from_own, arm), (cost or {}).get(arm),
        )
        for k, arm in enumerate(unequal.arms)
    )  # fmt: skip
    return Judgement(
        baseline, best, tuple(ladder.arm(int(k)) for k in own), ladder.classes, arms, visible(chooser.on or "others"),
        f"{visible(fresh.on or 'fresh answers')}, {_runs(fresh, chooser)}", from_off, from_own,
    )  # fmt: skip


def _runs(fresh: Predictions, chooser: Predictions) -> str:
    """Return how many runs judge, and whether some of these very runs chose, on other images."""
    runs = {fresh.arm.count(arm) for arm in fresh.arms}
    many = words.counted(min(runs), "run") if len(runs) == 1 else f"{min(runs):,} to {max(runs):,} runs"
    both = set(zip(fresh.arm, fresh.seed, strict=True)) & set(zip(chooser.arm, chooser.seed, strict=True))
    return f"{many} of each arm" + (", some of which chose on other images" if both else " that chose nothing")


def _accuracy(d: Design, arm: str, level: float) -> Share:
    """Return the accuracy over all images, and its interval."""
    k = d.arms.index(arm)
    _, low, high = average_interval(single(d.counts[k], d.layout), d.over("auto", k), level)
    return float(d.overall()[k]), low, high


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


def _losses(e: Effects, arm: str) -> tuple[Loss, ...]:
    """Return the classes that certainly lost, worst first."""
    if arm == e.baseline:
        return ()
    a = e.place(arm)
    return tuple(
        Loss(e.classes[c], float(e.effect[a, c]), float(e.low[a, c]), float(e.high[a, c]))
        for c in e.worst_first(arm)
        if e.harmed[a, c]
    )


def _by_size(losses: tuple[Loss, ...]) -> tuple[Loss, ...]:
    return tuple(sorted(losses, key=lambda x: x.change))


def _toll(e: Effects, arm: str) -> Share:
    """Return what all images lose in an arm, against each at the own best dose of its class."""
    a = e.place(arm)
    return -float(e.overall[a]), -float(e.overall_high[a]), -float(e.overall_low[a])
