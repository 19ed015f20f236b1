"""A study file (TOML) -> a sweep of ours, or of a command.

Every mistake is said with the file, the field, and what would have been right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barnspider.errors import InputError, listing, pick
from barnspider.lab.command import Command, CommandSweep
from barnspider.lab.command.sweep import checked_dose
from barnspider.lab.recipe import KNOBS, Dose, Recipe
from barnspider.lab.sweep import Sweep
from barnspider.names import visible
from barnspider.prescription import Prescription
from barnspider.tables.prescription_file import read_prescription

AnySweep = Sweep | CommandSweep
"""What a study file plans: our own trainings, or runs of a command."""


EITHER = "either a command or a table [recipe]"
EXPECTED = {
    "name": "text",
    "recipe": EITHER,
    "sweep": "a table [sweep] with vary, doses and seeds",
    "vary": "what the knob is called",
    "doses": "a list of numbers; of our own trainings, one may itself be a list, a number for each class; of any, the"
    " name of a prescription, a file *.json",
    "seeds": "how many seeds, or a list of seeds",
    "baseline": "one of the doses",
    "arms": "tables [arms.NAME], each with the fields of the recipe that are others there",
    "paired": "true or false",
    "environment": "variables, each text or a whole number",
    "files": "a list of names of files",
    "classes": "a list of names",
    "on": "text",
    "timeout": "seconds",
    "retries": "a whole number",
    "workers": "a whole number",
}
"""What a field should be, in the words of a study file's writer."""


class _SweepTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    vary: str
    doses: list[float | list[float] | Annotated[str, Field(pattern=r"\.json$")]]
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
    arms: dict[str, dict[str, Any]] = {}


