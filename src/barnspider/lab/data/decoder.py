"""One worker of a packing: `python -m barnspider.lab.data.decoder FOLDER NUMBER COUNT` decodes its share of a set.

It knows nothing but the folder, in which `packing` has said what is to be done. Every image has a place of its own in
`images`, and a byte in `states` that is set when it is there; so any worker may be killed at any time, and two that do
the same work do no harm.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from barnspider.errors import DataError
from barnspider.lab.data.pictures import decode
from barnspider.lab.data.source import contents

WAITING, GREY, COLOUR, BAD = range(4)
"""What a byte in `states` says of its image."""

CHUNK = 256
"""Images that are decoded between two writes."""


def decode_share(folder: Path, number: int, count: int) -> None:
    """Decode what waits in every `count`-th chunk of the set, starting with chunk `number`."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    names = np.load(folder / "names.npy", mmap_mode="r")
    parent = os.getppid()
    # Unbuffered, for both files are written in the middle and by several processes.
    with (
        (folder / "images").open("r+b", 0) as images,
        (folder / "states").open("r+b", 0) as states,
        contents(job["kind"], Path(job["root"]), job["column"]) as read,
    ):
        for rows in _share(np.fromfile(folder / "states", np.uint8), number, count):
            if os.getppid() != parent:
                return
            _write(folder, images.fileno(), states.fileno(), rows, read(names[rows].tolist()), job["size"])


def _share(states: NDArray[np.uint8], number: int, count: int) -> Iterator[NDArray[np.int64]]:
    # By place, not by what waits now: other workers have begun, and a chunk must not fall between two of them.
    for start in range(number * CHUNK, len(states), count * CHUNK):
        waiting = np.flatnonzero(states[start : start + CHUNK] == WAITING)
        if len(waiting):
            yield start + waiting


def _write(
    folder: Path, images: int, states: int, rows: NDArray[np.int64], encoded: Iterator[bytes], size: int
) -> None:
    """Decode some images to their places; say that they are there only when the disk has them."""
    became: list[int] = []
    for row, content in zip(rows.tolist(), encoded, strict=True):
        try:
            pixels, colour = decode(content, size)
        except DataError as error:
            _note(folder, row, str(error))
            became.append(BAD)
        else:
            os.pwrite(images, pixels.tobytes(), row * pixels.size)
            became.append(COLOUR if colour else GREY)
    os.fsync(images)
    for row, state in zip(rows.tolist(), became, strict=True):
        os.pwrite(states, bytes([state]), row)


def _note(folder: Path, row: int, reason: str) -> None:
    """Append why an image is bad: one short line in one write, so that lines of several workers never mix."""
    line = json.dumps({"row": row, "reason": reason[:500]}) + "\n"
    handle = os.open(folder / "bad.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def main() -> None:
    """Decode the share that the command line names."""
    try:
        decode_share(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    except DataError as error:
        sys.stderr.write(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
