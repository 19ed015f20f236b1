"""A store -> are its sums right, was it made in one environment, and do some of its runs come out again as they are?"""

from __future__ import annotations

import contextlib
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
from barnspider.environments import Environment, environments, told
from barnspider.errors import DataError, InputError, StoreError, TrainingError, listing
from barnspider.files import owner
from barnspider.lab.claims import clear_shared
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.progress import PATIENCE, Progress
from barnspider.remaking import CannotTell, Documents, Remakable, remakable
from barnspider.store import Looked, Planned, Store, Study, slug
from barnspider.store.checking import Sums, check_sums
from barnspider.store.documents import read_npz

SAMPLE = 3
"""Runs of each study that are made once more."""

SHOWN = 40
"""Damaged things that a person is shown one by one."""

MAY = {
    "command": "which a command may do",
    "environment": "in another environment",
    "recipe": "which its recipe permits",
    "version": "for this version makes it in another way",
}
"""Why a run that is made once more may be another."""


@dataclass(frozen=True)
class Again:
    """A run that was made once more.

    Attributes
    ----------
    images, differ : answers to test images, and how many are others now
    identical : whether all its answers are the same, and all their probabilities
    promised : whether they must be: the same environment, deterministic, and the same way to train
    free : whether it is a command's, of which nobody knows whether it answers the same each time
    otherwise : why it may be another where that is not promised: "command", "environment", "recipe" (which permits it)
        or "version" (which makes it in another way); empty where it is promised
    """

    arm: str
    seed: int
    images: int
    differ: int
    identical: bool
    promised: bool
    free: bool = False
    otherwise: str = "environment"


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
        return ", " + {**MAY, "": "though the environment is the same"}["" if run.promised else run.otherwise]


