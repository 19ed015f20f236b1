"""Is the order of the classes another one in the answers than in the labels? Then runs look bad, and are not.

A permutation of the classes is fitted on half of the samples and judged on the other half: among many classes of few
samples, some permutation always fits better by luck.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.checkup.looked import SOME, Looked
from barnspider.finding import Finding
from barnspider.names import visible
from barnspider.tables.class_list import PLAIN, natural
from barnspider.words import counted, percent

Order = NDArray[np.int64]
DENSE = 1_000
"""Classes up to which the best permutation is found; above, one that takes the largest counts first."""

GAIN, SURE = 0.05, 5.0
"""Accuracy that another order must gain, at least doubling it, and by how many standard errors."""

MOST = 0.75
"""Of the classes, those of which it must be the most frequent answer: a network that learned little has favourites."""

MOVED, HELD = 0.4, 0.2
"""Of a few exchanged classes: what each must gain, and what it may keep, on SOME samples or more."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Another order: `order[c]` is what answers call class c; the accuracy by it, and what to call it."""

    order: Order
    accuracy: float
    name: str


def permuted(at: Looked, orders: list[tuple[Fit, list[int]]]) -> Iterator[Finding]:
    """Yield the orders of classes that were found."""
    for fit, rows in orders:
        yield _finding(at, fit, rows)


def other_orders(at: Looked) -> list[tuple[Fit, list[int]]]:
    """Return orders of the classes by which the answers of runs fit the labels far better, and these runs."""
    if len(at.preds.classes) < 2 or len(at.preds.label) < SOME:
        return []
    named, halves = _named(at), _halves(at)
    found: list[Fit] = []
    runs: list[list[int]] = []
    for r in np.flatnonzero(at.fixed < 0).tolist():
        known = next((i for i, fit in enumerate(found) if _fits(at, r, fit.order, halves[1])), None)
        if known is not None:
            runs[known].append(r)
        elif (fit := _better(at, r, named, halves)) is not None:
            found.append(fit)
            runs.append([r])
    return list(zip(found, runs, strict=True))


def _finding(at: Looked, fit: Fit, rows: list[int]) -> Finding:
    which = f"all {len(at.preds.arm)} runs" if len(rows) == len(at.preds.arm) else counted(len(rows), "run")
    which = which if len(at.preds.arm) > 1 else "the run"
    before = at.accuracy[rows[0]]
    text = (
        f"the answers of {which} fit the labels far better in another order of classes: {fit.name}. Accuracy"
        f" {percent(fit.accuracy)} instead of {percent(before)}; put the classes of labels and answers into one order"
    )
    return Finding("permuted", True, len(rows), text, at.runs(rows), at.runs(rows))


def _named(at: Looked) -> list[tuple[str, Order]]:
    """Return orders that are often met: numbers counted from 1 instead of 0, and names sorted in other ways."""
    names, place = at.preds.classes, np.arange(len(at.preds.classes))
    counted_from = {
        "answers are one class too high, as if these were counted from 1 and labels from 0": (place + 1) % len(place),
        "answers are one class too low, as if these were counted from 0 and labels from 1": (place - 1) % len(place),
    }
    found = list(counted_from.items()) if all(map(PLAIN.fullmatch, names)) else []
    for what, key in (("as texts (0, 1, 10, 2)", str), ("as numbers", natural), ("without regard to case", str.lower)):
        order = np.array(sorted(range(len(names)), key=lambda c, key=key: key(names[c])), dtype=np.int64)
        found.append((f"that of the names sorted {what}", np.argsort(order)))
        found.append((f"that of the names sorted {what}", order))
    return [(name, order) for name, order in found if (order != place).any()]


