"""Augmentations that change sharpness: blur and noise. Images are grey levels from 0 to 255."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from barnspider.lab.augment.batch import each, where_on
from barnspider.lab.counter import scattered


def blur(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Gaussian blur whose standard deviation is uniform from 0 to dose pixels (1 draw).

    torchvision's `GaussianBlur(2 * side - 1, sigma=(0, dose))`: a window as wide as the image allows, mirrored at the
    borders, so nothing of the bell is cut off while it is narrower than the image.

    Examples
    --------
    >>> blur(torch.tensor([[[[0.0, 10.0, 0.0]]]]), torch.tensor([0.5]), torch.tensor([[1.0]])).round().tolist()
    [[[[2.0, 8.0, 2.0]]]]
    """
    sigma = dose * draws[:, 0]
    down, across = (_bell(size, sigma).to(images.dtype) for size in images.shape[-2:])
    return where_on(dose, down[:, None] @ images @ across[:, None].mT, images)


def _bell(size: int, sigma: Tensor) -> Tensor:
    """Return Float[N, size, size]: row y holds the weights of the source pixels, mirrored ones included."""
    pixel = torch.arange(size, device=sigma.device)
    bell = torch.exp(-0.5 * (pixel / sigma.clamp(min=1e-3)[:, None]).square())
    bell = bell / (2 * bell.sum(1, keepdim=True) - 1)
    # A source pixel is seen directly and in the mirrors at both borders; those at the borders are no mirror images.
    y, x = pixel[:, None], pixel
    before, after = torch.where(x > 0, y + x, size), torch.where(x < size - 1, 2 * (size - 1) - y - x, size)
    seen = sum((distance == pixel[:, None, None]).to(bell.dtype) for distance in ((y - x).abs(), before, after))
    return torch.tensordot(bell, torch.as_tensor(seen), dims=1)


def noise(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Add Gaussian noise of standard deviation dose, as a share of full white, to every pixel and channel (2 draws).

    torchvision's `v2.GaussianNoise(sigma=dose)`, which cuts off at black and white as well.

    Examples
    --------
    >>> noisy = noise(torch.full((1, 1, 64, 64), 100.0), torch.tensor([0.1]), torch.tensor([[0.3, 0.8]]))
    >>> abs(noisy.std().item() / 25.5 - 1) < 0.05
    True
    """
    channels, height, width = images.shape[1:]
    # The channels innermost, as training keeps them in memory.
    bells = _normal(draws, images[0].numel()).to(images.dtype).view(-1, height, width, channels).permute(0, 3, 1, 2)
    return where_on(dose, torch.addcmul(images, each(255 * dose).to(images.dtype), bells).clamp_(0, 255), images)


def _normal(draws: Tensor, size: int) -> Tensor:
    """Return Float32[N, size] of standard normal numbers (Box & Muller 1958)."""
    half = -(-size // 2)
    one, two = scattered(draws, 2 * half).split(half, dim=1)
    radius, angle = one.neg_().log1p_().mul_(-2).sqrt_(), two.mul_(2 * math.pi)
    return torch.cat([angle.cos().mul_(radius), angle.sin().mul_(radius)], dim=1)[:, :size]
