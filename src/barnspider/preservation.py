"""Label preservation by class: up to which dose does an image still show its class? Does losing that foretell harm?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.effects import estimate
from barnspider.errors import InputError, listing
from barnspider.names import visible
from barnspider.outcome import Effects, Floats
from barnspider.predictions import Predictions
from barnspider.sources import Source, is_store
from barnspider.stats.curves import first_fall
from barnspider.stats.intervals import wilson
from barnspider.stats.ranks import Concordance, RankCorrelation, concordance, rank_correlation
from barnspider.store import opened
from barnspider.tables.accepted import with_label_sets
from barnspider.tables.label_sets import read_label_sets

DELTA = 0.05
"""A loss of accuracy from which on labels count as lost: 5 points."""


@dataclass(frozen=True, eq=False)
class Preservation(words.Shown):
    """Up to which dose each class's images still show it, by references of several architectures. M of them, C classes.

    Attributes
    ----------
    networks : what the references are called
    classes : names
    doses : Float[D], from the smallest; 0 is not among them
    effects
        One for each architecture, against dose 0: the accuracy that changing its images costs a class. What may differ
        next time are the images and how they are changed, not the references.
    last, last_low, last_high : Float[M, C]
        The largest dose at which a class has lost less than `delta`, between the doses that were asked by straight
        lines, and where the interval's ends cross; infinite: beyond the strongest dose. NaN for a class without images.
    agreement : of the architectures on the order of the classes, by what they lost at the strongest dose
    delta : float
    single : the same answers about the same images by the single label, where all of this is by label sets; else None
    several : how many images have more than one right label
    """

    networks: tuple[str, ...]
    classes: tuple[str, ...]
    doses: Floats
    effects: tuple[Effects, ...]
    last: Floats
    last_low: Floats
    last_high: Floats
    agreement: Concordance
    delta: float
    single: Preservation | None = None
    several: int = 0

    def at(self, dose: float, m: int = 0) -> tuple[Floats, Floats, Floats]:
        """Return what each class lost or gained at a dose that was asked, and its interval: Float[C] each."""
        a = self.effects[m].dose.index(dose)
        return tuple(getattr(self.effects[m], name)[a] for name in ("effect", "low", "high"))  # pyright: ignore[reportReturnType]

    def order(self) -> NDArray[np.intp]:
        """Return class numbers, those whose label is lost first before the others."""
        lost = np.mean([e.effect[-1] for e in self.effects], axis=0)
        return np.lexsort((np.arange(len(self.classes)), lost, np.nan_to_num(np.min(self.last, axis=0), nan=np.inf)))

    def text(self, rows: int | None = 10) -> str:
        """Return the table that a person wants: the classes that lose their label first stand first."""
        order = self.order()[:rows]
        heads = [f"kept to dose, by {visible(name, 30)}{reading and f', {reading}'}" for name, reading in self.heads()]
        head = ["class", "n", *heads]
        body = [[visible(self.classes[c]), f"{self.effects[0].n[c]:,}", *self.kept(int(c))] for c in order]
        more = len(self.classes) - len(order)
        tail = f"\n... and {more:,} more" if more > 0 else ""
        about = "\n".join(filter(None, [self.title(), self.by_sets(), self.agreed()]))
        return f"{about}\n\n{words.text_table(head, body)}{tail}"

    def heads(self) -> list[tuple[str, str]]:
        """Return what each of the columns of `kept` is: an architecture, and a reading where there are two."""
        readings = [""] if self.single is None else ["single label", "label sets"]
        return [(name, reading) for name in self.networks for reading in readings]

    def by_sets(self) -> str:
        """Return what the two readings are, and who keeps a label by the sets alone; "" where there is one reading."""
        if self.single is None:
            return ""
        e = self.effects[0]
        about = words.two_readings(self.several, int(e.n.sum()))
        right = words.judged_by(e.method.labels, e.method.unlabelled)
        return "\n".join([f"{about}. {right}.", *(self._still(self.single, m) for m in range(len(self.networks)))])

    def _still(self, single: Preservation, m: int) -> str:
        lost = single.lost(m)
        still, new = (int((by & self.lost(m)).sum()) for by in (lost, ~lost))
        lose, only = "loses its" if lost.sum() == 1 else "lose their", f", and {new:,} by the sets only" if new else ""
        many, name = words.counted(int(lost.sum()), "class"), visible(self.networks[m], 30)
        return (
            f"By {name}, {many} certainly {lose} label at the strongest dose by the single label;"
            f" by the sets {still:,} of these {'does' if still == 1 else 'do'}{only}."
        )

    def lost(self, m: int = 0) -> NDArray[np.bool_]:
        """Bool[C]: the class certainly loses its label at the strongest dose, by one architecture."""
        return self.effects[m].high[-1] < -self.delta

    def title(self) -> str:
        """Return what is told, and of what."""
        level = f"{100 * self.effects[0].method.level:.4g} %"
        return (
            f"Up to which dose images still show their class: it lost less than {words.points(self.delta, sign=False)}"
            f" points to the change of its images; {level} intervals, for these references and new images"
        )

    def agreed(self) -> str:
        """Return one sentence on whether the architectures agree."""
        a = self.agreement
        if len(self.networks) < 2:
            return "One architecture was asked; with several, it is known whether they agree."
        if np.isnan(a.w):
            return "Whether the architectures agree on the order of the classes, nobody can tell from so few classes."
        return (
            f"The {a.raters} architectures' orders of {words.counted(a.n, 'class')} agree with Kendall's W = {a.w:.2f}"
            f" (p {words.compared(a.p)})."
        )

    def kept(self, c: int) -> list[str]:
        """Return up to which dose a class's label is kept, with its interval: a column for each of `heads`."""
        readings = [self] if self.single is None else [self.single, self]
        return [
            _dose(*(float(x[m, c]) for x in (by.last, by.last_low, by.last_high)))
            for m in range(len(self.last))
            for by in readings
        ]

    def __str__(self) -> str:
        return self.text()

    def to_json(self) -> dict[str, Any]:
        """Return `preserve --json`; doses that are beyond the strongest are null."""
        return {
            "delta": self.delta, "doses": self.doses.tolist(),
            "level": self.effects[0].method.level, "agreement": plain(self.agreement),
            "label_sets": self.single
            and {"several": self.several, "unlabelled": self.effects[0].method.unlabelled},
            "networks": [self._network(m) for m in range(len(self.networks))],
        }  # fmt: skip

    def _network(self, m: int) -> dict[str, Any]:
        single, n = self.single, self.effects[m].n
        return {
            "network": self.networks[m],
            "classes": [
                {"class": name, "n": int(n[c]), **self._class(m, c)}
                | ({"single": single._class(m, c)} if single else {})
                for c, name in enumerate(self.classes)
            ],
        }

    def _class(self, m: int, c: int) -> dict[str, Any]:
        e = self.effects[m]
        return (
            {"before": plain(e.before[c])}
            | {name: plain(getattr(self, name)[m, c]) for name in ("last", "last_low", "last_high")}
            | {name: plain(getattr(e, name)[:, c]) for name in ("effect", "low", "high")}
        )


