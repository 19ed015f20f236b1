"""A store's study -> example images for its page: what the network saw, and which test images were lost and gained.

Images are found by their ids in the data that the runs were trained on, which its fingerprint proves; only those shown
are read. Pictures become fewer, then smaller, until they fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError, InputError, StoreError, listing, pick
from barnspider.examples import MOST_BYTES, Change, ClassExamples, Examples, Kind, Turned, turned
from barnspider.lab.data import NAMED, Dataset, Split, load
from barnspider.lab.data.options import parse
from barnspider.lab.download import data_folder
from barnspider.lab.recipe import Recipe
from barnspider.lab.seen import changes_images, seen, trained_on
from barnspider.lab.sprites import LOSSY, Pixels, Sheet, fitted, pitch, smaller
from barnspider.predictions import Predictions
from barnspider.store import SPLITS, Kept, Study

MOST_ARMS = 16
"""Arms whose training images are drawn; of more, some, evenly."""

EXACT = 64
"""Pixels of a side up to which colour images are kept exactly where there is room; grey ones of any size."""


@dataclass(frozen=True)
class _Amount:
    """How much is drawn: training images of a class, lost and gained images of each arm, pixels of the longer side."""

    seen: int
    turned: int
    side: int
    kind: Kind = LOSSY


_RICHEST = _Amount(4, 4, 96)
_AMOUNTS = (
    _Amount(4, 4, 96, "png"), _RICHEST, _Amount(3, 3, 96), _Amount(2, 2, 96), _Amount(2, 2, 64), _Amount(1, 1, 64),
    _Amount(1, 1, 48), _Amount(1, 1, 32), _Amount(1, 0, 32),
)  # fmt: skip
"""From the richest; the first that fits is taken."""


def examples(
    store: Kept,
    predictions: Predictions,
    baseline: str,
    classes: Sequence[str],
    *,
    study: str | None = None,
    split: str = "test",
    most_bytes: int = MOST_BYTES,
) -> Examples:
    """Draw example images of some classes of a study.

    Parameters
    ----------
    store, study, split
        Where the predictions were read from, as in `read_predictions`.
    predictions
        The study's answers; every arm of theirs is compared with the baseline.
    classes
        Which classes to show, by name; or which groups, where the predictions are grouped.
    most_bytes
        How large all encoded pictures together may be.

    Raises
    ------
    DataError
        When the data set is not to be found, or is not what it was when the runs were trained.
    StoreError
        When the store's runs cannot be read.
    InputError
        When there is no such arm or class, or even the fewest and smallest pictures are too large.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.lab import Recipe, Store, Sweep, run
    >>> recipe = Recipe("digits", width=8, epochs=1, train_images=100)
    >>> sweep = Sweep(recipe, vary="rotation", doses=(0, 90), seeds=range(1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     made = examples(store, run(sweep, store, workers=1), sweep.baseline, ["6", "9"])
    >>> made.arms, made.classes[0].seen.shape, made.size, made.kind
    (('rotation=0', 'rotation=90'), (4, 2), (8, 8), 'png')
    """
    pick("baseline", baseline, predictions.arms)
    plan = store.study(study)
    if plan.of is not None:
        raise DataError(f"the study was made of {plan.of!r}, and only studies that train have example images")
    if "recipe" not in plan.sweep:
        raise DataError("the study's runs were trained by a command, and only that knows their images")
    documents = {arm: _document(store, plan, arm) for arm in _by_dose(predictions)}
    recipes = {arm: Recipe(**document["recipe"]) for arm, document in documents.items()}
    data = _data(recipes[baseline], documents[baseline]["fingerprint"])
    acts, seed = changes_images(plan.sweep["vary"]), min(predictions.seed[r] for r in predictions.rows(baseline))
    drawn = _some(recipes, baseline) if acts else {}
    part = data.validation if pick("split", split, SPLITS).startswith("validation") else data.test
    found = [_found(name, predictions, baseline, data, part, drawn, seed) for name in classes]
    amount, made = _fitting(found, data, most_bytes)
    size = _size(data, amount.side)
    return Examples(
        baseline=baseline,
        arms=tuple(drawn),
        classes=made,
        kind=amount.kind,
        size=size,
        pitch=pitch(size, amount.kind),
        shrunk=size != data.shape[1:],
        seed=seed,
        why_none=_why_none(predictions, plan.sweep["vary"]),
    )


def _why_none(predictions: Predictions, knob: str) -> str:
    """Return why no training images are shown; empty where they are."""
    if not changes_images(knob):
        return f"{knob} does not act on images: the network sees the same at every dose."
    if predictions.answered is None:
        return "Images are grouped one by one, and of which groups the training images are is not known."
    return ""


def _by_dose(predictions: Predictions) -> list[str]:
    """Return the arms in order of their doses; those without a single dose last, as they stand."""
    doses = {arm: predictions.dose_of(arm) for arm in predictions.arms}
    return sorted(doses, key=lambda arm: (doses[arm] is None, doses[arm] or 0.0))


def _some(recipes: Mapping[str, Recipe], baseline: str) -> dict[str, Recipe]:
    """Return the arms that are drawn: all, or of very many some, evenly, the baseline among them."""
    others = [arm for arm in recipes if arm != baseline]
    places = np.linspace(0, len(others) - 1, min(len(others), MOST_ARMS - 1)).round().astype(int)
    chosen = {baseline, *(others[place] for place in places)}
    return {arm: recipe for arm, recipe in recipes.items() if arm in chosen}


def _document(store: Kept, plan: Study, arm: str) -> dict[str, Any]:
    """Return the document of one finished run of an arm: what it really was."""
    for cell in plan.cells:
        if cell.arm == arm:
            for document in store.sealed([cell]):
                if document["status"] == "done":
                    return document
    raise StoreError(f"{str(store.root)!r} has no finished run of {arm} any more; run the same again")


def _data(recipe: Recipe, fingerprint: str) -> Dataset:
    """Return the data set that runs were trained on, from where the recipe says or from the user's own folder."""
    reasons: list[str] = []
    for name in _names(recipe.dataset):
        try:
            data = load(name, split_seed=recipe.split_seed, fetch=False)
        except DataError as error:
            reasons.append(str(error))
            continue
        if data.fingerprint == fingerprint:
            return data
        reasons.insert(0, f"data set {name!r} is not what it was when these runs were trained")
    raise DataError(reasons[0])


def _names(dataset: str) -> list[str]:
    """Return what a recipe calls its data and, of a path, what it would be called in the user's own folder."""
    bare, _ = parse(dataset)
    folder = data_folder()
    if folder is None or bare in NAMED:
        return [dataset]
    return [dataset, f"{folder / Path(bare).name}{dataset[len(bare) :]}"]


@dataclass(frozen=True, eq=False)
class _Found:
    """The pictures of one class before they are encoded: as many, and as large, as are ever shown.

    `seen` is UInt8[images, arms, H, W, C]; `pixels` is UInt8[n, H, W, C], the images that are listed in `tested`.
    """

    name: str
    seen: Pixels
    sample: tuple[str, ...]
    lost: Mapping[str, tuple[Turned, ...]]
    gained: Mapping[str, tuple[Turned, ...]]
    tested: tuple[str, ...]
    pixels: Pixels


def _found(
    name: str,
    predictions: Predictions,
    baseline: str,
    data: Dataset,
    part: Split,
    drawn: Mapping[str, Recipe],
    seed: int,
) -> _Found:
    others = [arm for arm in predictions.arms if arm != baseline]
    lost, gained = (
        zip(*(turned(predictions, baseline, arm, name) for arm in others), strict=True) if others else ((), ())
    )
    tested = tuple(dict.fromkeys(t.sample for each in (*lost, *gained) for t in each[: _RICHEST.turned]))
    pixels = smaller(part.read(_rows(part, tested, data.name)), _RICHEST.side)
    views, sample = _views(_labels(name, predictions, data), data, drawn, seed)
    return _Found(
        name,
        views,
        sample,
        dict(zip(others, lost, strict=True)),
        dict(zip(others, gained, strict=True)),
        tested,
        pixels,
    )


def _labels(name: str, predictions: Predictions, data: Dataset) -> list[int]:
    """Return which classes of the data a class is, or the classes of a group; none of a group of images."""
    of = predictions.answered
    if of is None:
        return []
    own = np.flatnonzero(of == predictions.units.index(name)).tolist()
    return [data.classes.index(predictions.classes[c]) for c in own]


def _views(
    labels: Sequence[int], data: Dataset, drawn: Mapping[str, Recipe], seed: int
) -> tuple[Pixels, tuple[str, ...]]:
    """Return UInt8[images, arms, H, W, C]: training images of classes, from all over them, as each arm sees them."""
    height, width = _size(data, _RICHEST.side)
    none = np.zeros((0, len(drawn), height, width, data.shape[0]), np.uint8)
    if not drawn:
        return none, ()
    split = trained_on(next(iter(drawn.values())), data)
    members = np.flatnonzero(np.isin(split.labels, labels))
    if not len(members):
        return none, ()
    count = min(len(members), _RICHEST.seen)
    rows = members[(2 * np.arange(count) + 1) * len(members) // (2 * count)]
    views = [smaller(seen(recipe, data, rows, seed), _RICHEST.side) for recipe in drawn.values()]
    return np.stack(views, axis=1), tuple(str(id_) for id_ in split.take(rows).sample)


def _rows(part: Split, ids: Sequence[str], name: str) -> NDArray[np.intp]:
    """Return where images with these ids stand; `DataError` when one does not."""
    known = part.sample
    row_of = {str(known[row]): row for row in np.flatnonzero(np.isin(known, list(ids)))}
    if missing := [id_ for id_ in ids if id_ not in row_of]:
        raise DataError(f"dataset={name!r} has no image {listing(missing)}, which these runs have answered")
    return np.array([row_of[id_] for id_ in ids], dtype=np.intp)


def _size(data: Dataset, longest: int) -> tuple[int, int]:
    """Return height and width of a picture whose longer side is at most so many pixels."""
    _, height, width = data.shape
    return fitted((height, width), longest)


def _fitting(found: Sequence[_Found], data: Dataset, most_bytes: int) -> tuple[_Amount, tuple[ClassExamples, ...]]:
    """Encode the richest that fits."""
    small = data.shape[0] == 1 or max(data.shape[1:]) <= EXACT
    total = 0
    for amount in _AMOUNTS if small else _AMOUNTS[1:]:
        made = tuple(_encoded(each, amount) for each in found)
        total = sum(len(each.sprite) for each in made)
        if total <= most_bytes:
            return amount, made
    raise InputError(
        f"most_bytes={most_bytes}; the fewest and smallest pictures of these classes take {total}; show fewer"
    )


def _encoded(found: _Found, amount: _Amount) -> ClassExamples:
    sheet = Sheet()
    images, arms = found.seen[: amount.seen], found.seen.shape[1]
    flat = smaller(images.reshape(-1, *images.shape[2:]), amount.side)
    cells = np.array([sheet.place(picture) for picture in flat], np.int64).reshape(len(images), arms)
    lost, gained = (
        {arm: Change(len(each), each[: amount.turned]) for arm, each in side.items()}
        for side in (found.lost, found.gained)
    )
    shown = {t.sample for side in (lost, gained) for change in side.values() for t in change.first}
    pixels = smaller(found.pixels, amount.side)
    tested = {id_: sheet.place(pixels[k]) for k, id_ in enumerate(found.tested) if id_ in shown}
    sprite = sheet.encoded(amount.kind)
    return ClassExamples(found.name, sprite, cells, found.sample[: amount.seen], lost, gained, tested)
