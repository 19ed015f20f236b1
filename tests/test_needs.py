"""What a design that was run needs: coherent with what it finds, and with planning."""

import json

import numpy as np
import pytest

import barnspider as barn
from barnspider.needs import advice, needs


def made(runs=4, effect=0.05, over="auto", images=(100, 30, 1, 0), **more):
    preds = barn.simulate(classes=len(images), images=list(images), runs=runs, seed=2, **more).predictions
    return needs(barn.estimate(preds, "baseline", generalize_to=over), preds, "arm 1", effect=effect)


@pytest.mark.parametrize("over", ["images and runs", "images", "runs"])
@pytest.mark.parametrize("effect", [0.02, 0.1, 0.5])
def test_who_finds_it_needs_no_more_and_who_does_not_needs_more(over, effect):
    n = made(over=over, effect=effect)
    enough = n.detectable <= effect
    for needed, there in ((n.runs_needed, n.runs), (n.images_needed, n.n)):
        with np.errstate(invalid="ignore"):
            assert not (needed > there)[enough].any()
            assert not (needed <= there)[~enough].any()


def test_images_only_follow_the_square():
    n = made(runs=1)
    assert np.isnan(n.runs_needed).all()
    assert n.images_needed[0] == pytest.approx(100 * (n.detectable[0] / 0.05) ** 2, rel=0.01)


def test_where_nothing_varies_more_images_are_needed_all_the_same():
    label = np.repeat([0, 1], 50)
    guess = np.tile(label, (3, 1))
    guess[:, 50:60] = 0
    preds = barn.Predictions.from_arrays(label, {"a": guess, "b": guess})
    n = needs(barn.estimate(preds, "a"), preds, "b", effect=0.001)
    assert 50 < n.images_needed[0] < np.inf


def test_advice_is_for_all_that_are_chosen():
    n = made()
    for chosen, said in (
        ([0, 0, 0, 0], ""),
        ([0, 0, 1, 0], "A class of one image needs more of them"),
        ([1, 0, 0, 0], "To find a change of 5.0 points in each of them"),
        ([1, 0, 1, 0], "(not counting classes of one image)"),
    ):
        assert said in advice([(n, np.array(chosen, dtype=bool))])
    assert advice([]) == advice([(n, np.zeros(4, dtype=bool))]) == ""
    assert "too close to call" in advice([(made(effect=0.9), np.array([True, False, False, False]))])


def test_the_table_shows_the_neediest_first():
    n = made()
    assert n.worst_first()[0] == 3
    text = str(n)
    assert text.index("class 3") < text.index("class 0")
    assert "no images" in text
    assert "nan" not in text
    assert "... and 2 more" in n.text(rows=2)


def test_it_is_json_without_nan():
    document = json.loads(json.dumps(made().to_json(), allow_nan=False))
    assert document["classes"][3] == {
        "class": "class 3", "n": 0, "detectable": None, "runs_needed": None, "images_needed": None
    }  # fmt: skip
    assert isinstance(document["classes"][0]["images_needed"], int | None)


@pytest.mark.parametrize("effect", [0, 1, -0.1, float("nan")])
def test_effects_are_proportions(effect):
    with pytest.raises(barn.InputError, match="effect="):
        made(effect=effect)


def test_no_design_gets_better_faster_than_its_images_grow():
    label = np.repeat(np.arange(5), 20)
    preds = barn.Predictions.from_arrays(label, {a: np.tile(label, (3, 1)) for a in "ab"})
    n = needs(barn.estimate(preds, "a"), preds, "b", effect=0.02)
    assert (n.images_needed >= 20 * n.detectable / 0.02).all()


def test_a_class_of_one_image_finds_nothing():
    preds = barn.Predictions.from_arrays([0, 1, 2], {"a": [0, 1, 2], "b": [0, 0, 0]})
    effects = barn.estimate(preds, "a")
    assert "This design finds no change, however large, 4 times in 5." in effects.sentence("b", "1")
    assert "cannot tell; change -100.0 points" in (said := str(barn.Gate().check(effects)))
    assert "this design finds no change, however large." in said
    assert "nothing" in needs(effects, preds, "b").text()
