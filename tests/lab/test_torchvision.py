"""Our augmentations against torchvision's own functions, fed with our draws: the same boxes, the same pixels.

torchvision is optional: without it these tests are skipped. Tolerances are in grey levels of 0 to 255; `docs/knobs.md`
lists them.
"""

import importlib
import math
import sys

import numpy as np
import pytest
import torch

from barnspider.lab import augment
from barnspider.lab.augment import colour, composed, mixing, rectangles
from barnspider.lab.random import uniforms
from conformance import constant, some_draws, some_images


def safe_import():
    """Import torchvision, or skip: builds for GPUs need two operators declared before they load on a CPU's torch."""
    pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    try:
        return importlib.import_module("torchvision.transforms.v2")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            pytest.skip(f"torchvision cannot be imported: {error}")
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    safe_import.library = library  # the declarations live as long as this object
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision.transforms.v2")


@pytest.fixture(scope="module")
def v2():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [])  # a stranger's warnings are no failures of ours
        return safe_import()


@pytest.fixture(scope="module")
def tv(v2):
    return v2.functional


N = 24
SHAPES = [(N, 3, 32, 32), (N, 1, 28, 28), (N, 3, 20, 28)]
DOSES = [0.25, 1.0]
"""Shares of the strongest dose."""


def step_of(knob):
    return next(step for step in (*augment.STEPS, *augment.MIXING) if step.knob == knob)


def ours(knob, images, dose):
    step = step_of(knob)
    return step.act(images, constant(len(images), dose), some_draws(step, len(images)))


def draws_of(knob):
    return some_draws(step_of(knob), N).double().numpy()


def close(got, expected, tolerance):
    torch.testing.assert_close(got, torch.stack(list(expected)), rtol=0, atol=tolerance)


def scripted(monkeypatch, numbers):
    """Let torchvision draw our numbers: uniform ones stretched to what it asks for, whole ones scaled up."""
    queue = list(numbers)

    def uniform_(self, low=0.0, high=1.0):
        return self.fill_(low + (high - low) * queue.pop(0))

    def randint(*ends, size, **_):
        low, high = ends if len(ends) > 1 else (0, *ends)
        return torch.full(size, low + math.floor((high - low) * queue.pop(0)))

    monkeypatch.setattr(torch.Tensor, "uniform_", uniform_)
    monkeypatch.setattr(torch, "randint", randint)


def in_order(draws, tries):
    """Our draws in torchvision's order: an area and a ratio for each try made, then a place."""
    for used in range(1, tries + 1):
        yield [*(x for i in range(used) for x in (draws[i], draws[tries + i])), *draws[2 * tries :]]


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [0.3, 0.92])
def test_crop_has_the_boxes_of_random_resized_crop(v2, monkeypatch, shape, dose):
    draws = uniforms(0, "crop", 0, N, rectangles.DRAWS).astype(np.float64)
    boxes = torch.stack(
        rectangles.crop_boxes(*shape[2:], constant(N, dose).double(), torch.from_numpy(draws)), dim=1
    ).int()
    # Ours draws how much is lost, torchvision how much is kept.
    theirs = v2.RandomResizedCrop(shape[2:], scale=(1 - float(np.float32(dose)), 1))
    mirrored = np.concatenate([1 - draws[:, :10], draws[:, 10:]], axis=1)
    for box, own in zip(boxes.tolist(), mirrored, strict=True):
        assert box in [made(theirs, shape, monkeypatch, numbers) for numbers in in_order(own, 10)]


def made(transform, shape, monkeypatch, numbers):
    scripted(monkeypatch, numbers)
    try:
        made = transform.make_params([torch.zeros(shape[1:])])
    except IndexError:  # it wanted one more try
        return None
    return [made[name] for name in ("top", "left", "height", "width")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("knob", ["crop", "fixed_crop"])
def test_crops_have_the_pixels_of_resized_crop(tv, shape, knob):
    images, dose = some_images(shape), constant(N, 0.8)
    boxes_of = {"crop": rectangles.crop_boxes, "fixed_crop": rectangles.fixed_boxes}[knob]
    boxes = torch.stack(boxes_of(*shape[2:], dose, some_draws(step_of(knob), N)), dim=1).int().tolist()
    expected = (
        tv.resized_crop(image, *box, list(shape[2:]), antialias=True) for image, box in zip(images, boxes, strict=True)
    )
    close(ours(knob, images, 0.8), expected, 1e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [10, 90, 180])
def test_rotation_has_the_pixels_of_rotate(tv, shape, dose):
    images = some_images(shape)
    angles = dose * (2 * draws_of("rotation")[:, 0] - 1)
    expected = [
        tv.rotate(image, angle, interpolation=tv.InterpolationMode.BILINEAR)
        for image, angle in zip(images, angles.tolist(), strict=True)
    ]
    close(ours("rotation", images, dose), expected, 0.05)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [0.1, 0.5, 1.0])
