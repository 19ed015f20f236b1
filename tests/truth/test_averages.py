"""The accuracy over all images: its interval where classes are all right, all wrong, or of a single image."""

import numpy as np
import pytest

from barnspider.design import Design
from barnspider.predictions import Predictions
from barnspider.stats.crossed import single
from barnspider.stats.intervals import average_interval
from barnspider.transfer import worth


def covered(classes, images, runs, chance, sets=150):
    """Return how often the interval holds the truth, over sets of images that all runs answer alike, and its width."""
    p = np.array([chance(c) for c in range(classes)])
    label, held, width = np.arange(classes).repeat(images), [], []
    for seed in range(sets):
        right = np.random.default_rng(seed).random(len(label)) < p[label]
        guess = np.tile(np.where(right, label, (label + 1) % classes), (runs, 1))
        d = Design.of(Predictions.from_arrays(label, {"a": guess}, classes=list(map(str, range(classes)))))
        _, low, high = average_interval(single(d.counts[0], d.layout), d.over("auto"), 0.95)
        held.append(low <= p.mean() <= high)
        width.append(high - low)
    return np.mean(held), np.mean(width) / (3.92 * np.sqrt(np.mean(p * (1 - p)) / len(label)))


@pytest.mark.parametrize(
    ("classes", "images", "runs", "wrong"), [(10, 20, 3, 0.02), (40, 5, 1, 0.01), (100, 10, 2, 0.003)]
)
def test_classes_without_any_variance_do_not_make_the_average_sure(classes, images, runs, wrong):
    """Half of the classes are never right, the others nearly always: most often no answer tells of the difference."""
    held, width = covered(classes, images, runs, lambda c: 1 - wrong if c % 2 else 0.0)
    assert held > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 150)
    assert width < 2.2


@pytest.mark.parametrize(
    ("classes", "images", "runs", "right"), [(10, 20, 1, 0.99), (300, 2, 1, 0.9), (300, 1, 1, 0.9), (10, 50, 3, 0.5)]
)
def test_the_average_of_many_classes_is_as_sure_as_it_may_be(classes, images, runs, right):
    """That of classes' own p (1 - p), each with a right and a wrong image added, is larger than the average's."""
    held, width = covered(classes, images, runs, lambda _: right)
    assert held > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 150)
    assert width < 1.15


def test_transfer_says_so():
    label = np.arange(10).repeat(20)
    answers = Predictions.from_arrays(label, {"a": [np.where(label % 2, label, (label + 1) % 10)] * 3})
    found = worth(answers).average[0]
    assert found.value == 0.5
    assert found.low < 0.485
    assert found.high > 0.515
