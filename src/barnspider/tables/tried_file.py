"""What `heal` and `judge` wrote of what was tried: the JSON of a judgement, read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barnspider.errors import InputError
from barnspider.tables.prescription_file import PrescriptionFile, complaint
from barnspider.tried import Tried, tried_of


class _Round(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    doses: list[float]
    harmed: list[str]
    receiving: list[str]
    reason: str


class _File(BaseModel):
    """The judgement itself is made anew: of the document only what was tried is read."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    schema_: Literal["barnspider/judgement/1"] = Field(alias="schema")
    prescriptions: dict[str, PrescriptionFile] = {}
    rounds: list[_Round] = []
    same: dict[str, float] = {}
    cost: dict[str, int] = {}
    about: dict[str, str] = {}
    at: float | None = None
    notes: list[str] = []


def read_tried(path: str | Path) -> Tried:
    """Read what was tried from a judgement's JSON.

    Raises
    ------
    InputError
        Naming the file and the field: when it cannot be read, or is no judgement.
    """
    path = Path(path)
    try:
        found = _File.model_validate(json.loads(path.read_text(encoding="utf-8-sig")))
        return tried_of(found.model_dump(by_alias=True))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{str(path)!r} cannot be read: {why}; expected a judgement (JSON)") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{str(path)!r} is no JSON: {error}") from None
    except RecursionError:
        raise InputError(f"{str(path)!r} is no judgement: it is nested too deeply") from None
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no judgement: {complaint(error.errors()[0])}") from None
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
