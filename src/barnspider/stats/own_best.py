"""What an arm does to a share, against the arm that is best for its class: chosen on one part, measured on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.rare import Hits
from barnspider.stats.selection import Bools, Floats, Part


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Shares of P series in K arms, less the share in the arm that was chosen for the series' class.

    Attributes
    ----------
    before : Float[P]
        The share in the arm that was chosen, measured where nothing was chosen; NaN where a part has no image.
    change : Float[K, P]
        The share in each arm, less that one.
    between : Float[K, P]
        Variance of the change over the splits of the runs.
    """

    before: Floats
    change: Floats
    between: Floats


def cross_fitted(
    measure: Sequence[Part],
    choose_on: Sequence[Part],
    ways: Sequence[Sequence[Bools]],
    source: NDArray[np.integer[Any]],
) -> CrossFitted:
    """Compare every arm with the best of each class, without the winner's curse.

    Parameters
    ----------
    measure
        Shares of P series, on parts of the images.
    choose_on
        Accuracies of C classes: what some runs choose on `choose_on[i]` is measured on `measure[i]` by the others.
    ways
        For each split, for each arm a mask of its runs.
    source : Int[P]
        The class of each series.

    Examples
    --------
    >>> right = tuple(np.array([[x], [x]]) for x in (90, 60))
    >>> all_, way = Part(np.array([100]), right), [np.array([True, False])] * 2
    >>> cross_fitted([all_], [all_], [way], np.array([0])).change.tolist()
    [[0.0], [-0.30000000000000004]]
    """
    before, total, square = 0.0, np.zeros(()), np.zeros(())
    for some in ways:
        reference, change = _one_split(measure, choose_on, some, source)
        before, total, square = before + reference, total + change, square + change**2
    mean = total / len(ways)
    spare = np.maximum(square - len(ways) * mean**2, 0) / max(len(ways) - 1, 1)
    return CrossFitted(np.asarray(before) / len(ways), mean, spare)


def _one_split(
    measure: Sequence[Part], choose_on: Sequence[Part], some: Sequence[Bools], source: NDArray[np.integer[Any]]
) -> tuple[Floats, Floats]:
    """Return the share in the chosen arm and the changes from it, averaged over parts and over both roles of runs."""
    references, changes, series = [], [], np.arange(len(source))
    for part, other in zip(measure, choose_on, strict=True):
        shares, accuracy = part.shares(some), other.shares(some)
        for i in (0, 1):
            share = shares[1 - i]
            reference = share[np.argmax(accuracy[i], axis=0)[source], series]
            references.append(reference)
            changes.append(share - reference)
    return np.mean(references, axis=0), np.mean(changes, axis=0)


def halved(hits: Sequence[Hits], n: NDArray[np.int64], odd: NDArray[np.uint8]) -> tuple[Part, Part]:
    """Return hits of P series on the images that `odd` gives 0, and on the others, run by run.

    `n`, Int[P], is how many images a series is about; `odd` gives 0 to every other image of a class, from the first on.
    """
    kind = np.min_scalar_type(int(n.max(initial=0)))  # few images of each class: small numbers
    whole = [x.per_run(len(n)) for x in hits]
    odds = [x.of_images(odd == 1).per_run(len(n)) for x in hits]
    evens = tuple((x - y).astype(kind) for x, y in zip(whole, odds, strict=True))
    return Part(n - n // 2, evens), Part(n // 2, tuple(x.astype(kind) for x in odds))


def put_together(hits: Sequence[Hits], chosen: NDArray[np.integer[Any]]) -> Hits:
    """Return, of each series, the hits of the arm that was chosen for it: Int[P]; arms have the same runs."""
    own = [x.cell[chosen[x.cell // (x.images * x.runs)] == k] for k, x in enumerate(hits)]
    return Hits(hits[0].runs, hits[0].images, np.sort(np.concatenate(own)))
