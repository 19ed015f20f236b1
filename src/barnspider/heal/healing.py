"""heal(plan, store): choose on validation images, train and adjust, judge on test images with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from barnspider.heal.loop import Doses, Round, loop, told
from barnspider.heal.plan import FREE, HEALED, METHODS, MOVED, Healing
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import train_missing
from barnspider.lab.sweep import Sweep, dose_name
from barnspider.predictions import Predictions, concat
from barnspider.prescribe import Judgement, Ladder, judge, prescribe
from barnspider.prescription import Prescription
from barnspider.preservation import read_asked
from barnspider.store import Store

Tell = Callable[[str], None]

START = "harmed groups"
"""The rule from which the loop starts."""


@dataclass(frozen=True, eq=False)
class Healed:
    """What came of it.

    Attributes
    ----------
    judgement : every arm, judged on test images with fresh seeds
    prescriptions : by the name of the rule, and "healed"; those that prescribe nothing (`doubt`) among them
    rounds : of the loop
    study : the judgement's study in the store: `audit`, `report` and all others read it
    same : arms that were not trained by themselves, and the dose that every class has in them
    """

    judgement: Judgement
    prescriptions: Mapping[str, Prescription]
    rounds: tuple[Round, ...]
    study: str
    same: Mapping[str, float]

    def __str__(self) -> str:
        said = [f"{name}: every class has {dose:g}: not trained by itself" for name, dose in self.same.items()]
        doubts = [f"{name}: {rx.doubt}" for name, rx in self.prescriptions.items() if rx.doubt]
        return "\n".join([str(self.judgement), *said, *doubts])

    def to_json(self) -> dict[str, Any]:
        """Return `heal --json`."""
        return self.judgement.to_json() | {
            "study": self.study, "same": dict(self.same), "rounds": [asdict(x) for x in self.rounds],
            "prescriptions": {name: rx.to_json() for name, rx in self.prescriptions.items()},
        }  # fmt: skip


def heal(
    plan: Healing, store: Store, *, workers: int | None = None, device: str = "cpu", tell: Tell = lambda _: None
) -> Healed:
    """Train the study, prescribe by every rule, close the loop, and judge all of it and the other methods.

    All choices are made on validation images with the study's own seeds; test images and fresh seeds judge. What is in
    the store is not trained again, so that what was stopped goes on.

    Raises
    ------
    InputError
        When the study has no validation images, or "label preservation" is asked and no reference was.
    TrainingError, StoreError
        As in `lab.run.run`.
    """

    def train(sweep: Sweep, made: str) -> None:
        about = {"of": plan.sweep.identity, "made": made} if made else None
        train_missing(sweep, store, workers=workers, device=device, about=about)

    train(plan.sweep, "")
    chooser = store.load(plan.sweep.runs(), "validation")
    found = _prescriptions(plan, store, chooser)
    start = found.get(START) or _prescribed(plan, START, store.load(plan.sweep.runs()), chooser, {})
    closed, rounds = _loop(plan, store, chooser, start, train, tell)
    found |= {HEALED: closed} if rounds else {}
    for name, why in plan.idle(closed.at).items():
        tell(f"{name} is not tried: {why}")
    trial, same = _trial(plan, found, closed.at)
    train(trial, "judge")
    fresh = _with_free(plan, store, trial, closed.at, workers, device)
    cost = _cost(plan, len(rounds), fresh.arms)
    return Healed(
        judge(fresh, chooser, plan.baseline, at=closed.at, cost=cost, level=plan.level), found, rounds, trial.identity,
        same,
    )  # fmt: skip


def _prescriptions(plan: Healing, store: Store, chooser: Predictions) -> dict[str, Prescription]:
    sweep = plan.sweep
    test = store.load(sweep.runs())
    asked = read_asked(store.root, sweep.identity, split="validation")
    return {rule: _prescribed(plan, rule, test, chooser, asked) for rule in plan.rules}


def _prescribed(
    plan: Healing, rule: str, test: Predictions, chooser: Predictions, asked: Mapping[str, Predictions]
) -> Prescription:
    return prescribe(
        test, plan.sweep.vary, plan.baseline, rule=rule, at=plan.at, choose_on=chooser, runs="all", preserved=asked,
        level=plan.level, margin=plan.margin, together=plan.together,
    )  # fmt: skip


def _loop(
    plan: Healing,
    store: Store,
    chooser: Predictions,
    start: Prescription,
    train: Callable[[Sweep, str], None],
    tell: Tell,
) -> tuple[Prescription, tuple[Round, ...]]:
    """Close the loop, from what was prescribed."""
    sweep = plan.sweep
    groups = Ladder.of(chooser, plan.baseline, start.at, plan.level, plan.margin, plan.together).groups()

    def answers(doses: Sequence[Doses]) -> Predictions:
        tried = tuple(d[0] if len(set(d)) == 1 else d for d in doses)
        arms = tuple(dict.fromkeys((0.0, *tried)))
        healing = replace(sweep, name=f"{sweep.name}-healing", doses=arms, baseline_dose=None, keep="")
        train(healing, "heal")
        last = dose_name(sweep.vary, tried[-1])
        return store.load([run for run in healing.runs() if run.arm == last], "validation")

    said: list[Round] = []

    def say(done: Round) -> None:
        said.append(done)
        tell(told(len(said), done))

    if start.at == 0.0:
        tell("the best single dose is 0, which harms nobody: there is no loop; say which is to be healed: --at DOSE")
        return start, ()
    return loop(start, answers, chooser.where(arms=[plan.baseline]), plan.rounds, say, groups)


def _trial(plan: Healing, found: Mapping[str, Prescription], at: float) -> tuple[Sweep, dict[str, float]]:
    """Return the study that judges; and arms that are not trained by themselves, since all classes have one dose."""
    sweep = plan.sweep
    also: dict[str, Recipe] = {}
    same: dict[str, float] = {}
    for name, rx in found.items():
        if isinstance(rx.dose, tuple):
            also[name] = sweep.base.with_(sweep.vary, rx.dose)
        else:
            same[name] = rx.dose
    best = sweep.base.with_(sweep.vary, at)
    also |= {name: METHODS[name](best) for name in plan.trained() if name not in plan.idle(at)}
    trial = replace(
        sweep, name=f"{sweep.name}-judged", seeds=plan.fresh, keep="weights" if plan.free() else sweep.keep,
        also=tuple(also.items()), baseline_dose=0.0,
    )  # fmt: skip
    return trial, same


def _with_free(plan: Healing, store: Store, trial: Sweep, at: float, workers: int | None, device: str) -> Predictions:
    """Return the answers of everything that judges: the trial's runs, and what is made of them without training."""
    parts = [store.load(trial.runs())]
    for name in (free for free in plan.free() if free not in plan.idle(at)):
        from barnspider.lab.derived import derive

        moved = name == MOVED
        doses = (0.0, at) if moved else plan.sweep.doses
        made = derive(trial, store, how=FREE[name], doses=doses, workers=workers, device=device)
        arm = next(a for a in made.arms if (a.endswith("with moved logits") if moved else a.startswith(f"{name} of")))
        parts.append(replace(made.where(arms=[arm]), arm=(name,) * made.arm.count(arm)))
    return concat(parts)


def _cost(plan: Healing, rounds: int, arms: Sequence[str]) -> dict[str, int]:
    """Return how many models were trained to come by each arm, those that only judge it left out."""
    doses, seeds = len(plan.sweep.doses), len(plan.sweep.seeds)
    choosing = doses * seeds
    single = {dose_name(plan.sweep.vary, dose) for dose in plan.sweep.doses}
    mean = {name: doses for name in FREE if name.startswith("mean")}
    of = {arm: 0 if arm in single else choosing for arm in arms} | {HEALED: choosing + rounds * seeds}
    return of | {name: models for name, models in mean.items() if name in arms}
