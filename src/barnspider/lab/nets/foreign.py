"""Other people's networks: torchvision's and timm's by name, and a user's own by import path.

They start from their own initial weights, drawn by torch's generator, which is set to the run's seed for that: so runs
of one seed start alike. What they leave out by chance themselves is drawn from the same generator, set anew for every
epoch by the training loop.
"""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from barnspider.errors import InputError, TrainingError, pick
from barnspider.lab import factory
from barnspider.lab.drops import Chance
from barnspider.lab.machine import FICKLE
from barnspider.lab.nets.own import NO_CHANCE, Shape
from barnspider.lab.random import torch_seed
from barnspider.lab.recipe import Recipe


class Foreign(nn.Module):
    """Another's network, called as ours are: it takes no notice of our numbers for what is left out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor, _chance: Chance = NO_CHANCE) -> Tensor:
        """Float[N, C, H, W] -> logits, Float[N, n_classes]."""
        return self.net(images)


def build(recipe: Recipe, shape: Shape, n_classes: int, seed: int) -> nn.Module:
    """Return another's network, fitted to images of this shape, and tried on two of them.

    Raises
    ------
    InputError
        When there is no such network, or it does not answer such images with one number per class.
    TrainingError
        When its library is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, "weights"))
        net = _made(recipe, shape, n_classes)
        _try(net, recipe.network, shape, n_classes)
    return Foreign(net)


def _made(recipe: Recipe, shape: Shape, n_classes: int) -> nn.Module:
    if ":" in recipe.network:
        return _from_factory(recipe, shape, n_classes)
    library, name = recipe.network.split("/", 1)
    maker = {"torchvision": _torchvision, "timm": _timm}[pick("network's library", library, ["torchvision", "timm"])]
    net = maker(name, shape[0], n_classes)
    if recipe.stem == "small":
        _shrink_stem(net, recipe.network, shape[0])
    return net


# -- where networks come from ----------------------------------------------------------------------------------------


def _from_factory(recipe: Recipe, shape: Shape, n_classes: int) -> nn.Module:
    make: Callable[[Shape, int, int], object] = factory.imported(recipe.network)
    net = make(shape, n_classes, recipe.width)
    if not isinstance(net, nn.Module):
        raise InputError(f"network={recipe.network!r} returned {type(net).__name__}; expected a torch.nn.Module")
    return net


def _torchvision(name: str, channels: int, n_classes: int) -> nn.Module:
    models = import_torchvision("torchvision.models")
    known: Iterable[str] = models.list_models(module=models)
    net = models.get_model(pick("torchvision's network", name, known), weights=None, num_classes=n_classes)
    where, first = _first_convolution(net, f"torchvision/{name}")
    if first.in_channels != channels:
        _replace(net, where, first, channels, cast("tuple[int, int]", first.kernel_size), first.stride, first.padding)
    return net


def _timm(name: str, channels: int, n_classes: int) -> nn.Module:
    import_torchvision("torchvision")  # which timm imports, and which may need our help for that
    timm = _imported("timm")
    pick("timm's network", name, timm.list_models())
    return timm.create_model(name, pretrained=False, num_classes=n_classes, in_chans=channels)


def import_torchvision(module: str) -> Any:
    """Import a module of torchvision, also where torch is built for the CPU and torchvision is not.

    Such a torchvision stops at two operators that it cannot declare; declared for it, all but those two work.

    Raises
    ------
    TrainingError
        When it is not installed, or cannot be imported for another reason.
    """
    try:
        return _imported(module)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise TrainingError(f"torchvision cannot be imported: {error}") from error
    for operator in ("nms", "qnms"):
        _DECLARATIONS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    return _imported(module)


_DECLARATIONS = torch.library.Library("torchvision", "FRAGMENT")
"""Declares nothing until it must; what it declares lives as long as it does."""


def _imported(module: str) -> Any:
    library = module.split(".", maxsplit=1)[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"this network needs {library}, and {error.name} is not installed; try: pip install 'barnspider[{library}]'"
        ) from error


# -- made to fit -----------------------------------------------------------------------------------------------------


def _first_convolution(net: nn.Module, network: str) -> tuple[str, nn.Conv2d]:
    for where, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            return where, module
    raise InputError(f"network={network!r} has no convolution that could be fitted to the images")


def _replace(net: nn.Module, where: str, old: nn.Conv2d, channels: int, size: Any, stride: Any, padding: Any) -> None:
    """Put a convolution of other size in the place of the first one, with torch's usual initial weights."""
    new = nn.Conv2d(channels, old.out_channels, size, stride, padding, bias=old.bias is not None)
    net.set_submodule(where, new)


def _shrink_stem(net: nn.Module, network: str, channels: int) -> None:
    """Make the first convolution 3x3 with stride 1, and leave out a max-pooling right after it.

    Source: He et al., "Deep residual learning" (arXiv 1512.03385), section 4.2, for images of 32 pixels.
    """
    where, first = _first_convolution(net, network)
    pools: list[str] = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and module is not first:
            break
        pools += [name] if isinstance(module, nn.MaxPool2d) else []
    if tuple(first.stride) == (1, 1) and not pools:
        raise InputError(f"stem='small' does nothing in network={network!r}, whose stem is small; leave it out")
    _replace(net, where, first, channels, 3, 1, 1)
    for name in pools:
        net.set_submodule(name, nn.Identity())


def _try(net: nn.Module, network: str, shape: Shape, n_classes: int) -> None:
    """Answer two images with a copy, as in training."""
    try:
        answer: object = copy.deepcopy(net).train()(torch.zeros(2, *shape))
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        if FICKLE in str(error):
            raise  # it takes them, but not twice alike
        raise InputError(f"network={network!r} does not take images of {shape} (C, H, W): {error}") from error
    if not isinstance(answer, Tensor) or answer.shape != (2, n_classes):
        got = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise InputError(f"network={network!r} answers two images with {got}; expected logits, (2, {n_classes})")
