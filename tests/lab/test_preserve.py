"""References answer as in training where nothing is changed, and see the same changes wherever they are asked."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from barnspider import BarnspiderError, InputError
from barnspider.lab import Recipe, Store, Sweep, run
from barnspider.lab.preserve import Preserving, preserve
from barnspider.lab.preserve import run as room
from barnspider.lab.preserve.plan import of_study
from barnspider.preservation import read_preservation

BASE = Recipe(dataset="digits", network="mlp", width=8, epochs=5, flip=0.1)
SWEEP = Sweep(BASE, "rotation", doses=(0, 60), seeds=(0, 1, 2))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def kept(store):
    return preserve(Preserving(SWEEP, (60, 180), models=2, draws=2), store, workers=1)


def test_an_unchanged_image_is_answered_as_in_training(store, kept):
    trained = run(SWEEP.with_doses((0,)).with_seeds((0, 1)), Store(store.root), workers=1)
    off = kept.where(arms=["rotation=0"])
    assert off.seed == (0, 1, 2, 3)
    assert np.array_equal(off.guess[::2], trained.guess)
    assert np.array_equal(off.guess[1::2], trained.guess)
    assert kept.same_models
    assert kept.paired


def test_draws_differ_and_stronger_doses_take_more(kept):
    turned = kept.where(arms=["rotation=180"]).guess
    assert not np.array_equal(turned[0], turned[1])
    right = {arm: kept.where(arms=[arm]).correct().mean() for arm in kept.arms}
    assert right["rotation=0"] > right["rotation=60"] > right["rotation=180"]


def test_the_references_are_the_studys_own_runs_and_not_in_its_way(store, kept):
    assert not store.missing(replace(SWEEP, keep="weights").with_doses((0,)).with_seeds((0, 1)).runs())
    plan = Preserving(SWEEP, (60, 180), models=2, draws=2)
    assert store.study(plan.name).of == SWEEP.identity
    assert store.study("digits-rotation-reference").of == SWEEP.identity
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    assert store.study().identity == SWEEP.identity


def test_a_second_call_asks_nothing_and_a_killed_one_goes_on(store, kept, monkeypatch):
    plan = Preserving(SWEEP, (60, 180), models=2, draws=2)
    keys = [cell.key for cell in plan.runs()]
    (store.root / "runs" / keys[3]).rename(store.root / "gone")
    asked = []
    real = Store.write
    monkeypatch.setattr(Store, "write", lambda self, key, result: asked.append(key) or real(self, key, result))
    again = preserve(plan, store, workers=1)
    assert asked == [keys[3]]
    assert np.array_equal(again.guess, kept.guess)
    monkeypatch.setattr(room, "_ask", lambda *_: None)
    preserve(plan, store, workers=1)


def brightest(shape, classes):
    """Answer by the mean grey level: a "trained" network that needs no weights."""

    class Brightest(nn.Module):
        def forward(self, images):
            assert images.min() >= 0
            assert images.max() < 1.001
            level = images.mean((1, 2, 3), keepdim=False)[:, None]
            return -((torch.arange(classes) / classes - level) ** 2)

    return Brightest()


def test_a_network_that_is_trained_already(tmp_path):
    name = f"{__name__}:brightest"
    (plan,) = of_study(SWEEP, (90,), pretrained=[name], draws=2)
    answers = preserve(plan, Store(tmp_path), workers=1)
    assert answers.guess.shape == (4, 600)
    assert not list((tmp_path / "weights").glob("*"))
    assert np.array_equal(answers.guess[0], answers.guess[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sweep": Sweep(BASE, "mixup", (0, 0.5), (0,))}, "makes one image of two"),
        ({"sweep": Sweep(BASE, "weight_decay", (0, 0.5), (0,))}, "does not change images"),
        ({"sweep": Sweep(BASE, "epochs", (1, 2), (0,), baseline_dose=1)}, "does not change images"),
        ({"doses": (0,)}, "expected a dose beside 0"),
        ({"doses": (999,)}, "rotation=999"),
        ({"draws": 0}, "draws=0"),
        ({"network": "mpl"}, "network='mpl'"),
        ({"pretrained": "a:b", "models": 2}, "which is one, and trained already"),
    ],
)
def test_what_cannot_be_asked(change, message, tmp_path):
    with pytest.raises(BarnspiderError, match=message):
        preserve(Preserving(**({"sweep": SWEEP, "doses": (60,)} | change)), Store(tmp_path), workers=1)


def nothing(shape, classes):
    return 3


def too_few(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


@pytest.mark.parametrize(("name", "message"), [("nothing", "returned int"), ("too_few", "expected finite logits")])
def test_networks_that_cannot_be_used(name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        preserve(Preserving(SWEEP, (60,), pretrained=f"{__name__}:{name}"), Store(tmp_path))


def test_a_page_needs_nothing_of_references_that_were_stopped_before_they_answered(store, kept, tmp_path):
    other = Store(tmp_path)
    run(SWEEP.with_seeds((0,)), other, workers=1)
    plan = Preserving(SWEEP, (60,))
    other.plan(plan.identity, plan.runs(), plan.as_dict())
    assert read_preservation(tmp_path) is None
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    found = read_preservation(store.root)
    assert (found.networks, found.doses.tolist()) == (("mlp",), [60, 180])


def test_label_sets_say_what_references_have_right_too(store, kept, tmp_path):
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    any_ = {sample: list(range(len(kept.classes))) for sample in kept.sample.tolist()}
    sets = tmp_path / "sets.json"
    sets.write_text(json.dumps(any_))
    found = read_preservation(store.root, label_sets=sets)
    assert np.isinf(found.last).all()
    assert not np.isinf(read_preservation(store.root).last).all()
    assert found.effects[0].method.labels == "sets"
