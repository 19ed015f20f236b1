"""A Sweep plans: one recipe, one knob or plain field, several doses and seeds. Pure: it can be counted and priced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from barnspider.dose_axis import Usual
from barnspider.errors import InputError, listing, pick
from barnspider.lab.factory import source_sum
from barnspider.lab.recipe import FIELDS, KNOBS, TRAINING_VERSION, Dose, Recipe, is_off
from barnspider.names import visible
from barnspider.prescription import Prescription, from_document


@dataclass(frozen=True)
class Run:
    """One training: a recipe, a seed, and the arm that it belongs to."""

    recipe: Recipe
    seed: int
    arm: str
    dose: float | None
    keeps_weights: bool = False

    @property
    def paired(self) -> bool:
        """Runs of equal seed share their initial weights and the order of their images, whatever the dose."""
        return True

    @property
    def key(self) -> str:
        """Hash of all that can change the run's answers: the recipe, the seed, the version of the training code.

        For a network that is the user's own, its source file, too; `InputError` when there is none.
        """
        own = {"source": source_sum(self.recipe.network)} if ":" in self.recipe.network else {}
        return digest({"version": TRAINING_VERSION, "recipe": self.recipe.as_dict(), "seed": self.seed, **own})


@dataclass(frozen=True)
class Sweep:
    """The same recipe at several doses of one knob, or values of one plain field, with several seeds each.

    Runs of equal seed share their initial weights and the order of their images, whatever the dose: they are paired.

    Attributes
    ----------
    base : the recipe; its own dose of `vary` is replaced by each of `doses`
    vary : the knob, one of `recipe.KNOBS`, or the plain field, one of `recipe.FIELDS` (epochs, lr, batch, ...)
    doses : each one number, or, for most knobs, one number per class
    seeds : whole numbers from 0 up
    name : what the study is called; by default "<dataset>-<knob>"
    baseline_dose : the dose that the others are compared with; by default 0, or the first where 0 is not among them. A
        plain field has no natural zero: there it must be said
    keep : "weights" to keep every run's last weights in the store; no part of a run's key
    prescribed : the prescriptions that some of the doses come from; they must be for the classes of the data
    also : further arms, name and recipe: what is to be compared and is no dose of the knob. On the same data

    Raises
    ------
    InputError
        When the knob is unknown, a dose is out of range, a dose or seed stands twice, or the baseline is not among
        the doses, or is needed and not said; when targets fade in no arm, though they should; or `keep` is something
        else.

    Examples
    --------
    >>> sweep = Sweep(Recipe(dataset="digits"), vary="rotation", doses=(0, 30), seeds=range(2))
    >>> [(run.arm, run.seed) for run in sweep.runs()]
    [('rotation=0', 0), ('rotation=30', 0), ('rotation=0', 1), ('rotation=30', 1)]
    >>> Sweep(Recipe(dataset="digits"), vary="epochs", doses=(5, 10, 20), seeds=(0,), baseline_dose=10).baseline
    'epochs=10'
    """

    base: Recipe
    vary: str
    doses: tuple[Dose, ...]
    seeds: tuple[int, ...]
    name: str = ""
    baseline_dose: Dose | None = None
    keep: str = ""
    prescribed: tuple[Prescription, ...] = ()
    also: tuple[tuple[str, Recipe], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", tuple(map(self._checked, self.doses)))
        object.__setattr__(self, "seeds", tuple(map(checked_seed, self.seeds)))
        object.__setattr__(self, "name", self.name or f"{_last_part(self.base.dataset)}-{self.vary}")
        pick("keep", self.keep, ["", "weights"])
        check_distinct("doses", self.doses)
        check_distinct("seeds", self.seeds)
        object.__setattr__(self, "baseline_dose", self._checked_baseline())
        self._check_also()
        self._check_fading()

    def _check_fading(self) -> None:
        fading = [recipe for _, recipe in self.arms().values() if not is_off(recipe.fade)]
        if fading and all(recipe.fades_in_vain for recipe in fading):
            raise InputError(
                f"fade={fading[0].fade!r} does nothing while nothing of an image is cut away; turn up crop,"
                " fixed_crop or translation, or leave fade out"
            )

    def _checked(self, dose: Dose) -> Dose:
        """Return the dose as the recipe keeps it."""
        if self.vary == "train_images" and dose == 0:
            raise InputError("train_images=0 means all of them, which is no dose; expected how many, at least 1")
        return getattr(self.base.with_(self.vary, dose), self.vary)

    def _checked_baseline(self) -> Dose | None:
        expected = f"expected one of the doses: {listing(self.doses)}"
        if self.baseline_dose is None:
            if self.vary in FIELDS:
                raise InputError(f"vary={self.vary!r} needs a baseline, since 0 does not mean off; {expected}")
            return None
        baseline = self._checked(self.baseline_dose)
        if baseline not in self.doses:
            raise InputError(f"baseline={baseline!r} is not in the sweep; {expected}")
        return baseline

    def _check_also(self) -> None:
        for name, recipe in self.also:
            if not name.strip() or (recipe.dataset, recipe.split_seed) != (self.base.dataset, self.base.split_seed):
                raise InputError(
                    f"arm {visible(name)!r} has no name, or other data; expected a name, and the same data"
                )
        if self.also:
            check_distinct("arms", [*(dose_name(self.vary, d) for d in self.doses), *(name for name, _ in self.also)])

    def arms(self) -> dict[str, tuple[float | None, Recipe]]:
        """Return every arm: its dose, None where that is one per class or no dose at all, and its recipe."""
        swept = {dose_name(self.vary, d): (_number(d), self.base.with_(self.vary, d)) for d in self.doses}
        return swept | {name: (None, recipe) for name, recipe in self.also}

    def runs(self) -> tuple[Run, ...]:
        """Return every run, seed by seed, so that whatever is trained first is balanced over the arms."""
        arms = self.arms()
        return tuple(
            Run(recipe, seed, arm, dose, bool(self.keep)) for seed in self.seeds for arm, (dose, recipe) in arms.items()
        )

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with: the one stated, else dose 0, else the first."""
        if self.baseline_dose is not None:
            return dose_name(self.vary, self.baseline_dose)
        off = [dose for dose in self.doses if is_off(dose)]
        return dose_name(self.vary, off[0] if off else self.doses[0])

    @property
    def identity(self) -> str:
        """The study's name and a hash of its recipe without the knob: sweeps that may be joined have the same."""
        return f"{self.name}-{digest([self.base.without(self.vary).as_dict(), self.vary])[:6]}"

    def check_classes(self, classes: Sequence[str]) -> None:
        """Raise `InputError` when a dose has one number per class, but not for these classes."""
        for prescription in self.prescribed:
            prescription.check(classes, prescription.vary)
        recipes = [self.base, *(recipe for _, recipe in self.arms().values())]
        for knob in KNOBS:
            for dose in {getattr(recipe, knob) for recipe in recipes}:
                if isinstance(dose, tuple) and len(dose) != len(classes):
                    raise InputError(f"{knob} has {len(dose)} doses; expected one for each of {len(classes)} classes")

    def check_channels(self, channels: int) -> None:
        """Raise `InputError` when a knob is on, at any dose, that does nothing to images of so few channels."""
        for _, recipe in self.arms().values():
            recipe.check_channels(channels)

    def with_doses(self, doses: Iterable[Dose]) -> Sweep:
        """Return the same sweep at other doses, among which a stated baseline must be."""
        return replace(self, doses=tuple(doses))

    def with_seeds(self, seeds: Iterable[int]) -> Sweep:
        """Return the same sweep with other seeds."""
        return replace(self, seeds=tuple(seeds))

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, and the knob's usual parameter for those who draw."""
        plan: dict[str, Any] = {
            "name": self.name,
            "vary": self.vary,
            "doses": list(self.doses),
            "seeds": list(self.seeds),
            "recipe": self.base.as_dict(),
        }
        if self.baseline_dose is not None:
            plan["baseline"] = self.baseline_dose
        if self.keep:
            plan["keep"] = self.keep
        if self.prescribed:
            plan["prescribed"] = [prescription.to_json() for prescription in self.prescribed]
        if self.also:
            plan["also"] = {name: recipe.as_dict() for name, recipe in self.also}
        # For whoever draws the study and has no laboratory; it is no part of any key, nor of the study's identity.
        if (usual := _usual(self.vary)) is not None:
            plan["usual"] = str(usual)
        return plan

    @classmethod
    def from_dict(cls, plan: Mapping[str, Any]) -> Sweep:
        """Make the sweep that `as_dict` described; `InputError` when it has fields that this version does not know."""
        try:
            recipe = Recipe(**plan["recipe"])
            also = tuple((name, Recipe(**fields)) for name, fields in plan.get("also", {}).items())
        except TypeError as error:
            raise InputError(f"the recipe of {plan['name']!r} is not known to this version: {error}") from None
        return cls(
            recipe, plan["vary"], plan["doses"], plan["seeds"], plan["name"], plan.get("baseline"),
            plan.get("keep", ""), tuple(map(from_document, plan.get("prescribed", ()))), also,
        )  # fmt: skip


