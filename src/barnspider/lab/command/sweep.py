"""A CommandSweep plans as a Sweep does: the same command at several doses of a knob that is the user's own."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from barnspider.errors import InputError, listing
from barnspider.files import sha256
from barnspider.lab.command.template import Values, filled, join_words, placeholders, split_words
from barnspider.lab.recipe import Dose
from barnspider.lab.sweep import check_distinct, checked_seed, digest, dose_name
from barnspider.prescription import Prescription, from_document, other_classes

COMMAND_VERSION = 1
"""Raised when what a command is given changes, so that the same study would have other answers: part of every key."""


@dataclass(frozen=True)
class Command:
    """What is started for every run, but for its dose and its seed.

    Attributes
    ----------
    words
        The program and its arguments, with placeholders (see `template`): one line, split as a shell splits it, or a
        list of words. No shell is started.
    folder
        Where it is started: the folder of the study file.
    environment
        Variables beside those that barnspider itself has; placeholders are filled in here, too.
    files
        Files (or patterns, "*.py") below the folder whose content may change the answers: part of every run's key.
    classes
        The names of all classes, where it matters that some are never seen; else those that the first run names.
    on
        What the images are called.
    timeout
        Seconds after which a command is stopped; None waits for ever.
    retries
        How often one that failed is started again.
    workers
        How many run side by side, unless `barnspider run --workers` says otherwise.

    Raises
    ------
    InputError
        When there is no command, a placeholder is unknown, or a number is out of range.

    Examples
    --------
    >>> command = Command("python train.py --drop {dose} --seed {seed} --out {out}")
    >>> command.line({"dose": 0.5, "seed": 3})
    'python train.py --drop 0.5 --seed 3 --out {out}'
    """

    words: Sequence[str]
    folder: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    on: str = ""
    timeout: float | None = None
    retries: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        words = split_words(self.words) if isinstance(self.words, str) else tuple(self.words)
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "folder", Path(self.folder).absolute())
        if not self.words or not self.words[0]:
            raise InputError("command is empty; expected a program and its arguments, such as 'python train.py ...'")
        if any("\0" in text for text in (*self.words, *self.environment, *self.environment.values())):
            raise InputError("command or environment holds a NUL character; remove it")
        if bad := [name for name in self.environment if not name or "=" in name]:
            raise InputError(f"environment has {bad[0]!r}; expected names of variables, without =")
        if "out" not in self.placeholders:
            raise InputError("command has no {out}; expected it where the command is told to leave its predictions")
        if self.classes:
            check_distinct("classes", self.classes)
        self._check_numbers()

    def _check_numbers(self) -> None:
        if self.timeout is not None and not (math.isfinite(self.timeout) and self.timeout > 0):
            raise InputError(f"timeout={self.timeout!r}; expected seconds, more than 0")
        for name, least in (("retries", 0), ("workers", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name}={value!r}; expected a whole number from {least} up")

    @property
    def placeholders(self) -> set[str]:
        """What is filled in when the command is started."""
        return {name for text in (*self.words, *self.environment.values()) for name in placeholders(text)}

    def filled(self, values: Values) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the words and the environment with these values in their places; other placeholders stay."""
        words = tuple(filled(word, values) for word in self.words)
        return words, {name: filled(text, values) for name, text in self.environment.items()}

    def line(self, values: Values) -> str:
        """Return what would be typed into a shell to start it."""
        words, environment = self.filled(values)
        return join_words([*(f"{name}={value}" for name, value in environment.items()), *words])

    def listed(self) -> list[Path]:
        """Return the files that the study lists; `InputError` when one is not there."""
        found: list[Path] = []
        for pattern in self.files:
            paths = [path for path in sorted(self.folder.glob(pattern)) if path.is_file()]
            if not paths:
                raise InputError(f"files has {pattern!r}, and there is no such file in {str(self.folder)!r}")
            found += paths
        return found

    def sums(self) -> dict[str, str]:
        """Return the SHA-256 of each file that the study lists, by its name; `InputError` when one is not there."""
        return {path.relative_to(self.folder).as_posix(): sha256(path) for path in self.listed()}


