"""How many cores there are for us, and which."""

from __future__ import annotations

import math
import os
from pathlib import Path


def core_count() -> int:
    """Return how many cores this process may use: where a container's share of time is smaller, that, rounded up."""
    cores = len(_cores()) or os.cpu_count() or 1
    return max(1, min(cores, math.ceil(min(_quota(), cores))))


def cores_for(workers: int) -> list[int | None]:
    """Return for each worker the core that it shall stay on, or None where the system shall choose.

    Only workers that fill all cores are pinned: with fewer, another command's workers might be pinned beside them to
    the same cores, while others are idle.

    Examples
    --------
    >>> cores_for(10_000) == [None] * 10_000
    True
    """
    cores = _cores()
    return [*cores] if len(cores) == core_count() == workers else [None] * workers


def stay_on(core: int) -> None:
    """Run this process, and all threads that it starts from now on, on one core.

    Raises
    ------
    OSError
        When the core is not there, or not for us.
    """
    os.sched_setaffinity(0, {core})


def _cores() -> list[int]:
    """Return the cores that this process may run on; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


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
