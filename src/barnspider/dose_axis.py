"""What stands at the axis of the doses: the knob's name, and the field's usual parameter below each dose."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass

from barnspider.errors import InputError
from barnspider.names import visible

LONGEST = 200
"""Characters of a parameter's name with its expression."""

_Line = tuple[float, float]  # offset, slope


@dataclass(frozen=True)
class Usual:
    """The parameter that a field is used to, as a straight line of the dose: offset + slope * dose.

    Examples
    --------
    >>> usual = Usual.parse("torchvision's scale = 1 - dose")
    >>> usual.name, round(usual.at(0.92), 6), str(usual)
    ("torchvision's scale", 0.08, "torchvision's scale = 1 - dose")
    """

    name: str
    offset: float
    slope: float

    @classmethod
    def parse(cls, text: str) -> Usual:
        """Read "NAME = EXPRESSION", where the expression is numbers, + - * / ( ) and `dose`.

        Raises
        ------
        InputError
            When it is no such text, or the expression is no straight line of the dose, or does not depend on it.
        """
        name, equals, expression = (part.strip() for part in text.partition("="))
        if len(text) > LONGEST:
            raise _refused(text, f"it has {len(text)} characters; at most {LONGEST} fit an axis")
        if not equals or not name:
            raise _refused(text, "there is no name before an equals sign")
        offset, slope = _line_of(text, expression)
        if not (math.isfinite(offset) and math.isfinite(slope)):
            raise _refused(text, "its numbers are too large")
        if slope == 0:
            raise _refused(text, "it does not depend on the dose")
        return cls(name, offset, slope)

    def at(self, dose: float) -> float:
        """Return the parameter at a dose."""
        return self.offset + self.slope * dose

    def __str__(self) -> str:
        factor = "" if abs(self.slope) == 1 else f"{_number(abs(self.slope))} * "
        if self.offset:
            line = f"{_number(self.offset)} {'-' if self.slope < 0 else '+'} {factor}dose"
        else:
            line = f"{'-' if self.slope < 0 else ''}{factor}dose"
        return f"{self.name} = {line}"


@dataclass(frozen=True)
class DoseAxis:
    """The axis of the doses: which knob they turn, where that is known, and its usual parameter, where it has one.

    Examples
    --------
    >>> DoseAxis("crop", Usual.parse("torchvision's scale = 1 - dose")).title()
    ['dose of crop', "below: torchvision's scale"]
    >>> DoseAxis().title()
    ['dose']
    """

    knob: str = ""
    usual: Usual | None = None

    def title(self) -> list[str]:
        """Return what the axis is called, one line or two; a stranger's words are made visible."""
        first = f"dose of {visible(self.knob, 40).replace('_', ' ')}" if self.knob else "dose"
        return [first] if self.usual is None else [first, f"below: {visible(self.usual.name, LONGEST)}"]


UNKNOWN = DoseAxis()
"""Of a study of which nothing is known but its doses."""


def _line_of(text: str, expression: str) -> _Line:
    # Nothing is evaluated: the text is parsed, and its tree read.
    if not re.fullmatch(r"(?:dose|[0-9.eE+\-*/()\s])+", expression, re.ASCII):
        raise _refused(text, f"{visible(expression)!r} is more than numbers, + - * / ( ) and dose")
    try:
        return _line(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, ZeroDivisionError) as error:
        raise _refused(text, f"{visible(expression)!r} is no straight line of the dose") from error


def _line(node: ast.expr) -> _Line:
    """Return offset and slope of a tree; `ValueError` when it is no straight line."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number), 0.0
        case ast.Name(id="dose"):
            return 0.0, 1.0
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
            offset, slope = _line(inner)
            return (-offset, -slope) if isinstance(sign, ast.USub) else (offset, slope)
        case ast.BinOp(left=left, op=operation, right=right):
            return _joined(_line(left), operation, _line(right))
        case _:
            raise ValueError(ast.dump(node))


def _joined(left: _Line, operation: ast.operator, right: _Line) -> _Line:
    (a, b), (c, d) = left, right
    match operation:
        case ast.Add():
            return a + c, b + d
        case ast.Sub():
            return a - c, b - d
        case ast.Mult() if not (b and d):
            return a * c, a * d + b * c
        case ast.Div() if not d:
            return a / c, b / c
        case _:
            raise ValueError(ast.dump(operation))


def _refused(text: str, why: str) -> InputError:
    return InputError(
        f"usual={visible(text)!r} cannot be read: {why}; expected NAME=EXPRESSION, a straight line of the dose, such as"
        " 'scale=1-dose' or 'magnitude=30*dose'"
    )


def _number(x: float) -> str:
    return f"{x:g}" if float(f"{x:g}") == x else repr(x)
