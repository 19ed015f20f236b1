"""Where predictions come from: a store, or a table that somebody brings. One door for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from barnspider.errors import InputError, listing
from barnspider.files import sha256
from barnspider.predictions import Predictions
from barnspider.progress import clock
from barnspider.store import Store, Study
from barnspider.tables.long_table import Samples
from barnspider.tables.read import join, read_table


def read_predictions(
    source: str | Path,
    *,
    study: str | None = None,
    split: str = "test",
    paired: bool = False,
    samples: Samples = "all",
    on: str | None = None,
    classes: Sequence[str] | None = None,
) -> Predictions:
    """Read predictions from a store's folder or from a CSV, Parquet or npz file.

    Parameters
    ----------
    study
        Which study of the store; may be left out where there is only one.
    split
        "test" or "validation" images of the store.
    paired
        Say of a file that its runs of equal seed share their random numbers across arms; a store knows by itself.
    samples, on, classes
        Of a file, as in `read_table`.

    Raises
    ------
    InputError, StoreError
        When there is nothing to read, or it is not what it should be.
    """
    path = Path(source)
    if path.is_dir():
        _refuse(path, paired=paired, samples=samples != "all", on=on is not None, classes=classes is not None)
        store = Store.existing(path)
        return store.load(store.study(study).cells, split)
    if not path.exists():
        raise InputError(f"{str(source)!r} does not exist; expected a store's folder or a CSV, Parquet or npz file")
    if study is not None or split != "test":
        raise InputError(f"{str(source)!r} is a file; only a store has studies and splits to choose from")
    return read_table(path, paired=paired, samples=samples, on=on, classes=classes)


def _refuse(store: Path, **given: bool) -> None:
    if wrong := [name for name, asked in given.items() if asked]:
        raise InputError(
            f"{str(store)!r} is a store, which knows by itself what {listing(wrong)} would say of a file;"
            f" leave out {listing(f'--{name}' for name in wrong)}"
        )


def read_files(
    paths: Sequence[str | Path],
    *,
    paired: bool = False,
    samples: Samples = "all",
    on: str | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[Predictions, str]:
    """Read files of one arm each; return them together, and the name of the arm in the first.

    Arms that have the same name are called by their files' names instead; of two files, "base" and "candidate".

    Raises
    ------
    InputError
        As `read_predictions`, or when a file holds several arms or stands twice.
    """
    parts = [read_predictions(path, paired=paired, samples=samples, on=on, classes=classes) for path in paths]
    return beside(parts, [str(path) for path in paths], samples=samples)


def beside(parts: Sequence[Predictions], files: Sequence[str], *, samples: Samples = "all") -> tuple[Predictions, str]:
    """Put Predictions of one arm each together; return them, and the name of the first arm.

    Parameters
    ----------
    files
        What each is called where arms have the same name.

    Raises
    ------
    InputError
        When one holds several arms, or two are called the same.
    """
    for file, part in zip(files, parts, strict=True):
        if len(part.arms) != 1:
            raise InputError(f"{file!r} holds the arms {listing(part.arms)}; expected one, to compare files")
    names = _distinct([part.arms[0] for part in parts], files)
    renamed = [replace(part, arm=(name,) * len(part.arm)) for part, name in zip(parts, names, strict=True)]
    return join(renamed, samples=samples), names[0]


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


def provenance(source: str | Path, *, study: str | None = None) -> dict[str, str]:
    """Return what is known about where predictions come from, as name -> words: a store's plan, or a file's sum.

    Raises
    ------
    InputError, StoreError
        As `read_predictions`.
    """
    path = Path(source)
    if not path.is_dir():
        return {"File": path.name, "SHA-256": sha256(path)}
    store = Store.existing(path)
    plan = store.study(study)
    documents = store.sealed(plan.cells)
    environments = {_words(d.get("environment", {})) for d in documents}
    seconds = sum(d.get("seconds", 0.0) for d in documents)
    return {
        "Study": plan.identity,
        **{name: _words(value) for name, value in plan.sweep.items()},
        "Runs": f"{len(documents)} of {len(plan.cells)} finished, {clock(seconds)} of one core in all",
        "Environment": "; or ".join(sorted(environments)) or "unknown",
    }


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def default_baseline(predictions: Predictions, source: str | Path | None = None, *, study: str | None = None) -> str:
    """Return the arm to compare with: the one that a store's plan states, else the arm of dose 0.

    Parameters
    ----------
    source, study
        Where the predictions were read from, as in `read_predictions`; files state no baseline.

    Raises
    ------
    InputError
        When no baseline is stated, and no arm, or more than one, has dose 0: then it must be named.
    """
    if source is not None and Path(source).is_dir():
        stated = stated_baseline(Store.existing(source).study(study))
        if stated in predictions.arms:
            return stated
    off = [arm for arm in predictions.arms if predictions.dose_of(arm) == 0]
    if len(off) == 1:
        return off[0]
    count = "no arm has" if not off else f"{len(off)} arms have"
    raise InputError(f"{count} dose 0, so the baseline must be named; the arms are: {listing(predictions.arms)}")


def stated_baseline(plan: Study) -> str | None:
    """Return the arm of the plan's `baseline`; a plan's cells stand seed by seed, in the order of its doses."""
    if "baseline" not in plan.sweep:
        return None
    return plan.cells[plan.sweep["doses"].index(plan.sweep["baseline"])].arm
