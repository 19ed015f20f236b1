"""prescribe(): from a rule to a prescription, and what the answers at hand let one expect of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from barnspider.effects import baseline_arm, estimate
from barnspider.errors import InputError, pick
from barnspider.names import visible
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.prescribe.choosing import OBJECTIVES, choose
from barnspider.prescribe.parting import Parted, Runs, part
from barnspider.prescribe.rules import RULES, TOGETHER, Doses, Ladder
from barnspider.prescription import Expected, Prescription
from barnspider.preservation import DELTA, Preservation, preservation

COMPOSED = "prescribed"
"""The arm that takes each class's answers from the arm of its dose."""


def prescribe(
    preds: Predictions,
    vary: str,
    baseline: str | float = 0.0,
    *,
    rule: str = "own best",
    at: float | None = None,
    choose_on: Predictions | None = None,
    runs: Runs = "auto",
    preserved: Mapping[str, Predictions] | None = None,
    delta: float = DELTA,
    margin: float = 0.02,
    together: float = TOGETHER,
    level: float = 0.95,
) -> Prescription:
    """Prescribe a dose for each class, or by an objective one for all; chosen on some answers, judged on others.

    Parameters
    ----------
    preds, choose_on, runs
        As of `part`: answers of a sweep over one knob.
    vary
        The knob.
    baseline
        An arm's name, or its dose.
    rule
        One of RULES or, for one dose for all, of OBJECTIVES.
    at
        The dose that would be given to all otherwise; by default that of the best mean.
    preserved, delta
        Of "label preservation": network -> its answers to changed images, and the loss from which on a label counts as
        lost. Images that also judge are left out.
    margin, level
        As of `choose`.
    together
        Of "harmed groups": classes get one dose if so large a share of the images of one is taken for another of them.

    Raises
    ------
    InputError
        When there is no such rule, arm or dose, doses are unknown, or what chooses also judges.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> effect = [[0.05] * 4 + [-0.1], [0.08] * 4 + [-0.3]]
    >>> preds = simulate(classes=5, images=2000, runs=8, effect=effect, doses=(0, 0.3, 0.6), seed=1).predictions
    >>> prescribe(preds, "crop").dose
    (0.6, 0.6, 0.6, 0.6, 0.0)
    """
    pick("rule", rule, [*RULES, *OBJECTIVES])
    base = baseline_arm(preds, baseline)
    parted = part(preds, choose_on, runs=runs)
    ladder = Ladder.of(parted.choose, base, at, level, margin, together)
    if rule in OBJECTIVES:
        found = _for_all(preds, base, rule, ladder, choose_on, runs, margin, level)
    else:
        found = RULES[rule](ladder, _asked(preserved, parted, delta))
    doses = tuple(map(float, found.dose))
    chosen, judged = (_expected(p, doses, ladder, level) for p in (parted.choose, parted.judge))
    return Prescription(
        vary=vary, classes=ladder.classes, doses=doses, rule=rule, at=float(ladder.doses[ladder.at]),
        studied=tuple(map(float, ladder.doses)), chosen_on=parted.chosen_on, judged_on=parted.judged_on,
        seeds=parted.seeds, why=found.why if any(found.why) else (), chosen=chosen, judged=judged, doubt=found.doubt,
        note=found.note,
    )  # fmt: skip


def _for_all(
    preds: Predictions, base: str, objective: str, ladder: Ladder, choose_on: Predictions | None, runs: Runs,
    margin: float, level: float,
) -> Doses:  # fmt: skip
    """Return the one dose that an objective chooses among the arms that have one."""
    arms = ladder.design.arms
    other = None if choose_on is None else choose_on.where(arms=arms)
    choice = choose(preds.where(arms=arms), base, choose_on=other, runs=runs, margin=margin, level=level).of(objective)
    assert choice.dose is not None, "every arm of a ladder has a dose"
    classes = len(ladder.classes)
    return Doses(np.full(classes, choice.dose), ("",) * classes, choice.doubt)


