from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError
from barnspider.agreement import agreement
from barnspider.simulate import Noise, simulate
from barnspider.stats.crossed import by_class, count
from barnspider.stats.repeated import repeated_accuracy, repeated_change


def drawn(*, runs=10, effect=-0.03, seed=1, classes=4, images=800, paired=True, noise=None):
    return simulate(
        classes=classes, images=images, runs=runs, accuracy=0.9, effect=np.full(classes, effect), paired=paired,
        seed=seed, noise=noise,
    ).predictions  # fmt: skip


def halves(preds, first):
    seeds = np.array(preds.seed)
    return preds.where(runs=seeds < first), preds.where(runs=seeds >= first)


def test_the_same_answers_agree_bit_for_bit():
    preds = drawn(runs=3)
    found = agreement(preds, preds.where(runs=np.array(preds.seed) == 1), "baseline")
    assert (found.identical, found.new, found.status, found.exit_code) == (2, 2, "agree", 0)
    assert [(run.arm, run.seed, run.differ) for run in found.twice] == [("baseline", 1, 0), ("arm 1", 1, 0)]
    assert "bit for bit" in str(found)


def test_many_runs_of_one_recipe_agree():
    found = agreement(*halves(drawn(runs=24), 16), "baseline")
    assert (found.status, found.exit_code) == ("agree", 0), str(found)
    assert found.covered > 0.7
    assert abs(found.overall[0]) < 0.01
    assert not found.twice


def test_few_runs_cannot_tell_and_say_so():
    found = agreement(*halves(drawn(runs=3, noise=Noise(run=0.3, run_class=0.4)), 2), "baseline")
    assert (found.status, found.exit_code) == ("cannot tell", 3), str(found)
    assert "more seeds would say" in str(found)


@pytest.mark.parametrize("paired", [True, False])
def test_another_effect_disagrees(paired):
    """The second time, half of what class 2 had right in the arm is wrong."""
    first, again = halves(drawn(runs=8, paired=paired, seed=2), 5)
    rng = np.random.default_rng(3)
    spoilt = again.guess.copy()
    rows = again.rows("arm 1")
    lost = (again.label == 2) & (rng.random(len(again.label)) < 0.5)
    spoilt[np.ix_(rows, np.flatnonzero(lost))] = 0
    found = agreement(first, replace(again, guess=spoilt), "baseline")
    assert (found.status, found.exit_code) == ("disagree", 1)
    assert found.apart.tolist() == [[False, False, True, False]]
    assert found.low[0, 2] < found.difference[0, 2] < found.high[0, 2] < -0.3
    same = agreement(first, replace(again, guess=spoilt), None)
    assert same.rows == ("baseline", "arm 1")
    assert same.apart.tolist() == [[False] * 4, [False, False, True, False]]


def test_differences_are_those_of_the_means():
    first, again = halves(drawn(runs=5), 3)
    found = agreement(first, again, "baseline")

    def effect(preds, c):
        right = preds.correct()[:, preds.label == c]
        return right[preds.rows("arm 1")].mean() - right[preds.rows("baseline")].mean()

    wanted = [effect(again, c) - effect(first, c) for c in range(4)]
    assert np.allclose(found.difference[0], wanted)
    assert found.overall[0] == pytest.approx(np.mean(wanted))


def test_one_run_each_tells_nothing_of_runs():
    preds = drawn(runs=2)
    found = agreement(*halves(preds, 1), "baseline")
    assert found.status == "cannot tell"
    assert "cannot tell: too few runs" in str(found)
    assert np.isnan(found.difference).all()
    assert "NaN" not in str(found.to_json())


def test_classes_without_images_and_a_single_class_are_no_trouble():
    preds = drawn(runs=6).where(samples=drawn().label != 3)
    found = agreement(*halves(preds, 4), "baseline")
    assert np.isnan(found.difference[0, 3])
    assert np.isfinite(found.difference[0, :3]).all()
    alone = drawn(runs=20).where(samples=drawn().label == 1)
    assert agreement(*halves(alone, 12), "baseline").status in ("agree", "cannot tell")


def test_runs_without_a_partner_are_left_out_of_pairs():
    preds = drawn(runs=8)
    keep = [i for i in range(len(preds.arm)) if (preds.arm[i], preds.seed[i]) != ("arm 1", 6)]
    found = agreement(*halves(preds.where(runs=keep), 5), "baseline")
    assert (found.first, found.again) == ((5,), (2,))
    assert np.isfinite(found.overall_high[0])


def test_what_cannot_be_compared_is_refused():
    preds = drawn(runs=4)
    with pytest.raises(InputError, match="different samples"):
        agreement(preds, preds.where(samples=preds.label < 3), "baseline")
    with pytest.raises(InputError, match="nothing to compare"):
        agreement(preds.where(arms=["arm 1"]), preds.where(arms=["baseline"]))
    with pytest.raises(InputError, match="baseline='x' is unknown"):
        agreement(preds, preds, "x")
    with pytest.raises(InputError, match="margin=2"):
        agreement(preds, preds, "baseline", margin=2)


def test_the_order_of_runs_does_not_matter():
    rng = np.random.default_rng(2)
    layout = by_class(np.repeat([0, 1], 50), 2)
    arms = [count(rng.random((runs, 100)) < 0.8, layout) for runs in (3, 3, 2, 2)]
    turned = [count(arm.answers[::-1].astype(bool), layout) for arm in arms]
    for paired in (True, False):
        one = repeated_change((arms[0], arms[1]), (arms[2], arms[3]), layout, paired=paired)
        other = repeated_change((turned[0], turned[1]), (turned[2], turned[3]), layout, paired=paired)
        assert np.allclose(one.estimate, other.estimate)
        assert np.allclose(one.parts[0].between, other.parts[0].between)
    with pytest.raises(ValueError, match="two runs"):
        repeated_accuracy(*(count(rng.random((1, 100)) < 0.8, layout) for _ in range(2)), layout)
