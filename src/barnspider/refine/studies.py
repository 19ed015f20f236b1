"""Train an adaptive study: round after round of a sweep, each planned in the store before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from barnspider.errors import InputError, listing
from barnspider.lab.command import CommandRun
from barnspider.lab.data import load
from barnspider.lab.run import train_missing
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Run, Sweep
from barnspider.refine.rounds import Question, Round, first_round, next_round
from barnspider.store import Store


def refine(
    sweep: AnySweep,
    store: Store,
    question: Question,
    *,
    workers: int | None = None,
    device: str = "cpu",
    tell: Callable[[Round], None] = lambda _: None,
) -> Round:
    """Train what of a sweep decides something, and return the last round, after which nothing is to be done.

    Every round is derived anew from the answers of the rounds before, which are a function of recipe and seed alone:
    stopped at any moment, the same call goes on where it was and decides the same.

    Parameters
    ----------
    sweep
        What may be trained: its doses, and its seeds, in this order.
    question
        What is to be decided, and for how many runs.
    workers, device
        As in `lab.run.run`.
    tell
        Called with every round before it is trained, and with the last.

    Raises
    ------
    InputError
        When the sweep or the question does not fit, or this study was begun with another question.
    TrainingError, StoreError
        As in `lab.run.run`.
    """
    _check(sweep, store, question)
    ladder = _ladder(sweep)
    step = first_round(list(ladder), sweep.baseline, len(sweep.seeds), question)
    said: list[list[str]] = []
    while True:
        tell(step)
        said.append(list(step.reasons))
        about = _about(question, said)
        if not step.arms:
            break
        part = sweep.with_seeds(sweep.seeds[: step.seeds]).with_doses([ladder[arm] for arm in step.arms])
        if store.missing(part.runs()):
            train_missing(part, store, workers=workers, device=device, about={"refine": about})
        step = next_round(step, store.load(_cells(sweep, step)), list(ladder), len(sweep.seeds), question)
    doses = [ladder[arm] for arm in ladder if arm in step.runs]
    tried = sweep.with_seeds(sweep.seeds[: max(step.runs.values())]).with_doses(doses)
    store.plan(sweep.identity, _cells(sweep, step), tried.as_dict() | {"refine": about})
    return step


def _ladder(sweep: AnySweep) -> dict[str, Any]:
    """Return arm -> dose, in order of dose where doses have one."""
    arms = {run.arm: dose for run, dose in zip(sweep.runs(), sweep.doses, strict=False)}
    numbers = all(not isinstance(dose, tuple) for dose in sweep.doses)
    return dict(sorted(arms.items(), key=lambda item: item[1])) if numbers else arms  # pyright: ignore


def _cells(sweep: AnySweep, step: Round) -> list[Run | CommandRun]:
    """Return the runs that there are after a round, seed by seed."""
    rank = {seed: k for k, seed in enumerate(sweep.seeds)}
    order = list(_ladder(sweep))
    runs = [run for run in sweep.runs() if rank[run.seed] < step.runs.get(run.arm, 0)]
    return sorted(runs, key=lambda run: (rank[run.seed], order.index(run.arm)))


def _about(question: Question, said: list[list[str]]) -> dict[str, Any]:
    """Return what the store remembers of an adaptive study: the question, the rule, and every round's reasons."""
    asked = asdict(question) | {"classes": list(question.classes)}
    return asked | {"rounds": [list(reasons) for reasons in said]}


def _check(sweep: AnySweep, store: Store, question: Question) -> None:
    """Refuse unknown classes before anything is trained, and a question that is not the one the study began with."""
    if isinstance(sweep, Sweep) and sweep.also:
        raise InputError("an adaptive study goes from dose to dose; expected one without [arms]")
    known = _classes(sweep)
    if unknown := [name for name in question.classes if known and name not in known]:
        raise InputError(f"class={unknown[0]!r} is none of this data set; expected one of {listing(known)}")
    before = begun(store, sweep.identity)
    for name, value in (_about(question, []) if before else {}).items():
        if name != "rounds" and before[name] != value:
            raise InputError(
                f"this study was begun with {name} = {before[name]!r}, and now it is {value!r}; what is changed after a"
                " look at the results decides nothing honestly: go on with the same, or begin in a new store"
            )


def _classes(sweep: AnySweep) -> tuple[str, ...]:
    """Return the classes of a sweep's data; empty where a command knows them and does not say."""
    if isinstance(sweep, Sweep):
        return load(sweep.base.dataset, split_seed=sweep.base.split_seed).classes
    return sweep.base.classes


def begun(store: Store, identity: str) -> Mapping[str, Any]:
    """Return what the latest plan of a study remembers of its rounds; empty where it is no adaptive study."""
    if identity not in store.studies():
        return {}
    return store.study(identity).sweep.get("refine", {})
