"""What a store's plan says of a study in which fixes are tried: what each arm is, and where the rest of it lies.

`barnspider heal` plans such a study; so does whoever writes prescriptions or `[arms]` into a study file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from barnspider.joining import concat
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.prescription import Prescription, from_document
from barnspider.sources import Source, is_store
from barnspider.store import Study, opened
from barnspider.tried import Tried, tried_of

JUDGING = "judge"
"""What `heal` says of the study that judges: of what it was made."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A study of a store, as a judgement sees it.

    Attributes
    ----------
    study : its identity
    of : the identity of the study that chose; "" where the plan does not say
    tried : what its arms are
    planned : arm and seed of every run of the latest plan: what earlier plans tried is none of it
    """

    study: str
    of: str
    tried: Tried
    planned: frozenset[tuple[str, int]]

    def answers(self, read: Callable[[str], Predictions]) -> Predictions:
        """Return the answers of all arms; also those of what was made of its networks, in studies of their own.

        Parameters
        ----------
        read
            Reads a study of the same store, by its identity.
        """
        own = read(self.study)
        rows = [row for row, run in enumerate(zip(own.arm, own.seed, strict=True)) if run in self.planned]
        parts = [own.where(runs=rows)]
        for name, (study, arm) in self.tried.derived.items():
            made = read(study)
            if arm in made.arms:
                made = made.where(arms=[arm])
                parts.append(replace(made, arm=(name,) * len(made.arm)))
        return concat(parts)


def read_trial(source: Source, study: str | None = None) -> Trial | None:
    """Return what a store's study tries; None of what is no store.

    Raises
    ------
    InputError, StoreError
        As `barnspider.sources.read_predictions`.
    """
    if not is_store(source):
        return None
    plan = opened(str(source)).study(study)
    sweep, earlier = plan.sweep, set(plan.earlier)
    judging = sweep.get("made") == JUDGING
    said = tried_of(sweep["tried"]) if "tried" in sweep else Tried()
    tried = replace(
        said, prescriptions={**_prescribed(plan), **said.prescriptions}, about={**_recipes(sweep), **said.about}
    )
    planned = frozenset((cell.arm, cell.seed) for cell in plan.cells if cell not in earlier)
    return Trial(plan.identity, plan.of or "" if judging else "", tried, planned)


def only_judgement(source: Source) -> str | None:
    """Return the one study of a store that judges, if there is one; else None."""
    if not is_store(source):
        return None
    store = opened(str(source))
    found = [identity for identity in store.studies() if store.study(identity).sweep.get("made") == JUDGING]
    return found[0] if len(found) == 1 else None


def _prescribed(plan: Study) -> dict[str, Prescription]:
    """Return the prescription that an arm follows, by arm: it is a dose of the sweep, or a field of its recipe."""
    known = [from_document(document) for document in plan.sweep.get("prescribed", ())]
    arms = list(dict.fromkeys(cell.arm for cell in plan.cells if cell not in set(plan.earlier)))
    swept = [{str(plan.sweep.get("vary")): dose} for dose in plan.sweep.get("doses", ())]
    recipes = dict(zip(arms, swept, strict=False)) | dict(plan.sweep.get("also", {}))
    found = {arm: rx for arm, recipe in recipes.items() for rx in known if _same(recipe.get(rx.vary), rx.dose)}
    return {arm: rx for arm, rx in found.items() if isinstance(rx.dose, tuple)}


def _same(dose: Any, prescribed: float | tuple[float, ...]) -> bool:
    return dose == prescribed or (isinstance(dose, list | tuple) and tuple(dose) == prescribed)


def _recipes(sweep: Mapping[str, Any]) -> dict[str, str]:
    """Return how the recipe of each further arm differs from the study's, in words."""
    base = {name: value for name, value in sweep.get("recipe", {}).items() if name != sweep.get("vary")}
    return {arm: _difference(base, recipe) for arm, recipe in sweep.get("also", {}).items()}


def _difference(base: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Return the fields that differ.

    Examples
    --------
    >>> _difference({"epochs": 4, "flip": 0.5}, {"epochs": 8, "crop": [0.0, 0.3]})
    'crop from 0 to 0.3, one for each class; epochs 8; without flip'
    """
    changed = [_field(name, recipe[name]) for name in sorted(recipe) if recipe[name] != base.get(name)]
    absent = [f"without {name}" for name in sorted(base) if name not in recipe]
    return "; ".join([*changed, *absent]) or "the same recipe"


def _field(name: str, value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(x, int | float) for x in value):
        return f"{name} from {min(value):g} to {max(value):g}, one for each class"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {visible(str(value), 80)}"
