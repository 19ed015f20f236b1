"""Names come from strangers: shown on one line, they must not act on a terminal, nor hide what they are."""

from __future__ import annotations

import unicodedata

LONGEST = 60


def visible(name: str, longest: int = LONGEST) -> str:
    r"""Return a name on one line, with control and direction characters shown as escapes, cut if it is very long.

    Examples
    --------
    >>> visible("dog\x1b[31m")
    'dog\\x1b[31m'
    >>> visible("a" * 100, longest=10)
    'aaaaaaaaa…'
    >>> visible(" ")
    '␣'
    """
    cut = name if len(name) <= longest else name[: longest - 1] + "…"
    if cut and not cut.strip(" "):
        return "␣" * len(cut)
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(c if _is_plain(c) else c.encode("unicode_escape").decode("ascii") for c in cut)


def _is_plain(character: str) -> bool:
    # Cc control, Cf format (direction marks among them), Cs lone surrogates, Zl and Zp line and paragraph ends.
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
