"""Net flow between two classes: what one loses to the other, less what it receives from it, with one interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.design import Design
from barnspider.errors import pick
from barnspider.flows import LEAST, Confused
from barnspider.names import visible
from barnspider.outcome import Effects, Floats, Method
from barnspider.predictions import Predictions
from barnspider.stats.crossed import Contrast, RunPart, scatter
from barnspider.stats.intervals import Interval, spread, t_interval
from barnspider.stats.multiplicity import benjamini_hochberg
from barnspider.stats.parallel import each
from barnspider.stats.rare import rare_contrast

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NetFlows(words.Shown):
    """Net flow between pairs of classes, either way round. A arms, E pairs.

    An augmentation that only moves the boundary between two classes gives to one what it takes from the other: a net
    flow. Confusion that grows both ways has none.

    Attributes
    ----------
    classes, arms, baseline : names
    first, second : Int[E]
        The two classes of each pair, in order of class.
    change, low, high, p, q : Float[A, E]
        Change of the share of the first's images that are taken for the second, less that of the second's that are
        taken for the first: above zero, answers went from the first to the second. q is over all pairs and arms that
        are tested, which have five answers of a run or more; that of others is 1.
    n : Int[E]
        Images of both.
    method : as of the effects; arms are compared with the baseline
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str
    first: Ints
    second: Ints
    change: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    n: Ints
    method: Method

    def certain(self) -> NDArray[np.bool_]:
        """Bool[A, E]: chance does not explain the net flow (q < 1 - level)."""
        return self.q < self.method.alpha

    def order(self, arm: str) -> NDArray[np.intp]:
        """Return pair numbers: those that are certain first, then the others; the largest net flows first."""
        a = self.arms.index(pick("arm", arm, self.arms))
        return np.lexsort((np.arange(len(self.first)), -np.abs(self.change[a]), ~self.certain()[a]))

    def text(self, rows: int = 10) -> str:
        """Return the table that a person wants: for every arm, between whom most answers moved."""
        return "\n\n".join(self.block(a, rows) for a in range(len(self.arms)))

    def block(self, a: int, rows: int) -> str:
        """Return the lines of one arm, by its number."""
        sure = int(self.certain()[a].sum())
        told = f"{words.counted(sure, 'pair')} of {len(self.first):,} with a certain net flow"
        lines = [self.line(a, int(i)) for i in self.order(self.arms[a])[:rows]]
        return "\n".join([f"{visible(self.arms[a])} against {visible(self.baseline)}: {told}", *lines])

    def line(self, a: int, i: int) -> str:
        """Return one pair in the direction of its flow."""
        ends = [visible(self.classes[c], 30) for c in (self.first[i], self.second[i])]
        change, low, high = (float(x[a, i]) for x in (self.change, self.low, self.high))
        if change < 0:
            ends, change, low, high = ends[::-1], -change, -high, -low
        mark = "*" if self.certain()[a, i] else " "
        interval = words.between(low, high)
        return f"{mark} {ends[0]} => {ends[1]}: {words.points(change)} ({interval}) points, net; n {self.n[i]:,}"

    def __str__(self) -> str:
        return self.text()


