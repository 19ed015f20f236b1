import json

import numpy as np
import pytest
from typer.testing import CliRunner

from barnspider import DataError, InputError
from barnspider.cli import app
from barnspider.lab import Recipe, Store, Sweep
from barnspider.lab.data import load
from barnspider.lab.worker import work
from barnspider.repeat import repeat, sweep_of
from barnspider.store import Answers, Cell, Images, Result, Study, opened, pack

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=8, epochs=2, train_images=200),
    vary="rotation",
    doses=(0, 90),
    seeds=(3, 4),
    name="turned",
    keep="weights",
)


def trained(sweep, folder):
    """Train in this very process: starting workers costs more than these trainings."""
    store = Store(folder)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    work(store, sweep.identity)
    return store


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeat")
    return pack(trained(SWEEP, folder / "runs"), folder / "turned.xz")


def test_in_the_same_environment_runs_are_the_same_bit_for_bit(packed, tmp_path):
    trained(sweep_of(opened(packed).study(), seeds=1), tmp_path / "again")
    args = ["repeat", str(packed), "--store", str(tmp_path / "again"), "--seeds", "1"]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    assert "2 of 2 runs that were made twice gave the same answers bit for bit" in done.stdout
    assert "Now        in the same environment" in done.stdout
    assert "0 runs trained now, 2 compared" in done.stderr
    assert not (tmp_path / "again" / "weights").exists()
    said = json.loads(CliRunner().invoke(app, [*args, "--json"]).stdout)
    assert (said["schema"], said["status"], said["identical"]) == ("barnspider/repeat/1", "agree", 2)


@pytest.mark.slow
def test_what_is_missing_is_trained(packed, tmp_path):
    found = repeat(opened(packed), Store(tmp_path / "again"), workers=1)
    assert (found.tally.here, found.status, found.agreement.identical) == (4, "agree", 4)


def written(folder, sweep, spoilt=None, environment="2"):
    """A store of answers to the real test images of digits, under the keys of a sweep."""
    data, store, rng = load("digits"), Store(folder), np.random.default_rng(1)
    label = data.test.labels
    images = Images(label, data.test.ids)
    store.describe_images(data.fingerprint, data.classes, "digits", {"test": images})
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    for run in sweep.runs():
        guess = np.where(rng.random(len(label)) < 0.1, (label + 1) % 10, label)
        if run.dose:
            guess = np.where(label == spoilt, (label + 1) % 10, guess)
        about = {"seconds": 1.0, "environment": {"torch": environment}}
        store.write(run.key, Result("done", data.fingerprint, {"test": Answers(guess, None)}, about))
    return store


def test_other_answers_disagree(tmp_path):
    sweep = SWEEP.with_seeds(range(6))
    file = pack(written(tmp_path / "runs", sweep), tmp_path / "a.xz")
    found = repeat(opened(file), written(tmp_path / "other", sweep, spoilt=7, environment="9"))
    assert (found.status, found.exit_code, found.tally.here) == ("disagree", 1, 0)
    assert found.agreement.apart.sum() == found.agreement.apart[0, 7] == 1
    assert not found.same_environment
    assert "Now        in (torch 9)" in str(found)


def study(**sweep):
    return Study("made-1", (Cell("rotation=0", 0.0, 3, "k"),), sweep)


def test_what_cannot_be_repeated_is_told():
    plan = study(**SWEEP.as_dict())
    assert sweep_of(plan, 1, [0, 90]).seeds == (3,)
    for seeds, doses, message in (
        (3, None, "seeds=3; expected from 1 to 2"),
        (None, [45.0], r"doses=45\.0; expected of the study's: 0\.0, 90\.0"),
    ):
        with pytest.raises(InputError, match=message):
            sweep_of(plan, seeds, doses)
    with pytest.raises(InputError, match="trained nothing"):
        sweep_of(study(of="turned-1"))
    with pytest.raises(InputError, match="of a command"):
        sweep_of(study(command="python train.py"))
    with pytest.raises(InputError, match="not known to this version"):
        sweep_of(study(**{**SWEEP.as_dict(), "recipe": {"dataset": "digits", "magic": 3}}))


def test_other_data_are_refused_before_anything_is_trained(packed, tmp_path):
    store = Store(tmp_path / "runs")
    images = Images(np.array([0, 1]), np.array(["a", "b"]))
    store.describe_images("f0f0", [str(c) for c in range(10)], "digits", {"test": images})
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    for cell in SWEEP.runs():
        store.write(cell.key, Result("done", "f0f0", {"test": Answers(np.array([0, 1]), None)}, {}))
    with pytest.raises(DataError, match="not what the packed runs saw"):
        repeat(opened(pack(store, tmp_path / "a.xz")), Store(tmp_path / "again"))
    assert not (tmp_path / "again").exists()
