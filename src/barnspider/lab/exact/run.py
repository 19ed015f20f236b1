"""exact(plan) -> Solved: every dose and every penalty at once, without a step of training; growth(): with more data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import smallest_int
from barnspider.errors import InputError, listing
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.exact.plan import IMAGES, Exact
from barnspider.lab.exact.ridge import Floats, Moments, Ridge, solve
from barnspider.lab.recipe import Dose, Recipe
from barnspider.predictions import Predictions
from barnspider.progress import Progress

if TYPE_CHECKING:
    from barnspider.lab.exact.drawn import Pool
    from barnspider.lab.exact.features import Features

Guesses = NDArray[np.integer[Any]]
PARTS = ("test", "validation")
_NUMBERS = 1 << 24


@dataclass(frozen=True, eq=False)
class Solved:
    """What linear models answer for every dose and penalty. D doses, L penalties, R runs, N images of a part.

    Attributes
    ----------
    plan : what was asked
    images : training images of each run
    features : how many there are
    data : whose test and validation images were asked about
    guess : for each part, "test" and "validation", Int[D, L, R, N]
    """

    plan: Exact
    images: int
    features: int
    data: Dataset
    guess: dict[str, Guesses]

    @cached_property
    def chosen(self) -> NDArray[np.intp]:
        """Int[D, R]: the penalty that is best on validation images, run by run; of equals the strongest."""
        return (self.guess["validation"] == self.data.validation.labels).sum(axis=3).argmax(axis=1)

    def penalty(self, dose: Dose) -> float:
        """Return the penalty that was chosen at a dose: of several runs the middle one."""
        d = self.plan.sweep.doses.index(dose)
        return self.plan.path(dose)[int(np.median(self.chosen[d]))]

    def answers(self, part: str = "test") -> Predictions:
        """Return the answers at the chosen penalties: an arm for each dose."""
        at = np.take_along_axis(self.guess[part], self.chosen[:, None, :, None], axis=1)[:, 0]
        doses = self.plan.sweep.doses
        return self._predictions(part, at, [self.plan.arm(dose) for dose in doses], doses)

    def path(self, dose: Dose, part: str = "test") -> Predictions:
        """Return the answers along the path of penalties at one dose: an arm for each penalty, the weakest first."""
        d, penalties = self.plan.sweep.doses.index(dose), self.plan.path(dose)
        at = self.guess[part][d, ::-1]
        return self._predictions(part, at, [f"penalty={x:.3g}" for x in penalties[::-1]], penalties[::-1])

    def accuracy(self, part: str = "test") -> Floats:
        """Return the accuracy of every class for all doses and the whole path, Float[D, L, C], over all runs.

        NaN for a class without images.
        """
        split: Split = getattr(self.data, part)
        count = len(self.data.classes)
        right = (self.guess[part] == split.labels).mean(axis=2)
        sums = [np.bincount(split.labels, row, minlength=count) for row in right.reshape(-1, len(split))]
        with np.errstate(invalid="ignore"):
            return np.reshape(sums, (*right.shape[:2], count)) / np.bincount(split.labels, minlength=count)

    def _predictions(self, part: str, guess: Guesses, arms: Sequence[str], doses: Sequence[Dose]) -> Predictions:
        split: Split = getattr(self.data, part)
        runs = self.plan.runs
        return Predictions(
            guess=guess.reshape(-1, len(split)),
            label=split.labels,
            arm=tuple(arm for arm in arms for _ in range(runs)),
            seed=tuple(range(runs)) * len(arms),
            dose=tuple(None if isinstance(dose, tuple) else float(dose) for dose in doses for _ in range(runs)),
            classes=self.data.classes,
            sample=split.sample,
            on=f"{self.data.name}/{part}",
            paired=True,
        )


def exact(plan: Exact, data: Dataset | None = None) -> Solved:
    """Solve a study on a linear model, for all its doses and the whole path of penalties.

    Parameters
    ----------
    data
        By default the data set of the recipe.

    Raises
    ------
    InputError
        When the study does not fit the data, or the data has too few images.
    DataError
        When there is no such data.

    Examples
    --------
    >>> from barnspider import estimate
    >>> from barnspider.lab import Sweep
    >>> sweep = Sweep(Recipe("digits"), vary="rotation", doses=(0, 180), seeds=(0,))
    >>> solved = exact(Exact(sweep, count=400, runs=2, draws=2))
    >>> solved.images, solved.guess["test"].shape, solved.accuracy().shape
    (448, (2, 17, 2, 600), (2, 17, 10))
    >>> bool(estimate(solved.answers(), baseline=0).overall[0] < -0.05)
    True
    """
    return growth(plan, (), data)[-1]


def growth(plan: Exact, sizes: Sequence[int], data: Dataset | None = None) -> tuple[Solved, ...]:
    """Solve the same with more and more training images: a solution for each size, and the last for `plan.images`.

    A run's first images are those of its smaller sizes. Their draws are computed once for all sizes.

    Raises
    ------
    InputError, DataError
        As `exact`; or when a size is not below the number of images of a run.
    """
    from barnspider.lab.exact.drawn import Pool, shares

    base = plan.sweep.base
    data = load(base.dataset, split_seed=base.split_seed) if data is None else data
    plan.sweep.check_classes(data.classes)
    plan.sweep.check_channels(data.shape[0])
    pool = Pool.of(data, base)
    rows = shares(pool, plan.runs, plan.images, IMAGES, base.split_seed)
    ends = _ends(sizes, len(rows[0]))
    found = [_Found.empty(plan, data) for _ in ends]
    with Progress("solving", total=plan.runs * len(plan.sweep.doses)) as progress:
        progress.begin()
        for run, own in enumerate(rows):
            _run(plan, data, pool, own[: ends[-1]], run, ends, found, progress)
    return tuple(Solved(plan, end, x.features, data, x.guess) for end, x in zip(ends, found, strict=True))


def _ends(sizes: Sequence[int], images: int) -> tuple[int, ...]:
    if any(not 1 <= size < images for size in sizes):
        raise InputError(f"sizes={listing(sizes)}; expected whole numbers from 1 to below {images:,}, a run's images")
    return (*sorted(set(sizes)), images)


@dataclass(eq=False)
class _Found:
    """What was answered so far with one number of images; filled run by run."""

    guess: dict[str, Guesses]
    features: int = 0

    @classmethod
    def empty(cls, plan: Exact, data: Dataset) -> _Found:
        doses = plan.sweep.doses
        shape = len(doses), len(plan.path(doses[0])), plan.runs
        kind = smallest_int(len(data.classes))
        guess: dict[str, Guesses] = {part: np.zeros((*shape, len(getattr(data, part))), kind) for part in PARTS}
        return cls(guess)


def _run(
    plan: Exact, data: Dataset, pool: Pool, rows: NDArray[np.intp], run: int, ends: tuple[int, ...],
    found: list[_Found], progress: Progress,
) -> None:  # fmt: skip
    """Solve one run at all doses and sizes, and ask it about all images."""
    from barnspider.lab.exact.features import features

    phi = features(plan.features, plan.count, pool.some(run), run)
    asked = {part: _shown(phi, pool, getattr(data, part), plan.sweep.base) for part in PARTS}
    known: dict[Recipe, list[Moments]] = {}
    for d, dose in enumerate(plan.sweep.doses):
        recipe = plan.asked(dose)
        if recipe not in known:  # the same images at every dose of weight decay or dropout
            known = {recipe: list(_moments(phi, pool, rows, recipe, run, plan.draws, ends))}
        for moments, into in zip(known[recipe], found, strict=True):
            into.features = len(moments.x)
            _ask(solve(moments, dropout=plan.dropout(dose)), plan.path(dose), asked, into, (d, run))
        progress.show(run * len(plan.sweep.doses) + d + 1)


def _shown(phi: Features, pool: Pool, split: Split, recipe: Recipe) -> NDArray[np.float32]:
    """Return the features of a part's images, unchanged; of a mirrored recipe, also of their mirror images."""
    pieces: list[NDArray[np.float32]] = []
    for rows in np.array_split(np.arange(len(split)), -(-len(split) // pool.piece)):
        images = pool.shown(split, rows)
        own = phi(images)
        pieces.append((own + phi(images.flip(3))) * np.float32(0.5) if recipe.mirrored else own)
    return np.concatenate(pieces)


def _moments(
    phi: Features, pool: Pool, rows: NDArray[np.intp], recipe: Recipe, run: int, draws: int, ends: tuple[int, ...]
) -> Iterator[Moments]:
    """Yield the moments of the first images, for each size."""
    from barnspider.lab.exact.drawn import Drawing

    total: Moments | None = None
    for done, images, wanted in Drawing(pool, rows, recipe, run, draws).pieces(ends):
        own = Moments.of(phi(images), wanted.numpy())
        total = own if total is None else total + own
        if done in ends:
            yield total


def _ask(
    ridge: Ridge, penalties: tuple[float, ...], asked: dict[str, NDArray[np.float32]], into: _Found,
    place: tuple[int, int],
) -> None:  # fmt: skip
    """Fill in the answers for every penalty."""
    d, run = place
    for k, penalty in enumerate(penalties):
        weights, intercept = (x.astype(np.float32) for x in ridge.at(penalty))
        for part, x in asked.items():
            into.guess[part][d, k, run] = _answered(x, weights, intercept)


def _answered(x: NDArray[np.float32], weights: NDArray[np.float32], intercept: NDArray[np.float32]) -> Guesses:
    """Return the class of the highest score for each image."""
    step = max(1, _NUMBERS // len(intercept))
    starts = range(0, len(x), step)
    return np.concatenate([(x[i : i + step] @ weights + intercept).argmax(axis=1) for i in starts])