def _asked(preserved: Mapping[str, Predictions] | None, parted: Parted, delta: float) -> dict[str, Preservation]:
    """Return what references say of the images that do not judge."""
    if not preserved:
        return {}
    judges = set(parted.judge.sample.tolist())
    answers: dict[str, Predictions] = {}
    for network, preds in preserved.items():
        free = np.array([preds.on != parted.judge.on or sample not in judges for sample in preds.sample.tolist()])
        if not free.any():
            raise InputError(
                f"{visible(network)} was asked about the very images that judge; leave choose_on out: then one half of"
                " the images chooses and the other judges"
            )
        answers[network] = preds.where(samples=free)
    return {"all": preservation(answers, delta=delta)}


def compose(preds: Predictions, doses: Sequence[float]) -> Predictions:
    """Return the answers with one more arm, "prescribed": each image as it was answered at the dose of its class.

    Of doses between those of two arms, the nearer is taken. It has the runs whose seeds all arms have, and none of the
    ways in which classes trained together with others would push these.

    Raises
    ------
    InputError
        When no seed is in all arms that have a dose.

    Examples
    --------
    >>> preds = Predictions.from_arrays([0, 1], {"a": [[0, 0]], "b": [[1, 1]]}, dose={"a": 0.0, "b": 1.0})
    >>> compose(preds, (0.0, 1.0)).guess[-1].tolist()
    [0, 1]
    """
    arms = {dose: arm for arm in preds.arms if (dose := preds.dose_of(arm)) is not None}
    known = np.array(sorted(arms))
    nearest = known[np.abs(np.asarray(doses)[:, None] - known).argmin(axis=1)]
    row_of = {(arm, seed): row for row, (arm, seed) in enumerate(zip(preds.arm, preds.seed, strict=True))}
    seeds = sorted(set.intersection(*({preds.seed[r] for r in preds.rows(arm)} for arm in arms.values())))
    if not seeds:
        raise InputError("no seed was run at every dose; expected one or more, so that a class's arm can be taken")
    rows = [[row_of[arms[float(dose)], seed] for dose in nearest] for seed in seeds]
    image = np.arange(len(preds.label))
    taken = [np.array(row)[preds.unit] for row in rows]
    return replace(
        preds,
        guess=np.concatenate([preds.guess, np.array([preds.guess[row, image] for row in taken])]),
        p_label=None if preds.p_label is None else _stacked(preds.p_label, taken, image),
        arm=(*preds.arm, *[COMPOSED] * len(seeds)),
        seed=(*preds.seed, *seeds),
        dose=(*preds.dose, *[None] * len(seeds)),
    )  # fmt: skip


def _stacked(
    p_label: NDArray[np.float32], taken: list[NDArray[np.intp]], image: NDArray[np.intp]
) -> NDArray[np.float32]:
    return np.concatenate([p_label, np.array([p_label[row, image] for row in taken])])


def _expected(preds: Predictions, doses: Sequence[float], ladder: Ladder, level: float) -> Expected:
    """Return what these answers let one expect of the doses."""
    composed = compose(preds.where(arms=ladder.design.arms), doses)
    off, at = ladder.arm(ladder.off), ladder.arm(ladder.at)
    of = {base: estimate(composed, base, level=level) for base in {off, at}}
    return Expected(
        _mean(of[off], COMPOSED), _mean(of[at], COMPOSED), _harmed(of[off], COMPOSED),
        _harmed(of[off], at) if at != off else 0,
    )  # fmt: skip


def _mean(e: Effects, arm: str) -> tuple[float, float, float]:
    a = e.place(arm)
    return float(e.overall[a]), float(e.overall_low[a]), float(e.overall_high[a])


def _harmed(e: Effects, arm: str) -> int:
    return int(e.harmed[e.place(arm)].sum())
