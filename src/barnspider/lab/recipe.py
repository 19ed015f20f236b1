"""A Recipe says everything about a training but its seed. Its knobs are the fields that regularize.

A knob is one field here and one pure function on a batch (`augment.py`) or one line of the optimizer (`train.py`);
nothing else knows that it exists. Dose 0 is off, more is never less.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import Any

from barnspider.errors import InputError, listing, pick

Dose = float | tuple[float, ...]
"""How strongly a knob is turned: one number, or one number per class."""

TRAINING_VERSION = 1
"""Raised when the same recipe and seed would give other answers than before: part of every run's key."""


@dataclass(frozen=True)
class Knob:
    """What a recipe says of one knob: its strongest dose, what the number means, whether classes may differ."""

    name: str
    strongest: float
    unit: str
    per_class: bool


def _knob(strongest: float, unit: str, *, per_class: bool = True) -> Any:
    return field(default=0.0, metadata={"strongest": strongest, "unit": unit, "per_class": per_class})


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training, except the seed.

    Attributes
    ----------
    dataset
        "digits", "fashion-mnist", or the path of an .npz file or of a folder of images by class.
    network
        A name from `nets.py`: "mlp" or "resnet".
    width
        Channels (hidden units) of the network's first stage.
    epochs, batch, lr, momentum
        SGD with Nesterov momentum and a one-cycle schedule whose peak is `lr`, for a batch of `batch` images.
    train_images
        Use only so many training images, the same for every run, balanced over classes as far as possible; 0 uses all.
    split_seed
        Seed of the split into train and validation (and test, where the data has none): its own, never a run's.
    crop : dose 0 to 0.99
        Random resized crop; 1 minus the lower bound of the area kept. Dose 0.92 is torchvision's
        `RandomResizedCrop(scale=(0.08, 1))`.
    rotation : dose 0 to 180
        Rotation by an angle drawn uniformly from -dose to +dose degrees.
    flip : dose 0 to 0.5
        Probability of a horizontal mirror image.
    cutout : dose 0 to 1
        Side of a square set to the mean colour, as a share of the image's side (DeVries & Taylor 2017).
    weight_decay : dose 0 to 1
        Coefficient of the L2 penalty on weights (not on biases or normalization), as in `torch.optim.SGD`.

    Raises
    ------
    InputError
        When a field is outside its range.

    Examples
    --------
    >>> Recipe(dataset="digits").with_("rotation", 30).rotation
    30.0
    """

    dataset: str
    network: str = "mlp"
    width: int = 64
    epochs: int = 20
    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    train_images: int = 0
    split_seed: int = 0
    crop: Dose = _knob(0.99, "1 - smallest share of the area kept")
    rotation: Dose = _knob(180.0, "largest angle, degrees")
    flip: Dose = _knob(0.5, "probability")
    cutout: Dose = _knob(1.0, "side of the square / side of the image")
    weight_decay: Dose = _knob(1.0, "coefficient", per_class=False)

    def __post_init__(self) -> None:
        for name in ("dataset", "network"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InputError(f"{name}={getattr(self, name)!r}; expected a name or a path")
        for name, low in (("width", 1), ("epochs", 1), ("batch", 1), ("train_images", 0), ("split_seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InputError(f"{name}={value!r}; expected a whole number of at least {low}")
        for name, high in (("lr", math.inf), ("momentum", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < high:
                raise InputError(f"{name}={value!r}; expected a number from 0, below {high}")
        for knob in KNOBS.values():
            object.__setattr__(self, knob.name, _checked(knob, getattr(self, knob.name)))

    def with_(self, vary: str, dose: Dose) -> Recipe:
        """Return the recipe with one knob set to another dose."""
        return replace(self, **{pick("vary", vary, KNOBS): dose})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that say something: knobs that are off are left out, so a new knob changes no old key."""
        return {name: value for name, value in asdict(self).items() if not (name in KNOBS and is_off(value))}


def is_off(dose: Dose) -> bool:
    """Return whether a dose is 0, for every class."""
    return not any(dose) if isinstance(dose, tuple) else dose == 0


def _checked(knob: Knob, dose: Any) -> Dose:
    """Return the dose as float or tuple of floats, or say what is wrong with it."""
    expected = f"expected 0 (off) to {knob.strongest:g} ({knob.unit})"
    if isinstance(dose, list | tuple):
        if not knob.per_class:
            raise InputError(f"{knob.name}={listing(dose)} has one dose per class; {knob.name} takes one number")
        if not dose:
            raise InputError(f"{knob.name}=() is empty; {expected}, one number or one per class")
        return tuple(_in_range(knob, d, expected) for d in dose)
    return _in_range(knob, dose, expected)


def _in_range(knob: Knob, dose: Any, expected: str) -> float:
    if isinstance(dose, bool) or not isinstance(dose, int | float) or not 0 <= dose <= knob.strongest:
        raise InputError(f"{knob.name}={dose!r} is out of range; {expected}")
    return float(dose)


def _knob_of(recipe_field: Field[Any]) -> Knob:
    about = recipe_field.metadata
    return Knob(recipe_field.name, about["strongest"], about["unit"], about["per_class"])


KNOBS: dict[str, Knob] = {f.name: _knob_of(f) for f in fields(Recipe) if f.metadata and f.default is not MISSING}
"""Every knob of a Recipe, by name."""
