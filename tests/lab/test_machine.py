import dataclasses

import numpy as np
import pytest
import torch

from barnspider.errors import InputError, TrainingError
from barnspider.lab import machine
from barnspider.lab.data import load
from barnspider.lab.recipe import Recipe
from barnspider.lab.schedule import rate
from barnspider.lab.sweep import Run
from barnspider.lab.train import train

SMALL = Recipe("digits", network="resnet", width=4, epochs=2, batch=64, train_images=200)
HAS_BF16 = machine.has_bf16("cpu")


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def key(recipe):
    return Run(recipe, 0, "arm", 0.0).key


@pytest.mark.parametrize(
    "change", [{"schedule": "cosine"}, {"warm_up": 0.1}, {"precision": "bfloat16"}, {"deterministic": False}]
)
def test_every_choice_is_part_of_the_key_and_none_is_when_it_says_nothing(change):
    (name,) = change
    assert key(dataclasses.replace(SMALL, **change)) != key(SMALL)
    assert name not in SMALL.as_dict()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schedule": "cosin"}, "schedule='cosin' is unknown; expected one of: one-cycle, cosine. Did you mean"),
        ({"precision": 16}, "precision=16 is unknown; expected one of: float32, bfloat16"),
        ({"warm_up": 1.0}, "warm_up=1.0; expected a number from 0, below 1"),
        ({"deterministic": 1}, "deterministic=1; expected true or false"),
    ],
)
def test_wrong_choices_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        dataclasses.replace(SMALL, **change)


def test_precision_without_instructions_is_refused(digits, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.raises(TrainingError, match=r"cpu has no instructions for it.*expected precision='float32' here"):
        train(dataclasses.replace(SMALL, precision="bfloat16"), 0, digits)


@pytest.mark.skipif(not HAS_BF16, reason="this processor has no instructions for bfloat16")
def test_narrow_arithmetic_learns_as_well_and_repeats(digits):
    recipe = Recipe("digits", network="resnet", width=8, epochs=6, batch=64)
    wide, narrow, again = (train(dataclasses.replace(recipe, precision=p), 0, digits) for p in PRECISIONS)
    assert np.array_equal(narrow.test.p_label, again.test.p_label)
    assert not np.array_equal(narrow.test.p_label, wide.test.p_label)
    right = [(t.test.guess == digits.test.labels).mean() for t in (wide, narrow)]
    assert min(right) > 0.9


PRECISIONS = ("float32", "bfloat16", "bfloat16")


def test_a_fast_run_says_that_it_is_not_reproducible(digits):
    trained = train(dataclasses.replace(SMALL, deterministic=False), 0, digits)
    assert trained.environment["deterministic"].startswith("no")
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
@pytest.mark.parametrize("warm_up", [0, 0.2, 0.9])
def test_the_rate_rises_to_its_peak_and_falls_to_zero(schedule, warm_up):
    recipe = dataclasses.replace(SMALL, schedule=schedule, warm_up=warm_up, lr=0.4)
    rates = np.array([rate(recipe, done) for done in np.linspace(0, 1, 1001)])
    top = rates.argmax()
    assert rates[top] == pytest.approx(0.4)
    assert top == pytest.approx(1000 * warm_up, abs=1)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(0)


def test_schedules_train_differently(digits):
    plain, cosine = (train(dataclasses.replace(SMALL, schedule=s), 0, digits) for s in ("one-cycle", "cosine"))
    assert not np.array_equal(plain.test.p_label, cosine.test.p_label)


def test_workers_are_spread_over_the_gpus_that_torch_sees(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [machine.placed("cuda", i) for i in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert machine.placed("cuda:1", 0) == "cuda:1"
    with pytest.raises(TrainingError, match=r"device='cuda:2'; torch .* sees cpu, cuda, cuda:0, cuda:1 here"):
        machine.placed("cuda:2", 0)