def net_flows(preds: Predictions | Design, effects: Effects) -> NetFlows:
    """Find between which classes answers moved one way, in the comparisons of these effects.

    The pairs are those of `flows`, either way round; where these are too many, those of which both directions are among
    them.

    Raises
    ------
    InputError
        When `preds` lack an arm of the effects, or are grouped: an answer is a class, of no group.

    Examples
    --------
    >>> from barnspider.effects import estimate
    >>> label = [0] * 40 + [1] * 40
    >>> off, on = [[1] * 9 + label[9:71] + [0] * 9] * 2, [[1] * 30 + label[30:]] * 2
    >>> preds = Predictions.from_arrays(label, {"off": off, "on": on}, classes=["cat", "dog"])
    >>> print(net_flows(preds, estimate(preds, "off")))
    on against off: 1 pair of 1 with a certain net flow
    * cat => dog: +75.0 (54.0 to 96.0) points, net; n 80
    """
    confused = Confused.of(preds, effects)
    first, second, there, back = _both_ways(confused)
    sizes = confused.design.layout.n
    n = (sizes[first], sizes[second])

    def compared(k: int) -> tuple[Floats, Interval, NDArray[np.bool_]]:
        d, level = confused.design, effects.method.level
        c = rare_contrast(confused.hits[0], confused.hits[k], confused.n, d.pairs(0, k))
        sides = _at(c, there, n[0]), _at(c, back, n[1])
        net, answers = _difference(*sides), np.sum([x.n * arm.mean(axis=0) for x in sides for arm in x.series], axis=0)
        # Two accuracies may change by one each.
        spread_ = spread(net, effects.generalizes_to(d.arms[k]), level)
        return net.estimate, t_interval(net.estimate, spread_, level, bound=2.0), answers > LEAST - 1e-9

    shape = len(effects.arms), len(first)
    found = each(compared, range(1, len(confused.design.arms))) if len(first) else []
    changes = np.array([x for x, _, _ in found]).reshape(shape)
    tested = np.array([x for _, _, x in found], dtype=np.bool_).reshape(shape)
    low, high, p = (np.array([getattr(i, name) for _, i, _ in found]).reshape(shape) for name in ("low", "high", "p"))
    return NetFlows(
        effects.classes, effects.arms, effects.baseline, first, second, changes, low, high, p,
        benjamini_hochberg(p, tested), n[0] + n[1], effects.method,
    )  # fmt: skip


def _both_ways(confused: Confused) -> tuple[Ints, Ints, Ints, Ints]:
    """Return pairs of classes, and for each the places of its two directions; -1 where one is never seen."""
    low, high = np.minimum(confused.source, confused.target), np.maximum(confused.source, confused.target)
    count = len(confused.design.preds.classes)
    code = np.unique(low * count + high)
    first, second = np.divmod(code, count)
    there, back = (_place(confused.pair, a * count + b) for a, b in ((first, second), (second, first)))
    has = confused.design.layout.n > 0
    kept = has[first] & has[second]
    if confused.every > len(confused.pair):  # the other direction may be there, and too rare
        kept &= (there >= 0) & (back >= 0)
    return first[kept], second[kept], there[kept], back[kept]


def _place(pairs: Ints, wanted: Ints) -> Ints:
    place = np.searchsorted(pairs, wanted)
    return np.where(np.append(pairs, -1)[place] == wanted, place, -1)


def _at(c: Contrast, place: Ints, n: Ints) -> Contrast:
    """Pick some series of a contrast; at -1 there is one that is always zero, about so many images."""
    seen = place >= 0

    def pick_(values: Floats, empty: Floats | float = 0.0) -> Floats:
        return np.where(seen, values[..., place], empty)

    parts = tuple(
        RunPart(x.runs, x.share, pick_(x.between), pick_(x.within), pick_(x.means)) for x in c.parts
    )  # fmt: skip
    return Contrast(
        n, pick_(c.estimate), pick_(c.image_var), pick_(c.binomial, scatter(n.astype(np.float64), np.zeros(len(n)))),
        pick_(c.unseen), parts, tuple(pick_(x) for x in c.series),
    )  # fmt: skip


def _difference(one: Contrast, two: Contrast) -> Contrast:
    """Describe one change less another, about other images and the same runs."""
    n = (one.n + two.n).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A direction with a single image has no variance over images; it borrows the other's.
        own = [np.where(x.n > 1, x.image_var, y.image_var) for x, y in ((one, two), (two, one))]
        image_var = n * (own[0] / one.n + own[1] / two.n)
    return replace(
        one, n=one.n + two.n, estimate=one.estimate - two.estimate, image_var=image_var,
        binomial=n * (one.binomial / one.n + two.binomial / two.n), unseen=np.maximum(one.unseen, two.unseen),
        parts=tuple(_run_difference(x, y) for x, y in zip(one.parts, two.parts, strict=True)),
        series=tuple(x - y for x, y in zip(one.series, two.series, strict=True)),
    )  # fmt: skip


def _run_difference(one: RunPart, two: RunPart) -> RunPart:
    means = one.means - two.means
    between = np.var(means, axis=0, ddof=1) if one.runs > 1 else np.zeros(means.shape[1])
    return RunPart(one.runs, one.share, between, one.within + two.within, means)
