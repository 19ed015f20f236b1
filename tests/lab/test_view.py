"""What the network is shown: crops of a large image at once brought to its size; in answering, the central square."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from barnspider.errors import InputError
from barnspider.lab import augment, nets
from barnspider.lab.augment import rectangles, view
from barnspider.lab.data import from_arrays
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe
from barnspider.lab.strength import strength
from barnspider.lab.train import train

N, LARGE, SIDE = 6, 16, 12


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(uniforms(0, "view test", 0, N, 3 * LARGE * LARGE)).view(N, 3, LARGE, LARGE) * 255


@pytest.fixture(scope="module")
def draws():
    return {"crop": torch.from_numpy(uniforms(1, "crop", 0, N, rectangles.DRAWS))}


def shown(images, draws, **fields):
    recipe = Recipe("photos", view=SIDE, **fields)
    return augment.shown(images, torch.arange(N) % 2, recipe, draws, 2, lambda levels: levels)


@pytest.mark.parametrize("dose", [0.5, 0.92])
def test_a_crop_is_brought_to_size_as_torch_does_it(images, draws, dose):
    found = shown(images, draws, crop=dose)
    boxes = torch.stack(rectangles.crop_boxes(LARGE, LARGE, torch.full((N,), dose), draws["crop"]), 1).int().tolist()
    for image, one, (top, left, high, wide) in zip(images, found, boxes, strict=True):
        inside = image[None, :, top : top + high, left : left + wide]
        expected = functional.interpolate(inside, (SIDE, SIDE), mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(one, expected, rtol=0, atol=2e-3)


def test_dose_0_shows_all_of_an_image_and_so_does_answering(images, draws):
    whole = functional.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
    torch.testing.assert_close(shown(images, draws), whole, rtol=0, atol=2e-3)
    net = nets.build(Recipe("photos", view=SIDE, network="mlp"), (3, LARGE, LARGE), 2, seed=0).eval()
    assert torch.equal(net(images), net(shown(images, draws)))


def test_dose_0_of_a_class_is_as_if_there_were_no_crop(images, draws):
    of_one = shown(images, draws, crop=(0.0, 0.9))
    assert torch.equal(of_one[::2], shown(images, draws)[::2])
    assert torch.equal(of_one[1::2], shown(images, draws, crop=0.9)[1::2])


def test_the_centre_is_cut_out_without_a_filter_where_it_has_the_size(images):
    recipe = Recipe("photos", view=SIDE, centre=SIDE / LARGE, network="mlp")
    net = nets.build(recipe, (3, LARGE, LARGE), 2, seed=0).eval()
    assert torch.equal(net(images), net(images[:, :, 2:-2, 2:-2]))


def test_a_reduced_image_keeps_its_mean_level():
    flat = torch.full((2, 1, 9, 9), 37.0)
    torch.testing.assert_close(view.brought(flat, view.whole(9, 9, 2), 4), torch.full((2, 1, 4, 4), 37.0))


def test_a_run_that_shows_parts_trains_and_answers():
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(60, LARGE, LARGE, 3), dtype=np.uint8)
    data = from_arrays({"x_train": pixels, "y_train": ["cat", "dog"] * 30})
    recipe = Recipe("photos", network="resnet", width=4, epochs=1, view=SIDE, centre=0.75, crop=0.5)
    whole = train(recipe, 0, data)
    assert len(whole.test.guess) == len(data.test)
    assert not np.array_equal(
        whole.test.p_label, train(Recipe(**recipe.as_dict() | {"centre": 1.0}), 0, data).test.p_label
    )
    found = strength(recipe, data, images=10)
    assert all(0 < kept < 1 for kept in found.kept)
    plain = strength(Recipe("photos", view=SIDE), data, images=10)
    assert plain.kept == (1.0, 1.0)
    assert plain.change == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"view": -1}, "view=-1; expected a whole number"),
        ({"centre": 0}, "centre=0; expected a share of the side"),
        ({"centre": True}, "centre=True; expected a share of the side"),
        ({"centre": 0.9}, "centre=0.9 needs a view"),
        ({"view": 8, "stem": "whitening", "network": "resnet"}, "leave out view, or the stem"),
    ],
)
def test_what_cannot_be_shown_is_refused(fields, said):
    with pytest.raises(InputError, match=said):
        Recipe("photos", **fields)


@pytest.mark.parametrize("shape", [(3, 12, 12), (3, 20, 16)])
def test_images_must_be_larger_squares(shape):
    with pytest.raises(InputError, match=r"view=12, but images are .* pixels; expected larger squares"):
        nets.build(Recipe("photos", view=12), shape, 2, seed=0)


def test_a_view_is_part_of_the_key_only_where_there_is_one():
    assert not {"view", "centre"} & Recipe("digits").as_dict().keys()
    assert {"view", "centre"} <= Recipe("digits", view=6, centre=0.75).as_dict().keys()
