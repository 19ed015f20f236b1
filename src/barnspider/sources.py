"""Where predictions come from: a store, or files that somebody brings. One door for both."""

from __future__ import annotations

import glob
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from barnspider.checkup.luck import warn_of_chance
from barnspider.dose_axis import UNKNOWN, DoseAxis, Usual
from barnspider.errors import InputError, listing
from barnspider.files import read_array_names, sha256
from barnspider.grouping import grouped_by
from barnspider.names import visible
from barnspider.predictions import Predictions
from barnspider.progress import clock
from barnspider.store import Study, is_packed, opened
from barnspider.tables.accepted import with_label_sets
from barnspider.tables.asked import Asked, Format, Origin, Samples, Scores
from barnspider.tables.choosing import LABELS, Source, files_in, files_of, find, is_beside, named
from barnspider.tables.completeness import SamplesLeftOut
from barnspider.tables.dialects import format_of
from barnspider.tables.formats import ARRAYS, is_known, kind_of, stem_of
from barnspider.tables.groups import is_groups_file
from barnspider.tables.label_sets import read_label_sets
from barnspider.tables.origins import pattern_hint
from barnspider.tables.read import join, read_files
from barnspider.tables.rows import names_in
from barnspider.words import counted


def read_predictions(
    source: Source,
    *,
    study: str | None = None,
    split: str = "test",
    paired: bool = False,
    samples: Samples = "all",
    on: str | None = None,
    classes: Sequence[str] | None = None,
    labels: str | Path | None = None,
    format: Format = "auto",
    columns: Mapping[str, str] | None = None,
    scores: Scores | None = None,
    pattern: str | None = None,
    mapping: str | Path | None = None,
    label_sets: str | Path | None = None,
    by: str | Path | None = None,
) -> Predictions:
    """Read predictions from a store's folder or packed file, or from files: CSV, JSON lines, Parquet, npz or npy.

    Parameters
    ----------
    source
        A store's folder; what `barnspider pack` made of one; a file; several files; a glob such as "preds/*.csv"; or a
        folder of files of predictions, where a file called `labels` holds the labels. Hidden files, files of other
        endings, and such as README.txt or config.json are left alone.
    study
        Which study of the store; may be left out where there is only one.
    split
        "test" or "validation" images of the store.
    paired
        Say of files that their runs of equal seed share their random numbers across arms; a store knows by itself.
    samples, on, classes, labels, format, columns, scores
        Of files, as in `read_table`.
    pattern
        Where arm, seed and dose stand in the names of files, such as "{arm}-seed{seed}.csv"; with "/" in it, below
        the folder. Without `{arm}` the arm has the name of the folder in which a file lies; or each dose is one.
    mapping
        A table with the columns `file` and `arm`, `seed`, `dose`, or a TOML file: which run each file is of, named
        relative to the mapping's folder or to `source`, which may hold other files, too.
    label_sets
        A file that says all right labels of each sample, as `read_label_sets` reads it; also for a store.
    by
        Tell effects of groups in the place of classes: a file that says the group of each class or sample (a table
        with the columns `class` or `sample` and `group`; TOML or JSON), or the name of a column of the answers.

    Raises
    ------
    InputError, StoreError
        When there is nothing to read, or it is not what it should be.

    Warns
    -----
    AtChance
        Of files, where an arm is certainly right no more often than by luck.
    """
    asked = Asked(classes, paired, on, samples, labels, format, columns, scores)
    origins: list[Origin] = []
    if is_store(source):
        _refuse(source, asked, pattern=pattern is not None, mapping=mapping is not None)
        store = opened(source)
        preds = store.load(store.study(study).cells, split)
    else:
        _refuse_packed(source)
        chosen = find(source, asked, pattern=pattern, mapping=mapping)
        origins, asked = chosen.origins, chosen.asked
        if study is not None or split != "test":
            raise InputError(f"{named(source)} is no store; only a store has studies and splits to choose from")
        preds = read_files(origins, asked)
        warn_of_chance(preds)
    if by is not None:
        preds = grouped_by(preds, str(by), origins, asked)
    return preds if label_sets is None else with_label_sets(preds, read_label_sets(label_sets))


