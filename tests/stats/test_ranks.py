"""Rank statistics agree with scipy where it has them, and cover where they promise to."""

import numpy as np
import pytest
from scipy import stats

from barnspider.stats.ranks import concordance, rank_correlation, ranks


@pytest.mark.parametrize("ties", [False, True])
def test_as_scipy(ties):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 40))
    y = y + x
    if ties:
        x, y = np.round(x), np.round(y)
    found = rank_correlation(x, y)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.array_equal(ranks(x), stats.rankdata(x))
    three = np.array([x, y, rng.normal(size=40)])
    friedman = stats.friedmanchisquare(*np.array([stats.rankdata(row) for row in three]).T)
    w = concordance(three)
    assert w.w == pytest.approx(friedman.statistic / (3 * 39))
    assert w.p == pytest.approx(friedman.pvalue)


def test_intervals_cover():
    """Of pairs with correlation 0.6, whose rank correlation is 6/pi arcsin(0.3) in the limit."""
    rng, true, hits = np.random.default_rng(2), 6 / np.pi * np.arcsin(0.3), 0
    for _ in range(2000):
        x = rng.normal(size=30)
        found = rank_correlation(x, 0.6 * x + 0.8 * rng.normal(size=30))
        hits += found.low <= true <= found.high
    assert 0.93 < hits / 2000 < 0.98


def test_no_agreement_is_rarely_significant():
    rng = np.random.default_rng(3)
    p = [concordance(rng.normal(size=(3, 12))).p for _ in range(1000)]
    assert 0.005 < np.mean(np.array(p) < 0.05) < 0.06  # chi squared is on the safe side for few items


@pytest.mark.parametrize("x", [[1.0, 2, 3], [1.0, 1, 1, 1, 1], [np.nan, 1, 2, 3]])
def test_what_tells_nothing(x):
    found = rank_correlation(np.array(x), np.arange(len(x), dtype=float))
    assert np.isnan([found.rho, found.low, found.high, found.p]).all()


def test_what_is_not_known_is_left_out():
    x = np.array([1.0, 2, np.nan, 3, 4, 5])
    assert rank_correlation(x, np.array([1.0, 2, 9, 3, 4, np.nan])).n == 4
    assert concordance(np.array([x, x])).n == 5
    assert np.isnan(concordance(np.array([x])).w)
    assert np.isnan(concordance(np.ones((3, 5))).w)
    assert concordance(np.array([x, x])).w == pytest.approx(1)
