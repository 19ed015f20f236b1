"""A Recipe says everything about a training but its seed. Its knobs are the fields that regularize.

A knob is one field here and one pure function on a batch (`augment`), inside the network (`drops.py`) or one line of
the optimizer (`train.py`); nothing else knows that it exists. Dose 0 is off, more is never less. `docs/knobs.md` has
them all in one table.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from typing import Any

from barnspider.dose_axis import Usual
from barnspider.errors import InputError, listing, pick

Dose = float | tuple[float, ...]
"""How strongly a knob is turned: one number, or one number per class."""

TRAINING_VERSION = 1
"""Raised when the same recipe and seed would give other answers than before: part of every run's key."""


@dataclass(frozen=True)
class Knob:
    """What a recipe says of one knob.

    Attributes
    ----------
    strongest : the largest dose
    unit : what the number means
    per_class : whether classes may have different doses
    needs_colour : whether it does nothing to grey images
    usual : the field's usual parameter, where it is another number than the dose; axes show it below the dose
    """

    name: str
    strongest: float
    unit: str
    per_class: bool
    needs_colour: bool
    usual: Usual | None


def _knob(strongest: float, unit: str, *, per_class: bool = True, needs_colour: bool = False, usual: str = "") -> Any:
    about = {
        "strongest": strongest, "unit": unit, "per_class": per_class, "needs_colour": needs_colour,
        "usual": Usual.parse(usual) if usual else None,
    }  # fmt: skip
    return field(default=0.0, metadata=about)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training, except the seed.

    Attributes
    ----------
    dataset
        "digits", "fashion-mnist", or the path of an .npz file or of a folder of images by class.
    network
        "mlp", "resnet", "wide-resnet" or "resnet8"; "torchvision/resnet18" or "timm/resnet18", any of theirs; or a
        function of yours, "my.module:factory". `docs/networks.md` says what each takes.
    stem
        "" leaves the network's first layers alone; "small" makes those of a torchvision or timm network small, for
        images under about 64 pixels: a 3x3 convolution with stride 1, no max-pooling; "whitening" gives "resnet" and
        "wide-resnet" first filters that follow from the training images, and freezes them.
    width
        Channels (hidden units) of the network's first stage; torchvision and timm name theirs themselves.
    epochs, batch, lr, momentum
        SGD with Nesterov momentum; `lr` is the peak of its schedule, for a batch of `batch` images.
    schedule, warm_up
        The learning rate rises in a line in the first `warm_up` of the steps, and then falls to 0: in a line
        ("one-cycle") or as half a wave ("cosine").
    train_images
        Use only so many training images, the same for every run, balanced over classes as far as possible; 0 uses all.
    split_seed
        Seed of the split into train and validation (and test, where the data has none): its own, never a run's.
    mirrored
        Answer each image and its mirror image, and average the logits.
    view
        Pixels of a side of what the network is shown; 0 shows images as they are. In training, what `crop` keeps (all,
        while it is off) is brought to this size; in answering, the central square.
    centre
        Share of an image's side that is shown in answering; 1 shows all. `view = 224`, `centre = 0.875` and images of
        256 pixels are what is usual for ImageNet.
    precision
        "float32", or "bfloat16" for the arithmetic inside the network, where the machine has instructions for it.
    class_weights
        "" counts every image alike in the loss. "clam" and "group-dro" give classes that do badly more weight while the
        network is trained: `docs/methods.md`.
    deterministic
        False takes whatever kernels are fastest: then the same run does not give the same bits again.
    crop : dose 0 to 0.99
        Random resized crop; 1 minus the lower bound of the area kept. Dose 0.92 is torchvision's
        `RandomResizedCrop(scale=(0.08, 1))`.
    fixed_crop : dose 0 to 0.99
        Crop of a fixed size; share of the area removed from every image (alpha of Angelakis & Rass 2024).
    translation : dose 0 to 1
        Largest shift, down or right, as a share of the side: torchvision's `RandomAffine(0, translate=(dose, dose))`.
    rotation : dose 0 to 180
        Rotation by an angle drawn uniformly from -dose to +dose degrees.
    flip, vertical_flip : dose 0 to 0.5
        Probability of a mirror image, left-right or upside down.
    randaugment : dose 0 to 1
        Two of ten operations at this share of their largest magnitudes: torchvision's magnitude / 30, made monotone.
    jitter : dose 0 to 1
        Brightness, contrast, saturation and hue at once: SimCLR's `ColorJitter(0.8 s, 0.8 s, 0.8 s, 0.2 s)`.
    brightness, contrast, saturation : dose 0 to 1; hue : dose 0 to 0.5
        The four of torchvision's `ColorJitter`, each alone. Saturation and hue need colour images.
    greyscale : dose 0 to 1
        Probability that the colours are taken away. Needs colour images.
    blur : dose 0 to 10
        Gaussian blur; largest standard deviation in pixels.
    noise : dose 0 to 1
        Gaussian noise; standard deviation as a share of full white.
    cutout : dose 0 to 1
        Side of a square set to the mean colour, as a share of the image's side (DeVries & Taylor 2017).
    erasing : dose 0 to 0.8
        Largest area of a rectangle set to the mean colour: torchvision's `RandomErasing(p=1, scale=(0, dose))`.
    mixup : dose 0 to 0.5
        Largest share of another image and of its label that is mixed in; 0.5 is mixup with alpha = 1.
    cutmix : dose 0 to 1
        Largest area of a rectangle of another image that is pasted, with its label; 1 is CutMix with alpha = 1.
    label_smoothing : dose 0 to 1
        Share of the target that is given to all classes alike.
    fade : dose 0 to 1
        The same, growing with what `crop`, `fixed_crop` and `translation` have cut away of the image: the share given
        away is dose * (share of the area that is lost)**2 (soft augmentation, Liu et al. 2023).
    dropout : dose 0 to 0.95
        Probability that a hidden unit before the last layer (in "mlp", any hidden unit) is left out of a step.
    stochastic_depth : dose 0 to 0.95
        Probability that the last residual branch is left out for an image; earlier branches in proportion.
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
    stem: str = ""
    mirrored: bool = False
    view: int = 0
    centre: float = 1.0
    schedule: str = "one-cycle"
    warm_up: float = 0.2
    precision: str = "float32"
    deterministic: bool = True
    class_weights: str = ""
    crop: Dose = _knob(
        0.99,
        "1 - smallest share of the area kept",
        usual="smallest share of the area kept (torchvision's scale) = 1 - dose",
    )
    fixed_crop: Dose = _knob(
        0.99, "share of the area removed", usual="share of the area kept (torchvision's scale) = 1 - dose"
    )
    translation: Dose = _knob(1.0, "largest shift / side")
    rotation: Dose = _knob(180.0, "largest angle, degrees")
    flip: Dose = _knob(0.5, "probability")
    vertical_flip: Dose = _knob(0.5, "probability")
    randaugment: Dose = _knob(
        1.0, "share of the largest magnitudes", usual="magnitude (torchvision, of 30) = 30 * dose"
    )
    jitter: Dose = _knob(
        1.0, "SimCLR's strength", usual="brightness, contrast and saturation of ColorJitter = 0.8 * dose"
    )
    brightness: Dose = _knob(1.0, "largest distance of the factor from 1")
    contrast: Dose = _knob(1.0, "largest distance of the factor from 1")
    saturation: Dose = _knob(1.0, "largest distance of the factor from 1", needs_colour=True)
    hue: Dose = _knob(0.5, "largest turn / full circle", needs_colour=True)
    greyscale: Dose = _knob(1.0, "probability", needs_colour=True)
    blur: Dose = _knob(10.0, "largest standard deviation, pixels")
    noise: Dose = _knob(1.0, "standard deviation / full white")
    cutout: Dose = _knob(1.0, "side of the square / side of the image")
    erasing: Dose = _knob(0.8, "largest share of the area erased")
    mixup: Dose = _knob(0.5, "largest share of the other image")
    cutmix: Dose = _knob(1.0, "largest share of the area pasted")
    label_smoothing: Dose = _knob(1.0, "share of the target given to all classes")
    fade: Dose = _knob(1.0, "share of the target given to all classes when nothing of the image is left")
    dropout: Dose = _knob(0.95, "probability", per_class=False)
    stochastic_depth: Dose = _knob(0.95, "probability for the last branch", per_class=False)
    weight_decay: Dose = _knob(1.0, "coefficient", per_class=False)

    def __post_init__(self) -> None:
        for name in ("dataset", "network"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InputError(f"{name}={getattr(self, name)!r}; expected a name or a path")
        for name, low in (
            ("width", 1),
            ("epochs", 1),
            ("batch", 1),
            ("train_images", 0),
            ("split_seed", 0),
            ("view", 0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InputError(f"{name}={value!r}; expected a whole number of at least {low}")
        for name, high in (("lr", math.inf), ("momentum", 1.0), ("warm_up", 1.0)):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value < high:
                raise InputError(f"{name}={value!r}; expected a number from 0, below {high}")
        if not _is_number(self.centre) or not 0 < self.centre <= 1:
            raise InputError(f"centre={self.centre!r}; expected a share of the side, above 0, at most 1")
        for name in ("mirrored", "deterministic"):
            if type(getattr(self, name)) is not bool:
                raise InputError(f"{name}={getattr(self, name)!r}; expected true or false")
        for name, choices in _CHOICES.items():
            pick(name, getattr(self, name), choices)
        for knob in KNOBS.values():
            object.__setattr__(self, knob.name, _checked(knob, getattr(self, knob.name)))
        self._check_network()

    @property
    def is_foreign(self) -> bool:
        """Whether the network is torchvision's, timm's or the user's own."""
        return "/" in self.network or ":" in self.network

    @property
    def fades_in_vain(self) -> bool:
        """Whether targets would fade with what is cut away, and nothing is."""
        return not is_off(self.fade) and all(is_off(getattr(self, knob)) for knob in _CUTTING)

    def _check_network(self) -> None:
        """Refuse what this network cannot honour, before anything is trained."""
        in_library = self.is_foreign and ":" not in self.network
        if self.centre < 1 and not self.view:
            raise InputError(f"centre={self.centre!r} needs a view, the pixels that it is brought to; try view = 224")
        if self.view and self.stem == "whitening":
            raise InputError("stem='whitening' is for images that are shown as they are; leave out view, or the stem")
        if self.stem == "small" and not in_library:
            raise InputError(f"stem='small' is for networks of torchvision and timm, not for {self.network!r}")
        if self.stem == "whitening" and self.network not in _WHITENED:
            raise InputError(f"stem='whitening' is for {listing(_WHITENED)}, not for {self.network!r}")
        if in_library and self.width != _default("width"):
            raise InputError(f"width={self.width} does nothing in network={self.network!r}; leave it out")
        for knob in ("dropout", "stochastic_depth"):
            if self.is_foreign and getattr(self, knob):
                raise InputError(
                    f"{knob}={getattr(self, knob)!r} cannot be applied inside network={self.network!r}, which is not"
                    " ours; leave it out or take a network of ours"
                )

    def with_(self, vary: str, dose: Dose) -> Recipe:
        """Return the recipe with one knob, or one plain field of `FIELDS`, set to another value."""
        pick("vary", vary, [*KNOBS, *FIELDS])
        return replace(self, **{vary: _plain(vary, dose) if vary in FIELDS else dose})

    def without(self, vary: str) -> Recipe:
        """Return the recipe with one knob off, or one plain field at its default: what a sweep over it leaves alone."""
        return replace(self, **{vary: _default(vary)})

    def check_channels(self, channels: int) -> None:
        """Raise `InputError` when a knob is on that does nothing to images of so few channels."""
        for knob in KNOBS.values():
            dose = getattr(self, knob.name)
            if channels == 1 and knob.needs_colour and not is_off(dose):
                raise InputError(
                    f"{knob.name}={dose!r} does nothing to grey images, and those of {self.dataset!r} are grey;"
                    f" leave {knob.name} out"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that say something: knobs that are off are left out, so a new knob changes no old key."""
        silent = {name for name in _LATER if getattr(self, name) == _default(name)}
        silent |= {name for name in KNOBS if is_off(getattr(self, name))}
        return {name: value for name, value in asdict(self).items() if name not in silent}


_WHITENED = ("resnet", "wide-resnet")

_CHOICES = {
    "stem": ("", "small", "whitening"),
    "schedule": ("one-cycle", "cosine"),
    "precision": ("float32", "bfloat16"),
    "class_weights": ("", "clam", "group-dro"),
}

_CUTTING = ("crop", "fixed_crop", "translation")
"""Knobs that cut away parts of an image, by which targets fade."""

_LATER = ("stem", "mirrored", "view", "centre", "schedule", "warm_up", "precision", "deterministic", "class_weights")
"""Plain fields that came after the first release: at their default they are no part of a run's key."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _default(name: str) -> Any:
    return next(f.default for f in fields(Recipe) if f.name == name)


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
    if not _is_number(dose) or not 0 <= dose <= knob.strongest:
        raise InputError(f"{knob.name}={dose!r} is out of range; {expected}")
    return float(dose)


def _plain(name: str, value: Any) -> Any:
    """Return a whole value as the plain field's type: sweeps and study files say 5.0 for 5."""
    exact = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    return FIELDS[name](value) if exact else value


def _knob_of(recipe_field: Field[Any]) -> Knob:
    about = recipe_field.metadata
    return Knob(recipe_field.name, **about)


KNOBS: dict[str, Knob] = {f.name: _knob_of(f) for f in fields(Recipe) if f.metadata and f.default is not MISSING}
"""Every knob of a Recipe, by name."""

FIELDS: dict[str, type[int] | type[float]] = {
    "width": int, "epochs": int, "batch": int, "train_images": int, "lr": float, "momentum": float,
    "warm_up": float,
}  # fmt: skip
"""Plain numeric fields that a sweep may vary: they are no knobs, 0 is not their natural "off"."""
