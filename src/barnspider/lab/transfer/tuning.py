"""The whole backbone is trained on, with a new last layer."""

from __future__ import annotations

from dataclasses import replace

from barnspider.lab.recipe import FIELDS, KNOBS, Recipe
from barnspider.lab.train import Start
from barnspider.lab.transfer.features import head_of
from barnspider.lab.transfer.plan import Tuning
from barnspider.lab.weights import Kept


def recipe_of(kept: Kept, vary: str, to: str, tuning: Tuning) -> Recipe:
    """Return the recipe by which a backbone is trained on: its own, but for what its study varied.

    The knob that was varied is off, for what is asked is what it left in the backbone; so is a knob with one dose per
    class, whose classes are others here. A plain field that was varied stays, since the network may depend on it.

    Examples
    --------
    >>> import torch
    >>> own = Recipe("digits", rotation=30, flip=(0.0, 0.5), weight_decay=0.1, lr=0.2)
    >>> kept = Kept(torch.nn.Identity(), own, 0, ("a", "b"), (1, 8, 8), torch.zeros(1), torch.ones(1), "f0")
    >>> there = recipe_of(kept, "rotation", "photos", Tuning(epochs=3))
    >>> there.rotation, there.flip, there.weight_decay, there.epochs, round(there.lr, 3)
    (0.0, 0.0, 0.1, 3, 0.02)
    """
    own = kept.recipe
    off = {name: 0.0 for name in KNOBS if isinstance(getattr(own, name), tuple) or name == vary}
    lr = own.lr / 10 if tuning.lr is None else tuning.lr
    assert vary in KNOBS or vary in FIELDS
    return replace(own, dataset=to, epochs=tuning.epochs, lr=lr, train_images=0, **off)


def start_of(kept: Kept) -> Start:
    """Return where the training starts: all of the backbone but its last layer, which starts as the seed says.

    Raises
    ------
    InputError
        When the network does not end in a linear layer.
    """
    last = head_of(kept).name
    state = {name: tensor for name, tensor in kept.net.state_dict().items() if name.rpartition(".")[0] != last}
    return Start(state, kept.mean, kept.std)
