"""Is every answer there, once? The samples that all runs answered."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.errors import InputError, listing
from barnspider.tables.asked import Samples
from barnspider.tables.class_list import shown
from barnspider.tables.coded import Coded, Codes, Runs, parts_of


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
    if len(sample) == n_runs * n_samples and _all_once(runs, sample, n_samples):
        return np.arange(n_samples)
    _refuse_duplicates(coded, runs, sample, n_samples, hint)
    if samples == "all":
        raise InputError(_missing(coded, runs, sample, ids))
    common = np.bincount(sample, minlength=n_samples) == n_runs
    if not common.any():
        raise InputError(f"{coded.where}: no sample was answered by all {n_runs} runs; {_counts(runs, sample)}")
    left = np.flatnonzero(~common)
    warnings.warn(
        f"{len(left)} of {n_samples} samples are left out, as not all {n_runs} runs answered them:"
        f" {listing((shown(ids[i]) for i in left), most=5)}",
        SamplesLeftOut,
        stacklevel=5,
    )
    return np.where(common, np.cumsum(common) - 1, -1)


def _all_once(runs: Runs, sample: Codes, n_samples: int) -> bool:
    seen = np.zeros((len(runs.arm), n_samples), dtype=np.bool_)
    for rows in parts_of(len(sample)):
        seen[runs.of_row[rows], sample[rows]] = True
    return bool(seen.all())


def _refuse_duplicates(coded: Coded, runs: Runs, sample: Codes, n_samples: int, hint: str) -> None:
    cell = pl.Series(runs.of_row.astype(np.int64) * n_samples + sample)
    again = (~cell.is_first_distinct()).to_numpy()
    if not again.any():
        return
    row = int(np.argmax(again))
    first = int(np.flatnonzero(cell.to_numpy() == cell[row])[0])
    run = int(runs.of_row[row])
    raise InputError(
        f"{coded.place(row)}: arm {shown(runs.arm[run])}, seed {runs.seed[run]} answers sample"
        f" {shown(coded.books['sample'][coded.codes['sample'][row]])} again, after {coded.place(first)};"
        f" expected one answer ({int(again.sum())} such rows): remove them, or give repeated runs seeds of their own"
        f"{hint}"
    )


def _missing(coded: Coded, runs: Runs, sample: Codes, ids: list[str]) -> str:
    of_run = np.bincount(runs.of_row)
    short = int(np.argmin(of_run))
    answered = np.zeros(len(ids), dtype=np.bool_)
    answered[sample[runs.of_row == short]] = True
    lacking = np.flatnonzero(~answered)
    return (
        f"{coded.where}: arm {shown(runs.arm[short])}, seed {runs.seed[short]} lacks {len(lacking)} of {len(ids)}"
        f" samples: {listing((shown(ids[i]) for i in lacking), most=5)};"
        f" {int((of_run < len(ids)).sum())} of {len(of_run)} runs"
        ' lack some; add these answers, or pair on what all runs answered with samples="common"'
        " (--samples common)"
    )


def _counts(runs: Runs, sample: Codes) -> str:
    of_run = np.bincount(runs.of_row)
    return f"runs have {of_run.min()} to {of_run.max()} answers; do they name the samples in the same way?"
