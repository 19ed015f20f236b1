"""The nodes of a Ray cluster: the one room that knows Ray. Nothing is pickled but names and plain values.

Ray finds `Hand` by its name on each node, where barnspider must be installed.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import re
import signal
import socket
import time
import warnings
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from barnspider import __version__
from barnspider.errors import InputError
from barnspider.lab.cluster.crew import LOOK
from barnspider.lab.cluster.hand import Hand
from barnspider.lab.cluster.job import Asked
from barnspider.lab.cluster.members import Lost, Node, Remote
from barnspider.lab.cores import core_count

SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP")
"""Signals by which somebody may want this process to end."""

AGAIN = 10.0
"""Seconds until a cluster is asked for another size, at the least; it looks at that every few seconds itself."""

WITHIN = 10.0
"""Seconds within which a cluster's head must be heard."""

MEMORY = 128 * 2**20
"""Bytes of shared memory for a Ray of our own, through which nothing goes but runs and states that are sent."""


@dataclass
class Deferred:
    """Signals that came while Ray was asked something: what a handler raises there, Ray cannot bear. The second counts.

    Ray takes some of them for itself when it begins; then they are ours again.
    """

    came: int | None = None
    _handlers: dict[int, Any] = field(default_factory=dict[int, Any])

    def hear(self) -> None:
        """Hear signals from now on, in the place of whoever does."""
        for sign in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            self._handlers.setdefault(sign, signal.getsignal(sign))
            if callable(self._handlers[sign]):  # else it is ignored, or ends us: so be it
                signal.signal(sign, self._hear)
            else:
                signal.signal(sign, self._handlers[sign])

    def _hear(self, sign: int, frame: Any) -> None:
        if self.came is not None:
            self._handlers[sign](sign, frame)
        self.came = sign

    def pass_on(self) -> None:
        """Let whoever was there before us handle what came, once; what comes from now on is theirs at once."""
        sign, self.came = self.came, None
        if sign is not None:
            self.give_back()
            self._handlers[sign](sign, None)

    def give_back(self) -> None:
        """Leave the signals to whoever had them."""
        for sign, handler in self._handlers.items():
            signal.signal(sign, handler)


@dataclass
class RayCluster:
    """The nodes of the cluster that this process has joined; those of a Ray of our own do not grow in number."""

    ray: Any
    asked: Asked
    grows: bool
    signals: Deferred
    _looked: float = -math.inf
    _wanted: int = 0
    _wanted_at: float = -math.inf
    _nodes: list[Node] = field(default_factory=list[Node])

    def nodes(self) -> list[Node]:
        """Return the nodes that are there, looked up once in a while."""
        if time.monotonic() - self._looked >= LOOK:
            self._nodes = [_node(told, self.asked) for told in self.ray.nodes() if told["Alive"]]
            self._looked = time.monotonic()
        return self._nodes

    def ask(self, workers: int) -> None:
        """Have Ray's autoscaler, where there is one, bring nodes for so many workers in all; 0 asks nothing any more.

        The last word counts, whoever says it, also when he is gone.
        """
        now = time.monotonic()
        if not self.grows or workers == self._wanted or (workers and now - self._wanted_at < AGAIN):
            return
        each = {"CPU": self.asked.cpus} | ({"GPU": self.asked.gpus} if self.asked.gpus else {})
        importlib.import_module("ray.autoscaler.sdk").request_resources(bundles=[each] * workers)
        self._wanted, self._wanted_at = workers, now

    def hire(self, node: Node) -> Remote:
        """Have a worker made on a node, as soon as what it needs is free there."""
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        options: dict[str, Any] = {
            "num_cpus": self.asked.cpus, "num_gpus": self.asked.gpus or None,
            "max_restarts": 0, "max_task_retries": 0, "max_concurrency": 3,
            "scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node.id, soft=False),
        }  # fmt: skip
        return _Called(self.ray.remote(Hand).options(**options).remote())

    def wait(self, answers: Sequence[Hashable], seconds: float) -> Sequence[Hashable]:
        """Return those that are there, as soon as there is one, and after so many seconds in any case."""
        self.signals.pass_on()
        if answers:
            # What is large comes when it is asked for: one after the other.
            there, _ = self.ray.wait(list(answers), num_returns=1, timeout=seconds, fetch_local=False)
        else:
            there = time.sleep(seconds) or []
        self.signals.pass_on()
        return there

    def answer(self, answer: Hashable) -> Any:
        """Return what a worker has answered; `Lost` when it is gone, `InputError` when it cannot be on its node."""
        try:
            return self.ray.get(answer)
        except self.ray.exceptions.RayError as error:
            if re.search(r"No module named '?barnspider", str(error)):
                raise InputError(
                    f"barnspider {__version__} is not installed there, for the Python that Ray runs"
                ) from None
            raise Lost(_why(error)) from None

    def dismiss(self, remote: Remote) -> None:
        """Have Ray end a worker."""
        assert isinstance(remote, _Called)
        self.ray.kill(remote.actor)


