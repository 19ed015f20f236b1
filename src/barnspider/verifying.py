"""A store -> are its sums right, was it made in one environment, and do some of its runs come out again as they are?"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from barnspider import words
from barnspider.agreement import EXIT_CODES, MARGIN, Agreement, Status, agreement
from barnspider.as_json import plain
from barnspider.environments import Environment, environments, refuse_other_data, told
from barnspider.errors import InputError, listing
from barnspider.lab.data import Dataset, load
from barnspider.lab.images import describe
from barnspider.lab.run import check_torch
from barnspider.lab.sweep import Run, Sweep
from barnspider.names import visible
from barnspider.progress import Progress
from barnspider.store import Cell, Result, Store, Study
from barnspider.store.checking import Sums, check_sums
from barnspider.store.documents import read_npz

SAMPLE = 3
"""Runs of each study that are made once more."""


@dataclass(frozen=True)
class Again:
    """A run that was made once more.

    Attributes
    ----------
    images, differ : answers to test images, and how many are others now
    identical : whether all its answers are the same, and all their probabilities
    promised : whether they must be: the same environment, deterministic, and the same way to train
    """

    arm: str
    seed: int
    images: int
    differ: int
    identical: bool
    promised: bool


@dataclass(frozen=True, eq=False)
class Verified:
    """What was found out about one study.

    Attributes
    ----------
    planned, sealed : numbers of runs
    environments : each in which sound runs were made, and of how many
    again : runs that were made once more
    agreement : of these with the first; None where none was made
    why_not : why none was; empty where some were, or none was asked for
    """

    study: str
    planned: int
    sealed: int
    environments: tuple[tuple[int, Environment], ...]
    again: tuple[Again, ...] = ()
    agreement: Agreement | None = None
    why_not: str = ""

    @property
    def mixed(self) -> dict[str, tuple[str, ...]]:
        """What differs between the environments: the values of each such field."""
        names = dict.fromkeys(name for _, one in self.environments for name in one)
        found = {n: tuple(dict.fromkeys(str(one.get(n, "unknown")) for _, one in self.environments)) for n in names}
        return {name: values for name, values in found.items() if len(values) > 1}

    @property
    def status(self) -> Status:
        """Whether runs come out again: bit for bit where that is promised, else within what chance explains."""
        if self.why_not:
            return "cannot tell"
        if any(run.promised and not run.identical for run in self.again):
            return "disagree"
        if all(run.identical for run in self.again):
            return "agree"
        return "disagree" if self.agreement is None else self.agreement.status

    def __str__(self) -> str:
        lines = [f"Study      {visible(self.study)}: {self.sealed} of {words.counted(self.planned, 'run')} there"]
        lines += [f"Made in    {told(one)}: {words.counted(count, 'run')}" for count, one in self.environments]
        if self.mixed:
            lines.append(f"Mixed      {', '.join(f'{n} ({listing(map(visible, v))})' for n, v in self.mixed.items())}")
        lines += [f"Again      {self._told(run)}" for run in self.again]
        if self.why_not:
            lines.append(f"Again      cannot tell: {self.why_not}")
        if self.agreement is not None and not all(run.identical for run in self.again):
            lines += ["", str(self.agreement)]
        return "\n".join(lines)

    def _told(self, run: Again) -> str:
        cell = f"{visible(run.arm)}, seed {run.seed}"
        if run.identical:
            return f"{cell}: the same, bit for bit"
        if not run.differ:
            return f"{cell}: the same answers, with other probabilities{self._broken(run)}"
        return f"{cell}: {run.differ} of {run.images} answers are others{self._broken(run)}"

    def _broken(self, run: Again) -> str:
        return ", though the environment is the same" if run.promised else ", in another environment"


@dataclass(frozen=True, eq=False)
class Verification(words.Shown):
    """What `verify` found in a store."""

    sums: Sums
    studies: tuple[Verified, ...]

    @property
    def status(self) -> Status:
        """Whether all is as it was: not where a sum is wrong or a run does not come out again."""
        found = {study.status for study in self.studies}
        if self.sums.damaged or "disagree" in found:
            return "disagree"
        return "cannot tell" if "cannot tell" in found else "agree"

    @property
    def exit_code(self) -> int:
        """0 where all is right, 1 where something is not, 3 where nobody can tell."""
        return EXIT_CODES[self.status]

    def __str__(self) -> str:
        sets = f"{self.sums.images} {'set' if self.sums.images == 1 else 'sets'} of images"
        told = [words.counted(self.sums.plans, "plan"), sets, words.counted(self.sums.runs, "run")]
        told += [f"weights of {words.counted(self.sums.weights, 'run')}"] if self.sums.weights else []
        wrong = [f"Damaged    {visible(one.place)}: {visible(one.why, longest=500)}" for one in self.sums.damaged]
        right = "all are right" if not wrong else f"{words.counted(len(wrong), 'sum')} wrong"
        return "\n".join([f"Sums       of {', '.join(told)}: {right}", *wrong, *(f"\n{one}" for one in self.studies)])

    def to_json(self) -> dict[str, Any]:
        """Return what `verify --json` prints."""
        studies = [
            {**plain(replace(s, agreement=None)), "agreement": s.agreement and s.agreement.to_json()}
            | {"mixed": plain(s.mixed), "status": s.status}
            for s in self.studies
        ]
        return {"status": self.status, "sums": plain(self.sums), "studies": studies}


def verify(
    store: Store,
    study: str | None = None,
    *,
    sample: int = SAMPLE,
    device: str = "cpu",
    level: float = 0.95,
    margin: float = MARGIN,
) -> Verification:
    """Check all sums of a store, list the environments of its studies, and make a few runs of each once more.

    The store is only read. Which runs are made again is drawn by chance, the same for the same plan.

    Parameters
    ----------
    study
        Which study is looked at; by default all. Sums are always checked of the whole store.
    sample
        How many runs of each study are made once more; 0 for none. Only trainings of ours can be.
    device, level, margin
        As in `barnspider.repeat.repeat`.

    Raises
    ------
    InputError
        When there is no such study, or a number is out of range.
    DataError
        When the data are not what they were, or cannot be found.
    TrainingError
        When there is no torch or no such device.
    """
    if sample < 0:
        raise InputError(f"sample={sample}; expected how many runs, 0 or more")
    sums = check_sums(store)
    plans = {place.place.split("/")[1] for place in sums.damaged if place.place.startswith("studies/")}
    if plans:  # then nobody knows what was planned
        return Verification(sums, ())
    names = [store.study(study).identity] if study is not None else list(store.studies())
    return Verification(
        sums, tuple(_verified(store, store.study(name), sample, device, level, margin) for name in names)
    )


def _verified(store: Store, plan: Study, sample: int, device: str, level: float, margin: float) -> Verified:
    documents = {document["key"]: document for document in store.sealed(plan.cells)}
    found = Verified(plan.identity, len(plan.cells), len(documents), environments(list(documents.values())))
    if not sample:
        return found
    done = [cell for cell in plan.cells if cell.key in documents and documents[cell.key]["status"] == "done"]
    if why_not := _why_not(plan, done):
        return replace(found, why_not=why_not)
    pairs = _drawn(plan, done, sample)
    if not pairs:
        return replace(found, why_not="no run that is there is of the latest plan")
    with tempfile.TemporaryDirectory(prefix="barnspider-verify-") as folder:
        again, runs = Store(Path(folder)), [run for run, _ in pairs]
        made = _make_again(store, again, pairs, documents, device)
        whole = again.has_answers(runs, "test")  # else all have diverged
        held = agreement(store.load(done), again.load(runs), level=level, margin=margin) if whole else None
    return replace(found, again=tuple(made), agreement=held)


def _why_not(plan: Study, done: Sequence[Cell]) -> str:
    if not done:
        return "no run is there"
    if "recipe" in plan.sweep:
        return ""
    if "command" in plan.sweep:
        return "its runs are of a command, which is not started here"
    return f"it was made of {visible(str(plan.of))!r}; verify that" if plan.of else "its networks are somebody else's"


def _drawn(plan: Study, done: Sequence[Cell], sample: int) -> list[tuple[Run, Cell]]:
    """Return some runs that can be made again, with what was sealed of them, in the plan's order."""
    try:
        runs = {(run.arm, run.seed): run for run in replace(Sweep.from_dict(plan.sweep), keep="").runs()}
    except TypeError as error:
        raise InputError(f"the recipe of {plan.identity!r} is not known to this version: {error}") from None
    there = [(runs[cell.arm, cell.seed], cell) for cell in done if (cell.arm, cell.seed) in runs]
    places = random.Random(plan.identity).sample(range(len(there)), min(sample, len(there)))
    return [there[i] for i in sorted(places)]


