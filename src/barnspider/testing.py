"""For tests of your own: `assert_no_class_harmed`, in pytest, unittest or a plain script. No plugin is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from barnspider.convert import on_host
from barnspider.effects import estimate
from barnspider.errors import InputError, listing, pick
from barnspider.gate import Allowance, Gate, Verdict, read_allowances, read_budgets
from barnspider.grouping import grouped, grouped_by
from barnspider.predictions import Predictions
from barnspider.sources import beside, default_baseline, is_store, read_predictions
from barnspider.tables.accepted import Sets, with_label_sets
from barnspider.tables.asked import Asked, Samples
from barnspider.tables.groups import is_groups_file
from barnspider.tables.label_sets import read_label_sets

__all__ = ["assert_no_class_harmed"]

Answers = str | Path | Predictions | ArrayLike
"""A file or a store, Predictions, or an array of guesses: Int[samples] of one run, or Int[runs, samples]."""
Groups = Mapping[str, str] | Sequence[str]
"""The group of each class; or of each sample, in order."""
_FILE = (str, Path)
_MANY = (list, tuple)


@dataclass(frozen=True)
class _How:
    """How answers are to be read: what arrays do not know, and what files do not say."""

    label: ArrayLike | None
    classes: Sequence[str] | None
    paired: bool
    by: str | None
    samples: Samples
    pattern: str | None
    columns: Mapping[str, str] | None


def assert_no_class_harmed(
    base: Answers,
    candidate: Answers | Sequence[str | Path | Predictions] | None = None,
    *,
    max_drop: float = 0.02,
    baseline: str | float | None = None,
    label: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    samples: Samples = "all",
    pattern: str | None = None,
    columns: Mapping[str, str] | None = None,
    label_sets: Sets | str | Path | None = None,
    by: Groups | str | Path | None = None,
    relative: bool = False,
    budgets: Mapping[str, float] | str | Path | None = None,
    allow: Sequence[Allowance] | str | Path = (),
    level: float = 0.95,
    generalize_to: Literal["auto", "images and runs", "images", "runs"] = "auto",
    inconclusive: Literal["fail", "pass", "skip"] = "fail",
    today: date | None = None,
) -> Verdict:
    """Assert that no class loses more than `max_drop` (a proportion), and return the gate's verdict.

    Parameters
    ----------
    base, candidate
        One arm each: the path of a file or of a store, Predictions, or an array of guesses (Int[samples], or
        Int[runs, samples]) to which `label` belongs. Without `candidate`, `base` holds all arms. Several candidates are
        a list of paths or Predictions.
    baseline
        With all arms in `base`: the one to compare with; by default that of dose 0.
    label, classes, paired
        Of arrays: true classes, their names, and whether runs of equal number share their random numbers. `classes` and
        `paired` may be told of files, too.
    samples, pattern, columns
        How files are read, as in `read_predictions`. With samples="common" what all answered is judged, and a class of
        which nothing is left is undecided.
    label_sets
        All right labels of each sample: a file (`read_label_sets`), a mapping from sample ids, or a list of sets in the
        order of the samples of `base`.
    by
        Judge groups in the place of classes: a file of groups, a column of the files, a mapping from classes to groups,
        or a list of groups in the order of the samples of `base`.
    relative, budgets, allow
        As in `barnspider.Gate`; `budgets` and `allow` may be paths of files (`read_budgets`, `read_allowances`).
    inconclusive
        What happens where the data cannot tell: the assertion fails, or passes, or pytest skips the test. A harm that
        was found always fails.
    today
        The day on which allowances must hold; by default today's date in UTC.

    Raises
    ------
    AssertionError
        Naming the classes, with what they lost, its interval, and, where the data cannot tell, what it would take.
    InputError
        When what is given is wrong: that is no verdict.

    Examples
    --------
    >>> import numpy as np
    >>> label = np.tile([0, 1], 1000)
    >>> good, bad = label.copy(), np.where((label == 1) & (np.arange(2000) % 4 == 1), 0, label)
    >>> assert_no_class_harmed(good, good, label=label, classes=["cat", "dog"]).status
    'pass'
    >>> assert_no_class_harmed(good, bad, label=label, classes=["cat", "dog"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: FAIL. Of 2 classes, 1 lost more than 2.0 points, ...
      - candidate, dog: lost more than 2.0 points; change -50.0 points (-53.1 to -46.9; 1,000 images), p < 0.001
    """
    __tracebackhide__ = True
    pick("inconclusive", inconclusive, ("fail", "pass", "skip"))
    column = str(by) if isinstance(by, _FILE) and not is_groups_file(str(by)) else None
    how = _How(label, classes, paired, column, samples, pattern, columns)
    predictions, first = _arms(base, candidate, baseline, how)
    predictions = _as_asked(predictions, label_sets, None if column else by)
    effects = estimate(predictions, first, level=level, generalize_to=generalize_to)
    verdict = Gate(
        max_drop=max_drop,
        relative=relative,
        budgets=read_budgets(budgets, effects.classes) if isinstance(budgets, _FILE) else budgets or {},
        allowances=read_allowances(allow, effects.classes) if isinstance(allow, _FILE) else tuple(allow),
        every_class=samples == "common",
    ).check(effects, predictions, today=today)
    if verdict.status == "inconclusive" and inconclusive == "skip":
        import pytest

        pytest.skip(str(verdict))
    if verdict.status == "fail" or (verdict.status == "inconclusive" and inconclusive == "fail"):
        raise AssertionError(str(verdict))
    return verdict


def _arms(base: Answers, candidate: Any, baseline: str | float | None, how: _How) -> tuple[Predictions, str | float]:
    """Return all arms together, and which of them is the baseline."""
    if candidate is None:
        answers = _read("base", base, how)
        source = base if isinstance(base, _FILE) else None
        return answers, default_baseline(answers, source) if baseline is None else baseline
    if baseline is not None:
        raise InputError(f"baseline={baseline!r} was given with a candidate; base is the baseline")
    named = {"base": base, **_candidates(candidate, how)}
    files = [str(x) if isinstance(x, _FILE) else name for name, x in named.items()]
    return beside([_read(name, x, how) for name, x in named.items()], files, samples=how.samples)


def _candidates(candidate: Any, how: _How) -> dict[str, Any]:
    """Return one candidate or several by name; with labels, a list of texts is one model's guesses."""
    several = isinstance(candidate, _MANY) and bool(candidate)
    if several and all(isinstance(x, Predictions) or (isinstance(x, _FILE) and how.label is None) for x in candidate):
        return {f"candidate {i + 1}" if len(candidate) > 1 else "candidate": x for i, x in enumerate(candidate)}
    return {"candidate": candidate}


def _as_asked(answers: Predictions, sets: Sets | str | Path | None, by: Groups | str | Path | None) -> Predictions:
    """Return the same answers, of groups and by label sets where these are given."""
    if isinstance(by, _FILE):
        answers = grouped_by(answers, str(by), [], Asked())
    elif by is not None:
        answers = grouped(answers, by if isinstance(by, Mapping) else [str(group) for group in by])
    if sets is None:
        return answers
    return with_label_sets(answers, read_label_sets(sets) if isinstance(sets, _FILE) else sets)


def _read(name: str, answers: Any, how: _How) -> Predictions:
    if isinstance(answers, _FILE):
        return _read_file(name, answers, how)
    if how.by is not None:
        raise InputError(
            f"by={how.by!r} is no file of groups (.csv, .toml, .json), and {name} is no file that has columns; expected"
            " such a file, a mapping from classes to groups, or a list of groups"
        )
    of_files = {"pattern": how.pattern is not None, "columns": how.columns is not None}
    if isinstance(answers, Predictions):
        given = {"label": how.label is not None, "classes": how.classes is not None, "paired": how.paired}
        _refuse(f"{name} is Predictions, which know", **given, **of_files)
        return answers
    if how.label is None:
        kind = type(answers).__name__
        raise InputError(
            f"{name} is a {kind}; expected a path or Predictions, or an array and label=, the true classes"
        )
    _refuse(f"{name} is an array, of which the arguments say", **of_files)
    _refuse_scores(name, answers, len(np.asarray(on_host(how.label))))
    try:
        return Predictions.from_arrays(how.label, {name: answers}, classes=how.classes, paired=how.paired)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _read_file(name: str, path: str | Path, how: _How) -> Predictions:
    _refuse(f"{name}={str(path)!r} is a file or store, which knows", label=how.label is not None)
    if is_store(path) and how.samples == "common":  # its runs all answered the same
        how = replace(how, samples="all")
    return read_predictions(
        path, paired=how.paired, classes=how.classes, by=how.by, samples=how.samples, pattern=how.pattern,
        columns=how.columns,
    )  # fmt: skip


def _refuse_scores(name: str, answers: Any, samples: int) -> None:
    """Refuse one score for each sample and class."""
    array = np.asarray(on_host(answers))
    if array.ndim == 2 and len(array) == samples and array.dtype.kind == "f":
        raise InputError(
            f"{name} is Float{list(array.shape)}, as scores are; expected guesses, Int[samples] or Int[runs, samples]:"
            f" did you mean its argmax, {name}.argmax(axis=1)?"
        )


def _refuse(who: str, **given: bool) -> None:
    if wrong := [name for name, asked in given.items() if asked]:
        raise InputError(f"{who} {listing(wrong)} already; leave {listing(wrong)} out")
