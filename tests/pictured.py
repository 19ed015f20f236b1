"""Example images of made-up answers: every picture is one grey level, so that a test can tell which is which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barnspider.examples import Change, ClassExamples, Examples, turned
from barnspider.lab.sprites import Sheet, pitch
from barnspider.predictions import Predictions

SIZE = (8, 12)
LEVEL = 7
"""Grey levels between a picture and the next of its class."""


def pictured(
    preds: Predictions, baseline: str, classes: Sequence[str], *, images: int = 2, first: int = 3, noise: int = 0
) -> Examples:
    """Return examples whose cell k is grey level k * LEVEL; with `noise`, of so many pixels a side, ones of that."""
    return Examples(
        baseline=baseline,
        arms=preds.arms,
        classes=tuple(_class(preds, baseline, name, images, first, noise) for name in classes),
        kind="png",
        size=(noise, noise) if noise else SIZE,
        pitch=pitch((noise, noise) if noise else SIZE, "png"),
        shrunk=False,
        seed=0,
        why_none="",
    )


def _class(preds: Predictions, baseline: str, name: str, images: int, first: int, noise: int) -> ClassExamples:
    others = [arm for arm in preds.arms if arm != baseline]
    changes = [turned(preds, baseline, arm, name) for arm in others]
    lost, gained = (
        {arm: Change(len(found[side]), found[side][:first]) for arm, found in zip(others, changes, strict=True)}
        for side in (0, 1)
    )
    seen = np.arange(images * len(preds.arms)).reshape(images, len(preds.arms))
    ids = dict.fromkeys(t.sample for side in (lost, gained) for change in side.values() for t in change.first)
    tested = {sample: seen.size + k for k, sample in enumerate(ids)}
    sheet, rng = Sheet(), np.random.default_rng(0)
    for cell in range(seen.size + len(tested)):
        grey = np.full((*SIZE, 1), cell * LEVEL % 256, np.uint8)
        sheet.place(rng.integers(256, size=(noise, noise, 1), dtype=np.uint8) if noise else grey)
    sample = tuple(f"train {i}" for i in range(images))
    return ClassExamples(name, sheet.encoded("png"), seen, sample, lost, gained, tested)
