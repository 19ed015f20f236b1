"""What an adaptive study does next: a pure function of the answers so far.

Every arm has the question of the gate: has a class lost more than the margin? An arm stops when the seeds that are left
would hardly change the full grid's answer (stochastic curtailment: Lan, Simon & Halperin 1982). So what is decided is
what the full grid would have decided, whose rates of error are known, and looking often adds next to nothing to them:
images, the same in all looks, are no new chance, and a lucky run weighs no more than the runs that might still undo it.
docs/refine.md measures it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.effects import Effects, estimate
from barnspider.errors import InputError, listing, pick
from barnspider.gate import Gate
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats.multiplicity import quantile
from barnspider.stats.power import components, with_chance

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

START = 3
"""Seeds of the first round: from two, nothing is known of how runs scatter."""

GROWTH = 1.5
"""Times as many seeds in the next round: few looks, and none that costs much more than was needed."""

COARSE = 9
"""Doses of the first round, at most; the others are opened where the verdict changes between two of them."""

Standing = Literal["passes", "fails", "open", "stuck"]


@dataclass(frozen=True)
class Question:
    """What the study is to decide, and for how many runs.

    Attributes
    ----------
    margin : the loss that no class may exceed, a proportion
    budget : runs, those of the baseline among them
    classes : the classes that matter, each to be decided; empty: all, and an arm is decided once one of them fails

    Raises
    ------
    InputError
        When a number is out of its range.
    """

    margin: float
    budget: int
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Gate(self.margin)
        if self.budget < 1:
            raise InputError(f"budget={self.budget}; expected a number of runs, at least 1")


@dataclass(frozen=True)
class Round:
    """What is trained next: `arms`, the baseline among them, with `seeds` seeds each. No arms: the study is over.

    Attributes
    ----------
    standing : how every other arm that was opened stands; a dose that nobody has tried is not in it
    runs : how many runs each arm has once the round is trained
    reasons : in plain words
    """

    arms: tuple[str, ...]
    seeds: int
    standing: Mapping[str, Standing]
    runs: Mapping[str, int]
    reasons: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many runs there are once the round is trained."""
        return sum(self.runs.values())


