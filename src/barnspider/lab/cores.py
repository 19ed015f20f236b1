"""How many cores there are for us.

Workers are not pinned to them: the system does no worse by itself, and better beside other programs (docs/engine.md).
"""

from __future__ import annotations

import math
import os
from pathlib import Path


def core_count() -> int:
    """Return how many cores this process may use: where a container's share of time is smaller, that, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(min(_quota(), cores))))


def _quota(root: Path = Path("/")) -> float:
    """Return the cores' worth of time that the control groups of this process grant it; infinite without a limit.

    Both versions of control groups; a limit on any group above ours is ours, too. In a container, the path of a group
    may be one that only its host can see: then the container's own top stands for it.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:  # no Linux
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            mount = root / "sys/fs/cgroup" / controllers
            group = mount / path.strip("/")
            quotas += [_granted(folder) for folder in (group, *group.parents) if folder.is_relative_to(mount)]
    return min(quotas)


def _granted(group: Path) -> float:
    """Return the cores' worth of time that one control group grants."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text("ascii").split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return math.inf if quota == "max" or int(quota) < 0 else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # a group without the controller
        return math.inf
