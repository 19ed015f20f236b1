import math
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from barnspider import InputError, StoreError, TrainingError
from barnspider.lab import Recipe, Store, Sweep, run
from barnspider.lab import worker as worker_room
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.claims import clear_abandoned
from barnspider.lab.cost import price
from barnspider.lab.data import load
from barnspider.lab.shift import Shift
from barnspider.lab.strength import Strength
from barnspider.lab.worker import result_of, work

run_room = sys.modules["barnspider.lab.run"]  # `lab.run` is the function
BASE = Recipe(dataset="digits", network="mlp", width=8, epochs=1, train_images=100)
SWEEP = Sweep(BASE, vary="rotation", doses=(0, 90), seeds=(0, 1))


@pytest.fixture
def store(tmp_path):
    """A store in which this very process has trained the sweep."""
    store = Store(tmp_path / "runs")
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    work(store, SWEEP.identity)
    return store


def test_run_returns_predictions_and_trains_nothing_twice(store, monkeypatch):
    monkeypatch.setattr(run_room, "_work", None)  # calling it would be an error
    predictions = run(SWEEP, store)
    assert predictions.arms == ("rotation=0", "rotation=90")
    assert predictions.on == "digits/test"
    assert run(SWEEP, store, split="validation").on == "digits/validation"


def test_runs_of_one_seed_share_weights_and_order_so_effects_are_less_noisy(store):
    """Two doses of one seed agree on more answers than two seeds of one dose."""
    guess = store.load(SWEEP.runs()).guess
    same_seed = np.mean([(guess[0] == guess[1]).mean(), (guess[2] == guess[3]).mean()])
    same_dose = np.mean([(guess[0] == guess[2]).mean(), (guess[1] == guess[3]).mean()])
    assert same_seed > same_dose


def test_a_run_does_not_depend_on_what_else_is_in_the_sweep(store):
    alone = Sweep(BASE, vary="rotation", doses=(90,), seeds=(1,)).runs()[0]
    again = result_of(alone, load("digits"))
    stored = store.load([alone])
    assert np.array_equal(again.answers["test"].guess, stored.guess[0])


def test_dose_zero_of_one_knob_is_dose_zero_of_another(store):
    assert not store.missing(Sweep(BASE, vary="weight_decay", doses=(0,), seeds=(0, 1)).runs())


def test_a_run_that_cannot_be_trained_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    store = Store(tmp_path)
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    real = worker_room.train

    def fails_at_seed_0(recipe, seed, data, **rest):
        if seed == 0 and recipe.rotation:
            raise TrainingError("no luck")
        return real(recipe, seed, data, **rest)

    monkeypatch.setattr(worker_room, "train", fails_at_seed_0)
    work(store, SWEEP.identity)
    assert [run.arm for run in store.missing(SWEEP.runs())] == ["rotation=90"]
    assert "rotation=90, seed 0: no luck" in capsys.readouterr().out
    ((key, failure),) = store.failures().items()
    assert (key, failure.reason, failure.host) == (SWEEP.runs()[1].key, "no luck", socket.gethostname())
    monkeypatch.undo()
    work(store, SWEEP.identity)
    assert not store.failures()
    assert not store.missing(SWEEP.runs())


@pytest.mark.parametrize(("number", "expected"), [(0, [0, 1, 2, 3]), (1, [1, 2, 3, 0]), (6, [2, 3, 0, 1])])
def test_all_arms_of_a_seed_come_before_the_next_and_each_worker_begins_elsewhere(
    tmp_path, monkeypatch, number, expected
):
    store, order = Store(tmp_path), []
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())

    def note(run, *_):
        order.append((run.seed, run.dose))
        raise TrainingError("not now")

    monkeypatch.setattr(worker_room, "result_of", note)
    work(store, SWEEP.identity, shift=Shift(number))
    balanced = [(0, 0.0), (0, 90.0), (1, 0.0), (1, 90.0)]
    assert order == [balanced[i] for i in expected]


def test_what_a_worker_notes_is_shown_in_the_end(capfd):
    say = "import sys; sys.stderr.write('warned\\nnote: a checkpoint is damaged\\n'); print('{\"event\": \"ready\"}')"
    with run_room._workers([[sys.executable, "-c", say]] * 2) as events:
        assert [event["event"] for event in events] == ["ready"] * 2
    assert capfd.readouterr().err == "note: a checkpoint is damaged\n" * 2


def test_a_worker_that_is_paused_is_stopped_too(monkeypatch):
    monkeypatch.setattr(run_room, "PATIENCE", 0.1)
    paused = 'import os, signal; print(\'{"event": "ready"}\', flush=True); os.kill(os.getpid(), signal.SIGSTOP)'
    with run_room._workers([[sys.executable, "-c", paused]]) as events:
        assert next(events)["event"] == "ready"


def test_a_plan_that_another_command_changed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(run_room, "commands", lambda *_: [[sys.executable, "-c", ""]])
    with pytest.raises(TrainingError, match=r"4 of 4 .* another command has changed the plan meanwhile"):
        run(SWEEP, Store(tmp_path))


