"""The promises of Effects: exact symmetries, stated answers at the extremes, text and JSON without NaN."""

import json
from dataclasses import replace

import numpy as np
import pytest

from barnspider.effects import estimate
from barnspider.errors import InputError
from barnspider.predictions import LeftOut, Predictions
from barnspider.simulate import simulate

NUMBERS = ("effect", "low", "high", "se", "df", "p", "q", "shrunk", "prob_harm", "after")
PER_ARM = ("overall", "overall_low", "overall_high", "overall_p", "tau", "tau_low", "tau_high", "tau_p")


@pytest.fixture
def preds() -> Predictions:
    return simulate(classes=5, images=[40, 30, 50, 1, 0], runs=(4, 3, 4), effect=[[-0.1], [0.05]], seed=3).predictions


def same(a, b, classes=slice(None)):
    for name in NUMBERS:
        assert getattr(a, name)[:, classes] == pytest.approx(getattr(b, name), abs=1e-12, nan_ok=True), name
    for name in PER_ARM:
        assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-12), name


@pytest.mark.parametrize("paired", [False, True])
def test_the_order_of_runs_and_images_does_not_matter(preds, paired):
    rng = np.random.default_rng(0)
    preds = replace(preds, paired=paired)
    runs, samples = rng.permutation(len(preds.arm)), rng.permutation(len(preds.label))
    arms = ["arm 1", "arm 2"]
    same(
        estimate(preds, "baseline", arms=arms), estimate(preds.where(runs=runs, samples=samples), "baseline", arms=arms)
    )


def test_relabelling_classes_permutes_the_answer(preds):
    new = np.array([3, 0, 4, 2, 1])
    names = [preds.classes[int(np.flatnonzero(new == c)[0])] for c in range(5)]
    moved = replace(preds, label=new[preds.label], guess=new[preds.guess], classes=tuple(names))
    same(estimate(moved, "baseline"), estimate(preds, "baseline"), classes=new)


@pytest.mark.parametrize("over", ["images and runs", "images", "runs"])
@pytest.mark.parametrize("paired", [False, True])
def test_equal_arms_are_exactly_zero(over, paired):
    sim = simulate(classes=3, images=30, runs=3)
    guess = sim.predictions.guess[:3]
    twins = Predictions.from_arrays(sim.predictions.label, {"a": guess, "b": guess}, paired=paired)
    effects = estimate(twins, "a", generalize_to=over)
    assert (effects.effect == 0).all()
    assert (effects.p == 1).all()
    assert effects.overall[0] == 0
    assert effects.tau[0] == 0
    assert (effects.low < 0).all()
    assert (effects.high > 0).all()


@pytest.mark.parametrize("over", ["images and runs", "images", "runs"])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [1, 2, 10])
def test_all_right_in_both_arms_is_not_certain(over, paired, n):
    label = np.repeat([0, 1], n)
    right = np.tile(label, (2, 1))
    effects = estimate(Predictions.from_arrays(label, {"a": right, "b": right}, paired=paired), "a", generalize_to=over)
    assert (effects.high - effects.low > 0.01).all()
    assert (effects.before_low < 1).all()
    assert (effects.before_high == 1).all()
    assert np.isfinite(effects.df).all()
    assert np.isfinite(effects.shrunk).all()


def test_a_class_without_images_is_unknown(preds):
    effects = estimate(preds, "baseline")
    assert effects.known[:, 4].tolist() == [False, False]
    assert np.isnan(effects.effect[:, 4]).all()
    assert "no images" in effects.sentence("arm 1", "class 4")
    assert np.isfinite(effects.effect[:, 3]).all()  # one image
    assert not effects.harmed[:, 4].any()


def test_one_run_speaks_of_these_models_only():
    preds = simulate(classes=3, images=30, runs=(3, 1, 3), effect=[[0.0], [0.0]]).predictions
    effects = estimate(preds, "baseline")
    assert effects.generalizes_to("arm 1") == "images"
    assert effects.generalizes_to("arm 2") == "images and runs"
    assert "these models, not the recipe" in str(effects)
    with pytest.raises(InputError, match="one run"):
        estimate(preds, "baseline", generalize_to="runs")


