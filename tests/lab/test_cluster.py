"""Workers on many nodes, without Ray: nodes that come and go are made up, the workers and what they seal are real."""

import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from barnspider import InputError, StoreError
from barnspider.errors import TrainingError
from barnspider.files import owner
from barnspider.lab import Recipe, Store, Sweep, read_study, worker
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import claimed
from barnspider.lab.cluster import Asked, Crew, carrying, crew, make_on_ray, making, nodes
from barnspider.lab.cluster.hand import Hand
from barnspider.lab.cluster.job import Arrived, Ended, Job, Kept, Made, Taken, is_seen, token_in, versions
from barnspider.lab.cluster.members import Lost, Node
from barnspider.lab.command.run import run_planned
from barnspider.lab.data import load
from barnspider.lab.data.sharing import share
from barnspider.lab.shift import Shift
from barnspider.lab.states import State, keep, place_of, state_in, sum_of
from barnspider.lab.train import train
from barnspider.progress import Progress
from barnspider.store import Result, receive, send
from trainer import SCRIPT, lay_out

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=8, epochs=1, batch=32, train_images=100),
    vary="rotation", doses=(0, 90), seeds=(0, 1), keep="weights",
)  # fmt: skip
A, B = Node("a", "a (10.0.0.1)", 1), Node("b", "b (10.0.0.2)", 1)


def job(store: Store, study: str, token=(Path("/nowhere"), ""), room: str = "worker") -> Job:
    options = ("--device", "cpu") if room == "worker" else ()
    return Job(room, store.root, store.study(study), options, *token, given={}, usual={})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    return store


# -- a whole crew, on nodes that are made up -----------------------------------------------------------------------


def seal(store: Store, key: str) -> Made:
    return Made("made" if store.write(key, Result("diverged", "f", {}, {})) else "there")


@dataclass(eq=False)
class Fake:
    """A worker that does what its node's script says, and seals runs that say nothing."""

    node: Node
    there: "Made_up"
    pending: list = field(default_factory=list)

    def _say(self, what):
        answer = object()
        self.there.answers[answer] = what
        self.pending.append(answer)
        return answer

    def versions(self):
        return self._say(self.there.versions.get(self.node.id, versions()))

    def arrive(self, job):
        return self._say(self.there.arrive.get(self.node.id, Arrived(shares=True, fingerprint="f")))

    def take(self, state):
        self.there.sent.append((self.node.id, state))
        return self._say(Taken())

    def state(self):
        return self._say(Kept(self._next_state()))

    def _next_state(self):
        states = self.there.states.get(self.node.id)
        return states.popleft() if states else None

    def make(self, key):
        script = self.there.scripts.get(self.node.id)
        self.there.told.append((self.node.id, key))
        return self._say(script.popleft() if script else lambda: seal(self.there.store, key))

    def end(self):
        return self._say(Ended(self._next_state()))


@dataclass
class Made_up:  # noqa: N801
    """A cluster whose nodes do as they are told; `joining` come one at each look."""

    store: Store
    there: list[Node]
    scripts: dict[str, deque] = field(default_factory=dict)
    versions: dict[str, dict] = field(default_factory=dict)
    arrive: dict[str, Arrived] = field(default_factory=dict)
    joining: list[Node] = field(default_factory=list)
    answers: dict = field(default_factory=dict)
    told: list = field(default_factory=list)
    states: dict[str, deque] = field(default_factory=dict)
    sent: list = field(default_factory=list)
    hired: list = field(default_factory=list)
    dismissed: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    grows: bool = True

    def ask(self, workers):
        self.asked.append(workers)

    def nodes(self):
        return list(self.there)

    def hire(self, node):
        self.hired.append(node.id)
        return Fake(node, self)

    def wait(self, answers, seconds):
        if self.joining:
            self.there.append(self.joining.pop(0))
        return answers

    def answer(self, answer):
        what = self.answers.pop(answer)
        said = what() if callable(what) else what
        if isinstance(said, Exception):
            raise said
        return said

    def dismiss(self, remote):
        self.dismissed.append(remote.node.id)


def make(cluster: Made_up, fingerprint: str = "f", most: int | None = None) -> Crew:
    it = Crew(cluster, cluster.store, replace(job(cluster.store, SWEEP.identity), fingerprint=fingerprint), most)
    with Progress("training", total=4) as progress:
        it.make(SWEEP.runs(), progress)
    assert sorted(cluster.dismissed) == sorted(cluster.hired), "nobody is left behind"
    return it


