import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

import barnspider as barn
from barnspider import Gate, InputError, estimate, simulate
from barnspider.gate import Allowance


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
        "arm", "class", "status", "effect", "low", "high", "p", "detectable", "sentence", "runs_needed",
        "images_needed", "n", "max_drop",
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


TODAY = date(2026, 11, 25)


def test_a_class_has_its_own_budget():
    effects = effects_of([-0.1, 0.0, 0.0], images=4000)
    assert Gate(max_drop=0.05).check(effects).status == "fail"
    verdict = Gate(max_drop=0.05, budgets={"class 0": 0.2}).check(effects)
    assert (verdict.status, verdict.budgets) == ("pass", (("class 0", 0.2),))
    assert "lost more than 5.0 points (or a budget of their own, which 1 class may have)" in str(verdict)
    strict = Gate(max_drop=0.2, budgets={"class 0": 0.05}).check(effects)
    assert [(f.class_, f.status, f.max_drop) for f in strict.findings] == [("class 0", "fail", 0.05)]
    assert "lost more than 5.0 points" in strict.findings[0].sentence


def test_each_undecided_class_needs_what_its_own_budget_needs():
    sim = simulate(classes=3, images=60, runs=8, paired=True, seed=2)
    effects = estimate(sim.predictions, "baseline")

    def images(max_drop, **asked):
        verdict = Gate(max_drop, **asked).check(effects, sim.predictions)
        return {f.class_: f.images_needed for f in verdict.findings}, verdict.needs

    strict, wide = images(0.03)[0], images(0.04)[0]
    mixed, needs = images(0.03, budgets={"class 0": 0.04})
    assert mixed == {**strict, "class 0": wide["class 0"]}
    assert 60 < mixed["class 0"] < strict["class 0"]
    assert needs == "To find a change of its margin in each of them takes more images and more runs."
    assert images(0.03, budgets={"class 0": 0.0})[0] == {**strict, "class 0": None}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"budgets": {"class 0": 2}}, r"budgets\['class 0'\]: max_drop=2; expected a proportion .*0.02 is two points"),
        ({"budgets": {"class 9": 0.1}}, "budgets: class='class 9' is unknown; expected one of: class 0, class 1"),
        ({"allowances": (Allowance("class 9", "why", None),)}, "allowances: class='class 9' is unknown"),
        ({"allowances": (Allowance("class 0", "why", None),) * 2}, "class 0 is allowed twice"),
        ({"inconclusive": "skip"}, "inconclusive='skip' is unknown; expected one of: pass, fail"),
    ],
)
def test_rules_that_make_no_sense_are_refused(asked, message):
    with pytest.raises(InputError, match=message):
        Gate(**asked).check(effects_of([0.0, 0.0]))


def test_an_allowance_needs_a_reason():
    with pytest.raises(InputError, match="reason=' '; expected why"):
        Allowance("dog", " ", None)


def test_allowed_harm_does_not_decide_and_is_named():
    effects = effects_of([-0.3, 0.0, 0.0], images=4000)
    allowed = Allowance("class 0", "labels are\nwrong", date(2027, 1, 31))
    verdict = Gate(0.05, allowances=(allowed,)).check(effects, today=TODAY)
    assert (verdict.status, verdict.exit_code, verdict.findings) == ("pass", 0, ())
    assert dict(verdict.counts) == {"pass": 2, "fail": 0, "inconclusive": 0}
    assert str(verdict).startswith("PASS, 1 excused. ")
    assert "excused: arm 1, class 0: lost more than 5.0 points; change -" in str(verdict)
    assert r"; allowed until 2027-01-31: labels are\nwrong" in str(verdict)
    document = verdict.to_json()
    assert document["excused"][0]["class"] == "class 0"
    assert (document["excused"][0]["reason"], document["excused"][0]["expires"]) == ("labels are\nwrong", "2027-01-31")
    assert (document["as_of"], document["unused"], document["expired"]) == ("2026-11-25", [], [])


def test_an_allowance_holds_on_its_last_day_and_no_longer():
    effects = effects_of([-0.3, 0.0], images=2000)
    gate = Gate(0.05, allowances=(Allowance("class 0", "known", date(2026, 11, 25)),))
    assert gate.check(effects, today=date(2026, 11, 25)).status == "pass"
    late = gate.check(effects, today=date(2026, 11, 26))
    assert (late.status, late.excused, len(late.expired)) == ("fail", (), 1)
    assert "it was allowed until 2026-11-25" in late.findings[0].sentence
    assert "expired, excuses nothing: class 0 (was allowed until 2026-11-25)" in str(late)


def test_what_is_allowed_is_allowed_undecided_too():
    effects = effects_of([0.0, 0.0], images=20)
    verdict = Gate(0.01, allowances=(Allowance("class 0", "few images", None),)).check(effects)
    assert verdict.status == "inconclusive"
    assert [x.finding.class_ for x in verdict.excused] == ["class 0"]
    assert [x.class_ for x in verdict.findings] == ["class 1"]
    assert "allowed for ever: few images" in str(verdict)


def test_where_all_are_allowed_nothing_was_judged():
    effects = effects_of([-0.3, 0.0], images=30)
    verdict = Gate(0.02, allowances=tuple(Allowance(f"class {c}", "why", None) for c in (0, 1))).check(effects)
    assert (verdict.status, sum(dict(verdict.counts).values())) == ("inconclusive", 0)
    assert "So nothing was left to judge." in str(verdict)


