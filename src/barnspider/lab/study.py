"""A study file (TOML) -> a Sweep. Every mistake is said with the file, the field, and what would have been right."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from barnspider.errors import InputError, pick
from barnspider.lab.recipe import Dose, Recipe
from barnspider.lab.sweep import Sweep


class _SweepTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    vary: str
    doses: list[float | list[float]]
    seeds: int | list[int]
    baseline: float | list[float] | None = None


class _StudyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    recipe: dict[str, Any]
    sweep: _SweepTable


def read_study(path: str | Path) -> Sweep:
    """Read a study file: `name`, a table `[recipe]` (fields of `Recipe`) and a table `[sweep]` (vary, doses, seeds).

    `seeds = 4` means the seeds 0 to 3. `baseline = 10` says with which of the doses the others are compared; a sweep
    over a plain field, such as epochs, needs it.

    Raises
    ------
    InputError
        When the file is missing, is no TOML, has an unknown or missing field, or a value out of range.
    """
    path = Path(path)
    try:
        study = _StudyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _sweep(study, default_name=path.stem)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}; expected a study file (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} is no TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no study: " + "; ".join(map(_complaint, error.errors()))) from None
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _sweep(study: _StudyFile, default_name: str) -> Sweep:
    for name in study.recipe:
        pick("field of [recipe]", name, [f.name for f in fields(Recipe)])
    if "dataset" not in study.recipe:
        raise InputError("[recipe] has no field 'dataset'; expected the name or path of a data set")
    table = study.sweep
    if isinstance(table.seeds, int) and table.seeds < 1:
        raise InputError(f"seeds={table.seeds}; expected how many seeds, at least 1, or a list of seeds")
    return Sweep(
        base=Recipe(**study.recipe),
        vary=table.vary,
        doses=tuple(_dose(d) for d in table.doses),
        seeds=tuple(range(table.seeds) if isinstance(table.seeds, int) else table.seeds),
        name=study.name or default_name,
        baseline_dose=None if table.baseline is None else _dose(table.baseline),
    )


def _dose(dose: float | list[float]) -> Dose:
    return tuple(dose) if isinstance(dose, list) else dose


def _complaint(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"field {field!r} is unknown"
    if error["type"] == "missing":
        return f"field {field!r} is missing"
    return f"field {field!r} is {error['input']!r}: {error['msg'].lower()}"