def test_runs_are_given_in_their_order_to_as_many_workers_as_there_is_room_for(store):
    cluster = Made_up(store, [A, replace(B, slots=2)])
    assert make(cluster).sealed == 4
    assert [key for _, key in cluster.told] == [run.key for run in SWEEP.runs()]
    assert sorted(cluster.hired) == ["a", "b", "b"]
    assert (cluster.asked[0], cluster.asked[-1]) == (4, 0)
    assert cluster.asked == sorted(cluster.asked, reverse=True), "less is asked for as less is missing"
    again = Made_up(Store(store.root.parent / "other"), [A, B])
    again.store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    make(again, most=1)
    assert again.hired == ["a"]
    assert set(again.asked) == {1, 0}


def test_what_is_lost_is_made_again_and_who_joins_has_work(store, capsys):
    cluster = Made_up(store, [A], {"a": deque([Lost("its node has died")])}, joining=[B])
    assert make(cluster).sealed == 4
    first = SWEEP.runs()[0]
    assert [key for _, key in cluster.told].count(first.key) == 2
    assert "b" in cluster.hired
    assert "rotation=0, seed 0 is made again: its worker on node a (10.0.0.1) was lost" in capsys.readouterr().err


def test_a_run_that_is_always_lost_is_given_up_and_the_others_are_made(store, monkeypatch):
    monkeypatch.setattr(crew, "LOSSES", 3)
    cluster = Made_up(store, [A], {"a": deque([Lost("it is gone")] * 3)})
    it = make(cluster)
    assert it.sealed == 3
    key = SWEEP.runs()[0].key
    assert [run.key for run in store.missing(SWEEP.runs())] == [key]
    assert store.failures()[key].reason.startswith(
        "tried 3 times; its worker on node a (10.0.0.1) was lost: it is gone"
    )
    assert it.complaints[0].startswith("rotation=0, seed 0: tried 3 times")


def test_a_run_that_fails_is_tried_once_and_one_whose_worker_dies_three_times(store):
    died = Made("died", "a worker ended with -9: it said nothing")
    cluster = Made_up(store, [A], {"a": deque([Made("failed", "rotation=0, seed 0: no"), died, died, died])})
    it = make(cluster)
    assert it.sealed == 2
    first, second = SWEEP.runs()[:2]
    assert [key for _, key in cluster.told].count(first.key) == 1
    assert [key for _, key in cluster.told].count(second.key) == 3
    assert {key: failure.reason[:13] for key, failure in store.failures().items()} == {
        first.key: "no", second.key: "tried 3 times"
    }  # fmt: skip
    assert it.complaints[0] == "rotation=0, seed 0: no"


@pytest.mark.parametrize(
    ("versions_", "arrived", "said"),
    [
        ({"barnspider": "0.0", "Python": "3.9"}, None, "it has barnspider 0.0, Python 3.9; expected barnspider"),
        (None, Arrived(error="digits is not there"), "digits is not there"),
        (None, Arrived(shares=True, fingerprint="g"), "its data have the fingerprint g; expected f, as here"),
        (InputError("barnspider is not installed there"), None, "barnspider is not installed there"),
    ],
)
def test_a_node_that_is_other_is_left_out_and_named_once(store, capsys, versions_, arrived, said):
    cluster = Made_up(store, [A, replace(B, slots=2)])
    cluster.versions = {} if versions_ is None else {"b": versions_}
    cluster.arrive = {} if arrived is None else {"b": arrived}
    assert make(cluster).sealed == 4
    assert {node for node, _ in cluster.told} == {"a"}
    told = capsys.readouterr().err
    assert told.count("node b (10.0.0.2) is left out") == 1
    assert max(cluster.asked) >= 5, "what is left out does not count"
    assert cluster.asked[-1] == 0
    assert f"node b (10.0.0.2) is left out: {said}" in told
    alone = replace(cluster, there=[B], hired=[], dismissed=[], store=Store(store.root.parent / "other"))
    alone.store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    with pytest.raises(InputError, match=r"no node can make the runs that are missing: b \(10.0.0.2\): "):
        make(alone)


