"""Training images of a run, changed at random as in training, and what should be answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from barnspider.errors import InputError
from barnspider.lab import augment
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.data.parts import place_in_class
from barnspider.lab.material import channel_moments, levels_of
from barnspider.lab.random import shuffled, stream, uniforms
from barnspider.lab.recipe import Recipe, is_off

_NUMBERS = 1 << 22
_SOME = 2048


@dataclass(frozen=True, eq=False)
class Pool:
    """The images that a study trains on, and how their grey levels are normalized: see `Material`."""

    split: Split
    mean: Tensor
    std: Tensor
    classes: int

    @classmethod
    def of(cls, data: Dataset, recipe: Recipe) -> Pool:
        """Lay out the images that a recipe trains on."""
        split = balanced(data.train, recipe.train_images, recipe.split_seed)
        mean, std = (torch.from_numpy(moment)[:, None, None] for moment in channel_moments(split))
        return cls(split, mean, std, len(data.classes))

    @property
    def piece(self) -> int:
        """How many images are changed in one go; mixing takes neighbours from among them."""
        return int(np.clip(_NUMBERS // max(self.split.pixels[0].size, self.classes), 32, 1024))

    def normalize(self, levels: Tensor) -> Tensor:
        """Return grey levels with the training images' mean 0 and variance 1 in each channel."""
        return (levels - self.mean) / self.std

    def some(self, seed: int) -> Tensor:
        """Return normalized images from all over the set."""
        rows = shuffled(len(self.split), seed, "exact some")[:_SOME]
        return self.shown(self.split, np.sort(rows))

    def shown(self, split: Split, rows: NDArray[np.integer]) -> Tensor:
        """Return these images of any split as they are, normalized."""
        return self.normalize(levels_of(torch.from_numpy(split.read(rows))))

    def shares(self, runs: int, seed: int) -> list[NDArray[np.intp]]:
        """Deal the images out to runs: the rows of each. All classes come alike, also among the first few of a run."""
        place, _ = place_in_class(self.split.labels, seed, "exact")
        dealt = (place + self.split.labels) % runs
        order = np.lexsort((shuffled(len(place), seed, "exact order"), place // runs))
        return [order[dealt[order] == run] for run in range(runs)]


def shares(pool: Pool, runs: int, images: int, total: int, seed: int) -> list[NDArray[np.intp]]:
    """Return the rows of each run: `images` of them, or an equal share of `total` or of all there are.

    Raises
    ------
    InputError
        When there are not so many.
    """
    dealt = pool.shares(runs, seed)
    most = min(map(len, dealt))
    if max(images, 1) > most:
        raise InputError(
            f"images={images} for each of {runs} runs; expected at most {most:,}: there are {len(pool.split):,}"
            " training images, and no two runs share any; take fewer runs or images"
        )
    return [rows[: images or min(most, max(1, total // runs))] for rows in dealt]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A run's training images, each changed several times as a recipe says."""

    pool: Pool
    rows: NDArray[np.intp]
    recipe: Recipe
    run: int
    draws: int

    def pieces(self, ends: tuple[int, ...]) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield (images done, images, targets), all draws of a piece together; no piece goes over an end."""
        numbers = [self._numbers(draw) for draw in range(self.draws)]
        stops = sorted({*range(self.pool.piece, ends[-1], self.pool.piece), *ends})
        for start, stop in zip([0, *stops], stops, strict=False):
            drawn = [self._drawn(start, stop, draw, numbers[draw]) for draw in range(self.draws)]
            yield stop, torch.cat([images for images, _ in drawn]), torch.cat([wanted for _, wanted in drawn])

    def _numbers(self, draw: int) -> dict[str, NDArray[np.float32]]:
        """Return a draw's uniform numbers for every knob that is on: the same at every dose."""
        return {
            knob: uniforms(self.run, f"exact {knob}", draw, len(self.rows), count)
            for knob, count in augment.DRAWS.items()
            if not is_off(getattr(self.recipe, knob))
        }

    def _drawn(
        self, start: int, stop: int, draw: int, numbers: dict[str, NDArray[np.float32]]
    ) -> tuple[Tensor, Tensor]:
        # Neighbours, which mixing mixes, are others in every draw.
        order = start + stream(self.run, "exact neighbours", draw, start).permutation(stop - start)
        rows, split, classes = self.rows[order], self.pool.split, self.pool.classes
        levels, labels = levels_of(torch.from_numpy(split.read(rows))), torch.from_numpy(split.labels[rows])
        own = {knob: torch.from_numpy(each[order]) for knob, each in numbers.items()}
        images = augment.shown(levels, labels, self.recipe, own, classes, self.pool.normalize)
        images, wanted = augment.mixed(images, labels, self.recipe, own, classes)
        return images, functional.one_hot(wanted, classes).float() if wanted.ndim == 1 else wanted
