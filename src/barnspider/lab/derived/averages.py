"""One network of several: the mean of their answers, or of their weights.

Sources: Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty estimation using deep
ensembles" (NIPS 2017, arXiv 1612.01474); Izmailov et al., "Averaging weights leads to wider optima and better
generalization" (UAI 2018, arXiv 1803.05407); Wortsman et al., "Model soups" (ICML 2022, arXiv 2203.05482).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from barnspider.convert import smallest_int
from barnspider.lab.data import Dataset, Split
from barnspider.lab.evaluation import logits
from barnspider.lab.material import Material
from barnspider.lab.recipe import Recipe
from barnspider.lab.weights import Kept
from barnspider.store import Answers

IMAGES = 16_384
"""About so many training images, at most, give the statistics of batch normalization anew."""


def answered(probabilities: Tensor, split: Split) -> Answers:
    """Return answers from probabilities, Float[N, classes].

    Examples
    --------
    >>> import numpy as np
    >>> two = Split(np.zeros((2, 8, 8, 1), np.uint8), np.array([0, 0]), np.array(["a", "b"]))
    >>> given = answered(torch.tensor([[0.75, 0.25], [0.25, 0.75]]), two)
    >>> given.guess.tolist(), given.p_label.tolist()
    ([0, 1], [0.75, 0.25])
    """
    labels = torch.tensor(split.labels, device=probabilities.device)
    guess = probabilities.argmax(1).cpu().numpy().astype(smallest_int(probabilities.shape[1]))
    return Answers(guess, probabilities.gather(1, labels[:, None])[:, 0].cpu().numpy())


def mean_answers(networks: Iterable[Kept], splits: Sequence[Split]) -> list[Answers]:
    """Return, for each split, the answers by the mean of the networks' probabilities; one network at a time is held."""
    sums: list[Tensor] = []
    count = 0
    for kept in networks:
        given = [logits(kept.net, split, kept, kept.recipe).softmax(1) for split in splits]
        sums = [total.add_(p) for total, p in zip(sums, given, strict=True)] if sums else given
        count += 1
    return [answered(total / count, split) for total, split in zip(sums, splits, strict=True)]


def mean_network(networks: Iterable[Kept], data: Dataset) -> Kept:
    """Return the network whose weights are the mean of the networks', its normalization statistics taken anew.

    Parameters
    ----------
    data
        What they were trained on: the statistics are taken over some of its training images.
    """
    sums: dict[str, Tensor] = {}
    last, recipes = None, list[Recipe]()
    for last in networks:
        recipes.append(last.recipe)
        for name, tensor in last.net.state_dict().items():
            sums[name] = tensor.double() + sums.get(name, 0)
    assert last is not None, "the mean of no network"
    count = len(recipes)
    last.net.load_state_dict({name: _like(sums[name] / count, t) for name, t in last.net.state_dict().items()})
    renew(last, recipes, data)
    return replace(last, net=last.net.eval())


def _like(mean: Tensor, tensor: Tensor) -> Tensor:
    """Return a mean in the type of what it is the mean of; counts are rounded."""
    return (mean if tensor.is_floating_point() else mean.round()).to(tensor.dtype)


@torch.no_grad()
def renew(kept: Kept, recipes: Sequence[Recipe], data: Dataset) -> None:
    """Take the statistics of every batch normalization anew: the mean of those of batches, each as in training.

    Each recipe gives as many batches, of images as it changes them: torch's `update_bn` in stochastic weight averaging
    takes them from the training's own loader, too. A network without batch normalization stays as it is.
    """
    layers = [layer for layer in kept.net.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    kept.net.eval()  # nothing is left out by chance
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    for recipe in recipes:
        material = Material.of(data, recipe, str(kept.mean.device))
        batches = material.batches(recipe, kept.seed, recipe.epochs)  # by random numbers that no training has had
        for batch in islice(batches, -(-IMAGES // (len(recipes) * recipe.batch))):
            kept.net(batch.images)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
        layer.eval()
