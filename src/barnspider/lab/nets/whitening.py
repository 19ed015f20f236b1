"""A stem that whitens: its filters are the main directions of the training images' patches, and stay as they are.

Source: hlb-CIFAR10 (tysam-code); Jordan, airbench (arXiv 2404.00498), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAST = 5e-4
"""Added to a direction's variance: those that hardly vary are not blown up. The source's."""


@torch.no_grad()
def whiten(net: nn.Module, images: Tensor) -> None:
    """Give the stem's convolution the eigenvectors of patches of Float[N, C, H, W], and freeze it.

    Eigenvectors of the largest variances, scaled to variance 1, then their negatives: what a ReLU takes from one, the
    other keeps. The network must have been built for a recipe with `stem="whitening"`.

    Examples
    --------
    >>> from barnspider.lab.nets.building import build
    >>> from barnspider.lab.recipe import Recipe
    >>> recipe = Recipe(dataset="digits", network="resnet", width=4, stem="whitening")
    >>> net = build(recipe, (1, 8, 8), n_classes=10, seed=0)
    >>> whiten(net, torch.randn(50, 1, 8, 8))
    >>> weight = net.stem.conv.weight
    >>> torch.equal(weight[:2], -weight[2:]), weight.requires_grad
    (True, False)
    """
    conv = net.get_submodule("stem.conv")
    assert isinstance(conv, nn.Conv2d)
    filters = directions(images, conv.kernel_size[0], conv.stride[0])[: -(-conv.out_channels // 2)]
    conv.weight.copy_(torch.cat([filters, -filters])[: conv.out_channels].view_as(conv.weight))
    conv.weight.requires_grad_(False)


def directions(images: Tensor, size: int, stride: int) -> Tensor:
    """Return the filters that whiten patches, the largest variance first: Float[C * size * size, C * size * size].

    Examples
    --------
    >>> filters = directions(torch.randn(500, 1, 8, 8), size=2, stride=1)
    >>> filters.shape
    torch.Size([4, 4])
    """
    patches = functional.unfold(images, size, stride=stride).transpose(1, 2).flatten(0, 1)
    variances, vectors = torch.linalg.eigh(torch.cov(patches.T.double()))
    vectors = vectors.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    # An eigenvector is one only up to its sign, which libraries choose as they like.
    return (vectors * largest.sign() / (variances.flip(0)[:, None].clamp(min=0) + _LEAST).sqrt()).float()
