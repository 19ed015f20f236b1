"""Images -> features that are fixed before any label is seen. Each is one function of a batch, and a scale.

`fourier` makes ridge regression an approximation of kernel ridge regression with a Gaussian kernel; `patches` is one
layer of random convolutions, which knows that neighbouring pixels belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from barnspider.errors import InputError
from barnspider.lab.exact.plan import MOST
from barnspider.lab.random import stream

PAIRS = 512
"""Images whose distances from one another say what is near."""

PATCH = 6
"""Side of a patch, pixels; of a small image, a quarter of its side."""

FEW = 64
"""Images whose features are computed in one go: what lies between then fits into a processor's cache."""

RIDGE = 0.1
"""What is added to the variance of a patch's directions before they are made equal (Coates & Ng 2012)."""

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Features:
    """One fixed function of normalized images, Float[n, C, H, W] -> Float[n, p], of mean variance 1."""

    act: Map
    scale: float

    def __call__(self, images: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            return (torch.cat([self.act(some) for some in images.split(FEW)]) * self.scale).numpy()


def features(name: str, count: int, images: Tensor, seed: int) -> Features:
    """Make features of images like these.

    Parameters
    ----------
    name
        "pixels" are the images themselves. "fourier": cos(w x + b), w normal, b uniform (Rahimi & Recht, "Random
        features for large-scale kernel machines", NIPS 2007); their products have the mean exp(-d^2 / (2 s^2)), with d
        the distance of two images and s the median of it. "patches": whitened patches of these images as filters, what
        exceeds one standard deviation on either side, its mean in each quarter of the image (Coates & Ng, "Learning
        feature representations with k-means", 2012, with patches drawn at random). Patches have 6 x 6 pixels, at every
        other place; of images below 24 pixels, a quarter of the side, at least 3, at every place.
    images
        Float[n, C, H, W], normalized training images: they say what is usual, their labels are not known here.

    Raises
    ------
    InputError
        When there are too many pixels.

    Examples
    --------
    >>> some = torch.from_numpy(stream(0, "example").standard_normal((50, 1, 8, 8), np.float32))
    >>> [features(name, 80, some, seed=0)(some).shape for name in ("pixels", "fourier", "patches")]
    [(50, 64), (50, 80), (50, 80)]
    """
    make: dict[str, Callable[[int, Tensor, np.random.Generator], Map]] = {
        "pixels": _pixels, "fourier": _fourier, "patches": _patches,
    }  # fmt: skip
    act = make[name](count, images, stream(seed, f"exact {name}"))
    with torch.inference_mode():
        variance = float(Features(act, 1.0)(images).astype(np.float64).var(axis=0).mean())
    return Features(act, variance**-0.5 if variance > 0 else 1.0)


def _pixels(count: int, images: Tensor, rng: np.random.Generator) -> Map:
    pixels = images[0].numel()
    if pixels > MOST:
        raise InputError(
            f"features='pixels' would be {pixels:,} of them; expected at most {MOST:,}: take other features, or decode"
            " smaller images (?size=32 behind the data's path)"
        )
    return lambda batch: batch.flatten(1)


def _fourier(count: int, images: Tensor, rng: np.random.Generator) -> Map:
    some = images[:PAIRS].flatten(1)
    near = float(torch.pdist(some).median()) if len(some) > 1 else 1.0
    weights = _normal(rng, some.shape[1], count) / (near or 1.0)
    turns = torch.from_numpy(2 * np.pi * rng.random(count, np.float32))
    return lambda batch: torch.addmm(turns, batch.flatten(1), weights).cos_() * 2**0.5


def _patches(count: int, images: Tensor, rng: np.random.Generator) -> Map:
    channels, height, width = images.shape[1:]
    side = max(1, min(PATCH, max(3, min(height, width) // 4), height, width))
    filters = count // 8
    cut = _cut(images, side, max(2048, 20 * filters), rng)
    mean, whiten = _whitening(cut)
    # Half of all patches show more than the others: filters come from those.
    telling = cut[cut.std(1).argsort(descending=True)[: len(cut) // 2]]
    chosen = telling[torch.from_numpy(rng.choice(len(telling), filters, replace=len(telling) < filters))]
    white = (chosen - mean) @ whiten
    weights = functional.normalize(white, dim=1) @ whiten
    answers = (cut - mean) @ weights.T
    weights = weights / answers.std(0).clamp(min=1e-6)[:, None]
    bias, kernel = -(weights @ mean), weights.view(filters, channels, side, side)
    stride = 2 if side == PATCH else 1
    return lambda batch: _pooled(functional.conv2d(batch.contiguous(), kernel, bias, stride))


def _pooled(answers: Tensor) -> Tensor:
    """Return how far answers exceed 1 on either side, on average in each quarter of the image: Float[n, 8 filters]."""
    sides = (functional.relu(answers - 1), functional.relu_(answers.neg_().sub_(1)))
    return torch.cat([functional.adaptive_avg_pool2d(x, 2).flatten(1) for x in sides], dim=1)


def _cut(images: Tensor, side: int, count: int, rng: np.random.Generator) -> Tensor:
    """Return patches from all over the images, Float[count, C * side * side]."""
    n, _, height, width = images.shape
    places = [rng.integers(0, limit, count) for limit in (n, height - side + 1, width - side + 1)]
    return torch.stack([images[i, :, y : y + side, x : x + side].reshape(-1) for i, y, x in zip(*places, strict=True)])


def _whitening(cut: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of patches, and the symmetric matrix that makes their directions about equal (ZCA)."""
    mean = cut.mean(0)
    around = cut - mean
    values, vectors = torch.linalg.eigh(around.T @ around / len(cut))
    return mean, vectors @ torch.diag((values.clamp(min=0) + RIDGE).rsqrt()) @ vectors.T


def _normal(rng: np.random.Generator, *shape: Any) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, np.float32))
