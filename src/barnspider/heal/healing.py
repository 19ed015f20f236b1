"""heal(plan, store): choose on validation images, train and adjust, judge on test images with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from barnspider.errors import InputError
from barnspider.heal.loop import Doses, loop, told
from barnspider.heal.plan import FREE, HEALED, METHODS, MOVED, Healing
from barnspider.joining import concat
from barnspider.lab.derived import Deriving, derive
from barnspider.lab.run import train_missing
from barnspider.lab.sweep import Sweep, dose_name
from barnspider.predictions import Predictions
from barnspider.prescribe import Judgement, Ladder, judge, prescribe
from barnspider.prescription import Prescription
from barnspider.preservation import read_asked
from barnspider.store import Store
from barnspider.tried import Round, Tried

Tell = Callable[[str], None]

PRESERVING = "label preservation"

STARTS = ("harmed groups", "harmed and receivers")
"""The rules from which the loop starts: the first that leaves a class anything of the knob."""


@dataclass(frozen=True, eq=False)
class Healed:
    """What came of it.

    Attributes
    ----------
    judgement : every arm, judged on test images with fresh seeds
    tried : the prescriptions, by the name of the rule, and "healed"; the rounds of the loop; what each arm is and costs
    study : the judgement's study in the store: `audit`, `report`, `judge` and all others read it
    fresh, chooser : the answers that judged, and those on which the best doses were chosen
    """

    judgement: Judgement
    tried: Tried
    study: str
    fresh: Predictions
    chooser: Predictions

    def __str__(self) -> str:
        same = self.tried.same.items()
        said = [f"{name}: every class has {dose:g}: not trained by itself" for name, dose in same]
        found = self.tried.prescriptions.items()
        doubts = [f"{name}: {text}" for name, rx in found for text in (rx.doubt, rx.note) if text]
        return "\n".join([str(self.judgement), *said, *doubts, *self.tried.notes])

    def to_json(self) -> dict[str, Any]:
        """Return `heal --json`."""
        return self.judgement.to_json() | {"study": self.study} | self.tried.to_json()


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

    def train(sweep: Sweep, made: str, said: Mapping[str, Any] | None = None) -> None:
        about = {"of": plan.sweep.identity, "made": made} | dict(said or {}) if made else None
        train_missing(sweep, store, workers=workers, device=device, about=about)

    _check_asked(plan, store)
    train(plan.sweep, "")
    chooser = store.load(plan.sweep.runs(), "validation")
    found = _prescriptions(plan, store, chooser)
    start = _start(plan, store, chooser, found)
    closed, rounds = _loop(plan, store, chooser, start, train, tell)
    found |= {HEALED: closed} if rounds else {}
    trial, tried = _trial(plan, found, rounds, closed.at, _references(store, plan.sweep.identity))
    for note in tried.notes:
        tell(note)
    train(trial, "judge", {"tried": tried.to_json()})
    fresh = _with_free(plan, store, trial, tried, workers, device)
    judged = judge(fresh, chooser, plan.baseline, at=closed.at, cost=tried.cost, level=plan.level)
    return Healed(judged, tried, trial.identity, fresh, chooser)


def _check_asked(plan: Healing, store: Store) -> None:
    """Refuse, before anything is trained, a rule that needs references when none was asked."""
    if PRESERVING in plan.rules and not _references(store, plan.sweep.identity):
        raise InputError(
            f"rule={PRESERVING!r} needs what references say, and none was asked; run `barnspider preserve` with this"
            " study and store first, or leave that rule out"
        )


def _prescriptions(plan: Healing, store: Store, chooser: Predictions) -> dict[str, Prescription]:
    sweep = plan.sweep
    test = store.load(sweep.runs())
    asked = read_asked(store.root, sweep.identity, split="validation")
    return {rule: _prescribed(plan, rule, test, chooser, asked) for rule in plan.rules}


def _start(plan: Healing, store: Store, chooser: Predictions, found: Mapping[str, Prescription]) -> Prescription:
    """Return what the loop trains first; where every rule turns the knob off for all, the dose for all."""
    test = store.load(plan.sweep.runs())
    starts = [found.get(rule) or _prescribed(plan, rule, test, chooser, {}) for rule in STARTS]
    whole = replace(
        starts[-1], doses=(starts[-1].at,) * len(starts[-1].doses), rule="one dose for all", why=(), doubt="", note=""
    )
    return next((rx for rx in starts if any(rx.doses)), whole)


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
    ladder = Ladder.of(chooser, plan.baseline, start.at, plan.level, plan.margin, plan.together)
    groups = ladder.groups().of if start.rule == STARTS[0] else None

    def answers(doses: Sequence[Doses]) -> Predictions:
        tried = tuple(d[0] if len(set(d)) == 1 else d for d in doses)
        arms = tuple(dict.fromkeys((0.0, *tried)))
        healing = replace(
            sweep, name=f"{sweep.name}-healing-at-{start.at:g}", doses=arms, baseline_dose=None, keep="",
            prescribed=_rounds(start, doses),
        )  # fmt: skip
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


def _rounds(start: Prescription, doses: Sequence[Doses]) -> tuple[Prescription, ...]:
    """Return what the loop trained as prescriptions, so that the store's plan tells the classes of the doses."""
    return tuple(
        replace(start, doses=own, rule=f"round {k}", why=(), chosen=None, judged=None, doubt="", note="")
        for k, own in enumerate(doses, start=1)
        if len(set(own)) > 1
    )


