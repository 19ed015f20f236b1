"""Randomness by counter: what a run draws depends on names and numbers alone, never on what was drawn before.

Every stream is keyed by (seed, purpose, epoch, step). So the order of the images is the same at every dose, a resumed
run continues bit for bit, and runs of one seed differ only in what the study varies (which cuts the noise of class
differences: the order of the data carries most of it).

Philox: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """Return the generator that belongs to these four, and to nothing else.

    Examples
    --------
    >>> one, two = stream(3, "order", epoch=1), stream(3, "order", epoch=1)
    >>> int(one.integers(1000)) == int(two.integers(1000))
    True
    """
    return np.random.Generator(_bits(seed, purpose, epoch, step))


def uniforms(seed: int, purpose: str, epoch: int, n: int, k: int) -> NDArray[np.float32]:
    """Return Float32[n, k] from 0 up to, not including, 1; row i belongs to sample i, whatever `n` is.

    Raw bits are turned into numbers here, so that no release of numpy can change them.

    Examples
    --------
    >>> few, many = uniforms(0, "crop", 2, 5, 3), uniforms(0, "crop", 2, 50, 3)
    >>> bool((few == many[:5]).all())
    True
    """
    raw = _bits(seed, purpose, epoch, 0).random_raw(n * k)
    return ((raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(n, k)


def torch_seed(seed: int, purpose: str, epoch: int = 0) -> int:
    """Return what to set torch's own generator to, where only torch can draw.

    Examples
    --------
    >>> torch_seed(3, "weights") == torch_seed(3, "weights"), torch_seed(3, "weights") == torch_seed(4, "weights")
    (True, False)
    """
    return int(_bits(seed, purpose, epoch, 0).random_raw() >> 1)


def order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return a permutation of 0..n-1 that depends on the seed and the epoch alone.

    Examples
    --------
    >>> sorted(order(0, 3, 4).tolist())
    [0, 1, 2, 3]
    """
    return shuffled(n, seed, "order", epoch)


def shuffled(n: int, seed: int, purpose: str, epoch: int = 0) -> NDArray[np.int64]:
    """Return a permutation of 0..n-1 for any purpose."""
    return np.argsort(_bits(seed, purpose, epoch, 0).random_raw(n), kind="stable")


def _bits(seed: int, purpose: str, epoch: int, step: int) -> np.random.Philox:
    name = repr((int(seed), purpose, int(epoch), int(step))).encode()
    key = hashlib.blake2b(name, digest_size=16, person=b"barnspider").digest()
    return np.random.Philox(key=int.from_bytes(key, "little"))
