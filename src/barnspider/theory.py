"""What an exact linear model says of a study before it is trained; and, once it is, whether that was so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barnspider import words
from barnspider.as_json import plain
from barnspider.doses import BestDoses, Tolls, best_doses, tolls
from barnspider.effects import estimate
from barnspider.errors import InputError, listing
from barnspider.names import visible
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.stats.ranks import RankCorrelation, rank_correlation

CAVEAT = (
    "A linear model on fixed features learns no features. The order in which classes pay may hold for a network; its"
    " levels and its best dose need not. What a network does, only training tells."
)


@dataclass(frozen=True)
class Beside:
    """One arm of the trained study beside the same arm of the linear model.

    Attributes
    ----------
    arm : name
    correlation : rank correlation, over classes, of the two effects
    harmed_there, harmed_here, both : how many classes
    """

    arm: str
    correlation: RankCorrelation
    harmed_there: int
    harmed_here: int
    both: int

    def __str__(self) -> str:
        r = self.correlation
        told = (
            "cannot tell, from so few classes"
            if np.isnan(r.rho)
            else f"{_two(r.rho)} ({_two(r.low)} to {_two(r.high)}) over {words.counted(r.n, 'class')}"
        )
        return (
            f"  {visible(self.arm)}: rank correlation of the classes' effects {told}; harmed in the trained study"
            f" {self.harmed_there}, here {self.harmed_here}, in both {self.both}"
        )


@dataclass(frozen=True, eq=False)
class Theory(words.Shown):
    """A study on a linear model: A arms beside the baseline, C classes.

    Attributes
    ----------
    about : what the model is, in words
    effects : of each dose against the baseline, on test images
    penalty : of each arm of `effects`, the baseline first: the penalty that validation images chose
    best : the best dose on validation images
    toll : what that costs each class, against its own best dose
    path : the same along the path of penalties at the baseline dose: the toll of the best penalty; None without a path
    beside : the trained study's arms that are known, beside these
    """

    about: str
    effects: Effects
    penalty: tuple[float, ...]
    best: BestDoses
    toll: Tolls
    path: Tolls | None
    beside: tuple[Beside, ...]

    def __str__(self) -> str:
        return self.text()

    def text(self, rows: int | None = 10) -> str:
        """Return what a person wants to know; of classes at risk at most `rows`."""
        parts = [
            f"{self.title()}\n{self._table()}", f"On validation images. {self.best}\n{self.position()}",
            self._at_risk(rows), self._pays("Who pays", self.toll, rows), self._path(rows), self._beside(), CAVEAT,
        ]  # fmt: skip
        return "\n\n".join(part for part in parts if part)

    def title(self) -> str:
        """Return what is told, and of what."""
        m = self.effects.method
        about = f"{self.about}\n" if self.about else ""
        return (
            f"{about}Change of accuracy from {visible(self.effects.baseline)!r} on {visible(self.effects.on)}"
            f" ({words.counted(int(self.effects.n.sum()), 'image')}), in points; {100 * m.level:.4g} % intervals"
            f" generalize to {words.explained(m.generalizes_to)}"
        )

    def _table(self) -> str:
        e = self.effects
        head = ["arm", "penalty", "average", "change", "worst class", "", "harmed", "helped", "class dependence"]
        first = [e.baseline, _number(self.penalty[0]), words.percent(e.overall_before), *[""] * 6]
        table = words.text_table(head, [first, *map(self._row, range(len(e.arms)))])
        return "\n".join(line.rstrip() for line in table.splitlines())

    def _row(self, a: int) -> list[str]:
        e = self.effects
        c = int(e.worst_first(e.arms[a])[0])
        change = (
            f"{words.points(float(e.overall[a]))} ({words.between(float(e.overall_low[a]), float(e.overall_high[a]))})"
        )
        worst = f"{words.points(float(e.effect[a, c]))} ({words.between(float(e.low[a, c]), float(e.high[a, c]))})"
        tau = (
            f"{words.points(float(e.tau[a]), sign=False)} ({words.between(float(e.tau_low[a]), float(e.tau_high[a]))})"
        )
        average = words.percent(e.overall_before + float(e.overall[a]))
        counts = [str(int(found[a].sum())) for found in (e.harmed, e.helped)]
        return [e.arms[a], _number(self.penalty[1 + a]), average, change, e.classes[c][:30], worst, *counts, tau]

    def position(self) -> str:
        """Return where the best dose on average lies among those that were asked, in a sentence."""
        b = self.best
        known = [(dose, arm) for dose, arm in zip(b.dose, b.arms, strict=True) if dose is not None]
        if len(known) < 2 or b.best not in (arm for _, arm in known):
            return "Where it lies among doses of one number for each class, nobody can say."
        (_, least), *_, (_, most) = sorted(known)
        ends = [arm for arm in (least, most) if arm in b.contenders and arm != b.best]
        if b.best == least:
            told = "at the weakest of these doses: by this model the study tells who pays, and little of what is gained"
        elif b.best == most:
            told = "at the strongest of these doses: stronger ones may be better still"
        else:
            told = "inside these doses"
        unsure = f"; but {listing(map(visible, ends))} may be as good" if ends else ""
        return f"The optimum of the average lies {told}{unsure}."

    def at_risk(self) -> list[tuple[str, str, int]]:
        """Return the classes that some arm harms, the worst first: (class, the first arm that does, how many do)."""
        e = self.effects
        order = np.argsort(np.where(e.harmed, e.effect, 0.0).min(axis=0), kind="stable")
        return [
            (e.classes[c], e.arms[int(e.harmed[:, c].argmax())], int(e.harmed[:, c].sum()))
            for c in order
            if e.harmed[:, c].any()
        ]

    def _at_risk(self, rows: int | None) -> str:
        found, alpha = self.at_risk(), f"{self.effects.method.symbol} < {self.effects.method.alpha:.2g}"
        if not found:
            return f"Classes at risk: none is harmed at any dose ({alpha})."
        shown = "\n".join(f"  {visible(name)}, first at {visible(arm)}" for name, arm, _ in found[:rows])
        more = "" if rows is None or len(found) <= rows else f"\n  ... and {len(found) - rows:,} more"
        head = f"Classes at risk, harmed at some dose ({alpha}): {len(found)} of {len(self.effects.classes):,}"
        return f"{head}\n{shown}{more}"

    def _pays(self, title: str, toll: Tolls, rows: int | None) -> str:
        known = np.isfinite(toll.toll)
        pays = [c for c in np.argsort(-np.nan_to_num(toll.toll, nan=-1.0), kind="stable") if toll.low[c] > 0]
        told = [
            f"{visible(toll.classes[c])} {words.points(float(toll.toll[c]), sign=False)}"
            f" ({words.between(float(toll.low[c]), float(toll.high[c]))})"
            for c in pays
        ]
        names = f": {listing(told, most=rows or len(told))}" if told else ""
        return (
            f"{title} for {visible(toll.average)}, {toll.chosen_for}: against its own best, {len(pays)} of"
            f" {words.counted(int(known.sum()), 'class')} certainly pay{'s' if len(pays) == 1 else ''}{names}."
        )

    def _path(self, rows: int | None) -> str:
        if self.path is None:
            return ""
        return self._pays(
            f"Weight decay, which is the penalty, at {visible(self.effects.baseline)!r}. Who pays", self.path, rows
        )

    def _beside(self) -> str:
        if not self.beside:
            return ""
        return "\n".join(["Beside the trained study:", *map(str, self.beside)])

    def to_json(self) -> dict[str, Any]:
        """Return it as plain Python: proportions, and None where nothing is known."""
        e = self.effects
        return {
            "about": self.about,
            "penalty": dict(zip((e.baseline, *e.arms), plain(self.penalty), strict=True)),
            "best": plain(self.best), "position": self.position(), "toll": plain(self.toll), "path": plain(self.path),
            "at_risk": [{"class": name, "from": arm, "arms": count} for name, arm, count in self.at_risk()],
            "beside": plain(self.beside), "effects": e.to_json(),
        }  # fmt: skip


def theory(
    test: Predictions,
    validation: Predictions,
    baseline: str,
    *,
    about: str = "",
    penalty: Sequence[float] = (),
    path: tuple[Predictions, Predictions] | None = None,
    trained: Effects | None = None,
    level: float = 0.95,
) -> Theory:
    """Say what a linear model's answers mean for a study.

    Parameters
    ----------
    test, validation
        The model's answers, an arm for each dose: see `lab.exact`. Doses are chosen on validation images.
    penalty
        The chosen penalty of each arm, in the order of `test.arms`; unknown where it is left out.
    path
        The same along the path of penalties: test, validation.
    trained
        What the trained study's arms do, if it is there.

    Raises
    ------
    InputError
        When there is nothing to compare, or the trained study has other classes.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> seen = simulate(classes=4, images=400, runs=4, effect=[[0.05, 0.05, 0, -0.2]], doses=(0, 1), seed=1).predictions
    >>> found = theory(seen, seen, "baseline")
    >>> found.at_risk(), found.position()[:40]
    ([('class 3', 'arm 1', 1)], 'The optimum of the average lies at the w')
    """
    effects = estimate(test, baseline, level=level)
    best = best_doses(validation, level=level)
    known = dict(zip(test.arms, penalty or [np.nan] * len(test.arms), strict=True))
    return Theory(
        about,
        effects,
        tuple(float(known[arm]) for arm in (effects.baseline, *effects.arms)),
        best,
        tolls(test, choose_on=validation, level=level, at=best.best),
        None if path is None else _toll_of_path(*path, level),
        () if trained is None else beside(effects, trained),
    )


def _toll_of_path(test: Predictions, validation: Predictions, level: float) -> Tolls:
    best = best_doses(validation, level=level)
    return tolls(test, choose_on=validation, level=level, at=best.best)


def beside(here: Effects, trained: Effects) -> tuple[Beside, ...]:
    """Compare two studies of the same doses, arm by arm; arms that only one of them has are passed over.

    Raises
    ------
    InputError
        When they are about other classes, or against another baseline.
    """
    if here.classes != trained.classes:
        raise InputError("the trained study has other classes than the data has now; expected the same")
    if here.baseline != trained.baseline:
        raise InputError(f"the trained study is compared with {trained.baseline!r}; expected {here.baseline!r}")
    pairs = [(arm, here.place(arm), trained.place(arm)) for arm in here.arms if arm in trained.arms]
    return tuple(
        Beside(
            arm,
            rank_correlation(here.effect[a], trained.effect[b], here.method.level),
            int(trained.harmed[b].sum()),
            int(here.harmed[a].sum()),
            int((here.harmed[a] & trained.harmed[b]).sum()),
        )
        for arm, a, b in pairs
    )


@dataclass(frozen=True, eq=False)
class Growth(words.Shown):
    """One arm's effects with more and more training images. S sizes, C classes.

    Attributes
    ----------
    sizes : training images of each run, from few to many
    effects : of that arm alone, for each size
    """

    sizes: tuple[int, ...]
    effects: tuple[Effects, ...]

    @property
    def remains(self) -> list[str]:
        """The classes that are harmed with most images, the worst first."""
        e = self.effects[-1]
        return [e.classes[c] for c in e.worst_first(e.arms[0]) if e.harmed[0, c]]

    def __str__(self) -> str:
        return self.text()

    def text(self, rows: int | None = 10) -> str:
        """Return a table: a line for the average, and one for each of the worst classes with most images."""
        last = self.effects[-1]
        order = last.worst_first(last.arms[0])[:rows]
        head = ["images", *(f"{size:,}" for size in self.sizes)]
        average = ["average", *(_told(e.overall[0], e.overall_low[0], e.overall_high[0]) for e in self.effects)]
        body = [
            [last.classes[c][:30], *(_told(e.effect[0, c], e.low[0, c], e.high[0, c]) for e in self.effects)]
            for c in order
        ]
        more = len(last.classes) - len(order)
        tail = f"\n... and {more:,} more" if more > 0 else ""
        title = (
            f"With more training images (of each run): what {visible(last.arms[0])} does against"
            f" {visible(last.baseline)!r}, in points"
        )
        return f"{title}\n{words.text_table(head, [average, *body])}{tail}\n{self._judged()}"

    def _judged(self) -> str:
        e, names = self.effects[-1], self.remains
        many = f"With {self.sizes[-1]:,} images"
        if not names:
            return f"{many} no class is harmed any more ({e.method.symbol} < {e.method.alpha:.2g})."
        verb = "is" if len(names) == 1 else "are"
        return (
            f"{many} {words.counted(len(names), 'class')} of {len(e.classes):,} {verb} still harmed: {_names(names)}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain Python: proportions."""
        return {
            "sizes": list(self.sizes), "arm": self.effects[-1].arms[0], "remains": self.remains,
            "effects": [e.to_json() for e in self.effects],
        }  # fmt: skip


