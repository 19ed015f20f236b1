"""What a study will cost: measured where nothing is known, counted where nothing is decoded, and said plainly."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import InputError, TrainingError
from barnspider.lab import cost, probe
from barnspider.lab.command import Command, CommandSweep
from barnspider.lab.cost import price
from barnspider.lab.data.survey import survey
from barnspider.lab.probe import Measured
from barnspider.lab.recipe import Recipe
from barnspider.lab.sweep import Sweep
from barnspider.store import Store

pytestmark = pytest.mark.usefixtures("nowhere")

TRIAL = Measured(0.002, 0.001, 5.0, batch=64, memory=3 * 10**9, room=10**10, weights=10**6, device="cuda (a GPU)")


@pytest.fixture
def photos(tmp_path):
    for part, count in (("train", 60), ("val", 10)):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (24, 16), (i, 0, 9)).save(folder / f"{i}.png")
    return f"{tmp_path / 'photos'}?size=16"


@pytest.fixture
def told(photos, tmp_path, monkeypatch):
    """The cost of a study on photographs, by a trial whose numbers are known; what the trial was asked."""
    asked = []

    def measured(recipe, data, device):
        asked.append((recipe, len(data.sample.train), device))
        return TRIAL

    monkeypatch.setattr(cost, "measured", measured)

    def price_of(keep="", **given):
        sweep = Sweep(Recipe(photos, epochs=3, batch=256), "crop", (0, 0.5), range(3), keep=keep)
        return price(sweep, Store(tmp_path / "runs"), **given)

    price_of.asked = asked
    return price_of


def test_seconds_are_those_of_all_images_trained_on_and_answered(told):
    found = told()
    assert (found.data.train, found.data.validation, found.data.test) == (108, 12, 20)
    assert found.seconds_each == pytest.approx(5 + 3 * 108 * 0.002 + (4 * 12 + 2 * 20) * 0.001)
    assert told.asked[0][1:] == (108, "cpu")
    assert told.asked[0][0].crop == 0.5


def test_hours_workers_and_price(told):
    found = told(workers=4, device="cuda", hourly=2.5)
    assert found.seconds == pytest.approx(2 * found.seconds_each), "six runs, four at a time"
    assert found.money == pytest.approx(6 * found.seconds_each / 3600 * 2.5)
    said = str(found)
    assert "on one GPU (measured by two short trainings)" in said
    assert "with 4 workers of one GPU each" in said
    assert "2 ms for an image trained on, 1 ms for one answered, in batches of 64, not 256; cuda (a GPU)" in said
    assert "about 3 GB for each worker, extrapolated from batches of 64; there are 10 GB" in said
    assert "GPU-hours at 2.5" in said
    assert "warning" not in said


def test_what_is_not_decoded_is_counted(told):
    said = str(told())
    assert "108 to train on, 12 to validate, 20 to test" in said
    assert "to 108 kB on the disk: 16x16 in colour" in said
    assert "measured on 140)" in said


def test_too_little_room_is_said(told, monkeypatch):
    monkeypatch.setattr(cost, "room", lambda: 1000)
    said = str(told(workers=4))
    assert "warning    that is more memory than there is" in said
    assert "warning    the cache's disk has 1 kB left" in said


def test_a_gpu_that_cannot_hold_the_images_needs_a_fast_disk(told):
    found = told(device="cuda")
    assert "reading" not in str(found)
    large = dataclasses.replace(found, data=dataclasses.replace(found.data, train=10**8))
    assert "reading    384 kB a second for each worker, which the disk must give" in str(large)


def test_weights_that_are_kept_take_their_disk(told):
    assert told(keep="weights").bytes_each == told().bytes_each + 10**6


@pytest.mark.parametrize("hourly", [-1, float("nan"), float("inf")])
def test_a_price_is_a_number(told, hourly):
    with pytest.raises(InputError, match="expected what an hour costs"):
        told(hourly=hourly)


def test_a_command_has_no_price(tmp_path):
    sweep = CommandSweep(Command("true {dose} {out}", folder=tmp_path), "noise", (0.0, 1.0), (0,))
    for given in ({"hourly": 1.0}, {"device": "cuda"}):
        with pytest.raises(InputError, match="what a command uses, only that knows"):
            price(sweep, Store(tmp_path), **given)


def test_a_small_network_is_measured_at_its_own_batch_and_costs_what_its_images_cost(monkeypatch):
    monkeypatch.setattr(probe, "IMAGES", 512)
    found = survey("digits")
    small = probe.measure(Recipe("digits", network="mlp", width=8, batch=64), found.sample, "cpu")
    assert small.batch == 64
    assert 0 < small.answered < small.trained < 0.01
    assert 10**7 < small.memory < small.room
    assert small.weights > 682 * 4
    few, many = (small.run(Recipe("digits", epochs=n), found) for n in (1, 11))
    assert many - few == pytest.approx(10 * (897 * small.trained + 300 * small.answered))


def test_a_large_network_is_measured_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(probe, "LONG", 0.0)
    found = survey("digits")
    assert probe.measure(Recipe("digits", width=8, batch=64), found.sample, "cpu").batch == 4


def test_memory_grows_with_a_batch_from_where_it_was_measured():
    shorts = [probe._Short(n, n, 1.0, 10**9 + n * 10**6) for n in (4, 8, 16)]
    assert probe._extrapolated(256, shorts, most=7) == 10**9 + 256 * 10**6
    assert probe._extrapolated(16, shorts, most=7) == 7
    assert probe._extrapolated(256, shorts[:1], most=7) == 7


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(TrainingError, match="device='cuda:99'; torch"):
        probe.measure(Recipe("digits"), survey("digits").sample, "cuda:99")


def test_images_are_repeated_without_a_copy():
    split = survey("digits").sample.test
    again = probe._repeated(split, 601)
    assert np.array_equal(again.images[600], split.images[0])
