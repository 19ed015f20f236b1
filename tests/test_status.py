import json
import os
import socket
import time

import numpy as np
import pytest

from barnspider import InputError
from barnspider.files import write_whole
from barnspider.lab import Recipe, Store, Sweep
from barnspider.lab.claims import claimed
from barnspider.status import status
from barnspider.store import Answers, Images, Result

SWEEP = Sweep(Recipe("digits"), vary="crop", doses=(0.0, 0.3), seeds=range(4))
N = 200


@pytest.fixture
def store(tmp_path):
    """A planned study of which nothing is there."""
    store = Store(tmp_path / "runs")
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    labels = np.arange(N) % 2
    images = Images(labels, np.array([f"i{i}" for i in range(N)]))
    store.describe_images("f", ["a", "b"], "coins", {"test": images, "validation": images})
    return store


def seal(store, arm, seed, *, state="done", wrong=20, seconds=60.0):
    (run,) = [run for run in SWEEP.runs() if (run.arm, run.seed) == (arm, seed)]
    guess = np.arange(N) % 2
    place = np.random.default_rng(seed).permutation(N)[:wrong]
    guess[place] = 1 - guess[place]
    answers = {"test": Answers(guess.astype(np.int16), np.full(N, 0.5, np.float32))}
    store.write(run.key, Result(state, "f", answers if state == "done" else {}, {"seconds": seconds, "seed": seed}))
    return run.key


def test_a_new_study_is_missing_and_nobody_works_on_it(store):
    found = status(store)
    assert (found.planned, found.done, found.missing, found.running) == (8, 0, 8, ())
    assert found.seconds_left is None
    assert [arm.arm for arm in found.arms] == ["crop=0", "crop=0.3"]
    assert "8 missing" in str(found)
    assert "nobody is working on it" in str(found)
    assert "Nothing to compare yet" in str(found)


def test_every_run_is_in_one_state_and_they_add_up(store):
    seal(store, "crop=0", 0)
    seal(store, "crop=0.3", 0, state="diverged")
    keys = {(run.arm, run.seed): run.key for run in SWEEP.runs()}
    write_failure(store, keys["crop=0", 2], "out of memory")
    with claimed(store.root, keys["crop=0", 1]) as mine:
        assert mine
        found = status(store)
    assert (found.done, found.diverged, len(found.running), len(found.failed), found.missing) == (1, 1, 1, 1, 4)
    (running,), (failed,) = found.running, found.failed
    assert (running.arm, running.seed, running.host, running.pid) == ("crop=0", 1, socket.gethostname(), os.getpid())
    assert 0 <= running.seconds < 5
    assert (failed.arm, failed.seed, failed.reason) == ("crop=0", 2, "out of memory")
    text = str(found)
    assert "8: 1 done, 1 diverged, 1 running, 1 failed, 4 missing" in text
    assert "out of memory" in text
    json.dumps(found.as_dict(), allow_nan=False)


def write_failure(store, key, reason):
    document = {"reason": reason, "host": "far", "time": time.time()}
    write_whole(store.root / "failed" / key, lambda file: file.write(json.dumps(document).encode()))


def test_where_the_rest_has_failed_it_says_so(store):
    for run in SWEEP.runs():
        write_failure(store, run.key, "out of memory")
    assert "the rest   has failed; `barnspider run` tries it again" in str(status(store))
    store.forget_failure(SWEEP.runs()[0].key)
    assert "the rest   nobody is working on it; `barnspider run` goes on, and tries again what failed" in str(
        status(store)
    )


def test_time_left_is_that_of_the_runs_there_shared_by_those_who_work(store):
    seal(store, "crop=0", 0, seconds=100.0)
    keys = [run.key for run in SWEEP.runs()]
    with claimed(store.root, keys[5]), claimed(store.root, keys[6]):
        assert status(store).seconds_left == pytest.approx(7 * 100 / 2, abs=10)


def test_claims_and_failures_of_sealed_runs_do_not_count(store):
    key = seal(store, "crop=0", 0)
    write_failure(store, key, "old")
    with claimed(store.root, key):
        found = status(store)
    assert (found.done, found.running, found.failed) == (1, (), ())


def test_the_headline_is_what_audit_says_of_the_arms_that_are_ready(store):
    for seed in range(4):
        seal(store, "crop=0", seed, wrong=10)
    seal(store, "crop=0.3", 0, wrong=90)
    assert all(not arm.headline for arm in status(store).arms)
    seal(store, "crop=0.3", 1, wrong=90)
    baseline, dosed = status(store).arms
    assert not baseline.headline
    assert dosed.headline.startswith("average -40.0 (")
    assert f"crop=0.3: {dosed.headline}" in str(status(store))


def test_a_study_that_is_over_says_nothing_of_the_rest(store):
    for run in SWEEP.runs():
        seal(store, run.arm, run.seed)
    found = status(store)
    assert found.is_over
    assert "the rest" not in str(found)


def test_an_unknown_study_is_refused(store):
    with pytest.raises(InputError, match="study='x' is unknown"):
        status(store, "x")
