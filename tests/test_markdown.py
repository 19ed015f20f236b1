import numpy as np
import pytest

import barnspider as barn
from barnspider.markdown import LIMIT, to_markdown


def test_who_pays_and_who_gains():
    sim = barn.simulate(classes=3, images=400, runs=4, effect=[-0.4, 0.0, 0.15], seed=1)
    text = to_markdown(barn.estimate(sim.predictions, "baseline"))
    harmed, helped = text.index("Harmed"), text.index("Helped")
    assert harmed < text.index("| class 0 |") < helped < text.index("| class 2 |")
    assert "| class 1 |" not in text


def test_it_says_how_it_was_judged():
    sim = barn.simulate(classes=3, images=400, runs=4, effect=[-0.4, 0.0, 0.15], seed=1)
    effects = barn.estimate(sim.predictions, "baseline").corrected("holm").within(0.2).simultaneous()
    text = to_markdown(effects)
    assert text.index("Unchanged") < text.index("| class 1 |")
    assert "| Holm p |" in text
    assert "helped: Holm p < 0.05 (Holm over 1 arm" in text
    assert "of all classes and arms at once" in text
    assert "by less than 20.0 points" in text


@pytest.mark.parametrize("arms", [2, 400])
def test_it_fits_into_a_comment_whatever_the_size(arms):
    rng = np.random.default_rng(0)
    label = np.arange(3000) % 1000
    guess = {f"arm {a} {'x' * 500}": np.where(rng.random(3000) < 0.5, label, 0)[None].repeat(2, 0) for a in range(arms)}
    preds = barn.Predictions.from_arrays(label, guess, classes=[f"<b>|{i}" + "y" * 900 for i in range(1000)])
    text = to_markdown(barn.estimate(preds, next(iter(guess))))
    assert len(text) < LIMIT
    assert "<b>" not in text


def test_left_out_arms_are_counted():
    label = np.zeros(40, int)
    guess = {f"arm {a}": np.zeros((2, 40), int) for a in range(900)}
    text = to_markdown(barn.estimate(barn.Predictions.from_arrays(label, guess, classes=["x"]), "arm 0"))
    assert len(text) < LIMIT
    assert "left out: there is no more room" in text
