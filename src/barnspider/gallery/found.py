"""One study of the gallery, and what is found in it: every number by the library, from the packed answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from barnspider.design import Design
from barnspider.dose_axis import DoseAxis
from barnspider.doses import BestDoses, DoseCurves, Tolls, best_doses, dose_curves, tolls, why_no_curves
from barnspider.effects import Effects, estimate
from barnspider.errors import InputError, StoreError
from barnspider.gallery.manifest import Entry, Manifest
from barnspider.predictions import Predictions
from barnspider.preservation import read_asked
from barnspider.sources import default_baseline, dose_axis
from barnspider.store import Packed, Study

LEVEL = 0.95
Answer = Literal["yes", "no", "cannot tell"]


@dataclass(frozen=True, eq=False)
class Found:
    """A packed study and what it says. Doses are chosen on validation images where they are packed, too.

    Attributes
    ----------
    entry : what the manifest says of it
    packed, plan : the file, and the study in it
    preds, validation : its answers to test images, and to validation images, or None
    link, toml : where the file and the study file lie, from the page; "" where there is no study file
    """

    entry: Entry
    packed: Packed
    plan: Study
    preds: Predictions
    validation: Predictions | None
    link: str = ""
    toml: str = ""

    @classmethod
    def of(cls, manifest: Manifest, entry: Entry) -> Found:
        """Read an entry's file; `InputError` or `StoreError` when it cannot be read or lacks the study."""
        packed = Packed.existing(manifest.folder / entry.file)
        plan = packed.study(entry.study)
        chooses = packed.has_answers(plan.cells, "validation")
        validation = packed.load(plan.cells, "validation") if chooses else None
        toml = _checked(manifest.folder / entry.toml, plan) if entry.toml else None
        links = [relative(path, manifest.page.parent) if path else "" for path in (packed.root, toml)]
        return cls(entry, packed, plan, packed.load(plan.cells), validation, *links)

    @property
    def knob(self) -> str:
        """What was turned."""
        return str(self.plan.sweep.get("vary", ""))

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of its runs, without the knob; empty where a command trained them."""
        return self.plan.sweep.get("recipe", {})

    @property
    def axis(self) -> DoseAxis:
        """What its doses are of."""
        return dose_axis(self.packed.root, study=self.plan.identity)

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """What is known of its runs that were trained."""
        return self.packed.sealed(self.plan.cells)

    @cached_property
    def design(self) -> Design:
        """Its answers, counted once."""
        return Design.of(self.preds)

    @cached_property
    def baseline(self) -> str:
        """The arm that the others are compared with: off, or what its plan states."""
        return default_baseline(self.preds, self.packed.root, study=self.plan.identity)

    @cached_property
    def effects(self) -> Effects:
        """What every arm does to every class, against the baseline."""
        return estimate(self.design, self.baseline, level=LEVEL)

    @cached_property
    def best(self) -> BestDoses:
        """The best arm on average, chosen on validation images where there are some."""
        return best_doses(self.design if self.validation is None else self.validation, level=LEVEL)

    @cached_property
    def contenders(self) -> list[str]:
        """The other arms that cannot be told, on test images, from the best there."""
        return [arm for arm in best_doses(self.design, level=LEVEL).contenders if arm != self.best.best]

    @cached_property
    def arm(self) -> str:
        """The arm that is compared with off: the best on average or, where that is off, the best of the others."""
        if self.best.best != self.baseline:
            return self.best.best
        order = np.argsort(-self.best.overall, kind="stable")
        return next(self.best.arms[k] for k in order.tolist() if self.best.arms[k] != self.baseline)

    @property
    def a(self) -> int:
        """That arm's place among the effects."""
        return self.effects.place(self.arm)

    @cached_property
    def tolls(self) -> Tolls:
        """What the best average costs each class, cross-fitted."""
        return tolls(self.design, choose_on=self.validation, level=LEVEL)

    @cached_property
    def tolls_at_once(self) -> Tolls:
        """The same, with intervals that hold for all classes at once (Bonferroni)."""
        return tolls(self.design, choose_on=self.validation, level=self.at_once)

    @property
    def at_once(self) -> float:
        """The level of intervals that hold for all classes at once (Bonferroni)."""
        return 1 - (1 - LEVEL) / max(int(np.count_nonzero(self.design.layout.n)), 1)

    @property
    def certain(self) -> list[int]:
        """The classes that are certainly below their own best dose, all classes at once; the largest toll first."""
        t = self.tolls_at_once
        known = np.flatnonzero(np.nan_to_num(t.low, nan=-1.0) > 0)
        return sorted(known.tolist(), key=lambda c: (-t.toll[c], c))

    @property
    def worst(self) -> int | None:
        """The class with the largest toll; None where no class has images."""
        toll = self.tolls.toll
        return int(np.nanargmax(toll)) if np.isfinite(toll).any() else None

    @cached_property
    def curves(self) -> DoseCurves | None:
        """Every class's smooth curve over the doses, where there are doses enough."""
        return None if why_no_curves(self.design) else dose_curves(self.design, level=LEVEL)

    def beats_off(self) -> Answer:
        """Say whether a dose is better on average than off."""
        e = self.effects
        if self.best.best != self.baseline and e.overall_low[self.a] > 0:
            return "yes"
        return "no" if bool((e.overall_high < 0).all()) else "cannot tell"

    def check(self) -> None:
        """Raise `InputError` where what the manifest says of it needs more than there is."""
        claims = set(self.entry.claims)
        if self.entry.control or self.entry.published or claims - {"transfer"}:
            _ = self.effects  # needs a baseline, and another arm
        if "transfer" in claims and self.plan.of not in self.packed.studies():
            raise InputError("claims transfer, but its file lacks the study that it was made of; pack both together")
        if "preservation" in claims and not read_asked(self.packed.root, self.plan.identity):
            raise InputError(
                "claims preservation, but its file lacks what `barnspider preserve` made; pack both together"
            )
        runs = max(len(self.preds.rows(arm)) for arm in self.preds.arms)
        if (least := max(4 * self.entry.same_recipe, 2 * self.entry.noise)) and runs < least:
            raise InputError(f"its largest arm has {runs} runs; expected {least} or more, to see how runs scatter")

    def dose(self, arm: str) -> str:
        """Return an arm's dose as it is shown; its name where it has none."""
        dose = self.preds.dose_of(arm)
        return arm if dose is None else f"{dose:g}"


def _checked(toml: Path, plan: Study) -> Path:
    """Return the study file; `InputError` where it says something else than what was run."""
    from barnspider.lab.study import read_study

    if (identity := read_study(toml).identity) != plan.identity:
        raise InputError(
            f"{str(toml)!r} is of the study {identity!r}, but {plan.identity!r} was run: name or recipe have changed"
        )
    return toml


def gather(manifest: Manifest) -> list[Found]:
    """Read all studies of a gallery; an error names the study."""
    found: list[Found] = []
    for entry in manifest.entries:
        try:
            one = Found.of(manifest, entry)
            one.check()
            found.append(one)
        except (InputError, StoreError) as error:
            raise InputError(f"study {entry.name!r} of the gallery: {error}") from None
    return found


def relative(path: Path, folder: Path) -> str:
    """Return where a path is, seen from a folder, as a link has it."""
    return Path(os.path.relpath(path, folder)).as_posix()
