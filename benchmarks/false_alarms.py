"""How often does `estimate` find harm where there is none? Counted on trained runs: two halves of one arm.

    barnspider run studies/digits-same-recipe.toml --store runs
    python benchmarks/false_alarms.py runs --out docs/false-alarms.md

Every arm of every study in the stores is halved at random, again and again, and the halves are compared as if they were
two arms. Halves of the same runs overlap, so the standard errors count arms, not halvings.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from barnspider import Predictions, estimate
from barnspider.store import Store

HALVINGS = 200
LEAST_RUNS = 4


@dataclass(frozen=True)
class Alarms:
    """Shares over the halvings of one study's arms, averaged over arms."""

    study: str
    arms: int
    runs: int
    single: float
    any_class: float
    dependence: float
    overall: float


def halved(preds: Predictions, rng: np.random.Generator) -> Predictions:
    """Deal the runs of one arm into two arms of equal size, at random."""
    size = len(preds.arm) // 2
    dealt = rng.permutation(len(preds.arm))[: 2 * size]
    part = preds.where(runs=dealt)
    arms = ("first half",) * size + ("second half",) * size
    return replace(part, arm=arms, seed=tuple(range(size)) * 2, dose=(None,) * (2 * size), paired=False)


def alarms(preds: Predictions, rng: np.random.Generator) -> np.ndarray:
    """Return the shares of: single classes with p < 0.05; any class with q < 0.05; tau's p < 0.05; the average's."""
    found = np.zeros(4)
    for _ in range(HALVINGS):
        effects = estimate(halved(preds, rng), "first half")
        marks = (
            (effects.p[effects.known] < 0.05).mean(), (effects.q < 0.05).any(),
            effects.tau_p[0] < 0.05, effects.overall_p[0] < 0.05,
        )  # fmt: skip
        found += np.array(marks, dtype=float)
    return found / HALVINGS


def of_study(store: Store, identity: str) -> Alarms | None:
    """Count false alarms in all arms of a study that have enough runs."""
    preds = store.load(store.study(identity).cells)
    rng = np.random.default_rng(0)
    enough = [arm for arm in preds.arms if len(preds.rows(arm)) >= LEAST_RUNS]
    if not enough:
        return None
    shares = np.mean([alarms(preds.where(arms=[arm]), rng) for arm in enough], axis=0)
    return Alarms(identity.rpartition("-")[0], len(enough), len(preds.rows(enough[0])), *shares)


def table(found: list[Alarms]) -> str:
    """Return the counts as a Markdown page."""
    rows = [
        f"| {a.study} | {a.arms} | {a.runs // 2} against {a.runs // 2} "
        + " ".join(f"| {100 * share:.1f} %" for share in (a.single, a.any_class, a.dependence, a.overall))
        + " |"
        for a in found
    ]
    return "\n".join([
        "# False alarms on trained runs", "",
        f"Two halves of the same arm, compared as if they were two arms; {HALVINGS} random halvings of each arm.",
        "Everything found is a false alarm; the nominal rate is 5 % in every column (at most 5 % for \"any class\").",
        "Made by `python benchmarks/false_alarms.py STORE... --out docs/false-alarms.md`.", "",
        "| study | arms | runs | a class, p < 0.05 | any class harmed or helped, q < 0.05 | class dependence, p < 0.05 "
        "| average, p < 0.05 |",
        "|:--|--:|--:|--:|--:|--:|--:|", *rows, "",
        "Halvings of one arm share its runs and images, so a share moves by more than its count of halvings suggests:",
        "an arm that has one unlucky pair of runs shows it in half of all halvings; four runs have three halvings, no",
        "more.", "",
    ])  # fmt: skip


def main() -> None:
    """Count, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    stores = [Store.existing(path) for path in options.stores]
    counted = [of_study(store, identity) for store in stores for identity in store.studies()]
    page = table([a for a in counted if a is not None])
    print(page)
    if options.out:
        options.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
