"""Two readings in closed form: agrees with what it generalises, with brute force, and with Fieller by search."""

import numpy as np
import pytest

from barnspider.stats.crossed import by_class, contrast, count
from barnspider.stats.intervals import Spread
from barnspider.stats.readings import explained_share, reading_contrast

NONE = np.arange(0)


def drawn(runs, images=60, seed=0, right=0.5):
    return np.random.default_rng(seed).random((runs, images)) < right


@pytest.fixture
def layout():
    return by_class(np.sort(np.arange(60) % 3), 3)


@pytest.mark.parametrize("pairs", [0, 2, 3])
def test_of_a_reading_that_is_never_right_it_is_the_other_one(layout, pairs):
    never = count(np.zeros((3, 60), bool), layout)
    base, arm = (count(drawn(3, seed=s), layout) for s in (1, 2))
    paired = (np.arange(pairs), np.arange(pairs))
    found, plain = (
        reading_contrast((never, base), (never, arm), layout, paired),
        contrast(base, arm, layout, paired=paired),
    )
    for name in ("n", "estimate", "image_var", "unseen", "binomial"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), err_msg=name)
    for one, other in zip(found.parts, plain.parts, strict=True):
        assert (one.runs, one.share) == (other.runs, other.share)
        np.testing.assert_allclose(one.between, other.between)
        np.testing.assert_allclose(one.within, other.within, atol=1e-12)


def test_agrees_with_brute_force(layout):
    """Two-way analysis of variance of the differences of Z, run by run, written out for each class."""
    x0, y0, x1, y1 = (drawn(4, seed=s) for s in range(4))
    made = [count(x, layout) for x in (x0, y0, x1, y1)]
    found = reading_contrast((made[0], made[1]), (made[2], made[3]), layout, (np.arange(4), np.arange(4)))
    z = (y1.astype(int) - x1) - (y0.astype(int) - x0)
    for c in range(3):
        own = z[:, 20 * c : 20 * c + 20].astype(float)
        left = own - own.mean(axis=0) - own.mean(axis=1, keepdims=True) + own.mean()
        assert found.estimate[c] == pytest.approx(own.mean())
        assert found.image_var[c] == pytest.approx(own.mean(axis=0).var(ddof=1))
        assert found.parts[0].between[c] == pytest.approx(own.mean(axis=1).var(ddof=1))
        assert found.parts[0].within[c] == pytest.approx((left**2).sum() / (3 * 19) / 20)


def test_the_order_of_runs_does_not_matter(layout):
    x0, y0, x1, y1 = (drawn(4, seed=s) for s in range(4))
    order = np.array([2, 0, 3, 1])
    one, other = (
        reading_contrast(
            (count(x0[o], layout), count(y0[o], layout)), (count(x1, layout), count(y1, layout)), layout, (NONE, NONE)
        )
        for o in (np.arange(4), order)
    )
    np.testing.assert_array_equal(one.estimate, other.estimate)
    np.testing.assert_allclose(one.parts[0].between, other.parts[0].between)


def spreads(one, two, apart, df=20.0):
    return tuple(Spread(np.array([v]), np.array([df])) for v in (one, two, apart))


@pytest.mark.parametrize(
    ("d1", "d2", "apart"), [(-0.3, -0.1, 4e-4), (-0.3, -0.3, 1e-4), (-0.2, 0.05, 9e-4), (0.3, 0.2, 2e-4)]
)
def test_the_interval_is_all_ratios_that_a_t_test_does_not_refuse(d1, d2, apart):
    from scipy.stats import t

    v1, v2 = 9e-4, 8e-4
    s = explained_share((np.array([d1]), np.array([d2])), spreads(v1, v2, apart), 0.95)
    r = np.linspace(-3, 4, 700_001)
    both = (v1 + v2 - apart) / 2
    kept = np.abs(d2 - r * d1) <= t.ppf(0.975, 20) * np.sqrt(v2 - 2 * r * both + r**2 * v1)
    assert s.share[0] == pytest.approx(1 - d2 / d1)
    assert s.low[0] == pytest.approx(1 - r[kept].max(), abs=2e-5)
    assert s.high[0] == pytest.approx(1 - r[kept].min(), abs=2e-5)


def test_where_the_harm_is_not_certain_nothing_is_said():
    s = explained_share((np.array([-0.03, np.nan]), np.array([-0.01, np.nan])), spreads(9e-4, 9e-4, 1e-4), 0.95)
    assert np.isnan([s.share, s.low, s.high]).all()
