"""The command line: parse, call, print. Data goes to stdout, talk to stderr.

Exit codes: 0 done or pass, 1 fail (harm found), 2 bad usage or bad input, 3 inconclusive, 130 stopped by Ctrl-C or
SIGTERM, 75 stopped by SIGUSR1 or SIGUSR2, which is to say: start it again.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from barnspider import __version__
from barnspider.cli import (
    comparisons,
    data,
    deriving,
    designs,
    explaining,
    healing,
    judging,
    packing,
    pictures,
    prescribing,
    preserving,
    repeating,
    studies,
    theories,
    transfers,
    verifying,
    watching,
    working,
)
from barnspider.cli.options import grouped
from barnspider.cli.output import talk
from barnspider.errors import BarnspiderError, StoreError

app = typer.Typer(
    name="barnspider",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
for _command in (
    studies.demo, studies.plan, studies.run, working.work, watching.status, comparisons.audit, comparisons.gate,
    comparisons.report, explaining.flows, theories.theory, preserving.preserve, pictures.figures, designs.doses,
    comparisons.inequality, designs.power, transfers.transfer, prescribing.prescribe, healing.heal, judging.judge,
    deriving.derive, packing.pack, repeating.repeat, verifying.verify, data.doctor, data.cache,
):  # fmt: skip
    app.command()(grouped(_command))
KEEPING = ("demo", "derive", "heal", "preserve", "repeat", "run", "transfer", "work")
"""Commands that train: what they finished is there when they are stopped."""


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"barnspider {__version__}")
        raise typer.Exit


@app.callback()
def barnspider(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Who pays for your regularizer? Run studies, audit predictions, gate changes."""


GIVE_WAY = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
"""Signals by which schedulers tell a job that it must make room: which of them, is theirs to choose."""

AGAIN = 75
"""Exit code of a command that gave way, and is to be started again: what sysexits.h calls a temporary failure."""


class _Stopped(BaseException):
    """Ctrl-C, or a polite request to end, or to give way."""

    def __init__(self, sign: int) -> None:
        self.exit_code = AGAIN if sign in GIVE_WAY else 130


def _stop(sign: int, *_: object) -> NoReturn:
    for again in (signal.SIGTERM, *GIVE_WAY):  # a scheduler that says it twice shall not disturb the end
        signal.signal(again, signal.SIG_IGN)
    raise _Stopped(sign)


def _note(message: Warning | str, *_: object, **__: object) -> None:
    talk(f"note: {message}")


def main() -> None:
    """Run the command line; a user's mistake ends in one message and exit code 2."""
    for ending in (signal.SIGINT, signal.SIGTERM, *GIVE_WAY):
        signal.signal(ending, _stop)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, _stop)
    warnings.showwarning = _note
    try:
        _run()
    except BarnspiderError as error:
        talk(f"error: {error}")
        sys.exit(2)
    except _Stopped as stopped:
        talk(said_when_stopped(sys.argv[1:]))
        sys.exit(stopped.exit_code)


def said_when_stopped(args: Sequence[str]) -> str:
    """Return what to say of a command that was stopped, and whether there is anything to go on with."""
    command = next((arg for arg in args if not arg.startswith("-")), "")
    return "stopped; what was finished is kept. Run the same command to go on." if command in KEEPING else "stopped"


def _run() -> None:
    """Run the command and hand over its whole output, or say that nobody takes it."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreError(f"the output cannot be written: {error.strerror}") from error
