"""Augmentations that change colours and not places. Images are grey levels from 0 to 255, with 1 or 3 channels.

Each is one of torchvision's adjustments (brightness, contrast and saturation blend with another image and are cut off
at 0 and 255) at a factor or shift that is drawn for each image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from barnspider.lab.augment.batch import between, each, where_on

JITTER = (0.8, 0.8, 0.8, 0.2)
"""Doses of brightness, contrast, saturation and hue at jitter 1: SimCLR's."""

_LIGHT = (0.2989, 0.587, 0.114)
_COLOURS = 3
_SEXTANTS = 6


def brightness(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Multiply by a factor uniform from 1 - dose to 1 + dose (1 draw): torchvision's `ColorJitter(brightness=dose)`.

    Examples
    --------
    >>> brightness(torch.tensor([[[[100.0, 200.0]]]]), torch.tensor([0.5]), torch.tensor([[1.0]])).flatten().tolist()
    [150.0, 255.0]
    """
    factor = 1 + between(draws[:, 0], dose).to(images.dtype)
    return where_on(dose, (images * each(factor)).clamp_(0, 255), images)


def contrast(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Stretch levels about the image's mean grey, 1 - dose to 1 + dose times (1 draw).

    torchvision's `ColorJitter(contrast=dose)`.

    Examples
    --------
    >>> contrast(torch.tensor([[[[100.0, 200.0]]]]), torch.tensor([0.5]), torch.tensor([[1.0]])).flatten().tolist()
    [75.0, 225.0]
    """
    return _blend(images, grey(images).mean((1, 2, 3), keepdim=True), dose, draws)


def saturation(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Stretch each pixel's colours about its grey, 1 - dose to 1 + dose times (1 draw).

    torchvision's `ColorJitter(saturation=dose)`. Does nothing to grey images.

    Examples
    --------
    >>> pixel = torch.tensor([100.0, 150.0, 200.0]).view(1, 3, 1, 1)
    >>> saturation(pixel, torch.tensor([1.0]), torch.tensor([[0.0]])).flatten().round().tolist()
    [141.0, 141.0, 141.0]
    """
    return images if images.shape[1] == 1 else _blend(images, grey(images), dose, draws)


def hue(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Turn colours by an angle uniform from -dose to dose of the full circle (1 draw).

    torchvision's `ColorJitter(hue=dose)`: value and saturation of each pixel (Smith, "Color gamut transform pairs",
    SIGGRAPH 1978) stay. Does nothing to grey images.

    Examples
    --------
    >>> red = torch.tensor([255.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> hue(red, torch.tensor([1 / 3]), torch.tensor([[1.0]])).flatten().round().tolist()
    [0.0, 255.0, 0.0]
    """
    if images.shape[1] != _COLOURS:
        return images
    most, least = images.amax(1), images.amin(1)
    chroma = most - least
    turn = (_SEXTANTS * between(draws[:, 0], dose)).to(images.dtype)[:, None, None]
    angle = _hue_of(images, most, chroma).add_(turn).remainder_(_SEXTANTS)
    # Red is full within a sixth of 0, green of 2, blue of 4, and off when more than two sixths away.
    parts = ((angle - 3).abs() - 1, 2 - (angle - 2).abs(), 2 - (angle - 4).abs())
    turned = torch.stack([torch.addcmul(least, chroma, part.clamp_(0, 1)) for part in parts], dim=1)
    return where_on(dose, turned, images)


def jitter(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue in this order, at 0.8, 0.8, 0.8 and 0.2 times the dose (4 draws).

    The dose is the strength s of SimCLR (Chen et al., arXiv 2002.05709): `ColorJitter(0.8 s, 0.8 s, 0.8 s, 0.2 s)`,
    applied to every image; torchvision shuffles the four, here their order is fixed. SimCLR used 1 for ImageNet and
    0.5 for CIFAR-10. On grey images only brightness and contrast act.

    Examples
    --------
    >>> pair = torch.tensor([100.0, 200.0]).view(1, 1, 1, 2)
    >>> jitter(pair, torch.tensor([0.5]), torch.full((1, 4), 0.75)).flatten().round().tolist()
    [108.0, 252.0]
    """
    for act, share, draw in zip((brightness, contrast, saturation, hue), JITTER, draws.split(1, dim=1), strict=True):
        images = act(images, share * dose, draw)
    return images


def greyscale(images: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Take the colours away with probability dose (1 draw): torchvision's `RandomGrayscale(dose)`.

    Does nothing to grey images.

    Examples
    --------
    >>> pixel = torch.tensor([100.0, 150.0, 200.0]).view(1, 3, 1, 1)
    >>> greyscale(pixel, torch.tensor([1.0]), torch.tensor([[0.5]])).flatten().round().tolist()
    [141.0, 141.0, 141.0]
    """
    return images if images.shape[1] == 1 else torch.where(each(draws[:, 0] < dose), grey(images), images)


def grey(images: Tensor) -> Tensor:
    """Float[N, C, H, W] -> Float[N, 1, H, W]: ITU-R BT.601 luma with torchvision's digits; grey images as they are.

    Examples
    --------
    >>> grey(torch.tensor([100.0, 0.0, 0.0]).view(1, 3, 1, 1)).round(decimals=2).item()
    29.889999389648438
    """
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    return _LIGHT[0] * red + _LIGHT[1] * green + _LIGHT[2] * blue


def _blend(images: Tensor, other: Tensor, dose: Tensor, draws: Tensor) -> Tensor:
    """Go a factor of 1 - dose to 1 + dose of the way from another image to this one."""
    factor = each(1 + between(draws[:, 0], dose)).to(images.dtype)
    return where_on(dose, (images * factor + (1 - factor) * other).clamp_(0, 255), images)


def _hue_of(images: Tensor, most: Tensor, chroma: Tensor) -> Tensor:
    """Return Float[N, H, W]: the angle of each pixel's colour in sixths of the circle; red is 0, greys are too."""
    red, green, blue = images.unbind(1)
    width = torch.where(chroma > 0, chroma, 1)
    from_red, from_green, from_blue = (green - blue) / width, 2 + (blue - red) / width, 4 + (red - green) / width
    return torch.where(most == red, from_red, torch.where(most == green, from_green, from_blue))
