"""Machines that come and go, and workers on them: what `crew` knows of a cluster, whatever it is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from barnspider.lab.claims import Claim, claimed
from barnspider.lab.cluster.job import Job
from barnspider.lab.states import State
from barnspider.store import Planned


class Lost(Exception):  # noqa: N818 - it is no error: workers and nodes come and go
    """A worker is gone, or its node."""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, what to call it, and how many workers it can hold."""

    id: str
    name: str
    slots: int


class Remote(Protocol):
    """A `Hand` on a node: each call returns at once what stands for the answer to come."""

    def versions(self) -> Hashable: ...
    def arrive(self, job: Job) -> Hashable: ...
    def take(self, state: State) -> Hashable: ...
    def make(self, key: str) -> Hashable: ...
    def state(self) -> Hashable: ...
    def end(self) -> Hashable: ...


class Cluster(Protocol):
    """Machines that come and go. `answer` raises `Lost`, and `InputError` where no worker can ever be on the node.

    `ask` has it be large enough for so many workers in all, where it grows and shrinks by demand.
    """

    @property
    def grows(self) -> bool: ...
    def nodes(self) -> Sequence[Node]: ...
    def ask(self, workers: int) -> None: ...
    def hire(self, node: Node) -> Remote: ...
    def wait(self, answers: Sequence[Hashable], seconds: float) -> Sequence[Hashable]: ...
    def answer(self, answer: Hashable) -> Any: ...
    def dismiss(self, remote: Remote) -> None: ...


@dataclass(eq=False)
class Member:
    """A worker of ours: where it is, how far, whether it sees the store; its run, and our claim on that."""

    node: Node
    remote: Remote
    started: bool = False
    ready: bool = False
    leaving: bool = False
    shares: bool = True
    run: Planned | None = None
    claim: Claim | None = None
    asked: float = 0.0
    _claims: ExitStack = field(default_factory=ExitStack)

    def holds(self, root: Path, key: str) -> bool:
        """Return whether we have taken the claim on a run, which its worker cannot."""
        self.claim = self._claims.enter_context(claimed(root, key))
        return self.claim is not None

    def give_back(self) -> None:
        """Give the claim back, if there is one."""
        self._claims.close()
        self.claim = None
