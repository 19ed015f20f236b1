"""Networks that were trained elsewhere: what is asked of them, and that they are what they were."""

import contextlib
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from barnspider import InputError
from barnspider.cli import app
from barnspider.lab import Store
from barnspider.lab.data import load
from barnspider.lab.transfer import Borrowing, borrow, borrowed
from barnspider.lab.transfer import run as room
from barnspider.lab.transfer import worker as worker_room
from barnspider.lab.transfer.logistic import follow
from barnspider.lab.transfer.worker import work

DIGITS = load("digits")


def net(seed, pixels=64):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 20), nn.ReLU(), nn.Linear(20, 1000))


def plain(shape, classes):
    assert (shape, classes) == ((1, 8, 8), 10)
    print("loading ...")
    return net(0)


def other(_shape, _classes):
    return net(1)


def third(_shape, _classes):
    """The weights of another, used in another way."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), net(1))


def loose(_shape, _classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 1000))


def picky(_shape, _classes):
    return net(0, pixels=5)


def clipped(_shape, _classes):
    return nn.Sequential(net(0), nn.ReLU())


def spread(_shape, _classes):
    return nn.Sequential(nn.Conv2d(1, 3, 3))


def nothing(_shape, _classes):
    return None


@pytest.fixture
def here(monkeypatch):
    """Work in this process, as one worker does."""

    def set_to_work(store, study, missing, data, _workers, device):
        with contextlib.redirect_stdout(sys.stderr):  # what a worker says is for who started it
            work(store, study, data, device)
        return len(missing) - len(store.missing(missing))

    monkeypatch.setattr(room, "_set_to_work", set_to_work)
    monkeypatch.setattr(worker_room, "follow", partial(follow, strengths=(0.1, 0.03, 0.01)))


def ask(store, *told):
    return borrow(store, "digits", borrowed([text.replace("@", f"{__name__}:") for text in told]))


def test_networks_are_arms_those_of_one_name_are_runs_and_others_join_later(tmp_path, here, capsys):
    store = Store(tmp_path)
    first = ask(store, "crop=0=@plain", "crop=0=@other")
    assert capsys.readouterr().out == ""
    answers = first.answers()
    assert (answers.arm, answers.seed, answers.dose) == (("crop=0",) * 2, (0, 1), (0.0, 0.0))
    assert not answers.paired
    assert answers.correct().mean() > 0.8
    assert not np.array_equal(*answers.guess)
    told = store.document(first.plan.cells()[0].key)
    assert (told["features"], told["network"]) == (20, f"{__name__}:plain")
    more = ask(store, "crop=0.5=@third")
    assert (first.done, more.done, ask(store, "crop=0.5=@third").done) == (2, 1, 0)
    assert (more.answers().arm, more.plan.identity) == (("crop=0.5", "crop=0", "crop=0"), first.plan.identity)
    renamed = ask(store, "crop=0.9=@third")
    assert (renamed.done, renamed.answers().arms) == (0, ("crop=0.9", "crop=0"))
    assert Borrowing.planned(store, more.plan.name) == renamed.plan


def test_a_network_that_is_not_what_it_was_is_refused(tmp_path, here):
    with pytest.raises(InputError, match="returned other weights than when it was planned"):
        ask(Store(tmp_path), "loose=@loose")
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("a=@nothing",), "returned NoneType; expected a torch.nn.Module"),
        (("a=@picky",), r"does not take images \(2, 1, 8, 8\)"),
        (("a=@spread",), r"answers two images with \(2, 3, 6, 6\); expected finite logits \(2, its own classes\)"),
        (("a=@clipped",), "does not end in a linear layer"),
        (("a=@lost",), "has no function 'lost'"),
        (("a=no_such_module:f",), "cannot be imported"),
        (("@plain",), "NAME being what its arm is called"),
        (("=@plain",), "expected NAME=my.module:function"),
        (("a=plain",), "expected NAME=my.module:function"),
        (("a=@plain", "b=@plain"), "holds the same value twice"),
        (("crop=0=@plain", "flip=1=@other"), "doses of crop, flip; expected those of one knob"),
    ],
)
def test_what_cannot_be_asked(told, message, tmp_path):
    with pytest.raises(InputError, match=message):
        ask(Store(tmp_path), *told)
    assert not list(tmp_path.iterdir())


def test_a_name_is_a_dose_only_where_it_ends_in_a_number():
    doses = [network.dose for network in borrowed(["a=m:f", "a=b=m:g", "=1=m:h", "a=nan=m:i", "a=2=m:j"])]
    assert doses == [None, None, None, None, 2.0]
    plan = Borrowing(borrowed(["b=1=m:f", "a=m:g", "b=0=m:h"]), ("x", "y", "z"), "digits", DIGITS.fingerprint)
    assert plan.as_dict()["baseline"] == "b=0"
    assert plan.as_dict()["vary"] == "b"


def test_one_network_is_compared_with_nothing(tmp_path, here, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    app(["transfer", "--pretrained", f"alone={__name__}:third", "--to", "digits"], standalone_mode=False)
    said = capsys.readouterr()
    assert said.out.startswith("What each network is worth on digits/test (600 test images, 10 classes), in per cent;")
    assert "Next: barnspider inequality runs --study pretrained-to-digits-" in said.err
    assert "give another network of the same data to compare it with" in said.err
