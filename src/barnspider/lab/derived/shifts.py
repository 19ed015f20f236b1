"""One number for each class, added to its logit, so that the mean over classes rises and no class pays.

On validation images, with a_k the share of class k's images that are answered rightly, and f_k that share at the
baseline dose, the numbers are chosen to make large

    J = mean over classes of  a_k - 10 * max(0, f_k - a_k):

a point that a class loses below its accuracy at the baseline costs as much as eleven points bring. J is a step
function of each number: where one class's number alone changes, the best place is found exactly, in the middle of its
step. Class after class, from the first to the last and again, until none moves (`search`).

So many numbers would fit the noise of a few images. So the images are cut into five folds; each fold is answered with
what was found on the other four, at none of its size, a quarter, a half, three quarters and all of it. Of these sizes,
the smallest is taken whose J over all folds is within one standard error of the largest, and what is found on all
images gets that size (`choose`): the rule of Breiman, Friedman, Olshen & Stone, "Classification and regression trees"
(1984).
What is not guarded against is the noise of f_k itself, which is measured on the same images.

A relative: Menon et al., "Long-tail learning via logit adjustment" (ICLR 2021, arXiv 2007.07314), where each class's
number follows from its share of the training images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import InputError

FAIR = 10.0
"""What a point below the baseline costs beside itself."""

FOLDS = 5
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
ROUNDS = 10
"""At most so many times every class is looked at."""

LONGEST = 2.0
"""No step counts as longer: a number is put at most 1 above where the step begins."""

_LEAST = 1e-9
"""A gain in J, times the number of classes, that is one."""

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was chosen on validation images.

    Attributes
    ----------
    shift : Float[classes], what is added to the logits
    strength : the share of what was found on all images
    values : J at every one of `STRENGTHS`, each image answered by what the other folds found
    """

    shift: Floats
    strength: float
    values: tuple[float, ...]


def objective(right: NDArray[np.bool_], labels: Ints, floor: Floats) -> float:
    """Return J of answers that are right or not; classes without images are left out.

    Examples
    --------
    >>> right, labels = np.array([True, False, True, True]), np.array([0, 0, 1, 1])
    >>> objective(right, labels, floor=np.array([0.5, 0.0])), objective(right, labels, floor=np.array([0.75, 1.0]))
    (0.75, -0.5)
    """
    count = np.bincount(labels, minlength=len(floor))
    share = np.bincount(labels[right], minlength=len(floor))[count > 0] / count[count > 0]
    return float(_worth(share, floor[count > 0]).mean())


def choose(logits: Floats, labels: Ints, floor: Floats) -> Chosen:
    """Choose the numbers to add to logits, as the head of this file says.

    Parameters
    ----------
    logits : Float[N, classes]
    labels : Int[N]
    floor : Float[classes], each class's accuracy on the same images at the baseline dose; NaN where it has none

    Raises
    ------
    InputError
        When there is no image.

    Examples
    --------
    >>> logits = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 4.0], [0.0, 5.0]] * 10)
    >>> found = choose(logits, np.array([0, 0, 1, 1] * 10), floor=np.array([1.0, 1.0]))
    >>> found.shift.tolist(), found.strength, found.values[-1]
    ([2.25, 0.0], 0.75, 1.0)
    """
    if not len(labels):
        raise InputError("there is no validation image, so nothing can be chosen on one")
    fold = _place_in_class(labels) % FOLDS
    answered = np.empty((len(STRENGTHS), len(labels)), np.int64)
    for number in range(FOLDS):
        out = fold == number
        # A fold of few images may lack classes; one that has all of the images leaves none to choose on.
        found = search(logits[~out], labels[~out], floor) if not out.all() else np.zeros(logits.shape[1])
        for i, strength in enumerate(STRENGTHS):
            answered[i, out] = (logits[out] + strength * found.astype(logits.dtype)).argmax(1)
    values = tuple(objective(guess == labels, labels, floor) for guess in answered)
    strength = STRENGTHS[_smallest_as_good(answered == labels, np.array(values), labels, floor)]
    shift = strength * search(logits, labels, floor) if strength else np.zeros(logits.shape[1])
    return Chosen(shift, strength, values)


def _smallest_as_good(right: NDArray[np.bool_], values: Floats, labels: Ints, floor: Floats) -> int:
    """Return the first of several ways to answer, Bool[ways, N], whose J is within a standard error of the largest.

    The standard error is that of the difference, over images within classes, with J a straight line between the two.
    """
    best = int(np.argmax(values))
    count = np.bincount(labels, minlength=len(floor))
    shares = np.array([np.bincount(labels[way], minlength=len(floor)) / np.maximum(count, 1) for way in right])
    for way in range(best):
        gain = right[best].astype(float) - right[way]
        mean = shares[best] - shares[way]
        spread = np.bincount(labels, weights=(gain - mean[labels]) ** 2, minlength=len(floor))
        price = np.where(np.minimum(shares[best], shares[way]) < floor, 1 + FAIR, 1) / np.count_nonzero(count)
        variance = price**2 * spread / np.maximum(count * (count - 1), 1)
        if values[best] - values[way] <= np.sqrt(variance.sum()):
            return way
    return best


def search(logits: Floats, labels: Ints, floor: Floats) -> Floats:
    """Return Float[classes]: numbers from which no change of a single one makes J larger; of one class's images, 0.

    Examples
    --------
    >>> search(np.array([[0.0, 1.0], [0.0, 4.0]]), np.array([0, 1]), floor=np.zeros(2)).tolist()
    [2.0, 0.0]
    """
    state = _State.begin(logits, labels, floor)
    present = np.unique(labels)
    if logits.shape[1] == 1:
        return state.shift
    for _ in range(ROUNDS):
        if not sum(state.move(int(k)) for k in present):
            break
    return state.shift