def test_without_room_it_waits_for_a_node_or_says_that_none_comes(store, capsys):
    none = replace(A, slots=0)
    assert make(Made_up(store, [none], joining=[none, B])).sealed == 4
    assert capsys.readouterr().err.count("waiting for one that joins") == 1
    other = Store(store.root.parent / "other")
    other.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    with pytest.raises(InputError, match="there is none with room for a worker"):
        make(Made_up(other, [none], grows=False))


def test_a_node_on_which_workers_do_nothing_but_fail_is_left_out(store, capsys):
    cluster = Made_up(store, [A, B])
    cluster.versions = {"b": Lost("no memory")}
    cluster.scripts = {"a": deque([Made("held")] * 40)}
    crew_held, crew.HELD = crew.HELD, 0.0
    try:
        assert make(cluster).sealed == 4
    finally:
        crew.HELD = crew_held
    assert cluster.hired.count("b") == crew.STRIKES
    assert "b (10.0.0.2) is left out: 5 workers failed there, one after the other; the last: no memory" in (
        capsys.readouterr().err
    )


def test_of_a_node_that_does_not_see_the_store_runs_are_sealed_here_once(store, tmp_path, capsys):
    there = Store(tmp_path / "there")
    sent = []
    for each in SWEEP.runs():
        there.write(each.key, Result("diverged", "f", {}, {}))
        sent.append(Made("made", sent=send(there, each.key)))
    damaged = replace(sent[1].sent, files={**sent[1].sent.files, "seal": b"0" * 64})
    sent.insert(1, Made("made", sent=damaged))
    cluster = Made_up(store, [A], {"a": deque(sent)}, arrive={"a": Arrived(shares=False, fingerprint="f")})
    held: list[bool] = []
    telling = Fake.make

    class Watching(Made_up):
        def wait(self, answers, seconds):
            held.append(bool(list(store.root.glob("claims/*"))))
            return super().wait(answers, seconds)

    it = make(Watching(**vars(cluster)))
    assert telling is Fake.make
    assert it.sealed == 4
    assert not store.missing(SWEEP.runs())[4:]
    assert any(held), "what is made elsewhere is claimed here"
    assert not list(store.root.glob("claims/*"))
    told = capsys.readouterr().err
    assert "it arrived damaged" in told
    assert told.count("does not see the store; its runs are sent back and sealed here") == 1


def test_a_node_without_the_store_leaves_alone_what_another_has_claimed(store, monkeypatch):
    monkeypatch.setattr(crew, "HELD", 0.0)
    first, *rest = SWEEP.runs()
    cluster = Made_up(store, [A], arrive={"a": Arrived(shares=False, fingerprint="f")})

    class Busy(Made_up):
        def wait(self, answers, seconds):
            if all(not store.missing([run]) for run in rest) and store.missing([first]):
                other.__exit__(None, None, None)
            return super().wait(answers, seconds)

    other = claimed(store.root, first.key)
    assert other.__enter__()
    assert make(Busy(**vars(cluster))).sealed == 4
    assert [key for _, key in cluster.told] == [*(run.key for run in rest), first.key]


# -- states of runs that are made out of sight of the store ----------------------------------------------------------

FIRST = SWEEP.runs()[0]
UNSEEN = Arrived(shares=False, fingerprint="f")


def state(text: str, key: str = FIRST.key) -> State:
    return State(key, np.frombuffer(sum_of(text.encode()) + text.encode(), np.uint8))


def text_of(found: State | None) -> str:
    return "" if found is None else found.content[64:].tobytes().decode()


@dataclass
class Late:
    """An answer that is not there before its time."""

    when: object
    what: object

    def __call__(self):
        return self.what() if callable(self.what) else self.what


class Patient(Made_up):
    def wait(self, answers, seconds):
        said = {answer: self.answers[answer] for answer in super().wait(answers, seconds)}
        return [answer for answer, what in said.items() if not isinstance(what, Late) or what.when()]


@pytest.fixture
def eager(monkeypatch):
    """Ask for states all the time."""
    monkeypatch.setattr(carrying, "EVERY", 0.0)
    monkeypatch.setattr(carrying, "SHARE", 1.0)


