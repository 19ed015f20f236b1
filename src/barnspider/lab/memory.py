"""How much memory a process has needed at most: the system's, or a GPU's."""

from __future__ import annotations

import resource
import sys

import torch


def peak(device: str) -> int:
    """Return the bytes that this process has had on the device at most since it began.

    On a GPU, what torch has taken from it: what other libraries take, some hundred megabytes, comes on top.

    Examples
    --------
    >>> peak("cpu") > 10_000_000
    True
    """
    if device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(device)
    # Linux counts kilobytes here, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def whole(device: str) -> int:
    """Return how many bytes the device has.

    Examples
    --------
    >>> whole("cpu") >= peak("cpu")
    True
    """
    import os

    if device.startswith("cuda"):
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
