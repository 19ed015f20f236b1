"""Have a study made by workers on many nodes, which come and go: whatever is lost is made again, until all is sealed.

Which nodes there are, and how a worker on one of them is spoken to, is a `Cluster`'s to know. Ray's is in `nodes`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from barnspider.errors import InputError, StoreError, listing
from barnspider.lab.cluster import carrying
from barnspider.lab.cluster.carrying import Carrier
from barnspider.lab.cluster.hand import PATIENCE
from barnspider.lab.cluster.job import Arrived, Ended, Job, Kept, Made, Taken, versions
from barnspider.lab.cluster.members import Cluster, Lost, Member, Node
from barnspider.names import visible
from barnspider.progress import Progress
from barnspider.store import Planned, Sent, Store, receive

LOOK = 1.0
"""Seconds between two looks at which nodes there are, at the most."""

HELD = 2.0
"""Seconds until the next look at a run that somebody else holds."""

LOSSES = 10
"""How often a run may lose its worker: then it is not tried again, lest it takes down one node after the other."""

DEATHS = 3
"""The same for a worker that dies while its node lives on."""

STRIKES = 5
"""How many workers may fail on a node, no run having been made there in between: then it is left out."""


@dataclass
class Crew:
    """All workers on one study of a store.

    Attributes
    ----------
    cluster : where they work
    job : what they are told
    most : how many workers at the most; None for as many as the nodes hold
    seal : seals a run that was sent back; False where it was sealed before
    sealed : how many runs they have made
    complaints : why runs could not be made
    """

    cluster: Cluster
    store: Store
    job: Job
    most: int | None = None
    seal: Callable[[Store, Sent], bool] = receive
    sealed: int = 0
    complaints: list[str] = field(default_factory=list[str])
    _left: deque[Planned] = field(default_factory=deque[Planned])
    _held: list[tuple[float, Planned]] = field(default_factory=list[tuple[float, Planned]])
    _asked: dict[Hashable, Member] = field(default_factory=dict[Hashable, Member])
    _members: list[Member] = field(default_factory=list[Member])
    _out: dict[str, str] = field(default_factory=dict[str, str])
    _strikes: Counter[str] = field(default_factory=Counter[str])
    _losses: Counter[str] = field(default_factory=Counter[str])
    _deaths: Counter[str] = field(default_factory=Counter[str])
    _said: set[str] = field(default_factory=set[str])
    _carrier: Carrier = field(init=False)

    def __post_init__(self) -> None:
        self._carrier = Carrier(self.store, self._note)

    def make(self, runs: Sequence[Planned], progress: Progress) -> None:
        """Have these runs made, in their order; come back when each is sealed, or it is known why not.

        However it ends, all workers are asked to end, and have ended or are killed when it is over.

        Raises
        ------
        InputError
            When no node can make a run, and none will join.
        """
        self._left = deque(runs)
        before, shown = self.store.count(runs), (0, 0)
        with self._all_ended():
            while self._left or self._held or any(member.run for member in self._members):
                self._call_up()
                self._hand_out()
                self._ask_for_a_state()
                for answer in self.cluster.wait(list(self._asked), LOOK):
                    self._hear(answer, progress)
                now = max(self.sealed, self.store.count(runs) - before), len(self.complaints)
                if now != shown:
                    progress.show(*now)
                    shown = now

    # -- workers ---------------------------------------------------------------------------------------------

    def _call_up(self) -> None:
        """Hire workers on nodes that have room, in turn, while there is more to do than workers."""
        there = self.cluster.nodes()
        nodes = [node for node in there if node.id not in self._out]
        todo = len(self._left) + len(self._held) + sum(member.run is not None for member in self._members)
        wanted = todo if self.most is None else min(self.most, todo)
        self.cluster.ask(wanted + sum(node.slots for node in there if node.id in self._out))
        on = Counter(member.node.id for member in self._members)
        while len(self._members) < wanted:
            free = [node for node in nodes if on[node.id] < node.slots]
            if not free:
                break
            node = min(free, key=lambda node: on[node.id])
            on[node.id] += 1
            self._hire(node)
        if not self._members:
            self._say_nobody_comes()

    def _hire(self, node: Node) -> None:
        member = Member(node, self.cluster.hire(node))
        self._members.append(member)
        self._asked[member.remote.versions()] = member

    def _say_nobody_comes(self) -> None:
        """Say that there is no node for us; `InputError` where none will join, or all that are there are left out."""
        refused = [self._out[node.id] for node in self.cluster.nodes() if node.id in self._out]
        if refused or not self.cluster.grows:
            why = listing(refused, most=3) if refused else "there is none with room for a worker"
            raise InputError(f"no node can make the runs that are missing: {why}")
        self._note("no node has room for a worker; waiting for one that joins")

    def _let_go(self, member: Member) -> None:
        """Have done with a worker that is lost, refused or of no use any more."""
        self._members.remove(member)
        self._asked = {answer: other for answer, other in self._asked.items() if other is not member}
        member.give_back()
        self.cluster.dismiss(member.remote)

    def _leave_out(self, node: Node, why: str) -> None:
        if node.id not in self._out:
            self._out[node.id] = f"{node.name}: {why}"
            self._note(f"node {node.name} is left out: {why}")

    def _strike(self, node: Node, why: str) -> None:
        """Count a worker that failed on a node, which is left out when they are too many."""
        self._strikes[node.id] += 1
        if self._strikes[node.id] >= STRIKES:
            self._leave_out(node, f"{STRIKES} workers failed there, one after the other; the last: {why}")

    @contextmanager
    def _all_ended(self) -> Generator[None]:
        """See to it that no worker is left when the block is over, however it ends."""
        try:
            yield
        finally:
            try:
                self.cluster.ask(0)
                self._part({member.remote.end(): member for member in self._members if member.started})
            finally:
                for member in list(self._members):
                    self._let_go(member)

    def _part(self, ending: dict[Hashable, Member]) -> None:
        """Take leave of workers, each of which brings the state of its run where we keep it."""
        if any(member.claim for member in ending.values()):
            self._note("the states of runs that were made out of sight of the store are brought here")
        until = time.monotonic() + PATIENCE + LOOK
        while ending:
            over = self.cluster.wait(list(ending), LOOK)
            if not over and time.monotonic() > until:
                break
            for answer in over:
                self._take_leave(ending.pop(answer), answer)

    def _take_leave(self, member: Member, answer: Hashable) -> None:
        try:
            ended = self._answer(answer)
            if member.run:
                self._carrier.bring(member.run, ended.state, member.claim)
        except (Lost, InputError, StoreError) as error:  # whatever ends us is the better reason
            if member.run and member.claim:
                self._note(f"the last state of {_cell(member.run)} is lost: {error}")
        self._let_go(member)

    # -- runs ------------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        """Give each worker that has none a run, the next one that is missing and that nobody else holds."""
        now = time.monotonic()
        self._left.extend(run for due, run in self._held if due <= now)
        self._held = [(due, run) for due, run in self._held if due > now]
        for member in self._members:
            idle = member.ready and not member.leaving and (member.shares or self._carrier.may_send)
            while idle and self._left and member.run is None:
                self._give(member, self._left.popleft())
            if idle and member.run is None and not self._held:  # others may have its place
                member.leaving = True
                self._asked[member.remote.end()] = member

    def _give(self, member: Member, run: Planned) -> None:
        """Have a worker make a run, for which we hold the claim where the worker cannot."""
        if not self.store.missing([run]):
            return
        if not member.shares and not member.holds(self.store.root, run.key):
            self._held.append((time.monotonic() + HELD, run))
            return
        member.run, member.asked = run, time.monotonic()
        state = None if member.shares else self._carrier.to_send(run)
        if state is None:
            self._begin(member)
        else:
            self._asked[member.remote.take(state)] = member

    def _begin(self, member: Member) -> None:
        assert member.run is not None
        self._asked[member.remote.make(member.run.key)] = member

    def _ask_for_a_state(self) -> None:
        """Ask a worker for the state of a run that it makes out of sight: the one that was asked longest ago."""
        late = time.monotonic() - carrying.EVERY
        due = [member for member in self._members if member.claim and member.asked <= late]
        if due and self._carrier.may_ask:
            member = min(due, key=lambda member: member.asked)
            member.asked = time.monotonic()
            self._carrier.has_asked()
            self._asked[member.remote.state()] = member

    def _hear(self, answer: Hashable, progress: Progress) -> None:
        """Take an answer; what has lost its worker is made again."""
        member = self._asked.pop(answer, None)
        if member is None:  # its worker was let go meanwhile
            return
        try:
            said = self._answer(answer)
        except InputError as error:
            self._leave_out(member.node, str(error))
            self._lose(member, str(error))
        except Lost as loss:
            self._lose(member, str(loss))
        else:
            self._take(member, said, progress)

    def _answer(self, answer: Hashable) -> Any:
        self._carrier.begin()
        return self.cluster.answer(answer)

    def _take(self, member: Member, said: object, progress: Progress) -> None:
        if isinstance(said, Arrived):
            self._welcome(member, said, progress)
        elif isinstance(said, Made):
            self._settle(member, said)
        elif isinstance(said, Taken):
            self._carrier.has_sent()
            self._begin(member)
        elif isinstance(said, Kept):
            if member.run:
                self._carrier.bring(member.run, said.state, member.claim)
        elif isinstance(said, Ended):
            self._let_go(member)
        elif said == versions():
            member.started = True
            self._asked[member.remote.arrive(self.job)] = member
        else:
            self._leave_out(member.node, f"it has {_told(said)}; expected {_told(versions())}, as here")
            self._let_go(member)

    def _welcome(self, member: Member, arrived: Arrived, progress: Progress) -> None:
        """Take note of a worker that is ready, or of why its node cannot work."""
        why, expected = arrived.error, self.job.fingerprint
        if not why and expected and arrived.fingerprint != expected:
            why = (
                f"its data have the fingerprint {arrived.fingerprint}; expected {expected}, as here: the same files on"
                " all nodes"
            )
        if why:
            self._leave_out(member.node, why)
            self._let_go(member)
            return
        progress.begin()
        member.ready, member.shares = True, arrived.shares
        if not arrived.shares:
            self._note(f"node {member.node.name} does not see the store; its runs are sent back and sealed here")

    def _lose(self, member: Member, why: str) -> None:
        run = member.run
        self._let_go(member)
        if run is None:
            self._strike(member.node, why)
        else:
            self._losses[run.key] += 1
            self._again(run, self._losses[run.key] >= LOSSES, f"its worker on node {member.node.name} was lost: {why}")

    def _again(self, run: Planned, enough: bool, why: str) -> None:
        """Make a run again that was lost, at once; or give it up where it was lost too often."""
        if enough:
            self._fail(run, f"tried {self._losses[run.key] + self._deaths[run.key]} times; {why}")
            return
        sys.stderr.write(f"note: {_cell(run)} is made again: {why}\n")
        self._left.appendleft(run)

    def _settle(self, member: Member, made: Made) -> None:
        """Take what came of a run, and seal it where it was sent."""
        run, member.run = member.run, None
        assert run is not None
        for note in made.notes:
            self._note(note.removeprefix("note: "))
        if made.outcome == "held":
            self._held.append((time.monotonic() + HELD, run))
        elif made.outcome == "failed":
            self._fail(run, made.error)
        elif made.outcome == "stopped":
            self._strike(member.node, made.error)
            self._fail(run, made.error)
        elif made.outcome == "died":
            self._deaths[run.key] += 1
            self._strike(member.node, made.error)
            self._again(run, self._deaths[run.key] >= DEATHS, f"on node {member.node.name}, {made.error}")
        else:
            self._strikes[member.node.id] = 0
            self._keep(run, made)
        self._carrier.bring(run, made.state, member.claim)
        member.give_back()
        if made.outcome in ("stopped", "died"):
            self._let_go(member)

    def _keep(self, run: Planned, made: Made) -> None:
        if made.sent is None:
            self.sealed += made.outcome == "made"
            return
        try:
            self.sealed += self.seal(self.store, made.sent)
            self._carrier.drop(run)
        except InputError as error:  # a command's answers, to other images than the study's
            self._fail(run, str(error))
        except StoreError as error:
            if "damaged" not in str(error):
                raise
            self._losses[run.key] += 1
            self._again(run, self._losses[run.key] >= LOSSES, f"it arrived damaged: {error}")

    def _fail(self, run: Planned, why: str) -> None:
        reason = why.removeprefix(f"{run.arm}, seed {run.seed}: ")
        self.store.note_failure(run.key, reason)
        self.complaints.append(f"{run.arm}, seed {run.seed}: {reason}")

    def _note(self, text: str) -> None:
        """Say something once."""
        if text not in self._said:
            self._said.add(text)
            sys.stderr.write(f"note: {visible(text, longest=2000)}\n")


def _cell(run: Planned) -> str:
    return f"{visible(run.arm)}, seed {run.seed}"


def _told(said: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in said.items()) if isinstance(said, dict) else repr(said)
