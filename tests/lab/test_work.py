import json
import os
import signal
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from barnspider import InputError, TrainingError
from barnspider.lab import Recipe, Store, Sweep, claims, read_study, settling, stopping, train, worker
from barnspider.lab import work as work_room
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import claimed
from barnspider.lab.data import load
from barnspider.lab.images import describe
from barnspider.lab.shift import Share, Shift
from barnspider.lab.work import in_order, is_anybodys, room_of, work_on
from trainer import lay_out

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=8, epochs=2, batch=32, train_images=100),
    vary="rotation",
    doses=(0, 90),
    seeds=(0, 1),
)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def store(tmp_path, digits):
    store = Store(tmp_path / "runs")
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    describe(store, digits)
    return store


@pytest.fixture
def pets(tmp_path):
    """A study of a command, planned in a store, of which nothing is made."""
    sweep = read_study(lay_out(tmp_path))
    store = Store(tmp_path / "pets")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    return sweep, store


def answers(store: Store) -> dict[str, bytes]:
    return {str(p.relative_to(store.root)): p.read_bytes() for p in sorted(store.root.glob("runs/*/*.npz"))}


@contextmanager
def listening():
    """Hear as a worker hears, and be as before afterwards."""
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)}
    stopping.listen()
    try:
        yield
    finally:
        stopping._EAR.asked = False
        for sign, handler in before.items():
            signal.signal(sign, handler)


def test_a_worker_does_its_shift_and_no_more(store, digits, capsys):
    worker.work(store, SWEEP.identity, digits, shift=Shift(most=1))
    assert [run.key for run in store.missing(SWEEP.runs())] == [run.key for run in SWEEP.runs()[1:]]
    worker.work(store, SWEEP.identity, digits, shift=Shift(until=0.0))
    assert len(store.missing(SWEEP.runs())) == 3
    share = Share(2, 2)
    worker.work(store, SWEEP.identity, digits, shift=Shift(share=share))
    assert not store.missing(share.of(SWEEP.runs()))
    assert len(store.missing(SWEEP.runs())) == 1
    assert capsys.readouterr().out.count('"sealed"') == 3


def test_a_worker_that_does_not_wait_leaves_what_others_hold(store, digits):
    first = SWEEP.runs()[0]
    with claimed(store.root, first.key):
        worker.work(store, SWEEP.identity, digits, shift=Shift(waits=False))
    assert store.missing(SWEEP.runs()) == [first]


def test_a_wait_grows_with_what_was_waited(monkeypatch):
    slept = []
    monkeypatch.setattr(settling.time, "sleep", slept.append)
    assert [settling._wait(waited) for waited in (0.0, 1.0, 20.0, 10_000.0)] == slept == [0.5, 0.5, 2.0, 10.0]


def test_asked_to_end_a_training_saves_its_state_gives_its_claim_back_and_goes_on_to_the_same_bits(
    store, digits, tmp_path, monkeypatch
):
    undisturbed = Store(tmp_path / "undisturbed")
    undisturbed.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    worker.work(undisturbed, SWEEP.identity, digits)
    real, steps = train._Training._step, []

    def step(self, batch):
        steps.append(self.course.step)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            for sign in (signal.SIGUSR1, signal.SIGUSR2):  # schedulers tell all processes: these are for the parent
                os.kill(os.getpid(), sign)
            os.kill(os.getpid(), signal.SIGTERM)
        real(self, batch)

    monkeypatch.setattr(train._Training, "_step", step)
    with listening(), pytest.raises(stopping.Stopped):
        worker.work(store, SWEEP.identity, digits)
    assert steps == [0, 1, 2]
    assert [path.name for path in (store.root / "checkpoints").iterdir()] == [SWEEP.runs()[0].key]
    assert not list((store.root / "claims").iterdir())
    worker.work(store, SWEEP.identity, digits)
    assert steps[3] == 3, "it went on where it was"
    assert answers(store) == answers(undisturbed)
    assert not list((store.root / "checkpoints").iterdir())


def take_over(store, key, by="elsewhere") -> None:
    (store.root / "claims" / key).write_text(json.dumps({"host": by, "pid": 1, "since": time.time()}))


@pytest.mark.parametrize("asked", [False, True])
def test_a_training_that_wakes_and_finds_its_run_anothers_leaves_it_alone_and_goes_on_with_others(
    store, digits, tmp_path, monkeypatch, asked
):
    first, real, steps = SWEEP.runs()[0].key, train._Training._step, []
    theirs = Checkpoint(store.root / "checkpoints" / first, "theirs").path

    def step(self, batch):
        steps.append(self.course.step)
        if len(steps) == 3:  # and now a pause, in which another goes on with the run
            theirs.parent.mkdir()
            theirs.write_bytes(b"their state")
            take_over(store, first)
            monkeypatch.setattr(claims, "LEASE", 0.0)
            if asked:
                os.kill(os.getpid(), signal.SIGTERM)
        elif len(steps) == 4:
            monkeypatch.setattr(claims, "LEASE", 60.0)
        real(self, batch)

    monkeypatch.setattr(train._Training, "_step", step)
    with listening(), pytest.raises(stopping.Stopped) if asked else nullcontext():
        worker.work(store, SWEEP.identity, digits, shift=Shift(waits=False))
    assert steps[:4] == ([0, 1, 2] if asked else [0, 1, 2, 0]), "it ended with the step in which it was paused"
    assert len(store.missing(SWEEP.runs())) == (4 if asked else 1)
    assert theirs.read_bytes() == b"their state"
    assert "elsewhere" in (store.root / "claims" / first).read_text()


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_is_anothers_when_it_is_done_is_dropped_and_so_is_why_it_failed(
    store, digits, monkeypatch, capsys, fails
):
    first, real = SWEEP.runs()[0].key, worker.result_of

    def taken_over(run, *rest):
        if run.key == first:
            take_over(store, first)
            if fails:
                raise TrainingError("it fails here")
        return real(run, *rest)

    monkeypatch.setattr(worker, "result_of", taken_over)
    worker.work(store, SWEEP.identity, digits, shift=Shift(waits=False))
    assert [run.key for run in store.missing(SWEEP.runs())] == [first]
    assert not list(store.root.glob("failed/*"))
    assert capsys.readouterr().out.count('"sealed"') == 3


