"""Is every answer there, once? The samples that all runs answered."""

from __future__ import annotations

import warnings
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.errors import InputError, listing
from barnspider.tables.asked import Samples
from barnspider.tables.class_list import padded_hint, shown
from barnspider.tables.coded import ROWS, Coded, Codes, Runs, count_of, parts_of


class SamplesLeftOut(UserWarning):
    """Some samples were left out because not every run answered them, as `samples="common"` asks."""


def complete(coded: Coded, runs: Runs, sample: Codes, ids: list[str], samples: Samples, hint: str) -> NDArray[np.int64]:
    """Return for each sample its new number (-1: left out).

    Raises
    ------
    InputError
        When a run answers a sample twice, or not at all; with `samples="common"` only when no sample is left.
    """
    n_runs, n_samples = len(runs.arm), len(ids)
    if not _all_distinct(runs, sample, n_samples):
        _refuse_duplicates(coded, runs, sample, ids, hint)
    common = count_of(sample, n_samples) == n_runs
    if common.all():
        return np.arange(n_samples)
    if samples == "all":
        raise InputError(_missing(coded, runs, sample, ids))
    if not common.any():
        raise InputError(f"{coded.where}: no sample was answered by all {n_runs} runs; {_counts(runs)}")
    left = np.flatnonzero(~common)
    warnings.warn(
        f"{len(left)} of {n_samples} samples are left out, as not all {n_runs} runs answered them:"
        f" {listing((shown(ids[i]) for i in left), most=5)}",
        SamplesLeftOut,
        stacklevel=5,
    )
    return np.where(common, np.cumsum(common) - 1, -1)


def _all_distinct(runs: Runs, sample: Codes, n_samples: int) -> bool:
    if _is_sparse(runs, sample, n_samples):
        return not _again(runs, sample, n_samples).any()
    seen = np.zeros(len(runs.arm) * n_samples, dtype=np.bool_)
    for rows in parts_of(len(sample)):
        seen[_cell(runs, sample, rows, n_samples)] = True
    return int(np.count_nonzero(seen)) == len(sample)


def _is_sparse(runs: Runs, sample: Codes, n_samples: int) -> bool:
    """Return whether a table of all runs and samples would be larger than what was answered."""
    return len(runs.arm) * n_samples > 8 * len(sample) + ROWS


def _cell(runs: Runs, sample: Codes, rows: slice, n_samples: int) -> NDArray[np.int64]:
    """Return which place in a table of all runs and samples each of some rows has."""
    return runs.of_row[rows].astype(np.int64) * n_samples + sample[rows]


def _again(runs: Runs, sample: Codes, n_samples: int) -> NDArray[np.bool_]:
    """Return for each row whether a row before it is of the same run and sample."""
    if _is_sparse(runs, sample, n_samples):
        return (~pl.Series(_cell(runs, sample, slice(None), n_samples)).is_first_distinct()).to_numpy()
    again = np.zeros(len(sample), dtype=np.bool_)
    seen = np.zeros(len(runs.arm) * n_samples, dtype=np.bool_)
    for rows in parts_of(len(sample)):
        cell = _cell(runs, sample, rows, n_samples)
        again[rows] = seen[cell] | ~pl.Series(cell).is_first_distinct().to_numpy()
        seen[cell] = True
    return again


def _refuse_duplicates(coded: Coded, runs: Runs, sample: Codes, ids: list[str], hint: str) -> NoReturn:
    again = _again(runs, sample, len(ids))
    row = int(np.argmax(again))
    run = int(runs.of_row[row])
    first = int(np.argmax((runs.of_row[:row] == run) & (sample[:row] == sample[row])))
    raise InputError(
        f"{coded.place(row)}: arm {shown(runs.arm[run])}, seed {runs.seed[run]} answers sample"
        f" {shown(ids[sample[row]])} again, after {coded.place(first)};"
        f" expected one answer ({int(again.sum())} such rows): remove them, or give repeated runs seeds of their own"
        f"{hint}"
    )


def _missing(coded: Coded, runs: Runs, sample: Codes, ids: list[str]) -> str:
    of_run = count_of(runs.of_row, len(runs.arm))
    short = int(np.argmin(of_run))
    answered = np.zeros(len(ids), dtype=np.bool_)
    answered[sample[runs.of_row == short]] = True
    lacking = np.flatnonzero(~answered)
    padded = padded_hint((ids[i] for i in np.flatnonzero(answered)), [ids[i] for i in lacking])
    return (
        f"{coded.where}: arm {shown(runs.arm[short])}, seed {runs.seed[short]} lacks {len(lacking)} of {len(ids)}"
        f" samples: {listing((shown(ids[i]) for i in lacking), most=5)};"
        f" {int((of_run < len(ids)).sum())} of {len(of_run)} runs lack some{padded or _ADD}"
    )


_ADD = '; add these answers, or pair on what all runs answered with samples="common" (--samples common)'


def _counts(runs: Runs) -> str:
    of_run = count_of(runs.of_row, len(runs.arm))
    return f"runs have {of_run.min()} to {of_run.max()} answers; do they name the samples in the same way?"
