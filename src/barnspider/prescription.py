"""A Prescription: one dose per class, and how it was come by. A trainer takes it; this room computes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from barnspider import words
from barnspider.errors import InputError, listing
from barnspider.names import visible

SCHEMA = "barnspider/prescription/1"


@dataclass(frozen=True)
class Expected:
    """What some answers let one expect of a prescription, if a class did not mind what dose the others have.

    Attributes
    ----------
    mean : change of the mean from the baseline, with its interval
    against_all : the same from the one dose that would be given to all
    harmed : how many classes are certainly harmed, against the baseline; `harmed_at`: at the one dose for all
    """

    mean: tuple[float, float, float]
    against_all: tuple[float, float, float]
    harmed: int
    harmed_at: int

    def __str__(self) -> str:
        mean, other = (
            f"{words.points(x)} ({words.between(low, high)})" for x, low, high in (self.mean, self.against_all)
        )
        return (
            f"mean {mean} against the baseline, {other} against one dose for all;"
            f" {words.counted(self.harmed, 'class')} harmed, and {self.harmed_at} at one dose for all"
        )


@dataclass(frozen=True)
class Prescription(words.Shown):
    """One dose per class, chosen on some answers and judged on others.

    Attributes
    ----------
    vary : the knob
    classes : names
    doses : one for each class
    rule : what the doses follow from, such as "own best" or "receivers"
    at : the one dose that would be given to all otherwise: the one that is best on average, or the one that was asked
    studied : the doses that were studied, in order; none of `doses` lies beyond them
    chosen_on, judged_on : which images, and which runs
    seeds : of the runs that chose: whoever trains what is prescribed judges it with other ones
    why : for each class, in words; empty where there is nothing to say
    chosen, judged : what is to be expected by the answers that chose, and by those that judge; None where nobody said
    note : what is to be known beside
    doubt : why too little is known to prescribe anything; empty where enough is

    Raises
    ------
    InputError
        When lengths differ, a class stands twice, or a dose is none or beyond the doses that were studied.

    Examples
    --------
    >>> rx = Prescription("crop", ("cat", "dog"), (0.0, 0.4), "receivers", 0.4, (0.0, 0.2, 0.4))
    >>> rx.dose, rx.of("dog")
    ((0.0, 0.4), 0.4)
    >>> Prescription("crop", ("cat", "dog"), (0.4, 0.4), "best mean", 0.4, (0.0, 0.2, 0.4)).dose
    0.4
    """

    vary: str
    classes: tuple[str, ...]
    doses: tuple[float, ...]
    rule: str
    at: float
    studied: tuple[float, ...]
    chosen_on: str = ""
    judged_on: str = ""
    seeds: tuple[int, ...] = ()
    why: tuple[str, ...] = ()
    chosen: Expected | None = None
    judged: Expected | None = None
    doubt: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.classes or len(self.doses) != len(self.classes):
            raise InputError(
                f"there are {len(self.doses)} doses for {len(self.classes)} classes; expected one for each"
            )
        if len(set(self.classes)) < len(self.classes):
            twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
            raise InputError(f"class {visible(twice[0])!r} has several doses; expected one for each class")
        if self.why and len(self.why) != len(self.classes):
            raise InputError(f"why has {len(self.why)} texts for {len(self.classes)} classes; expected one for each")
        if not self.studied:
            raise InputError("studied is empty; expected the doses that were studied")
        for name, dose in zip(("at", *self.classes), (self.at, *self.doses), strict=True):
            if not math.isfinite(dose) or not min(self.studied) <= dose <= max(self.studied):
                raise InputError(
                    f"dose {dose:g} of {visible(name)!r} is beyond the doses that were studied"
                    f" ({min(self.studied):g} to {max(self.studied):g}); nothing is known of it"
                )

    @property
    def dose(self) -> float | tuple[float, ...]:
        """What a sweep takes: one number if all classes have the same, else one for each."""
        return self.doses[0] if len(set(self.doses)) == 1 else self.doses

    def of(self, name: str) -> float:
        """Return the dose of a class; `InputError` when there is no such class."""
        if name not in self.classes:
            raise InputError(f"class={name!r} is none of those this was prescribed for: {listing(self.classes)}")
        return self.doses[self.classes.index(name)]

    def changed(self) -> list[int]:
        """Return the numbers of the classes whose dose is not that of all, the weakest dose first."""
        others = [c for c, dose in enumerate(self.doses) if dose != self.at]
        return sorted(others, key=lambda c: (self.doses[c], c))

    def check(self, classes: Sequence[str], vary: str) -> None:
        """Raise `InputError` when this is for another knob or other classes than these, in this order."""
        if vary != self.vary:
            raise InputError(f"a prescription of {self.vary!r} was given for {vary!r}; expected one of {vary!r}")
        if tuple(classes) != self.classes:
            raise InputError(other_classes(self.classes, classes))

    def text(self, rows: int | None = 10) -> str:
        """Return the table that a person wants: the classes whose dose is another than that of all."""
        changed = self.changed()
        lines = [self.title(), *self._where(), *([f"cannot tell: {visible(self.doubt, 300)}"] if self.doubt else [])]
        lines += [f"note: {visible(self.note, 300)}"] if self.note else []
        if not changed or not isinstance(self.dose, tuple):
            return "\n".join(lines)
        why = self.why or ("",) * len(self.classes)
        body = [[self.classes[c], f"{self.doses[c]:g}", visible(why[c], 200)] for c in changed[:rows]]
        more = 0 if rows is None else len(changed) - rows
        tail = [f"... and {more:,} more"] if more > 0 else []
        return "\n".join([*lines, "", words.text_table(["class", "dose", "why"], body), *tail])

    def title(self) -> str:
        """Return how many classes get another dose than that of all, by which rule."""
        rule, vary = visible(self.rule), visible(self.vary)
        if not isinstance(self.dose, tuple):
            other = "" if self.dose == self.at else f"; the best mean has {self.at:g}"
            return f"{rule}: {vary} {self.dose:g} for every class{other}"
        changed = f"{words.counted(len(self.changed()), 'class')} of {len(self.classes):,}"
        return f"{rule}: {vary} {self.at:g} for all, but another dose for {changed}"

    def _where(self) -> list[str]:
        """Return a line for what chose and one for what judges, each with what it lets one expect."""
        sides = (("chosen on", self.chosen_on, self.chosen), ("judged on", self.judged_on, self.judged))
        return [
            f"{name} {visible(on, 300)}" + (f": {expected}" if expected else "") for name, on, expected in sides if on
        ]

    def __str__(self) -> str:
        return self.text()

    def to_json(self) -> dict[str, Any]:
        """Return the document that any trainer can read: for each class its dose."""
        why = self.why or ("",) * len(self.classes)
        return {
            "schema": SCHEMA, "vary": self.vary, "rule": self.rule, "at": self.at, "studied": list(self.studied),
            "chosen_on": self.chosen_on, "judged_on": self.judged_on, "seeds": list(self.seeds),
            "chosen": self.chosen and asdict(self.chosen), "judged": self.judged and asdict(self.judged),
            "doubt": self.doubt, "note": self.note,
            "classes": [
                {"class": name, "dose": dose, "why": reason}
                for name, dose, reason in zip(self.classes, self.doses, why, strict=True)
            ],
        }  # fmt: skip


def other_classes(prescribed: Sequence[str], there: Sequence[str]) -> str:
    """Return what is wrong with doses that were prescribed for other classes, or in another order.

    Examples
    --------
    >>> other_classes(["cat", "dog"], ["cat", "cow"])
    "doses were prescribed for other classes: 'cow' has none, and there is no 'dog'; prescribe for these classes"
    """
    absent = [repr(visible(name)) for name in there if name not in set(prescribed)]
    unknown = [repr(visible(name)) for name in prescribed if name not in set(there)]
    if not absent and not unknown:
        return "doses were prescribed for the same classes in another order; prescribe again from answers in this order"
    parts = [f"{listing(absent, most=3)} has none"] if len(absent) == 1 else []
    parts = [f"{listing(absent, most=3)} have none"] if len(absent) > 1 else parts
    parts += [f"there is no {listing(unknown, most=3)}"] if unknown else []
    return f"doses were prescribed for other classes: {', and '.join(parts)}; prescribe for these classes"


def from_document(document: Mapping[str, Any]) -> Prescription:
    """Make the prescription that `Prescription.to_json` described; the document is checked by whoever read it."""
    rows = document["classes"]
    why = tuple(row.get("why", "") for row in rows)
    return Prescription(
        vary=document["vary"], classes=tuple(row["class"] for row in rows), doses=tuple(float(r["dose"]) for r in rows),
        rule=document["rule"], at=float(document["at"]), studied=tuple(map(float, document["studied"])),
        chosen_on=document["chosen_on"], judged_on=document["judged_on"], seeds=tuple(document["seeds"]),
        why=why if any(why) else (), doubt=document["doubt"],
        note=document.get("note", ""),
        **{name: _expected(document[name]) for name in ("chosen", "judged")},
    )  # fmt: skip


def _expected(said: Mapping[str, Any] | None) -> Expected | None:
    if said is None:
        return None
    return Expected(tuple(said["mean"]), tuple(said["against_all"]), said["harmed"], said["harmed_at"])
