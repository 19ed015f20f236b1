"""examine(preds) -> AnswersCheckup: what answers hold, and what of it looks wrong, in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from barnspider.checkup import classes, label_maps, runs
from barnspider.checkup.looked import Looked
from barnspider.errors import listing
from barnspider.finding import Finding, told
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.words import Shown, counted, judged_by, percent, text_table

MOST_GROUPS = 20
"""Groups that are printed, the worst first."""

SEARCHES = (
    runs.nothing, runs.fixed, runs.copies, classes.unanswered, runs.probabilities,
    runs.seeds, classes.empty, classes.few, classes.detectable, classes.disputed,
)  # fmt: skip


@dataclass(frozen=True)
class ArmAnswers:
    """One arm: its dose, its seeds, and the accuracy of its runs, lowest and highest; None without samples."""

    arm: str
    dose: float | None
    seeds: tuple[int, ...]
    accuracy: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class GroupAnswers:
    """One group of samples: how many there are, and the accuracy of all runs on them, of the worst and best arm."""

    group: str
    samples: int
    accuracy: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True)
class AnswersCheckup(Shown):
    """What `examine` found in predictions.

    Attributes
    ----------
    name : where they come from
    samples, unlabelled : how many samples there are, and how many were left out since none of their labels is right
    per_class : samples of each class
    on : which images
    paired, p_label, label_sets : whether runs are paired; whether probabilities and label sets are there
    arms : what each arm holds
    by, groups : what the samples are grouped by, if they are, and what each group holds; the worst first
    findings : what a person should know; first what is wrong
    """

    name: str
    on: str
    samples: int
    unlabelled: int
    classes: tuple[str, ...] = field(repr=False)
    per_class: tuple[int, ...] = field(repr=False)
    paired: bool
    p_label: bool
    label_sets: bool
    arms: tuple[ArmAnswers, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    by: str = ""
    groups: tuple[GroupAnswers, ...] = field(default=(), repr=False)

    @property
    def is_well(self) -> bool:
        """Whether nothing looks wrong."""
        return not any(finding.wrong for finding in self.findings)

    def __str__(self) -> str:
        found = told(self.findings, "Looks wrong:", "Nothing looks wrong.")
        return "\n".join([*self._what_it_is(), "", self._table(), "", *self._by_group(), *found])

    def _what_it_is(self) -> list[str]:
        total = sum(len(arm.seeds) for arm in self.arms)
        where = f" of {visible(self.on)}" if self.on else ""
        held = [n for n in self.per_class if n]
        sizes = f" of {_range(min(held), max(held))}" if held else ""
        what = f"{counted(total, 'run')} in {counted(len(self.arms), 'arm')}, {counted(self.samples, 'sample')}{where}"
        about = [
            "runs of equal seed are paired" if self.paired else "runs are not paired",
            "with p_label" if self.p_label else "without p_label",
        ]
        right = judged_by("sets" if self.label_sets else "single", self.unlabelled)
        first = f"{listing([self.name])}: {what}, {counted(len(self.classes), 'class')}{sizes}; {', '.join(about)}"
        return [first, *([right] if right else [])]

    def _by_group(self) -> list[str]:
        """Return the groups' table and a blank line; nothing where samples are not grouped."""
        if not self.groups:
            return []
        head = [self.by, "samples", "accuracy", "lowest arm", "highest arm"]
        rows = [[x.group, f"{x.samples:,}", *_percents(x)] for x in self.groups[:MOST_GROUPS]]
        more = len(self.groups) - MOST_GROUPS
        left = [f"... and {counted(more, 'more group')} (--json has all)"] if more > 0 else []
        return [text_table(head, rows), *left, ""]

    def _table(self) -> str:
        head = ["arm", "dose", "runs", "seeds", "accuracy", "lowest run", "highest run"]
        return text_table(head, [_row(arm) for arm in self.arms])


def _range(low: int, high: int) -> str:
    return counted(low, "sample") if low == high else f"{low:,} to {counted(high, 'sample')}"


def _row(arm: ArmAnswers) -> list[str]:
    dose = "" if arm.dose is None else f"{arm.dose:g}"
    return [visible(arm.arm), dose, f"{len(arm.seeds):,}", listing(arm.seeds, most=5), *_percents(arm)]


def _percents(of: ArmAnswers | GroupAnswers) -> list[str]:
    return [percent(x) if x is not None else "cannot tell" for x in (of.accuracy, of.lowest, of.highest)]


def examine(preds: Predictions, name: str = "predictions", *, most: int | None = 5) -> AnswersCheckup:
    """Say what predictions hold and what of it looks wrong, before any statistics.

    Looked for: an order of classes that is another in answers and labels; runs that answer one class, that are right
    by luck only, or that are copies of others; classes that are never answered; probabilities that do not belong to
    the answers. And what is worth knowing: missing runs, classes without samples or with few, what can be detected,
    labels that no run agrees with.

    Parameters
    ----------
    name
        What to call them.
    most
        How many runs, classes or samples a finding names; None names all.

    Examples
    --------
    >>> import numpy as np
    >>> label = np.arange(300) % 3
    >>> found = examine(Predictions.from_arrays(label, {"plain": label, "mixup": (label + 1) % 3}))
    >>> found.is_well, found.findings[0].kind, found.findings[0].names
    (False, 'permuted', ('mixup seed 0',))
    """
    at = Looked(preds, most)
    found = _found(at) if preds.guess.size else list(runs.nothing(at))
    return AnswersCheckup(
        name=name,
        on=preds.on,
        samples=len(preds.label),
        unlabelled=preds.unlabelled,
        classes=preds.classes,
        per_class=tuple(at.n.tolist()),
        paired=preds.paired,
        p_label=preds.p_label is not None,
        label_sets=preds.accepted is not None,
        arms=tuple(_arm(at, arm) for arm in preds.arms),
        findings=tuple(sorted(found, key=lambda finding: not finding.wrong)),
        by=preds.by,
        groups=_groups(at) if preds.group is not None and preds.guess.size else (),
    )


def _found(at: Looked) -> list[Finding]:
    orders = label_maps.other_orders(at)
    misread = {r for _, rows in orders for r in rows}
    known = [*label_maps.permuted(at, orders), *runs.chance(at, misread)]
    return known + [finding for search in SEARCHES for finding in search(at)]


def _arm(at: Looked, arm: str) -> ArmAnswers:
    rows = at.preds.rows(arm)
    own = at.accuracy[rows]
    found = (float(own.mean()), float(own.min()), float(own.max())) if at.right.size else (None, None, None)
    seeds = tuple(int(at.preds.seed[r]) for r in rows)
    return ArmAnswers(arm, at.preds.dose_of(arm), tuple(np.sort(seeds).tolist()), *found)


def _groups(at: Looked) -> tuple[GroupAnswers, ...]:
    """Return what each group holds, the one of the lowest accuracy first."""
    p, size = at.preds, np.bincount(at.preds.unit, minlength=len(at.preds.groups))
    right = np.stack([np.bincount(p.unit, weights=own, minlength=len(size)) for own in at.right])
    of_arm = np.stack([right[p.rows(arm)].mean(axis=0) for arm in p.arms])
    found: list[GroupAnswers] = []
    for g, (name, n) in enumerate(zip(p.groups, size.tolist(), strict=True)):
        own = (right[:, g].mean(), of_arm[:, g].min(), of_arm[:, g].max()) if n else ()
        shares = [float(x) / n for x in own] or [None] * 3
        found.append(GroupAnswers(name, n, *shares))
    return tuple(sorted(found, key=lambda group: -1.0 if group.accuracy is None else group.accuracy))
