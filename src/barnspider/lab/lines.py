"""What passes between a worker and the process that started it: lines of JSON one way, keys of runs the other.

A worker that is told which runs to make hears it on standard input, one key a line. When that ends, whoever would tell
is gone or wants nothing more, and the worker is asked to end: so none is left behind, however its parent ended.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TextIO

from barnspider.lab.stopping import next_of

_LINE: ContextVar[TextIO | None] = ContextVar("line", default=None)
"""Where lines for the process that started this one go, once standard output is left to others."""


def say(**event: object) -> None:
    """Write one line for the process that started this one."""
    out = _LINE.get() or sys.stdout
    out.write(json.dumps(event) + "\n")
    out.flush()


def keep_for_lines() -> None:
    """Keep standard output for lines of ours: what strangers' networks print goes to standard error."""
    _LINE.set(sys.stdout)
    sys.stdout = sys.stderr


def keys() -> Iterator[str]:
    """Yield the keys that standard input names, as they come; when it ends, this process is asked to end (SIGTERM)."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(told,), daemon=True).start()
    while True:
        yield next_of(told)


def _listen(told: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        told.put(line.strip())
    os.kill(os.getpid(), signal.SIGTERM)