def is_store(source: Source) -> TypeGuard[str | Path]:
    """Return whether a source is a folder of trained runs, or a packed file of them."""
    return isinstance(source, str | Path) and ((Path(source) / "barnspider.json").exists() or is_packed(source))


def holds_answers(source: str) -> bool:
    """Return whether a source is one of predictions, as far as its names tell; else it may be a data set's.

    A table of images (Parquet) and an .npz of images are data: of these the names of columns and arrays decide. What
    can be neither is called predictions: reading it says what to do.
    """
    path = Path(source)
    if is_store(source):
        return True
    if not path.exists():
        return "*" in source or bool(glob.glob(source))  # a data set's options stand behind a "?"
    if path.is_dir():
        return any(
            holds_answers(str(file)) for file in files_in(path) if stem_of(file) not in LABELS and not is_beside(file)
        )
    if not is_known(path):
        return path.suffix.lower() in STRANGE
    kind = kind_of(path)
    if kind == "npz":
        return not set(DATA) & set(read_array_names(path))
    return kind != "parquet" or bool(set(ANSWERS) & set(names_in(path))) or "filename" in names_in(path)


ANSWERS = ("about", "guess", "prediction", "predicted_class", "logits", "probabilities", "scores")
DATA = ("x_train", "y_train", "x_test", "y_test")
"""Arrays of an .npz that holds a data set."""

STRANGE = (".pt", ".pth", ".pkl", ".pickle", ".xlsx", ".xls", ".h5", ".hdf5", ".feather", ".arrow", ".mat")
"""Endings of files that people keep predictions in, and that no data set here has; reading says what to do."""


def recognised(source: Source, *, pattern: str | None = None, mapping: str | Path | None = None, **options: Any) -> str:
    """Say in words what was recognised that nobody asked for; "" when there is nothing to say.

    Parameters
    ----------
    options
        As in `read_predictions`.

    Raises
    ------
    InputError
        As `read_predictions`.
    """
    if is_store(source):
        return ""
    _refuse_packed(source)
    asked = Asked(**options)
    chosen = find(source, asked, pattern=pattern, mapping=mapping)
    said: list[str] = []
    formats = {_format(origin, chosen.asked) for origin in chosen.origins[:1]} - {"long", asked.format}
    said += [f"read as {name}" for name in sorted(formats)]
    said += [f"labels from {str(chosen.asked.labels)!r}"] if chosen.asked.labels != asked.labels else []
    said += [f"{len(chosen.origins)} files"] if len(chosen.origins) > 1 else []
    if left := chosen.left_alone:
        said.append(f"{counted(len(left), 'file')} left alone: {listing((file.name for file in left), most=3)}")
    return "; ".join(said)


def _format(origin: Origin, asked: Asked) -> str:
    if kind_of(origin.path) in ARRAYS:
        return "long"
    return format_of(repr(str(origin.path)), names_in(origin.path), asked)


def _refuse_packed(source: Source) -> None:
    """Refuse several packed files, which are a store each."""
    if isinstance(source, str | Path):
        folder = Path(source)
        paths = sorted(folder.iterdir()) if folder.is_dir() else map(Path, sorted(glob.glob(str(source))))
    else:
        paths = map(Path, source)
    if packed := [str(path) for path in paths if is_packed(path)]:
        raise InputError(
            f"{named(source)} holds {counted(len(packed), 'packed file')}, each of which is a source by itself; name"
            f" one: {listing(packed)}"
        )


