import pytest
import torch

from barnspider.lab.augment.composed import COLOURING, GEOMETRIC, _chosen, _moved, randaugment, sharpness
from barnspider.lab.random import uniforms
from conformance import constant, smooth_images, some_images

N = 3000
DRAWS = torch.from_numpy(uniforms(0, "randaugment", 0, N, 4))


def test_every_image_gets_two_operations_each_as_often_up_as_down():
    chosen = _chosen(DRAWS, torch.where(DRAWS[:, 2:] < 0.5, -1.0, 1.0))
    assert chosen.ne(0).sum(1).eq(2).all()
    assert chosen.abs().mean(0).tolist() == pytest.approx([0.2] * (len(GEOMETRIC) + len(COLOURING)), abs=0.025)
    assert chosen.mean(0).abs().max() < 0.03


def test_the_dose_changes_how_much_but_not_what():
    images = smooth_images(200, 3, 16)
    weak, strong = (randaugment(images, constant(200, dose), DRAWS[:200]) for dose in (0.2, 0.4))
    changed = [(out - images).flatten(1).abs().amax(1) > 0.5 for out in (weak, strong)]
    assert (changed[1] | ~changed[0]).all()
    assert changed[0].float().mean() > 0.8
    farther = (strong - images).square().mean((1, 2, 3)) >= (weak - images).square().mean((1, 2, 3))
    assert farther.float().mean() > 0.95


def test_moves_compose():
    """A rotation and a shear at once are one after the other: the shear is applied to the rotated image."""
    images = smooth_images(10, 1, 33)
    rotation, shear = torch.zeros(10, 5), torch.zeros(10, 5)
    rotation[:, 0], shear[:, 1] = 30.0, 0.5
    both = _moved(images, rotation + shear)[..., 12:21, 12:21]
    after, before = _moved(_moved(images, rotation), shear), _moved(_moved(images, shear), rotation)
    # Reading twice blurs a little.
    torch.testing.assert_close(both, after[..., 12:21, 12:21], rtol=0, atol=5)
    assert (both - before[..., 12:21, 12:21]).abs().max() > 15


def test_images_too_small_to_be_smoothed_are_left_alone():
    images = some_images((4, 1, 2, 8))
    assert torch.equal(sharpness(images, constant(4, 0.9), torch.ones(4, 1)), images)