def test_known_effects_are_found():
    sim = simulate(classes=10, images=300, runs=5, effect=np.linspace(-0.3, 0.15, 10), seed=1)
    effects = estimate(sim.predictions, "baseline")
    assert effects.harmed[0, :3].all()
    assert effects.helped[0, -2:].all()
    assert effects.tau_low[0] < sim.effect[0].std(ddof=1) < effects.tau_high[0]
    assert effects.worst_first("arm 1")[0] in (0, 1)


def test_every_class_has_one_of_four_findings():
    effect = [-0.3, 0.0, 0.2, 0.0]
    sim = simulate(classes=4, images=[2000, 8000, 2000, 10], runs=5, effect=effect, accuracy=0.7, seed=2)
    effects = estimate(sim.predictions, "baseline")
    assert effects.findings(0.1)[0].tolist() == ["harmed", "unchanged", "helped", "cannot tell"]
    assert (effects.findings() == effects.findings(effects.method.margin)).all()


def test_interval_and_p_value_are_one_test(preds):
    e = estimate(preds, "baseline")
    with np.errstate(invalid="ignore"):
        excludes_zero = (e.low > 0) | (e.high < 0)
    assert np.array_equal(excludes_zero, e.known & (e.p < 0.05))


def test_baseline_by_dose():
    preds = simulate(doses=(0.0, 0.5)).predictions
    assert estimate(preds, 0.0).baseline == "baseline"
    with pytest.raises(InputError, match="dose of 0 arms"):
        estimate(preds, 0.3)


@pytest.mark.parametrize(
    "wrong",
    [{"baseline": "plian"}, {"level": 95}, {"arms": ["baseline"]}, {"arms": []}, {"arms": ["x"]},
     {"generalize_to": "seeds"}],
)  # fmt: skip
def test_wrong_requests_say_so(preds, wrong):
    with pytest.raises(InputError, match="expected"):
        estimate(preds, **({"baseline": "baseline"} | wrong))


def test_json_has_no_nan_and_the_agreed_names(preds):
    made = json.loads(json.dumps(estimate(preds, "baseline").to_json(), allow_nan=False))
    assert made["schema"] == "barnspider/effects/1"
    arm = made["arms"][0]
    assert set(arm) >= {"arm", "dose", "runs", "overall", "class_dependence", "classes"}
    assert set(arm["classes"][0]) >= {
        "class", "n", "before", "effect", "low", "high", "p", "q", "shrunk", "prob_harm"
    }  # fmt: skip
    assert arm["classes"][4]["effect"] is None


def test_frame_has_a_row_for_each_arm_and_class(preds):
    frame = estimate(preds, "baseline").to_frame()
    assert frame.shape[0] == 10
    assert frame["effect"].is_null().sum() == 2
    assert not frame["effect"].is_nan().any()


def test_text_is_for_people(preds):
    preds = replace(preds, left_out=(LeftOut("arm 1", 9, "diverged"),))
    effects = estimate(preds, "baseline")
    text = str(effects)
    assert "class dependence tau" in text
    assert "nan" not in text.lower().replace("finance", "")
    assert "diverged" in text
    assert "and 2 more" in effects.text(rows=3)


def test_html_is_escaped():
    preds = Predictions.from_arrays(["<b>", "x", "<b>"], {"a": [["<b>", "x", "x"]], "<i>": [["<b>", "x", "<b>"]]})
    made = estimate(preds, "a")._repr_html_()
    assert "<b>" not in made
    assert "&lt;b&gt;" in made
    assert "<i>" not in made


def test_one_class_cannot_depend_on_the_class():
    e = estimate(Predictions.from_arrays([0, 0, 0], {"a": [[0, 1, 0]], "b": [[0, 0, 0]]}), "a")
    assert "class dependence: cannot tell" in str(e)
    assert "inf" not in str(e)
    assert e.to_json()["arms"][0]["class_dependence"]["high"] is None
