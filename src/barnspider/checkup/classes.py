"""What may be wrong with classes and labels: each function looks for one thing and yields it as a `Finding`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from barnspider.checkup.looked import SOME, Looked
from barnspider.finding import Finding
from barnspider.words import counted, finds, percent

FEW = 20
"""Images of a class below which one of them is more than 5 points of its accuracy."""

AGREE = 3
"""Runs that must all disagree with a label before a word is said about it."""


def unanswered(at: Looked) -> Iterator[Finding]:
    """Yield classes that have samples but are never answered."""
    none = (at.n > 0) & (at.answered.sum(axis=0) == 0)
    for wrong, which in ((True, none & (at.n >= SOME)), (False, none & (at.n < SOME))):
        if which.any():
            text = (
                f"{_classes(which)} no run ever answers, though there are samples of {_them(which)}; are names and"
                " order of the classes those of the networks?"
            )
            yield _about(at, "unanswered", wrong, text, which)


def empty(at: Looked) -> Iterator[Finding]:
    """Yield classes without samples, and how many answers they take."""
    none = at.n == 0
    if none.any():
        share = at.answered[:, none].sum() / max(at.preds.guess.size, 1)
        took = f"; {percent(share)} of all answers name one" if share else ""
        text = f"{_classes(none)} {_have(none)} no samples: nothing is said of {_them(none)}{took}"
        yield _about(at, "empty", False, text, none)


def few(at: Looked) -> Iterator[Finding]:
    """Yield classes with so few samples that each is many points."""
    some = (at.n > 0) & (at.n < FEW)
    if some.any():
        text = f"{_classes(some)} {_have(some)} fewer than {FEW} samples: each is more than 5 points of its accuracy"
        yield _about(at, "few", False, text, some)


def detectable(at: Looked) -> Iterator[Finding]:
    """Yield the smallest change that a comparison of the first arm with the second would find in the median class."""
    from barnspider.effects import estimate

    arms = at.preds.arms
    if len(arms) < 2 or not at.preds.guess.size:
        return
    effects = estimate(at.preds, arms[0], arms=[arms[1]])
    smallest = effects.detectable()[0]
    known = smallest[np.isfinite(smallest)]
    if not len(known):
        return
    of = counted(round(float(np.median(at.n[at.n > 0]))), "sample")
    runs = f"{counted(effects.baseline_runs, 'run')} against {counted(effects.runs[0], 'run')}"
    able = finds(float(np.median(known)))
    text = f"in the median class, of {of}, a comparison of {runs} {able}, 4 times in 5"
    yield Finding("power", False, len(known), text, (), ())


def disputed(at: Looked) -> Iterator[Finding]:
    """Yield how many labels no run agrees with, where the runs agree among themselves."""
    guess = at.preds.guess
    if len(guess) < AGREE:
        return
    never = np.flatnonzero(~at.right.any(axis=0))
    if not len(never):
        return
    alike = never[(guess[:, never] == guess[0, never]).all(axis=0)]
    text = f"{len(never):,} of {counted(len(at.preds.label), 'label')} no run agrees with"
    if len(alike):
        same = f"in {len(alike):,} of these all {len(guess)} runs give the same other class"
        text = f"{text}; {same}: labels worth a second look"
    rows = alike[: at.most].tolist()
    names = tuple(str(at.preds.sample[i]) for i in rows)
    lines = [
        f"{at.preds.sample[i]}: {at.preds.classes[at.preds.label[i]]}, answered {at.preds.classes[guess[0, i]]}"
        for i in rows
    ]
    yield Finding("disputed", False, len(alike) or len(never), text, names, tuple(lines))


def _classes(which: NDArray[np.bool_]) -> str:
    return f"{int(which.sum()):,} of {counted(len(which), 'class')}"


def _have(which: NDArray[np.bool_]) -> str:
    return "has" if which.sum() == 1 else "have"


def _them(which: NDArray[np.bool_]) -> str:
    return "it" if which.sum() == 1 else "them"


def _about(at: Looked, kind: str, wrong: bool, text: str, which: NDArray[np.bool_]) -> Finding:
    rows = np.flatnonzero(which)[: at.most].tolist()
    names = tuple(at.preds.classes[c] for c in rows)
    lines = tuple(f"{name}: {counted(int(at.n[c]), 'sample')}" for name, c in zip(names, rows, strict=True))
    return Finding(kind, wrong, int(which.sum()), text, names, lines)
