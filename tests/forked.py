"""The command line in a process of its own that need not import everything again: it is forked from one that has.

Much of what a short command costs is its imports. A server process does them once and is forked for every command. What
a test wants of the environment is best seen by a new interpreter: see `barnspider` in the stories' conftest.
"""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

PRELOADED = [
    "altair", "jinja2", "numpy", "pydantic", "rich.progress", "scipy.special", "scipy.stats", "torch", "typer",
]  # fmt: skip
"""What commands import of others. Not polars, nor ours that import it: it starts threads, which a fork would lose."""


def server() -> multiprocessing.context.ForkServerContext:
    """Return what starts processes by forking one that has imported everything; it is started at its first use."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def run(args: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `barnspider ARGS` in a folder, and return what `subprocess.run` would."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = server().Process(target=_command, args=(args, str(folder), dict(os.environ), _sent(out), _sent(err)))
        process.start()
        process.join()
        out.seek(0)
        err.seek(0)
        assert process.exitcode is not None
        return subprocess.CompletedProcess(list(args), process.exitcode, out.read(), err.read())


def _sent(file: IO[str]):
    from multiprocessing.reduction import DupFd

    return DupFd(file.fileno())


def _command(args: Sequence[str], folder: str, environment: dict[str, str], out, err) -> None:
    """Be the command: what multiprocessing would do at the end is not done."""
    for handle, number in ((out, 1), (err, 2)):
        os.dup2(handle.detach(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["barnspider", *args]
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))  # noqa: SIM115
    from barnspider.cli import main

    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    with contextlib.suppress(ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