def _number(dose: Dose) -> float | None:
    return None if isinstance(dose, tuple) else float(dose)


def _usual(vary: str) -> Usual | None:
    return KNOBS[vary].usual if vary in KNOBS else None


def dose_name(vary: str, dose: Dose) -> str:
    """Return the name of the arm that has this dose.

    Examples
    --------
    >>> dose_name("crop", 0.30)
    'crop=0.3'
    >>> dose_name("crop", (0.1, 0.6))
    'crop=per class 4e71 (0.1 to 0.6)'
    """
    if isinstance(dose, tuple):
        return f"{vary}=per class {digest(dose)[:4]} ({min(dose):g} to {max(dose):g})"
    return f"{vary}={dose:g}" if float(f"{dose:g}") == dose else f"{vary}={dose!r}"


def digest(value: object) -> str:
    """Return 32 hexadecimal digits that stand for a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check_distinct(what: str, items: Sequence[object]) -> None:
    """Raise `InputError` when there is nothing, or something stands twice."""
    if not items:
        raise InputError(f"{what} is empty; expected at least one")
    if len(set(items)) != len(items):
        raise InputError(f"{what}={list(items)} holds the same value twice")


def checked_seed(seed: object) -> int:
    """Return a seed as it is; `InputError` when it is none."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed={seed!r}; expected a whole number from 0 up")
    return seed


def _last_part(dataset: str) -> str:
    return dataset.rstrip("/").rsplit("/", 1)[-1].removesuffix(".npz") or "data"