def read_study(path: str | Path) -> AnySweep:
    """Read a study file: `name`, a table `[sweep]` (vary, doses, seeds), and what is to be trained.

    That is a table `[recipe]` (fields of `Recipe`), or `command` and what goes with it (fields of `Command`, and
    `paired`); commands are started in the folder of the study file. `seeds = 4` means the seeds 0 to 3. `baseline = 10`
    says with which of the doses the others are compared; a sweep over a plain field, such as epochs, needs it, and so
    does one of a command where no dose is 0. A dose may be a prescription's file, beside the study file:
    `doses = [0, "rx.json"]`; so may a knob in `[recipe]`; a command is told the file by `{prescription}`.
    `keep = "weights"` keeps the weights of our own trainings; of these, a table `[arms.NAME]` is a further arm: the
    recipe with these fields instead.

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
        complaints = dict.fromkeys(map(_complaint, _first_of_each(error.errors())))
        raise InputError(f"{str(path)!r} is no study: " + "; ".join(complaints)) from None
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _planned(study: _StudyFile, path: Path) -> AnySweep:
    table = study.sweep
    if isinstance(table.seeds, int) and table.seeds < 1:
        raise InputError(f"seeds={table.seeds}; expected how many seeds, at least 1, or a list of seeds")
    seeds = tuple(range(table.seeds) if isinstance(table.seeds, int) else table.seeds)
    name = study.name or path.stem
    if study.command is not None and study.recipe is not None:
        raise InputError(f"both [recipe] and command say what is to be trained; expected {EITHER}")
    if study.command is not None and study.keep:
        raise InputError(f"keep={study.keep!r} is for our own trainings; a command keeps what it wants to keep")
    if study.command is not None and study.arms:
        raise InputError("[arms] is for our own trainings; of a command, every arm is a dose")
    if study.command is not None:
        return _commands(study, study.command, seeds, name, path.parent)
    if idle := sorted(study.model_fields_set - {"name", "keep", "recipe", "command", "sweep", "arms"}):
        raise InputError(f"field {idle[0]!r} goes with a command, and there is none")
    if study.recipe is None:
        raise InputError(f"nothing says what is to be trained; expected {EITHER}")
    return _Trainings(path.parent, table.vary).sweep(study, study.recipe, seeds, name)


def _commands(study: _StudyFile, command: Any, seeds: tuple[int, ...], name: str, folder: Path) -> CommandSweep:
    if not isinstance(command, str) and not (isinstance(command, list) and all(isinstance(w, str) for w in command)):
        raise InputError(f"command={command!r}; expected one line, or a list of words")
    base = Command(
        command, folder=folder, environment={variable: str(value) for variable, value in study.environment.items()},
        files=tuple(study.files), classes=tuple(study.classes), on=study.on, timeout=study.timeout,
        retries=study.retries, workers=study.workers,
    )  # fmt: skip
    base.listed()
    table, baseline = study.sweep, study.sweep.baseline
    found = {file: _prescription(folder / file, table.vary) for file in table.doses if isinstance(file, str)}
    doses = tuple(found[dose].dose if isinstance(dose, str) else checked_dose(dose) for dose in table.doses)
    _refuse_twice(table.doses, doses)
    return CommandSweep(
        base, table.vary, doses, seeds, name, None if baseline is None else checked_dose(baseline), study.paired,
        tuple(found.values()),
    )  # fmt: skip


def _refuse_twice(written: Sequence[object], doses: Sequence[Dose]) -> None:
    """Refuse a prescription that gives every class a dose that is there already."""
    for file, dose in zip(written, doses, strict=True):
        if isinstance(file, str) and doses.count(dose) > 1:
            raise InputError(f"{file!r} prescribes {dose!r} for every class, which is a dose already")


class _Trainings:
    """Puts a sweep of our own trainings together, and remembers which prescriptions it read."""

    def __init__(self, folder: Path, vary: str) -> None:
        self.folder = folder
        self.vary = vary
        self.prescribed: dict[str, Prescription] = {}

    def sweep(self, study: _StudyFile, recipe: Mapping[str, Any], seeds: tuple[int, ...], name: str) -> Sweep:
        """Return the sweep that the file plans."""
        if "dataset" not in recipe:
            raise InputError("[recipe] has no field 'dataset'; expected the name or path of a data set")
        table = study.sweep
        base = Recipe(**self._fields("[recipe]", recipe))
        doses = tuple(self._dose(dose, self.vary) for dose in table.doses)
        _refuse_twice(table.doses, doses)
        also = {arm: self._fields(f"[arms.{visible(arm)}]", fields) for arm, fields in study.arms.items()}
        return Sweep(
            base=base,
            vary=table.vary,
            doses=doses,
            seeds=seeds,
            name=name,
            baseline_dose=None if table.baseline is None else self._dose(table.baseline, self.vary),
            keep=study.keep,
            prescribed=tuple(self.prescribed.values()),
            also=tuple((arm, replace(base, **changed)) for arm, changed in also.items()),
        )

    def _fields(self, table: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a recipe that a table gives."""
        for field in given:
            pick(f"field of {table}", field, [f.name for f in fields(Recipe)])
        return {name: self._dose(value, name) if name in KNOBS else value for name, value in given.items()}

    def _dose(self, dose: Any, knob: str) -> Any:
        """Return a dose as a recipe takes it: a list for each class, or what a file prescribes, as a tuple."""
        if isinstance(dose, str):
            return self.prescribed.setdefault(dose, _prescription(self.folder / dose, knob)).dose
        return tuple(dose) if isinstance(dose, list) else dose


def _prescription(path: Path, knob: str) -> Prescription:
    """Read a prescription; `InputError` when it is one of another knob, or prescribes nothing."""
    found = read_prescription(path)
    found.check(found.classes, knob)
    if found.doubt:
        raise InputError(f"{str(path)!r} prescribes nothing: {found.doubt}")
    return found


def _first_of_each(errors: Iterable[Any]) -> list[Any]:
    """Return one error for each field: where several kinds of values are right, there is one for each kind."""
    return list({_field(error): error for error in reversed(list(errors))}.values())[::-1]


def _field(error: Any) -> str:
    """Return the field as it stands in the file, without what stands in its list and what it was tried to be."""
    inside = error["loc"][0] in ("sweep", "environment")
    return ".".join(str(part) for part in error["loc"][: 1 + inside])


def _complaint(error: Any) -> str:
    field = _field(error)
    if error["type"] == "extra_forbidden":
        table = _SweepTable if len(error["loc"]) > 1 else _StudyFile
        above = error["loc"][-1] in _StudyFile.model_fields and len(error["loc"]) > 1
        return (
            f"field {field!r} is unknown; write it above the tables in []"
            if above
            else f"field {field!r} is unknown; expected one of: {listing(table.model_fields)}"
        )
    if error["type"] == "missing":
        return f"field {field!r} is missing; expected {_expected(field)}"
    return f"field {field!r} has {visible(repr(error['input']), 300)}; expected {_expected(field)}"


def _expected(field: str) -> str:
    first, _, name = field.partition(".")
    return EXPECTED[name if first == "sweep" and name else first]
