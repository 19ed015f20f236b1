"""Results -> plain JSON values."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def dumps(schema: str, result: Any) -> str:
    """Return a result's fields as JSON text that begins with its schema; what is not finite becomes null.

    Examples
    --------
    >>> from barnspider.predictions import LeftOut
    >>> dumps("example/1", LeftOut("a", 0, "missing"))
    '{"schema": "example/1", "arm": "a", "seed": 0, "why": "missing"}'
    """
    return json.dumps({"schema": schema, **plain(result)}, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return dicts, lists, numbers, texts and None for dataclasses, arrays and their parts.

    Examples
    --------
    >>> plain((np.array([1.5, np.nan]), np.bool_(True)))
    [[1.5, None], True]
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
