"""Rounds of an adaptive study: pure decisions, and a study that is stopped and goes on."""

import json

import pytest

from barnspider.errors import InputError
from barnspider.lab.recipe import Recipe
from barnspider.lab.sweep import Sweep
from barnspider.refine import Question, first_round, next_round, refine
from barnspider.refine.rounds import afford, between
from barnspider.simulate import simulate
from barnspider.sources import default_baseline, read_predictions
from barnspider.store import Store

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=16, epochs=2, train_images=200), vary="rotation", doses=(0, 60, 180),
    seeds=range(6),
)  # fmt: skip
QUESTION = Question(margin=0.1, budget=15)


def test_a_harm_that_is_plain_and_an_arm_that_does_nothing_need_no_more_seeds():
    effect = [[0.0, 0.0], [-0.4, 0.0]]
    answers = simulate(classes=2, images=3000, runs=3, effect=effect, paired=True, seed=1).predictions
    question = Question(margin=0.1, budget=100)
    last = next_round(first_round(answers.arms, "baseline", 20, question), answers, answers.arms, 20, question)
    assert dict(last.standing) == {"arm 1": "passes", "arm 2": "fails"}
    assert not last.arms
    assert last.total == 9


def test_only_the_class_that_was_named_counts():
    effect = [[0.0, -0.1]]
    answers = simulate(classes=2, images=3000, runs=3, effect=effect, paired=True, seed=1).predictions
    for names, standing in ((("class 0",), "passes"), ((), "open"), (("class 1",), "open")):
        question = Question(margin=0.1, budget=100, classes=names)
        found = next_round(first_round(answers.arms, "baseline", 20, question), answers, answers.arms, 20, question)
        assert found.standing["arm 1"] == standing, names


def test_the_baseline_gets_the_seeds_that_an_open_arm_gets():
    answers = simulate(classes=2, images=500, runs=3, effect=-0.1, paired=True, seed=1).predictions
    question = Question(margin=0.1, budget=100)
    more = next_round(first_round(answers.arms, "baseline", 20, question), answers, answers.arms, 20, question)
    assert more.arms == ("baseline", "arm 1")
    assert dict(more.runs) == {"baseline": 5, "arm 1": 5}


def test_a_dose_is_opened_between_neighbours_that_differ():
    assert between("abcde", {"a": "passes", "e": "fails"}) == ["c"]
    assert between("abcde", {"a": "passes", "c": "open", "e": "fails"}) == []
    assert between("ab", {"a": "passes", "b": "fails"}) == []


def test_a_budget_is_kept_and_the_arm_that_gains_most_comes_first():
    runs = {"a": 3, "b": 3, "c": 3}
    assert afford(["b", "c"], "a", runs, target=9, most=5, budget=100) == (["b", "c"], 5)
    assert afford(["c", "b"], "a", runs, target=5, most=5, budget=2) == (["c"], 4)
    assert afford(["b", "c"], "a", runs, target=5, most=5, budget=1) == ([], 0)


@pytest.mark.parametrize(
    ("ladder", "budget"), [(["a"], 10), (["a", "b"], 3)], ids=["only the baseline", "one run for an arm"]
)
def test_what_cannot_be_a_study_is_refused(ladder, budget):
    with pytest.raises(InputError, match="expected two doses or more"):
        first_round(ladder, "a", 10, Question(0.02, budget))


def test_a_study_is_kept_within_its_budget_and_remembers_its_rounds(tmp_path):
    said = []
    last = refine(SWEEP, Store(tmp_path), QUESTION, workers=1, tell=said.append)
    answers = read_predictions(tmp_path)
    assert len(answers.arm) == last.total <= QUESTION.budget
    assert default_baseline(answers, tmp_path) == "rotation=0"
    plan = Store(tmp_path).study()
    assert plan.sweep["refine"]["rounds"] == [list(step.reasons) for step in said]
    assert plan.sweep["refine"]["margin"] == QUESTION.margin


def test_a_study_that_lost_runs_goes_on_and_decides_the_same(tmp_path):
    whole = refine(SWEEP, Store(tmp_path / "whole"), QUESTION, workers=1)
    first = first_round([f"rotation={d}" for d in (0, 60, 180)], "rotation=0", 6, QUESTION)

    class StopError(Exception):
        pass

    def stop(step):
        if step.runs != first.runs:
            raise StopError

    with pytest.raises(StopError):
        refine(SWEEP, Store(tmp_path / "stopped"), QUESTION, workers=1, tell=stop)
    assert refine(SWEEP, Store(tmp_path / "stopped"), QUESTION, workers=1) == whole
    plans = [json.loads(p.read_text()) for p in sorted((tmp_path / "stopped").glob("studies/*/*.json"))]
    assert plans[-1]["sweep"]["refine"]["rounds"][-1] == list(whole.reasons)


def test_a_question_is_not_changed_after_a_look(tmp_path):
    store = Store(tmp_path)
    refine(SWEEP.with_seeds(range(2)), store, Question(0.1, 6), workers=1)
    with pytest.raises(InputError, match=r"begun with margin = 0\.1"):
        refine(SWEEP.with_seeds(range(2)), store, Question(0.05, 6), workers=1)
    with pytest.raises(InputError, match="class='cat' is none of this data set"):
        refine(SWEEP.with_seeds(range(2)), store, Question(0.1, 6, ("cat",)), workers=1)
