"""Stops what was started when whoever started it is gone, however that ended: started as a script, by its path.

It reads lines, "+1234" for a group of processes that has begun and "-1234" for one that is over. When nothing more can
be read, the writer has ended, perhaps by kill -9; then the groups that are left are asked to end, and at last killed.
Standard library only, so that it begins at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

PATIENCE = 10.0
"""Seconds that a command has for ending when asked."""


def main() -> None:
    """Watch until standard input ends."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, sign)
        deadline = time.monotonic() + PATIENCE
        while any(map(_is_there, groups)) and time.monotonic() < deadline:
            time.sleep(0.05)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
