"""A study is used on another data set from the command line, and read there as any other study is."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from barnspider import InputError
from barnspider.cli import app
from barnspider.lab import Store, read_study
from barnspider.lab.transfer.worker import work as transfer
from barnspider.lab.worker import work

STUDY = """
name = "small"
{keep}
[recipe]
dataset = "digits"
network = "mlp"
width = 12
epochs = 2
train_images = 200
[sweep]
vary = "rotation"
doses = [0, 60]
seeds = 2
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(STUDY.format(keep='keep = "weights"'))
    return path


@pytest.fixture
def half(tmp_path):
    """The digits from 5 up, twice as large and in colour; of a class 'ghost' there is no image."""
    digits = load_digits()
    keep = digits.target >= 5
    images = np.kron(digits.images[keep] * 15.9, np.ones((2, 2))).astype(np.uint8)[..., None].repeat(3, axis=3)
    labels, names = digits.target[keep] - 5, np.array(["five", "six", "seven", "eight", "<b>nine</b>", "ghost"])
    path = tmp_path / "half.npz"
    np.savez(
        path, x_train=images[:200], y_train=labels[:200], x_test=images[500:], y_test=labels[500:], class_names=names
    )
    return path


@pytest.fixture
def inside(tmp_path, monkeypatch, capsys):
    """Run `barnspider ARGS` in this process, which spares each the start of torch; returns stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*args):
        capsys.readouterr()
        app([str(arg) for arg in args], standalone_mode=False)
        return capsys.readouterr()

    return run


def trained(study, store):
    """Train a study in this process, as a worker does."""
    sweep = read_study(study)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    work(store, sweep.identity)


def work_here(store, study, missing, data, *_):
    """Transfer what is missing in this process, as one worker does; what real workers do, the next story shows."""
    transfer(store, study, data)
    return len(missing) - len(store.missing(missing))


def test_a_study_is_used_on_other_data_and_read_as_any_other(inside, study, half, tmp_path, monkeypatch):
    monkeypatch.setattr("barnspider.lab.transfer.run._set_to_work", work_here)
    trained(study, Store(tmp_path / "runs"))
    done = inside("transfer", study, "--to", half.name, "--workers", "1")
    assert "4 of 4 networks transferred now" in done.err
    assert "Change of accuracy from 'rotation=0' (2 runs) on half.npz/test: 6 classes, 396 images" in done.out
    assert (
        "What each dose is worth on digits/test, and downstream on half.npz/test (396 test images, 5 classes)"
        in done.out
    )
    assert "over 2 doses: cannot tell" in done.out
    assert "On the source. Best on average: rotation=" in done.out
    assert "(best on average on digits/validation), in points; chosen on half.npz/validation" in done.out
    again = inside("transfer", "runs", "--to", half.name, "--json", "--workers", "1")
    assert "0 of 4 networks transferred now" in again.err
    found = json.loads(again.out)
    assert (found["schema"], found["lacking"]) == ("barnspider/transfer/1", [])
    assert found["effects"]["on"] == "half.npz/test"
    assert [len(found["transfer"][name]) for name in ("source", "downstream", "worst")] == [2, 2, 2]
    assert found["transfer"]["downstream"][0]["value"] > 0.6  # a probe on frozen features tells five digits apart
    name = found["study"]
    assert "half.npz/test: 6 classes" in inside("audit", "runs", "--study", "small-to-half").out
    said = inside("report", "runs", "--study", name, "-o", "there.html").err
    assert "no example images: the study was made of 'small-" in said
    page = (tmp_path / "there.html").read_text()
    assert name in page
    assert "<b>nine</b>" not in page


NETS = """
import torch
from torch import nn

def net(seed, shape, hidden):
    torch.manual_seed(seed)
    pixels = shape[0] * shape[1] * shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 1000))

def wide(shape, classes):
    print("downloading ...")
    return net(0, shape, 24)

def narrow(shape, classes):
    return net(1, shape, 2)
"""


def test_networks_of_ones_own_are_arms(inside, half, tmp_path):
    (tmp_path / "elsewhere_nets.py").write_text(NETS)
    wide, narrow = (["--pretrained", f"{name}=elsewhere_nets:{name}"] for name in ("wide", "narrow"))
    asked = ["--to", half.name, "--workers", "1"]
    done = inside("transfer", *wide, *narrow, *asked, "--json")
    assert "2 of 2 networks transferred now" in done.err
    found, average = json.loads(done.out), json.loads(done.out)["worth"]["average"]
    assert (found["of"], found["transfer"]) == (None, None)
    assert (found["effects"]["baseline"], found["effects"]["generalizes_to"]) == ("wide", "images")
    assert found["effects"]["arms"][0]["overall"]["high"] < 0
    assert average[0]["value"] > 0.8 > average[1]["value"]
    text = inside("transfer", *narrow, *wide, *asked, "--baseline", "wide", "--top", "2")
    assert "0 of 2 networks transferred now" in text.err
    assert "Change of accuracy from 'wide' (1 run) on half.npz/test" in text.out
    assert "What each network is worth on half.npz/test (396 test images, 5 classes), in per cent;" in text.out
    assert "narrow" in inside("inequality", "runs", "--study", found["study"]).out


def test_mistakes(inside, study, half, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "barnspider.json").write_text('{"format": 1}')
    other = tmp_path / "command.toml"
    other.write_text('command = "train {dose} {seed} {out}"\n[sweep]\nvary = "x"\ndoses = [0]\nseeds = 1\n')
    for args, message in [
        ([study], "holds no run of"),
        (["runs", "--epochs", "3"], "expected --tune with it"),
        ([other], "whose weights no store keeps"),
        ([], "nothing says whose networks; expected a study file or a store, or --pretrained"),
        (["runs", "--pretrained", "a=b:c"], "stands in the place of a study; leave out 'runs', or --pretrained"),
        (["--pretrained", "a=b:c", "--tune"], "leave out --tune"),
        (["--pretrained", "a=b:c", "--study", "x"], "leave out --study"),
    ]:
        with pytest.raises(InputError, match=message):
            inside("transfer", *args, "--to", half.name)