def _two(x: float) -> str:
    return f"{round(x, 2) + 0.0:.2f}"  # no "-0.00"


def _number(x: float) -> str:
    return "unknown" if np.isnan(x) else f"{x:.3g}"


def _names(names: Sequence[str]) -> str:
    return listing(map(visible, names), most=10)


def _told(effect: float, low: float, high: float) -> str:
    return (
        "cannot tell"
        if np.isnan(effect)
        else f"{words.points(float(effect))} ({words.between(float(low), float(high))})"
    )


def grown(answers: Sequence[tuple[int, Predictions]], baseline: str, arm: str, *, level: float = 0.95) -> Growth:
    """Estimate what one arm does with more and more training images.

    Parameters
    ----------
    answers
        (training images of a run, answers), from few to many: see `lab.exact.growth`.

    Raises
    ------
    InputError
        When there is nothing, or no such arm.

    Examples
    --------
    >>> from barnspider.simulate import simulate
    >>> seen = [simulate(images=200, runs=4, effect=-0.2 / k, seed=k).predictions for k in (1, 2)]
    >>> found = grown([(100, seen[0]), (200, seen[1])], "baseline", "arm 1")
    >>> found.sizes, found.effects[1].overall.round(1).tolist()
    ((100, 200), [-0.1])
    """
    if not answers:
        raise InputError("answers=[] is empty; expected answers for one number of training images or more")
    found = [estimate(preds, baseline, level=level, arms=[arm]) for _, preds in answers]
    return Growth(tuple(size for size, _ in answers), tuple(found))
