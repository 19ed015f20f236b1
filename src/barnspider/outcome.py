"""Effects, and how they print: a number, its interval, its n and its method never part."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import listing, pick
from barnspider.names import visible
from barnspider.predictions import LeftOut
from barnspider.stats.multiplicity import benjamini_hochberg, equivalence, holm, quantile, simultaneous_level
from barnspider.stats.power import smallest_effect

if TYPE_CHECKING:
    import polars

Floats = NDArray[np.float64]
Generalizes = Literal["images and runs", "images", "runs"]


def _none() -> Floats:
    return np.empty((0, 0))


@dataclass(frozen=True)
class Method:
    """How the intervals were made: part of every result, so that nobody has to guess.

    Attributes
    ----------
    level : confidence level of every interval, 0.95 by default
    generalizes_to : "images and runs", "images" (these models, not the recipe) or "runs" (this very test set)
    paired : whether runs of equal seed share their random numbers, so that the run component is that of differences
    degrees_of_freedom : the rule, in words
    multiplicity : the correction behind `q`, in words
    versions : barnspider, numpy, scipy
    margin : a class that certainly changed by less than this proportion is called unchanged
    """

    level: float
    generalizes_to: Generalizes
    paired: bool
    degrees_of_freedom: str
    multiplicity: str
    versions: tuple[tuple[str, str], ...]
    margin: float = 0.01


@dataclass(frozen=True, eq=False)
class Effects:
    """Change of each class's accuracy from the baseline arm to each other arm. A arms, C classes.

    All accuracies and effects are proportions (0.02 is two points). Where nothing can be said (a class without
    images), numbers are NaN and `known` is False: every renderer says "cannot tell", none prints NaN.

    Attributes
    ----------
    classes, arms, baseline : names; `arms` leaves the baseline out
    n : Int[C]
        Images of each class.
    before, before_low, before_high : Float[C]
        Accuracy of each class in the baseline arm, and its interval.
    after, effect, low, high, se, df, p, q : Float[A, C]
        Accuracy in the arm; change from the baseline; its interval, standard error, degrees of freedom, p-value and
        Benjamini-Hochberg q-value over all classes and arms.
    shrunk, prob_harm : Float[A, C]
        Empirical-Bayes effect and the probability that the true effect is below zero.
    known : Bool[A, C]
        False where there is no evidence.
    overall, overall_low, overall_high, overall_p : Float[A]
        The same change over all images.
    overall_before : float
        Accuracy over all images in the baseline arm.
    tau, tau_low, tau_high, tau_p : Float[A]
        Class dependence: standard deviation of the true effects, its interval, and the p-value of "all alike".
    dose, baseline_dose : the doses, None where unknown or one per class
    runs, baseline_runs : how many runs each arm has
    left_out : runs that are missing here, and why
    on : which images
    method : how all this was computed
    over : what each arm's intervals generalize to, where arms differ; empty where all are as `method` says
    relative, relative_low, relative_high, relative_p, relative_q : Float[A, C]
        Each class's change minus the change over all images (Hooker et al. 2019), and its test.
    """

    classes: tuple[str, ...]
    arms: tuple[str, ...]
    baseline: str
    n: NDArray[np.int64]
    before: Floats
    before_low: Floats
    before_high: Floats
    after: Floats
    effect: Floats
    low: Floats
    high: Floats
    se: Floats
    df: Floats
    p: Floats
    q: Floats
    shrunk: Floats
    prob_harm: Floats
    known: NDArray[np.bool_]
    overall_before: float
    overall: Floats
    overall_low: Floats
    overall_high: Floats
    overall_p: Floats
    tau: Floats
    tau_low: Floats
    tau_high: Floats
    tau_p: Floats
    dose: tuple[float | None, ...]
    baseline_dose: float | None
    runs: tuple[int, ...]
    baseline_runs: int
    left_out: tuple[LeftOut, ...]
    on: str
    method: Method
    over: tuple[Generalizes, ...] = ()
    relative: Floats = field(default_factory=_none)
    relative_low: Floats = field(default_factory=_none)
    relative_high: Floats = field(default_factory=_none)
    relative_p: Floats = field(default_factory=_none)
    relative_q: Floats = field(default_factory=_none)

    @property
    def harmed(self) -> NDArray[np.bool_]:
        """Bool[A, C]: below zero, and not by chance (q < 1 - level)."""
        return self.known & (self.q < 1 - self.method.level) & (self.effect < 0)

    @property
    def helped(self) -> NDArray[np.bool_]:
        """Bool[A, C]: above zero, and not by chance (q < 1 - level)."""
        return self.known & (self.q < 1 - self.method.level) & (self.effect > 0)

    def findings(self, margin: float | None = None) -> NDArray[np.str_]:
        """Return Str[A, C]: "harmed", "helped", "unchanged" or "cannot tell".

        A class is unchanged when it is neither harmed nor helped and certainly changed by less than `margin` (a
        proportion; by default `method.margin`, one point).
        """
        unchanged = self.unchanged(self.method.margin if margin is None else margin)
        return np.select([self.harmed, self.helped, unchanged], ["harmed", "helped", "unchanged"], "cannot tell")

    def bands(self) -> tuple[Floats, Floats]:
        """Return low and high, Float[A, C] each, that hold for all classes and arms at once (Sidak 1967)."""
        half = self.se * quantile(self.df, simultaneous_level(self.method.level, int(self.known.sum())))
        return np.maximum(self.effect - half, -1), np.minimum(self.effect + half, 1)

    def detectable(self, power: float = 0.8) -> Floats:
        """Return the smallest effect that this design finds with this power, one class by itself: Float[A, C]."""
        return smallest_effect(self.se, self.df, self.method.level, power)

    def unchanged(self, margin: float) -> NDArray[np.bool_]:
        """Bool[A, C]: certainly changed by less than `margin` (a proportion), q < 1 - level (two one-sided tests)."""
        q = benjamini_hochberg(
            np.where(self.known, equivalence(self.effect, self.se, self.df, margin), 1.0), self.known
        )
        return self.known & (q < 1 - self.method.level)

    def holm(self) -> Floats:
        """Return p-values adjusted so that any false finding is rare (Holm 1979), Float[A, C]; stricter than `q`."""
        return np.where(self.known, holm(np.where(self.known, self.p, 1.0), self.known), np.nan)

    def generalizes_to(self, arm: str) -> Generalizes:
        """Return what the intervals of this arm generalize to."""
        return self.over[self._arm(arm)] if self.over else self.method.generalizes_to

    def headline(self, arm: str) -> str:
        """Return the one sentence about an arm: its average, its class dependence, how many classes changed."""
        a = self._arm(arm)
        alpha = f"{1 - self.method.level:.3g}"
        overall = words.between(self.overall_low[a], self.overall_high[a])
        average = f"average {words.points(self.overall[a])} ({overall}) points"
        tau = words.between(self.tau_low[a], self.tau_high[a])
        spread = f"class dependence tau = {words.points(self.tau[a], sign=False)} ({tau})"
        if not math.isfinite(self.tau_high[a]):
            spread = "class dependence: cannot tell (fewer than two classes with two images)"
        harmed, helped = int(self.harmed[a].sum()), int(self.helped[a].sum())
        classes = words.counted(int(self.known[a].sum()), "class")
        return f"{average}; {spread}; {harmed} of {classes} harmed, {helped} helped (q < {alpha})"

    def sentence(self, arm: str, name: str) -> str:
        """Return what happened to one class, for a reader who is no statistician."""
        a, c = self._arm(arm), self.classes.index(pick("class", name, self.classes))
        shown = repr(visible(name))
        if not self.known[a, c]:
            return f"Class {shown} has no images here: cannot tell."
        effect, low, high = float(self.effect[a, c]), float(self.low[a, c]), float(self.high[a, c])
        changed = words.lost_or_gained(effect)
        from_to = f"from {words.percent(self.before[c])} to {words.percent(self.after[a, c])}"
        level, q = f"{100 * self.method.level:.4g} % interval", words.compared(self.q[a, c])
        if self.harmed[a, c] or self.helped[a, c]:
            size = words.between(*((-high, -low) if effect < 0 else (low, high)))
            return f"Class {shown} {changed}, {from_to} ({level} {size}); chance does not explain that (q {q})."
        seen = words.points(float(self.detectable()[a, c]), sign=False)
        return (
            f"Class {shown}: cannot tell. It {changed}, {from_to}, but anything from {words.between(low, high)} points"
            f" fits these answers ({level}, q {q}). This design finds changes of {seen} points or more, 4 times in 5."
        )

    def text(self, rows: int = 10) -> str:
        """Return the table that a person wants: for every arm its headline and its worst `rows` classes."""
        blocks = [self._heading()]
        for arm in self.arms:
            more = len(self.classes) - rows
            table = words.text_table(_COLUMNS, self._rows(arm, rows))
            tail = f"\n... and {more:,} more" if more > 0 else ""
            blocks.append(f"{self._title(arm)}\n  {self.headline(arm)}\n\n{table}{tail}")
        return "\n\n".join(blocks)

    def __str__(self) -> str:
        return self.text(rows=max(3, 20 // max(len(self.arms), 1)))

    def _repr_html_(self) -> str:
        parts = [f"<p>{html.escape(self._heading())}</p>"]
        for arm in self.arms:
            parts.append(f"<h4>{html.escape(self._title(arm))}</h4><p>{html.escape(self.headline(arm))}</p>")
            parts.append(words.html_table(_COLUMNS, self._rows(arm, 10)))
        return "".join(parts)

    def worst_first(self, arm: str) -> NDArray[np.intp]:
        """Return class numbers from the worst to the best by shrunken effect, which does not chase noise."""
        a = self._arm(arm)
        return np.lexsort((np.arange(len(self.classes)), self.effect[a], self.shrunk[a]))

    def _arm(self, arm: str) -> int:
        return self.arms.index(pick("arm", arm, self.arms))

    def _heading(self) -> str:
        m = self.method
        where = f" on {visible(self.on)}" if self.on else ""
        seeds = "runs of equal seed are paired" if m.paired else "runs are not paired"
        out = [
            f"Change of accuracy from {visible(self.baseline)!r} ({words.counted(self.baseline_runs, 'run')}){where}:"
            f" {words.counted(len(self.classes), 'class')}, {words.counted(int(self.n.sum()), 'image')}, in points",
            f"{100 * m.level:.4g} % intervals generalize to {_explained(m.generalizes_to)}; {seeds};"
            f" q: {m.multiplicity}",
        ]
        if self.left_out:
            runs = (f"{x.arm} seed {x.seed} ({x.why})" for x in self.left_out)
            out.append(f"Left out: {listing(runs)}")
        return "\n".join(out)

    def _title(self, arm: str) -> str:
        a = self._arm(arm)
        dose = "" if self.dose[a] is None else f"dose {self.dose[a]:g}, "
        over = self.generalizes_to(arm)
        note = "" if over == self.method.generalizes_to else f"; intervals generalize to {_explained(over)}"
        return f"{visible(arm)} ({dose}{words.counted(self.runs[a], 'run')}{note})"

    def _rows(self, arm: str, most: int) -> list[list[str]]:
        a = self._arm(arm)
        return [self._row(a, int(c)) for c in self.worst_first(arm)[:most]]

    def _row(self, a: int, c: int) -> list[str]:
        name, n = visible(self.classes[c]), f"{self.n[c]:,}"
        if not self.known[a, c]:
            return [name, n, *["cannot tell"] * 2, *[""] * 4]
        mark = "harmed" if self.harmed[a, c] else "helped" if self.helped[a, c] else "cannot tell"
        interval = words.between(self.low[a, c], self.high[a, c])
        numbers = [words.percent(self.before[c]), words.points(self.effect[a, c]), interval]
        return [name, n, *numbers, words.chance(self.q[a, c]), f"{100 * self.prob_harm[a, c]:.0f} %", mark]

    def to_frame(self) -> polars.DataFrame:
        """Return one row for each arm and class; what is unknown is null."""
        import polars

        shape = self.effect.shape
        columns: dict[str, Any] = {
            "arm": np.repeat(np.array(self.arms, dtype=object), shape[1]),
            "dose": [d for d in self.dose for _ in self.classes],
            "class": list(self.classes) * shape[0],
        }
        for name in ("n", "before", "before_low", "before_high"):
            columns[name] = np.broadcast_to(getattr(self, name), shape).ravel()
        names = ("after", "effect", "low", "high", "se", "df", "p", "q", "shrunk", "prob_harm")
        for name in (*names, "relative", "relative_low", "relative_high", "relative_p", "relative_q"):
            columns[name] = getattr(self, name).ravel()
        for name in ("known", "harmed", "helped"):
            columns[name] = getattr(self, name).ravel()
        kinds = {"arm": polars.String, "dose": polars.Float64}
        return polars.DataFrame(columns, schema_overrides=kinds).with_columns(polars.selectors.float().fill_nan(None))

    def to_json(self) -> dict[str, Any]:
        """Return what `audit --json` prints, as plain Python: proportions, and None where nothing is known."""
        return {
            "schema": "barnspider/effects/1",
            "baseline": self.baseline,
            "level": self.method.level,
            "generalizes_to": self.method.generalizes_to,
            "arms": [self._arm_json(a) for a in range(len(self.arms))],
        }

    def _arm_json(self, a: int) -> dict[str, Any]:
        overall = {"effect": self.overall, "low": self.overall_low, "high": self.overall_high, "p": self.overall_p}
        tau = {"tau": self.tau, "low": self.tau_low, "high": self.tau_high, "p": self.tau_p}
        return {
            "arm": self.arms[a],
            "dose": self.dose[a],
            "runs": self.runs[a],
            "overall": {name: _plain(x[a]) for name, x in overall.items()},
            "class_dependence": {name: _plain(x[a]) for name, x in tau.items()},
            "classes": [self._class_json(a, c) for c in range(len(self.classes))],
        }

    def _class_json(self, a: int, c: int) -> dict[str, Any]:
        names = ("effect", "low", "high", "p", "q", "shrunk", "prob_harm")
        numbers = {name: _plain(getattr(self, name)[a, c]) for name in names}
        return {"class": self.classes[c], "n": int(self.n[c]), "before": _plain(self.before[c]), **numbers}


_COLUMNS = ("class", "n", "before", "effect", "interval", "q", "P(harm)", "verdict")


def _explained(over: Generalizes) -> str:
    return {
        "images and runs": "new images and new runs",
        "images": "new images: these models, not the recipe",
        "runs": "new runs on this very test set",
    }[over]


def _plain(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