@pytest.mark.parametrize("seen", [True, False])
def test_a_run_out_of_sight_goes_on_elsewhere_where_it_was_lost(store, tmp_path, eager, capsys, seen):
    there, found = Store(tmp_path / "there"), []
    damaged = State(FIRST.key, state("c").content[::-1])
    states = deque([state("a"), None, state("other", "0a1b"), state("b"), damaged, None])

    def lost():
        cluster.there[:] = [A]
        return Lost("its node has died")

    def made(key):
        found.append(text_of(state_in(store, key)))
        if seen:
            return seal(store, key)
        there.write(key, Result("diverged", "f", {}, {}))
        return Made("made", sent=send(there, key))

    cluster = Patient(
        store, [B], arrive={"a": Arrived(shares=seen, fingerprint="f"), "b": UNSEEN}, states={"b": states}
    )
    cluster.scripts["b"] = deque([Late(lambda: not states, lost)])
    cluster.scripts["a"] = deque((lambda key=run.key: made(key)) for run in SWEEP.runs())
    assert make(cluster, most=1).sealed == 4
    assert found == ["b", "", "", ""]
    assert [(node, text_of(sent)) for node, sent in cluster.sent] == ([] if seen else [("a", "b")])
    assert place_of(store, FIRST.key).exists() == seen, "what the worker has sealed, it removes itself"
    said = capsys.readouterr().err
    assert said.count("the state of rotation=0, seed 0 arrived damaged and is not kept") == 1
    assert not list(store.root.glob("claims/*"))


def test_what_is_on_its_way_when_the_command_ends_is_kept(store):
    class Stopped(Patient):
        def wait(self, answers, seconds):
            if self.told and not self.states:
                self.states["b"] = deque([state("last", self.told[0][1])])
                raise KeyboardInterrupt
            return super().wait(answers, seconds)

    never = Late(lambda: False, None)
    cluster = Stopped(store, [A, B], {"a": deque([never]), "b": deque([never])}, arrive={"b": UNSEEN})
    cluster.there.remove(A)
    with pytest.raises(KeyboardInterrupt):
        make(cluster)
    assert cluster.dismissed == cluster.hired == ["b"]
    assert text_of(state_in(store, FIRST.key)) == "last"
    assert cluster.asked[-1] == 0
    assert not list(store.root.glob("claims/*"))


def test_a_worker_that_dies_out_of_sight_leaves_its_last_state(store):
    died = Made("died", "a worker ended with -9: it said nothing", state=state("a"))
    cluster = Made_up(store, [B], {"b": deque([died] * 3)}, arrive={"b": UNSEEN})
    cluster.scripts["b"] += [Made("failed", "no")] * 3
    make(cluster)
    assert [text_of(sent) for _, sent in cluster.sent] == ["a", "a"]
    assert text_of(state_in(store, FIRST.key)) == "a"


def test_a_damaged_state_is_said_and_not_sent_and_one_of_a_lost_claim_not_kept(store):
    said = []
    carrier = carrying.Carrier(store, said.append)
    with claimed(store.root, FIRST.key) as claim:
        carrier.bring(FIRST, state("a"), claim)
        assert text_of(carrier.to_send(FIRST)) == "a"
        next(store.root.glob("claims/*")).write_text("another's")
        carrier.bring(FIRST, state("b"), claim)
        assert text_of(carrier.to_send(FIRST)) == "a"
    for damage in (b"", b"a", place_of(store, FIRST.key).read_bytes()[:-1]):
        place_of(store, FIRST.key).write_bytes(damage)
        assert carrier.to_send(FIRST) is None
    assert said == [f"{str(place_of(store, FIRST.key))!r} is damaged; its run starts again"] * 3


def test_states_come_one_at_a_time_and_for_a_part_of_the_time(store, monkeypatch):
    now = SimpleNamespace(monotonic=lambda: now.time, time=0.0)
    monkeypatch.setattr(carrying, "time", now)
    carrier = carrying.Carrier(store, print)
    carrier.has_asked()
    assert not carrier.may_ask
    now.time = 10.0
    carrier.begin()
    now.time = 12.0  # it takes two seconds to come
    carrier.bring(FIRST, None, None)
    now.time = 19.9
    assert not carrier.may_ask
    now.time = 20.0  # two of ten
    assert carrier.may_ask
    carrier.has_asked()
    now.time = 81.0  # nothing has come: its node hangs
    assert carrier.may_ask
    keep(store, state("a"))
    assert carrier.may_send
    assert carrier.to_send(FIRST) is not None
    assert not carrier.may_send
    carrier.has_sent()
    assert carrier.may_send


# -- what is sent, and the token -----------------------------------------------------------------------------------


