"""Where else a harm is: what a dose does to the data that it was chosen on, and to data that its network moves to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from barnspider import words
from barnspider.as_json import plain
from barnspider.design import Design
from barnspider.doses import BestDoses, Tolls, Wanted, best_doses, tolls
from barnspider.errors import InputError, listing
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.stats import dispersion
from barnspider.stats.crossed import single
from barnspider.stats.dispersion import Measured
from barnspider.stats.intervals import average_interval
from barnspider.stats.ranks import RankCorrelation, rank_correlation

__all__ = ["Level", "Transfer", "Worth", "compare_transfer", "worth"]

FEW = 10
"""Doses below which a rank correlation is said to rest on few."""


@dataclass(frozen=True)
class Level:
    """An accuracy and its interval; NaN where there is no image."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Transfer(words.Shown):
    """What each dose is worth on its own data and downstream. K arms.

    Attributes
    ----------
    arms, dose : names, and doses or None: those that have answers about both
    runs : for each arm, how many runs answered (source, downstream)
    source, downstream : for each arm, the accuracy over all test images
    worst : for each arm, the mean of the worst tenth of downstream classes, corrected for noise and for having been
        picked (see `barnspider.stats.dispersion`)
    agreement : rank correlation, over arms, of the source's average and `worst`
    best : the best dose on the source, and those that cannot be told from it
    toll : what `best.best` costs each downstream class, against the class's own best dose
    images, classes : downstream test images, and classes that have some
    apart : arms that only one of the two has answers of
    source_on, on : which images
    level : of every interval
    """

    arms: tuple[str, ...]
    dose: tuple[float | None, ...]
    runs: tuple[tuple[int, int], ...]
    source: tuple[Level, ...]
    downstream: tuple[Level, ...]
    worst: tuple[Measured, ...]
    agreement: RankCorrelation
    best: BestDoses
    toll: Tolls
    images: int
    classes: int
    apart: tuple[str, ...]
    source_on: str
    on: str
    level: float

    def __str__(self) -> str:
        apart = f"Left out, for only one of the two has answers of it: {listing(self.apart)}." if self.apart else ""
        parts = [self._levels(), self._agreement(), self._choice(), str(self.toll), apart]
        return "\n\n".join(part for part in parts if part)

    def _levels(self) -> str:
        title = (
            f"What each dose is worth on {visible(self.source_on)}, and downstream on {visible(self.on)}"
            f" ({words.counted(self.images, 'test image')}, {words.counted(self.classes, 'class')}), in per cent;"
            f" {100 * self.level:.4g} % intervals"
        )
        head = ["arm", "runs", "source average", "downstream average", self._worst_name()]
        rows = [
            [arm, _runs(*runs), *map(_shown, (source, there, worst))]
            for arm, runs, source, there, worst in zip(
                self.arms, self.runs, self.source, self.downstream, self.worst, strict=True
            )
        ]
        return f"{title}\n{words.text_table(head, rows)}"

    def _worst_name(self) -> str:
        return f"{_worst_name(self.classes)} downstream"

    def _agreement(self) -> str:
        found, what = self.agreement, f"of the source's average and the {self._worst_name()}"
        if np.isnan(found.rho):
            return f"Rank correlation {what}, over {words.counted(found.n, 'dose')}: cannot tell."
        few = f"; {words.counted(found.n, 'dose')} tell little" if found.n < FEW else ""
        within = f"{found.low:.2f} to {found.high:.2f}"
        return f"Rank correlation {what}, over {words.counted(found.n, 'dose')}: {found.rho:.2f} ({within}){few}."

    def _choice(self) -> str:
        known = np.isfinite(self.toll.toll)
        pays = int(np.count_nonzero(self.toll.low[known] > 0))
        mean = words.points(float(self.toll.toll[known].mean()), sign=False) if known.any() else "unknown"
        return (
            f"On the source. {self.best}\nDownstream, {visible(self.best.best)} costs a class {mean} points on average"
            f" against its own best dose; {pays} of {words.counted(int(known.sum()), 'class')} certainly"
            f" {'pays' if pays == 1 else 'pay'}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain Python: proportions, and None where nothing is known."""
        return plain(self)


@dataclass(frozen=True, eq=False)
class Worth(words.Shown):
    """What each arm is worth on data that its networks were not trained on. K arms.

    Attributes
    ----------
    arms, runs : names, and how many runs answered
    average : for each arm, the accuracy over all test images
    worst : for each arm, the mean of the worst tenth of classes, corrected as in `Transfer`
    images, classes : test images, and classes that have some
    on : which images
    level : of every interval
    """

    arms: tuple[str, ...]
    runs: tuple[int, ...]
    average: tuple[Level, ...]
    worst: tuple[Measured, ...]
    images: int
    classes: int
    on: str
    level: float

    def __str__(self) -> str:
        title = (
            f"What each network is worth on {visible(self.on)} ({words.counted(self.images, 'test image')},"
            f" {words.counted(self.classes, 'class')}), in per cent; {100 * self.level:.4g} % intervals"
        )
        rows = [
            [arm, str(runs), _shown(average), _shown(worst)]
            for arm, runs, average, worst in zip(self.arms, self.runs, self.average, self.worst, strict=True)
        ]
        return f"{title}\n{words.text_table(['arm', 'runs', 'average', _worst_name(self.classes)], rows)}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain Python: proportions, and None where nothing is known."""
        return plain(self)


def worth(preds: Predictions, *, level: float = 0.95, generalize_to: Wanted = "auto") -> Worth:
    """Say what each arm is worth: its average, and its worst classes.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> found = worth(simulate(classes=4, images=300, runs=1, effect=[[0.05] * 4], seed=1).predictions)
    >>> found.arms, found.images, found.average[0].low < found.average[0].value
    (('baseline', 'arm 1'), 1200, True)
    """
    d = Design.of(preds, preds.arms)
    return Worth(
        arms=tuple(preds.arms),
        runs=tuple(counts.runs for counts in d.counts),
        average=_levels(d, generalize_to, level),
        worst=_worst(d, generalize_to, level),
        images=int(d.layout.n.sum()),
        classes=int(np.count_nonzero(d.layout.n)),
        on=preds.on or "the data",
        level=level,
    )


def compare_transfer(
    source: Predictions,
    downstream: Predictions,
    *,
    choose_source_on: Predictions | None = None,
    choose_on: Predictions | None = None,
    level: float = 0.95,
    generalize_to: Wanted = "auto",
) -> Transfer:
    """Compare what doses are worth on their own data and downstream, and what the source's choice costs there.

    Parameters
    ----------
    source
        What the networks answered about the data that they were trained on.
    downstream
        What they, or probes on them, answered about other data: the same arms, whatever the classes.
    choose_source_on
        The source's answers to its validation images, by which a dose is chosen there; by default to its test images.
    choose_on
        The downstream answers to validation images, by which each class's own best dose is chosen; without them the
        halves of the test images take turns.

    Raises
    ------
    InputError
        When fewer than two arms have answers about both, or a single run is to be generalized from.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> here = simulate(classes=4, images=300, runs=3, effect=[[0.05] * 4], doses=(0.0, 1.0), seed=1).predictions
    >>> there = simulate(classes=3, images=300, runs=3, effect=[[0.1, 0, -0.3]], doses=(0.0, 1.0), seed=2).predictions
    >>> found = compare_transfer(here, there)
    >>> found.best.best, bool(found.toll.low[2] > 0.15), bool(found.toll.low[0] > 0)
    ('arm 1', True, False)
    """
    both = [arm for arm in source.arms if arm in downstream.arms]
    if len(both) < 2:
        raise InputError(
            f"the source has the arms {listing(source.arms)}, downstream there are {listing(downstream.arms)};"
            " expected two or more in both"
        )
    here, there = Design.of(source, both), Design.of(downstream, both)
    chooser = here if choose_source_on is None else Design.of(choose_source_on, both)
    best = best_doses(chooser, level=level, generalize_to=generalize_to)
    validation = None if choose_on is None else Design.of(choose_on, both)
    on = source.on or "the source"
    levels = [_levels(d, generalize_to, level) for d in (here, there)]
    worst = _worst(there, generalize_to, level)
    return Transfer(
        arms=tuple(both),
        dose=tuple(source.dose_of(arm) for arm in both),
        runs=tuple((a.runs, b.runs) for a, b in zip(here.counts, there.counts, strict=True)),
        source=levels[0],
        downstream=levels[1],
        worst=worst,
        agreement=rank_correlation(here.overall(), np.array([w.value for w in worst]), level),
        best=best,
        toll=tolls(
            there, choose_on=validation, level=level, generalize_to=generalize_to, at=best.best,
            chosen_for=f"best on average on {visible(chooser.preds.on or on)}",
        ),
        images=int(there.layout.n.sum()),
        classes=int(np.count_nonzero(there.layout.n)),
        apart=tuple(dict.fromkeys(arm for arm in (*source.arms, *downstream.arms) if arm not in both)),
        source_on=on,
        on=downstream.on or "other data",
        level=level,
    )  # fmt: skip


def _levels(d: Design, wanted: Wanted, level: float) -> tuple[Level, ...]:
    """Return each arm's accuracy over all images, with its interval."""
    arms = enumerate(d.counts)
    return tuple(Level(*average_interval(single(x, d.layout), d.over(wanted, k), level)) for k, x in arms)


def _worst(d: Design, wanted: Wanted, level: float) -> tuple[Measured, ...]:
    """Return the mean of each arm's worst tenth of classes."""
    arms = (dispersion.Arm.of(x, d.layout, d.over(wanted, k), level) for k, x in enumerate(d.counts))
    return tuple(dispersion.measure(arm)["worst tenth"] for arm in arms)


def _worst_name(classes: int) -> str:
    return "worst class" if classes <= FEW else "worst tenth of classes"


def _runs(here: int, there: int) -> str:
    return f"{here}" if here == there else f"{here}, {there} downstream"


def _shown(x: Level | Measured) -> str:
    if not np.isfinite([x.value, x.low, x.high]).all():
        return "cannot tell"
    return f"{100 * x.value:.1f} ({100 * x.low:.1f} to {100 * x.high:.1f})"