@dataclass(frozen=True, eq=False)
class Verification(words.Shown):
    """What `verify` found in a store.

    Attributes
    ----------
    unplanned : runs that no plan holds, so that nobody knows what they are
    """

    sums: Sums
    studies: tuple[Verified, ...]
    unplanned: int = 0

    @property
    def status(self) -> Status:
        """Whether all is as it was: not where a sum is wrong or a run does not come out again."""
        found = {study.status for study in self.studies}
        if self.sums.damaged or "disagree" in found:
            return "disagree"
        return "cannot tell" if "cannot tell" in found or self.unplanned else "agree"

    @property
    def exit_code(self) -> int:
        """0 where all is right, 1 where something is not, 3 where nobody can tell."""
        return EXIT_CODES[self.status]

    def __str__(self) -> str:
        sets = f"{self.sums.images} {'set' if self.sums.images == 1 else 'sets'} of images"
        told = [words.counted(self.sums.plans, "plan"), sets, words.counted(self.sums.runs, "run")]
        told += [f"weights of {words.counted(self.sums.weights, 'run')}"] if self.sums.weights else []
        wrong = [
            f"Damaged    {visible(one.place)}: {visible(one.why, longest=500)}" for one in self.sums.damaged[:SHOWN]
        ]
        if (count := len(self.sums.damaged)) > SHOWN:
            wrong.append(f"... and {count - SHOWN:,} more; --json has all")
        right = "all are right" if not wrong else f"{words.counted(count, 'sum')} wrong"
        if self.unplanned:
            runs = "1 run is" if self.unplanned == 1 else f"{self.unplanned:,} runs are"
            wrong.append(f"Unplanned  {runs} in no plan that is here: a plan is gone, or was not brought with them")
        lines = [f"Sums       of {', '.join(told)}: {right}", *wrong, *(f"\n{one}" for one in self.studies)]
        return "\n".join([*lines, "", self._verdict()])

    def _verdict(self) -> str:
        """Return what all of it comes to, and whose fault it is: the last line."""
        if self.status == "agree":
            made = sum(len(study.again) for study in self.studies)
            again = f"; {words.counted(made, 'run')} came out again" if made else "; no run was made again"
            return f"Verdict    agree: all that was looked at is as it was{again}"
        guilty = [visible(study.study) for study in self.studies if study.status == self.status]
        if self.status == "disagree" and self.sums.damaged:
            guilty.insert(0, f"{words.counted(len(self.sums.damaged), 'place')} damaged")
        if self.status == "cannot tell" and self.unplanned:
            guilty.append("runs that no plan holds")
        return f"Verdict    {self.status}: {listing(guilty)}"

    def to_json(self) -> dict[str, Any]:
        """Return what `verify --json` prints."""
        studies = [
            {**plain(replace(s, agreement=None)), "agreement": s.agreement and s.agreement.to_json()}
            | {"mixed": plain(s.mixed), "status": s.status}
            for s in self.studies
        ]
        return {"status": self.status, "sums": plain(self.sums), "unplanned": self.unplanned, "studies": studies}


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
        How many runs of each study are made once more; 0 for none. A command is started again in its folder; networks
        and transfers are made from kept weights, and references asked again.
    device, level, margin
        As in `barnspider.repeat.repeat`.

    Raises
    ------
    InputError
        When there is no such study, the store holds none, or a number is out of range.
    DataError
        When the data of the one study that is looked at are not what they were, or cannot be found; of many studies
        this is told of each.
    StoreError
        When the store cannot be read.
    TrainingError
        When there is no torch or no such device.
    """
    if sample < 0:
        raise InputError(f"sample={sample}; expected how many runs, 0 or more")
    looked = Looked(store.root)
    sums = check_sums(looked)
    if not (sums.plans or sums.runs):
        raise InputError(f"{str(store.root)!r} holds no study yet; plan one with `barnspider run`")
    if study is None:
        unplanned = 0 if _damaged(sums, "studies") else _unplanned(looked)
        found = [_told(looked, name, sums, sample, device, level, margin) for name in looked.studies()]
        return Verification(sums, tuple(found), unplanned)
    if any(study in (folder, folder.rpartition("-")[0]) for folder in _damaged(sums, "studies")):
        return Verification(sums, ())  # nobody knows what was planned
    return Verification(sums, (_verified(looked, looked.study(study), sums, sample, device, level, margin),))


def _damaged(sums: Sums, room: str) -> set[str]:
    """Return which folders of a part of the store hold something damaged."""
    places = (damage.place.split("/") for damage in sums.damaged)
    return {name for start, name, *_ in places if start == room}


def _unplanned(store: Looked) -> int:
    there = {path.name for path in store.root.glob("runs/[!.]*") if path.is_dir()}
    return len(there - set(map(slug, store.planned_keys())))


def _told(store: Looked, name: str, sums: Sums, sample: int, device: str, level: float, margin: float) -> Verified:
    """Look at one of many studies: that it cannot be made again shall not hide what is found of the others."""
    plan = store.study(name)
    try:
        return _verified(store, plan, sums, sample, device, level, margin)
    except (DataError, InputError, StoreError) as error:
        return replace(_there(store, plan, sums)[0], why_not=str(error))


def _there(store: Looked, plan: Study, sums: Sums) -> tuple[Verified, Documents]:
    """Return what is there of a study, and the documents of its sound runs."""
    damaged = _damaged(sums, "runs")
    documents = {document["key"]: document for document in store.sealed(c for c in plan.cells if c.key not in damaged)}
    return Verified(plan.identity, len(plan.cells), len(documents), environments(list(documents.values()))), documents


def _verified(
    store: Looked, plan: Study, sums: Sums, sample: int, device: str, level: float, margin: float
) -> Verified:
    found, documents = _there(store, plan, sums)
    if not sample:
        return found
    done = [cell for cell in plan.cells if cell.key in documents and documents[cell.key]["status"] == "done"]
    if why_not := _nothing_to_compare(store, plan, [documents[cell.key] for cell in done], sums):
        return replace(found, why_not=why_not)
    runs = remakable(store, plan, done, documents, device)
    if isinstance(runs, CannotTell):
        return replace(found, why_not=runs.why)
    if not runs:
        return replace(found, why_not="no run that is there is of the latest plan")
    clear_shared()
    with tempfile.TemporaryDirectory(prefix=f"barnspider-{owner()}-") as folder:
        drawn, again = _drawn(plan, runs, sample), Store(Path(folder))
        try:
            made = _make_again(plan.identity, store, again, drawn, documents)
        except TrainingError as error:  # a command that fails now, a probe that does not converge
            return replace(found, why_not=str(error))
        held = _held(store.load(done), again, [one.run for one in drawn], level, margin)
        return replace(found, again=tuple(made), agreement=held)


def _nothing_to_compare(store: Looked, plan: Study, done: Sequence[Mapping[str, Any]], sums: Sums) -> str:
    """Return why there is nothing with which runs that are made again could be compared; empty where there is."""
    if {slug(document["fingerprint"]) for document in done} & _damaged(sums, "images"):
        return "what the store knows of the images that its runs answered is damaged"
    if done:
        return ""
    return "no run that is there is sound and has answers" if store.count(plan.cells) else "no run is there"


def _drawn(plan: Study, runs: Sequence[Remakable], sample: int) -> list[Remakable]:
    """Return some of the runs that can be made again, in the plan's order."""
    places = random.Random(plan.identity).sample(range(len(runs)), min(sample, len(runs)))
    return [runs[i] for i in sorted(places)]


