"""run(sweep, store) -> Predictions: start workers on what is missing, watch them, read what the store then holds."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from barnspider.errors import InputError, StoreError, TrainingError
from barnspider.files import owner
from barnspider.lab.claims import clear_abandoned, clear_shared
from barnspider.lab.command.run import run_missing
from barnspider.lab.cores import core_count
from barnspider.lab.data import Dataset, load
from barnspider.lab.data.sharing import share as lay_down
from barnspider.lab.images import describe
from barnspider.lab.shift import Share, Shift
from barnspider.lab.stopping import next_of
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Sweep
from barnspider.lab.tally import Tally
from barnspider.predictions import Predictions
from barnspider.progress import Progress
from barnspider.store import Planned, Store

# One thread for each process and one process for each core; and memory that glibc keeps instead of handing it back
# to the kernel at every step. `benchmarks/training.py` measures what both are worth.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GLIBC_TUNABLES": (
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0"
        ":glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456"
    ),
}

PATIENCE = 10.0
"""Seconds that a worker has for ending when asked."""


def run(
    sweep: AnySweep, store: Store, *, workers: int | None = None, split: str = "test", device: str = "cpu"
) -> Predictions:
    """Train what is missing of a sweep, then return the answers of all its runs to one split.

    Of a sweep of commands, those are started whose runs are missing; that needs no torch. A second call trains nothing.
    Stopped at any moment, it loses the runs in flight and nothing else.

    Parameters
    ----------
    workers
        Processes, each of one thread; by default one for each core that this process may use, and on a GPU one. Of
        commands, how many run side by side; by default as the study says.
    split
        "test" or "validation"; "test-averaged" or "validation-averaged" for the answers of the last steps' averaged
        weights.
    device
        "cpu"; "cuda" for all GPUs that torch sees, the workers spread over them; or one of them, "cuda:0". A
        command chooses its own.

    Raises
    ------
    InputError
        When the sweep does not fit the data, or a device is named for commands.
    TrainingError
        When there is no such device, or a run could not be trained; all others are trained and sealed first.
    StoreError
        When the store cannot be written, or its runs saw other data than what the recipe now names.
    """
    train_missing(sweep, store, workers=workers, device=device)
    return store.load(sweep.runs(), split)


def train_missing(
    sweep: AnySweep,
    store: Store,
    *,
    workers: int | None = None,
    device: str = "cpu",
    about: Mapping[str, Any] | None = None,
    share: Share | None = None,
) -> Tally:
    """Train the runs of a sweep that are not in the store; return who has trained how many of them. See `run`.

    `about` is what the store's plan shall say beside the sweep. With a `share`, only those of its runs are trained, and
    all are planned.
    """
    if isinstance(sweep, Sweep):
        return _train_missing(sweep, store, workers, device, about or {}, share)
    if device != "cpu":
        raise InputError(
            f"device={device!r} is for our own trainings; a command chooses its own: with"
            ' environment = {CUDA_VISIBLE_DEVICES = "{worker}"} each of several side by side gets a GPU'
        )
    return run_missing(sweep, store, workers=workers, about=about, share=share)


def _train_missing(
    sweep: Sweep, store: Store, workers: int | None, device: str, about: Mapping[str, Any], share: Share | None
) -> Tally:
    data = lay_out(sweep, store, about)
    runs = Shift(share=share).of(sweep.runs())
    missing = len(store.missing(runs))
    here = 0
    if missing:
        count = min(workers or (core_count() if device == "cpu" else 1), missing)
        clear_shared()
        with tempfile.TemporaryDirectory(prefix=f"barnspider-{owner()}-") as folder:
            lay_down(data, Path(folder))
            started = commands("worker", store, sweep.identity, Path(folder), device, count)
            started = [[*command, *(["--share", str(share)] if share else [])] for command in started]
            here = _work(store, sweep, missing, started, share)
    return Tally(here, missing - here)


def lay_out(sweep: Sweep, store: Store, about: Mapping[str, Any] | None = None) -> Dataset:
    """Write a sweep's plan and its images into a store, which is cleared of what the dead left; return its data.

    Raises
    ------
    InputError, TrainingError, StoreError
        As `run`.
    """
    data = fitting_data(sweep, store)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict() | dict(about or {}))
    clear_abandoned(store.root)
    describe(store, data)
    return data


def fitting_data(sweep: Sweep, store: Store) -> Dataset:
    """Return the data of a sweep, which fits it, and which its runs in the store saw.

    Raises
    ------
    InputError, TrainingError, StoreError
        As `run`.
    """
    check_torch()
    data = load(sweep.base.dataset, split_seed=sweep.base.split_seed)
    sweep.check_classes(data.classes)
    sweep.check_channels(data.shape[0])
    _refuse_other_data(sweep, store, data.fingerprint)
    return data


def commands(room: str, store: Store, study: str, data: Path | None, device: str, count: int) -> list[list[str]]:
    """Return how each of `count` workers of a room of the laboratory is started, on data that they share or read."""
    command = [sys.executable, "-m", f"barnspider.lab.{room}", str(store.root), study]
    command += [] if data is None else ["--data", str(data)]
    return [[*command, "--device", device, "--number", str(i)] for i in range(count)]


def check_torch() -> None:
    """Raise `TrainingError` when torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise TrainingError("training needs torch, which is not installed; try: pip install 'barnspider[lab]'")


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker; what the user has set wins."""
    return WORKER_ENVIRONMENT | dict(os.environ)


def _refuse_other_data(sweep: Sweep, store: Store, fingerprint: str) -> None:
    if any(document["fingerprint"] != fingerprint for document in store.sealed(sweep.runs())):
        raise StoreError(
            f"data set {sweep.base.dataset!r} is not what it was when runs in {str(store.root)!r} were trained;"
            " use a new store for the new data"
        )


def _work(store: Store, sweep: Sweep, missing: int, commands: list[list[str]], share: Share | None) -> int:
    runs = Shift(share=share).of(sweep.runs())
    return set_to_work(commands, store, runs, missing, doing="training", done="trained")


def set_to_work(
    commands: list[list[str]],
    store: Store,
    runs: Sequence[Planned],
    missing: int,
    *,
    doing: str,
    done: str,
    all_of_them: bool = True,
    patience: float | None = None,
) -> int:
    """Start workers and stay until they are done; return how many runs they sealed.

    Raises
    ------
    TrainingError
        When some of the runs are still missing then; `doing` and `done` say what of. Where not `all_of_them` were to be
        made, only when one failed.
    """
    complaints: list[str] = []
    before = store.count(runs)
    alone = missing < len(runs) - before  # some are for others, whose progress is none of ours
    with _workers(commands, patience) as events, Progress(doing, total=missing) as progress:
        progress.show(sealed := 0)
        for event in events:
            if event["event"] == "ready":
                progress.begin()
            elif event["event"] == "sealed":
                sealed += 1
                progress.show(sealed if alone else max(sealed, store.count(runs) - before))
            else:
                complaints.append(event["error"])
    still = len(store.missing(runs))
    if still and (all_of_them or complaints):
        why = complaints[0] if complaints else "another command has changed the plan meanwhile; run the same again"
        raise TrainingError(f"{still} of {missing} runs could not be {done}; the first reason: {why}")
    for complaint in complaints:  # another worker has done the work
        sys.stderr.write(f"note: {complaint}\n")
    return sealed


@contextlib.contextmanager
def _workers(commands: list[list[str]], patience: float | None = None) -> Generator[Iterator[dict[str, Any]]]:
    """Start workers, yield what they say until all are done, and stop them whatever happens."""
    with tempfile.TemporaryFile() as complaints:
        processes: list[subprocess.Popen[str]] = []
        try:
            processes.extend(_started(command, complaints) for command in commands)
            yield _events(processes, complaints)
        finally:
            _stop(processes, PATIENCE if patience is None else patience)
            sys.stderr.writelines(f"{line}\n" for line in _text(complaints).splitlines() if line.startswith("note: "))


def _started(command: list[str], complaints: IO[bytes]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, env=worker_environment(), stdout=subprocess.PIPE, stderr=complaints, text=True)


def _events(processes: list[subprocess.Popen[str]], complaints: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what the workers say, as they say it; a worker that dies without a word is an event too."""
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threads = [threading.Thread(target=_listen, args=(process, said), daemon=True) for process in processes]
    for thread in threads:
        thread.start()
    left = len(processes)
    while left:
        event = next_of(said)
        if event["event"] != "ended":
            yield event
            continue
        left -= 1
        if event["status"] not in (0, 2):
            tail = _text(complaints)[-2000:].strip()
            yield {"event": "died", "error": f"a worker ended with {event['status']}: {tail or 'it said nothing'}"}


def _text(complaints: IO[bytes]) -> str:
    """Return what the workers wrote to a file that they share with us: its place, too, so nobody may seek in it."""
    size = os.fstat(complaints.fileno()).st_size
    return os.pread(complaints.fileno(), size, 0).decode(errors="replace")


def _listen(process: subprocess.Popen[str], said: queue.SimpleQueue[dict[str, Any]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.put(json.loads(line))
    said.put({"event": "ended", "status": process.wait()})


def _stop(processes: list[subprocess.Popen[str]], patience: float) -> None:
    """End processes that are not over: ask all of them, and kill those that have not ended in time."""
    until = time.monotonic() + patience
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:  # it is paused, and hears nothing but a kill
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
