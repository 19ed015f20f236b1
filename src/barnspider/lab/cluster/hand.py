"""One worker on a node. It starts the engine's own worker as a command, tells it runs by their keys, and hears of them.

Nothing of a training is in the process that Ray starts: what Ray loses is a messenger.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from barnspider.errors import BarnspiderError
from barnspider.files import owner
from barnspider.lab.claims import clear_shared
from barnspider.lab.cluster.job import Arrived, Ended, Job, Kept, Made, Outcome, Taken, is_seen, versions
from barnspider.lab.data.once import NAME
from barnspider.lab.run import WORKER_ENVIRONMENT
from barnspider.lab.states import State, keep, state_in
from barnspider.store import Sent, Store, send, slug

PATIENCE = 25.0
"""Seconds that a worker has for ending when asked."""

TOLD = 2000
"""Characters of the end of what a worker that died has said."""


class Hand:
    """A worker that a driver has somewhere else; its methods are called from there.

    `make` is called for one run after the other; `state` and `end` at any time, from other threads.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self._heard = 0
        self._busy = threading.Lock()
        self._own: Path | None = None
        self._store: Store | None = None
        self._shares = False
        self._images = False
        self._key = ""
        self._known = b""
        self._ending = False

    def versions(self) -> dict[str, str]:
        """Return what must be the same on all nodes."""
        return versions()

    def arrive(self, job: Job) -> Arrived:
        """Start the worker and stay until it is ready: data read, the store found, or one of its own made."""
        try:
            clear_shared()
            self._own = Path(tempfile.mkdtemp(prefix=f"barnspider-{owner()}-"))
            self._shares = is_seen(job.token, job.secret)
            self._store = store = Store.existing(job.store) if self._shares else self._own_store(job, self._own)
            self._images = job.room == "command.worker"
            room = (f"barnspider.lab.{job.room}", str(store.root), job.study.identity, *job.options, "--told")
            laid = self._laid_down(job, store, self._own / NAME) if job.fingerprint else ()
            self._start(job, *room, *laid)
        except (BarnspiderError, OSError) as error:
            return Arrived(error=str(error))
        event = self._next()
        if event["event"] != "ready":
            return Arrived(error=event["error"])
        return Arrived(self._shares, event.get("fingerprint", ""))

    def _start(self, job: Job, *room: str) -> subprocess.Popen[str]:
        """Start a room as a command, which `end` ends."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", *room], env=_environment(job), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._said, text=True, start_new_session=True,
        )  # fmt: skip
        if self._ending:
            process.terminate()
        return process

    def _laid_down(self, job: Job, store: Store, folder: Path) -> tuple[str, ...]:
        """Have the data where all workers of the node share them; none where that cannot be."""
        once = ("barnspider.lab.data.once", str(store.root), job.study.identity, str(folder), job.fingerprint)
        self._start(job, *once).communicate()
        return ("--data", str(folder)) if (folder / "about.json").exists() else ()

    def take(self, state: State) -> Taken:
        """Keep the state from which the run goes on that is to be made next, in a store of our own.

        Raises
        ------
        StoreError
            When it cannot be written.
        """
        assert self._store is not None
        keep(self._store, state)
        self._known = state.sum
        return Taken()

    def make(self, key: str) -> Made:
        """Have a run made; come back when that is settled."""
        with self._busy:
            return self._make(key)

    def _make(self, key: str) -> Made:
        assert self._process is not None
        assert self._process.stdin is not None
        self._key = key
        with contextlib.suppress(OSError):  # it has died meanwhile, which `_next` hears
            self._process.stdin.write(f"{key}\n")
            self._process.stdin.flush()
        event, error = self._next(), ""
        while event["event"] not in ("settled", "stopped", "died"):
            error = event["error"] if event["event"] == "failed" else error
            event = self._next()
        if event["event"] != "settled":
            state = None if self._ending else self._new_state()  # else it is the last word
            return Made(event["event"], event["error"], self._notes(), state=state)
        self._key = ""
        outcome: Outcome = "failed" if error else event["outcome"]
        return Made(outcome, error, self._notes(), self._sent(key) if outcome in ("made", "there") else None)

    def state(self) -> Kept:
        """Return the state of the run that is being made, if it is another than the last that came or went."""
        return Kept(self._new_state())

    def _new_state(self) -> State | None:
        if self._shares or self._store is None or not self._key:
            return None
        state = state_in(self._store, self._key, but=self._known)
        if state is not None:
            self._known = state.sum
        return state

    def end(self) -> Ended:
        """Ask the worker to end, and stay until it has; one that does not end in time is killed."""
        self._ending = True
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            with self._busy:  # whoever waits for a run hears first that there will be none
                self._close()
        state = self._new_state()
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
        return Ended(state)

    def _close(self) -> None:
        for stream in (self._process and self._process.stdin, self._process and self._process.stdout, self._said):
            with contextlib.suppress(OSError):  # it is not there to hear the last word
                if stream is not None:
                    stream.close()

    def _own_store(self, job: Job, folder: Path) -> Store:
        """Make a store of this worker's own, for the time that it lives, with the plan in it."""
        store, plan = Store(folder / "store"), job.study
        store.plan(plan.identity, plan.cells[: len(plan.cells) - len(plan.earlier)], plan.sweep)
        return store

    def _sent(self, key: str) -> Sent | None:
        """Return a run that was made in a store of our own, which need not keep it."""
        if self._shares or self._store is None:
            return None
        sent = send(self._store, key, images=self._images)
        shutil.rmtree(self._store.root / "weights" / slug(key), ignore_errors=True)
        return sent

    def _next(self) -> dict[str, Any]:
        """Return what the worker says next; when it says nothing more, how it ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        status = self._process.wait()
        tail = self._text(0).decode(errors="replace")[-TOLD:].strip() or "it said nothing"
        return {"event": "died", "error": f"a worker ended with {status}: {tail}"}

    def _text(self, begin: int) -> bytes:
        """Return what the worker has said from a byte on; nobody may seek in the file, whose place is the worker's."""
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size - begin, begin)

    def _notes(self) -> tuple[str, ...]:
        """Return the notes that the worker has written since it was last asked."""
        text, newline, _ = self._text(self._heard).rpartition(b"\n")
        self._heard += len(text + newline)
        return tuple(line for line in text.decode(errors="replace").splitlines() if line.startswith("note: "))


def _environment(job: Job) -> Mapping[str, str]:
    """Return a worker's variables: what the driver gives, then the node's, then what is usual.

    Ray sets the threads of a process by its cores, which is right for commands; our trainings have one thread.
    """
    ours = {} if job.room == "command.worker" else WORKER_ENVIRONMENT
    return {**job.usual, **os.environ, **ours, **job.given}
