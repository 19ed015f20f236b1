"""A command with places to fill in -> words to start. Split as a shell splits, never given to one.

    python train.py --scale-min {1-dose} --seed {seed} --out {out}

Numbers (`NUMBERS`) may be reckoned with, by + - * / and parentheses; texts (`TEXTS`) are put in as they are. Arithmetic
is that of decimal fractions: {1-dose} at dose 0.9 is 0.1, not 0.09999999999999998.
"""

from __future__ import annotations

import ast
import re
import shlex
import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from barnspider.errors import InputError, listing, pick

NUMBERS = ("dose", "seed", "worker")
TEXTS = ("arm", "out", "out_validation", "prescription", "python")
PYTHON = sys.executable
"""What {python} stands for: the Python that runs barnspider. Like {worker} and {out}, it is no part of a run's key."""

FOR_A_SHELL = ("|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1")
LONGEST = 200

_BRACES = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
_PLAIN = re.compile(r"[\w@%+=:,./{}()*-]+", re.ASCII)
_REACH = (1e-12, 1e16)
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}

Values = Mapping[str, str | int | float]


def split_words(line: str) -> tuple[str, ...]:
    """Split a command into words as a shell would; blanks inside of {} part nothing.

    Raises
    ------
    InputError
        When a quote is not closed, nothing is there, or a word is only good for a shell.

    Examples
    --------
    >>> split_words("python 'my train.py' --scale {1 - dose}")
    ('python', 'my train.py', '--scale', '{1-dose}')
    """
    try:
        words = shlex.split(_BRACES.sub(lambda found: "".join(found[0].split()), line))
    except ValueError as error:
        raise InputError(f"command={line!r} cannot be split into words: {error}") from None
    for word in words:
        if word in FOR_A_SHELL:
            raise InputError(
                f"command={line!r} has {word!r}, which is for a shell, and none is started; write a script,"
                ' or command = ["sh", "-c", "..."]'
            )
    return tuple(words)


def join_words(words: Sequence[str]) -> str:
    """Return one line that `split_words` splits into these words, quoted only where that is needed.

    Examples
    --------
    >>> join_words(("python", "my train.py", "{1-dose}"))
    "python 'my train.py' {1-dose}"
    """
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)


def placeholders(text: str) -> set[str]:
    """Return the names that are to be filled in.

    Raises
    ------
    InputError
        When a name is unknown, or what stands in {} is neither a name nor arithmetic.

    Examples
    --------
    >>> sorted(placeholders("--keep {100 * (1-dose)} --log {out}.log {{}}"))
    ['dose', 'out']
    """
    return {name for part in _parts(text) if part.expression is not None for name in _names(text, part.expression)}


def filled(text: str, values: Values) -> str:
    """Return the text with every placeholder filled in; one whose value is not given stays as it is.

    Raises
    ------
    InputError
        As `placeholders`, or when a division is by zero or a number too large.

    Examples
    --------
    >>> filled("--scale {1-dose} --decay {dose/1000} --out {out}", {"dose": 0.9})
    '--scale 0.1 --decay 0.0009 --out {out}'
    """
    known = set(values)
    done = [
        part.text + ("" if part.expression is None else _filled_in(text, part.expression, values, known))
        for part in _parts(text)
    ]
    return "".join(done)


def plain_number(number: Fraction | float) -> str:
    """Return a number as programs read it: all digits that it needs, whole ones without a point.

    Examples
    --------
    >>> [plain_number(x) for x in (10.0, 0.1, 1e-5, 1e300, Fraction(1, 3))]
    ['10', '0.1', '0.00001', '1e+300', '0.3333333333333333']
    """
    value = float(number)
    if value == int(value) and abs(value) < _REACH[1]:
        return str(int(value))
    plainly = _REACH[0] <= abs(value) < _REACH[1]
    return format(Decimal(repr(value)), "f") if plainly else repr(value)


@dataclass(frozen=True)
class _Part:
    """A piece of text, and what stands in {} after it."""

    text: str
    expression: str | None


def _parts(text: str) -> Iterator[_Part]:
    try:
        for literal, expression, form, conversion in string.Formatter().parse(text):
            if form or conversion:
                raise InputError(
                    f"{{{expression}...}} in {text!r} asks for a format; expected a name or arithmetic alone,"
                    " and {{ }} for braces that mean themselves"
                )
            yield _Part(literal, None if expression is None else expression.strip())
    except ValueError as error:
        raise InputError(
            f"{text!r}: {str(error).lower()}; expected {{name}}, and {{{{ }}}} for braces that mean themselves"
        ) from None


def _filled_in(text: str, expression: str, values: Values, known: set[str]) -> str:
    names = _names(text, expression)
    if not names <= known:
        return f"{{{expression}}}"
    if expression in TEXTS:
        return str(values[expression])
    try:
        return plain_number(_reckoned(_parsed(text, expression), values))
    except (ZeroDivisionError, OverflowError) as error:
        at = ", ".join(f"{name}={plain_number(float(values[name]))}" for name in sorted(names))
        why = "division by zero" if isinstance(error, ZeroDivisionError) else error
        raise InputError(f"{{{expression}}} in {text!r} cannot be reckoned at {at}: {why}") from None


def _names(text: str, expression: str) -> set[str]:
    """Return the names in one placeholder, after checking it."""
    if expression in TEXTS:
        return {expression}
    tree = _parsed(text, expression)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in sorted(names):
        if name in TEXTS:
            raise InputError(f"{{{expression}}} in {text!r} reckons with {name}, which is text; expected {{{name}}}")
        pick("placeholder", name, [*NUMBERS, *TEXTS])
    return names


def _parsed(text: str, expression: str) -> ast.expr:
    wrong = InputError(
        f"{{{expression}}} in {text!r} is no placeholder; expected one of {listing([*NUMBERS, *TEXTS])}, numbers with"
        " + - * / and parentheses, or {{ }} for braces that mean themselves"
    )
    if len(expression) > LONGEST:
        raise wrong
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        raise wrong from None
    if not all(_is_arithmetic(node) for node in ast.walk(tree)):
        raise wrong
    return tree


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float) and abs(node.value) < 1e300  # pyright: ignore
    allowed = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, ast.UAdd, ast.USub, *_OPERATIONS)
    return isinstance(node, allowed)


def _reckoned(node: ast.expr, values: Values) -> Fraction:
    """Return what an expression comes to; `_parsed` has seen to it that there is nothing else in it."""
    match node:
        case ast.BinOp(left, operator, right):
            return _OPERATIONS[type(operator)](_reckoned(left, values), _reckoned(right, values))
        case ast.UnaryOp(operator, operand):
            return _reckoned(operand, values) * (-1 if isinstance(operator, ast.USub) else 1)
        case ast.Name(name):
            return _exact(float(values[name])) if isinstance(values[name], float) else Fraction(values[name])
        case ast.Constant(value):
            return _exact(value) if isinstance(value, float) else Fraction(int(str(value)))
        case _:
            raise AssertionError(node)


def _exact(number: float) -> Fraction:
    """Return the decimal fraction that a number is written as."""
    return Fraction(Decimal(repr(number)))
