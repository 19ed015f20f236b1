"""The laws of a knob (design.md, section 4) as tests: subclass `KnobLaws` for every knob.

An augmentation is checked as a function on a batch; the recipe's field is checked for all knobs.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from barnspider.lab import augment
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import KNOBS, Recipe

SHAPES = [(16, 1, 8, 8), (16, 3, 32, 32), (16, 1, 20, 28)]
N_CLASSES = 4


def some_images(shape, dtype=torch.float32):
    return torch.from_numpy(uniforms(1, "test images", 0, int(np.prod(shape)), 1)).view(shape).to(dtype) * 255


def some_draws(step, n, seed=0):
    return torch.from_numpy(uniforms(seed, step.knob, 0, n, step.draws))


def constant(n, dose):
    return torch.full((n,), float(dose))


def change(step, dose, n=400, size=16):
    """Mean squared change of smooth images, the same images and draws for every dose."""
    ramp = torch.linspace(-1, 1, size)
    waves = torch.arange(1, n + 1)[:, None, None] / n * 3
    images = torch.sin(waves * ramp[:, None] + 2 * ramp[None, :] * waves.flip(0))[:, None]
    return float((step.act(images, constant(n, dose), some_draws(step, n)) - images).square().mean())


class KnobLaws:
    """What holds for every augmentation; `step` says which."""

    step: augment.Step

    @property
    def strongest(self):
        return KNOBS[self.step.knob].strongest

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dose_0_is_bit_identical(self, shape, dtype):
        images = some_images(shape, dtype)
        images[0, 0, 0, 0] = -0.0
        out = self.step.act(images, constant(shape[0], 0), some_draws(self.step, shape[0]))
        assert out.numpy().tobytes() == images.numpy().tobytes()

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_shape_and_dtype_are_kept(self, shape, dtype):
        out = self.step.act(
            some_images(shape, dtype), constant(shape[0], self.strongest), some_draws(self.step, shape[0])
        )
        assert out.shape == shape
        assert out.dtype == dtype
        assert out.isfinite().all()

    def test_the_input_is_not_changed(self):
        images = some_images(SHAPES[0])
        before = images.clone()
        self.step.act(images, constant(16, self.strongest), some_draws(self.step, 16))
        assert torch.equal(images, before)

    def test_equal_doses_per_class_equal_the_scalar(self):
        labels = torch.arange(16) % N_CLASSES
        images, draws = some_images(SHAPES[1]), {self.step.knob: some_draws(self.step, 16)}
        dose = self.strongest / 2
        scalar, each = (
            augment.apply(
                [self.step], images, labels, Recipe("digits").with_(self.step.knob, d), draws, n_classes=N_CLASSES
            )
            for d in (dose, (dose,) * N_CLASSES)
        )
        assert torch.equal(scalar, each)
        assert not torch.equal(scalar, images)

    def test_classes_at_dose_0_keep_their_bits_and_others_their_own_change(self):
        labels = torch.arange(16) % N_CLASSES
        images, draws = some_images(SHAPES[1]), some_draws(self.step, 16)
        per_class = augment.doses(self.step.knob, (0.0, self.strongest, 0.0, self.strongest), labels, N_CLASSES)
        mixed = self.step.act(images, per_class, draws)
        full = self.step.act(images, constant(16, self.strongest), draws)
        assert torch.equal(mixed[labels % 2 == 0], images[labels % 2 == 0])
        assert torch.equal(mixed[labels % 2 == 1], full[labels % 2 == 1])

    def test_an_image_does_not_depend_on_its_neighbours(self):
        images, draws = some_images(SHAPES[1]), some_draws(self.step, 16)
        dose = constant(16, self.strongest / 2)
        together = self.step.act(images, dose, draws)
        alone = torch.cat([self.step.act(images[i : i + 1], dose[:1], draws[i : i + 1]) for i in range(16)])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-3)

    def test_more_is_stronger(self):
        share = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
        changes = [change(self.step, s * self.strongest) for s in share]
        assert changes[0] == 0
        assert changes == sorted(changes)
        assert changes[1] > 0
