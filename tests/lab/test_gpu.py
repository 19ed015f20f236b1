"""What only a GPU can show: the same seed computes there what it computes on the CPU, the same bits every time."""

import dataclasses

import numpy as np
import pytest
import torch

from barnspider.lab import augment
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.machine import prepared
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import KNOBS, Recipe
from barnspider.lab.run import run
from barnspider.lab.sweep import Sweep
from barnspider.lab.train import train
from barnspider.store import Store

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")

RESNET = Recipe("digits", network="resnet", width=8, epochs=3, batch=64, lr=0.1, crop=0.4)
CHANGES = [
    {}, {"network": "mlp"}, {"network": "resnet8", "width": 4}, {"network": "wide-resnet", "width": 4},
    {"stem": "whitening"}, {"dropout": 0.3, "stochastic_depth": 0.3}, {"class_weights": "clam"},
    {"class_weights": "group-dro"}, {"cutmix": 1.0, "label_smoothing": 0.1, "class_weights": "group-dro"},
    {"fade": 1.0, "flip": 0.5, "cutout": 0.3}, {"precision": "bfloat16"}, {"randaugment": 0.5}, {"momentum": 0.0},
    {"crop": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)},
]  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def told(change):
    return ", ".join(f"{name}={value}"[:24] for name, value in change.items()) or "plain"


@pytest.mark.parametrize("knob", [s.knob for s in (*augment.STEPS, *augment.MIXING)])
def test_an_augmentation_does_the_same_on_a_gpu(knob):
    n, shape = 64, (64, 3, 32, 32)
    recipe = Recipe("photos").with_(knob, KNOBS[knob].strongest / 2)
    levels = torch.from_numpy(uniforms(0, "levels", 0, int(np.prod(shape)), 1)).view(shape).mul(255).round()
    labels, draws = torch.arange(n) % 10, {knob: torch.from_numpy(uniforms(0, knob, 0, n, augment.DRAWS[knob]))}

    def shown(device):
        own = {name: numbers.to(device) for name, numbers in draws.items()}
        seen = augment.shown(levels.to(device), labels.to(device), recipe, own, 10, lambda images: images / 64 - 2)
        return [tensor.cpu() for tensor in augment.mixed(seen, labels.to(device), recipe, own, 10)]

    with prepared(recipe, "cuda:0"):
        there = shown("cuda:0")
    apart = (there[0] - shown("cpu")[0]).abs()
    assert (apart > 1e-3).float().mean() < 1e-4  # a threshold may be met from the other side
    assert torch.allclose(there[1].float(), shown("cpu")[1].float(), atol=1e-6)


@pytest.mark.parametrize("change", CHANGES, ids=told)
def test_a_run_repeats_and_is_the_one_of_the_cpu(change, digits):
    recipe = dataclasses.replace(RESNET, **change)
    first, second = (train(recipe, 0, digits, device="cuda:0") for _ in range(2))
    assert np.array_equal(first.test.p_label, second.test.p_label)
    if recipe.precision == "bfloat16":
        return
    here, other = (train(recipe, seed, digits) for seed in (0, 1))
    apart, by_chance = (np.abs(first.test.p_label - x.test.p_label).mean() for x in (here, other))
    assert apart < by_chance / 2


@pytest.mark.parametrize("change", CHANGES, ids=told)
def test_playing_back_gives_the_bits_of_the_plain_steps(change, digits, monkeypatch):
    recipe = dataclasses.replace(RESNET, **change)
    played = train(recipe, 0, digits, device="cuda:0")
    monkeypatch.setattr("barnspider.lab.train.Playback", lambda step: step)
    plain = train(recipe, 0, digits, device="cuda:0")
    assert np.array_equal(played.test.p_label, plain.test.p_label)
    assert np.array_equal(played.answers["test-averaged"].p_label, plain.answers["test-averaged"].p_label)


def test_the_first_steps_are_those_of_the_cpu_nearly_to_the_digit(digits, monkeypatch):
    monkeypatch.setattr("barnspider.lab.machine.TENSOR_FLOAT", False)
    recipe = dataclasses.replace(RESNET, epochs=1, train_images=128, lr=0.01)
    there, here = (train(recipe, 0, digits, device=device) for device in ("cuda:0", "cpu"))
    assert np.abs(there.test.p_label - here.test.p_label).max() < 1e-4


def test_a_killed_run_goes_on_with_the_same_bits(digits, tmp_path):
    class KilledError(Exception):
        pass

    def kill(done, _of):
        if done == 2:
            raise KilledError

    undisturbed = train(RESNET, 0, digits, device="cuda:0")
    checkpoint = Checkpoint(tmp_path / "state", digits.fingerprint, every=0.0)
    with pytest.raises(KilledError):
        train(RESNET, 0, digits, device="cuda:0", checkpoint=checkpoint, progress=kill)
    resumed = train(RESNET, 0, digits, device="cuda:0", checkpoint=checkpoint)
    assert np.array_equal(resumed.test.p_label, undisturbed.test.p_label)


def test_images_that_are_not_resident_are_trained_on_alike(digits, monkeypatch):
    resident = train(RESNET, 0, digits, device="cuda:0")
    monkeypatch.setattr("barnspider.lab.material.RESIDENT", 0.0)
    assert np.array_equal(train(RESNET, 0, digits, device="cuda:0").test.p_label, resident.test.p_label)


def test_several_workers_share_a_gpu(tmp_path):
    sweep = Sweep(dataclasses.replace(RESNET, crop=0.0), vary="crop", doses=(0.0, 0.5), seeds=range(2))
    several, one = Store(tmp_path / "several"), Store(tmp_path / "one")
    preds, alone = run(sweep, several, workers=2, device="cuda"), run(sweep, one, workers=1, device="cuda")
    assert np.array_equal(preds.guess, alone.guess)
    assert {"cuda:0" in d["environment"]["device"] for d in several.sealed(sweep.runs())} == {True}


def photos():
    levels = (uniforms(0, "photos", 0, 80 * 64 * 64 * 3, 1) * 255).astype(np.uint8).reshape(80, 64, 64, 3)
    names = np.array([f"photo {i}" for i in range(80)])
    rows = (slice(0, 40), slice(40, 60), slice(60, 80))
    parts = [Split(levels[part], np.arange(80)[part] % 2, names[part]) for part in rows]
    return Dataset("photos", ("a", "b"), "none", *parts)


def test_another_library_s_network_repeats():
    pytest.importorskip("torchvision")
    recipe = Recipe("photos", network="torchvision/resnet18", epochs=2, batch=20, lr=0.01)
    first, second = (train(recipe, 0, photos(), device="cuda:0") for _ in range(2))
    assert np.array_equal(first.test.p_label, second.test.p_label)
    fast = dataclasses.replace(recipe, deterministic=False, precision="bfloat16")
    assert not train(fast, 0, photos(), device="cuda:0").diverged