def test_what_nobody_foresaw_ends_the_worker_and_is_noted(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    monkeypatch.setattr(worker_room, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work(store, SWEEP.identity)
    assert [f.reason for f in store.failures().values()] == ["ZeroDivisionError: division by zero"]


def test_a_worker_that_dies_is_told_and_what_is_missing_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(run_room.sys, "executable", "/bin/false")
    with pytest.raises(
        TrainingError, match="4 of 4 runs could not be trained; the first reason: a worker ended with 1"
    ):
        run(SWEEP, Store(tmp_path))


def test_price_counts_what_is_there_and_measures_what_is_not(store, tmp_path):
    there = price(SWEEP, store, workers=2)
    assert (there.planned, there.missing, there.seconds) == (4, 0, 0)
    more = price(SWEEP.with_seeds(range(4)), store, workers=2)
    assert more.missing == 4
    assert more.seconds == pytest.approx(2 * more.seconds_each)
    fresh = price(SWEEP, Store(tmp_path / "new"), workers=1)
    assert fresh.measured_on == "measured by two short trainings"
    assert 0 < fresh.seconds_each < 60


def test_a_store_of_other_data_is_refused(store):
    changed = {run.key: store.document(run.key) for run in SWEEP.runs()}
    assert len({document["fingerprint"] for document in changed.values()}) == 1
    other = Sweep(Recipe(**{**BASE.as_dict(), "split_seed": 1}), vary="rotation", doses=(0,), seeds=(0,))
    assert other.runs()[0].key not in changed, "another split is another recipe: no clash, another key"
    with pytest.raises(StoreError, match="no finished run"):
        store.load(other.runs())


def test_answers_of_averaged_weights_can_be_read_instead(store):
    last, averaged = (run(SWEEP, store, split=split) for split in ("test", "test-averaged"))
    assert averaged.on == "digits/test-averaged"
    assert np.array_equal(averaged.sample, last.sample)
    assert np.array_equal(averaged.p_label, last.p_label), "these runs have one step"


def test_a_store_from_before_there_were_averages_stays_readable(tmp_path):
    store, planned = Store(tmp_path), SWEEP.runs()[:1]
    data = load("digits")
    worker_room.describe(store, data)
    result = result_of(planned[0], data)
    old = {name: part for name, part in result.answers.items() if "averaged" not in name}
    store.write(planned[0].key, replace(result, answers=old))
    assert store.load(planned).on == "digits/test"
    with pytest.raises(StoreError, match="1 without test-averaged answers"):
        store.load(planned, "test-averaged")


def test_what_the_augmentation_does_is_stored_with_the_run(store):
    plain, turned = (store.document(run.key)["strength"] for run in SWEEP.runs()[:2])
    assert plain["kept"] == [1.0] * 10
    assert plain["change"] == [0.0] * 10
    assert plain["images"] == [30] * 10
    assert min(turned["change"]) > 0.1


def test_a_class_without_training_images_has_no_strength(monkeypatch):
    measured = Strength((1.0, math.nan), (0.0, math.nan), (3, 0))
    monkeypatch.setattr(worker_room, "strength", lambda recipe, data: measured)
    about = result_of(SWEEP.runs()[0], replace(load("digits"))).about["strength"]
    assert about == {"kept": [1.0, None], "change": [0.0, None], "images": [3, 0]}


def test_a_sweep_that_does_nothing_is_refused_before_anything_is_trained_or_measured(tmp_path):
    grey = Sweep(BASE, vary="hue", doses=(0, 0.1), seeds=(0,))
    for start in (run, price):
        with pytest.raises(InputError, match=r"hue=0\.1 does nothing to grey images"):
            start(grey, Store(tmp_path))
    assert not any(tmp_path.iterdir())


def test_training_without_torch_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(run_room.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r"pip install 'barnspider\[lab\]'"):
        run(SWEEP, Store(tmp_path))


DIES = """
import os, signal, sys
from barnspider.lab import checkpoint
from barnspider.lab.worker import main

save = checkpoint.Checkpoint.save


def save_and_die(self, course, environment, seconds):
    save(self, course, environment, seconds)
    if course.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)


checkpoint.Checkpoint.save = save_and_die
checkpoint.Checkpoint.due = lambda self: True
main()
"""


def test_a_worker_killed_in_a_run_leaves_a_checkpoint_from_which_the_run_gives_the_same_bits(tmp_path):
    sweep = Sweep(replace(BASE, epochs=3, batch=32), vary="rotation", doses=(90,), seeds=(0,))
    (cell,) = sweep.runs()
    store = Store(tmp_path)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    killed = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), sweep.identity], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoints" / cell.key).exists()
    clear_abandoned(tmp_path)
    steps = []
    work_counting(store, sweep, steps)
    assert len(steps) == 3 * 4 - 3
    assert not any((tmp_path / "checkpoints").iterdir())
    whole = result_of(cell, load("digits"))
    assert np.array_equal(whole.answers["test"].guess, store.load([cell]).guess[0])
    assert np.array_equal(whole.answers["test"].p_label.astype(np.float16), store.load([cell]).p_label[0])


def work_counting(store, sweep, steps):
    """Train what is missing here, counting steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "due", lambda self: bool(steps.append(1)))
        work(store, sweep.identity)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"device='cuda'; torch .* sees cpu here"):
        run(SWEEP, Store(tmp_path), device="cuda")
