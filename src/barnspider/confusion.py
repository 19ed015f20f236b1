"""Explain a harm: where the answers of each class went, who received them, what kind of confusion that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider import words
from barnspider.as_json import plain
from barnspider.effects import estimate
from barnspider.errors import pick
from barnspider.flows import LEAST, Against, Flows, flows
from barnspider.kinds import HEAD as KINDS
from barnspider.kinds import Kinds, Thresholds, kinds
from barnspider.markdown import code, escaped
from barnspider.names import visible
from barnspider.net_flows import NetFlows, net_flows
from barnspider.outcome import Effects
from barnspider.predictions import Predictions
from barnspider.receivers import Receivers, receivers
from barnspider.tables.similarity import Similarities

SCHEMA = "barnspider/flows/1"
MARK = {True: "* ", False: "  "}
FEW = 10  # rows of each table, unless more are asked for


@dataclass(frozen=True, eq=False)
class Confusion(words.Shown):
    """What became of the answers that classes lost, in every arm.

    Attributes
    ----------
    effects : what every arm does to every class, by the single label
    flows : how often each class is taken for each other one, and how that changed
    receivers : false answers and precision of each class
    net : net flow between two classes
    kinds : what kind of confusion each pair is; None where nothing tells it
    """

    effects: Effects
    flows: Flows
    receivers: Receivers
    net: NetFlows
    kinds: Kinds | None

    def about(self) -> str:
        """Return what is compared with what, and how: one line above all tables."""
        e, m = self.effects, self.effects.method
        where = f" of {visible(e.on)}" if e.on else ""
        size = f"{words.counted(len(e.classes), 'class')}, {words.counted(int(e.n.sum()), 'image')}{where}"
        text = f"Change of confusion from {self.flows.about()}: {size}, in points; {100 * m.level:.4g} % intervals"
        text += f" generalize to {words.explained(m.generalizes_to)}; * certain (q < {m.alpha:.2g}, over arms and"
        text += f" pairs with {LEAST:g} answers of a run or more)"
        return text if self.kinds is None else f"{text}\n{self.kinds.about()}"

    def text(self, rows: int | None = FEW, classes: Sequence[str] = ()) -> str:
        """Return the tables that a person wants, for every arm; of some classes only, who received what they lost."""
        most = len(self.flows.source) + len(self.effects.classes) if rows is None else rows
        told = [
            "\n\n".join(self._of_class(arm, name, most) for name in classes) if classes else self._of_arm(a, most)
            for a, arm in enumerate(self.effects.arms)
        ]
        return "\n\n".join([self.about(), *told])

    def __str__(self) -> str:
        return self.text()

    def _of_arm(self, a: int, rows: int) -> str:
        arm, sure = self.effects.arms[a], int(self.flows.certain()[a].sum())
        pairs = self.flows.surest(arm)
        blocks = [
            f"{words.counted(sure, 'pair')} of {len(pairs):,} certainly changed",
            words.text_table(self._head("  images of", "taken for"), [self.row(a, int(i)) for i in pairs[:rows]]),
            self.receivers.block(a, rows),
            self.net.block(a, rows),
        ]
        return f"{visible(arm)}: " + "\n\n".join(blocks if self.kinds is None else [*blocks, self.kinds.block(a)])

    def _head(self, *names: str) -> list[str]:
        return [*names, "n", "before", "change", "q", *([] if self.kinds is None else ["kind"])]

    def row(self, a: int, i: int) -> list[str]:
        """Return a pair's two names, images, share before, change with its interval, q, and kind where it is told."""
        f = self.flows
        mark, source, target = MARK[f.certain()[a, i]], f.source[i], f.target[i]
        return [f"{mark}{visible(f.classes[source])}", visible(f.classes[target]), *self._numbers(a, i)]

    def _numbers(self, a: int, i: int) -> list[str]:
        f = self.flows
        moved = "cannot tell"
        if not np.isnan(f.change[a, i]):
            moved = f"{words.points(f.change[a, i])} ({words.between(f.low[a, i], f.high[a, i])})"
        before, kind = words.percent(float(f.before[i])), [] if self.kinds is None else [self.kinds.of(i)]
        return [f"{f.n[f.source[i]]:,}", before, moved, words.chance(float(f.q[a, i])), *kind]

    def _of_class(self, arm: str, name: str, rows: int) -> str:
        """Return who received what a class lost, and whom it received from."""
        a, c = self.effects.place(arm), self.effects.classes.index(pick("class", name, self.effects.classes))
        lost, received = self.flows.of_class(arm, name)
        own = f" Its own best arm is {visible(self.flows.own[c])}." if self.flows.own and self.flows.own[c] else ""
        false, precise = self.receivers.row(a, c)[2:4], self.receivers.row(a, c)[4:]
        return "\n".join([
            f"{visible(arm)}: {self.effects.sentence(arm, name)}{own}",
            *self._side(a, "  its images are taken for", lost[:rows], self.flows.target),
            *self._side(a, "  taken for it are images of", received[:rows], self.flows.source),
            f"  False answers of a run, against the baseline: {false[1]}, from {false[0]}. Precision: {precise[1]}"
            f" points, from {precise[0]}.",
        ])  # fmt: skip

    def _side(self, a: int, title: str, pairs: Any, other: Any) -> list[str]:
        if not len(pairs):
            return [f"{title}: no other"]
        rows = [
            [f"{MARK[self.flows.certain()[a, i]]}{visible(self.flows.classes[other[i]])}", *self._numbers(a, i)]
            for i in pairs.tolist()
        ]
        return [words.text_table(self._head(title), rows)]

    def to_markdown(self, rows: int | None = FEW, classes: Sequence[str] = ()) -> str:
        """Return the same tables as Markdown, every name inert."""
        most = len(self.flows.source) + len(self.effects.classes) if rows is None else rows
        wanted = [self.effects.classes.index(pick("class", name, self.effects.classes)) for name in classes]
        about = escaped(self.about(), longest=5000)
        heading = f"### Where the answers went, against {code(self.effects.baseline)}\n\n{about}\n"
        return "\n".join([heading, *(self._markdown(a, most, wanted) for a in range(len(self.effects.arms)))])

    def _markdown(self, a: int, rows: int, wanted: list[int]) -> str:
        arm, f = self.effects.arms[a], self.flows
        pairs = _chosen(f.surest(arm), wanted, f.source, f.target)
        order = _chosen(self.receivers.order(arm), wanted)
        sure = int(f.certain()[a].sum())
        blocks = [
            f"#### {code(arm)}\n\n{words.counted(sure, 'pair')} of {len(f.source):,} certainly changed.\n",
            _table(self._head("images of", "taken for"), [self.row(a, i) for i in pairs[:rows]]),
            "Who received false answers:\n",
            _table(["class", *RECEIVED], [self.receivers.row(a, c) for c in order[:rows]]),
        ]
        if self.kinds is not None and not wanted:
            blocks.append(_table(KINDS, [self.kinds.row(a, k) for k in range(len(self.kinds.names))]))
        return "\n".join(blocks)

    def to_json(self, rows: int | None = None, classes: Sequence[str] = ()) -> dict[str, Any]:
        """Return what `flows --json` prints, as plain Python: proportions, and None where nothing is known.

        `rows` is how many pairs and classes of each arm, surest first; with `classes`, only what is about these.
        """
        e, f, m = self.effects, self.flows, self.effects.method
        wanted = [e.classes.index(pick("class", name, e.classes)) for name in classes]
        told = None
        if self.kinds is not None:
            told = {"by": self.kinds.by, "about": self.kinds.about(), "thresholds": plain(self.kinds.thresholds)}
        return {
            "schema": SCHEMA, "baseline": e.baseline, "on": e.on, "against": f.against, "chosen_on": f.chosen_on,
            "measured_on": f.measured_on, "own_best": dict(zip(e.classes, f.own, strict=True)) if f.own else None,
            "level": m.level, "generalizes_to": m.generalizes_to, "pairs": len(f.source), "kinds": told,
            "arms": [self._arm(a, rows, wanted) for a in range(len(e.arms))],
        }  # fmt: skip

    def _arm(self, a: int, rows: int | None, wanted: list[int]) -> dict[str, Any]:
        arm, f, net = self.effects.arms[a], self.flows, self.net
        pairs = _chosen(f.surest(arm), wanted, f.source, f.target)
        order = _chosen(self.receivers.order(arm), wanted)
        nets = _chosen(net.order(arm), wanted, net.first, net.second)
        return {
            "arm": arm,
            "generalizes_to": self.effects.generalizes_to(arm),
            "certain": int(f.certain()[a].sum()),
            "flows": [self._pair(a, i) for i in pairs[:rows]],
            "receivers": [self._receiver(a, c) for c in order[:rows]],
            "net": [
                {"first": net.classes[net.first[i]], "second": net.classes[net.second[i]], "n": int(net.n[i])}
                | _numbers(net, a, i)
                for i in nets[:rows]
            ],
            "kinds": None if self.kinds is None else _kinds(self.kinds, a),
        }

    def _pair(self, a: int, i: int) -> dict[str, Any]:
        f, source = self.flows, self.flows.source[i]
        told = {"source": f.classes[source], "target": f.classes[f.target[i]], "n": int(f.n[source])}
        told |= {"before": plain(f.before[i]), **_numbers(f, a, i)}
        if self.kinds is None:
            return told
        k = self.kinds
        shares = {"together": plain(k.together[i]), "mutual": plain(k.mutual[i])}
        return told | {"kind": k.of(i), "shared": int(k.shared[i]), **shares}

    def _receiver(self, a: int, c: int) -> dict[str, Any]:
        r = self.receivers
        sizes = {"class": r.classes[c], "n": int(r.n[c]), "others": int(r.others[c])}
        answers = {"answers_before": plain(r.answers[0, c]), "answers": plain(r.answers[a + 1, c])}
        precision = {"before": plain(r.precision[0, c]), "after": plain(r.precision[a + 1, c])}
        return {
            **sizes, **answers, "false": {"before": plain(r.before[c]), **_numbers(r.false, a, c)},
            "precision": {**precision, **_numbers(r.precise, a, c)},
        }  # fmt: skip


