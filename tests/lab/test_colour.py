import colorsys

import numpy as np
import pytest
import torch

from barnspider.lab.augment import colour
from barnspider.lab.random import uniforms
from conformance import constant, some_images

SHAPE = (12, 3, 6, 5)
COLOUR_ONLY = [colour.saturation, colour.hue, colour.greyscale]


def draws(k=1):
    return torch.from_numpy(uniforms(0, "colour", 0, SHAPE[0], k))


def pixels(images):
    return images.permute(0, 2, 3, 1).double().numpy()


def test_hue_turns_hsv_and_leaves_saturation_and_value():
    images, turns = some_images(SHAPE), 0.5 * (2 * draws()[:, 0].double().numpy() - 1)
    got = pixels(colour.hue(images, constant(12, 0.5), draws()))
    expected = [
        [[_turned(pixel / 255, turn) for pixel in row] for row in image]
        for image, turn in zip(pixels(images), turns, strict=True)
    ]
    np.testing.assert_allclose(got, 255 * np.array(expected), atol=0.01)


def _turned(pixel, turn):
    hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
    return colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)


def test_greys_in_colour_keep_their_bits_when_hues_turn():
    images = some_images((12, 1, 6, 5)).expand(SHAPE).contiguous()
    assert torch.equal(colour.hue(images, constant(12, 0.5), draws()), images)


@pytest.mark.parametrize("act", COLOUR_ONLY)
def test_knobs_for_colour_leave_grey_images_alone(act):
    images = some_images((12, 1, 6, 5))
    assert act(images, constant(12, 0.5), draws()) is images


def test_brightness_contrast_and_saturation_as_computed_by_hand():
    images, factor = some_images(SHAPE), (1 + 0.7 * (2 * draws()[:, 0].double().numpy() - 1))[:, None, None, None]
    before, dose = pixels(images), constant(12, 0.7)
    grey = (before @ np.array([0.2989, 0.587, 0.114]))[..., None]
    for act, other in (
        (colour.brightness, 0 * grey),
        (colour.contrast, grey.mean((1, 2), keepdims=True)),
        (colour.saturation, grey),
    ):
        expected = np.clip(factor * before + (1 - factor) * other, 0, 255)
        np.testing.assert_allclose(pixels(act(images, dose, draws())), expected, atol=1e-3)


def test_jitter_is_the_four_at_simclrs_strengths():
    images, own = some_images(SHAPE), draws(4)
    bright = colour.brightness(images, constant(12, 0.4), own[:, :1])
    stark = colour.contrast(bright, constant(12, 0.4), own[:, 1:2])
    rich = colour.saturation(stark, constant(12, 0.4), own[:, 2:3])
    expected = colour.hue(rich, constant(12, 0.1), own[:, 3:])
    torch.testing.assert_close(colour.jitter(images, constant(12, 0.5), own), expected)
