"""Starts one command and outlives whoever asked for it: a script, `keeper.py DESCRIPTOR PATIENCE PROGRAM ARGUMENT...`

The command leads a group of processes. Whatever of the group is left when the command ends is killed. When nothing more
can be read from standard input, whoever asked has ended, perhaps by kill -9, or wants the command to end: then the
group is asked to end, and killed when it does not. How the command ended is written to the file descriptor, as JSON.

Standard library only, so that it begins at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Start the command, and stay until nothing of it is left."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(sign, lambda *_: None)  # a handler, since what is ignored would be ignored by the command, too
    report, patience, words = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        _end(report, error=f"{error.strerror or error}: {error.filename or words[0]}")
        return
    threading.Thread(target=_stop_when_unwanted, args=(process, patience), daemon=True).start()
    status = process.wait()
    _signal(process.pid, signal.SIGKILL)
    _end(report, status=status)


def _stop_when_unwanted(process: subprocess.Popen[bytes], patience: float) -> None:
    while os.read(0, 1):
        pass
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, sign)


def _end(report: int, **how: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked has ended
        os.write(report, json.dumps(how).encode())
    os._exit(0)  # not waiting for the thread, which waits for standard input


if __name__ == "__main__":
    main()