RECEIVED = ["n", "false answers of a run", "change", "precision", "change, points"]


def _chosen(order: NDArray[np.intp], wanted: list[int], *ends: NDArray[np.int64]) -> list[int]:
    """Return the numbers of an order, of pairs or classes, that are about the classes that are wanted, or all."""
    if not wanted:
        return order.tolist()
    about = [np.isin(end[order], wanted) for end in ends] or [np.isin(order, wanted)]
    return order[np.logical_or.reduce(about)].tolist()


def _numbers(found: Any, a: int, i: int) -> dict[str, Any]:
    return {name: plain(getattr(found, name)[a, i]) for name in ("change", "low", "high", "p", "q")}


def _kinds(found: Kinds, a: int) -> list[dict[str, Any]]:
    counts = np.bincount(found.kind, minlength=len(found.names))
    return [
        {"kind": name, "pairs": int(counts[k]), "before": plain(found.before[k])}
        | {x: plain(getattr(found, x)[a, k]) for x in ("change", "low", "high", "p", "right")}
        | {"right_before": plain(found.right_before[k])}
        for k, name in enumerate(found.names)
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|:--|{'--:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(escaped(cell.strip(), 80) for cell in row)} |" for row in rows), ""])


def confusion(
    preds: Predictions,
    effects: Effects,
    *,
    against: Against = "baseline",
    choose_on: Predictions | None = None,
    groups: Mapping[str, str] | None = None,
    similarity: Similarities | None = None,
    thresholds: Thresholds | None = None,
) -> Confusion:
    """Explain what became of the answers that classes lost, in the comparisons of these effects.

    With label sets, all is by the single label, and the sets tell the kinds: what the sets allow would be no confusion.
    Receivers and net flows are told against the baseline, whatever flows are measured from.

    Parameters
    ----------
    against, choose_on
        As `flows` takes them.
    groups, similarity, thresholds
        As `kinds` takes them; without these and without label sets, kinds are not told.

    Raises
    ------
    InputError
        As `flows` and `kinds` do.

    Examples
    --------
    >>> from barnspider import estimate
    >>> label = ["cat"] * 40 + ["dog"] * 40
    >>> preds = Predictions.from_arrays(label, {"off": [label] * 2, "on": [["dog"] * 30 + label[30:]] * 2})
    >>> found = confusion(preds, estimate(preds, "off"), groups={"cat": "pet", "dog": "pet"})
    >>> [(pair["source"], pair["kind"]) for pair in found.to_json()["arms"][0]["flows"]]
    [('cat', 'ambiguous or fine-grained')]
    """
    single = preds if preds.accepted is None else replace(preds, accepted=None)
    if preds.accepted is not None:
        over = "auto" if effects.over else effects.method.generalizes_to
        level, arms = effects.method.level, effects.arms
        effects = estimate(single, effects.baseline, level=level, generalize_to=over, arms=arms)
    told = preds.accepted is not None or groups is not None or similarity is not None
    return Confusion(
        effects,
        flows(single, effects, against=against, choose_on=choose_on),
        receivers(single, effects),
        net_flows(single, effects),
        kinds(preds, effects, groups=groups, similarity=similarity, thresholds=thresholds) if told else None,
    )
