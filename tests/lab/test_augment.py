import math

import numpy as np
import pytest
import torch

from barnspider.errors import InputError
from barnspider.lab import augment, drops
from barnspider.lab.augment import erasing, geometry, mixing, rectangles
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import KNOBS, Recipe
from conformance import KnobLaws, MixingLaws, constant, some_draws, some_images


def step_of(knob):
    return next(s for s in augment.STEPS if s.knob == knob)


# Beyond these, a larger angle or shift need not change pixels more; angles and shifts are monotone by construction.
MONOTONE_UP_TO = {"rotation": 0.5, "translation": 0.5}


@pytest.mark.parametrize("knob", [step.knob for step in augment.STEPS])
class TestKnobs(KnobLaws):
    """Every law for every augmentation."""

    @pytest.fixture(autouse=True)
    def of(self, knob):
        self.step = step_of(knob)

    @property
    def monotone_up_to(self):
        return MONOTONE_UP_TO.get(self.step.knob, 1.0)


@pytest.mark.parametrize("knob", [step.knob for step in augment.MIXING])
class TestMixingKnobs(MixingLaws):
    """Every law for every augmentation of images and labels."""

    @pytest.fixture(autouse=True)
    def of(self, knob):
        self.step = next(s for s in augment.MIXING if s.knob == knob)


def test_every_knob_is_somewhere():
    augmentations = {step.knob for step in (*augment.STEPS, *augment.MIXING)}
    assert set(KNOBS) == augmentations | set(drops.KNOBS) | {"label_smoothing", "fade", "weight_decay"}


# --- crop against a plain reimplementation of torchvision's RandomResizedCrop -----------------------------------------


def reference_box(height, width, dose, draws):
    """torchvision.transforms.RandomResizedCrop.get_params with given uniform numbers."""
    area = height * width
    for scale, ratio in zip(draws[:10], draws[10:20], strict=True):
        target = area * (1 - dose * scale)
        aspect = math.exp(math.log(4 / 3) * (2 * ratio - 1))
        w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < w <= width and 0 < h <= height:
            return math.floor(draws[20] * (height - h + 1)), math.floor(draws[21] * (width - w + 1)), h, w
    if width / height < 3 / 4:
        w, h = width, round(width / (3 / 4))
    elif width / height > 4 / 3:
        w, h = round(height * (4 / 3)), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


def reference_resize(box, height, width):
    """Bilinear resize of one grey box, pixel by pixel, edges repeated: what torchvision computes when enlarging."""
    h, w = box.shape
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            sy = min(max((y + 0.5) * h / height - 0.5, 0), h - 1)
            sx = min(max((x + 0.5) * w / width - 0.5, 0), w - 1)
            y0, x0 = int(sy), int(sx)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            fy, fx = sy - y0, sx - x0
            top = box[y0, x0] * (1 - fx) + box[y0, x1] * fx
            bottom = box[y1, x0] * (1 - fx) + box[y1, x1] * fx
            out[y, x] = top * (1 - fy) + bottom * fy
    return out


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (64, 64), (20, 28), (28, 12), (10, 40)])
@pytest.mark.parametrize("dose", [0.05, 0.5, 0.92, 0.99])
def test_boxes_are_torchvisions(height, width, dose):
    draws = uniforms(3, "boxes", 0, 300, 22).astype(np.float64)
    got = torch.stack(rectangles.crop_boxes(height, width, constant(300, dose).double(), torch.from_numpy(draws)), 1)
    expected = [reference_box(height, width, float(np.float32(dose)), d) for d in draws.tolist()]
    assert got.int().tolist() == [list(b) for b in expected]


@pytest.mark.parametrize("shape", [(20, 1, 8, 8), (20, 3, 28, 28), (20, 1, 20, 28)])
def test_pixels_are_torchvisions(shape):
    images = some_images(shape, torch.float64)
    draws, dose = torch.from_numpy(uniforms(3, "pixels", 0, 20, 22)), constant(20, 0.9)
    got = geometry.crop(images, dose, draws).numpy()
    boxes = torch.stack(rectangles.crop_boxes(*shape[2:], dose, draws), 1).int().tolist()
    for i, (top, left, height, width) in enumerate(boxes):
        box = images[i, -1, top : top + height, left : left + width].numpy()
        np.testing.assert_allclose(got[i, -1], reference_resize(box, *shape[2:]), atol=1e-3)


