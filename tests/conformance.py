"""The laws of a knob (design.md, section 4) as tests: `KnobLaws` for images, `MixingLaws` for images and labels.

An augmentation is checked as a function on a batch; the recipe's field is checked for all knobs.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from barnspider.lab import augment
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import KNOBS, Recipe

SHAPES = [(16, 1, 8, 8), (1, 1, 8, 8), (16, 3, 32, 32), (16, 1, 20, 28), (3, 3, 64, 64)]
COLOUR = (16, 3, 32, 32)
LAYOUTS = [torch.contiguous_format, torch.channels_last]
N_CLASSES = 4


def some_images(shape, dtype=torch.float32, layout=torch.contiguous_format):
    numbers = torch.from_numpy(uniforms(1, "test images", 0, int(np.prod(shape)), 1))
    return (numbers.view(shape).to(dtype) * 255).contiguous(memory_format=layout)


def some_draws(step, n, seed=0):
    return torch.from_numpy(uniforms(seed, step.knob, 0, n, step.draws))


def constant(n, dose):
    return torch.full((n,), float(dose))


def smooth_images(n, channels, size):
    """Grey levels of waves, each image and channel with its own."""
    ramp = torch.linspace(-1, 1, size)
    waves = (torch.arange(1, n * channels + 1) / (n * channels) * 3).view(n, channels, 1, 1)
    return 127.5 * (1 + torch.sin(waves * ramp[:, None] + 2 * ramp[None, :] * waves.flip(0)))


def change(step, dose, n=400, size=16):
    """Mean squared change of smooth colour images, the same images and draws for every dose."""
    images = smooth_images(n, 3, size)
    return float((step.act(images, constant(n, dose), some_draws(step, n)) - images).square().mean())


def bits(images):
    return images.contiguous().numpy().tobytes()


class KnobLaws:
    """What holds for every augmentation; `step` says which."""

    step: augment.Step

    @property
    def strongest(self):
        return KNOBS[self.step.knob].strongest

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_dose_0_is_bit_identical(self, shape, dtype, layout):
        images = some_images(shape, dtype, layout)
        images[0, 0, 0, 0] = -0.0
        out = self.step.act(images, constant(shape[0], 0), some_draws(self.step, shape[0]))
        assert bits(out) == bits(images)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_shape_and_dtype_are_kept_and_memory_is_dense(self, shape, dtype, layout):
        images, draws = some_images(shape, dtype, layout), some_draws(self.step, shape[0])
        for own in (draws, torch.zeros_like(draws), torch.full_like(draws, 1 - 2.0**-24)):
            out = self.step.act(images, constant(shape[0], self.strongest), own)
            assert out.shape == shape
            assert out.dtype == dtype
            assert out.isfinite().all()
            assert any(out.is_contiguous(memory_format=dense) for dense in LAYOUTS)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_the_layout_in_memory_does_not_matter(self, shape):
        plain, last = (
            self.step.act(
                some_images(shape, layout=m), constant(shape[0], self.strongest), some_draws(self.step, shape[0])
            )
            for m in LAYOUTS
        )
        torch.testing.assert_close(plain, last, rtol=1e-5, atol=1e-3)

    def test_the_input_is_not_changed(self):
        images = some_images(SHAPES[0])
        before = images.clone()
        self.step.act(images, constant(16, self.strongest), some_draws(self.step, 16))
        assert torch.equal(images, before)

    def test_equal_doses_per_class_equal_the_scalar(self):
        labels = torch.arange(16) % N_CLASSES
        images, draws = some_images(COLOUR), {self.step.knob: some_draws(self.step, 16)}
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
        images, draws = some_images(COLOUR), some_draws(self.step, 16)
        per_class = augment.doses(self.step.knob, (0.0, self.strongest, 0.0, self.strongest), labels, N_CLASSES)
        mixed = self.step.act(images, per_class, draws)
        full = self.step.act(images, constant(16, self.strongest), draws)
        assert torch.equal(mixed[labels % 2 == 0], images[labels % 2 == 0])
        assert torch.equal(mixed[labels % 2 == 1], full[labels % 2 == 1])

    def test_an_image_does_not_depend_on_its_neighbours(self):
        images, draws = some_images(COLOUR), some_draws(self.step, 16)
        dose = constant(16, self.strongest / 2)
        together = self.step.act(images, dose, draws)
        alone = torch.cat([self.step.act(images[i : i + 1], dose[:1], draws[i : i + 1]) for i in range(16)])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-3)

    monotone_up_to = 1.0

    def test_more_is_stronger(self):
        """Mean squared change does not fall with the dose, images and draws being the same."""
        share = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
        changes = [change(self.step, s * self.monotone_up_to * self.strongest) for s in share]
        assert changes[0] == 0
        assert changes == sorted(changes), changes
        assert changes[1] > 0


class MixingLaws:
    """What holds for every augmentation that mixes images and labels; `step` says which."""

    step: augment.Mixing

    @property
    def strongest(self):
        return KNOBS[self.step.knob].strongest

    def mixed(self, images, labels, dose, n_classes=N_CLASSES):
        draws = {self.step.knob: some_draws(self.step, len(images))}
        return augment.mixed(images, labels, Recipe("digits").with_(self.step.knob, dose), draws, n_classes)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dose_0_is_bit_identical(self, shape, dtype):
        images = some_images(shape, dtype)
        images[0, 0, 0, 0] = -0.0
        out, share = self.step.act(images, constant(shape[0], 0), some_draws(self.step, shape[0]))
        assert bits(out) == bits(images)
        assert share.eq(0).all()

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_shape_and_dtype_are_kept_and_memory_is_dense(self, shape, dtype, layout):
        images = some_images(shape, dtype, layout)
        out, share = self.step.act(images, constant(shape[0], self.strongest), some_draws(self.step, shape[0]))
        assert (out.shape, out.dtype) == (shape, dtype)
        assert out.isfinite().all()
        assert any(out.is_contiguous(memory_format=dense) for dense in LAYOUTS)
        assert share.shape == (shape[0],)
        assert ((share >= 0) & (share <= self.strongest)).all()

    def test_the_share_is_that_of_the_neighbours_pixels(self):
        images = torch.arange(32.0).view(32, 1, 1, 1).expand(32, 1, 8, 8)
        out, share = self.step.act(images, constant(32, self.strongest), some_draws(self.step, 32))
        expected = images + share[:, None, None, None] * (images.roll(1, 0) - images)
        torch.testing.assert_close(out.mean((1, 2, 3)), expected[:, 0, 0, 0], rtol=0, atol=1e-4)

    def test_targets_are_mixed_as_the_images_are(self):
        labels = torch.arange(16) % N_CLASSES
        images = torch.nn.functional.one_hot(labels, N_CLASSES).float()[:, :, None, None].expand(16, N_CLASSES, 8, 8)
        out, targets = self.mixed(images, labels, self.strongest)
        torch.testing.assert_close(out.mean((2, 3)), targets, rtol=0, atol=1e-6)

    def test_equal_doses_per_class_equal_the_scalar(self):
        labels = torch.arange(16) % N_CLASSES
        dose = self.strongest / 2
        scalar, each = (self.mixed(some_images(COLOUR), labels, d) for d in (dose, (dose,) * N_CLASSES))
        assert torch.equal(scalar[0], each[0])
        assert torch.equal(scalar[1], each[1])
        assert not torch.equal(scalar[0], some_images(COLOUR))

    def test_a_class_at_dose_0_neither_gives_nor_receives(self):
        labels = torch.arange(16) % N_CLASSES
        images = some_images(COLOUR)
        out, targets = self.mixed(images, labels, (0.0, *(self.strongest,) * 3))
        assert torch.equal(out[labels == 0], images[labels == 0])
        assert targets[:, 0].tolist() == (labels == 0).float().tolist()
        assert torch.equal(out[labels == 1], images[labels == 1]), "their neighbour is of class 0"
        assert not torch.equal(out[labels == 2], images[labels == 2])

    def test_the_input_is_not_changed(self):
        images = some_images(COLOUR)
        before = images.clone()
        self.step.act(images, constant(16, self.strongest), some_draws(self.step, 16))
        assert torch.equal(images, before)

    def test_more_is_stronger_for_every_image(self):
        shares = torch.stack([
            self.step.act(some_images(COLOUR), constant(16, s * self.strongest), some_draws(self.step, 16))[1]
            for s in (0, 0.1, 0.25, 0.5, 0.75, 1)
        ])  # fmt: skip
        assert (shares.diff(dim=0) >= 0).all()
        assert (shares.mean(1).diff() > 0).all()
