"""What is asked: one knob, several doses, and reference networks of one architecture, each with several draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from barnspider.errors import InputError, listing
from barnspider.lab import recipe
from barnspider.lab.recipe import Dose, Recipe
from barnspider.lab.sweep import Sweep, check_distinct, digest, dose_name
from barnspider.store import Cell, Store

VERSION = 2
"""Raised when the same question would get other answers than before: part of every key."""

MIXED = ("mixup", "cutmix")
WITHIN = ("label_smoothing", "fade", "dropout", "stochastic_depth", "weight_decay")
"""Knobs that leave every image as it is."""


@dataclass(frozen=True)
class Preserving:
    """Reference networks of one architecture are asked about the test images of a study, changed at each dose.

    The references are trained as the study says, but with its knob off; or they are a user's own, trained already. Of
    every image each of them sees the same random changes, and the same ones at every dose, only stronger.

    Attributes
    ----------
    sweep : the study: its data, its knob and its recipe
    doses : of the study's knob; dose 0, the unchanged image, is always asked too
    network : the references' architecture; "" for the study's own
    pretrained : "my.module:function", which returns a trained network: see `preserve`; "" to train the references
    models : how many references are trained, with the seeds 0, 1, ...
    draws : how many times each image is changed at random

    Raises
    ------
    InputError
        When the knob does not change images, or makes them of two; or a number is out of range.

    Examples
    --------
    >>> sweep = Sweep(Recipe("digits"), vary="rotation", doses=(0, 30), seeds=range(5))
    >>> asked = Preserving(sweep, doses=(90, 180), draws=2)
    >>> asked.doses, asked.name, len(asked.runs())
    ((0.0, 90.0, 180.0), 'digits-rotation-preserved-mlp', 6)
    """

    sweep: Sweep
    doses: tuple[Dose, ...]
    network: str = ""
    pretrained: str = ""
    models: int = 1
    draws: int = 3

    def __post_init__(self) -> None:
        vary = self.sweep.vary
        if vary in MIXED:
            raise InputError(f"vary={vary!r} makes one image of two, which shows two classes; no label can be kept")
        if vary in WITHIN or vary not in recipe.KNOBS:
            raise InputError(f"vary={vary!r} does not change images: every label is kept at every dose")
        if min(self.models, self.draws) < 1:
            raise InputError(f"models={self.models}, draws={self.draws}; expected at least 1 of each")
        if self.pretrained and (self.network or self.models > 1):
            raise InputError(
                "network or models were given with a pretrained network, which is one, and trained already"
            )
        doses = tuple(getattr(self.sweep.base.with_(vary, dose), vary) for dose in self.doses)
        check_distinct("doses", doses)
        off = [dose for dose in doses if recipe.is_off(dose)]
        object.__setattr__(self, "doses", doses if off else (0.0, *doses))
        if len(self.doses) < 2:
            raise InputError(f"doses={listing(self.doses)}; expected a dose beside 0")
        self.reference()  # refuses what this network cannot honour, before anything is trained

    @property
    def shown(self) -> str:
        """What to call the references."""
        return self.pretrained or self.network or self.sweep.base.network

    @property
    def name(self) -> str:
        """The name of the study that the answers are."""
        return f"{self.sweep.name}-preserved-{self.shown}"

    @property
    def identity(self) -> str:
        """The name and a hash of what the answers depend on besides dose and draw."""
        own = {"of": self.sweep.identity, "pretrained": self.pretrained, "models": self.models}
        return f"{self.name}-{digest(own | self.reference().as_dict())[:6]}"

    def reference(self) -> Recipe:
        """Return the recipe of the references: the study's, its knob off."""
        base = self.sweep.base.with_(self.sweep.vary, 0.0)
        return replace(base, network=self.network) if self.network else base

    def references(self) -> Sweep:
        """Return the trainings of the references; they are the study's own at dose 0 where the network is the same."""
        name = f"{self.sweep.name}-reference"
        return Sweep(self.reference(), self.sweep.vary, (0.0,), tuple(range(self.models)), name, keep="weights")

    def asked(self, dose: Dose) -> Recipe:
        """Return a recipe that changes images by the study's knob alone."""
        return Recipe(self.sweep.base.dataset).with_(self.sweep.vary, dose)

    def asked_at(self, arm: str) -> Recipe:
        """Return the same for the dose of an arm."""
        return self.asked(next(dose for dose in self.doses if self.arm(dose) == arm))

    def runs(self, pretrained: str = "") -> tuple[Cell, ...]:
        """Return every reference and draw at every dose: what is sealed by itself. Draw by draw.

        `pretrained` is the sum of a pretrained network's weights.
        """
        models = [pretrained] if self.pretrained else [run.key for run in self.references().runs()]
        return tuple(
            Cell(self.arm(dose), None if isinstance(dose, tuple) else float(dose), m * self.draws + draw, key)
            for m, model in enumerate(models)
            for draw in range(self.draws)
            for dose in self.doses
            for key in [
                digest({"preserve": VERSION, "model": model, "asked": self.asked(dose).as_dict(), "draw": draw})
            ]
        )

    def arm(self, dose: Dose) -> str:
        """Return the name of a dose's arm, which is that of the study."""
        return dose_name(self.sweep.vary, dose)

    def as_dict(self) -> dict[str, Any]:
        """Return what a store keeps of the plan."""
        usual = {name: value for name, value in self.sweep.as_dict().items() if name == "usual"}
        return {
            "of": self.sweep.identity, "made": "preserve", "vary": self.sweep.vary, "doses": list(self.doses),
            "baseline": next(dose for dose in self.doses if recipe.is_off(dose)), "references": self.shown,
            "models": self.models, "draws": self.draws, **usual, "sweep": self.sweep.as_dict(),
            "network": self.network, "pretrained": self.pretrained,
        }  # fmt: skip

    @classmethod
    def planned(cls, store: Store, study: str) -> Preserving:
        """Return what a study of a store asks.

        Raises
        ------
        InputError
            When an older version planned it, which did not write down whom it asked; or its recipe is of another.
        """
        plan = store.study(study).sweep
        if "sweep" not in plan:
            raise InputError(
                "it asked references, which only `barnspider preserve` does: it was planned by an older version, which"
                " did not write down whom it asked; the same command plans it anew, and asks nothing twice"
            )
        doses = tuple(tuple(dose) if isinstance(dose, list) else dose for dose in plan["doses"])
        network, pretrained, models, draws = (plan[name] for name in ("network", "pretrained", "models", "draws"))
        return cls(Sweep.from_dict(plan["sweep"]), doses, network, pretrained, models, draws)


def of_study(
    sweep: Sweep,
    doses: Sequence[Dose] | None = None,
    networks: Sequence[str] = (),
    pretrained: Sequence[str] = (),
    models: int = 1,
    draws: int = 3,
) -> list[Preserving]:
    """Return one question for each architecture; by default about the study's own, at the study's doses."""
    asked = tuple(sweep.doses if doses is None else doses)
    own = networks or ([] if pretrained else [""])
    plans = [Preserving(sweep, asked, "" if n == sweep.base.network else n, "", models, draws) for n in own]
    plans += [Preserving(sweep, asked, pretrained=name, draws=draws) for name in pretrained]
    check_distinct("networks", [plan.shown for plan in plans])
    return plans