def test_crop_agrees_with_torchs_own_interpolation():
    images = some_images((30, 3, 28, 28))
    draws, dose = torch.from_numpy(uniforms(5, "pixels", 0, 30, 22)), constant(30, 0.92)
    got = geometry.crop(images, dose, draws)
    for i, (top, left, height, width) in enumerate(
        torch.stack(rectangles.crop_boxes(28, 28, dose, draws), 1).int().tolist()
    ):
        box = images[i : i + 1, :, top : top + height, left : left + width]
        expected = torch.nn.functional.interpolate(box, (28, 28), mode="bilinear", antialias=True)
        torch.testing.assert_close(got[i : i + 1], expected, rtol=0, atol=1e-3)


def test_crop_reads_no_pixel_outside_the_box():
    draws, dose = torch.from_numpy(uniforms(7, "outside", 0, 200, 22)), constant(200, 0.9)
    inside = torch.zeros(200, 1, 16, 16)
    for i, (top, left, height, width) in enumerate(
        torch.stack(rectangles.crop_boxes(16, 16, dose, draws), 1).int().tolist()
    ):
        inside[i, :, top : top + height, left : left + width] = 1
    # One where the box is, huge elsewhere: a single stray weight would show.
    images = torch.where(inside > 0, 1.0, 1e6)
    assert (geometry.crop(images, dose, draws) - 1).abs().max() < 1e-5


def test_crop_keeps_the_area_it_should():
    areas = []
    for dose in (0.0, 0.2, 0.4, 0.6, 0.8, 0.92):
        draws = torch.from_numpy(uniforms(0, "area", 0, 4000, 22))
        _, _, high, wide = rectangles.crop_boxes(64, 64, constant(4000, dose), draws)
        areas.append(float((high * wide).mean()) / 64**2)
        assert (high * wide).min() / 64**2 > 1 - dose - 0.03
    assert areas[0] == 1
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] == pytest.approx(0.49, abs=0.01)


# --- rotation, flip, cutout -------------------------------------------------------------------------------------------


def test_rotation_by_90_degrees_is_counter_clockwise_as_in_torchvision():
    images = some_images((4, 1, 8, 8))
    quarter = geometry.rotate(images, constant(4, 90), torch.ones(4, 1))
    half = geometry.rotate(images, constant(4, 180), torch.ones(4, 1))
    torch.testing.assert_close(quarter, images.rot90(1, (2, 3)), rtol=0, atol=1e-2)
    torch.testing.assert_close(half, images.flip(2, 3), rtol=0, atol=1e-2)


def test_rotation_fills_with_black_and_keeps_the_centre():
    images = torch.ones(1, 1, 32, 32)
    turned = geometry.rotate(images, torch.tensor([45.0]), torch.ones(1, 1))
    assert turned[0, 0, 0, 0] == 0
    assert turned[0, 0, 12:20, 12:20].allclose(torch.ones(8, 8))


def test_rotation_of_an_oblong_image_keeps_angles():
    images = torch.zeros(1, 1, 9, 21)
    images[0, 0, 4, 7:14] = 1
    turned = geometry.rotate(images, torch.tensor([90.0]), torch.ones(1, 1))
    assert turned[0, 0, 1:8, 10].allclose(torch.ones(7), atol=1e-4)
    assert turned.sum().item() == pytest.approx(7, abs=1e-3)


def test_rotation_is_bilinear_as_computed_by_hand():
    images, draws = some_images((5, 1, 12, 12), torch.float64), torch.from_numpy(uniforms(2, "angle", 0, 5, 1))
    got = geometry.rotate(images, constant(5, 40), draws).numpy()
    for i in range(5):
        angle = math.radians(40 * (2 * float(draws[i, 0]) - 1))
        np.testing.assert_allclose(got[i, 0], reference_rotation(images[i, 0].numpy(), angle), atol=2e-3)


def reference_rotation(image, angle):
    size = len(image)
    padded = np.pad(image, 2)
    centre = (size - 1) / 2
    out = np.zeros_like(image)
    for y in range(size):
        for x in range(size):
            dx, dy = x - centre, y - centre
            sx = math.cos(angle) * dx - math.sin(angle) * dy + centre
            sy = math.sin(angle) * dx + math.cos(angle) * dy + centre
            if not (-1 < sx < size and -1 < sy < size):
                continue
            x0, y0 = math.floor(sx), math.floor(sy)
            fx, fy = sx - x0, sy - y0
            four = padded[y0 + 2 : y0 + 4, x0 + 2 : x0 + 4]
            out[y, x] = np.array([1 - fy, fy]) @ four @ np.array([1 - fx, fx])
    return out


