"""One dose for all, chosen with every class in view: several objectives, the front of mean against worst, its knee.

An objective is what a choice makes large. What was chosen is judged on answers that had no part in it, for a choice
always looks better where it was made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.design import Design
from barnspider.effects import estimate
from barnspider.errors import InputError, listing, pick
from barnspider.gate import Gate, Verdict
from barnspider.inequality import Inequality, inequality
from barnspider.names import visible
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.prescribe.parting import Parted, Runs, part
from barnspider.stats.pareto import front, knee

Floats = NDArray[np.float64]

OBJECTIVES = {
    "mean": "the best mean",
    "safe": "the best mean, no class harmed",
    "worst class": "the best worst class",
    "worst tenth": "the best worst tenth of the classes",
    "worst twentieth": "the best worst twentieth of the classes",
    "harmonic mean": "the best harmonic mean",
}
"""What may be made as large as possible, and how it is called. The worst tenth is the mean over the worst tenth of the
classes, their conditional value at risk (Rockafellar & Uryasev 2000)."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The arm that an objective chooses.

    Attributes
    ----------
    objective : one of OBJECTIVES
    arm : the one chosen; `dose`: its dose, or None
    rivals : arms that cannot be told from it by what chose
    doubt : what cannot be told, and what it would take; empty where there is no doubt
    """

    objective: str
    arm: str
    dose: float | None
    rivals: tuple[str, ...]
    doubt: str


@dataclass(frozen=True, eq=False)
class Choices(words.Shown):
    """What each objective chooses, and what that is worth on other answers. K arms, the baseline first.

    Attributes
    ----------
    baseline, arms, dose : names, the baseline first, and doses
    chosen : effects and inequality by what chose; `judged`: the same arms by what judges
    choices : one for each objective
    front : Bool[K], arms that no other beats in both mean and worst tenth, by what chose
    knee : the arm at which the one begins to cost much of the other; None where the front has no such bend
    margin : the loss that no class may certainly exceed, of the objective "safe"
    parted : what chose and what judges
    """

    baseline: str
    arms: tuple[str, ...]
    dose: tuple[float | None, ...]
    chosen: Side
    judged: Side
    choices: tuple[Choice, ...]
    front: NDArray[np.bool_]
    knee: str | None
    margin: float
    parted: Parted

    def of(self, objective: str) -> Choice:
        """Return the choice of an objective; `InputError` when there is none."""
        return self.choices[list(OBJECTIVES).index(pick("objective", objective, OBJECTIVES))]

    def __str__(self) -> str:
        p, e = self.parted, self.judged.effects
        title = (
            f"One dose for all. Chosen on {p.chosen_on}; judged on {p.judged_on}, against {visible(self.baseline)}"
            f" ({100 * e.method.level:.4g} % intervals for {words.explained(e.method.generalizes_to)})"
        )
        head = ["objective", "chosen", "mean: chosen", "judged", "worst tenth: chosen", "judged", "harmed"]
        table = words.text_table(head, [self._row(choice) for choice in self.choices])
        return "\n".join([title, table, "", *self._rivals(), *self._doubts(), "", self.told_front()])

    def _doubts(self) -> list[str]:
        """Return what cannot be told, each once, and for which objectives."""
        about: dict[str, list[str]] = {}
        for choice in self.choices:
            about.setdefault(choice.doubt, []).append(OBJECTIVES[choice.objective])
        return [f"{', '.join(names)}: cannot tell: {doubt}" for doubt, names in about.items() if doubt]

    def _row(self, choice: Choice) -> list[str]:
        k = self.arms.index(choice.arm)
        means = [f"{words.percent(side.mean[k])}{side.change_of_mean(k)}" for side in (self.chosen, self.judged)]
        worst = [f"{words.percent(side.worst[k])}{side.change_of_worst(k)}" for side in (self.chosen, self.judged)]
        harmed = f"{self.judged.harmed(k)} of {len(self.judged.effects.classes):,}"
        return [OBJECTIVES[choice.objective], choice.arm, *means, *worst, harmed if k else ""]

    def _rivals(self) -> list[str]:
        """Return which arms cannot be told from the one that was chosen, each time once, and for which objectives."""
        about: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for choice in self.choices:
            about.setdefault((choice.arm, choice.rivals), []).append(OBJECTIVES[choice.objective])
        return [
            f"{', '.join(names)}: {visible(arm)} cannot be told from {listing(rivals)}"
            for (arm, rivals), names in about.items()
            if rivals
        ]

    def told_front(self) -> str:
        """Return one sentence on the front of mean against worst classes."""
        names = [arm for arm, on in zip(self.arms, self.front, strict=True) if on]
        if len(names) == 1:
            return f"{visible(names[0])} has both the best mean and the best worst tenth of the classes, by what chose."
        bend = f"; its knee is {visible(self.knee)}" if self.knee else "; it has no knee"
        return f"No other arm beats these in both mean and worst tenth, by what chose: {listing(names)}{bend}."

    def to_json(self) -> dict[str, Any]:
        """Return `prescribe --json`: every arm by what chose and by what judges, and every choice."""
        return {
            "baseline": self.baseline, "level": self.judged.effects.method.level, "margin": self.margin,
            "chosen_on": self.parted.chosen_on, "judged_on": self.parted.judged_on,
            "runs_apart": self.parted.runs_apart,
            "arms": [
                {"arm": arm, "dose": self.dose[k], "front": bool(self.front[k]), "knee": arm == self.knee}
                | {"chosen": self.chosen.to_json(k), "judged": self.judged.to_json(k)}
                for k, arm in enumerate(self.arms)
            ],
            "choices": [plain(choice) for choice in self.choices],
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Side:
    """What some of the answers say of every arm, the baseline first: those that chose, or those that judge."""

    effects: Effects
    unequal: Inequality

    @classmethod
    def of(cls, preds: Predictions, baseline: str, level: float) -> Side:
        """Ask the answers."""
        d = Design.of(preds)
        return cls(estimate(d, baseline, level=level), inequality(d, baseline, level=level))

    @cached_property
    def mean(self) -> Floats:
        """Accuracy over all images, Float[K]."""
        return self.effects.overall_before + np.array([0.0, *self.effects.overall])

    @property
    def worst(self) -> Floats:
        """Mean over the worst tenth of the classes, noise and selection taken out, Float[K]."""
        return self.level_of("worst tenth")

    def level_of(self, measure: str) -> Floats:
        """Return a measure of every arm, Float[K]."""
        return np.array([m[measure].value for m in self.unequal.measures])

    def change_of_mean(self, k: int) -> str:
        """Return the change of an arm's mean and its interval, in words; nothing for the baseline."""
        e = self.effects
        return _change(e.overall[k - 1], e.overall_low[k - 1], e.overall_high[k - 1], k)

    def change_of_worst(self, k: int) -> str:
        """Return the change of an arm's worst tenth and its interval, in words; nothing for the baseline."""
        m = self.unequal.change[k - 1]["worst tenth"] if k else None
        return _change(m.value, m.low, m.high, k) if m else ""

    def harmed(self, k: int) -> int:
        """Return how many classes an arm certainly harms."""
        return int(self.effects.harmed[k - 1].sum()) if k else 0

    def to_json(self, k: int) -> dict[str, Any]:
        """Return what is said of one arm; None where nothing can be."""
        e = self.effects
        change = {n: plain(getattr(e, f"overall{n}")[k - 1]) for n in ("", "_low", "_high")} if k else {}
        return {
            "mean": plain(self.mean[k]),
            "change": {"effect": change[""], "low": change["_low"], "high": change["_high"]} if k else None,
            "harmed": self.harmed(k),
            "measures": plain(self.unequal.measures[k]),
            "changes": plain(self.unequal.change[k - 1]) if k else None,
        }


