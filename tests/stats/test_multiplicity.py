"""Corrections agree with scipy and statsmodels."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from barnspider.stats.multiplicity import benjamini_hochberg, holm

P = np.random.default_rng(0).random((3, 40)) ** 3


def test_benjamini_hochberg_is_scipys():
    assert benjamini_hochberg(P) == pytest.approx(false_discovery_control(P, axis=None).reshape(P.shape))


def test_holm_is_statsmodels():
    assert holm(P).ravel() == pytest.approx(multipletests(P.ravel(), method="holm")[1])


def test_unknown_hypotheses_do_not_count():
    known = np.ones(P.shape, dtype=bool)
    known[1] = False
    assert benjamini_hochberg(P, known)[[0, 2]] == pytest.approx(benjamini_hochberg(P[[0, 2]]))
    assert (benjamini_hochberg(P, known)[1] == 1).all()


def test_nothing_to_correct():
    assert benjamini_hochberg(np.ones((0, 3))).shape == (0, 3)