def _dose(last: float, low: float, high: float) -> str:
    if np.isnan(last):
        return "cannot tell"
    shown = [f"{x:.3g}" if np.isfinite(x) else "the end" for x in (last, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})" if len(set(shown)) > 1 else shown[0]


def preservation(answers: Mapping[str, Predictions], *, delta: float = DELTA, level: float = 0.95) -> Preservation:
    """Find up to which dose images still show their class.

    Parameters
    ----------
    answers
        Network -> what its references answered to the same images, an arm for each dose, dose 0 among them: see
        `lab.preserve`. With label sets (`with_label_sets`), the same answers are read by the single label, too.
    delta
        The loss from which on a label counts as lost, a proportion.

    Raises
    ------
    InputError
        When nothing was asked, networks were asked about other images or doses, or `delta` is out of range.

    Examples
    --------
    >>> from barnspider import simulate
    >>> asked = simulate(classes=2, images=500, effect=[[0, -0.2], [0, -0.6]], doses=(0, 0.5, 1), seed=1).predictions
    >>> found = preservation({"mlp": asked})
    >>> found.last.round(2).tolist()
    [[inf, 0.13]]
    """
    if not 0 < delta < 1:
        raise InputError(f"delta={delta!r}; expected a proportion above 0 and below 1 (0.05 is five points)")
    found = {name: _against_off(name, preds, level) for name, preds in answers.items()}
    if not found:
        raise InputError("answers={} is empty; expected the answers of one network or more")
    first = next(iter(found.values()))
    for name, e in found.items():
        if e.classes != first.classes or e.dose != first.dose:
            raise InputError(f"{name!r} was asked about other classes or doses; expected the same as the others")
    doses = np.array(first.dose, dtype=np.float64)
    kept = [[first_fall(doses, getattr(e, x), -delta) for x in ("effect", "low", "high")] for e in found.values()]
    last, low, high = (np.array(x) for x in zip(*kept, strict=True))
    sets = [preds.accepted for preds in answers.values() if preds.accepted is not None]
    single = {name: replace(preds, accepted=None) for name, preds in answers.items()}
    return Preservation(
        tuple(found), first.classes, doses, tuple(found.values()), last, low, high,
        concordance(np.array([e.effect[-1] for e in found.values()])), delta,
        preservation(single, delta=delta, level=level) if sets else None,
        int(((sets[0] >= 0).sum(axis=1) > 1).sum()) if sets else 0,
    )  # fmt: skip


