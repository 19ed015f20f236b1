"""A place in which one command at a time runs: it takes a run, starts its command, checks and seals its answers."""

from __future__ import annotations

import contextlib
import platform
import queue
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from barnspider.errors import InputError, StoreError, TrainingError
from barnspider.files import cannot_write, owner
from barnspider.lab.claims import Claim, LostClaim, claimed
from barnspider.lab.command.agreement import Agreement
from barnspider.lab.command.answers import SPLITS, harvest
from barnspider.lab.command.start import Stopped, append_to, last_lines, run_to_end
from barnspider.lab.command.sweep import CommandRun
from barnspider.lab.command.template import PYTHON, Values
from barnspider.lab.shift import Shift
from barnspider.names import visible
from barnspider.store import Store
from barnspider.tables.prescription_file import write_prescription

WAIT = 0.5
"""Seconds between two looks at runs that others hold."""

LINES = 5
"""Last lines of a failed command that are shown."""


@dataclass(frozen=True)
class Failed:
    """Why a command did not do what it should, what was started, and the last lines that it said.

    `kept` is the folder that keeps what it left, where that was refused.
    """

    why: str
    line: str
    said: tuple[str, ...]
    kept: Path | None = None


@dataclass(frozen=True)
class Event:
    """What a slot has to say.

    A run was sealed here, was found to be sealed by others, was tried again, has failed; nothing can go on; or the slot
    is done.
    """

    kind: Literal["sealed", "found", "again", "failed", "broken", "ended"]
    text: str = ""
    error: BaseException | None = None


