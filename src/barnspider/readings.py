"""Two readings of the same answers: by the single label, and by sets of labels. What harm do the sets explain?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.document import document
from barnspider.effects import estimate
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.outcome import Effects, Floats
from barnspider.overview import heading
from barnspider.predictions import Predictions
from barnspider.sentences import headline
from barnspider.stats.intervals import Interval, Spread, spread, t_interval
from barnspider.stats.parallel import each
from barnspider.stats.readings import Share, explained_share, reading_contrast


@dataclass(frozen=True, eq=False)
class Readings(words.Shown):
    """Changes of classes by the single label and by sets of labels, of the same answers about the same images.

    A class keeps its images: those whose single label it is. A arms, C classes.

    Attributes
    ----------
    sets, single : the effects by either reading
    several : how many images have more than one right label
    apart, apart_low, apart_high : Float[A, C]
        Change by the sets minus change by the single label, and its interval; NaN for a class without images.
    share, share_low, share_high : Float[A, C]
        The share of a class's change by the single label that is none by the sets: 1 - (change by the sets) / (change
        by the single label). Only of classes that are harmed or helped by the single label; NaN: cannot tell.
    share_level : float
        Of the intervals of shares. They are told only of classes that were found, so it is above `level`: of the shares
        that are told, no more than 1 - `level` miss the truth on average (Benjamini and Yekutieli 2005).
    """

    sets: Effects
    single: Effects
    several: int
    apart: Floats
    apart_low: Floats
    apart_high: Floats
    share: Floats
    share_low: Floats
    share_high: Floats
    share_level: float

    def still_harmed(self) -> NDArray[np.bool_]:
        """Bool[A, C]: harmed by the single label, and by the sets."""
        return self.single.harmed & self.sets.harmed

    def count(self, arm: str) -> str:
        """Return how many of the classes that are harmed by the single label are still harmed by the sets."""
        a = self.single.place(arm)
        harmed, still = int(self.single.harmed[a].sum()), int(self.still_harmed()[a].sum())
        new = int(self.sets.harmed[a].sum()) - still
        if not harmed:
            text = "By the single label, no class can be shown to be harmed"
        else:
            left = f"{still:,} {'is' if still == 1 else 'are'} still harmed by the sets"
            text = f"Of {words.counted(harmed, self.single.method.unit)} harmed by the single label, {left}"
        return f"{text}; {new:,} {'is' if new == 1 else 'are'} harmed by the sets only" if new else text

    def explained(self, a: int, c: int) -> str:
        """Return the share of a class's harm that the sets explain, with its interval; "" where no harm was found."""
        if not self.single.harmed[a, c]:
            return ""
        if not np.isfinite(self.share[a, c]):
            return "cannot tell"
        share, low, high = (round(100 * float(x[a, c])) for x in (self.share, self.share_low, self.share_high))
        return f"{share} % ({low} to {high})"

    def about(self) -> str:
        """Return what the two readings are, and how many images they differ in: one line above every table."""
        text = words.two_readings(self.several, int(self.single.n.sum()))
        if not self.single.harmed.any():
            return text
        level = f"{100 * self.share_level:.4g} %"
        return f"{text}. Explained: the share of the harm by the single label that is none by the sets, at {level}"

    def order(self, arm: str) -> NDArray[np.intp]:
        """Return class numbers: those harmed by either reading first, each from the worst by the single label."""
        a, worst = self.single.place(arm), self.single.worst_first(arm)
        either = (self.single.harmed | self.sets.harmed)[a][worst]
        return worst[np.argsort(~either, kind="stable")]

    def text(self, rows: int | None = 10) -> str:
        """Return the table that a person wants: for every arm both headlines, and its classes by both readings."""
        screen = max(3, 20 // max(len(self.single.arms), 1)) if rows is None else rows
        blocks = [f"{heading(self.sets)}\n{self.about()}", *(self._block(arm, screen) for arm in self.single.arms)]
        return "\n\n".join(blocks)

    def _block(self, arm: str, rows: int) -> str:
        a = self.single.place(arm)
        said = [
            f"{visible(arm)} ({words.counted(self.single.runs[a], 'run')})",
            f"  by the single label: {headline(self.single, arm)}",
            f"  by the label sets: {headline(self.sets, arm)}",
            f"  {self.count(arm)}.",
        ]
        q, more = self.single.method.symbol, len(self.single.classes) - rows
        head = [
            self.single.method.unit,
            "n",
            "single label",
            "interval",
            q,
            "label sets",
            "interval",
            q,
            "explained",
            "verdicts",
        ]
        table = words.text_table(head, [self._row(a, c) for c in self.order(arm)[:rows].tolist()])
        tail = f"\n... and {more:,} more" if more > 0 else ""
        return "\n".join(said) + f"\n\n{table}{tail}"

    def _row(self, a: int, c: int) -> list[str]:
        name, n = visible(self.single.classes[c]), f"{self.single.n[c]:,}"
        if not self.single.known[a, c]:
            return [name, n, *["cannot tell", "", ""] * 2, "", ""]
        verdicts = " -> ".join(str(e.findings()[a, c]) for e in (self.single, self.sets))
        return [name, n, *_cells(self.single, a, c), *_cells(self.sets, a, c), self.explained(a, c), verdicts]

    def sentence(self, arm: str, name: str) -> str:
        """Return what happened to one class by either reading, and what the sets explain."""
        told = [
            f"By the single label: {self.single.sentence(arm, name)}",
            f"By the sets: {self.sets.sentence(arm, name)}",
        ]
        share = self.explained(self.single.place(arm), self.single.classes.index(name))
        return " ".join([*told, *([f"Of the harm, the sets explain {share}."] if share else [])])

    def __str__(self) -> str:
        return self.text(rows=None)

    def to_json(self) -> dict[str, Any]:
        """Return `audit --json`: the effects by the sets, and beside them `single` and `explained` of every class."""
        whole, single = document(self.sets), document(self.single)
        whole["label_sets"] = {"several": self.several, "share_level": self.share_level}
        for a, (arm, other) in enumerate(zip(whole["arms"], single["arms"], strict=True)):
            arm["single"] = {name: other[name] for name in ("headline", "findings", "overall", "class_dependence")}
            arm["still_harmed"] = int(self.still_harmed()[a].sum())
            for c, (own, by_label) in enumerate(zip(arm["classes"], other["classes"], strict=True)):
                own["single"] = {name: by_label[name] for name in SINGLE}
                own["explained"] = {name: _plain(getattr(self, name)[a, c]) for name in EXPLAINED}
        return whole


SINGLE = ("before", "effect", "low", "high", "p", "q", "shrunk", "prob_harm", "finding")
EXPLAINED = ("apart", "apart_low", "apart_high", "share", "share_low", "share_high")


def _plain(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _cells(e: Effects, a: int, c: int) -> list[str]:
    return [words.points(e.effect[a, c]), words.between(e.low[a, c], e.high[a, c]), words.chance(e.q[a, c])]


def readings(preds: Predictions, effects: Effects) -> Readings:
    """Read the same answers by the single label, too, and say what of each class's change the sets explain.

    Parameters
    ----------
    preds
        Predictions with label sets: see `with_label_sets`.
    effects
        What `estimate` found in them. The other reading is made and judged in the same way.

    Raises
    ------
    InputError
        When every image has just one label.

    Examples
    --------
    >>> from barnspider import estimate, with_label_sets
    >>> label = ["desk"] * 40 + ["dog"] * 40
    >>> arms = {"a": [label], "b": [["screen"] * 20 + label[20:]]}
    >>> preds = Predictions.from_arrays(label, arms)
    >>> real = with_label_sets(preds, [["desk", "screen"]] * 30 + [[x] for x in label[30:]])
    >>> print(readings(real, estimate(real, "a")).count("b"))
    Of 1 class harmed by the single label, 0 are still harmed by the sets
    """
    if preds.accepted is None:
        raise InputError("preds has one label for each image, which can be read in one way; expected label sets")
    plain = replace(preds, accepted=None)
    m, arms = effects.method, (effects.baseline, *effects.arms)
    over = "auto" if effects.over else m.generalizes_to
    single = estimate(plain, effects.baseline, level=m.level, generalize_to=over, arms=effects.arms)
    single = single.within(m.margin).corrected(m.correction)
    designs = Design.of(plain, arms), Design.of(preds, arms)
    level = _share_level(single)
    found = each(lambda k: _explained(designs, single, k, level), range(1, len(arms)))
    columns = {name: np.stack([getattr(x, name) for x, _, _ in found]) for name in ("share", "low", "high")}
    told = single.harmed | single.helped
    return Readings(
        sets=effects,
        single=single.simultaneous() if m.simultaneous else single,
        several=int(((preds.accepted >= 0).sum(axis=1) > 1).sum()),
        apart=np.stack([x for _, x, _ in found]),
        apart_low=np.where(single.known, np.stack([x.low for _, _, x in found]), np.nan),
        apart_high=np.where(single.known, np.stack([x.high for _, _, x in found]), np.nan),
        share=np.where(told, columns["share"], np.nan),
        share_low=np.where(told, columns["low"], np.nan),
        share_high=np.where(told, columns["high"], np.nan),
        share_level=level,
    )


def _share_level(single: Effects) -> float:
    """Return the level at which intervals are told of what was found only: 1 - alpha * found / tested."""
    found, tested = int((single.harmed | single.helped).sum()), max(int(single.known.sum()), 1)
    return 1 - single.method.alpha * max(found, 1) / tested


def _explained(designs: tuple[Design, Design], single: Effects, k: int, level: float) -> tuple[Share, Floats, Interval]:
    """Compare both readings of the k-th arm: the share, and the difference with its interval."""
    one, two = designs
    over = single.generalizes_to(single.arms[k - 1])
    changes = one.contrast(0, k), two.contrast(0, k)
    counts = [(one.counts[arm], two.counts[arm]) for arm in (0, k)]
    apart = reading_contrast(counts[0], counts[1], one.layout, one.pairs(0, k))
    spreads: list[Spread] = [spread(c, over, level) for c in (*changes, apart)]
    share = explained_share((changes[0].estimate, changes[1].estimate), (spreads[0], spreads[1], spreads[2]), level)
    own = spread(apart, over, single.method.level)
    return share, apart.estimate, t_interval(apart.estimate, own, single.method.level, bound=2.0)
