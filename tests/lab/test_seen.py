"""Pictures of what the network sees are what it sees."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from barnspider.errors import InputError
from barnspider.lab import seen as room
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.material import Material
from barnspider.lab.random import order
from barnspider.lab.recipe import KNOBS, Recipe
from barnspider.lab.seen import changes_images, seen, trained_on

COLOUR_ONLY = {knob.name for knob in KNOBS.values() if knob.needs_colour}
IDLE = {"label_smoothing", "fade", "dropout", "stochastic_depth", "weight_decay"}


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(0)

    def part(n):
        coarse = rng.integers(256, size=(n, 4, 4, 3), dtype=np.uint8)
        return Split(coarse.repeat(5, 1).repeat(4, 2), np.arange(n) % 2, np.array([f"p{i}" for i in range(n)]))

    return Dataset("squares", ("a", "b"), "0", part(90), part(10), part(10))


def in_the_run(recipe, data, seed):
    """Every training image as the very batches of the first epoch hold it, in grey levels."""
    material = Material.of(data, recipe, "cpu")
    images = torch.cat([batch.images for batch in material.batches(recipe, seed, 0)])
    levels = (images * material.std + material.mean).permute(0, 2, 3, 1).numpy()
    back = np.empty_like(levels)
    back[order(seed, 0, len(levels))] = levels
    return back


@pytest.mark.parametrize("knob", sorted(KNOBS))
@pytest.mark.parametrize("seed", [0, 3])
def test_each_knob_is_shown_as_the_run_has_it(photographs, knob, seed):
    recipe = Recipe("squares", batch=16).with_(knob, 0.5 * KNOBS[knob].strongest)
    rows = np.array([5, 0, 88, 41, *range(50, 70)])
    ours, theirs = seen(recipe, photographs, rows, seed), in_the_run(recipe, photographs, seed)[rows]
    assert np.abs(ours - theirs.clip(0, 255)).max() <= 0.5 + 1e-3
    changed = (ours != photographs.train.read(rows)).any()
    assert changed == changes_images(knob)


@pytest.mark.parametrize(("batch", "train_images"), [(16, 0), (1, 5), (2, 9), (89, 0), (500, 0), (7, 40)])
def test_everything_at_once_is_shown_as_the_run_has_it(photographs, batch, train_images):
    recipe = Recipe(
        "squares", batch=batch, train_images=train_images, crop=0.5, flip=0.5, rotation=20, jitter=0.3, noise=0.05,
        cutout=0.3, erasing=0.2, mixup=(0.4, 0.3), cutmix=(0.5, 0.9),
    )  # fmt: skip
    rows = np.arange(train_images or 90)
    theirs = in_the_run(recipe, photographs, 2)
    assert np.abs(seen(recipe, photographs, rows, 2) - theirs.clip(0, 255)).max() <= 0.5 + 1e-3
    assert np.array_equal(seen(recipe, photographs, rows[3:], 2), seen(recipe, photographs, rows, 2)[3:])


@pytest.mark.parametrize("knob", sorted(KNOBS))
def test_dose_0_is_the_very_image(photographs, knob):
    rows = np.arange(90)
    off = Recipe("squares").with_(knob, 0.0)
    assert np.array_equal(seen(off, photographs, rows, 0), photographs.train.images)
    if KNOBS[knob].per_class:
        off = Recipe("squares").with_(knob, (0.0, 0.6 * KNOBS[knob].strongest))
        cats = np.flatnonzero(photographs.train.labels == 0)
        assert np.array_equal(seen(off, photographs, cats, 0), photographs.train.read(cats))


def test_what_is_on_in_every_arm_is_on_at_dose_0(digits):
    rows = np.arange(40)
    plain = seen(Recipe("digits", flip=0.5), digits, rows, 0)
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(plain, digits.train.read(rows), strict=True)])
    assert 0 < mirrored.sum() < 40
    assert np.array_equal(plain[~mirrored], digits.train.read(rows)[~mirrored])


def test_equal_doses_for_all_classes_are_one_dose(digits):
    rows = np.arange(0, 800, 50)
    one, each = (seen(Recipe("digits", crop=dose), digits, rows, 1) for dose in (0.6, (0.6,) * 10))
    assert np.array_equal(one, each)


@pytest.mark.parametrize("knob", ["crop", "fixed_crop"])
def test_a_larger_dose_cuts_a_smaller_box_out_of_the_same_one(knob):
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None], (64, 64))
    place = np.stack([ramp, ramp.T, np.zeros_like(ramp)], axis=2)
    part = Split(np.tile(place, (20, 1, 1, 1)), np.arange(20) % 2, np.arange(20).astype(str))
    data = Dataset("ramps", ("a", "b"), "0", part, part, part)
    boxes = []
    for dose in (0.1, 0.4, 0.7):
        levels = seen(Recipe("ramps").with_(knob, dose), data, np.arange(20), 0)[..., :2].astype(int)
        boxes.append(np.stack([levels.min((1, 2)), -levels.max((1, 2))]))
    for weaker, stronger in itertools.pairwise(boxes):
        # A box that does not fit into the image gives way to the next try, which is another box.
        assert (stronger >= weaker - 1).mean() > (0.95 if knob == "crop" else 0.999)
        assert (stronger > weaker).mean() > 0.5


def test_of_a_memory_map_only_what_is_shown_is_read(digits, tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", digits.train.images)
    mapped = dataclasses.replace(digits.train, pixels=np.load(tmp_path / "images.npy", mmap_mode="r"))
    data = dataclasses.replace(digits, train=mapped)
    recipe, rows = Recipe("digits", crop=0.5, mixup=0.5, cutmix=0.5, train_images=300), np.array([7, 200])
    expected = seen(recipe, digits, rows, 0)
    read, read_rows = Split.read, []
    monkeypatch.setattr(Split, "images", property(lambda _: pytest.fail("all images were copied")))
    monkeypatch.setattr(Split, "read", lambda self, rows: read_rows.extend(rows) or read(self, rows))
    assert np.array_equal(seen(recipe, data, rows, 0), expected)
    assert len(read_rows) == 2 * 3


def test_of_a_large_memory_map_the_mean_colour_is_that_of_some(digits, tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", digits.train.images)
    mapped = dataclasses.replace(digits.train, pixels=np.load(tmp_path / "images.npy", mmap_mode="r"))
    recipe, rows = Recipe("digits", cutout=0.5), np.arange(20)
    expected = seen(recipe, digits, rows, 0)
    monkeypatch.setattr(room, "FAR", 1)
    monkeypatch.setattr(room, "SOME", 400)
    monkeypatch.setattr(Split, "images", property(lambda _: pytest.fail("all images were copied")))
    other = seen(recipe, dataclasses.replace(digits, train=mapped), rows, 0)
    erased = expected != digits.train.pixels[rows]
    assert erased.any()
    assert np.array_equal(other[~erased], expected[~erased])
    assert np.abs(other.astype(int) - expected)[erased].max() <= 4


def test_only_knobs_that_act_on_pixels_change_images():
    assert {knob for knob in KNOBS if not changes_images(knob)} == IDLE
    assert not changes_images("train_images")


def test_rows_are_of_the_images_that_are_trained_on(digits):
    recipe = Recipe("digits", train_images=50)
    split = trained_on(recipe, digits)
    assert len(split) == 50
    assert np.array_equal(seen(recipe, digits, np.arange(50), 0), split.images)


@pytest.mark.parametrize("knob", sorted(COLOUR_ONLY))
def test_a_knob_for_colour_is_refused_on_grey_images(digits, knob):
    with pytest.raises(InputError, match="does nothing to grey images"):
        seen(Recipe("digits").with_(knob, 0.1), digits, np.arange(2), 0)
