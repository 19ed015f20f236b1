"""Up to which dose labels are kept, and what losing them foretells: on answers whose truth is known."""

import json

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from barnspider import InputError, Predictions, estimate, simulate, with_label_sets
from barnspider.preservation import foretold, preservation
from barnspider.simulate import Noise
from barnspider.stats.intervals import wilson

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
QUIET = Noise(run=0, run_class=0)
LOSSES = np.array([0.0, 0.02, 0.1, 0.4])  # at dose 1; in a straight line from 0


def asked(seed=1, images=2000, losses=LOSSES):
    effect = [[-loss * dose for loss in losses] for dose in DOSES[1:]]
    return simulate(classes=len(losses), images=images, effect=effect, doses=DOSES, noise=QUIET, seed=seed).predictions


def test_the_dose_at_which_a_straight_line_crosses():
    found = preservation({"mlp": asked(images=20_000)})
    assert np.isinf(found.last[0, :2]).all()
    assert found.last[0, 2] == pytest.approx(0.5, abs=0.06)
    assert found.last[0, 3] == pytest.approx(0.125, abs=0.02)
    assert (found.last_low <= found.last).all()
    assert (found.last <= found.last_high).all()
    assert found.order().tolist()[:2] == [3, 2]
    assert "the end" in str(found)


def test_intervals_of_doses_cover():
    hits, tries = 0, 40
    for seed in range(tries):
        found = preservation({"mlp": asked(seed=seed, images=400)})
        hits += int((found.last_low[0, 3] <= 0.125) & (found.last_high[0, 3] >= 0.125))
    assert hits >= 0.85 * tries


def test_architectures_agree_or_do_not():
    same = preservation({"a": asked(1), "b": asked(2)})
    assert same.agreement.w == pytest.approx(1)
    other = preservation({"a": asked(1), "b": asked(2, losses=LOSSES[::-1])})
    assert other.agreement.w < 0.2
    assert "2 architectures' orders of 4 classes agree with Kendall's W" in str(same)


def test_what_is_lost_foretells_what_is_harmed_where_it_does():
    preserved = preservation({"mlp": asked()})
    arms = {f"crop={d:g}": d for d in DOSES}
    labels, rng = np.repeat(np.arange(4), 2000), np.random.default_rng(0)

    def answers(accuracy):
        right = rng.random((5, 8000)) < np.array(accuracy)[labels]
        return np.where(right, labels, (labels + 1) % 4)

    base, lost = [0.9] * 4, [0.9, 0.6, 0.9, 0.5]  # the second is harmed although its label is kept
    guess = {arm: answers(lost if dose == 1 else base) for arm, dose in arms.items()}
    preds = Predictions.from_arrays(labels, guess, dose=arms, classes=[f"class {c}" for c in range(4)])
    told = {x.dose: x for x in foretold(preserved, estimate(preds, 0.0))}
    last = told[1.0]
    assert last.at_risk.tolist() == [False, False, True, True]
    assert last.harmed.tolist() == [False, True, False, True]
    assert last.surprising == ["class 1"]
    assert "Of 2 classes that certainly lose their label, 1 is harmed: 50 % (" in str(last)
    assert "Harmed although the label is kept: class 1." in str(last)
    assert "No class is among those that are harmed" in str(told[0.25])
    assert json.dumps(last.to_json(), allow_nan=False)
    assert json.dumps(preserved.to_json(), allow_nan=False)


def test_a_class_without_images_is_cannot_tell():
    preds = Predictions.from_arrays([0, 0], {"off": [[0, 0]], "on": [[0, 1]]}, dose={"off": 0, "on": 1}, classes="abc")
    found = preservation({"mlp": preds})
    assert np.isnan(found.last[0, 1:]).all()
    assert "cannot tell" in str(found)
    assert json.dumps(found.to_json(), allow_nan=False)


def test_mistakes():
    preds = Predictions.from_arrays([0], {"off": [[0]], "on": [[0]]}, dose={"off": 0.5, "on": 1}, classes="ab")
    with pytest.raises(InputError, match=r"has the doses .* expected 0 once"):
        preservation({"mlp": preds})
    with pytest.raises(InputError, match="is empty"):
        preservation({})
    with pytest.raises(InputError, match="delta=5"):
        preservation({"mlp": asked()}, delta=5)
    with pytest.raises(InputError, match="other classes or doses"):
        preservation({"a": asked(), "b": asked(losses=LOSSES[:3])})


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (5, 5), (3, 17)])
def test_wilson_as_statsmodels(hits, total):
    assert wilson(hits, total, 0.9) == pytest.approx(proportion_confint(hits, total, alpha=0.1, method="wilson"))


def test_draws_about_the_same_models_tell_nothing_of_others():
    from dataclasses import replace

    preds = replace(asked(images=50), same_models=True)
    assert estimate(preds, 0.0).method.generalizes_to == "images"
    with pytest.raises(InputError, match="draws about the same models"):
        estimate(preds, 0.0, generalize_to="images and runs")


def test_by_label_sets_both_readings_stand_side_by_side():
    label = ["desk"] * 100 + ["dog"] * 100
    changed = ["screen"] * 60 + label[60:110] + ["desk"] * 90
    arms = {"off": [label], "on": [changed]}
    asked = Predictions.from_arrays(label, arms, classes=["desk", "dog", "screen"], dose={"off": 0.0, "on": 1.0})
    sets = [["desk", "screen"]] * 100 + [["dog"]] * 99 + [[]]
    found = preservation({"a <net>": with_label_sets(asked, sets)})
    assert found.last[0, 0] == np.inf
    assert found.single is not None
    assert found.single.last[0, 0] == pytest.approx(0.05 / 0.6)
    assert (found.several, found.effects[0].n.tolist(), found.single.effects[0].n.tolist()) == (
        100,
        *[[100, 99, 0]] * 2,
    )
    text = str(found)
    assert "by label sets (100 of 199 images have several)" in text
    assert "1 image without a right label is left out." in text
    assert (
        "By a <net>, 2 classes certainly lose their label at the strongest dose by the single label; by the sets 1 of"
        " these does." in text
    )
    assert "kept to dose, by a <net>, single label  kept to dose, by a <net>, label sets" in text
    assert len(found.kept(0)) == len(found.heads()) == 2
    document = found.to_json()
    assert document["label_sets"] == {"several": 100, "unlabelled": 1}
    desk = document["networks"][0]["classes"][0]
    assert (desk["last"], desk["effect"], desk["single"]["effect"]) == (None, [0.0], [pytest.approx(-0.6)])
    one = preservation({"net": asked})
    assert (one.single, one.by_sets(), one.to_json()["label_sets"], len(one.heads())) == (None, "", None, 1)
    assert "single" not in one.to_json()["networks"][0]["classes"][0]
