"""Variances, degrees of freedom and intervals at their edges."""

import numpy as np
import pytest
from scipy import stats

from barnspider.stats.borrow import effective_classes, prior_df
from barnspider.stats.crossed import by_class, contrast, count
from barnspider.stats.intervals import Spread, share_interval, spread, t_interval


def two_arms(right0, right1, label, classes, *, paired=False):
    layout = by_class(np.asarray(label), classes)
    return contrast(count(np.asarray(right0), layout), count(np.asarray(right1), layout), layout, paired=paired)


def test_large_classes_get_their_own_variance():
    rng = np.random.default_rng(0)
    right = rng.random((2, 5, 8000)) < 0.8
    c = two_arms(*right, np.repeat([0, 1], 4000), 2)
    assert spread(c, "images").variance == pytest.approx(c.image_var / c.n, rel=0.01)


def test_more_is_allowed_to_vary_so_intervals_are_wider():
    rng = np.random.default_rng(0)
    chance = np.clip(rng.random((2, 4, 1)) * 0.3 + 0.6, 0, 1)
    c = two_arms(*(rng.random((2, 4, 600)) < chance), np.repeat([0, 1, 2], 200), 3)
    both = spread(c, "images and runs").variance
    assert (both >= spread(c, "images").variance - 1e-15).all()


@pytest.mark.parametrize("over", ["images and runs", "runs"])
def test_one_run_tells_nothing_about_runs(over):
    c = two_arms([[True, False]], [[True, True]], [0, 0], 1)
    with pytest.raises(ValueError, match="two runs"):
        spread(c, over)


def test_welch_where_classes_have_nothing_to_lend():
    """Over runs alone and with a single class the mean squares are Welch's, moderated a little."""
    rng = np.random.default_rng(1)
    right = rng.random((2, 30, 500)) < rng.normal(0.7, 0.05, (2, 30, 1))
    c = two_arms(*right, np.zeros(500, dtype=int), 1)
    s = spread(c, "runs")
    welch = stats.ttest_ind(right[1].mean(1), right[0].mean(1), equal_var=False)
    ours = t_interval(c.estimate, s, 0.95)
    assert ours.p[0] == pytest.approx(welch.pvalue, rel=1e-6)
    low, high = welch.confidence_interval()
    assert (ours.low[0], ours.high[0]) == pytest.approx((low, high), abs=1e-9)


def test_unknown_is_everything_not_nan():
    nothing = Spread(np.array([np.nan]), np.array([np.nan]))
    got = t_interval(np.array([np.nan]), nothing, 0.95)
    assert (got.low[0], got.high[0], got.p[0]) == (-1, 1, 1)


def test_share_interval_is_wilsons_for_a_single_run():
    layout = by_class(np.zeros(400, dtype=int), 1)
    from barnspider.stats.crossed import single

    c = single(count(np.arange(400)[None] < 300, layout), layout)
    low, high = share_interval(c.estimate, c, spread(c, "images"), 0.95)
    exact = stats.binomtest(300, 400).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((exact.low, exact.high), abs=0.002)


def test_priors_count_more_where_classes_agree():
    rng = np.random.default_rng(0)
    alike = rng.chisquare(4, 400) / 4
    unlike = alike * np.exp(rng.standard_normal(400))
    few, many = (prior_df(x, np.ones(400), 0.5, doubt=1.0, classes=5) for x in (unlike, alike))
    assert few < 6 < many


def test_effective_classes():
    rng = np.random.default_rng(0)
    apart = [rng.standard_normal((6, 40)) for _ in range(2)]
    alike = [rng.standard_normal((6, 1)) * np.ones(40) for _ in range(2)]
    assert effective_classes(apart, np.ones(40)) > 20
    assert effective_classes(alike, np.ones(40)) == pytest.approx(1)
    assert effective_classes([np.ones((3, 5))], np.ones(5)) == 1
