"""Weights that a study keeps: the network that answered, bit for bit, also for runs that were sealed without."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from barnspider import InputError, StoreError
from barnspider.lab import Recipe, Store, Sweep, Tally, read_study, run, train_missing
from barnspider.lab.cost import price
from barnspider.lab.data import load
from barnspider.lab.material import levels_of
from barnspider.lab.weights import read_weights

BASE = Recipe(dataset="digits", network="mlp", width=8, epochs=1, train_images=200)
PLAIN = Sweep(BASE, "rotation", doses=(0, 90), seeds=(0,))
KEEPING = replace(PLAIN, keep="weights")


def folder_of(store, planned):
    return store.root / "weights" / planned.key


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("resnet8", "wide-resnet")]


@pytest.mark.parametrize("network", ["mlp", "resnet", *SLOW])
def test_a_kept_network_answers_as_its_run_did(tmp_path, network):
    base = replace(BASE, network=network, stem="whitening" if network == "resnet" else BASE.stem)
    sweep, store = Sweep(base, "rotation", doses=(30,), seeds=(3,), keep="weights"), Store(tmp_path)
    answered = run(sweep, store, workers=1)
    kept, data = read_weights(store, sweep.runs()[0].key), load("digits")
    images = kept.normalize(levels_of(torch.from_numpy(data.test.read(np.arange(len(data.test))))))
    with torch.inference_mode():
        guess = kept.net(images).argmax(1).numpy()
    assert np.array_equal(guess, answered.guess[0])
    assert (kept.classes, kept.seed, kept.recipe) == (data.classes, 3, sweep.runs()[0].recipe)


def test_runs_that_were_sealed_without_are_trained_again_and_answer_the_same(tmp_path):
    store = Store(tmp_path)
    before = run(PLAIN, store, workers=1)
    assert [r.key for r in PLAIN.runs()] == [r.key for r in KEEPING.runs()]
    assert not store.missing(PLAIN.runs())
    assert len(store.missing(KEEPING.runs())) == 2
    assert read_weights(store, PLAIN.runs()[0].key) is None
    assert np.array_equal(run(KEEPING, store, workers=1).guess, before.guess)
    assert not store.missing(KEEPING.runs())
    assert store.study().sweep["keep"] == "weights"
    assert all(cell.keeps_weights for cell in store.study().cells)


def test_damaged_weights_are_set_aside_and_made_again(tmp_path):
    store = Store(tmp_path)
    run(KEEPING, store, workers=1)
    first, second = KEEPING.runs()
    file = folder_of(store, first) / "weights.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (folder_of(store, second) / "about.json").write_text("{")
    with pytest.raises(StoreError, match="do not match their sum"):
        store.weights(first.key)
    assert store.missing(KEEPING.runs()) == [first, second]
    assert len(list((tmp_path / "set-aside").iterdir())) == 2
    run(KEEPING, store, workers=1)
    assert file.read_bytes() == whole


def test_a_run_that_diverged_has_no_weights_and_is_not_missing(tmp_path):
    broken = Recipe("digits", network="mlp", width=4, epochs=2, batch=64, train_images=200, lr=1e6)
    sweep, store = Sweep(broken, "rotation", (0,), (0,), keep="weights"), Store(tmp_path)
    with pytest.raises(StoreError, match="1 diverged"):
        run(sweep, store, workers=1)
    assert not store.missing(sweep.runs())
    assert read_weights(store, sweep.runs()[0].key) is None


def test_a_study_made_of_another_is_not_in_the_way(tmp_path):
    store = Store(tmp_path)
    plan = store.plan(PLAIN.identity, PLAIN.runs(), PLAIN.as_dict())
    store.plan("made-000000", PLAIN.runs(), {"of": plan.identity})
    assert store.study().identity == plan.identity
    assert store.study("made").of == plan.identity
    other = replace(PLAIN, name="other")
    store.plan(other.identity, other.runs(), other.as_dict())
    with pytest.raises(InputError, match="holds 3 studies; choose one"):
        store.study()


def test_mistakes(tmp_path):
    with pytest.raises(InputError, match="keep='all' is unknown"):
        replace(PLAIN, keep="all")
    file = tmp_path / "s.toml"
    sweep = '[sweep]\nvary = "rotation"\ndoses = [0]\nseeds = 1\n'
    file.write_text(f'keep = "weights"\n[recipe]\ndataset = "digits"\n{sweep}')
    assert read_study(file).keep == "weights"
    file.write_text(f'keep = "weights"\ncommand = "train"\n{sweep}')
    with pytest.raises(InputError, match="keep='weights' is for our own trainings"):
        read_study(file)


def test_a_plan_counts_weights_that_are_missing_and_a_run_says_that_it_made_them(tmp_path):
    store = Store(tmp_path)
    assert train_missing(PLAIN, store, workers=1) == Tally(2, 0)
    assert price(KEEPING, store, workers=1).missing == 2
    assert train_missing(KEEPING, store, workers=1) == Tally(2, 0)
    assert price(KEEPING, store, workers=1).missing == 0