def _make_again(
    study: str, store: Store, again: Store, drawn: Sequence[Remakable], documents: Documents
) -> list[Again]:
    found: list[Again] = []
    took = sum(float(documents[one.cell.key].get("seconds", 0)) for one in drawn)
    name = visible(study, longest=60)
    patience = PATIENCE if took < PATIENCE else 0.0
    with Progress(f"making again, {name}", total=len(drawn), patience=patience, guess=took) as progress:
        progress.begin()
        progress.show(0)
        for one in drawn:
            one.make(again)
            found.append(_once_more(store, again, one, documents[one.cell.key]))
            progress.show(len(found))
    return found


def _once_more(store: Store, again: Store, one: Remakable, then: Mapping[str, Any]) -> Again:
    now = again.document(one.run.key) or {}
    environment = now.get("environment", {})
    otherwise = _otherwise(one, environment, then.get("environment"))
    differ, images, identical = _compared(store.root / "runs" / one.cell.key, again.root / "runs" / one.run.key)
    if now.get("fingerprint") != then["fingerprint"]:  # a command may answer other images
        differ, identical = images, False
    return Again(one.cell.arm, one.cell.seed, images, differ, identical, not otherwise, one.free, otherwise)


def _otherwise(one: Remakable, now: Mapping[str, Any], then: object) -> str:
    """Return why a run may be another when it is made once more; empty where it must be the same."""
    if one.free:
        return "command"
    if one.run.key != one.cell.key:
        return "version"
    if now != then:
        return "environment"
    return "" if now.get("deterministic") == "yes" else "recipe"


def _held(first: Predictions, again: Store, runs: Sequence[Planned], level: float, margin: float) -> Agreement | None:
    """Hold what was made again against all that was there; None where it cannot be compared."""
    if not again.has_answers(runs, "test"):  # all have diverged
        return None
    with contextlib.suppress(InputError):  # a command answered other images
        return agreement(first, again.load(runs), level=level, margin=margin)
    return None


def _compared(then: Path, now: Path) -> tuple[int, int, bool]:
    """Return how many answers to test images differ, of how many; and whether all that is answered is the same."""
    images = len(read_npz(then / "test.npz")["guess"])
    splits = [file.name for file in sorted(now.glob("*.npz")) if (then / file.name).exists()]
    if "test.npz" not in splits:  # it diverged now
        return images, images, False
    differ, identical = 0, True
    for name in splits:
        first, second = read_npz(then / name), read_npz(now / name)
        if first["guess"].shape != second["guess"].shape:
            return images, images, False
        others = first["guess"] != second["guess"]
        differ = int(others.sum()) if name == "test.npz" else differ
        same = "p_label" not in second or ("p_label" in first and np.array_equal(first["p_label"], second["p_label"]))
        identical = identical and not others.any() and same
    return differ, images, identical
