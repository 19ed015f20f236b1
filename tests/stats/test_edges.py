"""Tiny, empty and one-sided designs: every number that should be known is finite, nothing warns, nothing crashes."""

import json

import numpy as np
import pytest

from barnspider.doses import best_doses, tolls
from barnspider.effects import estimate
from barnspider.inequality import inequality
from barnspider.predictions import Predictions


def tiny(seed: int) -> Predictions:
    """Draw a design with hardly anything in it."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 5))
    n = rng.integers(0, 4, classes)
    n[rng.integers(classes)] += 1
    label = np.repeat(np.arange(classes), n)
    right = rng.choice([0.0, 0.5, 1.0])
    guess = {}
    for arm in ("a", "b", "c")[: rng.integers(2, 4)]:
        hit = rng.random((rng.integers(1, 4), len(label))) < right
        guess[arm] = np.where(hit, label, classes)
    names = [f"class {c}" for c in range(classes)] + ["none of these"]
    return Predictions.from_arrays(label, guess, classes=names, paired=bool(rng.integers(2)))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_known_is_finite(seed):
    preds = tiny(seed)
    e = estimate(preds, "a")
    for name in (
        "effect",
        "low",
        "high",
        "se",
        "df",
        "p",
        "q",
        "shrunk",
        "prob_harm",
        "after",
        "relative",
        "relative_p",
    ):
        assert np.isfinite(getattr(e, name)[e.known]).all(), name
        assert np.isnan(getattr(e, name)[~e.known]).all(), name
    for name in ("overall", "overall_low", "overall_high", "overall_p"):
        assert np.isfinite(getattr(e, name)).all(), name
    told = int((e.n > 1).sum()) > 1
    assert all((np.isfinite(getattr(e, name)) == told).all() for name in ("tau", "tau_low", "tau_high", "tau_p"))
    assert (e.low <= e.effect)[e.known].all()
    assert (e.effect <= e.high)[e.known].all()
    assert (e.high - e.low)[e.known].min() > 0
    json.dumps(e.to_json(), allow_nan=False)
    assert "nan" not in str(e)
    for arm in e.arms:
        assert all(e.sentence(arm, name) for name in e.classes)


@pytest.mark.parametrize("seed", range(60))
def test_the_other_questions_have_answers_too(seed):
    preds = tiny(seed)
    assert best_doses(preds).contenders
    some = np.bincount(preds.label, minlength=len(preds.classes)) > 0
    assert np.isfinite(tolls(preds).naive[some]).all()
    assert "nan" not in str(tolls(preds))
    assert "nan" not in str(inequality(preds, "a"))


def test_no_image_at_all():
    preds = Predictions.from_arrays(
        np.zeros(0, dtype=int), {"a": np.zeros((2, 0), dtype=int), "b": np.zeros((2, 0), dtype=int)}, classes=["x", "y"]
    )
    e = estimate(preds, "a")
    assert not e.known.any()
    assert "cannot tell" in e.sentence("b", "x")
    json.dumps(e.to_json(), allow_nan=False)
