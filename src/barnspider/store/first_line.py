"""The first line of a packed file: what it must hold. What strangers wrote is checked before anything is made of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barnspider.names import visible


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class CellLine(_Strict):
    """A planned run."""

    arm: str
    dose: float | None
    seed: int
    key: str
    paired: bool = True
    keeps_weights: bool = False


class PlanLine(_Strict):
    """A study's plan; the last `earlier` of its cells are of earlier plans."""

    identity: str
    sweep: dict[str, Any]
    cells: list[CellLine]
    earlier: int = Field(ge=0)


class RunLine(_Strict):
    """What is known of a run; one that was not sealed has no fingerprint."""

    status: str
    fingerprint: str | None = None
    recipe: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    seconds: float | None = None
    same_models: bool | None = None


class ImagesLine(_Strict):
    """What images are called, and their classes."""

    name: str
    classes: list[str]


class PartLine(_Strict):
    """Bytes that follow."""

    what: str
    fingerprint: str
    split: str
    size: int = Field(ge=0)
    runs: list[str] = []


class FirstLine(_Strict):
    """All of it."""

    schema_: str = Field(alias="schema")
    studies: list[PlanLine]
    runs: dict[str, RunLine]
    images: dict[str, ImagesLine]
    parts: list[PartLine]


def checked(line: bytes) -> FirstLine:
    """Return what a first line holds.

    Raises
    ------
    ValueError
        When a field is missing, unknown or wrong: the first such, in one line.

    Examples
    --------
    >>> checked(b'{"schema": "barnspider/packed/1", "studies": [], "runs": {}, "images": {}, "parts": 3}')
    Traceback (most recent call last):
    ValueError: parts: Input should be a valid array (got 3)
    """
    try:
        return FirstLine.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(visible(str(part)) for part in first["loc"]) or "its first line"
        raise ValueError(f"{where}: {first['msg']} (got {visible(repr(first['input']), 100)})") from None
