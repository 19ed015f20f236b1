"""What was tried against harm, beside the answers: prescriptions, the rounds of a loop, what each arm is and costs.

The answers say what came of it (`barnspider.prescribe.judge`); this says how it was come by. A store's plan keeps it,
and the JSON that `heal` and `judge` write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from barnspider.prescription import Prescription, from_document


@dataclass(frozen=True)
class Round:
    """One turn of the loop that trains, looks who is harmed, and weakens.

    Attributes
    ----------
    doses : one for each class, as they were trained
    harmed : names of the classes that were certainly harmed with them, on validation images
    receiving : names of the classes to which their answers certainly flowed
    reason : what follows from that
    """

    doses: tuple[float, ...]
    harmed: tuple[str, ...]
    receiving: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Tried:
    """What was tried. Everything may be empty: then nobody said.

    Attributes
    ----------
    prescriptions : by arm, or by the rule of one that was not trained by itself; those that say nothing (`doubt`), too
    rounds : of the loop
    same : arms that were not trained by themselves, since every class has one dose in them; and that dose
    cost : arm -> how many models were trained to come by it, those that only judge it left out
    about : arm -> what it is, in words
    at : the dose that all classes get otherwise; None where nobody said
    notes : what is to be known beside
    derived : arm -> a study of the same store, and its arm there: what is made of trained networks without training
    """

    prescriptions: Mapping[str, Prescription] = field(default_factory=dict[str, Prescription])
    rounds: tuple[Round, ...] = ()
    same: Mapping[str, float] = field(default_factory=dict[str, float])
    cost: Mapping[str, int] = field(default_factory=dict[str, int])
    about: Mapping[str, str] = field(default_factory=dict[str, str])
    at: float | None = None
    notes: tuple[str, ...] = ()
    derived: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def said(self) -> bool:
        """Whether anything is said of single arms or of a loop."""
        return bool(self.prescriptions or self.rounds or self.about)

    def to_json(self) -> dict[str, Any]:
        """Return what `tried_of` reads."""
        return {
            "prescriptions": {name: rx.to_json() for name, rx in self.prescriptions.items()},
            "rounds": [asdict(x) for x in self.rounds], "same": dict(self.same), "cost": dict(self.cost),
            "about": dict(self.about), "at": self.at, "notes": list(self.notes),
            "derived": {arm: list(of) for arm, of in self.derived.items()},
        }  # fmt: skip


def tried_of(document: Mapping[str, Any]) -> Tried:
    """Make what `Tried.to_json` described; the document is checked by whoever read it.

    Examples
    --------
    >>> tried = Tried(same={"own best": 0.3}, rounds=(Round((0.1, 0.3), ("cat",), (), "the budget ends"),))
    >>> tried_of(tried.to_json()) == tried
    True
    """
    rounds = (
        Round(tuple(map(float, x["doses"])), tuple(x["harmed"]), tuple(x["receiving"]), x["reason"])
        for x in document.get("rounds", ())
    )
    at = document.get("at")
    return Tried(
        {name: from_document(rx) for name, rx in document.get("prescriptions", {}).items()}, tuple(rounds),
        dict(document.get("same", {})), dict(document.get("cost", {})), dict(document.get("about", {})),
        None if at is None else float(at), tuple(document.get("notes", ())),
        {arm: (of[0], of[1]) for arm, of in document.get("derived", {}).items()},
    )  # fmt: skip
