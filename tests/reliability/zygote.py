"""A process that has everything loaded, and makes workers by fork, which die, pause or find a full disk on order.

Orders come in as JSON, a line each: `{"store": ..., "study": ..., "log": ..., "fault": ..., "at": ..., "set": {...}}`
starts `train_missing` in a child, with the work of all workers in the child itself, and answers its process id;
`{"wait": pid}` waits until the child has stopped or ended, and answers how. A fault happens at the `at`-th touch of the
disk: whatever makes, writes, renames or removes a file in the store. A kill tears the file that is being written.
"""

import errno
import json
import os
import signal
import stat
import sys
import traceback

import torch

from barnspider.errors import BarnspiderError
from barnspider.lab import Store, claims, read_study
from barnspider.lab import run as _run  # loads barnspider.lab.run, which goes by the function's name
from barnspider.lab import worker as worker_room
from barnspider.lab.data import load

assert callable(_run)
run_room = sys.modules["barnspider.lab.run"]
ROOMS = {"claims": claims, "worker": worker_room}
WRITES = {"os.mkdir", "os.link", "os.rename", "open"}
CHANGES = WRITES | {"os.remove", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR


class Touches:
    """Counts what is done to the store, and does the fault when its turn has come."""

    def __init__(self, root: str, fault: str | None, at: int) -> None:
        self.root, self.fault, self.at, self.count = root, fault, at, 0

    def hook(self, event: str, args: tuple) -> None:
        if event in CHANGES and self._is_ours(event, args) and not _fails_anyway(event, args):
            self.touch(writes=event in WRITES)

    def _is_ours(self, event: str, args: tuple) -> bool:
        if event == "open" and not args[2] & WRITING:
            return False
        inside = isinstance(args[0], str | bytes) and os.fsdecode(args[0]).startswith(self.root)
        return inside or (event in {"os.remove", "os.rmdir"} and args[1] != -1)  # shutil.rmtree

    def touch(self, *, writes: bool, file: int | None = None) -> None:
        self.count += 1
        if self.fault is None or self.count < self.at:
            return
        if self.fault == "kill":
            if file is not None and stat.S_ISREG(os.fstat(file).st_mode):
                os.ftruncate(file, os.fstat(file).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "stop" and self.count == self.at:
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.fault == "full" and writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif self.fault == "read-only":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def _fails_anyway(event: str, args: tuple) -> bool:
    """Whether a system refuses for a reason that comes before that of a full or read-only disk."""
    if event in {"os.remove", "os.rmdir"} and args[1] != -1:
        return False
    there = os.path.lexists(args[0])
    if event == "open":
        return there and bool(args[2] & os.O_EXCL)
    return there if event == "os.mkdir" else not there


def obey(order: dict) -> None:
    """Go on with a study as `barnspider run` does, in this process; never returns."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for name, value in order.get("set", {}).items():
        room, constant = name.split(".")
        setattr(ROOMS[room], constant, value)
    run_room._work = lambda store, sweep, *_: worker_room.work(store, sweep.identity) or 0
    touches = Touches(order["store"], order.get("fault"), order.get("at", 1))
    sys.addaudithook(touches.hook)
    fsync = os.fsync
    os.fsync = lambda file: (touches.touch(writes=False, file=file), fsync(file))
    os._exit(_go_on(order, touches))


def _go_on(order: dict, touches: Touches) -> int:
    try:
        run_room.train_missing(read_study(order["study"]), Store(order["store"]))
    except BarnspiderError as error:
        worker_room.say(event="error", error=str(error))
        return 2
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    worker_room.say(event="over", touches=touches.count)
    return 0


def wait(pid: int) -> dict:
    """Wait until a child has stopped or ended."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    return {"stopped": stopped, "status": None if stopped else os.waitstatus_to_exitcode(status)}


def main() -> None:
    torch.set_num_threads(1)
    load("digits")
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = wait(order["wait"])
        else:
            child = os.fork()
            if not child:
                obey(order)
            answer = {"pid": child}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