def _references(store: Store, study: str) -> int:
    """Return how many reference networks were asked about a study's images."""
    plans = [plan for plan in map(store.study, store.studies()) if plan.of == study]
    return sum(int(plan.sweep["models"]) for plan in plans if plan.sweep.get("made") == "preserve")


def _trial(
    plan: Healing, found: Mapping[str, Prescription], rounds: tuple[Round, ...], at: float, references: int
) -> tuple[Sweep, Tried]:
    """Return the study that judges, and what it tries.

    Where every class has one dose, an arm is not trained by itself.
    """
    sweep, idle = plan.sweep, plan.idle(at)
    own = {name: rx.dose for name, rx in found.items() if isinstance(rx.dose, tuple)}
    also = {name: sweep.base.with_(sweep.vary, dose) for name, dose in own.items()}
    best = sweep.base.with_(sweep.vary, at)
    also |= {name: METHODS[name](best) for name in plan.trained() if name not in idle}
    trial = replace(
        sweep, name=f"{sweep.name}-judged-at-{at:g}", seeds=plan.fresh, keep="weights" if plan.free() else sweep.keep,
        also=tuple(also.items()), baseline_dose=0.0,
    )  # fmt: skip
    derived = {name: _derived(plan, trial, name, at) for name in plan.free() if name not in idle}
    arms = [*trial.arms(), *derived]
    tried = Tried(
        prescriptions=dict(found), rounds=rounds, same={x: rx.doses[0] for x, rx in found.items() if x not in own},
        cost=_cost(plan, len(rounds), arms, references), about={name: arm for name, (_, arm) in derived.items()}, at=at,
        notes=tuple(f"{name} is not tried: {why}" for name, why in idle.items()), derived=derived,
    )  # fmt: skip
    return trial, tried


def _doses_of(plan: Healing, name: str, at: float) -> tuple[float, ...]:
    """Return the doses whose networks a way that trains nothing is made of."""
    return (0.0, at) if name == MOVED else tuple(float(d) for d in plan.sweep.doses if not isinstance(d, tuple))


def _derived(plan: Healing, trial: Sweep, name: str, at: float) -> tuple[str, str]:
    """Return the study that holds what is made without training, and its arm there."""
    made = Deriving(trial, _doses_of(plan, name, at), (FREE[name],))
    arms = {part.cell.arm for part in made.parts()}
    return made.identity, arms.pop()


def _with_free(
    plan: Healing, store: Store, trial: Sweep, tried: Tried, workers: int | None, device: str
) -> Predictions:
    """Return the answers of everything that judges: the trial's runs, and what is made of them without training."""
    parts = [store.load(trial.runs())]
    for name, (_, arm) in tried.derived.items():
        doses = _doses_of(plan, name, tried.at or 0.0)
        made = derive(trial, store, how=FREE[name], doses=doses, workers=workers, device=device)
        parts.append(replace(made.where(arms=[arm]), arm=(name,) * made.arm.count(arm)))
    return concat(parts)


def _cost(plan: Healing, rounds: int, arms: Sequence[str], references: int) -> dict[str, int]:
    """Return how many models were trained to come by each arm, those that only judge it left out.

    Label preservation needs references, and no sweep.
    """
    doses, seeds = len(plan.sweep.doses), len(plan.sweep.seeds)
    choosing = doses * seeds
    single = {dose_name(plan.sweep.vary, dose) for dose in plan.sweep.doses}
    mean = {name: doses for name in FREE if name.startswith("mean")}
    of = {arm: 0 if arm in single else choosing for arm in arms} | {HEALED: choosing + rounds * seeds}
    of |= {PRESERVING: references} if PRESERVING in arms else {}
    return of | {name: models for name, models in mean.items() if name in arms}
