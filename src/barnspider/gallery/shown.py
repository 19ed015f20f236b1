"""How the gallery's tables show numbers: points with their intervals; a name from strangers is inert."""

from __future__ import annotations

import math
from collections.abc import Sequence

from barnspider import words
from barnspider.markdown import escaped

CANNOT = "cannot tell"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table: the first `left` columns to the left, the others to the right.

    Examples
    --------
    >>> print(table(["class", "toll"], [["cat", "1.0"]]))
    | class | toll |
    |:--|--:|
    | cat | 1.0 |
    """
    marks = "".join(f"{':--' if i < left else '--:'}|" for i in range(len(head)))
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], f"|{marks}", *lines[1:]])


def interval(value: float, low: float, high: float, *, sign: bool = True) -> str:
    """Return a proportion in points with its interval.

    Examples
    --------
    >>> interval(0.0123, 0.009, 0.015), interval(0.02, float("nan"), 1.0)
    ('+1.2 (0.9 to 1.5)', 'cannot tell')
    """
    if not all(map(math.isfinite, (value, low, high))):
        return CANNOT
    return f"{words.points(value, sign=sign)} ({words.between(low, high)})"


def names(classes: Sequence[str], most: int = 12) -> str:
    """Return names of classes with commas between, inert; of many, how many more.

    Examples
    --------
    >>> names(["cat", "<b>"]), names([])
    ('cat, &lt;b&gt;', 'none')
    """
    told = ", ".join(map(escaped, classes[:most]))
    more = f" and {len(classes) - most:,} more" if len(classes) > most else ""
    return f"{told}{more}" if classes else "none"