def _halves(at: Looked) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part the samples of every class into two halves."""
    order = np.argsort(at.preds.label, kind="stable")
    return order[0::2], order[1::2]


def _fits(at: Looked, r: int, order: Order, part: NDArray[np.intp]) -> bool:
    """Whether the answers of a run about some samples fit this order far better than the one they have."""
    label, guess = at.preds.label[part], at.preds.guess[r, part]
    old, new = guess == label, guess == order[label]
    won, lost = int((new & ~old).sum()), int((old & ~new).sum())
    if (won - lost) < SURE * np.sqrt(won + lost):
        return False
    if new.mean() > max(old.mean() + GAIN, 2 * old.mean()) and _mostly(label, guess, order) >= MOST:
        return True
    moved = np.flatnonzero(order != np.arange(len(order)))
    n, own, other = (np.bincount(label, weights=w, minlength=len(order))[moved] for w in (None, old, new))
    seen = n > 0
    exchanged = (n >= SOME / 2) & (other >= own + MOVED * n) & (own <= HELD * n)
    return bool(seen.any()) and bool(exchanged[seen].all())


def _mostly(label: NDArray[np.integer[Any]], guess: NDArray[np.integer[Any]], order: Order) -> float:
    """Return the share of the classes with samples of which the most frequent answer is that of this order."""
    pairs = _Pairs.of(label.astype(np.int64), guess, len(order))
    seen = pairs.n > 0
    return float((pairs.count(order) >= pairs.most())[seen].mean())


def _better(
    at: Looked, r: int, named: list[tuple[str, Order]], halves: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> Fit | None:
    every = np.arange(len(at.preds.label))
    for name, order in named:
        if _fits(at, r, order, every):
            return Fit(order, _accuracy(at, r, order), name)
    label, guess = at.preds.label[halves[0]].astype(np.int64), at.preds.guess[r, halves[0]]
    pairs = _Pairs.of(label, guess, len(at.preds.classes))
    if not pairs.could_be_another():
        return None
    order = pairs.best()
    for candidate in (order, _exchanged(pairs, order)):
        if (candidate != np.arange(len(candidate))).any() and _fits(at, r, candidate, halves[1]):
            return Fit(candidate, _accuracy(at, r, candidate), _moves(at, candidate))
    return None


def _accuracy(at: Looked, r: int, order: Order) -> float:
    return float((at.preds.guess[r] == order[at.preds.label]).mean())


def _moves(at: Looked, order: Order) -> str:
    moved = [c for c in np.flatnonzero(order != np.arange(len(order))).tolist() if at.n[c]]
    if len(moved) == 2 and order[moved[0]] == moved[1] and order[moved[1]] == moved[0]:
        one, other = (visible(at.preds.classes[c]) for c in moved)
        return f"{one!r} and {other!r} are exchanged"
    told = [f"{visible(at.preds.classes[c])!r} is answered {visible(at.preds.classes[order[c]])!r}" for c in moved[:3]]
    more = f", and so on for {len(moved):,} classes" if len(moved) > 3 else ""
    return ", ".join(told) + more


def _exchanged(pairs: _Pairs, order: Order) -> Order:
    """Return the order with only those cycles kept in which every class lost nearly all its answers to another."""
    kept = np.arange(len(order))
    to, own = pairs.count(order), pairs.count(kept)
    fine = (to >= own + MOVED * pairs.n) & (own <= HELD * pairs.n) & (pairs.n > 0)
    done = order == kept
    for start in range(len(order)):
        cycle: list[int] = []
        c = start
        while not done[c]:
            done[c] = True
            cycle.append(c)
            c = int(order[c])
        if cycle and fine[cycle].all():
            kept[cycle] = order[cycle]
    return kept


@dataclass(frozen=True, eq=False)
class _Pairs:
    """How often each label meets each answer: only pairs that occur, ascending by label * classes + answer."""

    classes: int
    key: NDArray[np.int64]
    times: NDArray[np.int64]
    n: NDArray[np.int64]

    @classmethod
    def of(cls, label: NDArray[np.int64], guess: NDArray[np.integer[Any]], classes: int) -> _Pairs:
        key, times = np.unique(label * classes + guess, return_counts=True)
        return cls(classes, key, times, np.bincount(label, minlength=classes))

    def could_be_another(self) -> bool:
        """Whether any order could fit far better: each class gives its most frequent answer, be it shared or not."""
        most, own = self.most(), self.count(np.arange(self.classes))
        gain, all_of = (most - own).sum(), max(self.n.sum(), 1)
        moved = (most >= own + MOVED * self.n) & (own <= HELD * self.n) & (self.n > 0)
        return bool(gain > GAIN * all_of and most.sum() > 2 * own.sum()) or bool(moved.sum() > 1)

    def most(self) -> NDArray[np.int64]:
        """Return how often each class gets its most frequent answer."""
        most = np.zeros(self.classes, np.int64)
        np.maximum.at(most, self.key // self.classes, self.times)
        return most

    def count(self, order: Order) -> NDArray[np.int64]:
        """Return how often each class gets the answer that it would have by this order."""
        wanted = np.arange(self.classes) * self.classes + order
        place = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where(self.key[place] == wanted, self.times[place], 0)

    def best(self) -> Order:
        """Return the order that fits best; a class that nothing moves stays where it is."""
        label, guess = np.divmod(self.key, self.classes)
        if self.classes > DENSE:
            return self._greedy(label, guess)
        from scipy.optimize import linear_sum_assignment

        worth = np.eye(self.classes)
        worth[label, guess] += 2 * self.times
        return np.asarray(linear_sum_assignment(worth, maximize=True)[1], dtype=np.int64)

    def _greedy(self, label: NDArray[np.int64], guess: NDArray[np.int64]) -> Order:
        order, taken = np.full(self.classes, -1), np.zeros(self.classes, dtype=bool)
        worth = 2 * self.times + (label == guess)
        for k in np.argsort(-worth, kind="stable").tolist():
            if order[label[k]] < 0 and not taken[guess[k]]:
                order[label[k]], taken[guess[k]] = guess[k], True
        stay = np.flatnonzero((order < 0) & ~taken)
        order[stay], taken[stay] = stay, True
        order[order < 0] = np.flatnonzero(~taken)
        return order
