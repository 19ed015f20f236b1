"""One worker: `python -m barnspider.lab.command.worker STORE STUDY --told`. Starts the commands of the runs it is told.

As workers that train (`barnspider.lab.worker`), it says what comes of each on standard output, one JSON object a line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from barnspider.errors import BarnspiderError, TrainingError
from barnspider.lab import stopping
from barnspider.lab.command.run import run_planned
from barnspider.lab.command.sweep import CommandRun, CommandSweep
from barnspider.lab.lines import keep_for_lines, keys, say
from barnspider.lab.shift import Shift
from barnspider.lab.work import planned_commands
from barnspider.store import Store

ONE_LOOK = Shift(waits=False)
"""A run that somebody else holds is left to him."""


def work(store: Store, study: str) -> None:
    """Start the command of each run whose key standard input names, until it is asked to end."""
    sweep = planned_commands(store.study(study))
    planned = {run.key: run for run in sweep.runs()}
    say(event="ready")
    for key in keys():
        _settle(sweep, store, planned[key])


def _settle(sweep: CommandSweep, store: Store, run: CommandRun) -> None:
    try:
        made = run_planned(sweep, store, [run], ONE_LOOK, workers=1).here
    except TrainingError as error:
        noted = store.failures().get(run.key)  # none where the study's own files were changed
        say(event="failed", error=f"{run.arm}, seed {run.seed}: {noted.reason if noted else error}")
        made = 1
    there = "there" if not store.missing([run]) else "held"
    say(event="settled", outcome="made" if made else there)


def main() -> None:
    """Work on the store and study that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m barnspider.lab.command.worker", description="Start commands.")
    parser.add_argument("store", type=Path)
    parser.add_argument("study")
    parser.add_argument("--told", action="store_true", required=True, help="keys of runs come on standard input")
    asked = parser.parse_args()
    stopping.listen()
    keep_for_lines()
    try:
        work(Store.existing(asked.store), asked.study)
    except BarnspiderError as error:
        say(event="stopped", error=str(error))
        sys.exit(2)
    except stopping.Stopped:
        sys.exit(130)


if __name__ == "__main__":
    main()
