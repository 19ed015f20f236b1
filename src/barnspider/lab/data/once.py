"""One copy of a data set for workers of one machine that know nothing of each other.

`python -m barnspider.lab.data.once STORE STUDY FOLDER FINGERPRINT` lays it down in a worker's own folder. The first
loads it; whoever comes later gets links to the same files: they are there as long as anybody needs them, whoever dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from barnspider.errors import BarnspiderError
from barnspider.lab.data.loading import load
from barnspider.lab.data.parts import Dataset
from barnspider.lab.data.sharing import share

NAME = "data"
"""What the folder is called, in a folder of its owner's for a while: `barnspider-<owner>-...` among temporary files."""


def lay_once(folder: Path, fingerprint: str, load: Callable[[], Dataset]) -> bool:
    """Have a data set in a folder, as `share` writes it; False where another worker had it, True where it was loaded.

    Raises
    ------
    DataError
        When it cannot be loaded.
    StoreError
        When the folder cannot be written.
    """
    with _turn():
        for other in Path(tempfile.gettempdir()).glob(f"barnspider-*/{NAME}/about.json"):
            if _linked(other, folder, fingerprint):
                return False
        share(load(), folder)
        return True


@contextlib.contextmanager
def _turn() -> Generator[None]:
    """Wait for whoever of this user is just at it; the system ends his turn when he dies."""
    path = Path(tempfile.gettempdir()) / f"barnspider-{os.getuid()}.lock"
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _linked(other: Path, folder: Path, fingerprint: str) -> bool:
    """Link all files of this user's data set that has this fingerprint; False, and no link, where one cannot be."""
    try:
        about = json.loads(other.read_text("utf-8"))
        if other.stat().st_uid != os.getuid() or about["fingerprint"] != fingerprint:
            return False
        folder.mkdir(parents=True)
        for name in (*about["files"], other.name):
            (folder / name).hardlink_to(other.parent / name)
    except (OSError, ValueError, KeyError):  # its owner is just leaving, or is of another version
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def main() -> None:
    """Lay down the data of a study's plan; where that cannot be, a worker says so when it loads them itself."""
    from barnspider.lab.sweep import Sweep
    from barnspider.store import Store

    store, study, folder, fingerprint = sys.argv[1:]
    try:
        base = Sweep.from_dict(Store.existing(store).study(study).sweep).base
        lay_once(Path(folder), fingerprint, lambda: load(base.dataset, split_seed=base.split_seed))
    except (BarnspiderError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write(f"note: each worker of a node reads the data itself: {error}\n")


if __name__ == "__main__":
    main()