@dataclass(frozen=True)
class CommandRun:
    """One run of a command, the sums of its files when it was planned, and its key.

    The key is a hash of what would be started, {out}, {prescription}, {worker} and {python} left open: of the words and
    the environment that are given, of the seed, of the files that the study lists, of the classes that it names, and of
    the doses that are prescribed.
    """

    command: Command
    arm: str
    dose: float | None
    seed: int
    sums: Mapping[str, str]
    key: str
    paired: bool
    prescription: Prescription | None = None

    @property
    def keeps_weights(self) -> bool:
        """A command keeps what it wants to keep."""
        return False

    @property
    def values(self) -> dict[str, str | int | float]:
        """What is filled in wherever the run is started."""
        rx = self.prescription
        dose = rx.at if rx is not None else self.dose
        assert dose is not None, "a run without a prescription has a dose"
        return {"dose": dose, "seed": self.seed, "arm": self.arm}


@dataclass(frozen=True)
class CommandSweep:
    """The same command at several doses of one knob, with several seeds each.

    Attributes
    ----------
    base : the command
    vary : what the knob is called: any name
    doses : numbers; or one for each class, as one of `prescribed` has them
    seeds : whole numbers from 0 up
    name : what the study is called; by default the name of the knob
    baseline_dose : the dose that the others are compared with; by default 0
    paired : whether the command makes runs of equal seed share their random numbers, whatever the dose
    prescribed : the prescriptions that some of the doses come from; the command gets a file of them

    Raises
    ------
    InputError
        When a dose or a seed is none or stands twice, when the command does not know them apart, has no {prescription}
        where there is one, or it is for other classes; or when the baseline is not among the doses, or is needed and
        not said.

    Examples
    --------
    >>> command = Command("python train.py --drop {dose} --seed {seed} --out {out}")
    >>> sweep = CommandSweep(command, vary="drop", doses=(0, 0.5), seeds=range(2))
    >>> [(run.arm, run.seed) for run in sweep.runs()]
    [('drop=0', 0), ('drop=0.5', 0), ('drop=0', 1), ('drop=0.5', 1)]
    """

    base: Command
    vary: str
    doses: tuple[Dose, ...]
    seeds: tuple[int, ...]
    name: str = ""
    baseline_dose: float | None = None
    paired: bool = False
    prescribed: tuple[Prescription, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", tuple(map(self._checked, self.doses)))
        object.__setattr__(self, "seeds", tuple(map(checked_seed, self.seeds)))
        if not self.vary.strip() or "\0" in self.vary:
            raise InputError(f"vary={self.vary!r}; expected what the knob is called")
        object.__setattr__(self, "name", self.name or self.vary)
        check_distinct("doses", self.doses)
        check_distinct("seeds", self.seeds)
        self._check_told_apart()
        if self.baseline_dose is not None:
            object.__setattr__(self, "baseline_dose", checked_dose(self.baseline_dose))
        self._check_baseline()
        for rx in self.prescribed:
            rx.check(rx.classes, self.vary)
            if self.base.classes:
                refuse_other_classes(rx, self.base.classes)
        for run in self._planned({}):
            self.base.filled(run.values)

    def _checked(self, dose: object) -> Dose:
        """Return a dose as a number, or as a prescription has it; `InputError` when it is neither."""
        given = tuple(dose) if isinstance(dose, list) else dose
        if isinstance(given, tuple) and any(rx.dose == given for rx in self.prescribed):
            if "prescription" not in self.base.placeholders:
                raise InputError(
                    "a dose is prescribed for each class, and command has no {prescription}; expected it where the"
                    " command is told the file"
                )
            return given
        return checked_dose(dose)

    def _check_told_apart(self) -> None:
        """Refuse a command that would be the same for several doses, or for several seeds."""
        has = self.base.placeholders
        numbers = [dose for dose in self.doses if not isinstance(dose, tuple)]
        told = {"dose", "arm"} | ({"prescription"} if len(numbers) < 2 else set[str]())
        for name, items, enough in (("dose", self.doses, told), ("seed", self.seeds, {"seed"})):
            if len(items) > 1 and not has & enough:
                raise InputError(
                    f"command has no {{{name}}}, so all {len(items)} {name}s would be the same; expected {{{name}}}"
                    " among its words or in the environment"
                )

    def _check_baseline(self) -> None:
        expected = f"expected one of the doses: {listing(self.doses)}"
        if self.baseline_dose is None and 0 not in self.doses:
            raise InputError(f"vary={self.vary!r} has no dose 0, so it needs a baseline; {expected}")
        if self.baseline_dose is not None and self.baseline_dose not in self.doses:
            raise InputError(f"baseline={self.baseline_dose!r} is not in the sweep; {expected}")

    def _planned(self, sums: Mapping[str, str]) -> list[CommandRun]:
        """Return every run, seed by seed, without its key."""
        found = {rx.dose: rx for rx in self.prescribed}
        return [
            CommandRun(
                self.base, dose_name(self.vary, dose), None if isinstance(dose, tuple) else dose, seed, sums, "",
                self.paired, found[dose] if isinstance(dose, tuple) else None,
            )
            for seed in self.seeds
            for dose in self.doses
        ]  # fmt: skip

    def runs(self) -> tuple[CommandRun, ...]:
        """Return every run, seed by seed; reads the files that the command lists, once."""
        return tuple(replace(run, key=self._key(run)) for run in self._planned(self.base.sums()))

    def _key(self, run: CommandRun) -> str:
        words, environment = self.base.filled(run.values)
        rx = run.prescription
        prescribed = {} if rx is None else {"prescribed": [list(rx.classes), list(rx.doses)]}
        return digest({
            "kind": "command", "version": COMMAND_VERSION, "words": list(words), "environment": environment,
            "seed": run.seed, "files": dict(run.sums), "classes": list(self.base.classes), **prescribed,
        })  # fmt: skip

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with: the one stated, else dose 0."""
        return dose_name(self.vary, 0.0 if self.baseline_dose is None else self.baseline_dose)

    @property
    def identity(self) -> str:
        """The study's name and a hash of its command: sweeps that may be joined have the same."""
        parts = [list(self.base.words), dict(self.base.environment), list(self.base.classes), self.vary]
        return f"{self.name}-{digest(parts)[:6]}"

    def with_doses(self, doses: Iterable[Dose]) -> CommandSweep:
        """Return the same sweep at other doses, among which the baseline must be."""
        return replace(self, doses=tuple(doses))

    def with_seeds(self, seeds: Iterable[int]) -> CommandSweep:
        """Return the same sweep with other seeds."""
        return replace(self, seeds=tuple(seeds))

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; what is at its default is left out."""
        base = self.base
        plan: dict[str, Any] = {
            "name": self.name, "vary": self.vary, "doses": list(self.doses), "seeds": list(self.seeds),
            "command": join_words(base.words), "folder": str(base.folder),
        }  # fmt: skip
        said = {
            "environment": dict(base.environment), "files": list(base.files), "classes": list(base.classes),
            "on": base.on, "timeout": base.timeout, "retries": base.retries, "paired": self.paired,
            "workers": base.workers if base.workers > 1 else 0,
            "prescribed": [rx.to_json() for rx in self.prescribed],
        }  # fmt: skip
        plan |= {name: value for name, value in said.items() if value}
        return plan if self.baseline_dose is None else plan | {"baseline": self.baseline_dose}

    @classmethod
    def from_dict(cls, plan: Mapping[str, Any]) -> CommandSweep:
        """Make the sweep that `as_dict` described."""
        base = Command(
            words=shlex.split(plan["command"]), folder=Path(plan["folder"]), environment=plan.get("environment", {}),
            files=tuple(plan.get("files", ())), classes=tuple(plan.get("classes", ())), on=plan.get("on", ""),
            timeout=plan.get("timeout"), retries=plan.get("retries", 0), workers=plan.get("workers", 1),
        )  # fmt: skip
        return cls(
            base, plan["vary"], plan["doses"], plan["seeds"], plan["name"], plan.get("baseline"),
            plan.get("paired", False), tuple(map(from_document, plan.get("prescribed", ()))),
        )  # fmt: skip


def refuse_other_classes(rx: Prescription, classes: Sequence[str]) -> None:
    """Raise `InputError` when a prescription is for other classes; their order is no matter, for the file has names."""
    if set(rx.classes) != set(classes):
        raise InputError(other_classes(rx.classes, classes))


def checked_dose(dose: object) -> float:
    """Return a dose as a number; `InputError` when it is none."""
    if isinstance(dose, list | tuple):
        raise InputError(
            f"dose={listing(dose)} has one number per class; a command takes one number, or the name of a prescription,"
            " a file *.json"
        )
    if isinstance(dose, bool) or not isinstance(dose, int | float) or not math.isfinite(dose):
        raise InputError(f"dose={dose!r}; expected a number")
    return float(dose)