def test_translation_has_the_pixels_of_random_affine(v2, tv, monkeypatch, shape, dose):
    images, draws = some_images(shape), draws_of("translation")
    transform, dose = v2.RandomAffine(0, translate=(dose, dose)), float(np.float32(dose))
    expected = []
    for image, (down, right) in zip(images, draws.tolist(), strict=True):
        scripted(monkeypatch, [0.5, right, down])
        shift = transform.make_params([image])["translate"]
        expected.append(tv.affine(image, 0, list(shift), 1, [0, 0]))
    close(ours("translation", images, dose), expected, 0)


@pytest.mark.parametrize(("knob", "name"), [("flip", "horizontal_flip"), ("vertical_flip", "vertical_flip")])
def test_mirrors_have_the_pixels_of_flips(tv, knob, name):
    images = some_images(SHAPES[0])
    mirror = getattr(tv, name)
    happens = draws_of(knob)[:, 0] < 0.5
    expected = [mirror(image) if yes else image for image, yes in zip(images, happens, strict=True)]
    close(ours(knob, images, 0.5), expected, 0)


# --- colours ----------------------------------------------------------------------------------------------------------


def on_255(adjust, image, *numbers):
    """torchvision takes floating-point images from 0 to 1."""
    return 255 * adjust(image / 255, *numbers)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", DOSES)
@pytest.mark.parametrize("knob", ["brightness", "contrast", "saturation"])
def test_blends_have_the_pixels_of_adjustments(tv, knob, shape, share):
    images, factors = some_images(shape), 1 + share * (2 * draws_of(knob)[:, 0] - 1)
    adjust = getattr(tv, f"adjust_{knob}")
    expected = [on_255(adjust, image, factor) for image, factor in zip(images, factors.tolist(), strict=True)]
    close(ours(knob, images, share), expected, 1e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [0.05, 0.25, 0.5])