def _refuse(store: Source, asked: Asked, **given: bool) -> None:
    default = vars(Asked())
    given = {name: value != default[name] for name, value in vars(asked).items()} | given
    if wrong := [name for name, told in given.items() if told]:
        raise InputError(
            f"{str(store)!r} is a store, which knows by itself what {listing(wrong)} would say of a file;"
            f" leave out {listing(f'--{name}' for name in wrong)}"
        )


def read_beside(paths: Sequence[str | Path], **options: Any) -> tuple[Predictions, str]:
    """Read sources of one arm each; return them together, and the name of the arm in the first.

    Files of which a pattern says that they are runs of one arm are that arm together. Arms that have the same name are
    called by their sources' names instead; of two, "base" and "candidate".

    Parameters
    ----------
    options
        As in `read_predictions`.

    Raises
    ------
    InputError
        As `read_predictions`, or when a file holds several arms or stands twice.
    """
    if first := _first_of_several(paths, options):
        return read_predictions(paths, **options), first
    by = options.pop("by", None)
    by_file = by is not None and is_groups_file(str(by))
    parts = [read_predictions(path, **options, by=None if by_file else by) for path in paths]
    preds, first = beside(parts, [str(path) for path in paths], samples=options.get("samples", "all"))
    # A file of groups is about the classes that any of the sources names.
    return (grouped_by(preds, str(by), [], Asked()) if by_file else preds), first


def _first_of_several(paths: Sequence[str | Path], options: Mapping[str, Any]) -> str:
    """Return the first file's arm where the names of files tell several runs of an arm apart; else ""."""
    pattern = options.get("pattern")
    if pattern is None or not all(Path(path).is_file() for path in paths):
        return ""
    origins = find(paths, Asked(labels=options.get("labels")), pattern=pattern).origins
    runs = [(origin.said.get("arm", origin.name), origin.said.get("seed")) for origin in origins]
    arms = {arm for arm, _ in runs}
    return str(runs[0][0]) if len(set(runs)) == len(runs) > len(arms) > 1 else ""


def beside(parts: Sequence[Predictions], files: Sequence[str], *, samples: Samples = "all") -> tuple[Predictions, str]:
    """Put Predictions of one arm each together; return them, and the name of the first arm.

    Parameters
    ----------
    files
        What each is called where arms have the same name.

    Raises
    ------
    InputError
        When one holds several arms, two are called the same, or one does not fit the first: then both are named.
    """
    for file, part in zip(files, parts, strict=True):
        if len(part.arms) != 1:
            raise InputError(f"{file!r} holds the arms {listing(part.arms)}; expected one, to compare files")
    names = _distinct([part.arms[0] for part in parts], files)
    renamed = [replace(part, arm=(name,) * len(part.arm)) for part, name in zip(parts, names, strict=True)]
    try:
        return join(renamed, samples=samples), names[0]
    except InputError:
        _refuse_pair(renamed, files, samples)
        raise


def _refuse_pair(parts: Sequence[Predictions], files: Sequence[str], samples: Samples) -> None:
    """Say which file does not fit the first; where each does, the fault is of all together."""
    for file, part in zip(files[1:], parts[1:], strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplesLeftOut)
            try:
                join([parts[0], part], samples=samples)
            except InputError as error:
                raise InputError(f"{files[0]!r} and {file!r}: {error}") from None


def _distinct(arms: list[str], files: Sequence[str]) -> list[str]:
    """Return names for the arms: their own, or those of their files where these are not distinct."""
    if len(arms) == 2 and arms[0] == arms[1]:
        return ["base", "candidate"]
    short = [Path(file).name for file in files]
    for names in ([x if arms.count(x) == 1 else y for x, y in zip(arms, short, strict=True)], short, list(files)):
        if len(set(names)) == len(names):
            return names
    twice = next(file for file in files if files.count(file) > 1)
    raise InputError(f"{twice!r} was given twice; expected each file once")


