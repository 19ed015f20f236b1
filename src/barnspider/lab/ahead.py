"""Do the next few pieces of work while the last one is used: for reading from disk beside computing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

DEPTH = 2
"""How many results may wait."""


def ahead(work: Callable[[T], R], items: Iterable[T], depth: int = DEPTH) -> Iterator[R]:
    """Yield `work(item)` for each item in order, done by one thread that is up to `depth` items ahead.

    What `work` raises is raised here, in its place.

    Examples
    --------
    >>> list(ahead(abs, [-1, 2, -3, 4]))
    [1, 2, 3, 4]
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for item in items:
            waiting.append(thread.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
