"""A network that is shown part of an image, brought to one size."""

from __future__ import annotations

from torch import Tensor, nn

from barnspider.errors import InputError
from barnspider.lab.augment import view
from barnspider.lab.drops import Chance
from barnspider.lab.nets.own import NO_CHANCE, Shape
from barnspider.lab.recipe import Recipe


class Viewing(nn.Module):
    """A network that takes images of `side` pixels, and of larger ones the central square: `centre` of their side.

    In training, images come as large as it wants them; in answering, as large as they are.
    """

    def __init__(self, net: nn.Module, side: int, centre: float) -> None:
        super().__init__()
        self.net = net
        self.side = side
        self.centre = centre

    def forward(self, images: Tensor, chance: Chance = NO_CHANCE) -> Tensor:
        """Float[N, C, H, W] -> logits, Float[N, n_classes]."""
        if images.shape[-1] != self.side:
            images = view.brought(images, view.central(images, self.centre), self.side)
        return self.net(images, chance)


def viewed(recipe: Recipe, shape: Shape) -> Shape:
    """Return the shape of what a recipe's network is shown of images of this shape.

    Raises
    ------
    InputError
        When it is not smaller than the images, or these are no squares.

    Examples
    --------
    >>> viewed(Recipe("photos", view=224), (3, 256, 256))
    (3, 224, 224)
    """
    channels, height, width = shape
    if not recipe.view:
        return shape
    if height != width or recipe.view >= height:
        raise InputError(
            f"view={recipe.view}, but images are {height} x {width} pixels; expected larger squares: leave view out,"
            " or have images decoded larger ('?size=256' behind the dataset's name)"
        )
    return channels, recipe.view, recipe.view
