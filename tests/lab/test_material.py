import dataclasses
import threading

import numpy as np
import pytest
import torch

from barnspider.lab import material
from barnspider.lab.ahead import ahead
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.evaluation import logits
from barnspider.lab.material import Material, channel_moments
from barnspider.lab.recipe import Recipe
from barnspider.lab.strength import strength
from barnspider.lab.train import train

RECIPE = Recipe("digits", network="resnet", width=4, epochs=2, batch=32, crop=0.5, cutmix=0.5)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def mapped(digits, tmp_path):
    """The same images as rows of one memory map, the parts interleaved."""
    parts = {name: getattr(digits, name) for name in ("train", "validation", "test")}
    images = np.concatenate([part.images for part in parts.values()])
    ids = np.concatenate([part.sample for part in parts.values()])
    place = np.random.default_rng(0).permutation(len(images))
    pixels = np.memmap(tmp_path / "images", np.uint8, "w+", shape=images.shape)
    pixels[place] = images
    pixels.flush()
    shuffled = np.empty_like(ids)
    shuffled[place] = ids
    read_only = np.memmap(tmp_path / "images", np.uint8, "r", shape=images.shape)
    rows = np.split(place, np.cumsum([len(part) for part in parts.values()])[:-1])
    splits = {
        name: Split(read_only, part.labels, shuffled, own)
        for (name, part), own in zip(parts.items(), rows, strict=True)
    }
    return Dataset(digits.name, digits.classes, digits.fingerprint, **splits)


@pytest.mark.parametrize("changes", [{}, {"train_images": 300, "mirrored": True}, {"batch": 500}])
def test_a_memory_map_gives_the_bits_of_images_in_memory(digits, mapped, changes, monkeypatch):
    monkeypatch.setattr(material, "FAR", 1)
    recipe = dataclasses.replace(RECIPE, **changes)
    ours, theirs = train(recipe, 1, digits), train(recipe, 1, mapped)
    assert ours.validation_accuracy == theirs.validation_accuracy
    for name, answers in ours.answers.items():
        assert np.array_equal(answers.p_label, theirs.answers[name].p_label)


def test_a_memory_map_is_never_copied_whole(mapped, monkeypatch):
    monkeypatch.setattr(Split, "images", property(lambda _: pytest.fail("all images were copied")))
    monkeypatch.setattr(material, "_PIECE", 1000)
    train(dataclasses.replace(RECIPE, train_images=300), 0, mapped)


def test_strength_is_that_of_images_in_memory(digits, mapped):
    assert strength(RECIPE, mapped) == strength(RECIPE, digits)


def test_batches_of_a_memory_map_are_read_ahead_by_another_thread(mapped, digits, monkeypatch):
    threads = set()
    read = Split.read

    def watched(self, rows):
        threads.add(threading.current_thread() is threading.main_thread())
        return read(self, rows)

    monkeypatch.setattr(material, "FAR", 1)
    monkeypatch.setattr(Split, "read", watched)
    for data, in_main in ((mapped, False), (digits, True)):
        laid_out = Material.of(data, RECIPE, "cpu")
        threads.clear()
        list(laid_out.batches(RECIPE, 0, 0))
        assert threads == {in_main}


@pytest.mark.parametrize("first", [0, 1, 7, 9, 28])
def test_an_epoch_can_begin_in_its_middle(digits, first, monkeypatch):
    monkeypatch.setattr(material, "_AUGMENTED_PIXELS", 64 * 32 * 4)  # four batches in one go
    laid_out = Material.of(digits, RECIPE, "cpu")
    whole, rest = (list(laid_out.batches(RECIPE, 5, 1, start)) for start in (0, first))
    assert len(rest) == len(whole) - first
    for one, other in zip(whole[first:], rest, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)


def test_moments_are_those_of_numpy(digits, monkeypatch):
    expected = digits.train.images.mean(), digits.train.images.std()
    for piece in (1, 1000, 1 << 26):
        monkeypatch.setattr(material, "_PIECE", piece)
        mean, std = channel_moments(digits.train)
        np.testing.assert_allclose([mean[0], std[0]], expected, rtol=1e-6)


def test_answers_do_not_depend_on_the_size_of_the_pieces(digits, monkeypatch):
    from barnspider.lab import evaluation, nets

    net = nets.build(RECIPE, digits.shape, 10, 0)
    laid_out = Material.of(digits, RECIPE, "cpu")
    at_once = logits(net, digits.test, laid_out, RECIPE)
    monkeypatch.setattr(evaluation, "_PIXELS", 1000)
    torch.testing.assert_close(logits(net, digits.test, laid_out, RECIPE), at_once)


def test_ahead_raises_in_its_place():
    def halves(number):
        return 1 / number

    found = ahead(halves, [1, 2, 0, 4])
    assert [next(found), next(found)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_ahead_stops_when_nobody_listens():
    done = []
    found = ahead(done.append, range(1000))
    next(found)
    found.close()
    assert len(done) < 10


def test_moments_of_a_vast_set_are_those_of_images_from_all_over_it(monkeypatch):
    images = np.arange(200, dtype=np.uint8).repeat(4).reshape(200, 2, 2, 1)
    split = Split(images, np.zeros(200, np.int64), np.arange(200).astype(str))
    exact = material.channel_moments(split)
    monkeypatch.setattr(material, "SOME", 50)
    assert np.array_equal(material.channel_moments(split), exact)
    monkeypatch.setattr(material, "VAST", 100)
    mean, std = material.channel_moments(split)
    assert mean[0] == np.arange(0, 200, 4).mean() != exact[0][0]
    assert abs(std[0] - exact[1][0]) < 1
