"""Whole-batch augmentations: each is one pure function (images, dose, draws) -> images.

    images : Float[N, C, H, W]     any floating type; shape and type are kept
    dose   : Float[N]              one for each image, looked up by its class; 0 leaves the image bit-identical
    draws  : Float[N, k]           uniform numbers from 0 to 1, those of the image: a dose changes what is done with
                                   them, never how many are used, so images of two doses of one seed stay comparable

`STEPS` lists them in the order in which they are applied. Those of `LEVELS` work on grey levels from 0 to 255 (0 is
black, which fills what a rotation uncovers); those of `ERASING` on normalized images, in which 0 is the training set's
mean colour. Last come those of `MIXING`, which change the label too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from barnspider.errors import InputError
from barnspider.lab.augment import (
    colour,
    composed,
    erasing,
    geometry,
    mixing,
    rectangles,
    targets,
    texture,
    view,
    visible,
)
from barnspider.lab.recipe import Dose, Recipe, is_off


@dataclass(frozen=True)
class Step:
    """One augmentation: its knob, its function, how many uniform numbers an image needs."""

    knob: str
    act: Callable[[Tensor, Tensor, Tensor], Tensor]
    draws: int


@dataclass(frozen=True)
class Mixing:
    """One augmentation of images and labels: its function also returns the share of each neighbour."""

    knob: str
    act: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    draws: int


LEVELS = (
    Step("crop", geometry.crop, draws=rectangles.DRAWS),
    Step("fixed_crop", geometry.fixed_crop, draws=2),
    Step("translation", geometry.translate, draws=2),
    Step("rotation", geometry.rotate, draws=1),
    Step("flip", geometry.flip, draws=1),
    Step("vertical_flip", geometry.vertical_flip, draws=1),
    Step("randaugment", composed.randaugment, draws=4),
    Step("jitter", colour.jitter, draws=4),
    Step("brightness", colour.brightness, draws=1),
    Step("contrast", colour.contrast, draws=1),
    Step("saturation", colour.saturation, draws=1),
    Step("hue", colour.hue, draws=1),
    Step("greyscale", colour.greyscale, draws=1),
    Step("blur", texture.blur, draws=1),
    Step("noise", texture.noise, draws=2),
)
"""Steps on grey levels, in order."""

ERASING = (Step("cutout", erasing.cutout, draws=2), Step("erasing", erasing.erase, draws=rectangles.DRAWS))
"""Steps on normalized images, in order, after those."""

STEPS = (*LEVELS, *ERASING)
"""Every augmentation of images alone, in the order in which they are applied."""

MIXING = (Mixing("mixup", mixing.mixup, draws=1), Mixing("cutmix", mixing.cutmix, draws=3))
"""Augmentations of images and labels, in order, after all others."""


DRAWS = {step.knob: step.draws for step in (*STEPS, *MIXING)}
"""How many uniform numbers each augmentation needs for an image."""


def doses(name: str, dose: Dose, labels: Tensor, n_classes: int) -> Tensor:
    """Return Float32[N]: each image's dose, looked up by its label.

    Raises
    ------
    InputError
        When there is neither one dose nor one for each class.

    Examples
    --------
    >>> doses("flip", (0.0, 0.5), torch.tensor([1, 0, 1]), n_classes=2).tolist()
    [0.5, 0.0, 0.5]
    """
    each = dose if isinstance(dose, tuple) else (dose,) * n_classes
    if len(each) != n_classes:
        raise InputError(f"{name} has {len(each)} doses; expected one number, or one for each of {n_classes} classes")
    return torch.tensor(each, dtype=torch.float32, device=labels.device)[labels]


def apply(
    steps: Sequence[Step], images: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int
) -> Tensor:
    """Apply those steps whose knob is on, in order, each image at the dose of its class."""
    for step in steps:
        dose = getattr(recipe, step.knob)
        if not is_off(dose):
            images = step.act(images, doses(step.knob, dose, labels, n_classes), draws[step.knob])
    return images


def shown(
    levels: Tensor,
    labels: Tensor,
    recipe: Recipe,
    draws: Mapping[str, Tensor],
    n_classes: int,
    normalize: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return what the network would see of images of grey levels, but for mixing: changed and normalized."""
    steps = LEVELS
    if recipe.view:
        levels = _viewed(levels, labels, recipe, draws, n_classes)
        steps = tuple(step for step in LEVELS if step.knob != "crop")
    images = normalize(apply(steps, levels, labels, recipe, draws, n_classes))
    return apply(ERASING, images, labels, recipe, draws, n_classes)


def _viewed(levels: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int) -> Tensor:
    """Return what `crop` keeps of each image, all of it at dose 0, at the size that the recipe shows: in one step."""
    height, width = levels.shape[-2:]
    if is_off(recipe.crop):
        boxes = view.whole(height, width, len(levels), device=levels.device)
    else:
        dose = doses("crop", recipe.crop, labels, n_classes)
        boxes = rectangles.crop_boxes(height, width, dose, draws["crop"])
    return view.brought(levels, boxes, recipe.view)


def mixed(
    images: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int
) -> tuple[Tensor, Tensor]:
    """Return a batch's images and targets: smoothed and faded, then mixed; the labels while all of that is off.

    Examples
    --------
    >>> recipe = Recipe("digits", label_smoothing=0.5)
    >>> mixed(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), recipe, {}, n_classes=2)[1].tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    on = [step for step in MIXING if not is_off(getattr(recipe, step.knob))]
    if not on and is_off(recipe.label_smoothing) and is_off(recipe.fade):
        return images, labels
    wanted = functional.one_hot(labels, n_classes).float()
    wanted = targets.smooth(wanted, doses("label_smoothing", recipe.label_smoothing, labels, n_classes))
    if not is_off(recipe.fade):
        left = _visible(images, labels, recipe, draws, n_classes)
        wanted = targets.fade(wanted, doses("fade", recipe.fade, labels, n_classes), left)
    for step in on:
        dose = mixing.pair_doses(doses(step.knob, getattr(recipe, step.knob), labels, n_classes))
        images, share = step.act(images, dose, draws[step.knob])
        wanted = targets.mix(wanted, share)
    return images, wanted


def classes_of(images: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int) -> Tensor:
    """Return which classes a batch's images show: labels, Int64[N]; of mixed images shares, Float[N, classes].

    Examples
    --------
    >>> pair, draws = torch.zeros(2, 1, 1, 1), {"mixup": torch.tensor([[0.5], [0.0]])}
    >>> classes_of(pair, torch.tensor([0, 1]), Recipe("digits", mixup=0.5, label_smoothing=0.1), draws, 2).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    plain = replace(recipe, label_smoothing=0.0, fade=0.0)
    return mixed(images[:, :1], labels, plain, draws, n_classes)[1]


def _visible(images: Tensor, labels: Tensor, recipe: Recipe, draws: Mapping[str, Tensor], n_classes: int) -> Tensor:
    """Return Float[N]: the share of each image's area that crops and shifts have left."""
    height, width = images.shape[-2:]
    share = torch.ones(len(labels), device=labels.device)
    for knob, kept in visible.KEPT.items():
        dose = getattr(recipe, knob)
        if not is_off(dose):
            share = share * kept(height, width, doses(knob, dose, labels, n_classes), draws[knob])
    return share
