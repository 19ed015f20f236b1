"""A prescription's file: JSON that this project writes and that any trainer may read, or write by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barnspider.errors import InputError
from barnspider.files import write_whole
from barnspider.names import visible
from barnspider.prescription import Prescription, from_document


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    class_: str = Field(alias="class")
    dose: float
    why: str = ""


class _Expected(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    mean: list[float] = Field(min_length=3, max_length=3)
    against_all: list[float] = Field(min_length=3, max_length=3)
    harmed: int
    harmed_at: int


class PrescriptionFile(BaseModel):
    """The document as it stands in a file."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    schema_: Literal["barnspider/prescription/1"] = Field(alias="schema")
    vary: str
    rule: str = "by hand"
    at: float
    studied: list[float]
    chosen_on: str = ""
    judged_on: str = ""
    seeds: list[int] = []
    chosen: _Expected | None = None
    judged: _Expected | None = None
    doubt: str = ""
    note: str = ""
    classes: list[_Row]


def write_prescription(prescription: Prescription, path: str | Path) -> Path:
    """Write a prescription as JSON, whole or not at all.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    text = json.dumps(prescription.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
    return write_whole(Path(path), lambda file: file.write(f"{text}\n".encode()))


def read_prescription(path: str | Path) -> Prescription:
    r"""Read what `write_prescription` wrote, or somebody wrote by hand.

    Raises
    ------
    InputError
        Naming the file and the field: when it cannot be read, a field is missing, unknown or of another type, or a
        dose is beyond those that were studied.

    Examples
    --------
    >>> import tempfile
    >>> rx = Prescription("crop", ("cat", "dog"), (0.0, 0.4), "receivers", 0.4, (0.0, 0.2, 0.4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_prescription(write_prescription(rx, f"{folder}/rx.json")) == rx
    True
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{str(path)!r} cannot be read: {why}; expected a prescription (JSON)") from None
    try:
        return from_document(PrescriptionFile.model_validate(json.loads(text)).model_dump(by_alias=True))
    except json.JSONDecodeError as error:
        raise InputError(f"{str(path)!r} is no JSON: {error}") from None
    except RecursionError:
        raise InputError(f"{str(path)!r} is no prescription: it is nested too deeply") from None
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no prescription: {complaint(error.errors()[0])}") from None
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def complaint(error: Any) -> str:
    """Return what pydantic found wrong, and in which field."""
    at = ".".join(map(str, error["loc"]))
    got = "" if error["type"] == "missing" else f", got {visible(repr(error['input']), 100)}"
    return f"{at or 'the document'}: {error['msg'].lower()}{got}"
