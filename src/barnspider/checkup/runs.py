"""What may be wrong with runs: each function looks for one thing and yields it as a `Finding`."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np
from numpy.typing import NDArray

from barnspider.checkup.looked import SOME, Looked
from barnspider.errors import listing
from barnspider.finding import Finding
from barnspider.names import visible
from barnspider.words import counted, percent

PAIRS = 2_000_000_000
"""Answers that are compared, of every run with every other, when nearly equal runs are looked for."""

CHANCE = 0.1
"""Of the way from luck to no error: a run that came further is not called one of chance, however few its samples."""

NEAR = 0.02
"""Runs that differ in fewer answers than this share of what they get wrong are nearly the same."""


def fixed(at: Looked) -> Iterator[Finding]:
    """Yield runs that answer one class nearly always."""
    found = np.flatnonzero(at.fixed >= 0).tolist()
    lines = [
        f"{at.run(r)}: {at.preds.classes[at.fixed[r]]} in {percent(at.answered[r].max() / len(at.preds.label))}"
        for r in found[: at.most]
    ]
    for wrong, rows in _apart(at, found):
        text = f"{counted(len(rows), 'run')} {_verb(rows, 'gives', 'give')} nearly always one answer; {_SO[wrong]}"
        own = [line for line, r in zip(lines, found[: at.most], strict=True) if r in rows]
        yield Finding("fixed", wrong, len(rows), text, at.runs(rows), tuple(own))


def chance(at: Looked, misread: Container[int] = ()) -> Iterator[Finding]:
    """Yield runs whose answers have nothing to do with the labels, but for those known to be misread."""
    samples = len(at.preds.label)
    if samples < SOME or np.count_nonzero(at.n) < 2:
        return
    sd = np.sqrt(at.by_luck * (1 - at.by_luck) / samples)
    low = (at.accuracy <= at.by_luck + 3 * sd) & (at.accuracy < at.by_luck + CHANCE * (1 - at.by_luck)) & (at.fixed < 0)
    for wrong, rows in _apart(at, [r for r in np.flatnonzero(low).tolist() if r not in misread]):
        what = f"{_verb(rows, 'is', 'are')} right no more often than by luck"
        text = f"{counted(len(rows), 'run')} {what}; {_SO[wrong]}"
        lines = [f"{at.run(r)}: {percent(at.accuracy[r])}, by luck {percent(at.by_luck[r])}" for r in rows[: at.most]]
        yield Finding("chance", wrong, len(rows), text, at.runs(rows), tuple(lines))


_SO = {
    True: "other runs of the arm, or all that is compared with it, do better: look how it was trained and read",
    False: "so does all of its arm: is a dose that ruins the network meant to be there?",
}


def _apart(at: Looked, rows: list[int]) -> Iterator[tuple[bool, list[int]]]:
    """Part bad runs into those that must be a mistake, and arms of a dose above 0 of which every run is bad."""
    arms = {arm for arm in at.preds.arms if (at.preds.dose_of(arm) or 0) > 0}
    ruined = {arm for arm in arms if set(at.preds.rows(arm).tolist()) <= set(rows)}
    for wrong in (True, False):
        own = [r for r in rows if (at.preds.arm[r] not in ruined) == wrong]
        if own:
            yield wrong, own


def _verb(items: list[int], one: str, several: str) -> str:
    return one if len(items) == 1 else several


def copies(at: Looked) -> Iterator[Finding]:
    """Yield runs with the same answers as another, and with nearly the same."""
    errors = np.rint((1 - at.accuracy) * len(at.preds.label)).astype(np.int64)
    first: dict[bytes, int] = {}
    same = [(r, first.setdefault(own.tobytes(), r)) for r, own in enumerate(at.preds.guess)]
    again = [(r, of) for r, of in same if r != of and errors[r] >= SOME]
    if again:
        text = (
            f"{counted(len(again), 'run')} {'has' if len(again) == 1 else 'have'} exactly the answers of another run;"
            " one training counted twice makes intervals too narrow: was a file copied, or a seed not set?"
        )
        lines = [f"{at.run(r)} is {at.run(of)}" for r, of in again[: at.most]]
        yield Finding("copies", True, len(again), text, at.runs([r for r, _ in again]), tuple(lines))
    alone = [r for r, of in same if r == of]
    near = [(r, of, far) for r, of, far in _near(at, alone) if far < NEAR * min(errors[r], errors[of])]
    if near:
        text = (
            f"{counted(len(near), 'pair')} of runs {'has' if len(near) == 1 else 'have'} nearly the same answers; are"
            " they runs of their own, or one network saved twice?"
        )
        lines = [f"{at.run(r)} differs from {at.run(of)} in {counted(far, 'answer')}" for r, of, far in near[: at.most]]
        yield Finding("near", False, len(near), text, at.runs([r for r, _, _ in near]), tuple(lines))


def _near(at: Looked, rows: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of runs that agree on a part of the samples, and in how many of all they differ."""
    guess = at.preds.guess
    part = _hard(at, max(100, PAIRS // max(len(rows), 1) ** 2))
    small = guess[rows][:, part]
    for i, r in enumerate(rows[1:], start=1):
        differ = (small[:i] != small[i]).mean(axis=1)
        for k in np.flatnonzero(differ < 2 * NEAR).tolist():
            far = int((guess[r] != guess[rows[k]]).sum())
            if at.fixed[r] < 0:
                yield r, rows[k], far


def _hard(at: Looked, most: int) -> NDArray[np.intp]:
    """Return some samples that a run gets wrong; of these two runs that are not the same differ on many."""
    wrong = np.flatnonzero(~at.right.all(axis=0))
    return wrong[:: max(1, len(wrong) // most)][:most] if len(wrong) else np.arange(0)


def seeds(at: Looked) -> Iterator[Finding]:
    """Yield arms with fewer runs than others, with one run only, and runs that are missing."""
    p = at.preds
    runs = {arm: len(p.rows(arm)) for arm in p.arms}
    most = max(runs.values(), default=0)
    fewer = [arm for arm in p.arms if runs[arm] < most]
    if fewer:
        text = f"{len(fewer):,} of {counted(len(runs), 'arm')} {_have(fewer)} fewer runs than the {most} of others"
        lines = [f"{visible(arm)}: {counted(runs[arm], 'run')}" for arm in fewer[: at.most]]
        yield Finding("seeds", False, len(fewer), text, tuple(fewer[: at.most]), tuple(lines))
    elif most == 1 and len(runs) > 1:
        text = "every arm has one run: a comparison is about these models, not about how they were made"
        yield Finding("seeds", False, len(runs), text, (), ())
    if p.left_out:
        lines = [f"{visible(x.arm)} seed {x.seed}: {x.why}" for x in p.left_out[: at.most]]
        text = f"{counted(len(p.left_out), 'run')} that {'was' if len(p.left_out) == 1 else 'were'} planned"
        names = tuple(f"{x.arm} seed {x.seed}" for x in p.left_out[: at.most])
        yield Finding(
            "left out", False, len(p.left_out), f"{text} {_have(p.left_out)} no answers here", names, tuple(lines)
        )


def _have(items: object) -> str:
    return "has" if len(items) == 1 else "have"  # type: ignore[arg-type]


def probabilities(at: Looked) -> Iterator[Finding]:
    """Yield runs whose `p_label` cannot be the probability that they gave to the label."""
    p = at.preds
    if p.p_label is None:
        return
    constant: list[int] = []
    turned: list[int] = []
    torn: list[tuple[int, int]] = []
    for r, (own, guess) in enumerate(zip(p.p_label, p.guess, strict=True)):
        right = guess == p.label
        if len(own) >= SOME and own.min() == own.max() and not right.all():
            constant.append(r)
        elif min(right.sum(), (~right).sum()) >= SOME and own[right].mean() <= own[~right].mean():
            turned.append(r)
        elif over := int((own[~right] > 0.501).sum()):
            torn.append((r, over))
    if constant:
        text = f"in {counted(len(constant), 'run')} p_label is the same for all samples: was it filled in?"
        lines = [f"{at.run(r)}: {p.p_label[r, 0]:g}" for r in constant[: at.most]]
        yield Finding("p_label", True, len(constant), text, at.runs(constant), tuple(lines))
    if turned:
        text = (
            f"in {counted(len(turned), 'run')} p_label is no higher where the answer is right; it must be the"
            " probability of the label, not of the answer"
        )
        yield Finding("p_label", True, len(turned), text, at.runs(turned), at.runs(turned))
    if torn:
        many = any(over > 0.01 * len(p.label) for _, over in torn)
        text = (
            f"in {counted(len(torn), 'run')} p_label is above one half where another class was answered, which no"
            f" softmax gives: is it of the same samples and the same run?{_AVERAGED}"
        )
        lines = [f"{at.run(r)}: {counted(over, 'answer')}" for r, over in torn[: at.most]]
        yield Finding("p_label", many, len(torn), text, at.runs([r for r, _ in torn]), tuple(lines))


_AVERAGED = " (An average over augmented images may.)"


def nothing(at: Looked) -> Iterator[Finding]:
    """Yield what makes every comparison impossible: no run, no sample, one arm."""
    arms = at.preds.arms
    if not at.preds.guess.size:
        yield Finding("nothing", True, 0, "there are no answers at all", (), ())
    elif len(arms) == 1:
        text = f"there is one arm, {listing([repr(arms[0])])}: nothing to compare it with"
        yield Finding("arms", False, 1, text, (arms[0],), ())