def test_what_arrives_is_what_was_sent_or_nothing(tmp_path):
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    here.plan("x-1", [], {})
    there.write("0a", Result("diverged", "f", {}, {"seed": 1}))
    sent = send(there, "0a")
    with pytest.raises(StoreError, match="run 0a was sent in the place of run 0b"):
        receive(here, replace(sent, key="0b"))
    with pytest.raises(StoreError, match="damaged"):
        receive(here, replace(sent, files={**sent.files, "run.json": sent.files["run.json"] + b" "}))
    assert not list(here.root.glob("runs/*")) + list(here.root.glob("building/*"))
    assert receive(here, sent)
    assert not receive(here, sent), "the first seal wins"
    assert here.document("0a") == there.document("0a")


def test_who_reads_the_token_sees_the_store_and_nobody_else(store, tmp_path):
    with token_in(store) as (token, secret):
        assert token.is_absolute()
        assert is_seen(token, secret)
        assert not is_seen(token, secret[::-1])
        assert not is_seen(tmp_path / "elsewhere" / token.name, secret)
    assert not is_seen(token, secret)
    assert not list(store.root.glob("jobs/.*"))


# -- real workers ----------------------------------------------------------------------------------------------------


def test_a_worker_without_the_store_sends_its_runs_with_their_weights(store, tmp_path, nowhere):
    made = Hand()
    arrived = made.arrive(job(store, SWEEP.identity))
    assert (arrived.shares, arrived.error) == (False, "")
    first, second = SWEEP.runs()[:2]
    outcome = made.make(first.key)
    assert (outcome.outcome, outcome.error) == ("made", "")
    assert outcome.sent is not None
    assert receive(store, outcome.sent)
    refused = made.make("0a1b")
    assert refused.outcome == "stopped"
    assert "run 0a1b is not in the study as it is read here" in refused.error
    made.end()
    assert made._own is not None
    assert not made._own.exists()
    one = replace(SWEEP, doses=(0,), seeds=(0,))
    plain = Store(tmp_path / "plain")
    plain.plan(one.identity, one.runs(), one.as_dict())
    worker.work(plain, one.identity)
    assert [r.key for r in one.runs()] == [first.key]
    for name in ("test.npz", "validation.npz"):
        assert (store.root / "runs" / first.key / name).read_bytes() == (
            plain.root / "runs" / first.key / name
        ).read_bytes()
    assert not store.missing([first]), "its weights have come, too"
    assert store.missing([second])


class KilledError(Exception):
    pass


class Mortal(Checkpoint):
    """Saves after two steps, and dies."""

    def due(self):
        self.every -= 1
        return self.every < 0

    def save(self, course, environment, seconds):
        super().save(course, environment, 1000.0)
        raise KilledError


def test_a_run_that_was_begun_here_goes_on_out_of_sight_to_the_same_bits(store, tmp_path, monkeypatch):
    one = replace(SWEEP, doses=(0,), seeds=(0, 1))
    (first, second), digits = one.runs(), load("digits")
    with pytest.raises(KilledError):
        train(first.recipe, first.seed, digits, checkpoint=Mortal(place_of(store, first.key), digits.fingerprint, 2))
    begun = state_in(store, first.key)
    assert begun is not None
    tmp_path.joinpath(f"barnspider-{owner()}-x").mkdir()
    share(digits, tmp_path / f"barnspider-{owner()}-x" / "data")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    hand = Hand()
    hand.arrive(replace(job(store, SWEEP.identity), fingerprint=digits.fingerprint))
    assert len(list(tmp_path.glob("barnspider-*/data/about.json"))) == 2
    assert {file.stat().st_nlink for file in tmp_path.glob("barnspider-*/data/*-pixels.npy")} == {2}, (
        "one copy for both"
    )
    assert hand.take(begun) == Taken()
    made = hand.make(first.key)
    assert (made.outcome, made.notes, made.state) == ("made", (), None)
    assert made.sent is not None
    receive(store, made.sent)
    ended = in_mid_run(hand, second.key, state("a", second.key), state("b", second.key))
    assert text_of(ended.state) == "b"
    plain = Store(tmp_path / "plain")
    plain.plan(one.identity, [first], replace(one, seeds=(0,)).as_dict())
    worker.work(plain, one.identity)
    assert answers(store, first.key) == answers(plain, first.key)
    document = store.document(first.key)
    assert document is not None
    assert document["seconds"] > 1000, "it has gone on"


