"""Where did the answers go? Real models and the real label sets of ImageNet.

    python benchmarks/flows.py imagenet_val_predictions_dev.npz --out docs/flows-imagenet.md

The file is that of `readings.py`. Superclasses are those of Restricted ImageNet (Tsipras et al. 2019). Every number is
the tool's: `confusion` of `estimate`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from barnspider import Confusion, Predictions, confusion, estimate
from barnspider.kinds import HEAD
from barnspider.markdown import escaped
from readings import GROUPS, as_runs, read

PAIRS = (
    ("pytorch_vgg19", "pytorch_vgg19_bn"), ("pytorch_resnet50", "pytorch_resnet34"),
    ("pytorch_resnet50", "pytorch_resnet18"), ("pytorch_resnet50", "pytorch_alexnet"),
)  # fmt: skip
RESTRICTED = (
    ("dog", 151, 268), ("cat", 281, 285), ("frog", 30, 32), ("turtle", 33, 37), ("bird", 80, 100),
    ("primate", 365, 382), ("fish", 389, 397), ("crab", 118, 121), ("insect", 300, 319),
)  # fmt: skip
SHOWN = 6


def superclasses(preds: Predictions) -> dict[str, str]:
    return {preds.classes[i]: name for name, first, last in RESTRICTED for i in range(first, last + 1)}


def explained(preds: Predictions, base: str, arm: str, against: str = "baseline") -> Confusion:
    effects = estimate(preds, base, arms=[arm])
    return confusion(preds, effects, groups=superclasses(preds), against=against)  # type: ignore[arg-type]


def table(head: list[str], rows: Iterator[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|:--|{'--:|' * (len(head) - 1)}"]
    return [*lines, *(f"| {' | '.join(escaped(cell.strip(), 80) for cell in row)} |" for row in rows), ""]


def counts(name: str, c: Confusion) -> list[str]:
    r, grows = c.receivers, c.receivers.false.change[0] > 0
    sure = r.certain()[0]
    return [
        name, f"{len(c.flows.source):,}", f"{int(c.flows.certain()[0].sum())}", f"{int(c.net.certain()[0].sum())}",
        f"{int((sure & grows).sum())}", f"{int((sure & ~grows).sum())}",
        f"{int(((r.precise.q[0] < 0.05) & (r.precise.change[0] < 0)).sum())}",
    ]  # fmt: skip


def one_class(c: Confusion, name: str) -> Iterator[list[str]]:
    for pairs, way in zip(c.flows.of_class(c.effects.arms[0], name), ("lost to", "received from"), strict=True):
        for i in pairs[:3].tolist():
            source, target, *numbers = c.row(0, i)
            yield [way, target if way == "lost to" else source, *numbers]


def body(found: dict[str, Confusion]) -> Iterator[str]:
    head = [
        "models",
        "pairs confused",
        "certainly changed",
        "certain net flows",
        "classes that receive more false answers",
    ]
    yield from table([*head, "fewer", "classes whose precision falls"], (counts(n, c) for n, c in found.items()))
    known = sum(last - first + 1 for _, first, last in RESTRICTED)
    yield "Wrong answers of a run by kind, and what of the change is right by ReaL's sets. Superclasses are known of"
    yield f"{known} classes (dogs, birds, insects, ...); the others count as unlike.\n"
    for name, c in found.items():
        assert c.kinds is not None
        yield f"{name}:\n"
        yield from table(HEAD, (c.kinds.row(0, k) for k in range(len(c.kinds.names))))
    for name, c in list(found.items())[:: len(PAIRS) - 1]:
        yield f"Who receives most, {name}:\n"
        order = c.receivers.order(c.effects.arms[0])[:SHOWN].tolist()
        head = ["class", "n", "false answers of a run", "change", "precision", "change, points"]
        yield from table(head, (c.receivers.row(0, i) for i in order))
    name, last = list(found.items())[len(PAIRS) - 1]
    for wanted in ("barn spider (73)", "sunglass (836)"):
        e = last.effects
        yield f"{name}. {escaped(e.sentence(e.arms[0], wanted), 1000)}\n"
        yield from table(["", "class", "n", "before", "change", "q", "kind"], one_class(last, wanted))
    net = last.net
    yield f"The largest net flows, {name}:\n"
    yield from (f"- {escaped(net.line(0, int(i)).strip(), 200)}" for i in net.order(net.arms[0])[:SHOWN])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, help="where to write; by default stdout")
    given = parser.parse_args()
    preds = read(given.file)
    found = {f"{a} -> {b}".replace("pytorch_", ""): explained(preds, a, b) for a, b in PAIRS}
    base, arm = (name for name, _ in GROUPS)
    found["vgg, 4 depths as runs -> vgg_bn"] = explained(as_runs(preds), base, arm)
    models, images = len(preds.arms), len(preds.label)
    lines = [
        f"# Where ImageNet's answers went\n\n<!-- python benchmarks/flows.py {given.file.name} -->",
        f"\nSee [flows.md](flows.md). Of {models} public models, on the {images:,} images with a label in ReaL's sets;",
        "95 % intervals for new images. One model on each side, but for the last row: there, four depths of VGG stand",
        "for four runs, and those of one depth are pairs.\n",
        *body(found),
    ]
    text = "\n".join(lines) + "\n"
    print(text) if given.out is None else given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
