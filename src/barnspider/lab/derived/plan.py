"""What is asked: a study whose weights are kept, some of its doses, and what is made of their networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from barnspider.errors import InputError, listing, pick
from barnspider.lab.recipe import Dose
from barnspider.lab.sweep import Run, Sweep, check_distinct, digest, dose_name
from barnspider.store import Cell, Store

VERSION = 1
"""Raised when the same question would get other answers than before: part of every key."""

HOW = ("answers", "weights", "logits")
"""What can be made: the mean of answers, the mean of weights, logits moved by a number for each class."""


@dataclass(frozen=True)
class Part:
    """What one arm asks of one seed.

    Attributes
    ----------
    cell : where its answers belong
    how : one of `HOW`
    runs : the trainings whose networks it is made of
    base : the training of the same seed at the baseline dose
    """

    cell: Cell
    how: str
    runs: tuple[Run, ...]
    base: Run


@dataclass(frozen=True)
class Deriving:
    """Networks of a study, trained at different doses with the same seed, are made into one that needs no training.

    Attributes
    ----------
    sweep : the study that trained them, with keep = "weights"
    doses : which of its doses; by default all
    how : which of `HOW`. "answers" and "weights" are each an arm; "logits" is one for every dose but the baseline

    Raises
    ------
    InputError
        When a dose is not of the study, there are too few, or networks of several widths would be averaged.

    Examples
    --------
    >>> from barnspider.lab import Recipe
    >>> sweep = Sweep(Recipe("digits"), vary="crop", doses=(0, 0.3, 0.6), seeds=range(2), keep="weights")
    >>> plan = Deriving(sweep, doses=(0, 0.6))
    >>> plan.name, len(plan.cells())
    ('digits-crop-averaged', 10)
    >>> list(dict.fromkeys(part.cell.arm for part in plan.parts()))
    ['mean answers of crop=0 + 0.6', 'mean weights of crop=0 + 0.6', 'crop=0.6 with moved logits']
    """

    sweep: Sweep
    doses: tuple[Dose, ...] = ()
    how: tuple[str, ...] = HOW

    def __post_init__(self) -> None:
        sweep = self.sweep
        given = tuple(getattr(sweep.base.with_(sweep.vary, dose), sweep.vary) for dose in self.doses or sweep.doses)
        if strange := [dose for dose in given if dose not in sweep.doses]:
            raise InputError(
                f"dose={strange[0]!r} is not of study {sweep.name!r}; its doses are {listing(sweep.doses)}"
            )
        check_distinct("doses", given)
        for how in self.how:
            pick("how", how, HOW)
        check_distinct("how", self.how)
        if len(given) < 2:
            raise InputError(f"doses={listing(given)}; expected two or more, of whose networks one is made")
        if "weights" in self.how and sweep.vary == "width":
            raise InputError("how='weights' cannot average networks of several widths; leave it out")
        object.__setattr__(self, "doses", given)
        object.__setattr__(self, "how", tuple(sorted(self.how, key=HOW.index)))

    @property
    def name(self) -> str:
        """What the study is called in the store, without the hash."""
        return f"{self.sweep.name}-averaged"

    @property
    def identity(self) -> str:
        """The study's name and a hash of the networks that it is made of, whatever is made of them."""
        return f"{self.name}-{digest([self.sweep.identity, self.doses])[:6]}"

    def shown(self) -> Sweep:
        """Return the study's trainings that stand beside what is made: those of the doses, and of the baseline."""
        base = self._base_dose()
        return self.sweep.with_doses(self.doses if base in self.doses else (base, *self.doses))

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells of the study's own arms, seed by seed, and then those of what is made."""
        own = tuple(Cell(run.arm, run.dose, run.seed, run.key) for run in self.shown().runs())
        return (*own, *(part.cell for part in self.parts()))

    def parts(self) -> tuple[Part, ...]:
        """Return what is made, seed by seed."""
        base = dose_name(self.sweep.vary, self._base_dose())
        return tuple(
            part
            for seed in self.sweep.seeds
            for runs in [{run.arm: run for run in self.shown().with_seeds((seed,)).runs()}]
            for part in self._of_seed(runs, runs[base])
        )

    def _of_seed(self, runs: Mapping[str, Run], base: Run) -> list[Part]:
        """Return what is made of the networks of one seed."""
        vary, parts = self.sweep.vary, list[Part]()
        chosen = [runs[dose_name(vary, dose)] for dose in self.doses]
        named = " + ".join([chosen[0].arm, *(run.arm.removeprefix(f"{vary}=") for run in chosen[1:])])
        for how in self.how:
            if how == "logits":
                moved = [run for run in chosen if run != base]
                parts += [_part(how, f"{run.arm} with moved logits", [run], base) for run in moved]
            else:
                parts.append(_part(how, f"mean {how} of {named}", chosen, base))
        return parts

    def _base_dose(self) -> Dose:
        return next(dose for dose in self.sweep.doses if dose_name(self.sweep.vary, dose) == self.sweep.baseline)

    def as_dict(self) -> dict[str, Any]:
        """Return what the store's plan keeps, from which `planned` makes it again."""
        shown = self.shown()
        usual = {name: value for name, value in shown.as_dict().items() if name == "usual"}
        return {
            "name": self.name, "of": self.sweep.identity, "made": "derive", "how": list(self.how),
            "from": list(self.doses), "vary": shown.vary, "doses": list(shown.doses), "seeds": list(shown.seeds),
            "baseline": self._base_dose(), **usual,
        }  # fmt: skip

    @classmethod
    def planned(cls, store: Store, study: str) -> Deriving:
        """Return what a study of a store asks."""
        plan = store.study(study).sweep
        source = {**store.study(plan["of"]).sweep, **{name: plan[name] for name in ("doses", "seeds", "baseline")}}
        return cls(Sweep.from_dict(source), tuple(map(_dose, plan["from"])), tuple(plan["how"]))

    def with_how(self, how: Sequence[str]) -> Deriving:
        """Return the same, but for what is made."""
        return replace(self, how=tuple(dict.fromkeys(how)))


def _part(how: str, arm: str, runs: Sequence[Run], base: Run) -> Part:
    made = {"derived": VERSION, "how": how, "of": [run.key for run in runs]}
    key = digest(made | ({"base": base.key} if how == "logits" else {}))
    return Part(Cell(arm, None, base.seed, key), how, tuple(runs), base)


def _dose(dose: Any) -> Dose:
    return tuple(dose) if isinstance(dose, list) else dose
