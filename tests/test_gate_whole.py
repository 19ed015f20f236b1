"""What a verdict says of all that it was given: arms that failed, classes nobody answered, the same answers twice."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import barnspider as barn
from barnspider import Gate, estimate
from barnspider.gate.comment import comment
from barnspider.gate.junit import junit

LABEL = np.repeat([0, 1], 1000)
NEW = np.where(np.arange(2000) % 200 == 0, 1 - LABEL, LABEL)


def answers(classes=("cat", "dog"), **arms):
    return barn.Predictions.from_arrays(LABEL, arms, classes=classes)


def judged(preds, **asked):
    effects = estimate(preds, "base")
    return Gate(0.05, **asked).check(effects, preds), effects


@pytest.mark.parametrize(("treated", "tag"), [(None, "skipped"), ("fail", "failure")])
def test_an_arm_of_which_no_run_is_left_is_no_pass(treated, tag):
    preds = answers(base=[LABEL, LABEL], new=[NEW, NEW])
    left = (barn.LeftOut("a|b", 0, "diverged"), barn.LeftOut("new", 7, "missing"))
    verdict, effects = judged(replace(preds, left_out=left), inconclusive=treated)
    assert (verdict.status, verdict.absent, dict(verdict.counts)["pass"]) == ("inconclusive", ("a|b",), 2)
    assert "Left out: a|b seed 0 (diverged), new seed 7 (missing)." in str(verdict)
    assert "No run is left of a|b, so nothing is known there and there is no pass." in str(verdict)
    assert "No run is left of a\\|b, so" in comment(verdict)
    assert verdict.to_json()["left_out"][0] == {"arm": "a|b", "seed": 0, "why": "diverged"}
    suites = ET.fromstring(junit(verdict, effects).encode())
    assert [(x.get("name"), x.get("tests")) for x in suites] == [("new", "2"), ("a|b", "1")]
    assert suites[1].find("testcase")[0].tag == tag
    assert suites[1].find("testcase")[0].get("message") == "no run is left: seed 0 (diverged)"


def test_a_missing_run_of_an_arm_that_has_others_is_named_and_may_pass():
    left = (barn.LeftOut("new", 7, "missing"),)
    verdict, _ = judged(replace(answers(base=[LABEL, LABEL], new=[NEW, NEW]), left_out=left))
    assert (verdict.status, verdict.absent) == ("pass", ())
    assert "Left out: new seed 7 (missing)." in comment(verdict)


def test_a_class_without_images_is_undecided_where_every_class_must_be_judged():
    preds = answers(("cat", "dog", "gone"), base=[LABEL, LABEL], new=[NEW, NEW])
    assert judged(preds)[0].status == "pass"
    verdict, _ = judged(preds, every_class=True)
    assert (verdict.status, verdict.not_judged) == ("inconclusive", ())
    assert [x.sentence for x in verdict.findings] == ["new, gone: cannot tell, there is no evidence (0 images)"]


def test_the_same_answers_twice_are_named_and_change_nothing():
    verdict, _ = judged(answers(base=[LABEL, NEW], new=[NEW, LABEL], other=[NEW, NEW]))
    assert (verdict.status, verdict.identical) == ("pass", ("new",))
    said = "new answers every image as base does; are they the same model?"
    assert said in str(verdict)
    assert said in comment(verdict)
    assert verdict.to_json()["identical"] == ["new"]


def test_the_average_is_always_told_and_a_pass_names_the_worst_class():
    verdict, _ = judged(answers(base=[LABEL, LABEL], new=[NEW, NEW]))
    arm = verdict.arms[0]
    told = "On average, accuracy changed by -0.5 points (-0.8 to -0.2)."
    assert told in str(verdict)
    assert told in comment(verdict)
    assert (arm.worst.effect, arm.worst.n) == (-0.005, 1000)
    assert "The worst change is -0.5 points (" in comment(verdict)
    assert "1,000 images), of the class cat in new." in comment(verdict)
    assert json.loads(json.dumps(verdict.to_json()))["arms"][0]["worst"]["class"] == "cat"


def test_classes_are_counted_in_each_arm_and_p_is_explained_once():
    bad = np.where(LABEL == 1, 0, LABEL)
    verdict, _ = judged(answers(base=[LABEL, LABEL], new=[NEW, NEW], bad=[bad, bad]))
    assert str(verdict).startswith("FAIL. Of 2 classes in each of 2 arms, 4 in all, 1 lost more than 5.0 points, 3 are")
    assert str(verdict).count("p is one-sided, against the margin: ") == comment(verdict).count("p is one-sided") == 1
    assert "p is one-sided" not in str(judged(answers(base=[LABEL, LABEL], new=[NEW, NEW]))[0])
