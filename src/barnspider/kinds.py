"""The four kinds of confusion: ambiguous, co-occurring, fine-grained, unrelated (Kirichenko et al. 2023).

Two questions tell them apart. Do the two classes stand together in the label sets of images? Are they alike?

              together         apart
    alike     ambiguous        fine-grained
    unlike    co-occurring     unrelated

Label sets answer the first, superclasses or a measure of similarity the second. With one of them, two kinds remain
one. Thresholds are options, for the paper's reading of its two measures leaves them to the reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.errors import InputError
from barnspider.flows import Confused
from barnspider.names import visible
from barnspider.outcome import Effects, Floats, Method
from barnspider.predictions import Predictions
from barnspider.stats.intervals import spread, t_interval
from barnspider.stats.rare import Hits, rare_contrast
from barnspider.tables.similarity import Similarities

Ints = NDArray[np.int64]
By = Literal["sets and likeness", "sets", "likeness"]
LEAST = 2
"""Images that two classes must share to stand together: one shared image may be a slip of the annotator."""

# By what is known: the kind of a pair that is (together and alike, together only, alike only, neither).
NAMES: Mapping[By, tuple[str, str, str, str]] = {
    "sets and likeness": ("ambiguous", "co-occurring", "fine-grained", "unrelated"),
    "sets": ("ambiguous", "ambiguous or co-occurring", "", "fine-grained or unrelated"),
    "likeness": ("", "", "ambiguous or fine-grained", "co-occurring or unrelated"),
}


@dataclass(frozen=True)
class Thresholds:
    """From where on classes are together, interchangeable, or alike.

    Attributes
    ----------
    together : float
        Of the images whose label sets hold the rarer of two classes, the share that hold both.
    interchangeable : float
        The same share, of the more frequent class: two names of one thing are alike, whatever else is known.
    similar : float
        Of a given similarity.
    """

    together: float = 0.1
    interchangeable: float = 0.7
    similar: float = 0.7

    def __post_init__(self) -> None:
        for name in ("together", "interchangeable"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name}={getattr(self, name)!r}; expected a share above 0 and up to 1")
        if not np.isfinite(self.similar):
            raise InputError(f"similar={self.similar!r}; expected a number, on the scale of the similarities")


@dataclass(frozen=True, eq=False)
class Kinds(words.Shown):
    """What kind of confusion each pair of classes is, and how each kind grew. A arms, P pairs, K kinds.

    Attributes
    ----------
    arms, baseline : names
    by : what tells the kinds: "sets and likeness", "sets" or "likeness"
    names : the K kinds that can be told
    source, target, kind : Int[P]
        The pairs of `flows` by the single label, and the place of each one's kind in `names`.
    shared : Int[P]
        Images whose label sets hold both.
    together, mutual : Float[P]
        Their share of the images whose sets hold the rarer, and the more frequent, of the two; NaN without sets.
    before : Float[K]
        Share of all images that are confused in this way in the baseline arm.
    change, low, high, p : Float[A, K]
        Change of that share, its interval and p-value.
    right_before, right : Float[K], Float[A, K]
        The part of these that is right by the sets: the answer is one of the image's labels. 0 without sets.
    images : how many
    thresholds, method : how this was told
    """

    arms: tuple[str, ...]
    baseline: str
    by: By
    names: tuple[str, ...]
    source: Ints
    target: Ints
    kind: NDArray[np.intp]
    shared: Ints
    together: Floats
    mutual: Floats
    before: Floats
    change: Floats
    low: Floats
    high: Floats
    p: Floats
    right_before: Floats
    right: Floats
    images: int
    thresholds: Thresholds
    method: Method

    def of(self, pair: int) -> str:
        """Return the kind of a pair, by its number."""
        return self.names[self.kind[pair]]

    def about(self) -> str:
        """Return how the kinds were told, and which cannot be."""
        t, told = self.thresholds, []
        if self.by != "likeness":
            told.append(
                f"together: of the images that hold the rarer of two classes, {100 * t.together:g} % hold both, and"
                f" {LEAST} images or more; interchangeable: {100 * t.interchangeable:g} % of the more frequent one's"
            )
        if self.by != "sets":
            told.append(f"alike: of one superclass, or similarity from {t.similar:g}")
        missing = {
            "sets": "Without superclasses or similarities, two pairs of kinds cannot be told apart",
            "likeness": "Without label sets, two pairs of kinds cannot be told apart",
        }.get(self.by, "")
        return "Kinds of confusion by the single label; " + "; ".join(told) + (f". {missing}" if missing else "")

    def text(self) -> str:
        """Return the table that a person wants: for every arm, how each kind grew."""
        return "\n\n".join([self.about(), *(self.block(a) for a in range(len(self.arms)))])

    def block(self, a: int) -> str:
        """Return the table of one arm, by its number."""
        table = words.text_table(HEAD, [self.row(a, k) for k in range(len(self.names))])
        return f"{visible(self.arms[a])} against {visible(self.baseline)}\n{table}"

    def row(self, a: int, k: int) -> list[str]:
        """Return a kind's name, its pairs, its answers of a baseline run, their change, and what of that is right."""
        change, low, high = (self.images / 100 * float(x[a, k]) for x in (self.change, self.low, self.high))
        right = "cannot tell" if self.by == "likeness" else words.points(self.images / 100 * float(self.right[a, k]))
        return [
            self.names[k], f"{int((self.kind == k).sum()):,}", f"{self.before[k] * self.images:,.1f}",
            f"{words.points(change)} ({words.between(low, high)})", right,
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.text()


HEAD = ["kind", "pairs", "wrong answers of a run", "change", "of it right by the sets"]


def kinds(
    preds: Predictions,
    effects: Effects,
    *,
    groups: Mapping[str, str] | None = None,
    similarity: Similarities | None = None,
    thresholds: Thresholds | None = None,
) -> Kinds:
    """Tell what kind of confusion each pair of classes is, and how much of each kind an arm brings.

    Parameters
    ----------
    preds
        With label sets (see `with_label_sets`), if there are some. Confusions are those by the single label: sets would
        hide the ambiguous ones, which are right by them.
    groups
        The superclass of each class; a class that has none is like no other.
    similarity
        See `barnspider.tables.similarity.read_similarities`.

    Raises
    ------
    InputError
        When nothing is there that tells kinds, no class has a group, or the answers are grouped.

    Examples
    --------
    >>> from barnspider import Predictions, estimate, with_label_sets
    >>> label = ["desk"] * 40 + ["pug"] * 40
    >>> arms = {"a": [label], "b": [["screen"] * 20 + label[20:60] + ["boxer"] * 20]}
    >>> preds = with_label_sets(
    ...     Predictions.from_arrays(label, arms), [["desk", "screen"]] * 15 + [[x] for x in label[15:]]
    ... )
    >>> found = kinds(preds, estimate(preds, "a"), groups={"pug": "dog", "boxer": "dog"})
    >>> {found.of(i): found.shared[i].item() for i in range(2)}
    {'co-occurring': 15, 'fine-grained': 0}
    """
    given = Thresholds() if thresholds is None else thresholds
    confused = Confused.of(replace(preds, accepted=None), effects)
    by = _by(preds, groups, similarity)
    low = np.minimum(confused.source, confused.target) * len(preds.classes)
    pair = low + np.maximum(confused.source, confused.target)
    shared, few, many = _shared(preds, pair)
    with np.errstate(divide="ignore", invalid="ignore"):
        together, mutual = shared / few, shared / many
    is_together = (shared >= LEAST) & (np.nan_to_num(together) >= given.together)
    same = is_together & (np.nan_to_num(mutual) >= given.interchangeable)
    alike = same | _alike(preds.classes, confused, pair, groups, similarity, given)
    cell = np.select([is_together & alike, is_together, alike], [0, 1, 2], 3)
    names = tuple(name for name in NAMES[by] if name)
    kind = np.array([names.index(name) if name else -1 for name in NAMES[by]])[cell]
    return Kinds(
        effects.arms, effects.baseline, by, names, confused.source, confused.target, kind, shared, together, mutual,
        **_grown(preds, confused, effects, kind, len(names)), images=len(preds.label), thresholds=given,
        method=effects.method,
    )  # fmt: skip


def _by(preds: Predictions, groups: Mapping[str, str] | None, similarity: Similarities | None) -> By:
    likeness = groups is not None or similarity is not None
    if groups is not None and not any(groups.get(name) for name in preds.classes):
        raise InputError("groups holds no superclass of any of these classes; name the classes as the answers do")
    if preds.accepted is None and not likeness:
        raise InputError(
            "nothing tells kinds of confusion: expected label sets (--label-sets), superclasses (--groups) or"
            " similarities (--similarity)"
        )
    return "likeness" if preds.accepted is None else "sets and likeness" if likeness else "sets"


def _shared(preds: Predictions, pair: Ints) -> tuple[Ints, Ints, Ints]:
    """Return how many images' sets hold both of each pair, and how many the rarer and the more frequent of the two."""
    count = len(preds.classes)
    if preds.accepted is None:
        none = np.zeros(len(pair), dtype=np.int64)
        return none, none, none
    own = np.bincount(preds.accepted[preds.accepted >= 0], minlength=count)
    found = [_codes(preds.accepted[:, i], preds.accepted[:, j], count) for i, j in _places(preds.accepted.shape[1])]
    code, times = np.unique(np.concatenate([*found, np.zeros(0, dtype=np.int64)]), return_counts=True)
    place = np.searchsorted(code, pair)
    shared = np.where(np.append(code, -1)[place] == pair, np.append(times, 0)[place], 0)
    first, second = (own[x] for x in np.divmod(pair, count))
    return shared, np.minimum(first, second), np.maximum(first, second)


def _places(size: int) -> list[tuple[int, int]]:
    return list(combinations(range(size), 2))


def _codes(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]], count: int) -> Ints:
    both = second >= 0  # sets are padded at their ends
    a, b = first[both].astype(np.int64), second[both].astype(np.int64)
    return np.minimum(a, b) * count + np.maximum(a, b)