def read_preservation(
    source: Source,
    study: str | None = None,
    *,
    delta: float = DELTA,
    level: float = 0.95,
    label_sets: str | Path | None = None,
) -> Preservation | None:
    """Return what references were asked about a store's study, at the doses that all of them were asked about.

    None where nobody was asked, or the source is no store. With `label_sets`, a file as `read_predictions` takes it,
    the references' answers are right as the study's are.

    Raises
    ------
    InputError, StoreError
        As `read_predictions` and `preservation`.
    """
    asked = read_asked(source, study)
    if label_sets is not None:
        sets = read_label_sets(label_sets)
        asked = {name: with_label_sets(preds, sets) for name, preds in asked.items()}
    return preservation(asked, delta=delta, level=level) if asked else None


def read_asked(source: Source, study: str | None = None, *, split: str = "test") -> dict[str, Predictions]:
    """Return network -> what its references answered about a store's study, at the doses that all were asked about.

    Empty where nobody was asked about these images ("test", or "validation"), or the source is no store.

    Raises
    ------
    InputError, StoreError
        As `read_predictions`.
    """
    if not is_store(source):
        return {}
    store = opened(str(source))
    of = store.study(study).identity
    plans = [
        plan for plan in map(store.study, store.studies()) if plan.of == of and plan.sweep.get("made") == "preserve"
    ]
    # One that was stopped before it sealed anything is there, too, and says nothing yet.
    asked = {
        str(plan.sweep["references"]): store.load(plan.cells, split)
        for plan in plans
        if store.has_answers(plan.cells, split)
    }
    doses = (
        set[float | None].intersection(*({p.dose_of(arm) for arm in p.arms} for p in asked.values())) if asked else ()
    )
    if len(doses) < 2:
        return {}
    return {name: p.where(arms=[arm for arm in p.arms if p.dose_of(arm) in doses]) for name, p in asked.items()}


def _against_off(name: str, preds: Predictions, level: float) -> Effects:
    doses = {arm: preds.dose_of(arm) for arm in preds.arms}
    if None in doses.values() or list(doses.values()).count(0.0) != 1 or len(doses) < 2:
        raise InputError(f"{name!r} has the doses {listing(doses.values())}; expected 0 once, and others")
    order = sorted((dose, arm) for arm, dose in doses.items() if dose)
    return estimate(preds, 0.0, level=level, generalize_to="images", arms=[arm for _, arm in order])


