"""Intervals of flows hold as often as they say, and nothing is found where nothing flows."""

import numpy as np

from barnspider import Predictions, estimate, flows

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


def sets(shift, wobble=0.15):
    base = 3.0 * np.eye(CLASSES)
    base[0, 1] = base[1, 0] = 1.5
    change = base.copy()
    change[0, 1] += shift
    true = truth(change, wobble) - truth(base, wobble)
    for seed in range(SETS):
        rng = np.random.default_rng(seed)
        easy = 0.8 * rng.standard_normal((CLASSES * IMAGES, CLASSES))
        guess = {"off": answered(rng, base, easy, wobble), "on": answered(rng, change, easy, wobble)}
        preds = Predictions.from_arrays(np.arange(CLASSES).repeat(IMAGES), guess)
        f = flows(preds, estimate(preds, "off"))
        yield f, true[f.source, f.target]


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
    made = [f for f, _ in own_best_sets((0.0, 0.0, 0.0, 0.0), SETS)]
    assert np.mean([f.certain().any() for f in made]) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / SETS)
    p = np.concatenate([f.p.ravel() for f in made])
    assert (p < 0.05).mean() < 0.06
    lost = np.array([np.bincount(f.source, weights=f.change[0], minlength=CLASSES) for f in made])
    assert abs(lost.mean()) < 4 * lost.mean(axis=1).std(ddof=1) / np.sqrt(SETS)


def test_against_the_own_best_intervals_cover_and_flows_are_found():
    made = list(own_best_sets((0.0, 0.3, 0.8, 1.5), SETS // 2))
    held = [(f.low <= true) & (true <= f.high) for f, true in made]
    assert np.concatenate([x.ravel() for x in held]).mean() > 0.95
    sure = [f.certain()[2, (f.source == 0) & (f.target == 1)].all() for f, _ in made]
    assert np.mean(sure) > 0.9
    assert all(f.own[0] in ("off", "low") for f, _ in made)