def test_an_allowance_that_excuses_nothing_is_named():
    effects = effects_of([0.0, 0.0], images=4000)
    idle = (Allowance("class 0", "once", None), Allowance("class 1", "typo", None, arm="arm 2"))
    verdict = Gate(0.05, allowances=idle).check(effects)
    assert (verdict.status, verdict.unused) == ("pass", idle)
    assert "unused allowance: class 0 (allowed for ever; nothing to excuse)" in str(verdict)
    assert "unused allowance: arm 2, class 1 (allowed for ever; there is no such arm here)" in str(verdict)
    assert "as_of" in verdict.to_json()


def two_arms(second=0.0):
    sim = simulate(classes=2, images=2000, runs=4, effect=[[-0.3, 0.0], [second, 0.0]], paired=True, seed=1)
    return estimate(sim.predictions, "baseline")


def test_an_arm_is_judged_by_itself_too_and_an_allowance_may_be_for_one():
    verdict = Gate(0.05).check(two_arms())
    assert [(x.arm, x.status, dict(x.counts)["pass"]) for x in verdict.arms] == [
        ("arm 1", "fail", 1),
        ("arm 2", "pass", 2),
    ]
    assert "By arm: arm 1 fail, arm 2 pass." in str(verdict)
    assert verdict.arms[0].low < verdict.arms[0].overall < verdict.arms[0].high < 0
    one = Allowance("class 0", "crops", None, arm="arm 1")
    assert Gate(0.05, allowances=(one,)).check(two_arms()).status == "pass"
    assert Gate(0.05, allowances=(one,)).check(two_arms(-0.3)).status == "fail"
    both = (Allowance("class 0", "always", None), one)
    excused = Gate(0.05, allowances=both).check(two_arms(-0.3)).excused
    assert {x.finding.arm: x.allowance.reason for x in excused} == {"arm 1": "crops", "arm 2": "always"}


def test_against_the_average():
    effects = effects_of([-0.25, -0.15, -0.15, -0.15], images=4000)
    assert Gate(0.05).check(effects).status == "fail"
    verdict = Gate(0.04, relative=True).check(effects)
    assert [f.class_ for f in verdict.findings if f.status == "fail"] == ["class 0"]
    assert verdict.findings[0].effect == effects.relative[0, 0]
    assert (verdict.findings[0].low, verdict.findings[0].high) == (
        effects.relative_low[0, 0],
        effects.relative_high[0, 0],
    )
    assert "arm 1, class 0: fell behind by more than 4.0 points; change against the average -" in str(verdict)
    assert "The average itself was not judged; it changed by -1" in str(verdict)
    assert Gate(0.2, relative=True).check(effects).status == "pass"


def test_one_class_cannot_fall_behind_itself():
    with pytest.raises(InputError, match="relative=True with 1 class that has images"):
        Gate(relative=True).check(
            estimate(barn.Predictions.from_arrays([0, 0], {"a": [[0, 0]], "b": [[0, 0]]}, classes=["x", "y"]), "a")
        )


def test_all_that_a_class_can_fall_behind_is_in_its_interval():
    label = np.repeat([0, 1], 50)
    before, after = np.where(label == 0, 0, 0), np.where(label == 0, 1, 1)
    effects = estimate(barn.Predictions.from_arrays(label, {"a": [before], "b": [after]}), "a")
    assert effects.relative[0].tolist() == [-1.0, 1.0]
    label = np.repeat([0, 1], [10, 90])
    effects = estimate(barn.Predictions.from_arrays(label, {"a": [label * 0], "b": [label * 0 + 1]}), "a")
    assert effects.relative[0, 0] == pytest.approx(-1.8)
    assert effects.relative_low[0, 0] <= effects.relative[0, 0] <= effects.relative_high[0, 0]


@pytest.mark.parametrize(("treated", "code"), [("pass", 0), ("fail", 1), (None, 3)])
def test_what_an_inconclusive_verdict_counts_for(treated, code):
    few = effects_of([0.0, 0.0], images=20)
    verdict = Gate(0.01, inconclusive=treated).check(few)
    assert (verdict.status, verdict.exit_code) == ("inconclusive", code)
    assert str(verdict).startswith("INCONCLUSIVE. ")
    assert (f"The exit code is {code}, since" in str(verdict)) == (treated is not None)
    assert (verdict.to_json()["inconclusive"], verdict.to_json()["exit_code"]) == (treated, code)
    harm = Gate(0.02, inconclusive=treated).check(effects_of([-0.3, 0.0]))
    assert (harm.exit_code, "exit code" in str(harm)) == (1, False)


def test_a_verdict_shows_itself_in_notebooks_and_names_stay_text():
    rng = np.random.default_rng(0)
    label = np.arange(2).repeat(200)
    guess = {"a": [label] * 2, "b": [np.where(rng.random(400) < 0.5, label, 1 - label)] * 2}
    preds = barn.Predictions.from_arrays(label, guess, classes=["<b>cat", "dog"])
    shown = Gate(max_drop=0.02).check(barn.estimate(preds, baseline="a"))._repr_html_()
    assert shown.startswith("<pre>FAIL")
    assert "&lt;b&gt;cat" in shown