def first_round(ladder: Sequence[str], baseline: str, seeds: int, question: Question) -> Round:
    """Return the first round: few seeds on a uniform grid of the ladder's doses.

    Parameters
    ----------
    ladder : arms in order of dose
    baseline : one of them
    seeds : the most that any arm may have

    Raises
    ------
    InputError
        When the ladder has no other arm than the baseline, or the budget is too small for two seeds in each arm.

    Examples
    --------
    >>> first_round(["0", "1", "2"], "0", 10, Question(margin=0.02, budget=30)).total
    9
    """
    evenly = {ladder[k] for k in np.linspace(0, len(ladder) - 1, min(len(ladder), COARSE)).round().astype(int)}
    arms = tuple(arm for arm in ladder if arm in evenly or arm == baseline)
    count = min(START, seeds, question.budget // len(arms))
    if len(arms) < 2 or count < 2:
        raise InputError(
            f"{words.counted(len(arms), 'dose')} x {words.counted(seeds, 'seed')} with a budget of"
            f" {words.counted(question.budget, 'run')}; expected two doses or more, with two seeds each"
        )
    reasons = (f"{len(arms)} of {len(ladder)} doses, evenly, with {count} seeds each, to see how runs scatter",)
    standing: dict[str, Standing] = {arm: "open" for arm in arms if arm != baseline}
    return Round(arms, count, standing, dict.fromkeys(arms, count), reasons)


def next_round(done: Round, answers: Predictions, ladder: Sequence[str], seeds: int, question: Question) -> Round:
    """Return what follows a round that is trained; see `first_round`.

    `answers` are those of all runs so far. The baseline is the ladder's arm without a standing. What comes out depends
    on nothing else, so a study that was killed goes on as if it had not been.
    """
    baseline = next(arm for arm in done.arms if arm not in done.standing)
    judged, keeps = _judge(done, answers, baseline, ladder, seeds, question)
    tried: dict[str, Standing] = {baseline: "passes", **judged}
    new = between(ladder, tried)
    standing: dict[str, Standing] = {**judged, **dict.fromkeys(new, "open")}
    reasons = [*_changes(done, judged, question), *(f"{visible(arm)}: {_OPENED}" for arm in new)]
    wanted = sorted((arm for arm in ladder if standing.get(arm) == "open"), key=lambda a: keeps.get(a, 0.0))
    left = question.budget - done.total
    chosen, count = afford(wanted, baseline, done.runs, math.ceil(GROWTH * done.seeds), seeds, left)
    reasons += _spending(wanted, chosen, count, left)
    order = tuple(arm for arm in ladder if arm in {baseline, *chosen}) if chosen else ()
    opened: dict[str, Standing] = {
        arm: standing[arm] for arm in ladder if arm in standing and (arm in judged or arm in chosen)
    }
    runs = dict(done.runs) | {arm: max(count, done.runs.get(arm, 0)) for arm in order}
    return Round(order, count, opened, runs, tuple(reasons))


_OPENED = "the verdict changes between its neighbours, so it is tried, too"


def between(ladder: Sequence[str], standing: Mapping[str, Standing]) -> list[str]:
    """Return the doses to open: halfway between two neighbours of which one passes and one fails.

    Examples
    --------
    >>> between("abcde", {"a": "passes", "c": "passes", "e": "fails"})
    ['d']
    """
    tried = [k for k, arm in enumerate(ladder) if arm in standing]
    crossed = [(a, b) for a, b in pairwise(tried) if {standing[ladder[a]], standing[ladder[b]]} == {"passes", "fails"}]
    return [ladder[(a + b) // 2] for a, b in crossed if b - a > 1]


def afford(
    wanted: Sequence[str], baseline: str, runs: Mapping[str, int], target: int, most: int, budget: int
) -> tuple[list[str], int]:
    """Return which of the wanted arms get how many seeds: as near the target as the budget allows, first come first.

    Fewer seeds are tried before fewer arms; an arm that has all its seeds wants nothing.

    Examples
    --------
    >>> afford(["b", "c"], "a", {"a": 3, "b": 3, "c": 3}, target=5, most=10, budget=4)
    (['b', 'c'], 4)
    >>> afford(["b", "c"], "a", {"a": 3, "b": 3, "c": 3}, target=5, most=10, budget=2)
    (['b'], 4)
    """
    arms = [arm for arm in wanted if runs.get(arm, 0) < most]
    while arms:
        known = max(runs.get(arm, 0) for arm in arms)
        least = min(max(known + 1, START), most)
        for count in range(max(min(target, most), least), least - 1, -1):
            if sum(max(count - runs.get(arm, 0), 0) for arm in (baseline, *arms)) <= budget:
                return arms, count
        arms.pop()
    return [], 0


def _judge(
    done: Round, answers: Predictions, baseline: str, ladder: Sequence[str], seeds: int, question: Question
) -> tuple[dict[str, Standing], dict[str, float]]:
    """Return how arms stand now, and for the open ones which share of its variance a class would keep at the least."""
    standing: dict[str, Standing] = dict.fromkeys(done.standing, "stuck")
    keeps: dict[str, float] = {}
    asked = [a for a in done.standing if answers.arm.count(a) > 1]
    if not asked or answers.arm.count(baseline) < 2:
        return standing, keeps
    design = Design.of(answers, (baseline, *asked))
    effects = estimate(design, baseline)
    tests = len(answers.classes) * (len(ladder) - 1)
    for a, arm in enumerate(asked):
        outlook = Outlook.of(effects, a, _kept(design, a + 1, seeds), question.margin, tests)
        standing[arm], undecided = outlook.standing(_places(question.classes, answers.classes))
        if standing[arm] == "open":
            keeps[arm] = float(outlook.kept[undecided].min())
    return standing, keeps


def _places(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    return [classes.index(pick("class", name, classes)) for name in names]


def _kept(design: Design, arm: int, seeds: int) -> Floats:
    """Return which share of a change's variance would be left if all seeds were trained: Float[C]."""
    c, now = design.contrast(0, arm), min(design.counts[0].runs, design.counts[arm].runs)
    parts = with_chance(components(c, paired=len(design.pairs(0, arm)[0]) > 1), c)
    n = np.maximum(design.layout.n, 1)
    with np.errstate(invalid="ignore"):
        return np.add(*parts.variance(n, max(seeds, now))) / np.add(*parts.variance(n, now))


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the verdict on each class of an arm would be with all seeds, if these bring the best or the worst of luck.

    Attributes
    ----------
    known : Bool[C]
        False for a class without images.
    kept : Float[C]
        The share of the variance that would be left: what images bring, and what runs still do.
    surely_passes, may_pass, surely_fails, may_fail : Bool[C]
    """

    known: Bools
    kept: Floats
    surely_passes: Bools
    may_pass: Bools
    surely_fails: Bools
    may_fail: Bools

    @classmethod
    def of(cls, effects: Effects, arm: int, kept: Floats, margin: float, tests: int) -> Outlook:
        """Look ahead from an arm's effects; among `tests` of them a class fails at Bonferroni's level.

        The change at the end is the one now, give or take what the other seeds bring: all of the variance that they
        remove (images are the same in every look, and move nothing). Luck is as large as what decides, t at the level.
        """
        known, alpha = effects.known[arm] & np.isfinite(kept), effects.method.alpha
        kept = np.where(known, kept, 1.0)
        away, se = np.where(known, effects.effect[arm] + margin, 0.0), np.where(known, effects.se[arm], 1.0)
        df = np.where(known, effects.df[arm], 1.0)
        end, luck = se * np.sqrt(kept), quantile(df, 1 - 2 * alpha) * se * np.sqrt(1 - kept)
        enough, ample = quantile(df, 1 - 2 * alpha) * end, quantile(df, 1 - 2 * alpha / tests) * end
        return cls(
            known, kept, away - luck >= enough, away + luck >= enough, away + luck <= -ample, away - luck <= -ample
        )

    def standing(self, these: list[int]) -> tuple[Standing, Bools]:
        """Return how the arm stands, and which classes are open.

        Where none is named, the arm fails once a class does, and passes once all do; else each named class counts.
        """
        wanted = np.isin(np.arange(len(self.known)), these) if these else np.ones_like(self.known)
        asked = self.known & wanted
        never = asked & ~self.may_pass & ~self.may_fail
        unsettled = asked & ~self.surely_passes & ~self.surely_fails & ~never
        failed = bool((asked & self.surely_fails).any())
        lost = bool(never.any() and not (asked & self.may_fail).any())
        if unsettled.any() and (these or not (failed or lost)):
            return "open", unsettled
        return ("fails" if failed else "stuck" if never.any() or not asked.any() else "passes"), unsettled


def _changes(done: Round, judged: Mapping[str, Standing], question: Question) -> list[str]:
    """Return what the last round has decided, in words."""
    what = listing(question.classes) if question.classes else "every class"
    margin = words.points(question.margin, sign=False)
    said: dict[Standing, str] = {
        "passes": f"{what} lost less than {margin} points, and more seeds would hardly change that",
        "fails": f"a class lost more than {margin} points, and more seeds would hardly change that",
        "stuck": f"cannot tell who lost more than {margin} points, and more seeds would hardly change that",
    }
    return [f"{visible(arm)}: {said[s]}" for arm, s in judged.items() if s != "open" and done.standing[arm] == "open"]


def _spending(wanted: Sequence[str], chosen: Sequence[str], count: int, left: int) -> list[str]:
    """Return what the next round is for, or why there is none."""
    if chosen:
        later = [visible(arm) for arm in wanted if arm not in chosen]
        rest = f"; not enough for {listing(later)}" if later else ""
        return [f"{listing(visible(a) for a in chosen)}: open, up to {count} seeds (with the baseline's){rest}"]
    if not wanted:
        return ["over: nothing is open that more seeds would decide"]
    return [f"over: {words.counted(left, 'run')} left, and {listing(map(visible, wanted))} still open"]
