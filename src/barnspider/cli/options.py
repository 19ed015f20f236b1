"""What a user may ask for: options, and groups of options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from barnspider import Effects, Predictions
from barnspider.cli.notes import adaptive_note, earlier_note, say_who_has_no_partner
from barnspider.cli.output import talk
from barnspider.errors import InputError, listing

if TYPE_CHECKING:
    from barnspider.dose_axis import DoseAxis
    from barnspider.preservation import Preservation


def _margin(text: str | float) -> float:
    """Read a margin; `InputError` where it is no proportion, so that 2 % is not taken for anything else."""
    from barnspider.gate.rules import margin

    try:
        return margin(float(text))
    except ValueError:
        return margin(text)


Over = Literal["auto", "images and runs", "images", "runs"]
Which = Literal["all", "common"]

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="A store's folder or packed file; files (CSV, JSON lines, Parquet, npz, npy); a folder, or a glob.",
    ),
]
Examined = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Predictions: a store or files, as for audit. Or a data set's name or path, as in a recipe; or a study"
        " file (TOML).",
    ),
]
LikeSources = Annotated[
    list[str],
    typer.Option(
        "--like",
        metavar="SOURCE",
        show_default=False,
        help="Judge a design that was run: a store or files, as for audit, with the same options; may be repeated.",
    ),
]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="What to train.")]
StoreFolder = Annotated[Path, typer.Option("--store", help="Folder that keeps the runs.")]
Baseline = Annotated[str | None, typer.Option(help="The arm to compare with: its name or its dose. Default: dose 0.")]
StudyName = Annotated[str | None, typer.Option("--study", help="Which study of the store, if it holds several.")]
Split = Annotated[str, typer.Option(help="Which images of the store: test or validation; or test-averaged, ...")]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
To = Annotated[Over, typer.Option("--generalize-to", help="What may differ next time.")]
Paired = Annotated[bool, typer.Option("--paired", help="Runs of equal seed in a file share their random numbers.")]
Samples = Annotated[Which, typer.Option("--samples", help="Of a file: all must be answered, or take the common ones.")]
On = Annotated[str | None, typer.Option("--on", help="Which images of a file, if its column `on` names several.")]
Classes = Annotated[
    Path | None, typer.Option("--classes", metavar="FILE", help="The classes of a file, one name on each line.")
]
CountOrClasses = Annotated[
    Path | None,
    typer.Option("--classes", metavar="N|FILE", help="How many classes. With --like: a file of their names."),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="PATH",
        help="The label of each sample, for files of predictions only: a file, or the images' folder.",
    ),
]
LabelSetsFile = Annotated[
    Path | None,
    typer.Option(
        "--label-sets", metavar="FILE", help="All right labels of each sample, where more than one answer may be right."
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="FILE|COLUMN",
        help="Groups in the place of classes: a file (class, group), or a column of the answers.",
    ),
]
FormatName = Annotated[
    Literal["auto", "long", "imagenet-x", "timm"], typer.Option("--format", help="Whose columns the files have.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="OURS=THEIRS", help="What files call a column: arm=model,sample=image."),
]
ScoresOf = Annotated[
    Literal["logits", "probabilities"] | None, typer.Option("--scores", help="What an .npy file of fractions holds.")
]
Pattern = Annotated[
    str | None, typer.Option("--pattern", help="Runs from names of files: '{arm}-seed{seed}.csv'; also {dose}, {}.")
]
Mapping = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE", help="Runs from a table: file, arm, seed, dose; or TOML.")
]
MAX_DROP = typer.Option(
    "--max-drop", parser=_margin, metavar="FLOAT", help="The loss that no class may exceed; 0.02 is two points."
)
MaxDrop = Annotated[float, MAX_DROP]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Top = Annotated[int | None, typer.Option("--top", min=1, help="How many classes of each arm to show, worst first.")]
All = Annotated[bool, typer.Option("--all", help="Show every class.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder where your data sets are.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes. Default: one for each core; on a GPU, or of commands, one."),
]
Device = Annotated[str, typer.Option("--device", help="cpu; cuda for all GPUs; or one of them, as cuda:0.")]
Margin = Annotated[float, typer.Option("--margin", help="A class is unchanged if it certainly changed by less.")]
By = Annotated[
    Literal["bh", "holm"],
    typer.Option("--correction", help="bh: few of the findings are false. holm: any false finding is rare."),
]
Usual = Annotated[
    str | None,
    typer.Option("--usual", metavar="NAME=LINE", help="The usual parameter below each dose, such as 'scale=1-dose'."),
]
Bands = Annotated[bool, typer.Option("--bands", help="Intervals that hold for all classes and arms at once.")]


@dataclass(frozen=True)
class Options:
    """A group of options that a command takes as one: each field is an option."""


@dataclass(frozen=True)
class Reading(Options):
    """The options of every command that reads answers."""

    sources: Sources
    study: StudyName = None
    paired: Paired = False
    samples: Samples = "all"
    on: On = None
    classes: Classes = None
    labels: LabelsFile = None
    format: FormatName = "auto"
    columns: Columns = None
    scores: ScoresOf = None
    pattern: Pattern = None
    mapping: Mapping = None
    label_sets: LabelSetsFile = None
    by: GroupBy = None

    @property
    def source(self) -> str | list[str]:
        """Where to read from, as `read_predictions` takes it: one source by itself, or several files."""
        return self.sources[0] if len(self.sources) == 1 else self.sources

    def read(self, split: str = "test") -> Predictions:
        """Read the answers about these images; say what was recognised."""
        from barnspider.sources import read_predictions

        self.say_what_was_recognised(self.source)
        return read_predictions(
            self.source, study=self.study, split=split, label_sets=self.label_sets, by=self.by, **self.of_files()
        )

    def given(self) -> list[str]:
        """Return what was said of how to read, besides the source: names of options."""
        told = [x for x in fields(self) if x.name != "sources" and getattr(self, x.name) != x.default]
        return [x.name.replace("_", "-") for x in told]

    def of_files(self) -> dict[str, Any]:
        """Return how files are to be read, as `read_predictions` takes it."""
        return {
            "paired": self.paired, "samples": self.samples, "on": self.on, "classes": self.names(),
            "labels": self.labels, "format": self.format, "columns": _pairs(self.columns), "scores": self.scores,
            "pattern": self.pattern, "mapping": self.mapping,
        }  # fmt: skip

    def say_what_was_recognised(self, source: str | list[str]) -> None:
        """Say what nobody asked for but was recognised: a format, a file of labels."""
        from barnspider.sources import recognised

        if said := recognised(source, **self.of_files()):
            talk(f"note: {called(source)}: {said}")

    def validation(self, like: Predictions) -> Predictions | None:
        """Read the answers to validation images as those to test images (`like`) were read; say why if they cannot be.

        None, and nothing said, if the source is no store or its runs have none.
        """
        from barnspider.validation import read_validation

        found = read_validation(self.source, like, study=self.study, label_sets=self.label_sets, by=self.by)
        if found.why_not:
            talk(
                f"note: doses are not chosen on validation images but on one half of the test images, and measured on"
                f" the other: {found.why_not}"
            )
        return found.preds

    def names(self) -> list[str] | None:
        """Return the names of the classes, if a file was given."""
        from barnspider.tables.class_file import read_classes

        return None if self.classes is None else read_classes(self.classes)


@dataclass(frozen=True)
class Patient(Reading):
    """What the doctor looks at: anything that holds answers, or data."""

    sources: Examined


@dataclass(frozen=True)
class Against(Reading):
    """The options of every command that compares arms with one of them."""

    baseline: Baseline = None
    split: Split = "test"
    level: Level = 0.95

    def arms(self) -> tuple[Predictions, str]:
        """Read the answers and find the baseline; say so where runs were to be paired and cannot be."""
        from barnspider.sources import default_baseline

        predictions = self.read(self.split)
        if note := adaptive_note(self.source, self.study):
            talk(f"note: {note}")
        if note := earlier_note(self.source, self.study):
            talk(f"note: {note}")
        if self.baseline is None:
            base = default_baseline(predictions, self.source, study=self.study)
        else:
            base = arm_of(self.baseline, predictions)
        if self.paired:
            say_who_has_no_partner(predictions, base)
        return predictions, base


@dataclass(frozen=True)
class Comparison(Against):
    """The options of every command that estimates effects."""

    to: To = "auto"

    def effects(self) -> tuple[Effects, Predictions]:
        """Read the answers and estimate what every arm does to every class."""
        from barnspider.effects import estimate

        predictions, base = self.arms()
        return estimate(predictions, baseline=base, level=self.level, generalize_to=self.to), predictions

    def validation(self, like: Predictions) -> Predictions | None:
        """Read the answers to validation images, on which doses are chosen when test images measure."""
        return super().validation(like) if self.split == "test" else None


@dataclass(frozen=True)
class Judged(Comparison):
    """The options of every command that says which classes are harmed, helped or unchanged."""

    margin: Margin = 0.01
    correction: By = "bh"
    bands: Bands = False

    def effects(self) -> tuple[Effects, Predictions]:
        """Estimate, and judge as was asked."""
        effects, predictions = super().effects()
        effects = effects.within(self.margin).corrected(self.correction)
        return effects.simultaneous() if self.bands else effects, predictions


def doses_in(text: str | None) -> list[float] | None:
    """Return the doses of "0,0.3,0.6"; None where none were given.

    Raises
    ------
    InputError
        When they are something else.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"doses={text!r}; expected numbers with commas between, such as 0,0.3,0.6") from None


