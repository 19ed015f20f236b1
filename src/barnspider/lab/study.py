"""A study file (TOML) -> a sweep of ours, or of a command.

Every mistake is said with the file, the field, and what would have been right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from barnspider.errors import InputError, pick
from barnspider.lab.command import Command, CommandSweep
from barnspider.lab.command.sweep import checked_dose
from barnspider.lab.recipe import Dose, Recipe
from barnspider.lab.sweep import Sweep

AnySweep = Sweep | CommandSweep
"""What a study file plans: our own trainings, or runs of a command."""


class _SweepTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    vary: str
    doses: list[float | list[float]]
    seeds: int | list[int]
    baseline: float | list[float] | None = None


class _StudyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    keep: str = ""
    recipe: dict[str, Any] | None = None
    command: Any = None
    sweep: _SweepTable
    paired: bool = False
    environment: dict[str, str | int] = {}
    files: list[str] = []
    classes: list[str] = []
    on: str = ""
    timeout: float | None = None
    retries: int = 0
    workers: int = 1


def read_study(path: str | Path) -> AnySweep:
    """Read a study file: `name`, a table `[sweep]` (vary, doses, seeds), and what is to be trained.

    That is a table `[recipe]` (fields of `Recipe`), or `command` and what goes with it (fields of `Command`, and
    `paired`); commands are started in the folder of the study file. `seeds = 4` means the seeds 0 to 3. `baseline = 10`
    says with which of the doses the others are compared; a sweep over a plain field, such as epochs, needs it, and so
    does one of a command where no dose is 0. `keep = "weights"` keeps the weights of our own trainings.

    Raises
    ------
    InputError
        When the file is missing, is no TOML, has an unknown or missing field, or a value out of range.
    """
    path = Path(path)
    try:
        study = _StudyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _planned(study, path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}; expected a study file (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} is no TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no study: " + "; ".join(map(_complaint, error.errors()))) from None
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _planned(study: _StudyFile, path: Path) -> AnySweep:
    table = study.sweep
    if isinstance(table.seeds, int) and table.seeds < 1:
        raise InputError(f"seeds={table.seeds}; expected how many seeds, at least 1, or a list of seeds")
    seeds = tuple(range(table.seeds) if isinstance(table.seeds, int) else table.seeds)
    name = study.name or path.stem
    if study.command is not None and study.recipe is not None:
        raise InputError("both [recipe] and command say what is to be trained; expected one of them")
    if study.command is not None and study.keep:
        raise InputError(f"keep={study.keep!r} is for our own trainings; a command keeps what it wants to keep")
    if study.command is not None:
        return _commands(study, study.command, seeds, name, path.parent)
    if idle := sorted(study.model_fields_set - {"name", "keep", "recipe", "command", "sweep"}):
        raise InputError(f"field {idle[0]!r} goes with a command, and there is none")
    if study.recipe is None:
        raise InputError("nothing says what is to be trained; expected a table [recipe], or command = '...'")
    return _trainings(study.recipe, table, seeds, name, study.keep)


def _commands(study: _StudyFile, command: Any, seeds: tuple[int, ...], name: str, folder: Path) -> CommandSweep:
    if not isinstance(command, str) and not (isinstance(command, list) and all(isinstance(w, str) for w in command)):
        raise InputError(f"command={command!r}; expected one line, or a list of words")
    base = Command(
        command, folder=folder, environment={variable: str(value) for variable, value in study.environment.items()},
        files=tuple(study.files), classes=tuple(study.classes), on=study.on, timeout=study.timeout,
        retries=study.retries, workers=study.workers,
    )  # fmt: skip
    table = study.sweep
    doses, baseline = tuple(map(checked_dose, table.doses)), table.baseline
    return CommandSweep(
        base, table.vary, doses, seeds, name, None if baseline is None else checked_dose(baseline), study.paired
    )


def _trainings(recipe: Mapping[str, Any], table: _SweepTable, seeds: tuple[int, ...], name: str, keep: str) -> Sweep:
    for field in recipe:
        pick("field of [recipe]", field, [f.name for f in fields(Recipe)])
    if "dataset" not in recipe:
        raise InputError("[recipe] has no field 'dataset'; expected the name or path of a data set")
    return Sweep(
        base=Recipe(**recipe),
        vary=table.vary,
        doses=tuple(_dose(d) for d in table.doses),
        seeds=seeds,
        name=name,
        baseline_dose=None if table.baseline is None else _dose(table.baseline),
        keep=keep,
    )


def _dose(dose: float | list[float]) -> Dose:
    return tuple(dose) if isinstance(dose, list) else dose


def _complaint(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        above = error["loc"][-1] in _StudyFile.model_fields and len(error["loc"]) > 1
        return f"field {field!r} is unknown{'; write it above the tables in []' if above else ''}"
    if error["type"] == "missing":
        return f"field {field!r} is missing"
    return f"field {field!r} is {error['input']!r}: {error['msg'].lower()}"