@dataclass(frozen=True, eq=False)
class Foretold(words.Shown):
    """Does losing the label foretell losing accuracy? One arm of a study beside one architecture's references.

    Attributes
    ----------
    arm, network : names
    dose : of both
    correlation : over classes, of what changing the images costs and of what training with them does
    at_risk, harmed, kept : Bool[C]
        Certainly lost its label (by `delta` or more); harmed by the arm; certainly kept its label.
    classes : names
    """

    arm: str
    network: str
    dose: float
    correlation: RankCorrelation
    at_risk: NDArray[np.bool_]
    harmed: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    classes: tuple[str, ...]
    level: float

    @property
    def surprising(self) -> list[str]:
        """The classes that are harmed although their label is kept: something else did it."""
        return [name for name, x in zip(self.classes, self.harmed & self.kept, strict=True) if x]

    def __str__(self) -> str:
        r, hits = self.correlation, int((self.at_risk & self.harmed).sum())
        risky, harmed = int(self.at_risk.sum()), int(self.harmed.sum())
        if np.isnan(r.rho):
            told = "whether losing the label goes with losing accuracy, nobody can tell from so few classes"
        else:
            told = (
                f"losing the label and losing accuracy go together with rank correlation {r.rho:.2f}"
                f" ({r.low:.2f} to {r.high:.2f}) over {words.counted(r.n, 'class')}"
            )
        lines = [f"{visible(self.arm)}, by {visible(self.network)}: {told}."]
        lines += [_share("Of", risky, "that certainly lose their label", hits, "harmed", self.level)]
        lines += [_share("Of", harmed, "that are harmed", hits, "foretold so", self.level)]
        if odd := self.surprising:
            lines += [f"  Harmed although the label is kept: {listing(map(visible, odd), most=10)}."]
        return "\n".join(lines)

    def paragraph(self) -> str:
        """Return the same sentences on one line."""
        return " ".join(map(str.strip, str(self).splitlines()))

    def to_json(self) -> dict[str, Any]:
        """Return what `preserve --json` says of one arm."""
        return {
            "arm": self.arm, "network": self.network, "dose": self.dose, "correlation": plain(self.correlation),
            "at_risk": _named(self.classes, self.at_risk), "harmed": _named(self.classes, self.harmed),
            "harmed_though_kept": self.surprising,
        }  # fmt: skip


def _share(start: str, total: int, which: str, hits: int, what: str, level: float) -> str:
    if not total:
        return f"  No class is among those {which}."
    low, high = wilson(hits, total, level)
    return (
        f"  {start} {words.counted(total, 'class')} {which}, {hits} {'is' if hits == 1 else 'are'} {what}:"
        f" {100 * hits / total:.0f} % ({100 * low:.0f} to {100 * high:.0f})."
    )


def foretold(preserved: Preservation, effects: Effects) -> list[Foretold]:
    """Compare what changing a class's images costs with what training on them does, arm by arm.

    Returns
    -------
    list
        For each arm whose dose was asked, and each architecture; empty where there is none.

    Raises
    ------
    InputError
        When they are about other classes.
    """
    if effects.classes != preserved.classes:
        raise InputError("the effects are of other classes than the references were asked about")
    pairs = [(a, dose) for a, dose in enumerate(effects.dose) if dose is not None and dose in preserved.doses]
    return [_foretold(preserved, effects, a, dose, m) for a, dose in pairs for m in range(len(preserved.networks))]


def _foretold(preserved: Preservation, effects: Effects, a: int, dose: float, m: int) -> Foretold:
    lost, low, high = preserved.at(dose, m)
    return Foretold(
        arm=effects.arms[a],
        network=preserved.networks[m],
        dose=dose,
        correlation=rank_correlation(lost, effects.effect[a], effects.method.level),
        at_risk=high < -preserved.delta,
        harmed=effects.harmed[a],
        kept=low > -preserved.delta,
        classes=effects.classes,
        level=effects.method.level,
    )


def _named(classes: tuple[str, ...], which: NDArray[np.bool_]) -> list[str]:
    return [name for name, x in zip(classes, which, strict=True) if x]
