import json

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


def test_a_class_without_images_never_passes():
    preds = barn.Predictions.from_arrays(
        [0] * 500, {"a": np.zeros((2, 500), int), "b": np.zeros((2, 500), int)}, classes=["seen", "unseen"]
    )
    verdict = Gate(max_drop=0.1).check(estimate(preds, "a"))
    assert verdict.status == "inconclusive"
    assert [(f.class_, f.effect) for f in verdict.findings] == [("unseen", None)]
    assert "no evidence" in str(verdict)


def test_the_verdict_is_json_without_nan():
    preds = barn.Predictions.from_arrays([0, 0], {"a": [[0, 0]], "b": [[0, 1]]}, classes=["x", "y"])
    document = json.loads(json.dumps(Gate().check(estimate(preds, "a")).to_json(), allow_nan=False))
    assert document["schema"] == "barnspider/verdict/1"
    assert document["counts"] == {"pass": 0, "fail": 0, "inconclusive": 2}
    assert set(document["findings"][0]) == {"arm", "class", "status", "effect", "low", "high", "p", "sentence"}


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
