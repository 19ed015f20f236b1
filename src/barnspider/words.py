"""Numbers -> words: one way to print points, intervals, tables and sentences, for all that prints."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Sequence

from barnspider.names import visible

NO_CHANGE = "finds no change, however large"
"""Of a design for which even a change of 100 points could be chance."""


def points(x: float, *, sign: bool = True) -> str:
    """Return a proportion as points: 0.0123 is "+1.2".

    Examples
    --------
    >>> points(0.0123), points(-0.0004), points(float("nan"))
    ('+1.2', '0.0', 'unknown')
    """
    if math.isnan(x):
        return "unknown"
    text = f"{100 * x:+.1f}" if sign else f"{100 * x:.1f}"
    return text[1:] if text in {"+0.0", "-0.0"} else text


def percent(x: float, digits: int = 1) -> str:
    """Return a proportion as per cent: 0.852 is "85.2 %"."""
    return "unknown" if math.isnan(x) else f"{100 * x:.{digits}f} %"


def from_to(before: float, after: float) -> str:
    """Return two proportions as per cent, with so many digits that they differ where the words for the change say so.

    Examples
    --------
    >>> from_to(0.8672, 0.8665), from_to(0.5, 0.4), from_to(0.5, 0.5001)
    ('from 86.72 % to 86.65 %', 'from 50.0 % to 40.0 %', 'from 50.0 % to 50.0 %')
    """
    same = percent(before) == percent(after) and lost_or_gained(after - before) != lost_or_gained(0)
    return f"from {percent(before, 1 + same)} to {percent(after, 1 + same)}"


def between(low: float, high: float) -> str:
    """Return "0.9 to 1.5" in points, with signs where the two differ in sign or are negative.

    Examples
    --------
    >>> between(0.009, 0.015), between(-0.02, 0.015)
    ('0.9 to 1.5', '-2.0 to +1.5')
    """
    sign = not low >= 0
    return f"{points(low, sign=sign)} to {points(high, sign=sign)}"


def chance(p: float) -> str:
    """Return a p- or q-value: "0.003", or "< 0.001"."""
    return "unknown" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def compared(p: float) -> str:
    """Return what follows the letter p or q in a sentence: "= 0.003", or "< 0.001".

    Examples
    --------
    >>> compared(0.0312), compared(1e-9)
    ('= 0.031', '< 0.001')
    """
    text = chance(p)
    return text if text.startswith("<") else f"= {text}"


def explained(generalizes_to: str) -> str:
    """Return what may differ next time, in full.

    Examples
    --------
    >>> explained("images")
    'new images: these models, not the recipe'
    """
    return {
        "images and runs": "new images and new runs",
        "images": "new images: these models, not the recipe",
        "runs": "new runs on this very test set",
    }[generalizes_to]


def finds(smallest: float) -> str:
    """Return what a design finds whose smallest detectable change this is; a change of all points is its limit.

    Examples
    --------
    >>> finds(0.042), finds(1.0)
    ('finds changes of 4.2 points or more', 'finds no change, however large')
    """
    return f"finds changes of {points(smallest, sign=False)} points or more" if smallest < 1 else NO_CHANGE


def lost_or_gained(x: float) -> str:
    """Return "lost 8.4 points", "gained 1.0 points" or "did not change"."""
    size = points(abs(x), sign=False)
    return "did not change" if size == "0.0" else f"{'lost' if x < 0 else 'gained'} {size} points"


def counted(number: int, thing: str) -> str:
    """Return "1 run", "2 runs", "1,000 classes".

    Examples
    --------
    >>> counted(1, "run"), counted(1000, "class")
    ('1 run', '1,000 classes')
    """
    return f"{number:,} {thing if number == 1 else plural(thing)}"


def plural(thing: str) -> str:
    """Return "runs", "classes".

    Examples
    --------
    >>> plural("class"), plural("group")
    ('classes', 'groups')
    """
    return thing + ("es" if thing.endswith("s") else "s")


def unit(by: str) -> str:
    """Return what effects are told of, as a word: "group" where images are grouped, else "class"."""
    return "group" if by else "class"


def judged_by(labels: str, unlabelled: int) -> str:
    """Return which answers are right, where more than one may be, and what is left out; "" where each image has one.

    Examples
    --------
    >>> judged_by("sets", 3)
    'An answer is right if it is any of the labels of its image; 3 images without a right label are left out'
    """
    left = f"{counted(unlabelled, 'image')} without a right label {'is' if unlabelled == 1 else 'are'} left out"
    if labels == "single":
        return left if unlabelled else ""
    return f"An answer is right if it is any of the labels of its image{f'; {left}' if unlabelled else ''}"


def grouping(by: str) -> str:
    """Return what groups are, where images are grouped; "" where they are not."""
    return f"Images are grouped by {visible(by)!r}; an answer is right by its class, as without groups" if by else ""


def no_answers(by: str) -> str:
    """Return why nothing is told of which group an answer is of, where groups are of images.

    Examples
    --------
    >>> no_answers("camera")
    "an answer is a class, and which group that is of is not known: images are grouped one by one, by 'camera'"
    """
    known = "an answer is a class, and which group that is of is not known"
    return f"{known}: images are grouped one by one, by {visible(by)!r}"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table: the first column to the left, the others to the right.

    Examples
    --------
    >>> print(text_table(["class", "effect"], [["cat", "-1.0"], ["barn spider", "+2.5"]]))
    class        effect
    cat            -1.0
    barn spider    +2.5
    """
    lines = [[visible(cell) for cell in line] for line in (head, *rows)]
    width = [max(columns(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(map(_padded, line, width, (False, *[True] * (len(head) - 1)))) for line in lines)


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide letters take two, marks upon letters none.

    Examples
    --------
    >>> columns("cat"), columns("猫"), columns("e" + chr(0x301))
    (3, 2, 1)
    """
    if text.isascii():
        return len(text)
    marks = sum(unicodedata.category(c) in {"Mn", "Me"} for c in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(c) in {"W", "F"} for c in text)


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - columns(cell))
    return space + cell if right else cell + space


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the same table as HTML; every cell is escaped."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


class Shown:
    """What is printed as a text for people; notebooks show the same, every name inert.

    Examples
    --------
    >>> class Found(Shown):
    ...     def __str__(self):
    ...         return "cats < dogs"
    >>> Found()._repr_html_()
    '<pre>cats &lt; dogs</pre>'
    """

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def two_readings(several: int, images: int) -> str:
    """Return what the readings by the single label and by sets are, and in how many images they differ.

    Examples
    --------
    >>> two_readings(1, 40)
    'Two readings of the same answers: by the single label, and by label sets (1 of 40 images has several)'
    """
    has = "has" if several == 1 else "have"
    sets = f"{several:,} of {counted(images, 'image')} {has} several"
    return f"Two readings of the same answers: by the single label, and by label sets ({sets})"