def _change(value: float, low: float, high: float, k: int) -> str:
    if not k:
        return ""
    return f" {words.points(value)} ({words.between(low, high)})" if np.isfinite([value, low, high]).all() else ""


def choose(
    preds: Predictions, baseline: str, *, choose_on: Predictions | None = None, runs: Runs = "auto",
    margin: float = 0.02, level: float = 0.95,
) -> Choices:  # fmt: skip
    """Choose one dose for all, by several objectives, on some answers; and judge what was chosen on others.

    Parameters
    ----------
    preds, choose_on, runs
        As of `part`.
    margin
        The loss that no class may exceed, of the objective "safe": an arm is safe where the gate passes it, so that
        every class certainly lost less; the baseline is.

    Raises
    ------
    InputError
        As of `part`, or when there is no such arm, or nothing beside the baseline.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> sim = simulate(classes=5, images=2000, runs=8, effect=[[0.05, 0.05, 0.05, 0.05, -0.15]], seed=1)
    >>> made = choose(sim.predictions, "baseline")
    >>> made.of("mean").arm, made.of("safe").arm, made.of("worst class").arm
    ('arm 1', 'baseline', 'baseline')
    """
    base = pick("baseline", baseline, preds.arms)
    if len(preds.arms) < 2:
        raise InputError(f"the only arm is the baseline {base!r}; expected another to choose from")
    parted = part(preds, choose_on, runs=runs)
    order = (base, *(arm for arm in preds.arms if arm != base))
    chosen, judged = (Side.of(p, base, level) for p in (parted.choose, parted.judge))
    verdicts = [_verdict(parted.choose, base, arm, margin, level) for arm in order[1:]]
    looked = _Chooser(order, tuple(preds.dose_of(arm) for arm in order), chosen, verdicts, parted.choose, margin, level)
    bend = knee(chosen.mean, chosen.worst)
    return Choices(
        base, order, looked.dose, chosen, judged, tuple(map(looked.choice, OBJECTIVES)),
        front(chosen.mean, chosen.worst), None if bend is None else order[bend], margin, parted,
    )  # fmt: skip


