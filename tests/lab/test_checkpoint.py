import dataclasses
import json

import numpy as np
import pytest
import torch

from barnspider.errors import StoreError
from barnspider.lab.averaging import Average
from barnspider.lab.checkpoint import Checkpoint, Course
from barnspider.lab.data import load
from barnspider.lab.recipe import Recipe
from barnspider.lab.train import train

RECIPE = Recipe("digits", network="resnet", width=4, epochs=3, batch=64, train_images=200, rotation=20, dropout=0.2)


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / "run"


class Mortal(Checkpoint):
    """Saves before every step, and dies after so many savings, before another step is taken."""

    def __init__(self, path, fingerprint, lives):
        super().__init__(path, fingerprint, every=0)
        self.lives = lives

    def save(self, course, environment, seconds):
        super().save(course, environment, seconds)
        self.lives -= 1
        if not self.lives:
            raise KilledError


def killed_after(savings, path, recipe, data, seed=3):
    with pytest.raises(KilledError):
        train(recipe, seed, data, checkpoint=Mortal(path, data.fingerprint, savings))


def same(a, b):
    assert a.validation_accuracy == b.validation_accuracy
    assert a.class_weights == b.class_weights
    assert a.answers.keys() == b.answers.keys()
    for name, answers in a.answers.items():
        assert np.array_equal(answers.guess, b.answers[name].guess)
        assert np.array_equal(answers.p_label, b.answers[name].p_label)
    return True


@pytest.mark.parametrize("savings", [1, 4, 7])  # 4 steps an epoch, 12 in all: in an epoch, and between two
@pytest.mark.parametrize(
    "changes",
    [
        {}, {"network": "mlp"}, {"momentum": 0.0}, {"schedule": "cosine"},
        {"class_weights": "clam", "fade": 1.0, "crop": 0.5}, {"class_weights": "group-dro", "mixup": 0.4},
    ],
)  # fmt: skip
def test_a_killed_run_goes_on_bit_for_bit(digits, path, savings, changes):
    recipe = dataclasses.replace(RECIPE, **changes)
    killed_after(savings, path, recipe, digits)
    steps = []
    resumed = train(recipe, 3, digits, checkpoint=Counting(path, digits.fingerprint, steps))
    assert len(steps) == 12 - savings, "it did not begin at its beginning"
    assert same(resumed, train(recipe, 3, digits))


class Counting(Checkpoint):
    """Saves never, and counts the steps."""

    def __init__(self, path, fingerprint, steps):
        super().__init__(path, fingerprint)
        self.steps = steps

    def due(self):
        self.steps.append(1)
        return False


def test_killed_three_times_it_still_gives_the_same_bits(digits, path):
    for savings in (2, 3, 4):
        killed_after(savings, path, RECIPE, digits)
    assert same(train(RECIPE, 3, digits, checkpoint=Checkpoint(path, digits.fingerprint)), train(RECIPE, 3, digits))


def test_what_torch_draws_goes_on_too(digits, path, tmp_path, monkeypatch):
    (tmp_path / "drawing_net.py").write_text(
        "import torch\n\n\ndef build(shape, n_classes, width):\n    return torch.nn.Sequential(\n"
        "        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, n_classes)\n    )\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    recipe = Recipe("digits", network="drawing_net:build", epochs=2, batch=64, train_images=200)
    killed_after(2, path, recipe, digits)
    assert same(train(recipe, 3, digits, checkpoint=Checkpoint(path, digits.fingerprint)), train(recipe, 3, digits))


def test_a_short_run_writes_nothing(digits, path):
    train(RECIPE, 0, digits, checkpoint=Checkpoint(path, digits.fingerprint))
    assert not path.parent.exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_is_said_and_not_used(digits, path, damage, capsys):
    killed_after(5, path, RECIPE, digits)
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:-10], "flip": flipped, "empty": b""}[damage])
    assert same(train(RECIPE, 3, digits, checkpoint=Checkpoint(path, digits.fingerprint)), train(RECIPE, 3, digits))
    assert "is damaged; its run starts again" in capsys.readouterr().err


def test_a_checkpoint_of_other_data_is_said_and_not_used(digits, path, capsys):
    killed_after(5, path, RECIPE, digits)
    assert same(train(RECIPE, 3, digits, checkpoint=Checkpoint(path, "other")), train(RECIPE, 3, digits))
    assert "is of other data or of another environment" in capsys.readouterr().err


def test_seconds_add_up(path):
    checkpoint, course = Checkpoint(path, "0"), course_of()
    checkpoint.save(course_of(), {}, seconds=100.0)
    checkpoint.restore(course, {})
    assert course.seconds == 100.0


def course_of():
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return Course(net, optimizer, Average.of(net, 10), torch.zeros(()))


def test_a_disk_that_cannot_be_written_is_an_error(digits, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="cannot write"):
        Checkpoint(tmp_path / "file" / "run", "0").save(course_of(), {}, 0.0)


def test_no_pickle_is_in_it(digits, path):
    killed_after(5, path, RECIPE, digits)
    header = path.read_bytes()[64:]
    length = int.from_bytes(header[:8], "little")
    assert "net.head.weight" in json.loads(header[8 : 8 + length])