@dataclass(frozen=True, eq=False)
class _Called:
    """A `Hand` elsewhere, called by its name."""

    actor: Any

    def versions(self) -> Hashable:
        return self.actor.versions.remote()

    def arrive(self, job: object) -> Hashable:
        return self.actor.arrive.remote(job)

    def take(self, state: object) -> Hashable:
        return self.actor.take.remote(state)

    def make(self, key: str) -> Hashable:
        return self.actor.make.remote(key)

    def state(self) -> Hashable:
        return self.actor.state.remote()

    def end(self) -> Hashable:
        return self.actor.end.remote()


def _node(told: Mapping[str, Any], asked: Asked) -> Node:
    name, address = told["NodeManagerHostname"], told["NodeManagerAddress"]
    return Node(told["NodeID"], f"{name} ({address})", slots(told["Resources"], asked))


def slots(resources: Mapping[str, float], asked: Asked) -> int:
    """Return how many workers a node holds: by its cores, and by its GPUs, each worker's part being of one GPU.

    Examples
    --------
    >>> slots({"CPU": 16, "GPU": 2}, Asked(cpus=2, gpus=0.3)), slots({"CPU": 16}, Asked(gpus=1))
    (6, 0)
    """
    by_cpus = int(resources.get("CPU", 0) // asked.cpus)
    if not asked.gpus:
        return by_cpus
    gpus = resources.get("GPU", 0)
    by_gpus = int(gpus) * int(1 / asked.gpus + 1e-6) if asked.gpus < 1 else int(gpus // asked.gpus)
    return min(by_cpus, by_gpus)


def _why(error: Exception) -> str:
    """Return why a worker is lost, in few words where Ray's are known."""
    said = str(error)
    known = {"node has died": "its node has died", "ActorUnavailable": "it cannot be reached"}
    return next((why for name, why in known.items() if name in said + type(error).__name__), _first_line(error))


def _first_line(error: Exception) -> str:
    """Return what Ray says in its first line, or what it was caused by; the rest is for who looks after the cluster."""
    said = str(getattr(error, "cause", None) or error)
    return next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)


def needed() -> Any:
    """Return Ray; `InputError` when it is not installed."""
    # Read when it is imported, and by all that it starts: nobody phones home.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise _missing(error.name) from None
    if ray.__file__ is None:  # a folder of this name, as Ray makes in /tmp, seen from there
        raise _missing("ray")
    return ray


def _missing(name: str | None) -> InputError:
    return InputError(
        f'a study on a Ray cluster needs Ray, and {name} is not installed; try: pip install "barnspider[ray]"'
    )


@contextlib.contextmanager
def joined(asked: Asked) -> Generator[RayCluster]:
    """Be part of a cluster while the block runs: the one that was named or is found, or else a Ray of our own.

    Raises
    ------
    InputError
        When Ray is not installed, or there is no cluster where one was named.
    """
    ray = needed()
    signals = Deferred()
    signals.hear()
    try:
        grows = _join(ray, asked.address or os.environ.get("RAY_ADDRESS", ""))
        signals.hear()
        yield RayCluster(ray, asked, grows, signals)
    finally:
        ray.shutdown()
        signals.give_back()


def _join(ray: Any, address: str) -> bool:
    """Join a cluster; return whether others may, too."""
    if address not in ("", "auto", "local"):
        _heard_at(address)
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    given = {"runtime_env": {"env_vars": {"PYTHONPATH": path}}} if (path := _python_path()) else {}
    if address != "local":
        try:
            ray.init(address=address or "auto", **quiet, **given)
        except (ConnectionError, RuntimeError, ValueError) as error:
            if address or not isinstance(error, ConnectionError):
                raise InputError(
                    f"address={address or 'auto'!r}: no Ray cluster can be joined there: {_first_line(error)}; expected"
                    " host:port of its head, from a machine that has joined it (`ray start`), with RAY_AUTH_MODE=token"
                    " where it wants a token"
                ) from None
        else:
            return True
    ray.init(
        address="local", num_cpus=core_count(), include_dashboard=False, object_store_memory=MEMORY, **quiet, **given
    )
    return False


def _heard_at(address: str) -> None:
    """Raise `InputError` where nobody listens at host:port, which Ray itself would take many minutes to find out."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"address={address!r}; expected host:port of the cluster's head, such as HEAD:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=WITHIN).close()
    except OSError as error:
        raise InputError(
            f"address={address!r}: nobody listens there: {error.strerror or error}; expected host:port of the cluster's"
            " head, as `ray start --head` tells it"
        ) from None


def _python_path() -> str:
    """Return where this process looks for modules beside those installed, as paths that hold elsewhere."""
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(os.path.abspath(part) for part in given.split(os.pathsep) if part)
