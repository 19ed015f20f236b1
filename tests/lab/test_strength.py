import math

import numpy as np
import pytest

from barnspider.errors import InputError
from barnspider.lab.data import Dataset, Split, load
from barnspider.lab.recipe import KNOBS, Recipe
from barnspider.lab.strength import strength


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(0)

    def part(n):
        coarse = rng.integers(256, size=(n, 4, 4, 3), dtype=np.uint8)
        return Split(coarse.repeat(8, 1).repeat(8, 2), np.arange(n) % 2, np.arange(n).astype(str))

    return Dataset("squares", ("a", "b"), "0", part(200), part(10), part(10))


def mean(numbers):
    return float(np.mean(numbers))


@pytest.mark.parametrize("knob", KNOBS)
def test_off_is_no_change(photographs, knob):
    off = strength(Recipe("squares").with_(knob, 0.0), photographs)
    assert off.kept == (1.0, 1.0)
    assert off.change == (0.0, 0.0)
    assert off.images == (100, 100)


@pytest.mark.parametrize("knob", sorted(set(KNOBS) - {"rotation"}))
def test_more_changes_more_or_keeps_less(photographs, knob):
    strengths = [
        strength(Recipe("squares").with_(knob, s * KNOBS[knob].strongest), photographs) for s in (0.1, 0.4, 0.7)
    ]
    kept, changes = [mean(s.kept) for s in strengths], [mean(s.change) for s in strengths]
    if knob in {"label_smoothing", "fade", "dropout", "stochastic_depth", "weight_decay"}:
        assert (set(kept), set(changes)) == ({1.0}, {0.0})
    else:
        assert changes == sorted(changes) or kept == sorted(kept, reverse=True)
        assert changes[0] > 0


@pytest.mark.parametrize(
    ("knob", "dose", "kept"),
    [
        ("crop", 0.92, 0.49),  # paper.md: 0.48 at 224 pixels
        ("fixed_crop", 0.36, (26 / 32) ** 2),
        ("flip", 0.5, 1),
        ("cutmix", 1.0, 1 - 0.29),  # 0.32 of the area inside the border (an integral), less what rounding takes
        ("erasing", 0.3, 1 - 0.15),
        ("translation", 0.5, (1 - 0.25) ** 2),
        ("mixup", 0.5, 1),
        ("blur", 3.0, 1),
    ],
)
def test_what_is_kept_is_what_geometry_says(photographs, knob, dose, kept):
    assert mean(strength(Recipe("squares").with_(knob, dose), photographs).kept) == pytest.approx(kept, abs=0.04)


def test_a_class_at_dose_0_is_left_alone(digits):
    each = strength(Recipe("digits", cutout=(0.0,) * 5 + (0.5,) * 5), digits)
    assert each.change[:5] == (0.0,) * 5
    assert min(each.change[5:]) > 0
    assert max(each.kept[5:]) < 1


def test_an_absent_class_has_no_strength(digits):
    data = Dataset("digits", (*digits.classes, "none"), "0", digits.train, digits.validation, digits.test)
    assert math.isnan(strength(Recipe("digits", crop=0.5), data).kept[-1])


def test_a_knob_for_colour_is_refused_on_grey_images(digits):
    with pytest.raises(InputError, match=r"hue=0\.1 does nothing to grey images"):
        strength(Recipe("digits", hue=0.1), digits)
