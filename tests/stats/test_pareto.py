"""The front holds what nothing beats, and its knee bends outward."""

import numpy as np
import pytest

from barnspider.stats.pareto import front, knee


def test_the_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (2, 40)).astype(float)
    beaten = [
        any(x >= a[i] and y >= b[i] and (x > a[i] or y > b[i]) for x, y in zip(a, b, strict=True)) for i in range(40)
    ]
    assert front(a, b).tolist() == [not x for x in beaten]


def test_equal_points_are_all_on_the_front_and_unknown_ones_never():
    assert front(np.array([1.0, 1.0, np.nan]), np.array([1.0, 1.0, 9.0])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0.0, 0.9, 1.0], [1.0, 0.9, 0.0], 1),
        ([0.0, 0.5, 1.0], [1.0, 0.5, 0.0], None),  # a straight line has no knee
        ([0.0, 0.2, 1.0], [1.0, 0.2, 0.0], None),  # bent inward
        ([1.0], [1.0], None),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], None),
    ],
)
def test_the_knee(first, second, expected):
    assert knee(np.array(first), np.array(second)) == expected
