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


def test_shares_are_told_with_as_many_digits_as_their_change_needs():
    right = [np.arange(5000) >= wrong for wrong in (667, 663)]
    label = np.zeros(5000, int)
    effects = estimate(Predictions.from_arrays(label, {"a": 1 - right[0], "b": 1 - right[1]}), "a")
    assert "it gained 0.1 points, from 86.66 % to 86.74 % (" in effects.sentence("b", "0")


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


@pytest.fixture(scope="module")
def four():
    """One class of each finding, at a margin of ten points."""
    sim = simulate(classes=4, images=[2000, 8000, 2000, 10], runs=5, effect=[-0.3, 0.0, 0.2, 0.0], accuracy=0.7, seed=2)
    return estimate(sim.predictions, "baseline").within(0.1)


def test_every_finding_has_its_words(four):
    harmed, unchanged, helped, unclear = (four.sentence("arm 1", f"class {c}") for c in range(4))
    assert harmed.startswith("Class 'class 0' lost 30.4 points, from ")
    assert "chance does not explain that (q < 0.001). It did" in harmed
    assert "points worse than the average (q" in harmed
    assert "gained" in helped
    assert "is unchanged: it " in unchanged
    assert "certainly by less than 10.0 points either way" in unchanged
    assert "cannot tell" in unclear
    assert "4 times in 5" in unclear
    assert "1 of 4 classes harmed, 1 helped (q < 0.05); 1 unchanged within 10.0 points" in four.headline("arm 1")
    assert "unchanged" in str(four)


def test_a_small_loss_that_is_certain_is_called_both(four):
    assert "It is certainly less than 50.0 points." in four.within(0.5).sentence("arm 1", "class 0")
    assert "certainly less" not in four.sentence("arm 1", "class 0")


def test_another_correction_decides_and_says_so(preds):
    effects = estimate(preds, "baseline")
    strict = effects.corrected("holm")
    known = effects.known
    assert (strict.q[known] >= effects.q[known]).all()
    assert strict.q[known] == pytest.approx(effects.holm()[known])
    assert (strict.relative_q[known] >= effects.relative_q[known]).all()
    assert "Holm over 2 arms" in str(strict)
    assert "(Holm p < 0.05)" in strict.headline("arm 1")
    same(strict.corrected("bh"), effects)
    assert strict.corrected("bh").method == effects.method
    with pytest.raises(InputError, match="correction='bonferroni' is unknown; expected one of: bh, holm"):
        effects.corrected("bonferroni")


def test_simultaneous_intervals_are_wider_and_say_so(preds):
    effects = estimate(preds, "baseline")
    bands = effects.simultaneous()
    assert (bands.low[effects.known] <= effects.low[effects.known]).all()
    assert "for all classes and arms at once" in str(bands)
    assert "for all classes at once" in bands.sentence("arm 1", "class 0")
    assert np.array_equal(bands.findings(), effects.findings())


def test_margins_are_proportions(preds):
    for wrong in (0, 1, -0.1, float("nan")):
        with pytest.raises(InputError, match="margin="):
            estimate(preds, "baseline").within(wrong)


def test_the_table_can_show_effects_against_the_average(four):
    shown = four.text(relative=True)
    assert "against average" in shown
    assert "worse than average" in shown
    assert "P(harm)" not in shown


@pytest.mark.parametrize("classes", [2, 300])
def test_any_number_of_classes_is_told(classes):
    made = estimate(simulate(classes=classes, images=20, runs=2).predictions, "baseline")
    assert f"{classes} classes" in made.text(rows=2)
    assert len(made.to_json()["arms"][0]["classes"]) == classes


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
        "class", "n", "before", "effect", "low", "high", "p", "q", "shrunk", "prob_harm",
        "se", "df", "detectable", "band_low", "band_high", "p_holm", "finding", "relative",
    }  # fmt: skip
    assert set(arm["classes"][0]["relative"]) == {"effect", "low", "high", "p", "q", "finding"}
    assert arm["classes"][4]["effect"] is None
    assert arm["classes"][4]["relative"]["q"] is None
    assert arm["classes"][4]["finding"] == "cannot tell"
    assert sum(arm["findings"].values()) == 5
    assert (arm["generalizes_to"], made["margin"], made["correction"]) == ("images and runs", 0.01, "bh")


def test_json_repeats_the_numbers(preds):
    effects = estimate(preds, "baseline")
    low, high = effects.bands()
    for a, arm in enumerate(effects.to_json()["arms"]):
        for c, row in enumerate(arm["classes"][:4]):
            for name in ("effect", "se", "df", "p"):
                assert row[name] == getattr(effects, name)[a, c]
            assert (row["band_low"], row["band_high"]) == (low[a, c], high[a, c])
            assert row["relative"]["effect"] == effects.relative[a, c]
            assert row["detectable"] == effects.detectable()[a, c]


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
    assert "1 class" in e.headline("b")
    assert "cannot tell" in e.sentence("b", "0")
    assert e.to_json()["arms"][0]["class_dependence"]["high"] is None


def test_an_arm_of_which_nothing_is_left_does_not_vanish():
    preds = simulate(classes=2, images=20, runs=2, effect=[0.0, 0.0], seed=1).predictions
    lost = (LeftOut("arm 2", 0, "diverged"), LeftOut("arm 2", 1, "diverged"))
    effects = estimate(replace(preds, left_out=lost), baseline="baseline")
    assert effects.left_out == lost
    assert "arm 2 seed 1 (diverged)" in str(effects)
