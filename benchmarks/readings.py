"""Who pays, by the single label and by sets of labels? The real models and the real label sets of ImageNet.

    python benchmarks/readings.py imagenet_val_predictions_dev.npz --out docs/label-sets-imagenet.md

The file holds `model`, `top1` [models, images], `label`, `class_names`, and ReaL's sets as `real_flat`, `real_offset`.
Every number is the tool's: `readings` of `estimate`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from barnspider import Predictions, estimate, read_label_sets, readings, with_label_sets
from barnspider.markdown import escaped
from barnspider.readings import Readings
from barnspider.words import between, points

PAIRS = (
    ("pytorch_vgg19", "pytorch_vgg19_bn"), ("pytorch_vgg16", "pytorch_vgg16_bn"), ("pytorch_vgg13", "pytorch_vgg13_bn"),
    ("pytorch_vgg11", "pytorch_vgg11_bn"), ("pytorch_resnet50", "pytorch_resnet34"),
    ("pytorch_resnet50", "pytorch_resnet18"), ("pytorch_resnet50", "pytorch_alexnet"),
)  # fmt: skip
GROUPS = (
    ("VGG, four depths", tuple(f"pytorch_vgg{n}" for n in (11, 13, 16, 19))),
    ("the same with batch normalization", tuple(f"pytorch_vgg{n}_bn" for n in (11, 13, 16, 19))),
)
SHOWN = 8


def read(path: Path) -> Predictions:
    """Return all models' answers with ReaL's label sets."""
    with np.load(path) as z:
        names = [f"{name.split(',', 1)[-1]} ({i})" for i, name in enumerate(z["class_names"].tolist())]
        answers = dict(zip(z["model"].tolist(), z["top1"], strict=True))
        preds = Predictions.from_arrays(z["label"], answers, classes=names, on="imagenet/val")
    return with_label_sets(preds, read_label_sets(path))


def as_runs(preds: Predictions) -> Predictions:
    """Return depths as runs, in pairs: what batch normalization does to VGG, whatever its depth."""
    rows = {name: [preds.guess[preds.rows(m)[0]] for m in models] for name, models in GROUPS}
    made = Predictions.from_arrays(preds.label, rows, classes=preds.classes, on=preds.on, paired=True)
    sets = [[c for c in own if c >= 0] for own in preds.accepted.tolist()]  # type: ignore[union-attr]
    return with_label_sets(made, sets)


def compared(preds: Predictions, base: str, arm: str) -> Readings:
    return readings(preds, estimate(preds, base, arms=[arm]))


def row(base: str, arm: str, r: Readings) -> str:
    one, two = r.single, r.sets
    cells = [f"{base} -> {arm}".replace("pytorch_", "")]
    cells += [f"{points(e.overall[0])} ({between(e.overall_low[0], e.overall_high[0])})" for e in (one, two)]
    cells += [f"{e.tau[0] * 100:.1f} ({between(e.tau_low[0], e.tau_high[0])})" for e in (one, two)]
    cells += [f"{int((one.effect < 0).sum())}", f"{int(one.harmed.sum())}", f"{int(r.still_harmed().sum())}"]
    return f"| {' | '.join([*cells, str(int((two.harmed & ~one.harmed).sum()))])} |"


HEAD = (
    "| models | average, single label | by the sets | tau, single label | by the sets | lower by the counts"
    " | harmed, single label | still harmed | by the sets only |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def most_explained(r: Readings) -> Iterator[str]:
    """Yield the classes of whose harm the sets explain most, by the lower end of the interval."""
    yield "| class | images | single label | by the sets | explained |\n|:--|--:|--:|--:|--:|"
    low = np.where(r.single.harmed[0], np.nan_to_num(r.share_low[0], nan=-9.0), -9.0)
    for c in np.argsort(-low, kind="stable")[:SHOWN].tolist():
        cells = [f"{points(e.effect[0, c])} ({between(e.low[0, c], e.high[0, c])})" for e in (r.single, r.sets)]
        yield f"| {escaped(r.single.classes[c])} | {r.single.n[c]} | {' | '.join(cells)} | {r.explained(0, c)} |"


def counts(r: Readings) -> str:
    """Return how many intervals of shares leave out 0, and how many would by chance."""
    low, high = (x[0][r.single.harmed[0] & np.isfinite(r.share[0])] for x in (r.share_low, r.share_high))
    luck = len(low) * (1 - r.share_level) / 2
    above, below = int((low > 0).sum()), int((high < 0).sum())
    median = float(np.nanmedian(r.share[0][r.single.harmed[0]]))
    return (
        f"Of {len(low)} classes whose share can be told ({100 * r.share_level:.3g} % intervals), the interval lies"
        f" above 0 in {above} and below 0 in {below}; where sets explain nothing at all, chance would give {luck:.0f}"
        f" on each side. The median share is {100 * median:.0f} %."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, help="where to write; by default stdout")
    given = parser.parse_args()
    preds = read(given.file)
    runs = as_runs(preds)
    found = [(*pair, compared(preds, *pair)) for pair in PAIRS]
    depths = compared(runs, *(name for name, _ in GROUPS))
    last = found[-1][2]
    lines = [
        f"# ImageNet by the single label and by label sets\n\n<!-- python benchmarks/readings.py {given.file.name} -->",
        "\nSee [label-sets.md](label-sets.md). In points; 95 % intervals for new images. One model on each side,",
        "but for the last row: there, four depths of VGG stand for four runs, and those of one depth are pairs.\n",
        HEAD,
        *(row(*each) for each in found),
        row("vgg, 4 depths as runs", "vgg_bn", depths),
        "\nAlexNet against ResNet-50, the classes with the highest lower ends of the share that the sets explain:\n",
        *most_explained(last),
        f"\n{counts(last)}",
    ]
    text = "\n".join(lines) + "\n"
    print(text) if given.out is None else given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
