"""What a linear model's answers are said to mean for a study."""

import json

import numpy as np
import pytest

from barnspider import InputError, Predictions, estimate
from barnspider.simulate import simulate
from barnspider.theory import beside, grown, theory

DOSES = (0.0, 0.3, 0.6, 0.9)


def seen(effect, doses=DOSES, seed=1, **given):
    return simulate(images=400, runs=4, effect=effect, doses=doses, seed=seed, **{"classes": 6} | given).predictions


def said(effect, doses=DOSES, **given):
    preds = seen(effect, doses)
    return theory(preds, preds, "baseline", **given)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ([[-0.1], [-0.2], [-0.3]], "at the weakest of these doses: by this model the study tells who pays"),
        ([[0.1], [-0.2], [-0.3]], "inside these doses."),
        ([[0.02], [0.1], [0.18]], "at the strongest of these doses: stronger ones may be better still."),
        ([[-0.1], [-0.1], [0.0]], "but "),
    ],
)
def test_where_the_optimum_lies(effect, words):
    assert words in said([[x[0]] * 6 for x in effect]).position()


def test_doses_of_one_number_for_each_class_have_no_order():
    preds = Predictions.from_arrays([0, 1] * 50, {"a": np.zeros((2, 100), int), "b": np.ones((2, 100), int)})
    assert "nobody can say" in theory(preds, preds, "a").position()


def test_who_is_at_risk_and_from_where():
    found = said([[0, 0, 0, 0, 0, -0.25], [0, -0.2, 0, 0, 0, -0.3], [0.1, -0.25, 0, 0, 0, -0.4]])
    assert found.at_risk() == [("class 5", "arm 1", 3), ("class 1", "arm 2", 2)]
    text = str(found)
    assert "Classes at risk, harmed at some dose (q < 0.05): 2 of 6\n  class 5, first at arm 1\n" in text
    assert "On validation images. Best on average: baseline" in text
    assert "learns no features" in text
    assert "Classes at risk: none is harmed at any dose" in str(said([[0.0] * 6] * 3))
    assert "... and 1 more" in found.text(rows=1)


def test_beside_a_trained_study():
    change = [[0, -0.1, -0.2, 0.1, -0.3, 0.05], [0] * 6, [-0.2] * 6]
    there = estimate(seen(change, seed=2), "baseline")
    found = said(change, trained=there).beside
    assert [x.arm for x in found] == ["arm 1", "arm 2", "arm 3"]
    assert found[0].correlation.rho > 0.8
    assert found[0].both == 3 <= min(found[0].harmed_here, found[0].harmed_there)
    assert "arm 1: rank correlation of the classes' effects 1.00 (" in str(said(change, trained=there))
    fewer = estimate(seen(change, seed=2).where(arms=["baseline", "arm 2"]), "baseline")
    assert [x.arm for x in said(change, trained=fewer).beside] == ["arm 2"]
    with pytest.raises(InputError, match="other classes"):
        beside(there, estimate(seen(0.1, (0, 1), classes=3), "baseline"))
    with pytest.raises(InputError, match="compared with 'arm 1'"):
        beside(there, estimate(seen(change), "arm 1"))


def test_the_path_of_penalties_and_what_was_chosen():
    change = [[0.1] * 5 + [-0.2]]
    path = seen(change, (1e-3, 1e-1))
    preds = seen(change, (0.0, 1.0))
    found = theory(preds, preds, "baseline", penalty=[0.1, 0.01], path=(path, path), about="what it is")
    assert found.penalty == (0.1, 0.01)
    text = str(found)
    assert text.startswith("what it is\nChange of accuracy from 'baseline'")
    assert "Weight decay, which is the penalty, at 'baseline'. Who pays for arm 1" in text
    assert "1 of 6 classes certainly pays: class 5" in text
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["penalty"] == {"baseline": 0.1, "arm 1": 0.01}
    assert document["at_risk"] == [{"class": "class 5", "from": "arm 1", "arms": 1}]
    assert document["effects"]["arms"][0]["arm"] == "arm 1"
    assert json.dumps(said(change, (0.0, 1.0)).to_json(), allow_nan=False)


def test_names_of_strangers_and_classes_without_images():
    names = ["[/red]", "a\x1b[31m\nb", "<img>", "empty"]
    label = np.repeat([0, 1, 2], 100)
    arms = {"off": np.tile(label, (3, 1)), "on": np.tile(np.where(label == 1, 0, label), (3, 1))}
    preds = Predictions.from_arrays(label, arms, classes=names, dose={"off": 0, "on": 1})
    found = theory(preds, preds, "off")
    growth = grown([(10, preds), (20, preds)], "off", "on")
    for text in (str(found), str(growth)):
        assert "\x1b" not in text
        assert "nan" not in text
    assert [name for name, _, _ in found.at_risk()] == [names[1]]
    assert "cannot tell" in str(growth)
    assert json.dumps([found.to_json(), growth.to_json()], allow_nan=False)
    assert "<img>" not in found._repr_html_()


def test_growth_says_what_remains():
    few, many = (seen([[0, -0.2, 0, 0, 0, -x]], (0, 1), seed=3) for x in (0.3, 0.1))
    found = grown([(100, few), (1600, many)], "baseline", "arm 1")
    assert found.remains == ["class 1", "class 5"]
    assert "With 1,600 images 2 classes of 6 are still harmed: class 1, class 5." in str(found)
    assert "... and 4 more" in found.text(rows=2)
    none = seen([[0.0] * 6], (0, 1))
    assert "no class is harmed any more" in str(grown([(100, few), (1600, none)], "baseline", "arm 1"))
    with pytest.raises(InputError, match="is empty"):
        grown([], "baseline", "arm 1")