SLEEPS_ONCE = """
import pathlib, sys, time
begun = pathlib.Path(sys.argv[-1]).parents[2] / "begun"
if not begun.exists():
    begun.write_text(sys.argv[-1])
    time.sleep(60)
"""


def test_a_command_whose_run_is_anothers_by_now_is_ended_and_others_are_made(pets, monkeypatch):
    sweep, store = pets
    script = sweep.base.folder / "train.py"
    script.write_text(SLEEPS_ONCE + script.read_text())
    monkeypatch.setattr(claims, "LEASE", 0.3)
    begun, first = store.root / "begun", sweep.runs()[0].key

    def others_take_it():
        while not begun.exists():
            time.sleep(0.01)
        take_over(store, first)
        os.utime(store.root / "claims" / first, (time.time() + 600,) * 2)

    other = threading.Thread(target=others_take_it)
    other.start()
    began = time.monotonic()
    found = work_on(store, "pets", shift=Shift(waits=False))
    other.join()
    assert time.monotonic() - began < 50, "nobody waited for the command"
    assert (found.here, found.missing) == (5, 1)
    assert "elsewhere" in (store.root / "claims" / first).read_text()
    assert not list(store.root.glob("building/*")) + list(store.root.glob("failed/*"))


def test_asked_to_end_a_worker_that_does_not_train_ends_at_once(store):
    def hold():
        with claimed(store.root, "k") as mine:
            assert mine
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("it went on")

    with listening(), pytest.raises(stopping.Stopped):
        hold()
    assert not list((store.root / "claims").iterdir())


def test_commands_are_made_by_whoever_has_the_store(pets):
    sweep, store = pets
    assert work_on(store, "pets", shift=Shift(most=2)).missing == 4
    with claimed(store.root, sweep.runs()[3].key):
        found = work_on(store, sweep.identity, workers=2, shift=Shift(waits=False))
    assert (found.planned, found.here, found.missing) == (6, 3, 1)
    assert work_on(store, sweep.identity).missing == 0


def test_a_command_that_fails_is_told(pets):
    sweep, store = pets
    (sweep.base.folder / "train.py").write_text("raise SystemExit('no GPU here')")
    with pytest.raises(TrainingError, match="1 of 1 run failed"):
        work_on(store, sweep.identity, shift=Shift(most=1))


def test_a_plan_of_another_time_or_place_is_refused(pets, store, monkeypatch, tmp_path):
    sweep, theirs = pets
    listed = replace(sweep, base=replace(sweep.base, files=("train.py",)))
    theirs.plan(listed.identity, listed.runs(), listed.as_dict())
    (tmp_path / "train.py").write_text("another script")
    with pytest.raises(InputError, match=r"a file that the study lists has changed since; run its study file again"):
        work_on(theirs, sweep.identity)
    gone = replace(sweep, base=replace(sweep.base, folder=tmp_path / "not here"))
    theirs.plan(gone.identity, gone.runs(), gone.as_dict())
    with pytest.raises(InputError, match="is no folder here"):
        work_on(theirs, sweep.identity)
    with pytest.raises(InputError, match="chooses its own"):
        work_on(theirs, sweep.identity, device="cuda")
    monkeypatch.setattr("barnspider.lab.sweep.TRAINING_VERSION", 10**6)
    with pytest.raises(InputError, match="use one version of barnspider on all machines"):
        work_on(store, SWEEP.identity)


def test_every_kind_of_study_has_its_workers_but_label_preservation(store):
    plan = store.study(SWEEP.identity)
    made = {"derive": {"of": "x", "made": "derive"}, "transfer": {"of": "x", "to": "cifar10"}}
    kinds = {name: replace(plan, sweep=sweep) for name, sweep in made.items()}
    assert {name: room_of(kind) for name, kind in kinds.items()} == {
        "derive": "derived.worker",
        "transfer": "transfer.worker",
    }
    asked = replace(plan, sweep={"of": "x", "made": "preserve"})
    assert [is_anybodys(p) for p in (plan, *kinds.values(), asked)] == [True, True, True, False]
    store.plan("a-made-of-it", SWEEP.runs(), {"of": SWEEP.identity, "made": "preserve"})
    assert in_order(store) == [SWEEP.identity, "a-made-of-it"]
    with pytest.raises(InputError, match="only `barnspider preserve` does"):
        work_on(store, "a-made-of-it")


def test_workers_are_told_their_shift():
    assert work_room._said(Shift(share=Share(1, 2), most=3, waits=False)) == [
        "--share",
        "1/2",
        "--most",
        "3",
        "--no-wait",
    ]
    asked = settling._parser("x", "y").parse_args(["s", "t", *work_room._said(Shift(most=3, until=0.0))])
    shift = settling._shift(asked)
    assert (shift.most, shift.waits, shift.parent) == (3, True, os.getppid())
    assert shift.is_over(0)
    assert settling._shift(settling._parser("x", "y").parse_args(["s", "t"])).takes_all
