"""A recipe's network, with the initial weights of a seed."""

from __future__ import annotations

import torch
from torch import nn

from barnspider.errors import InputError, pick
from barnspider.lab.nets import foreign
from barnspider.lab.nets.own import NETWORKS, Shape, initialize
from barnspider.lab.nets.viewing import Viewing, viewed
from barnspider.lab.recipe import Recipe

_WITHOUT_BRANCHES = {"mlp"}

_SMALLEST = 4


def build(recipe: Recipe, shape: Shape, n_classes: int, seed: int) -> nn.Module:
    """Return the recipe's network with the initial weights of this seed, on the CPU.

    Raises
    ------
    InputError
        For an unknown network, images under 4 pixels or no larger than the recipe's view, stochastic depth in a network
        without residual branches, or another's network that does not take these images.
    TrainingError
        When torchvision or timm is asked for and not installed.

    Examples
    --------
    >>> net = build(Recipe(dataset="digits", network="mlp", width=8), (1, 8, 8), n_classes=10, seed=0)
    >>> sum(p.numel() for p in net.parameters())
    682
    """
    shown = viewed(recipe, shape)
    net = _built(recipe, shown, n_classes, seed)
    return net if shown == shape else Viewing(net, recipe.view, recipe.centre)


def _built(recipe: Recipe, shape: Shape, n_classes: int, seed: int) -> nn.Module:
    """Return a network that takes images of this shape."""
    if min(shape[1:]) < _SMALLEST:
        raise InputError(f"images are {shape[1]} x {shape[2]} pixels; expected at least {_SMALLEST} x {_SMALLEST}")
    if recipe.is_foreign:
        return foreign.build(recipe, shape, n_classes, seed)
    network = NETWORKS[pick("network", recipe.network, NETWORKS)]
    if recipe.network in _WITHOUT_BRANCHES and recipe.stochastic_depth:
        raise InputError(
            f"stochastic_depth={recipe.stochastic_depth} does nothing in network={recipe.network!r}, which has no"
            " residual branch; leave it out or take another network"
        )
    # Skip torch's own initialization: it would draw from torch's global generator.
    with torch.device("meta"):
        net = network(shape, n_classes, recipe)
    net = net.to_empty(device="cpu")
    initialize(net, seed)
    return net
