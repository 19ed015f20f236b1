"""What passes between the command that has a study made and the workers on the nodes of a cluster."""

from __future__ import annotations

import math
import platform
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from barnspider import __version__
from barnspider.errors import InputError
from barnspider.files import owner, write_whole
from barnspider.lab.states import State
from barnspider.store import Sent, Store, Study


@dataclass(frozen=True)
class Asked:
    """What is asked of a cluster.

    Attributes
    ----------
    address : of the cluster's head, "local" for a Ray of our own; None for the one that is found, or else our own
    workers : how many at the most; None for as many as the cluster holds
    cpus, gpus : what each worker gets; of a GPU, a fraction
    device : "cpu" or "cuda"; with GPUs, trainings are on them
    data : where the data sets are on all nodes; None where each node knows its own place

    Raises
    ------
    InputError
        When there is no such part of a GPU, or a GPU is named by its number.
    """

    address: str | None = None
    workers: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    device: str = "cpu"
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise InputError(f"device={self.device!r}; on a cluster expected cpu or cuda: which GPU, Ray decides")
        whole = math.isfinite(self.gpus) and self.gpus >= 0 and self.gpus == int(self.gpus)
        if not whole and not 0.0001 <= self.gpus < 1:
            raise InputError(
                f"gpus={self.gpus:g}; expected the part of a GPU that each worker gets, such as 0.25, or a whole number"
            )
        if self.address is not None and "://" in self.address:
            raise InputError(
                f"address={self.address!r}; expected host:port of the cluster's head, from a machine that has joined it"
                " (`ray start`)"
            )


@dataclass(frozen=True)
class Job:
    """A study that workers are to make.

    Attributes
    ----------
    room : of the laboratory, whose workers make its runs
    store : the driver's store
    options : what its workers are told beside store and study
    token, secret : a file of the store, and what is in it: who reads that there sees the very store
    given : variables for each worker, in the place of its node's
    usual : variables for workers whose node has none of the name
    fingerprint : of the data that all must have; "" where only the runs know
    """

    room: str
    store: Path
    study: Study
    options: tuple[str, ...]
    token: Path
    secret: str
    given: Mapping[str, str]
    usual: Mapping[str, str]
    fingerprint: str = ""


@dataclass(frozen=True)
class Arrived:
    """A worker that is ready: whether it sees the store, and the fingerprint of its data; or why it is not."""

    shares: bool = False
    fingerprint: str = ""
    error: str = ""


Outcome = Literal["made", "there", "held", "failed", "stopped", "died"]
"""What came of a run: it was made, or was sealed before; somebody else makes it; it cannot be made; its worker has
ended and said why, or without a word."""


@dataclass(frozen=True)
class Made:
    """What came of a run, why, and what else the worker had to say; where the store is out of sight, also the run.

    Of a run that was not made, its last state comes, where that is new.
    """

    outcome: Outcome
    error: str = ""
    notes: tuple[str, ...] = ()
    sent: Sent | None = None
    state: State | None = None


@dataclass(frozen=True)
class Taken:
    """A worker has the state that it was sent."""


@dataclass(frozen=True)
class Kept:
    """The state of the run that a worker makes, where that is new and the store is out of sight."""

    state: State | None = None


@dataclass(frozen=True)
class Ended:
    """A worker has ended, as it was asked to; the state of the run that it made, as `Kept`."""

    state: State | None = None


def versions() -> dict[str, str]:
    """Return what must be the same on all nodes; plain text, which every version can read."""
    return {"barnspider": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}


@contextmanager
def token_in(store: Store) -> Generator[tuple[Path, str]]:
    """Lay a file into the store, while the block runs, by which others can tell that they see this store; yield both.

    It is named as half-written files are, so that it goes as theirs do when its owner is killed.
    """
    secret = secrets.token_hex(16)
    path = store.root.absolute() / "jobs" / f".writing-{owner()}-{secrets.token_hex(4)}"
    write_whole(path, lambda file: file.write(secret.encode()))
    try:
        yield path, secret
    finally:
        path.unlink(missing_ok=True)


def is_seen(token: Path, secret: str) -> bool:
    """Return whether the file is there and holds the secret: then its store is the one that is meant."""
    try:
        return token.read_text("ascii") == secret
    except (OSError, UnicodeDecodeError):
        return False
