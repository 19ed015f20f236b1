import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from barnspider.lab.augment import texture
from barnspider.lab.random import uniforms
from conformance import constant, some_images


def draws(n, k):
    return torch.from_numpy(uniforms(0, "texture", 0, n, k))


@pytest.mark.parametrize("shape", [(8, 1, 28, 28), (8, 3, 20, 28), (8, 1, 8, 8)])
@pytest.mark.parametrize("dose", [0.5, 1.5, 3.0])
def test_blur_is_scipys_gaussian_filter(shape, dose):
    images, own = some_images(shape, torch.float64), draws(8, 1)
    got = texture.blur(images, constant(8, dose), own).numpy()
    for i, sigma in enumerate((dose * own[:, 0].double()).tolist()):
        radius = [size - 1 for size in shape[2:]]
        expected = gaussian_filter(images[i].numpy(), sigma, axes=(1, 2), mode="mirror", radius=radius)
        np.testing.assert_allclose(got[i], expected, atol=1e-3)


def test_blur_keeps_a_plain_image():
    plain = torch.full((5, 1, 12, 9), 77.0)
    torch.testing.assert_close(texture.blur(plain, constant(5, 10), draws(5, 1)), plain)


def test_noise_is_gaussian_and_independent_between_pixels_channels_and_images():
    grey = torch.full((500, 3, 8, 8), 127.0)
    noise = (texture.noise(grey, constant(500, 0.05), draws(500, 2)) - 127).double().numpy() / (0.05 * 255)
    assert noise.mean() == pytest.approx(0, abs=0.015)
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert (noise**3).mean() == pytest.approx(0, abs=0.04)
    assert (noise**4).mean() == pytest.approx(3, abs=0.1)
    flat = noise.reshape(500, -1)
    # The largest of 18,336 correlations of 500 pairs, chance alone: about 4.2 / sqrt(500).
    assert np.abs(np.corrcoef(flat.T) - np.eye(192)).max() < 5.5 / np.sqrt(500)
    assert np.abs(np.corrcoef(flat) - np.eye(500)).max() < 5.5 / np.sqrt(192)


def test_noise_is_the_same_pattern_at_every_dose():
    grey = torch.full((4, 1, 8, 8), 127.0)
    weak, strong = (texture.noise(grey, constant(4, dose), draws(4, 2)) - 127 for dose in (0.02, 0.04))
    torch.testing.assert_close(2 * weak, strong, rtol=1e-3, atol=1e-3)


def test_noise_stays_between_black_and_white():
    noisy = texture.noise(some_images((4, 3, 8, 8)), constant(4, 1), draws(4, 2))
    assert noisy.min() == 0
    assert noisy.max() == 255
