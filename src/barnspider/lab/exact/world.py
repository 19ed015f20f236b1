"""Images whose truth is known: what a linear model of pixels answers with infinitely many is computed, not drawn.

An image is its class's picture with Gaussian noise on every pixel. So the moments of all images, changed by mirroring
at any probability, are sums over pictures; and a class is answered rightly where a few normal numbers are positive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from barnspider.errors import InputError
from barnspider.lab.data.parts import Dataset, Split, dataset, ids
from barnspider.lab.exact.ridge import Floats, Moments, solve
from barnspider.lab.recipe import Dose, Recipe
from barnspider.lab.sweep import Sweep

_ARROWS = {
    "up": ("...##...", "..####..", ".######.", "...##...", "...##...", "...##...", "........", "........"),
    "down": ("........", "........", "...##...", "...##...", "...##...", ".######.", "..####..", "...##..."),
    "both": ("...##...", "..####..", ".######.", "...##...", "...##...", ".######.", "..####..", "...##..."),
    "rail": ("........", "........", "########", "#......#", "#......#", "########", "........", "........"),
}


@dataclass(frozen=True, eq=False)
class World:
    """Classes of grey images: a picture each, and the noise that is added to it.

    Attributes
    ----------
    classes : names
    pictures : Float[C, H, W]
        Grey levels, far enough from black and white that noise reaches neither.
    noise : standard deviation, grey levels
    """

    classes: tuple[str, ...]
    pictures: Floats
    noise: float

    def data(self, images: int, *, test: int = 2000, seed: int = 0) -> Dataset:
        """Draw a data set: so many training images of each class; as many validation as `test` images of each.

        Examples
        --------
        >>> arrows().data(5, test=3).train.pixels.shape
        (20, 8, 8, 1)
        """
        rng = np.random.default_rng(seed)
        train, validation = self._drawn("train", images, rng), self._drawn("validation", test, rng)
        return dataset("arrows", self.classes, train, validation, self._drawn("test", test, rng))

    def _drawn(self, name: str, count: int, rng: np.random.Generator) -> Split:
        labels = np.tile(np.arange(len(self.classes)), count)
        levels = self.pictures[labels] + self.noise * rng.standard_normal((len(labels), *self.pictures.shape[1:]))
        pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)[..., None]
        return Split(pixels, labels, ids(name, len(labels)))

    def population(self, recipe: Recipe, penalty: float) -> Floats:
        """Return each class's accuracy with infinitely many training images and draws, Float[C], on pixels.

        Exact but for the numbers of SciPy's normal distribution (about 1e-5).

        Parameters
        ----------
        recipe
            Of its knobs, flip and vertical_flip act; any other that is on is refused.

        Raises
        ------
        InputError
            When another knob is on, or mirroring makes two classes one.

        Examples
        --------
        >>> world = arrows()
        >>> off, on = (world.population(Recipe("arrows", vertical_flip=p), penalty=0.1) for p in (0.0, 0.4))
        >>> dict(zip(world.classes, (100 * (on - off)).round(1).tolist()))
        {'up': -22.1, 'down': -22.1, 'both': 13.6, 'rail': 5.5}
        """
        from scipy.stats import multivariate_normal

        weights, intercept, seen, noise = self._solved(recipe, penalty)
        right: list[float] = []
        for c in range(len(self.classes)):
            others = [j for j in range(len(self.classes)) if j != c]
            ahead = weights[:, [c]] - weights[:, others]
            if alike := [self.classes[j] for j, x in zip(others, np.abs(ahead).max(axis=0), strict=True) if x < 1e-9]:
                raise InputError(f"{self.classes[c]!r} and {alike[0]!r} are one to this recipe: who wins is a toss")
            mean = seen[c] @ ahead + intercept[c] - intercept[others]
            spread: Any = noise**2 * ahead.T @ ahead  # SciPy's stubs want a number
            right.append(float(multivariate_normal(cov=spread).cdf(mean)))
        return np.array(right)

    def _solved(self, recipe: Recipe, penalty: float) -> tuple[Floats, Floats, Floats, float]:
        """Return weights, intercept, the pictures as the model sees them, Float[C, p], and the noise on a pixel."""
        count = len(self.classes)
        noise = float(np.sqrt(self.noise**2 + 1 / 12))  # rounding to whole levels adds a little
        # Each pixel's variance over images, on average, is what features are scaled by: see `features`.
        scale = float(np.sqrt(self.pictures.var(axis=0).mean() + noise**2))
        seen = (self.pictures - self.pictures.mean()) / scale
        first = [_moments(moved.reshape(count, -1), chance / count) for chance, moved in _moves(seen, recipe)]
        total = sum(first[1:], first[0])
        of_noise = (noise / scale) ** 2 * np.eye(len(total.x))
        ridge = solve(replace(total, count=1, xx=total.xx + of_noise))
        return *ridge.at(penalty), seen.reshape(count, -1), noise / scale


def _moments(pictures: Floats, chance: Floats) -> Moments:
    """Return the moments of pictures, one of each class, that come with these chances; they count as no row."""
    x = chance[:, None] * pictures
    return Moments(0, x.sum(axis=0), chance, pictures.T @ x, x.T)


def _moves(pictures: Floats, recipe: Recipe) -> list[tuple[Floats, Floats]]:
    """Return how likely each mirroring is, Float[C], and the pictures that it makes."""
    on = set(recipe.as_dict()) & {"flip", "vertical_flip"}
    if other := sorted(set(recipe.as_dict()) - set(Recipe(recipe.dataset).as_dict()) - on):
        raise InputError(f"{other[0]} is on; expected flip and vertical_flip alone, for which the truth is known")
    across, over = (_each(dose, len(pictures)) for dose in (recipe.flip, recipe.vertical_flip))
    return [
        ((across if a else 1 - across) * (over if o else 1 - over), _mirrored(pictures, a, o))
        for a in (False, True)
        for o in (False, True)
    ]


def _mirrored(pictures: Floats, across: bool, over: bool) -> Floats:
    return pictures[:, :: -1 if over else 1, :: -1 if across else 1]


def _each(dose: Dose, count: int) -> Floats:
    return np.broadcast_to(np.asarray(dose, dtype=np.float64), (count,))


def arrows(contrast: float = 12.0, noise: float = 20.0) -> World:
    """Return four classes of 8 x 8 pixels: an arrow up, one down, one with two heads, and a rail.

    Upside down, "up" is "down": a vertical flip does not preserve their labels. Mirrored left-right, each is itself: a
    flip preserves every label.

    Examples
    --------
    >>> world = arrows()
    >>> bool((world.pictures[0] == world.pictures[1][::-1]).all())
    True
    >>> bool((world.pictures == world.pictures[:, :, ::-1]).all())
    True
    """
    marks = np.array([[[float(c == "#") for c in line] for line in lines] for lines in _ARROWS.values()])
    return World(tuple(_ARROWS), 128 + contrast * (marks - 0.5), noise)


def study(vary: str, doses: tuple[Dose, ...]) -> Sweep:
    """Return a study of this world, whose data are passed to `exact` by hand."""
    return Sweep(Recipe("arrows"), vary, doses, (0,))
