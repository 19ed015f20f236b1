"""Networks that are not ours: a user's own by import path."""

import dataclasses
import sys

import numpy as np
import pytest
import torch

from barnspider.errors import InputError, TrainingError
from barnspider.lab import Recipe, Sweep
from barnspider.lab.data import load
from barnspider.lab.nets import build
from barnspider.lab.train import train

SOURCE = """
import torch
from torch import nn

def factory(shape, n_classes, width):
    pixels = shape[0] * shape[1] * shape[2]
    hidden = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Dropout(0.5))
    return hidden.append(nn.Linear(width, n_classes))

def wrong_size(shape, n_classes, width):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))

def picky(shape, n_classes, width):
    return nn.Linear(5, n_classes)

def nothing(shape, n_classes, width):
    return None

class Fickle(nn.Module):
    def __init__(self, pixels, n_classes):
        super().__init__()
        self.head = nn.Linear(pixels, n_classes)

    def forward(self, images):
        flat = images.flatten(1).clone()
        flat.put_(torch.zeros(2, dtype=torch.long), torch.zeros(2))  # the same place twice: who is last?
        return self.head(flat)

def fickle(shape, n_classes, width):
    return Fickle(shape[0] * shape[1] * shape[2], n_classes)

number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a user's module, as the current one."""
    (tmp_path / "own_nets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "own_nets.py"
    sys.modules.pop("own_nets", None)


RECIPE = Recipe("digits", network="own_nets:factory", width=8, epochs=2, train_images=100)


def key(recipe=RECIPE):
    return Sweep(recipe, vary="crop", doses=(0,), seeds=(0,)).runs()[0].key


def test_a_users_network_is_trained_and_repeats_whatever_it_draws(own):
    data = load("digits")
    first = train(RECIPE, 0, data)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = train(RECIPE, 0, data)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(first.test.p_label, again.test.p_label)
    assert not np.array_equal(first.test.p_label, train(RECIPE, 1, data).test.p_label)


def test_initial_weights_depend_on_the_seed_alone(own):
    one, two, other = (
        build(r, (1, 8, 8), 10, s) for r, s in ((RECIPE, 3), (RECIPE.with_("crop", 0.3), 3), (RECIPE, 4))
    )
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_key_depends_on_path_and_source(own):
    before = key()
    assert before == key() != key(dataclasses.replace(RECIPE, network="own_nets:picky"))
    own.write_text(SOURCE + "# another word")
    assert key() != before


def test_the_key_needs_neither_the_modules_imports_nor_the_path(own, monkeypatch):
    own.write_text("import nothing_like_it")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(own.parent)])
    assert key()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("own_nets:wrong_size", r"answers two images with \(2, 3\); expected logits, \(2, 10\)"),
        ("own_nets:picky", r"does not take images of \(1, 8, 8\)"),
        ("own_nets:nothing", "returned NoneType; expected a torch.nn.Module"),
        ("own_nets:number", "'own_nets' has no function 'number'"),
        ("own_nets:missing", "'own_nets' has no function 'missing'"),
        ("not_there:f", "cannot be imported: No module named 'not_there'"),
        ("keras/resnet", "network's library='keras' is unknown"),
    ],
)
def test_what_is_wrong_with_it_is_said(own, network, message):
    with pytest.raises(InputError, match=message):
        build(Recipe("digits", network=network), (1, 8, 8), 10, seed=0)


@pytest.mark.parametrize("network", ["not_there:f", "barnspider.nowhere:f", "own_nets.inside:f"])
def test_a_module_that_is_not_there_has_no_key(own, network):
    with pytest.raises(InputError, match=r"there is no module .*; expected 'my\.module:factory'"):
        key(Recipe("digits", network=network))


def test_a_network_that_cannot_repeat_says_so(own):
    recipe = Recipe("digits", network="own_nets:fickle", epochs=1, batch=64)
    with pytest.raises(
        TrainingError, match=r"bits differ from run to run on cpu \(put_\); expected deterministic = fa"
    ):
        train(recipe, 0, load("digits"))
    assert not train(dataclasses.replace(recipe, deterministic=False), 0, load("digits")).diverged
