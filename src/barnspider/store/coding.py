"""Answers of many runs to the same images -> few bytes, and back: what an image is usually called, and who disagrees.

Runs agree on most images. So every answer is written as its distance, modulo the number of classes, from the image's
usual answer (the middle of its sorted answers), and the usual answer as its distance from the label; image by image, in
the order of labels and usual answers: alike images lie side by side, and almost all is zero. What packs bytes does the
rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import Ints, smallest_int


def index_type(n_classes: int) -> np.dtype[np.unsignedinteger]:
    """Return the type that an index is written as: one byte up to 256 classes; low byte first.

    Examples
    --------
    >>> index_type(10), index_type(10_000)
    (dtype('uint8'), dtype('uint16'))
    """
    return np.dtype("<u1" if n_classes <= 2**8 else "<u2" if n_classes <= 2**16 else "<u4")


def coded(guess: Ints, label: Ints, n_classes: int) -> bytes:
    """Return answers, Int[R, N], as bytes: N of usual answers, N times R of distances from them, in their type.

    Examples
    --------
    >>> coded(np.array([[1, 0], [1, 2], [1, 2]]), np.array([1, 0]), 3).hex(" ")
    '02 00 01 00 00 00 00 00'
    """
    usual = np.sort(guess, axis=0)[len(guess) // 2]
    order = np.lexsort((usual, label))
    distances = (guess[:, order] - usual[order]) % n_classes
    written = index_type(n_classes)
    from_label = ((usual - label) % n_classes)[np.argsort(label, kind="stable")]
    return from_label.astype(written).tobytes() + np.ascontiguousarray(distances.T, dtype=written).tobytes()


def decoded(data: bytes, label: Ints, n_classes: int, runs: int) -> NDArray[np.signedinteger]:
    """Return the answers, Int[R, N], that `coded` made bytes of.

    Examples
    --------
    >>> label = np.array([1, 0])
    >>> decoded(bytes.fromhex("0200010000000000"), label, 3, 3).tolist()
    [[1, 0], [1, 2], [1, 2]]
    """
    kind, count = smallest_int(2 * n_classes), len(label)
    numbers = np.frombuffer(data, dtype=index_type(n_classes)).astype(kind)
    usual = np.empty(count, dtype=kind)
    by_label = np.argsort(label, kind="stable")
    usual[by_label] = (numbers[:count] + label[by_label]) % n_classes
    order = np.lexsort((usual, label))
    guess = np.empty((runs, count), dtype=smallest_int(n_classes))
    guess[:, order] = ((numbers[count:].reshape(count, runs).T + usual[order]) % n_classes).astype(guess.dtype)
    return guess