def _verdict(preds: Predictions, baseline: str, arm: str, margin: float, level: float) -> Verdict:
    return Gate(margin).check(estimate(preds, baseline, arms=[arm], level=level), preds)


@dataclass(frozen=True, eq=False)
class _Chooser:
    """All that a choice is made of."""

    arms: tuple[str, ...]
    dose: tuple[float | None, ...]
    side: Side
    verdicts: Sequence[Verdict]
    preds: Predictions
    margin: float
    level: float

    def choice(self, objective: str) -> Choice:
        """Return what an objective chooses; where it can be told of no arm, the baseline."""
        value = self._value(objective)
        if not np.isfinite(value).any():
            return Choice(objective, self.arms[0], self.dose[0], (), "no class has enough images")
        k = int(np.nanargmax(value))
        rivals = () if objective == "safe" else self._rivals(objective, k)
        doubt = self._unsafe(k) if objective == "safe" else self._coarse(rivals)
        return Choice(objective, self.arms[k], self.dose[k], rivals, doubt)

    def _value(self, objective: str) -> Floats:
        if objective == "mean":
            return self.side.mean
        if objective == "safe":
            passed = np.array([True, *(v.status == "pass" for v in self.verdicts)])
            return np.where(passed, self.side.mean, np.nan)
        return self.side.level_of(objective)

    def _rivals(self, objective: str, k: int) -> tuple[str, ...]:
        """Return the arms whose difference from the chosen one may be nothing."""
        others = Side.of(self.preds, self.arms[k], self.level)
        of = dict(zip(others.unequal.arms[1:], others.unequal.change, strict=True))
        if objective == "mean":
            high = dict(zip(others.effects.arms, others.effects.overall_high, strict=True))
        else:
            high = {arm: change[objective].high for arm, change in of.items()}
        return tuple(arm for arm in self.arms if arm in high and not high[arm] < 0)

    def _coarse(self, rivals: Sequence[str]) -> str:
        """Return what to say where these runs see too little to choose by: all arms are rivals, and may be far off."""
        if len(rivals) < len(self.arms) - 1:
            return ""
        e = self.side.effects
        half = float(np.max(e.overall_high - e.overall_low)) / 2
        if not half > self.margin:
            return ""
        runs = min(*e.runs, e.baseline_runs)
        seen = f"averages are known to within {words.points(half, sign=False)} points only"
        if runs < 2:
            return f"one run in an arm says nothing of other runs; {seen}; train more"
        more = math.ceil(runs * ((half / self.margin) ** 2 - 1))
        return f"{seen}; train some {more:,} more runs of each arm"

    def _unsafe(self, k: int) -> str:
        """Return which arms have a better mean than the safe one, and why they are not taken."""
        better = [
            (arm, v)
            for i, (arm, v) in enumerate(zip(self.arms[1:], self.verdicts, strict=True), start=1)
            if self.side.mean[i] > self.side.mean[k] and v.status != "pass"
        ]
        open_ = [(arm, v) for arm, v in better if v.status == "inconclusive"]
        if not open_:
            return ""
        needs = max((v.needs for _, v in open_), key=len)
        names = listing(arm for arm, _ in open_)
        return f"whether {names} may be better and safe. {needs}".strip()
