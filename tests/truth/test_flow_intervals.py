"""Intervals of flows hold as often as they say, and nothing is found where nothing flows."""

import numpy as np

from barnspider import Predictions, estimate, flows
from barnspider.net_flows import net_flows
from barnspider.receivers import receivers

SETS, CLASSES, IMAGES, RUNS = 60, 5, 80, 4


def answered(rng, log_odds, easy, wobble):
    """Answers Int[J, N]: each class has its log-odds, each image a likeness of its own, each run its leanings."""
    runs = wobble * rng.standard_normal((RUNS, 1, CLASSES))
    scores = log_odds[np.arange(CLASSES).repeat(IMAGES)] + easy + runs + rng.gumbel(size=(RUNS, *easy.shape))
    return scores.argmax(axis=2)


def truth(log_odds, wobble):
    """Share of each class's images that is answered so, from two million draws."""
    rng = np.random.default_rng(10)
    draws = 40_000
    easy = rng.standard_normal((1, draws, CLASSES)) * 0.8 + wobble * rng.standard_normal((1, draws, CLASSES))
    shares = []
    for row in log_odds:
        e = np.exp(row + easy[0])
        shares.append((e / e.sum(axis=1, keepdims=True)).mean(axis=0))
    return np.array(shares)


def drawn(shift, wobble=0.15):
    """Answers of two arms, and the true shares of each."""
    base = 3.0 * np.eye(CLASSES)
    base[0, 1] = base[1, 0] = 1.5
    change = base.copy()
    change[0, 1] += shift
    shares = truth(base, wobble), truth(change, wobble)
    for seed in range(SETS):
        rng = np.random.default_rng(seed)
        easy = 0.8 * rng.standard_normal((CLASSES * IMAGES, CLASSES))
        guess = {"off": answered(rng, base, easy, wobble), "on": answered(rng, change, easy, wobble)}
        yield Predictions.from_arrays(np.arange(CLASSES).repeat(IMAGES), guess), shares


def sets(shift, wobble=0.15):
    for preds, (before, after) in drawn(shift, wobble):
        f = flows(preds, estimate(preds, "off"))
        yield f, (after - before)[f.source, f.target]


def test_intervals_cover():
    held = [(f.low[0] <= true) & (true <= f.high[0]) for f, true in sets(shift=1.0)]
    share = np.concatenate(held).mean()
    assert 0.94 < share <= 0.995
    frequent = [h[f.before > 0.05] for h, (f, _) in zip(held, sets(shift=1.0), strict=True)]
    assert np.concatenate(frequent).mean() > 0.95 - 4 * np.sqrt(0.05 * 0.95 / (2 * SETS))


def test_nothing_flows_nothing_is_found():
    false = [f.certain().any() for f, _ in sets(shift=0.0)]
    assert np.mean(false) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / SETS)


def test_what_flows_is_found():
    found = []
    for f, _ in sets(shift=1.5):
        (pair,) = np.flatnonzero((f.source == 0) & (f.target == 1))
        found.append(f.certain()[0, pair] and f.change[0, pair] > 0)
    assert np.mean(found) > 0.9


def test_intervals_of_receivers_and_net_flows_cover():
    """Of false answers, of precision, of net flows; where nothing changes and where it does."""
    held, width = {"false": [], "precise": [], "net": []}, []
    for preds, (before, after) in drawn(shift=1.0):
        effects = estimate(preds, "off")
        r, net = receivers(preds, effects), net_flows(preds, effects)
        false, precise = ((x.sum(axis=0) - np.diag(x)) / (CLASSES - 1) for x in (before, after)), (
            np.diag(x) / x.sum(axis=0) for x in (before, after)
        )  # fmt: skip
        change = after - before
        for name, growth, (low, high) in (("false", r.false, false), ("precise", r.precise, precise)):
            held[name].append((growth.low[0] <= high - low) & (high - low <= growth.high[0]))
        true = (change - change.T)[net.first, net.second]
        held["net"].append((net.low[0] <= true) & (true <= net.high[0]))
        width.append(((r.precise.high - r.precise.low)[0, 1], r.precise.change[0, 1]))
    for name, found in held.items():
        assert 0.93 < np.concatenate(found).mean() <= 0.995, name
    half, change = np.array(width).T
    assert half.mean() / 2 < 1.35 * 1.96 * change.std(ddof=1)  # caution is not honesty either


DOSES = ("off", "low", "mid", "high")


def own_best_sets(shifts, count):
    """Arms whose class 0 is taken for class 1 more and more; truth is against the truly best arm of every class."""
    base = 3.0 * np.eye(CLASSES)
    base[0, 1] = base[1, 0] = 1.5
    odds = {arm: base.copy() for arm in DOSES}
    for arm, shift in zip(DOSES, shifts, strict=True):
        odds[arm][0, 1] += shift
    shares = {arm: truth(x, 0.15) for arm, x in odds.items()}
    best = np.argmax([np.diag(shares[arm]) for arm in DOSES], axis=0)
    reference = np.array([shares[DOSES[b]][c] for c, b in enumerate(best)])
    for seed in range(count):
        rng = np.random.default_rng(1000 + seed)
        easy = 0.8 * rng.standard_normal((CLASSES * IMAGES, CLASSES))
        guess = {arm: answered(rng, odds[arm], easy, 0.15) for arm in DOSES}
        preds = Predictions.from_arrays(np.arange(CLASSES).repeat(IMAGES), guess)
        f = flows(preds, estimate(preds, "off"), against="own best")
        yield f, np.array([(shares[arm] - reference)[f.source, f.target] for arm in f.arms])


def test_against_the_own_best_nothing_is_found_where_arms_are_alike():
    """The arm that looks best by luck of these answers would show flows to everybody."""
    made = [f for f, _ in own_best_sets((0.0, 0.0, 0.0, 0.0), 2 * SETS // 3)]
    assert np.mean([f.certain().any() for f in made]) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / len(made))
    p = np.concatenate([f.p.ravel() for f in made])
    assert (p < 0.05).mean() < 0.06
    lost = np.array([np.bincount(f.source, weights=f.change[0], minlength=CLASSES) for f in made])
    assert abs(lost.mean()) < 4 * lost.mean(axis=1).std(ddof=1) / np.sqrt(len(made))


def test_against_the_own_best_intervals_cover_and_flows_are_found():
    made = list(own_best_sets((0.0, 0.3, 0.8, 1.5), SETS // 3))
    held = [(f.low <= true) & (true <= f.high) for f, true in made]
    assert np.concatenate([x.ravel() for x in held]).mean() > 0.95
    sure = [f.certain()[2, (f.source == 0) & (f.target == 1)].all() for f, _ in made]
    assert np.mean(sure) >= 0.8
    assert all(f.own[0] in ("off", "low") for f, _ in made)
