"""The learning rate, as a share of its peak, over the steps of a training."""

from __future__ import annotations

import math

from barnspider.lab.recipe import Recipe


def rate(recipe: Recipe, done: float) -> float:
    """Return the learning rate when a share `done` of the steps is done.

    It rises in a line for the first `warm_up` of the steps, then falls to 0: in a line ("one-cycle": Smith & Topin,
    "Super-convergence", arXiv 1708.07120) or as half a wave ("cosine": Loshchilov & Hutter, arXiv 1608.03983).

    Examples
    --------
    >>> one_cycle = Recipe("digits", lr=1.0)
    >>> rate(one_cycle, 0.1), rate(one_cycle, 0.2), rate(one_cycle, 0.6)
    (0.5, 1.0, 0.5)
    >>> cosine = Recipe("digits", lr=1.0, schedule="cosine", warm_up=0)
    >>> rate(cosine, 0.0), round(rate(cosine, 0.25), 3), round(rate(cosine, 0.5), 3)
    (1.0, 0.854, 0.5)
    """
    if done < recipe.warm_up:
        return recipe.lr * (done / recipe.warm_up)
    left = (1 - done) / (1 - recipe.warm_up)
    return recipe.lr * (left if recipe.schedule == "one-cycle" else (1 - math.cos(math.pi * left)) / 2)