def in_mid_run(hand: Hand, key: str, kept: State, last: State) -> Ended:
    """See which states a worker tells while it makes a run, which it does not get far with, and when it is ended."""
    assert hand._process is not None
    assert hand._store is not None
    assert hand.state() == Kept()
    hand._process.send_signal(signal.SIGSTOP)
    waiting = threading.Thread(target=hand.make, args=(key,))
    waiting.start()
    while not hand._key:
        time.sleep(0.01)
    assert hand.state() == Kept()
    keep(hand._store, kept)
    assert text_of(hand.state().state) == "a"
    assert hand.state() == Kept()
    keep(hand._store, last)
    hand._process.send_signal(signal.SIGCONT)
    ended = hand.end()
    waiting.join()
    return ended


def test_commands_without_the_store_are_sealed_here_if_they_answer_the_same_images(tmp_path):
    sweep = read_study(lay_out(tmp_path))
    store, plain = Store(tmp_path / "pets"), Store(tmp_path / "plain")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    hand = Hand()
    assert hand.arrive(job(store, sweep.identity, room="command.worker")) == Arrived(shares=False)
    sent = [hand.make(each.key).sent for each in sweep.runs()[:2]]
    train = (tmp_path / "train.py").read_text()
    (tmp_path / "train.py").write_text(train.replace("range(60)", "range(61)"))
    hand.end()
    hand = Hand()
    hand.arrive(job(store, sweep.identity, room="command.worker"))
    other = hand.make(sweep.runs()[2].key).sent
    hand.end()
    seal = making._sealing(sweep)
    assert [seal(store, each) for each in sent] == [True, True]
    assert not seal(store, sent[0])
    with pytest.raises(InputError):
        seal(store, other)
    (tmp_path / "train.py").write_text(train)
    run_planned(sweep, plain, plan_of(sweep, plain)[:2], Shift())
    for each in sweep.runs()[:2]:
        assert answers(store, each.key) == answers(plain, each.key)
    assert store.load(sweep.runs()[:2]).on == plain.load(sweep.runs()[:2]).on


def plan_of(sweep, store: Store):
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    return sweep.runs()


def answers(store: Store, key: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((store.root / "runs" / key).glob("*.npz"))]


SLOW = SCRIPT.replace('print("training', 'if args.seed == 1: raise SystemExit("no luck")\nprint("training').replace(
    "time.sleep(args.seconds)", "time.sleep(60 * (args.seed == 2))"
)


def test_commands_are_started_failed_and_stopped(tmp_path):
    sweep = read_study(lay_out(tmp_path, script=SLOW))
    store = Store(tmp_path / "pets")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    keys = {run.seed: run.key for run in sweep.runs()}
    with token_in(store) as token:
        hand = Hand()
        assert hand.arrive(job(store, sweep.identity, token, "command.worker")) == Arrived(shares=True)
    assert hand.make(keys[0]) == Made("made")
    assert hand.make(keys[0]) == Made("there")
    failed = hand.make(keys[1])
    assert failed.outcome == "failed"
    assert "no luck" in failed.error
    with claimed(store.root, keys[2]):
        assert hand.make(keys[2]) == Made("held")
    process = hand._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.write(f"{keys[2]}\n")
    process.stdin.close()  # whoever told it is gone
    assert process.wait(30) == 130
    assert not list(store.root.glob("claims/*"))
    hand.end()


# -- what is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"gpus": 1.5}, "gpus=1.5; expected the part of a GPU"),
        ({"gpus": -1.0}, "gpus=-1"),
        ({"gpus": float("nan")}, "gpus=nan"),
        ({"gpus": 0.00001}, "gpus=1e-05"),
        ({"device": "cuda:1"}, "device='cuda:1'; on a cluster expected cpu or cuda"),
        ({"address": "ray://head:10001"}, "expected host:port of the cluster's head"),
    ],
)
def test_what_no_cluster_has_is_refused(asked, said):
    with pytest.raises(InputError) as refused:
        Asked(**asked)
    assert said in str(refused.value)


def test_trainings_are_on_one_gpu_each(store, monkeypatch):
    monkeypatch.setattr("barnspider.lab.cluster.making.needed", lambda: None)
    with pytest.raises(InputError, match="gpus=2; a training uses one GPU"):
        make_on_ray(SWEEP, store, Asked(gpus=2))


