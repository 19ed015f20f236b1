"""Several cores for one question: numpy lets go of the interpreter while it computes, so threads are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST = 2
"""Threads at once, at most: each holds what it works on in memory, and much of the rest waits for the interpreter."""


def each(f: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return f of every item, in order, on as many cores as this process may use.

    Examples
    --------
    >>> each(abs, [-2, 1])
    [2, 1]
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2:
        return [f(x) for x in items]
    with ThreadPoolExecutor(min(cores, MOST)) as pool:
        return list(pool.map(f, items))