def test_hue_has_the_pixels_of_adjust_hue(tv, shape, dose):
    images, turns = some_images(shape), dose * (2 * draws_of("hue")[:, 0] - 1)
    images[0] = 77.0  # grey in colour
    expected = [on_255(tv.adjust_hue, image, turn) for image, turn in zip(images, turns.tolist(), strict=True)]
    close(ours("hue", images, dose), expected, 0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_jitter_has_the_pixels_of_color_jitter_in_this_order(tv, shape):
    images = some_images(shape)
    expected = []
    for image, draws in zip(images / 255, draws_of("jitter").tolist(), strict=True):
        stretched = [0.5 * most * (2 * draw - 1) for most, draw in zip(colour.JITTER, draws, strict=True)]
        bright = tv.adjust_brightness(image, 1 + stretched[0])
        stark = tv.adjust_contrast(bright, 1 + stretched[1])
        expected.append(255 * tv.adjust_hue(tv.adjust_saturation(stark, 1 + stretched[2]), stretched[3]))
    close(ours("jitter", images, 0.5), expected, 0.02)


def test_greyscale_has_the_pixels_of_rgb_to_grayscale(tv):
    images, happens = some_images(SHAPES[0]), draws_of("greyscale")[:, 0] < 0.5
    expected = [tv.rgb_to_grayscale(image, 3) if yes else image for image, yes in zip(images, happens, strict=True)]
    close(ours("greyscale", images, 0.5), expected, 1e-3)


# --- texture, erasing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [0.5, 2.0, 10.0])
def test_blur_has_the_pixels_of_gaussian_blur(tv, shape, dose):
    images, sigmas = some_images(shape), dose * draws_of("blur")[:, 0]
    window = [2 * shape[3] - 1, 2 * shape[2] - 1]
    expected = [
        tv.gaussian_blur(image, window, [sigma, sigma]) for image, sigma in zip(images, sigmas.tolist(), strict=True)
    ]
    close(ours("blur", images, dose), expected, 0.01)


def test_noise_has_the_moments_of_gaussian_noise(tv):
    grey = torch.full((200, 1, 32, 32), 127.0)
    torch.manual_seed(0)
    theirs = 255 * tv.gaussian_noise(grey / 255, sigma=0.1)
    got = step_of("noise").act(grey, constant(200, 0.1), some_draws(step_of("noise"), 200))
    assert float(got.mean()) == pytest.approx(float(theirs.mean()), abs=0.3)
    assert float(got.std()) == pytest.approx(float(theirs.std()), rel=0.01)
    tails = [float(((noisy - 127).abs() > 2 * 25.5).float().mean()) for noisy in (got, theirs)]
    assert tails[0] == pytest.approx(tails[1], rel=0.05)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dose", [0.1, 0.33, 0.8])
def test_erasing_has_the_rectangles_of_random_erasing(v2, monkeypatch, shape, dose):
    draws = uniforms(0, "erasing", 0, N, rectangles.DRAWS).astype(np.float64)
    boxes = torch.stack(
        rectangles.erased_boxes(*shape[2:], constant(N, dose).double(), torch.from_numpy(draws)), dim=1
    ).int()
    theirs = v2.RandomErasing(p=1, scale=(0, float(np.float32(dose))))
    for box, own in zip(boxes.tolist(), draws, strict=True):
        found = [erased(theirs, shape, monkeypatch, numbers) for numbers in in_order(own, 10)]
        assert box in found or (box[2:] == [0, 0] and found[-1] is None)


def erased(transform, shape, monkeypatch, numbers):
    scripted(monkeypatch, numbers)
    try:
        made = transform.make_params([torch.zeros(shape[1:])])
    except IndexError:
        return None
    return [made[name] for name in ("i", "j", "h", "w")]


# --- composed, mixing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_sharpness_and_solarize_have_the_pixels_of_torchvision(tv, shape):
    images = some_images(shape)
    one = torch.ones(N, 1)
    close(
        composed.sharpness(images, constant(N, 0.9), one),
        [on_255(tv.adjust_sharpness, image, 1.9) for image in images],
        1e-3,
    )
    close(
        composed._solarize(images, constant(N, 0.4), one),
        [on_255(tv.solarize, image, 0.6) for image in images],
        1e-3,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("operation", "magnitude"),
    [("rotation", 20.0), ("shear_x", 0.2), ("shear_y", -0.2), ("shift_x", 0.3), ("shift_y", -0.2)],
)
def test_moves_have_the_pixels_of_affine(tv, shape, operation, magnitude):
    images, moves = some_images(shape), torch.zeros(N, 5)
    moves[:, list(composed.GEOMETRIC).index(operation)] = magnitude
    degrees = math.degrees(math.atan(magnitude))
    angle, shear, shift = 0.0, [0.0, 0.0], [0.0, 0.0]
    if operation == "rotation":
        angle = -magnitude
    elif operation.startswith("shear"):
        shear["xy".index(operation[-1])] = degrees
    else:
        side = shape[3] if operation == "shift_x" else shape[2]
        shift["xy".index(operation[-1])] = magnitude * side
    expected = [
        tv.affine(image, angle, shift, 1.0, shear, interpolation=tv.InterpolationMode.BILINEAR) for image in images
    ]
    close(composed._moved(images, moves), expected, 0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutmix_has_the_rectangles_of_torchvisions(v2, monkeypatch, shape):
    images, draws = some_images(shape), draws_of("cutmix")
    transform = v2.CutMix(alpha=1.0, num_classes=10)
    got, share = mixing.cutmix(images, constant(N, 1.0), torch.from_numpy(draws))
    for i, (area, down, right) in enumerate(draws.tolist()):
        transform._dist = type("Given", (), {"sample": staticmethod(lambda _, area=area: torch.tensor(1 - area))})
        scripted(monkeypatch, [right, down])
        made = transform.make_params([images])
        left, top, right_end, bottom = made["box"]
        expected = images[i].clone()
        expected[:, top:bottom, left:right_end] = images[i - 1][:, top:bottom, left:right_end]
        assert torch.equal(got[i], expected)
        assert float(share[i]) == pytest.approx(1 - made["lam_adjusted"], abs=1e-6)


def test_mixup_mixes_the_pair_that_torchvision_mixes(v2):
    images, labels = some_images(SHAPES[0]), torch.arange(N) % 10
    transform = v2.MixUp(alpha=1.0, num_classes=10)
    transform._dist = type("Given", (), {"sample": staticmethod(lambda _: torch.tensor([0.7]))})
    theirs, targets = transform(images, labels)
    got, share = mixing.mixup(images, constant(N, 0.5), torch.full((N, 1), 0.6))
    torch.testing.assert_close(got, theirs, rtol=0, atol=1e-3)
    own = augment.targets.mix(torch.nn.functional.one_hot(labels, 10).float(), share)
    torch.testing.assert_close(own, targets, rtol=0, atol=1e-6)
