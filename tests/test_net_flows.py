"""Net flow: the two directions of a pair, less one another."""

import sys

import numpy as np
import pytest

from barnspider import Predictions, estimate, flows
from barnspider.net_flows import net_flows


def study(runs=3, paired=False, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(classes), [40, 60, 30, 50, 20][:classes])
    guess = {arm: np.where(rng.random((runs, len(label))) < right, label, rng.integers(0, classes, len(label)))
             for arm, right in (("off", 0.8), ("on", 0.6), ("more", 0.3))}  # fmt: skip
    return Predictions.from_arrays(label, guess, paired=paired)


@pytest.mark.parametrize("paired", [False, True])
def test_it_is_the_difference_of_both_directions(paired):
    preds = study(paired=paired)
    effects = estimate(preds, "off")
    net, f = net_flows(preds, effects), flows(preds, effects)
    change = {(s, t): f.change[:, i] for i, (s, t) in enumerate(zip(f.source, f.target, strict=True))}
    none = np.zeros(2)
    assert len(net.first) == 10
    for e, (a, b) in enumerate(zip(net.first, net.second, strict=True)):
        np.testing.assert_allclose(net.change[:, e], change.get((a, b), none) - change.get((b, a), none), atol=1e-12)
    assert ((net.low < net.change) & (net.change < net.high)).all()
    width, one_way = (net.high - net.low).mean(), (f.high - f.low).mean()
    assert one_way < width < 2 * one_way


def test_a_direction_that_is_never_seen_is_none():
    label = [0] * 40 + [1] * 40
    preds = Predictions.from_arrays(label, {"off": [label], "on": [[1] * 20 + label[20:]]}, classes=["<a>", "\x1b"])
    net = net_flows(preds, estimate(preds, "off"))
    assert net.change.tolist() == [[0.5]]
    assert net.low[0, 0] > 0
    assert net.certain().all()
    assert "<a> => \\x1b: +50.0" in str(net)
    assert "&lt;a&gt;" in net._repr_html_()


def test_a_flow_the_other_way_is_told_in_its_direction():
    label = [0] * 40 + [1] * 40
    preds = Predictions.from_arrays(label, {"off": [label], "on": [label[:60] + [0] * 20]}, classes=["a", "b"])
    assert "b => a: +50.0" in str(net_flows(preds, estimate(preds, "off")))


def test_where_pairs_are_too_many_both_directions_must_be_there(monkeypatch):
    monkeypatch.setattr(sys.modules["barnspider.flows"], "MOST", 7)
    preds = study()
    effects = estimate(preds, "off")
    net, f = net_flows(preds, effects), flows(preds, effects)
    kept = set(zip(f.source.tolist(), f.target.tolist(), strict=True))
    assert len(kept) == 7
    both = list(zip(net.first.tolist(), net.second.tolist(), strict=True))
    assert both == sorted((a, b) for a, b in kept if a < b and (b, a) in kept)


def test_nothing_is_confused():
    label = [0, 1, 1]
    preds = Predictions.from_arrays(label, {"off": [label], "on": [label]})
    net = net_flows(preds, estimate(preds, "off"))
    assert net.change.shape == (1, 0)
    assert "0 pairs of 0 with a certain net flow" in str(net)