def test_flip_happens_as_often_as_the_dose_says():
    step = step_of("flip")
    images = torch.arange(2.0).expand(20_000, 1, 1, 2)
    flipped = geometry.flip(images, constant(20_000, 0.3), some_draws(step, 20_000))[:, 0, 0, 0]
    assert float(flipped.mean()) == pytest.approx(0.3, abs=0.01)


def test_flipped_at_a_low_dose_is_flipped_at_a_high_one():
    images, draws = some_images((100, 1, 8, 8)), some_draws(step_of("flip"), 100)
    low, high = (geometry.flip(images, constant(100, d), draws) for d in (0.1, 0.4))
    changed = (low != images).flatten(1).any(1)
    assert changed.any()
    assert torch.equal(low[changed], high[changed])


def test_cutout_grows_around_its_centre_and_is_square():
    images, draws = torch.ones(200, 2, 32, 32), some_draws(step_of("cutout"), 200)
    small, large = (erasing.cutout(images, constant(200, d), draws) == 0 for d in (0.25, 0.5))
    assert (large | ~small).all()
    assert small[:, 0].sum((1, 2)).max() == 64
    assert large[:, 0].sum((1, 2)).max() == 256


# --- translation, fixed crop, erasing, mixing -------------------------------------------------------------------------


def test_translation_moves_whole_pixels_and_uncovers_black():
    images, draws = some_images((40, 3, 12, 10)), some_draws(step_of("translation"), 40)
    got = geometry.translate(images, constant(40, 0.4), draws)
    for i, (down, right) in enumerate((0.4 * (2 * draws - 1) * torch.tensor([12, 10])).round().int().tolist()):
        padded = torch.nn.functional.pad(images[i], (10, 10, 12, 12))
        assert torch.equal(got[i], padded[:, 12 - down : 24 - down, 10 - right : 20 - right])


def test_a_fixed_crop_removes_the_same_area_everywhere_and_may_lie_anywhere():
    draws = torch.from_numpy(uniforms(0, "fixed", 0, 2000, 2))
    top, left, high, wide = rectangles.fixed_boxes(40, 20, constant(2000, 0.75), draws)
    assert set(high.tolist()) == {20}
    assert set(wide.tolist()) == {10}
    assert set(top.tolist()) == set(range(21))
    assert set(left.tolist()) == set(range(11))


def test_erased_rectangles_lie_inside_and_have_the_area_they_should():
    areas = []
    for dose in (0.1, 0.3, 0.5, 0.8):
        top, left, high, wide = rectangles.erased_boxes(
            64, 64, constant(4000, dose), some_draws(step_of("erasing"), 4000)
        )
        assert ((top >= 0) & (left >= 0) & (top + high <= 64) & (left + wide <= 64)).all()
        assert (high * wide / 64**2).max() < dose + 0.03
        areas.append(float((high * wide).mean()) / 64**2)
    assert areas[:2] == pytest.approx([0.05, 0.15], abs=0.005)
    assert areas == sorted(areas)


def test_a_pasted_rectangle_grows_with_the_dose_around_its_centre():
    images, draws = (
        torch.arange(200.0).view(200, 1, 1, 1).expand(200, 1, 32, 32),
        torch.from_numpy(uniforms(0, "cutmix", 0, 200, 3)),
    )
    small, large = (mixing.cutmix(images, constant(200, dose), draws)[0] != images for dose in (0.3, 0.9))
    assert (large | ~small).all()
    assert large.float().mean() == pytest.approx(0.29, abs=0.06)  # E (r - r^2 / 4)^2 for r^2 uniform from 0 to 0.9


def test_a_wrong_number_of_doses_is_named():
    with pytest.raises(InputError, match="crop has 3 doses; expected one number, or one for each of 10 classes"):
        augment.doses("crop", (0.1, 0.2, 0.3), torch.tensor([0]), 10)


def test_apply_leaves_out_what_is_off():
    images = some_images((4, 1, 8, 8))
    assert augment.apply(augment.STEPS, images, torch.zeros(4, dtype=torch.long), Recipe("digits"), {}, 10) is images
