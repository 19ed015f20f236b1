"""A run's last weights, kept in the store where a study says `keep = "weights"`: written, and made a network again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as in_safetensors
from torch import Tensor, nn

from barnspider.errors import StoreError
from barnspider.lab import nets
from barnspider.lab.recipe import Recipe
from barnspider.store import Store


@dataclass(frozen=True, eq=False)
class Kept:
    """A network that was trained, and how it wants its images.

    Attributes
    ----------
    net : in evaluation mode; takes Float[N, C, H, W], normalized; returns logits, Float[N, classes]
    recipe, seed : what it was trained by
    classes : names, in the order of the logits
    shape : C, H, W of the images that it was trained on
    mean, std : Float[C, 1, 1], grey levels; an image x is normalized as (x - mean) / std
    fingerprint : of the data that it was trained on
    """

    net: nn.Module
    recipe: Recipe
    seed: int
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor
    fingerprint: str

    def normalize(self, levels: Tensor) -> Tensor:
        """Return grey levels 0 to 255, Float[N, C, H, W], as the network wants them."""
        return (levels - self.mean) / self.std


def packed(net: nn.Module) -> bytes:
    """Return a network's weights and statistics as a safetensors file."""
    # A copy of each: safetensors refuses tensors that share memory, as tied weights do.
    return in_safetensors({name: t.detach().cpu().contiguous().clone() for name, t in net.state_dict().items()})


def read_weights(store: Store, key: str, device: str = "cpu") -> Kept | None:
    """Return a run's network as it was after its last step; None where its weights are not kept.

    Raises
    ------
    StoreError
        When the weights are damaged, or do not fit the network that their recipe builds here.
    InputError, TrainingError
        When the network cannot be built here: see `nets.build`.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.lab import Recipe, Sweep, run
    >>> sweep = Sweep(Recipe("digits", width=8, epochs=1), "rotation", doses=(0,), seeds=(0,), keep="weights")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     _ = run(sweep, store, workers=1)
    ...     kept = read_weights(store, sweep.runs()[0].key)
    >>> kept.net(kept.normalize(torch.zeros(1, 1, 8, 8))).shape
    torch.Size([1, 10])
    """
    found = store.weights(key)
    if found is None:
        return None
    path, about = found
    net = _built(about)
    try:
        net.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise StoreError(f"{str(path)!r} does not fit the network {about['recipe']['network']!r}: {error}") from error
    mean, std = (torch.tensor(about[name], device=device)[:, None, None] for name in ("mean", "std"))
    return Kept(
        net.to(device).eval(), Recipe(**about["recipe"]), about["seed"], tuple(about["classes"]),
        tuple(about["shape"]), mean, std, about["fingerprint"],
    )  # fmt: skip


def _built(about: Mapping[str, Any]) -> nn.Module:
    return nets.build(Recipe(**about["recipe"]), tuple(about["shape"]), len(about["classes"]), about["seed"])