def _alike(
    classes: tuple[str, ...],
    confused: Confused,
    pair: Ints,
    groups: Mapping[str, str] | None,
    similarity: Similarities | None,
    thresholds: Thresholds,
) -> NDArray[np.bool_]:
    """Return which pairs are of one superclass, or similar."""
    alike = np.zeros(len(pair), dtype=np.bool_)
    if groups is not None:
        number = {name: i for i, name in enumerate(dict.fromkeys(groups.values()), 1) if name}
        own = np.array([number.get(groups.get(name, ""), 0) for name in classes])
        alike |= (own[confused.source] == own[confused.target]) & (own[confused.source] > 0)
    if similarity is not None:
        near = similarity.pair[similarity.value >= thresholds.similar]
        alike |= np.isin(pair, near)
    return alike


def _grown(
    preds: Predictions, confused: Confused, effects: Effects, kind: NDArray[np.intp], count: int
) -> dict[str, Floats]:
    """Return how much of each kind there is in every arm, of all images: the fields of `Kinds` about it."""
    d, level = confused.design, effects.method.level
    hits = [_of_kinds(x, kind) for x in confused.hits]
    right = [np.zeros(count)] * len(hits) if preds.accepted is None else _right(preds, confused, kind, count)
    found: dict[str, list[Floats]] = {"change": [], "low": [], "high": [], "p": []}
    for k in range(1, len(hits)):
        c = rare_contrast(hits[0], hits[k], np.full(count, len(preds.label)), d.pairs(0, k))
        i = t_interval(c.estimate, spread(c, effects.generalizes_to(d.arms[k]), level), level)
        for values, own in zip(found.values(), (c.estimate, i.low, i.high, i.p), strict=True):
            values.append(own)
    columns = {name: np.array(values) for name, values in found.items()}
    lost = {"right_before": right[0], "right": np.array([x - right[0] for x in right[1:]])}
    return {"before": _share(hits[0], count), **columns, **lost}


def _of_kinds(hits: Hits, kind: NDArray[np.intp]) -> Hits:
    """Return the same hits, a series for each kind."""
    block = hits.images * hits.runs
    own = hits.cell // block
    return Hits(hits.runs, hits.images, np.sort(hits.cell + (kind[own] - own) * block))


def _share(hits: Hits, count: int) -> Floats:
    return hits.per_run(count).sum(axis=0) / (hits.runs * max(hits.images, 1))


def _right(preds: Predictions, confused: Confused, kind: NDArray[np.intp], count: int) -> list[Floats]:
    """Return, of each arm, the share of all images whose confusion is right by the sets, by kind."""
    d, right = confused.design, preds.correct()
    found: list[Floats] = []
    for hits, rows in zip(confused.hits, d.rows, strict=True):
        allowed = right[list(rows)][:, d.layout.order]
        run, image = hits.cell % hits.runs, hits.cell // hits.runs % hits.images
        some = Hits(hits.runs, hits.images, hits.cell[allowed[run, image]])
        found.append(_share(_of_kinds(some, kind), count))
    return found
