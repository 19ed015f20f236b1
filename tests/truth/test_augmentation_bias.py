"""More data do not remove the bias of an augmentation that changes labels, and remove that of one which keeps them.

The limit is computed, not drawn: `barnspider.lab.exact.world`.
"""

import numpy as np
import pytest

from barnspider import estimate
from barnspider.lab import Recipe
from barnspider.lab.exact import Exact, growth
from barnspider.lab.exact.world import arrows, study

WORLD, DOSE, PENALTY = arrows(), 0.4, 0.1
SIZES = (125, 1000)
MOST = 16_000


@pytest.fixture(scope="module")
def data():
    return WORLD.data(MOST, test=4000, seed=7)  # four classes, four runs


def effects(data, knob):
    """Return the effects of a knob with few, more and most images, and with infinitely many."""
    plan = Exact(study(knob, (0, DOSE)), features="pixels", images=MOST, runs=4, draws=2, penalties=(PENALTY,))
    off, on = (WORLD.population(Recipe("arrows", **{knob: dose}), PENALTY) for dose in (0.0, DOSE))
    found = [estimate(solved.answers(), baseline=0.0) for solved in growth(plan, SIZES, data)]
    return found, on - off


def test_a_flip_that_changes_labels_leaves_a_harm_that_more_data_do_not_remove(data):
    found, limit = effects(data, "vertical_flip")
    assert (limit[:2] < -0.2).all()
    assert (limit[2:] > 0.04).all()
    for e in found:
        assert e.harmed[0, :2].all()
    np.testing.assert_allclose(found[-1].effect[0], limit, atol=0.02)
    np.testing.assert_allclose(found[-1].before, WORLD.population(Recipe("arrows"), PENALTY), atol=0.02)


def test_a_flip_that_keeps_labels_leaves_nothing(data):
    found, limit = effects(data, "flip")
    np.testing.assert_allclose(limit, 0, atol=1e-4)
    few, more, most = (float(e.overall[0]) for e in found)
    assert few > 0.01  # it saves data while they are few
    assert few > more > abs(most)
    assert most == pytest.approx(0, abs=0.003)
    assert found[-1].unchanged(0.01).all()


def test_a_dose_for_each_class_spares_those_that_it_would_harm(data):
    """The fix: only the classes that are themselves upside down are turned; then no label is changed."""
    spared = (0.0, 0.0, DOSE, DOSE)
    off, on = (WORLD.population(Recipe("arrows", vertical_flip=dose), PENALTY) for dose in (0.0, spared))
    np.testing.assert_allclose(on - off, 0, atol=1e-4)
