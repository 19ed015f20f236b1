"""The generated parts of a page: between `<!-- gallery: NAME -->` and `<!-- end of NAME -->`; the rest is by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping

from barnspider.errors import InputError, listing

PART = re.compile(
    r"(<!-- gallery: (?P<name>[a-z0-9-]+) -->\n)(?P<text>.*?)(<!-- end of (?P<end>[a-z0-9-]+) -->)", re.DOTALL
)
OPEN = re.compile(r"<!-- gallery: ([a-z0-9-]+) -->")


def renewed(page: str, parts: Mapping[str, str], where: str) -> str:
    r"""Return a page with its generated parts made anew.

    Parameters
    ----------
    parts
        Name -> what stands between its marks; "" leaves nothing there.
    where
        What to call the page in a message.

    Raises
    ------
    InputError
        When a mark is not closed, is unknown, stands twice, or a part that says something has no place in the page.

    Examples
    --------
    >>> print(renewed("by hand\n<!-- gallery: a -->\nold\n<!-- end of a -->\n", {"a": "new"}, "page"))
    by hand
    <!-- gallery: a -->
    new
    <!-- end of a -->
    <BLANKLINE>
    """
    opened, closed = OPEN.findall(page), [m["name"] for m in PART.finditer(page) if m["name"] == m["end"]]
    for name in opened:
        if name not in parts:
            raise InputError(f"{where}: part {name!r} is unknown; expected one of: {listing(sorted(parts))}")
        if name not in closed or opened.count(name) > 1:
            raise InputError(f"{where}: part {name!r} must stand once, and end with <!-- end of {name} -->")
    if absent := [name for name, text in parts.items() if text and name not in opened]:
        raise InputError(
            f"{where} has no place for {listing(absent)}; add <!-- gallery: {absent[0]} --> and, on a later line,"
            f" <!-- end of {absent[0]} -->"
        )

    def filled(match: re.Match[str]) -> str:
        text = parts[match["name"]].strip("\n")
        return f"{match[1]}{text}\n{match[4]}" if text else f"{match[1]}{match[4]}"

    return PART.sub(filled, page)