@dataclass
class Slot:
    """One of several that share the runs that are left, and tell what happens. `made` counts what it has settled."""

    shift: Shift
    store: Store
    left: deque[CommandRun]
    unwanted: threading.Event
    images: Agreement
    tell: queue.SimpleQueue[Event]
    made: int = 0

    def work(self) -> None:
        """Take runs until none is left; what goes wrong beside a run's own command is told, and ends the work."""
        try:
            with contextlib.suppress(Stopped):  # whoever stops us knows
                while self.left and not self.unwanted.is_set() and not self.shift.is_over(self.made):
                    self._take()
        except BaseException as error:
            self.tell.put(Event("broken", error=error))
        finally:
            self.tell.put(Event("ended"))

    def _take(self) -> None:
        """Settle the next run, or put it back when somebody else has it, from the beginning or by now."""
        try:
            run = self.left.popleft()
        except IndexError:  # another slot was faster
            return
        with contextlib.suppress(LostClaim), claimed(self.store.root, run.key) as claim:
            if claim:
                self._settle(run, claim)
                return
        if self.shift.waits:
            self.left.append(run)
            self.unwanted.wait(WAIT)

    def _settle(self, run: CommandRun, claim: Claim) -> None:
        """See to it that a run is sealed, or that it is said why not."""
        if not self.store.missing([run]):
            self.tell.put(Event("found"))
            return
        self.store.forget_failure(run.key)
        log_of(self.store, run).unlink(missing_ok=True)
        failed: Failed | None = None
        for attempt in range(1, run.command.retries + 2):
            failed = self._try(run, claim, attempt)
            if failed is None or attempt > run.command.retries:
                break
            again = f"attempt {attempt + 1} of {run.command.retries + 1} begins"
            self.tell.put(Event("again", f"{_cell(run)}: {failed.why}; {again}"))
        self.made += 1
        if failed is not None:
            self._give_up(run, run.command.retries + 1, failed)

    def _give_up(self, run: CommandRun, attempts: int, failed: Failed) -> None:
        """Note why a run failed, and tell it."""
        log = log_of(self.store, run)
        why = f"{failed.why} (attempt {attempts} of {attempts})" if attempts > 1 else failed.why
        last = f"; last line: {failed.said[-1]}" if failed.said else ""
        left = f"; what it left: logs/{failed.kept.name}" if failed.kept else ""
        self.store.note_failure(run.key, f"{why}; log: logs/{log.name}{left}{last}")
        said = [f"  | {visible(line, longest=200)}" for line in failed.said] or ["  it said nothing"]
        lines = [f"{_cell(run)}: {why}", f"  in {run.command.folder}: {visible(failed.line, longest=1000)}", *said]
        lines += [f"  its log: {log}", *([f"  what it left: {failed.kept}"] if failed.kept else [])]
        self.tell.put(Event("failed", "\n".join(lines)))

    def _try(self, run: CommandRun, claim: Claim, attempt: int) -> Failed | None:
        """Run a command once and seal what it leaves, or return why that could not be."""
        building = (self.store.root / "building" / f"{run.key}-{owner()}-{secrets.token_hex(4)}").absolute()
        places = {"test": building / "predictions", "validation": building / "validation"}
        late = {SPLITS[split]: str(place) for split, place in places.items()}
        values = {
            **run.values,
            **late,
            "worker": self.shift.number,
            "python": PYTHON,
            "prescription": self._prescribed(run),
        }
        log, line = log_of(self.store, run), run.command.line(values)
        header = f"[attempt {attempt}, in {run.command.folder}]\n$ {line}\n".encode(errors="replace")
        kept = None
        try:
            shutil.rmtree(refused_of(self.store, run), ignore_errors=True)
            building.mkdir(parents=True)
            append_to(log, header)
            above = log.stat().st_size
            why, seconds = self._start(run, claim, values, log)
            claim.look()
            if not why and (why := self._seal(run, claim, places, seconds, attempt)) and any(building.iterdir()):
                kept = _kept(building, refused_of(self.store, run))
        except OSError as error:
            raise StoreError(cannot_write(building, error)) from error
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return Failed(why, line, tuple(last_lines(log, LINES, above)), kept) if why else None

    def _prescribed(self, run: CommandRun) -> str:
        """Write the doses that are prescribed, and return where; "" where all classes have one."""
        if run.prescription is None:
            return ""
        path = self.store.root / "prescriptions" / f"{run.key}.json"
        return str(write_prescription(run.prescription, path.absolute()))

    def _start(self, run: CommandRun, claim: Claim, values: Values, log: Path) -> tuple[str, float]:
        """Run a command to its end; return "", or what went wrong, and the seconds that it took."""
        _check_unchanged(run)
        try:
            self.images.check_prescribed(run)
        except InputError as error:
            return f"it was not started: {error}", 0.0
        command = run.command
        words, environment = command.filled(values)
        ended = run_to_end(
            words, command.folder, environment,
            log=log, timeout=command.timeout, unwanted=self.unwanted, look=claim.look_if_late,
        )  # fmt: skip
        return ended.why, ended.seconds

    def _seal(self, run: CommandRun, claim: Claim, places: Mapping[str, Path], seconds: float, attempt: int) -> str:
        """Seal what a command left; return "", or what is wrong with it."""
        asked = {split: place for split, place in places.items() if SPLITS[split] in run.command.placeholders}
        about = {
            "command": run.command.line(run.values), "dose": run.dose, "seed": run.seed, "seconds": round(seconds, 3),
            "attempts": attempt, "environment": {"system": platform.platform()},
        }  # fmt: skip
        _check_unchanged(run)
        try:
            found = harvest(asked, run)
            claim.look()
            first = self.images.seal(run, found, about)
        except InputError as error:
            return str(error)
        self.tell.put(Event("sealed" if first else "found"))
        return ""


def _cell(run: CommandRun) -> str:
    return f"{visible(run.arm)}, seed {run.seed}"


def log_of(store: Store, run: CommandRun) -> Path:
    """Return the file that keeps what a run's command said, the end of it."""
    return store.root / "logs" / f"{run.key}.txt"


def refused_of(store: Store, run: CommandRun) -> Path:
    """Return the folder that keeps what a run's command left in its last attempt, if that was refused."""
    return store.root / "logs" / run.key


def _kept(left: Path, place: Path) -> Path:
    """Move what a command left to where it can be looked at, in the place of what is there."""
    shutil.rmtree(place, ignore_errors=True)
    return left.rename(place)


def _check_unchanged(run: CommandRun) -> None:
    """Raise `TrainingError`, which ends the study, when a file that it lists is not what the run's key says."""
    now = run.command.sums()
    if changed := [name for name in {**run.sums, **now} if run.sums.get(name) != now.get(name)]:
        raise TrainingError(
            f"{changed[0]!r}, which the study lists, was changed while it ran, and runs before and after are not the"
            " same; run the same again: all begin anew with the file as it is then"
        )