@dataclass(eq=False)
class _State:
    """Numbers for classes, and for every image the two best classes under them.

    Attributes
    ----------
    raw : Float[classes, N], logits
    shift : Float64[classes]
    first, second : Int[N], the best two classes; best, next : their moved logits
    right : Int[classes], how many images of each class are answered rightly
    """

    raw: Floats
    labels: Ints
    floor: Floats
    count: NDArray[np.int64]
    shift: Floats
    first: Ints
    second: Ints
    best: Floats
    next: Floats
    right: NDArray[np.int64]

    @classmethod
    def begin(cls, logits: Floats, labels: Ints, floor: Floats) -> _State:
        n, classes = logits.shape
        empty = np.zeros(n, logits.dtype)
        state = cls(
            np.ascontiguousarray(logits.T), labels, np.nan_to_num(floor), np.bincount(labels, minlength=classes),
            np.zeros(classes), np.full(n, -1), np.full(n, -1), empty, empty.copy(), np.zeros(classes, np.int64),
        )  # fmt: skip
        if classes > 1:
            state.look(np.arange(n))
        return state

    def look(self, rows: Ints) -> None:
        """Find the best two classes of these images anew."""
        labels, classes = self.labels[rows], len(self.count)
        self.right -= np.bincount(labels[self.first[rows] == labels], minlength=classes)
        moved = self.raw[:, rows] + self.shift.astype(self.raw.dtype)[:, None]
        every = np.arange(len(rows))
        self.first[rows] = top = moved.argmax(0)
        self.best[rows] = moved[top, every]
        self.right += np.bincount(labels[top == labels], minlength=classes)
        moved[top, every] = -np.inf
        self.second[rows] = top = moved.argmax(0)
        self.next[rows] = moved[top, every]

    def move(self, k: int) -> bool:
        """Put class k's number where J is largest; False when it is best where it is."""
        # From its limit on, as the number grows, an image is answered with k.
        limit, hers = self.best - self.raw[k], np.flatnonzero(self.first == k)
        limit[hers] = self.next[hers] - self.raw[k, hers]
        own = np.sort(limit[self.labels == k])
        near = np.flatnonzero(limit <= max(own[-1], self.shift[k]) + LONGEST)
        rival = np.where(self.first[near] == k, self.second[near], self.first[near])
        labels = self.labels[near]
        lost = (labels != k) & (rival == labels)
        right = self.right + np.bincount(labels[lost & (self.first[near] == k)], minlength=len(self.right))
        place = self._best_place(k, own, _Others(limit[near][lost], labels[lost], right))
        if place is None:
            return False
        self._put(k, place)
        return True

    def _best_place(self, k: int, own: Floats, others: _Others) -> float | None:
        """Return where J is largest: in the middle of a step that begins where an image of k becomes right."""
        now = self.shift[k]
        gain = self._gains(k, own, others, own)
        here = self._gains(k, own, others, np.array([np.nextafter(now, -np.inf)]))[0]
        if gain.max() <= here + _LEAST:
            return None
        best = np.flatnonzero(gain >= gain.max() - _LEAST)
        start = own[best[np.argmin(np.abs(own[best] - now))]]
        ends = np.concatenate([own[own > start], others.limit[others.limit > start], [start + LONGEST]])
        return float(start + (ends.min() - start) / 2)

    def _gains(self, k: int, own: Floats, others: _Others, places: Floats) -> Floats:
        """Return what class k's number brings just above each of some ascending places, in J times the classes."""
        right = np.searchsorted(own, places, side="right")
        below = others.limit <= places[-1]
        classes, which = np.unique(others.label[below], return_inverse=True)
        at = np.searchsorted(places, others.limit[below], side="left")
        taken = np.bincount(which * len(places) + at, minlength=len(classes) * len(places))
        left = others.right[classes][:, None] - taken.reshape(len(classes), len(places)).cumsum(1)
        count, floor = self.count[classes], self.floor[classes]
        loss = _worth(others.right[classes] / count, floor)[:, None] - _worth(left / count[:, None], floor[:, None])
        return _worth(right / len(own), self.floor[k]) - loss.sum(0)

    def _put(self, k: int, place: float) -> None:
        """Give class k its number, and see what that changes."""
        self.shift[k] = place
        among = (self.first == k) | (self.second == k)
        self.look(np.flatnonzero(among | (self.raw[k] + self.raw.dtype.type(place) > self.next)))


@dataclass(frozen=True, eq=False)
class _Others:
    """Images of other classes that are right unless they are answered with class k.

    Attributes
    ----------
    limit, label : Float[n] and Int[n], from which number on each is lost, and whose it is: those that may matter
    right : Int[classes], how many there are of each class, those that cannot matter with them
    """

    limit: Floats
    label: Ints
    right: NDArray[np.int64]


def _worth(share: Floats, floor: Floats | float) -> Floats:
    """Return what shares of right answers are worth, each class by itself."""
    return share - FAIR * np.maximum(0, floor - share)


def _place_in_class(labels: Ints) -> Ints:
    """Return each image's place among those of its class, in their order."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order], side="left")
    place = np.empty(len(labels), np.int64)
    place[order] = np.arange(len(labels)) - starts
    return place