def provenance(source: Source, *, study: str | None = None) -> dict[str, str]:
    """Return what is known about where predictions come from, as name -> words: a store's plan, or a file's sum.

    Raises
    ------
    InputError, StoreError
        As `read_predictions`.
    """
    if not is_store(source):
        return _of_files(list(files_of(source, deep=False)))
    store = opened(source)
    plan = store.study(study)
    documents = store.sealed(plan.cells)
    environments = {_words(d.get("environment", {})) for d in documents}
    seconds = sum(d.get("seconds", 0.0) for d in documents)
    cores = "" if "command" in plan.sweep else " of one core"  # nobody knows how many a stranger's command takes
    return {
        "Study": plan.identity,
        **{name: _words(value) for name, value in plan.sweep.items() if name != "folder"},  # a page goes to others
        "Runs": f"{len(documents)} of {len(plan.cells)} finished, {clock(seconds)}{cores} in all",
        "Environment": "; or ".join(sorted(environments)) or "unknown",
    }


def _of_files(files: Sequence[Path]) -> dict[str, str]:
    """Return the sum of one file, or the sum over the names and sums of several."""
    if len(files) == 1:
        return {"File": files[0].name, "SHA-256": sha256(files[0])}
    lines = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
    names = listing((file.name for file in files), most=5)
    return {
        "Files": f"{len(files)}: {names}",
        "SHA-256": f"{hashlib.sha256(lines.encode()).hexdigest()} (of their sums)",
    }


def dose_axis(source: Source, *, study: str | None = None) -> DoseAxis:
    """Return what a store's plan says of the axis of its doses; nothing is known of a file's, nor of old plans'.

    Raises
    ------
    InputError, StoreError
        As `read_predictions`.
    """
    if not is_store(source):
        return UNKNOWN
    sweep = opened(source).study(study).sweep
    usual = sweep.get("usual")
    return DoseAxis(str(sweep.get("vary", "")), None if usual is None else Usual.parse(str(usual)))


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def default_baseline(predictions: Predictions, source: Source | None = None, *, study: str | None = None) -> str:
    """Return the arm to compare with: the one that a store's plan states, else the arm of dose 0.

    Parameters
    ----------
    source, study
        Where the predictions were read from, as in `read_predictions`; files state no baseline.

    Raises
    ------
    InputError
        When no baseline is stated, and no arm, or more than one, has dose 0: then it must be named. When there is one
        arm only, or no run of a store's baseline is left.
    """
    if source is not None and is_store(source):
        plan = opened(source).study(study)
        stated = stated_baseline(plan)
        if stated in predictions.arms:
            return stated
        _refuse_failed(stated or next((x.arm for x in plan.cells if x.dose == 0), None), predictions)
    off = [arm for arm in predictions.arms if predictions.dose_of(arm) == 0]
    if len(off) == 1:
        return off[0]
    if len(predictions.arms) == 1:
        arm = listing(predictions.arms)
        raise InputError(f"only one arm, {arm}; give a candidate: gate BASE CANDIDATE, or all arms in one source")
    hint = f".{known}" if (known := pattern_hint(predictions.arms)) else ""
    count = "no arm has" if not off else f"{len(off)} arms have"
    raise InputError(f"{count} dose 0, so the baseline must be named; the arms are: {listing(predictions.arms)}{hint}")


def _refuse_failed(base: str | None, predictions: Predictions) -> None:
    """Say that the baseline has no run, if that is why it is not here."""
    failed = [f"seed {x.seed} ({x.why})" for x in predictions.left_out if x.arm == base]
    if base is not None and base not in predictions.arms and failed:
        raise InputError(
            f"no run is left of the baseline {visible(base)}: {listing(failed)}; run it again, or name another arm to"
            f" compare with: {listing(predictions.arms)}"
        )


def stated_baseline(plan: Study) -> str | None:
    """Return the arm of the plan's `baseline`; a plan's cells stand seed by seed, in the order of its doses."""
    if "baseline" not in plan.sweep:
        return None
    return plan.cells[plan.sweep["doses"].index(plan.sweep["baseline"])].arm
