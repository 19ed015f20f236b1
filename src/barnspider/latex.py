r"""Effects as a LaTeX table with booktabs: the lowest and the highest classes of one arm. Names are inert.

The file can be read with `\input`: a `table` with caption and label, or a `longtable` where it is longer than a page.
"""

from __future__ import annotations

import re

from barnspider.effects import Effects
from barnspider.figures.rows import labels
from barnspider.names import visible
from barnspider.words import chance, points

PAGE = 45
"""Rows that one page holds; more need a table that may break."""

NAME = 32
"""Letters of a class's name, so that a table fits a page."""

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\textasciigrave{}",
    # Between braces, since LaTeX takes them for an option after the end of a row.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip


def escaped(text: str, longest: int = 60) -> str:
    r"""Return a stranger's text so that LaTeX sets it as it is; what is beyond ASCII stays UTF-8.

    Examples
    --------
    >>> escaped("50 % of $x_1^2$ \\input{a} #&~")
    '50 \\% of \\$x\\_1\\textasciicircum{}2\\$ \\textbackslash{}input\\{a\\} \\#\\&\\textasciitilde{}'
    >>> escaped("a--b  c")
    'a-{}-b\\ \\ c'
    """
    marked = "".join(_SPECIAL.get(letter, letter) for letter in visible(text, longest))
    # Letters that would join into another sign, and spaces that would vanish.
    apart = re.sub(r"([-,'!?])(?=[-,'`])", r"\1{}", marked)
    return re.sub(r"^ +| +$| {2,}", lambda found: r"\ " * len(found.group()), apart)


def to_latex(effects: Effects, arm: str, *, caption: str, rows: int | None = 5) -> str:
    r"""Return the table of one arm: its `rows` lowest and its `rows` highest classes, or all of them (None).

    Parameters
    ----------
    effects
        What every arm does to every class.
    arm
        Which arm.
    caption
        Plain text; it is escaped here.

    Raises
    ------
    InputError
        When there is no such arm.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> effects = estimate(simulate(classes=2, images=400, runs=4, effect=[-0.4, 0.0], seed=1).predictions, "baseline")
    >>> print(to_latex(effects, "arm 1", caption="Who pays?").splitlines()[-4])
    class 1 & 400 & 79.0 & $-2.6$ & $-6.5$ to $+1.4$ & $0.173$ & cannot tell \\
    """
    order = [int(c) for c in effects.worst_first(arm)]
    blocks = [order] if rows is None or len(order) <= 2 * rows else [order[:rows], order[-rows:]]
    left = len(order) - sum(map(len, blocks))
    between = f"\\midrule\n\\multicolumn{{7}}{{l}}{{{left:,} more between}} \\\\\n\\midrule\n"
    names = labels(effects.classes, NAME)
    body = between.join("".join(_row(effects, arm, c, names[c]) for c in block) for block in blocks)
    long = sum(map(len, blocks)) > PAGE
    table = (_long if long else _short)(_head(effects), body, escaped(caption, 4_000))
    return _comments(table, long=long) + table


def _comments(body: str, *, long: bool) -> str:
    r"""Return what a document must load, as comments."""
    packages = r"\usepackage{booktabs}" + (r" and \usepackage{longtable}" if long else "")
    beyond = (
        ""
        if body.isascii()
        else "% Names hold letters beyond ASCII: LuaLaTeX and XeLaTeX set them with a font that has them.\n"
    )
    return f"% Written by barnspider. Needs {packages}.\n{beyond}"


def _head(effects: Effects) -> str:
    level, symbol = f"{100 * effects.method.level:.4g}", effects.method.symbol
    q = "$q$" if symbol == "q" else "Holm $p$"
    return f"{effects.method.unit} & images & before, \\% & change & {level}\\,\\% interval & {q} & finding \\\\\n"


def _row(effects: Effects, arm: str, c: int, label: str) -> str:
    a, name = effects.place(arm), escaped(label)
    if not effects.known[a, c]:
        return f"{name} & {effects.n[c]:,} & \\multicolumn{{5}}{{l}}{{cannot tell: no image}} \\\\\n"
    low, high = effects.low[a, c], effects.high[a, c]
    sign = not low >= 0
    interval = f"{_math(points(low, sign=sign))} to {_math(points(high, sign=sign))}"
    cells = [
        name, f"{effects.n[c]:,}", points(effects.before[c], sign=False), _math(points(effects.effect[a, c])), interval,
        _math(chance(effects.q[a, c])), str(effects.findings()[a, c]),
    ]  # fmt: skip
    return " & ".join(cells) + " \\\\\n"


def _math(number: str) -> str:
    return f"${number}$"


def _short(head: str, body: str, caption: str) -> str:
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{caption}}}\n\\label{{tab:barnspider-effects}}\n"
        f"\\begin{{tabular}}{{lrrrrrl}}\n\\toprule\n{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _long(head: str, body: str, caption: str) -> str:
    return (
        f"\\begin{{longtable}}{{lrrrrrl}}\n\\caption{{{caption}}}\\label{{tab:barnspider-effects}}\\\\\n"
        f"\\toprule\n{head}\\midrule\n\\endfirsthead\n\\toprule\n{head}\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n"
        f"{body}\\end{{longtable}}\n"
    )
