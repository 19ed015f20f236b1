"""Example images for a page: drawn where the study's data is at hand; elsewhere one note says why there are none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider.cli.options import Judged
from barnspider.cli.output import talk
from barnspider.cli.studies import look_for_data_in
from barnspider.errors import BarnspiderError, DataError, InputError

if TYPE_CHECKING:
    from barnspider import Effects, Predictions, Verdict
    from barnspider.examples import Examples
    from barnspider.sources import Source

Images = Annotated[
    bool,
    typer.Option("--images/--no-images", help="Show example images of a store's study, where its data is at hand."),
]


def check_images(source: Source, data: Path | None) -> None:
    """Refuse a folder of data sets with answers in files, which know nothing of their images."""
    from barnspider.sources import is_store

    if data is not None and not is_store(source):
        raise InputError(f"data={str(data)!r} was given with {source!r}; only a store knows which data its runs saw")
    look_for_data_in(data)


def example_images(
    asked: Judged, predictions: Predictions, effects: Effects, verdict: Verdict | None
) -> Examples | None:
    """Draw images of the most harmed and the most helped classes (or groups) of a store's study, or say why not."""
    from barnspider.sources import is_store

    if not is_store(asked.source):
        return None
    try:
        return _drawn(asked, predictions, effects, verdict)
    except BarnspiderError as error:
        talk(
            f"note: the page shows no example images: {error}. If your data sets are in another folder, name it with"
            " --data FOLDER; --no-images leaves images out"
        )
        return None


def _drawn(asked: Judged, predictions: Predictions, effects: Effects, verdict: Verdict | None) -> Examples:
    from barnspider.report.pictures import shown_classes
    from barnspider.store import opened

    for module in ("torch", "PIL"):
        if importlib.util.find_spec(module) is None:
            raise DataError(f"they need {module}, which is not installed; try: pip install 'barnspider[lab]'")
    from barnspider.lab.examples import examples

    return examples(
        opened(asked.sources[0]),
        predictions,
        effects.baseline,
        shown_classes(effects, verdict),
        study=asked.study,
        split=asked.split,
    )