def _make_again(
    store: Store, again: Store, pairs: Sequence[tuple[Run, Cell]], documents: Mapping[str, Any], device: str
) -> list[Again]:
    check_torch()
    recipe = pairs[0][0].recipe
    data = load(recipe.dataset, split_seed=recipe.split_seed)
    seen = [documents[cell.key] for _, cell in pairs]
    refuse_other_data(recipe.dataset, data.fingerprint, seen, runs="the runs", otherwise="say --sample 0")
    describe(again, data)
    found: list[Again] = []
    with Progress("making again", total=len(pairs)) as progress:
        progress.begin()
        for run, cell in pairs:
            found.append(_once_more(store, again, run, cell, documents[cell.key], data, device))
            progress.show(len(found))
    return found


def _once_more(
    store: Store, again: Store, run: Run, cell: Cell, document: Mapping[str, Any], data: Dataset, device: str
) -> Again:
    from barnspider.lab.machine import placed
    from barnspider.lab.worker import result_of  # which need torch

    result = result_of(run, data, None, placed(device, 0))
    again.write(run.key, result)
    now = result.about["environment"]
    promised = now == document.get("environment") and now["deterministic"] == "yes" and run.key == cell.key
    differ, images, identical = _compared(store, cell, result)
    return Again(run.arm, run.seed, images, differ, identical, promised)


def _compared(store: Store, cell: Cell, result: Result) -> tuple[int, int, bool]:
    """Return how many answers to test images differ, of how many; and whether all that is answered is the same."""
    if not result.answers:  # it diverged now
        images = len(read_npz(store.root / "runs" / cell.key / "test.npz")["guess"])
        return images, images, False
    differ, images, identical = 0, 0, True
    for split, answers in result.answers.items():
        path = store.root / "runs" / cell.key / f"{split}.npz"
        if not path.exists():  # from before there were such answers
            continue
        then = read_npz(path)
        others = then["guess"] != answers.guess
        if split == "test":
            differ, images = int(others.sum()), len(others)
        same = answers.p_label is None or np.array_equal(then["p_label"], answers.p_label.astype(np.float16))
        identical = identical and not others.any() and same
    return differ, images, identical
