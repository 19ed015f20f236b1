"""A packed study -> the same trainings once more, held against the packed answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from barnspider import words
from barnspider.agreement import MARGIN, Agreement, Status, agreement
from barnspider.as_json import plain
from barnspider.environments import Environment, environments, refuse_other_data, told
from barnspider.errors import InputError, listing
from barnspider.lab.data import load
from barnspider.lab.run import train_missing
from barnspider.lab.sweep import Sweep
from barnspider.lab.tally import Tally
from barnspider.names import visible
from barnspider.sources import default_baseline
from barnspider.store import Kept, Store, Study


@dataclass(frozen=True, eq=False)
class Repeated(words.Shown):
    """What was trained once more, and how it compares.

    Attributes
    ----------
    study : its identity
    agreement : of the new runs with the packed ones
    renamed : runs whose keys are others now: this version of barnspider trains that recipe in another way
    then, now : where the packed runs and the new ones were trained, each environment once
    tally : who has trained how many of them
    """

    study: str
    agreement: Agreement
    renamed: int
    then: tuple[Environment, ...]
    now: tuple[Environment, ...]
    tally: Tally

    @property
    def status(self) -> Status:
        """Whether they agree."""
        return self.agreement.status

    @property
    def exit_code(self) -> int:
        """0 where they agree, 1 where they do not, 3 where nobody can tell."""
        return self.agreement.exit_code

    @property
    def same_environment(self) -> bool:
        """Whether all were trained in one and the same environment, in which runs are the same bit for bit."""
        return len(self.then) == 1 and self.then == self.now

    def __str__(self) -> str:
        lines = [f"Study      {visible(self.study)}", f"Trained    {_said(self.then)}"]
        lines.append("Now        in the same environment" if self.same_environment else f"Now        {_said(self.now)}")
        if self.renamed:
            runs = words.counted(self.renamed, "run")
            lines.append(f"Note       {runs} had another key then: this version trains that recipe in another way")
        if self.same_environment and self.agreement.identical < len(self.agreement.twice):
            lines.append("Note       the environment is the same, and yet not all answers are: something else differs")
        return "\n".join([*lines, "", str(self.agreement)])

    def to_json(self) -> dict[str, Any]:
        """Return what `repeat --json` prints."""
        about = {"study": self.study, "same_environment": self.same_environment, "renamed": self.renamed}
        return {**about, "then": plain(self.then), "now": plain(self.now), **self.agreement.to_json()}


def repeat(
    packed: Kept,
    store: Store,
    *,
    study: str | None = None,
    seeds: int | None = None,
    doses: Sequence[float] | None = None,
    workers: int | None = None,
    device: str = "cpu",
    level: float = 0.95,
    margin: float = MARGIN,
) -> Repeated:
    """Train a study once more, into a store of its own, and compare its answers to test images with the packed ones.

    Parameters
    ----------
    packed
        What `barnspider.store.opened` opened: a packed file, or the store that the study was trained in.
    store
        Where the new runs are kept; those that are there already are not trained again.
    seeds
        How many of the study's seeds, the lowest; None: all.
    doses
        Which of the doses, the baseline among them; None: all.

    Raises
    ------
    InputError
        When the study did not train by a recipe of ours, or has fewer seeds or no such dose.
    DataError
        When the data are not what they were, or cannot be found.
    TrainingError, StoreError
        As `barnspider.lab.run`.
    """
    plan = packed.study(study)
    sweep = sweep_of(plan, seeds, doses)
    there = [cell for cell in plan.cells if cell.arm in sweep.arms()]
    documents = packed.sealed(there)
    data = load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    refuse_other_data(
        sweep.base.dataset, data.fingerprint, documents, runs="the packed runs", otherwise="compare nothing"
    )
    tally = train_missing(sweep, store, workers=workers, device=device)
    first, again = packed.load(there), store.load(sweep.runs())
    keys = {(cell.arm, cell.seed): cell.key for cell in there}
    baseline = default_baseline(first, packed.root, study=plan.identity) if len(sweep.arms()) > 1 else None
    return Repeated(
        study=plan.identity,
        agreement=agreement(first, again, baseline, level=level, margin=margin),
        renamed=sum(keys.get((run.arm, run.seed), run.key) != run.key for run in sweep.runs()),
        then=_distinct(documents),
        now=_distinct(store.sealed(sweep.runs())),
        tally=tally,
    )


def sweep_of(plan: Study, seeds: int | None = None, doses: Sequence[float] | None = None) -> Sweep:
    """Return what a plan trained, or a part of it, to be trained once more; weights are not kept.

    Raises
    ------
    InputError
        As `repeat`.
    """
    if plan.of is not None:
        raise InputError(f"study {plan.identity!r} was made of {plan.of!r}, and trained nothing; repeat that: --study")
    if "recipe" not in plan.sweep:
        raise InputError(f"study {plan.identity!r} is of a command, which is not packed; run its study file again")
    sweep = replace(Sweep.from_dict(plan.sweep), keep="")
    if doses is not None:
        if unknown := [dose for dose in doses if dose not in sweep.doses]:
            raise InputError(f"doses={listing(unknown)}; expected of the study's: {listing(sweep.doses)}")
        sweep = sweep.with_doses(doses)
    if seeds is None:
        return sweep
    if not 1 <= seeds <= len(sweep.seeds):
        raise InputError(f"seeds={seeds}; expected from 1 to {len(sweep.seeds)}, as many as the study has")
    return sweep.with_seeds(sorted(sweep.seeds)[:seeds])


def _distinct(documents: Sequence[Mapping[str, Any]]) -> tuple[Environment, ...]:
    return tuple(one for _, one in environments(documents))


def _said(found: Sequence[Environment]) -> str:
    return "in " + (listing(f"({told(one)})" for one in found) or "an unknown environment")
