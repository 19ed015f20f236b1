"""The command line, and workers, in processes of their own that need not import everything again.

Most of what a short command or training costs is its imports. A server process does them once and is forked for every
command and every worker. How a process starts and ends, and what it makes of its environment, is best seen with a new
interpreter: the tests of reliability start those, and `barnspider` in the stories' conftest where it is given an
environment.
"""

import atexit
import contextlib
import functools
import importlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import forkserver, reduction
from pathlib import Path
from typing import IO

PRELOADED = [
    "altair", "jinja2", "numpy", "pydantic", "rich.progress", "scipy.special", "scipy.stats", "sklearn.datasets",
    "torch", "torch._dynamo", "torch._inductor.config", "typer",  # torch's optimizers load its compiler
    "barnspider.cli", "barnspider.figures", "barnspider.lab.worker", "barnspider.report.contents",
]  # fmt: skip
"""What commands and workers import. None of it starts threads that do work: those of polars begin at its first use."""
PYTHON = sys.executable
ROOMS = "barnspider.lab."


@functools.cache
def server() -> multiprocessing.context.ForkServerContext:
    """Return what starts processes by forking one that has imported everything; it is started at its first use."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@functools.cache
def _shared() -> Path:
    """Return a folder for what commands leave for later ones; it goes when this process ends."""
    folder = tempfile.mkdtemp(prefix="barnspider-forked-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def run(args: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `barnspider ARGS` in a folder, and return what `subprocess.run` would."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = _begin("barnspider.cli", args, folder, dict(os.environ), out, err, str(_shared()))
        process.join()
        out.seek(0)
        err.seek(0)
        assert process.exitcode is not None
        return subprocess.CompletedProcess(list(args), process.exitcode, out.read(), err.read())


class Worker:
    """What `subprocess.Popen` would be of `python -m MODULE ARGS`, as far as `barnspider.lab.run` asks."""

    def __init__(self, module: str, args: Sequence[str], environment: dict[str, str], complaints: IO[bytes]) -> None:
        reading, writing = os.pipe()
        self.stdout = open(reading, encoding="utf-8")  # noqa: SIM115
        with open(writing, "wb") as said:
            self._process = _begin(module, args, Path.cwd(), environment, said, complaints)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0.0)
        return status

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self._process.kill()


def fork_workers() -> None:
    """Let all workers that this process starts be forked; what is no worker of ours is started as ever."""
    importlib.import_module("barnspider.lab.run")  # which goes by the function's name
    room = sys.modules["barnspider.lab.run"]
    start = room._started

    def started(command: list[str], complaints: IO[bytes]) -> Worker | subprocess.Popen[str]:
        if command[:2] != [PYTHON, "-m"] or not command[2].startswith(ROOMS):
            return start(command, complaints)
        return Worker(command[2], command[3:], room.worker_environment(), complaints)

    if start.__module__ == room.__name__:
        room._started = started


def _begin(
    module: str, args: Sequence[str], folder: Path, environment: dict[str, str], out: IO, err: IO, shared: str = ""
):
    """Begin `python -m MODULE ARGS`, and return its process."""
    told = (module, [*args], str(folder), environment, _Sent(out), _Sent(err), shared)
    process = server().Process(target=_be, args=told)
    process.start()
    return process


class _Sent:
    """A file that goes to a new process, where it is a file descriptor."""

    def __init__(self, file: IO) -> None:
        self.number = file.fileno()

    def __reduce__(self):
        return _taken, (reduction.DupFd(self.number),)


def _taken(handle) -> int:
    return handle.detach()


def _remember_vega(path: Path) -> None:
    """Let reports take the text of Vega, which takes seconds to make, from where the first of them leaves it."""
    from barnspider.files import write_whole
    from barnspider.report import page

    make = page._bundle

    def bundle() -> str:
        if not path.exists():
            write_whole(path, lambda file: file.write(make().encode()))
        return path.read_bytes().decode()

    page._bundle = functools.cache(bundle)


def _be(
    module: str, args: list[str], folder: str, environment: dict[str, str], out: int, err: int, shared: str
) -> None:
    """Be the command or the worker: what multiprocessing would do at the end is not done."""
    for file, number in ((out, 1), (err, 2)):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["barnspider", *args]
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))  # noqa: SIM115
    main = importlib.import_module(module).main
    if module == "barnspider.cli":
        forkserver._forkserver.ensure_running = lambda: None  # it runs: we come from it
        fork_workers()
        _remember_vega(Path(shared) / "vega.js")
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    with contextlib.suppress(ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
