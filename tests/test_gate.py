import json
from dataclasses import replace

import numpy as np
import pytest

import barnspider as barn
from barnspider import Gate, InputError, estimate, simulate


def effects_of(effect, *, images=400, runs=5, seed=0, **more):
    sim = simulate(classes=len(effect), images=images, runs=runs, effect=effect, paired=True, seed=seed, **more)
    return estimate(sim.predictions, "baseline")


def test_a_large_loss_fails_and_names_the_class_first():
    verdict = Gate(max_drop=0.02).check(effects_of([0.0, -0.3, 0.0]))
    assert (verdict.status, verdict.exit_code) == ("fail", 1)
    assert verdict.findings[0].class_ == "class 1"
    assert verdict.findings[0].high < -0.02


def test_many_answers_without_loss_pass():
    verdict = Gate(max_drop=0.05).check(effects_of([0.0, 0.01], images=4000))
    assert (verdict.status, verdict.exit_code, verdict.findings) == ("pass", 0, ())


def test_few_answers_cannot_tell():
    verdict = Gate(max_drop=0.01).check(effects_of([0.0, 0.0], images=20))
    assert (verdict.status, verdict.exit_code) == ("inconclusive", 3)
    assert {f.status for f in verdict.findings} == {"inconclusive"}


def test_a_class_without_images_is_not_judged():
    preds = barn.Predictions.from_arrays(
        [0] * 500, {"a": np.zeros((2, 500), int), "b": np.zeros((2, 500), int)}, classes=["seen", "unseen\x1b[31m"]
    )
    verdict = Gate(max_drop=0.1).check(estimate(preds, "a"))
    assert (verdict.status, verdict.findings) == ("pass", ())
    assert dict(verdict.counts) == {"pass": 1, "fail": 0, "inconclusive": 0}
    assert "Not judged, no images: unseen\\x1b[31m." in str(verdict)
    assert verdict.to_json()["not_judged"] == ["unseen\x1b[31m"]


def test_without_any_image_nothing_is_known():
    effects = effects_of([0.0, 0.0])
    nan = np.full_like(effects.effect, np.nan)
    blind = replace(effects, known=np.zeros_like(effects.known), n=0 * effects.n, effect=nan, se=nan, df=nan, p=nan)
    verdict = Gate().check(blind)
    assert (verdict.status, verdict.not_judged) == ("inconclusive", ())
    assert [(f.class_, f.effect, f.detectable) for f in verdict.findings] == [
        ("class 0", None, None),
        ("class 1", None, None),
    ]
    assert "no evidence" in str(verdict)
    json.dumps(verdict.to_json(), allow_nan=False)


def test_the_verdict_is_json_without_nan():
    preds = barn.Predictions.from_arrays([0, 0, 1], {"a": [[0, 0, 1]], "b": [[0, 1, 1]]}, classes=["x", "y", "z"])
    document = json.loads(json.dumps(Gate().check(estimate(preds, "a"), preds).to_json(), allow_nan=False))
    assert document["schema"] == "barnspider/verdict/1"
    assert document["counts"] == {"pass": 0, "fail": 0, "inconclusive": 2}
    assert document["not_judged"] == ["z"]
    assert set(document["findings"][0]) == {
        "arm", "class", "status", "effect", "low", "high", "p", "detectable", "sentence", "runs_needed", "images_needed"
    }  # fmt: skip


def undecided(images=60, runs=3, max_drop=0.02, effect=(0.0, 0.0)):
    sim = simulate(classes=len(effect), images=images, runs=runs, effect=effect, seed=4)
    effects = estimate(sim.predictions, "baseline")
    return effects, Gate(max_drop=max_drop).check(effects, sim.predictions)


def test_cannot_tell_says_what_it_takes():
    effects, verdict = undecided(images=100, runs=8, max_drop=0.05)
    worst = verdict.findings[0]
    c = effects.classes.index(worst.class_)
    assert worst.detectable == effects.detectable()[0, c] > 0.05
    assert f"finds changes of {100 * worst.detectable:.1f} points or more" in worst.sentence
    assert worst.images_needed > 100
    most = max(f.images_needed for f in verdict.findings)
    assert "To find a change of 5.0 points in each of them, 4 times in 5, takes" in verdict.needs
    assert f"{most:,} images of each class" in verdict.needs
    assert verdict.needs in str(verdict)
    assert verdict.to_json()["needs"] == verdict.needs


def test_with_what_it_takes_it_can_tell():
    _, verdict = undecided(images=100, runs=8, max_drop=0.05)
    needed = max(f.images_needed for f in verdict.findings)
    assert undecided(images=needed, runs=8, max_drop=0.05)[1].status == "pass"


def test_one_run_speaks_of_images_only():
    _, verdict = undecided(runs=1)
    assert "images of each class" in verdict.needs
    assert "runs" not in verdict.needs
    assert {f.runs_needed for f in verdict.findings} == {None}


def test_a_fail_also_says_what_the_others_need():
    _, verdict = undecided(effect=(-0.5, 0.0))
    assert [f.status for f in verdict.findings] == ["fail", "inconclusive"]
    assert verdict.findings[0].images_needed is None
    assert "takes" in verdict.needs


def test_without_predictions_it_says_what_the_design_finds():
    verdict = Gate().check(effects_of([0.0, 0.0], images=50))
    assert "In the undecided classes this design finds changes of" in verdict.needs


def test_nothing_shows_that_nothing_was_lost():
    _, verdict = undecided(max_drop=0.0)
    assert verdict.status == "inconclusive"
    assert "this design finds" in verdict.needs


@pytest.mark.parametrize("max_drop", [-0.1, 1.0, 2, float("nan")])
def test_margins_are_proportions(max_drop):
    with pytest.raises(InputError, match="max_drop="):
        Gate(max_drop=max_drop)


def test_names_cannot_act_on_the_terminal():
    preds = barn.Predictions.from_arrays(
        np.zeros(50, int),
        {"a\x1b[2J": np.zeros((2, 50), int), "b": np.ones((2, 50), int)},
        classes=["x\n\x1b[31m", "y"],
    )
    said = str(Gate().check(estimate(preds, "a\x1b[2J")))
    assert "\x1b" not in said
    assert "x\\n\\x1b[31m" in said


def share(status, effect, max_drop, repeats=200):
    """How often the gate says `status` of simulated studies whose true effects are known."""
    verdicts = (Gate(max_drop=max_drop).check(effects_of(effect, images=100, seed=s)) for s in range(repeats))
    return sum(v.status == status for v in verdicts) / repeats


# Bounds are 5 % plus three Monte-Carlo standard errors of 200 repeats.
def test_false_alarms_are_as_rare_as_stated():
    assert share("fail", [-0.05] * 12, max_drop=0.05) <= 0.05 + 0.046


def test_false_passes_are_as_rare_as_stated():
    assert share("pass", [-0.0501, 0.1, 0.1], max_drop=0.05) <= 0.05 + 0.046


def test_a_loss_that_is_clear_alone_and_not_among_many_says_so():
    effects = effects_of([-0.1, *[0.0] * 200], images=100)
    shown = [f.sentence for f in Gate().check(effects).findings if f.status == "inconclusive" and (f.p or 1) <= 0.05]
    assert shown
    assert all("cannot tell among 201 classes;" in sentence for sentence in shown)
