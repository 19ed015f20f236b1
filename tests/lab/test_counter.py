import numpy as np
import pytest
import torch

from barnspider.lab.counter import scattered
from barnspider.lab.random import uniforms

NUMBERS = [4971886, 5682495, 15135731]
DRAWS = torch.from_numpy(uniforms(0, "noise", 0, 4000, 2))


def test_numbers_are_uniform_and_independent():
    u = scattered(DRAWS, 256).double().numpy()
    assert u.min() >= 0
    assert u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=1e-3)
    assert u.var() == pytest.approx(1 / 12, abs=1e-3)
    assert np.histogram(u, bins=64, range=(0, 1))[0] == pytest.approx(u.size / 64, rel=0.03)
    # The largest of 32,640 correlations of 4000 pairs each, chance alone: about 4.2 / sqrt(4000).
    between_places = np.corrcoef(u.T) - np.eye(256)
    between_images = np.corrcoef(u[:256]) - np.eye(256)
    assert np.abs(between_places).max() < 5.5 / np.sqrt(4000)
    assert np.abs(between_images).max() < 5.5 / np.sqrt(256)


def test_images_whose_draws_are_neighbours_differ():
    step = 2.0**-24
    near = torch.tensor([[0.5, 0.5], [0.5 + step, 0.5], [0.5, 0.5 + step]])
    u = scattered(near, 4096).double().numpy()
    assert np.abs(np.corrcoef(u) - np.eye(3)).max() < 0.08


def test_purposes_differ():
    one, two = (scattered(DRAWS[:100], 100, purpose).flatten() for purpose in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack([one, two]))[0, 1])) < 0.05


def test_the_bits_are_those_of_the_first_release():
    # If these change, old runs with noise or dropout no longer repeat: raise TRAINING_VERSION.
    numbers = (scattered(torch.tensor([[0.25, 0.75]]), 3)[0] * 2**24).int().tolist()
    assert numbers == NUMBERS