def called(source: str | list[str]) -> str:
    """Return what to call a source where something is said of it."""
    return source if isinstance(source, str) else listing(source, most=3)


@dataclass(frozen=True)
class Like(Comparison):
    """A design that was run, if there is one to look at."""

    sources: LikeSources = cast("list[str]", ())
    classes: CountOrClasses = None

    def count(self) -> int | None:
        """Return how many classes were asked for, of a design that is not run yet."""
        if self.classes is None:
            return None
        text = str(self.classes)
        if not text.isdecimal() or int(text) < 1:
            raise InputError(
                f"classes={text!r}; expected how many, from 1; or --like SOURCE with a file of their names"
            )
        return int(text)


def _pairs(given: list[str] | None) -> dict[str, str] | None:
    """Return what "arm=model,sample=image" says; a name may hold commas where the option is repeated."""
    if not given:
        return None
    pairs: dict[str, str] = {}
    for item in given:
        for part in item.split(",") if all("=" in part for part in item.split(",")) else [item]:
            ours, equals, theirs = part.partition("=")
            if not equals or not ours or not theirs or ours.strip() in pairs:
                raise InputError(
                    f"columns={item!r}; expected our name and theirs, each once, such as arm=model,sample=id"
                )
            pairs[ours.strip()] = theirs
    return pairs


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of a parameter that is a group of options."""
    signature = inspect.signature(command, eval_str=True)
    kinds = {name: p.annotation for name, p in signature.parameters.items()}
    groups = {name: kind for name, kind in kinds.items() if inspect.isclass(kind) and issubclass(kind, Options)}

    @wraps(command)
    def run(**given: Any) -> None:
        made = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        command(**made, **given)

    parts: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        inner = inspect.signature(groups[name], eval_str=True).parameters.values() if name in groups else [parameter]
        parts += [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in inner]
    run.__annotations__ = {part.name: part.annotation for part in parts}
    setattr(run, "__signature__", inspect.Signature(parts))  # noqa: B010 - functions have no such attribute to a checker
    return run


def arm_of(asked: str, predictions: Predictions) -> str:
    """Return the arm that has this name, or else this dose; what is neither comes back as it is."""
    by_dose = {str(predictions.dose_of(arm)): arm for arm in predictions.arms}
    try:
        return by_dose.get(str(float(asked)), asked) if asked not in predictions.arms else asked
    except ValueError:
        return asked


def preserved_of(asked: Judged) -> Preservation | None:
    """Return what references said of the changed images of a store's study, read as its answers are; None of groups."""
    from barnspider.preservation import read_preservation

    if asked.by is not None or not isinstance(asked.source, str):
        return None
    return read_preservation(asked.source, asked.study, level=asked.level, label_sets=asked.label_sets)


def axis_of(asked: Reading, usual: str | None, predictions: Predictions) -> DoseAxis:
    """Return what the axis of doses says: what a store's plan knows, and the usual parameter that was asked for."""
    from barnspider.dose_axis import Usual
    from barnspider.sources import dose_axis

    known = dose_axis(asked.source, study=asked.study)
    if usual is None:
        return known
    wanted = replace(known, usual=Usual.parse(usual))
    if len({predictions.dose_of(arm) for arm in predictions.arms} - {None}) < 2:
        raise InputError(f"usual={usual!r} has no axis to stand at: fewer than two doses are known")
    return wanted
