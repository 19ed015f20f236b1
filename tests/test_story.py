import numpy as np

import barnspider as barn
from barnspider.story import best_on_average, tell


def swept(effect, doses=(0.0, 0.3, 0.9), images=300):
    sim = barn.simulate(classes=3, images=images, runs=6, effect=effect, doses=doses, paired=True, seed=3)
    return barn.estimate(sim.predictions, 0.0), sim.predictions


def test_who_pays_is_named_with_loss_and_interval():
    effects, preds = swept([[0.05, 0.05, 0.05], [-0.4, 0.0, 0.0]])
    assert best_on_average(preds) == "arm 1"
    first, at_best, at_strongest = tell(effects, "arm 1", "crop")
    assert first == "crop: on validation images arm 1 is best on average."
    assert "gained" in at_best
    assert "and 1 pays: 'class 0' loses" in at_strongest
    assert "at most 5 %" in at_strongest


def test_nobody_pays_says_what_could_hide():
    effects, _ = swept([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], images=30)
    assert "none can be shown to pay, though a loss of up to" in tell(effects, "arm 2", "crop")[1]


def test_off_is_best():
    effects, preds = swept([[-0.1, -0.1, -0.1], [-0.3, -0.3, -0.3]])
    assert best_on_average(preds) == "baseline"
    sentences = tell(effects, "baseline", "crop")
    assert sentences[0] == "crop: on validation images no dose is better on average than baseline."
    assert len(sentences) == 2


def test_of_equal_averages_the_smaller_dose_is_best():
    answers = np.zeros((2, 10), int)
    preds = barn.Predictions.from_arrays(
        np.zeros(10, int), {"big": answers, "small": answers}, classes=["x"], dose={"big": 0.9, "small": 0.1}
    )
    assert best_on_average(preds) == "small"
