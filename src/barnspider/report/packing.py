"""Numbers -> short text for the page, exact in every digit that is shown; and all of it in one inert string."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARE = 20_000  # a proportion is stored as a 16-bit number: steps of 0.005 points
CHANCE = 30_000  # a probability likewise
MISSING = -32_768  # NaN


def shares(values: Floats, *, drawn: bool = True) -> str:
    """Return proportions for the page, which shows them in points with one decimal, just as `words.points`.

    Those that are only told, not drawn, keep no more than that decimal: it makes the page smaller.

    Examples
    --------
    >>> shares(np.array([0.0, 0.5]))
    'AAAQJw=='
    """
    return _text(_numbers(values, SHARE, 100, 1, drawn=drawn))


def chances(values: Floats) -> str:
    """Return p- or q-values for the page, which shows them with three decimals, just as `words.chance`."""
    numbers = _numbers(values, CHANCE, 1, 3, drawn=True)
    return _text(np.where((values.ravel() < 0.001) & (numbers > 0), np.minimum(numbers, CHANCE / 1000 - 1), numbers))


def per_cents(values: Floats) -> str:
    """Return probabilities for the page, which shows them in whole per cent."""
    return _text(_numbers(values, CHANCE, 100, 0, drawn=False))


def doses(values: Floats) -> str:
    """Return doses with three digits as base64 of 32-bit floats; NaN and infinity are themselves."""
    rounded = np.array([float(f"{x:.3g}") for x in values.ravel().tolist()])
    return base64.b64encode(rounded.astype("<f4").tobytes()).decode()


def whole(values: NDArray[np.integer[Any]]) -> str:
    """Return whole numbers from 0 up as base64 of 32-bit ones.

    Examples
    --------
    >>> whole(np.array([1, 2]))
    'AQAAAAIAAAA='
    """
    return base64.b64encode(values.astype("<u4").tobytes()).decode()


def _numbers(values: Floats, scale: int, factor: int, digits: int, *, drawn: bool) -> Floats:
    """Return whole numbers that round to the same decimal as the values do in Python, and never lie half-way."""
    x = np.clip(np.nan_to_num(values.ravel(), nan=0.0), -1.0, 1.0)
    finest = factor * 10**digits
    shown = np.rint(x * finest)
    near = np.abs(np.abs(x * finest - np.trunc(x * finest)) - 0.5) < 1e-6
    shown[near] = [round(float(f"{factor * v:.{digits}f}") * 10**digits) for v in x[near].tolist()]
    step = scale / finest
    room = step / 2 - 1 if drawn else 0
    numbers = np.clip(np.rint(x * scale), step * shown - room, step * shown + room)
    numbers = np.where(x > 0, np.maximum(numbers, 1), np.where(x < 0, np.minimum(numbers, -1), 0))  # signs stay
    return np.where(np.isnan(values.ravel()), MISSING, numbers)


def _text(numbers: Floats) -> str:
    return base64.b64encode(numbers.astype("<i2").tobytes()).decode()


def sealed(value: object) -> str:
    """Return JSON, deflated, as base64: inert inside a script element, whatever strings it holds, and short.

    Examples
    --------
    >>> sealed("</script>")
    'eNpTstEvTi7KLCixUwIAFEADgw=='
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode()