def test_without_ray_it_says_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(nodes.importlib, "import_module", missing)
    with pytest.raises(InputError, match=r'ray is not installed; try: pip install "barnspider\[ray\]"'):
        make_on_ray(SWEEP, store, Asked())
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_folder_called_ray_is_not_ray(tmp_path, monkeypatch):
    (tmp_path / "ray").mkdir()
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(InputError, match="ray is not installed"):
        nodes.needed()
    sys.modules.pop("ray", None)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        ("\nThe actor died.\nWhy is unknown.", Lost, r"^The actor died\.$"),
        ("The actor died because its node has died. Node Id: 0a1b", Lost, "^its node has died$"),
        ("x\nModuleNotFoundError: No module named 'barnspider.lab.cluster'", InputError, "is not installed there"),
    ],
)
def test_what_ray_says_of_a_loss(error, kind, said):
    class RayError(Exception):
        pass

    def get(answer):
        raise RayError(error)

    ray = SimpleNamespace(get=get, exceptions=SimpleNamespace(RayError=RayError))
    with pytest.raises(kind, match=said):
        nodes.RayCluster(ray, Asked(), grows=True, signals=nodes.Deferred()).answer("x")


def test_a_cluster_that_grows_is_asked_for_as_much_as_the_workers_need(monkeypatch):
    now, asked = SimpleNamespace(monotonic=lambda: now.time, time=0.0), []
    sdk = SimpleNamespace(request_resources=lambda *, bundles: asked.append(bundles))
    monkeypatch.setattr(nodes, "time", now)
    monkeypatch.setattr(nodes.importlib, "import_module", {"ray.autoscaler.sdk": sdk}.__getitem__)
    cluster = nodes.RayCluster(None, Asked(cpus=2, gpus=0.25), grows=True, signals=nodes.Deferred())
    for workers in (3, 3, 2):  # the third within ten seconds
        cluster.ask(workers)
    now.time = 11.0
    for workers in (1, 0, 0):
        cluster.ask(workers)
    each = {"CPU": 2, "GPU": 0.25}
    assert asked == [[each] * 3, [each], []]
    nodes.RayCluster(None, Asked(), grows=False, signals=nodes.Deferred()).ask(3)
    assert len(asked) == 3


def test_signals_are_handled_when_ray_is_not_being_asked_and_the_second_at_once():
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda sign, _: heard.append(sign))
    ours = signal.getsignal(signal.SIGUSR1)
    try:
        signals = nodes.Deferred()
        signals.hear()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # as Ray does with some
        signals.hear()
        signal.raise_signal(signal.SIGUSR1)
        assert heard == []
        signal.raise_signal(signal.SIGUSR1)
        assert heard == [signal.SIGUSR1]
        signals.pass_on()
        assert heard == [signal.SIGUSR1] * 2
        signals.pass_on()
        assert heard == [signal.SIGUSR1] * 2, "else the workers would not be heard when they end"
        assert signal.getsignal(signal.SIGUSR1) is ours
    finally:
        signal.signal(signal.SIGUSR1, before)


def missing(name: str):
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_driver_of_commands_needs_no_torch():
    code = "import sys, barnspider.lab.cluster, barnspider.lab.command.worker; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_run_that_cannot_be_made_is_told_when_all_others_are_there(store, monkeypatch):
    def one_fails(self, runs, progress):
        for each in runs[1:]:
            seal(self.store, each.key)
        self.complaints.append("rotation=0, seed 0: no")

    class Joined:
        def __enter__(self):
            return None

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("barnspider.lab.cluster.making.needed", lambda: None)
    monkeypatch.setattr("barnspider.lab.cluster.making.joined", lambda asked: Joined())
    monkeypatch.setattr(Crew, "make", one_fails)
    with pytest.raises(
        TrainingError, match="1 of 4 runs could not be trained; the first reason: rotation=0, seed 0: no"
    ):
        make_on_ray(SWEEP, store, Asked())


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:0", "head:70000"])
def test_an_address_is_a_host_and_a_port(address):
    with pytest.raises(InputError, match=r"^address='.*'; expected host:port"):
        nodes._heard_at(address)


def test_where_nobody_listens_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        nodes._heard_at(address)
    with pytest.raises(InputError, match=r"nobody listens there: .*refused; expected host:port"):
        nodes._heard_at(address)
