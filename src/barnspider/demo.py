"""The whole story on handwritten digits: a knob that can destroy labels, and one that cannot touch the data."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from barnspider.effects import Effects, estimate
from barnspider.examples import MOST_BYTES, Examples
from barnspider.lab.recipe import Recipe
from barnspider.lab.run import run
from barnspider.lab.sweep import Sweep
from barnspider.predictions import Predictions
from barnspider.progress import clock
from barnspider.report import Study, gather, write_report
from barnspider.report.pictures import shown_classes
from barnspider.sources import dose_axis, provenance
from barnspider.store import Store
from barnspider.story import best_on_average, tell

RECIPE = Recipe(dataset="digits", network="resnet", width=8, epochs=12, batch=64, lr=0.1)
SEEDS = tuple(range(8))
SWEEPS = {
    "Rotation (degrees; it can destroy labels)": Sweep(
        RECIPE, vary="rotation", doses=(0, 10, 20, 40, 80, 130, 180), seeds=SEEDS
    ),
    "Weight decay (it cannot touch the data)": Sweep(
        RECIPE, vary="weight_decay", doses=(0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3), seeds=SEEDS
    ),
}


def tell_demo(out: Path, workers: int | None) -> None:
    """Train what is missing, print the tables and the story, write the page.

    Raises
    ------
    StoreError
        When `out` holds something that is not a demo, or cannot be written.
    """
    began = time.monotonic()
    store = Store(out / "store")
    studies: dict[str, Study] = {}
    story: list[str] = []
    for title, sweep in SWEEPS.items():
        sys.stderr.write(f"{title}: {len(sweep.doses)} doses x {len(sweep.seeds)} seeds\n")
        test = run(sweep, store, workers=workers)
        effects = estimate(test, baseline=sweep.baseline)
        validation = store.load(sweep.runs(), "validation")
        chosen = best_on_average(validation)
        drawn, axis = _examples(store, sweep, test, effects), dose_axis(store.root, study=sweep.identity)
        studies[title] = gather(test, effects, choose_on=validation, examples=drawn, axis=axis)
        story += tell(effects, chosen, title)
        sys.stdout.write(f"\n{title}\n\n{effects}\n\n")
    sys.stdout.write("What this study found\n\n" + "\n".join(f"- {sentence}" for sentence in story) + "\n\n")
    known = {title: provenance(store.root, study=sweep.identity) for title, sweep in SWEEPS.items()}
    about = {f"{title}: {name}": words for title, study in known.items() for name, words in study.items()}
    page = write_report(out / "report.html", studies, story=story, title="Who pays? The digits demo", provenance=about)
    sys.stderr.write(f"{page} written; {clock(time.monotonic() - began)} in all\n")


def _examples(store: Store, sweep: Sweep, test: Predictions, effects: Effects) -> Examples:
    """Draw images for one of the page's studies."""
    from barnspider.lab.examples import examples  # loads torch, which only the workers needed so far

    classes, most = shown_classes(effects), MOST_BYTES // len(SWEEPS)
    return examples(store, test, effects.baseline, classes, study=sweep.identity, most_bytes=most)
