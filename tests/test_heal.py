"""Healing is planned and priced before it starts; the loop weakens who is harmed and who receives, and ends."""

import json
from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, Predictions
from barnspider.cli.judging import tried_for_page
from barnspider.cli.options import Judged
from barnspider.heal import Healing, heal, weakened
from barnspider.heal.loop import loop
from barnspider.lab import Recipe, Store, Sweep
from barnspider.prescription import Prescription
from barnspider.trials import only_judgement, read_trial
from barnspider.tried import Tried

SWEEP = Sweep(Recipe("digits", width=16, epochs=2, train_images=200), "rotation", (0, 60, 180), range(3), "small")
CLASSES = ("cat", "dog", "fox")
RX = Prescription("crop", CLASSES, (0.4, 0.4, 0.4), "receivers", 0.4, (0.0, 0.2, 0.4))


def answers(doses, images=400, runs=4):
    """A world in which foxes are taken for cats at every dose of foxes above 0.1, and at cats' above 0.3."""
    label = np.repeat([0, 1, 2], images)
    rng = np.random.default_rng(int(1000 * sum(doses)))
    guess = np.tile(label, (runs, 1))
    lost = 0.05 + (0.2 if doses[2] > 0.1 else 0.0) + (0.2 if doses[0] > 0.3 else 0.0)
    guess[:, label == 2] = np.where(rng.random((runs, images)) < lost, 0, 2)
    return Predictions.from_arrays(label, {f"doses {doses}": guess}, classes=CLASSES, paired=True)


def closed(rounds, start=RX, groups=None):
    said, asked = [], []

    def trained(tried):
        asked.append([*tried])
        return answers(tried[-1])

    baseline = Predictions(**{**vars(answers((0.0, 0.0, 0.0))), "arm": ("off",) * 4})
    return *loop(start, trained, baseline, rounds, said.append, groups), said, asked


def test_the_loop_weakens_the_harmed_and_the_receivers_until_nobody_is_harmed():
    rx, rounds, said, asked = closed(5)
    assert [x.harmed for x in rounds] == [("fox",), ("fox",), ()]
    assert [x.receiving for x in rounds] == [("cat",), ("cat",), ()]
    assert [x.doses for x in rounds] == [(0.4, 0.4, 0.4), (0.2, 0.4, 0.2), (0.0, 0.4, 0.0)]
    assert (rx.doses, rx.rule, rx.at) == ((0.0, 0.4, 0.0), "healed", 0.4)
    assert said == list(rounds)
    assert asked[-1] == [x.doses for x in rounds]
    assert rounds[-1].reason == "nobody is certainly harmed: the loop ends"


def test_confused_classes_are_weakened_together():
    rx, rounds, *_ = closed(5, groups=np.array([0, 1, 1]))
    assert [x.doses for x in rounds] == [(0.4, 0.4, 0.4), (0.2, 0.2, 0.2), (0.0, 0.0, 0.0)]
    assert rx.doses == (0.0, 0.0, 0.0)


def test_where_the_budget_ends_the_best_round_is_taken():
    rx, rounds, *_ = closed(2)
    assert rounds[-1].reason == "the budget ends"
    assert rx.doses == (0.2, 0.4, 0.2)
    assert closed(0)[:2] == (RX, ())


def test_where_nothing_is_left_to_weaken_it_ends():
    rx, rounds, *_ = closed(5, replace(RX, doses=(0.0, 0.4, 0.0), studied=(0.0, 0.4)))
    assert len(rounds) == 1
    stuck, rounds, *_ = closed(5, replace(RX, vary="x", doses=(0.4, 0.0, 0.4), studied=(0.4, 0.0), at=0.0))
    assert rounds[-1].reason.endswith("the loop ends")
    assert (rx.doses, stuck.doses) == ((0.0, 0.4, 0.0), (0.0, 0.0, 0.0))


def test_weaker_is_one_studied_dose_nearer_to_zero():
    assert weakened((0.4, 0.3, 0.0), [0, 1, 2], RX) == (0.2, 0.2, 0.0)
    assert weakened((0.4, 0.3, 0.0), [], RX) == (0.4, 0.3, 0.0)


def test_the_bill_is_stated_before():
    bill = Healing(SWEEP, rounds=2, judges=3, methods=("clam", "mean answers")).bill()
    assert bill.total == 3 * 3 + 2 * 3 + (3 + 4 + 1 + 1) * 3
    assert "in all: at most 42 runs" in str(bill)


@pytest.mark.parametrize(
    ("sweep", "options", "said"),
    [
        (replace(SWEEP, vary="weight_decay", doses=(0, 0.1)), {}, "vary='weight_decay' is one number for all classes"),
        (SWEEP.with_doses((60, 180)), {}, "expected 0 and others"),
        (SWEEP.with_seeds((0,)), {}, "expected two seeds or more"),
        (SWEEP, {"judges": 1}, "judges=1"),
        (SWEEP, {"at": 70.0}, "at=70 is not in the study"),
        (SWEEP, {"rules": ("own bets",)}, "rule='own bets' is unknown"),
        (SWEEP, {"methods": ("calm",)}, "method='calm' is unknown.*Did you mean 'clam'"),
        (SWEEP, {"methods": ("clam", "clam")}, "holds the same value twice"),
        (SWEEP, {"methods": ("fading labels",)}, "'fading labels' does nothing where nothing of an image is cut away"),
        (replace(SWEEP, also=(("x", SWEEP.base),)), {}, r"the study has \[arms\]"),
    ],
)
def test_what_cannot_be_healed_is_refused_before_it_starts(sweep, options, said):
    with pytest.raises(InputError, match=said):
        Healing(sweep, **options)


def test_label_preservation_without_references_is_refused_before_anything_is_trained(tmp_path):
    store = Store(tmp_path / "runs")
    with pytest.raises(InputError, match="needs what references say, and none was asked; run `barnspider preserve`"):
        heal(Healing(SWEEP, rules=("label preservation",), rounds=1, judges=2, at=180.0), store)
    assert not store.studies()


@pytest.fixture(scope="module")
def healed(tmp_path_factory):
    """All of it on digits, and what was said."""
    store, said = Store(tmp_path_factory.mktemp("heal") / "runs"), []
    plan = Healing(SWEEP, rules=("own best",), methods=("clam", "mean answers"), rounds=1, judges=2, at=180.0)
    return heal(plan, store, workers=1, tell=said.append), store, said, plan


def test_fresh_seeds_judge_every_dose_and_every_method(healed):
    found, store, said, plan = healed
    arms = [x.arm for x in found.judgement.arms]
    assert arms[:3] == ["rotation=0", "rotation=60", "rotation=180"]
    assert {"clam", "mean answers"} <= set(arms)
    assert plan.fresh == (3, 4)
    seeds = {cell.seed for cell in store.study(found.study).cells}
    assert seeds == {3, 4}
    assert found.judgement.best == "rotation=180"
    assert said[0].startswith("round 1: harmed:")
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["schema"] == "barnspider/judgement/1"
    assert {arm["arm"]: arm["cost"] for arm in document["arms"]}["mean answers"] == 3
    assert "The one dose for all: rotation=180" in str(found)


def test_a_second_call_trains_nothing(healed):
    found, store, _, plan = healed
    before = sorted(path.name for path in (store.root / "runs").iterdir())
    again = heal(plan, store, workers=1)
    assert sorted(path.name for path in (store.root / "runs").iterdir()) == before
    assert str(again) == str(found)


def test_a_method_that_would_change_nothing_is_said_and_left_out():
    """Where the dose for all is 0, no target fades, and there is nothing to move logits to."""
    plan = Healing(replace(SWEEP, vary="crop", doses=(0, 0.5)), methods=("fading labels", "moved logits", "clam"))
    assert list(plan.idle(0.0)) == ["fading labels", "moved logits"]
    assert plan.idle(0.5) == {}


def test_the_store_knows_what_was_tried_and_is_judged_again(healed):
    """Without training: from the plan, its answers, and what was made of its networks."""
    found, store, *_ = healed
    assert only_judgement(store.root) == found.study
    tried, judgement = tried_for_page(Judged([str(store.root)], study=found.study)).values()
    assert (str(judgement), judgement.to_json()) == (str(found.judgement), found.judgement.to_json())
    assert (tried.rounds, tried.cost) == (found.tried.rounds, found.tried.cost)
    assert {name: rx.to_json() for name, rx in tried.prescriptions.items()} == {
        name: rx.to_json() for name, rx in found.tried.prescriptions.items()
    }
    assert tried.about["clam"] == "class_weights clam; rotation 180"
    assert tried.about["mean answers"] == "mean answers of rotation=0 + 60 + 180"
    assert tried_for_page(Judged([str(store.root)], study="small")) == {"tried": Tried()}


def test_what_earlier_plans_tried_is_not_judged(healed):
    """An arm of the same name, of another recipe and other seeds, is in the store; the latest plan says what counts."""
    found, store, *_ = healed
    trial = read_trial(store.root, found.study)
    more = replace(trial, planned=frozenset(run for run in trial.planned if run[1] == 3))
    fewer = more.answers(lambda study: store.load(store.study(study).cells))
    assert set(fewer.where(arms=["clam"]).seed) == {3}


def test_prescriptions_and_recipes_of_a_study_file_are_told(tmp_path):
    """Nobody judges here: what each arm is stands in the plan."""
    rx = Prescription("rotation", tuple("0123456789"), (0.0, *[60.0] * 9), "receivers", 60.0, (0.0, 60.0))
    late = replace(SWEEP.base, epochs=9, rotation=rx.dose)
    sweep = replace(SWEEP, doses=(0, 60, rx.dose), prescribed=(rx,), also=(("late", late),))
    store = Store(tmp_path / "runs")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    trial = read_trial(store.root)
    assert trial.of == ""
    assert list(trial.tried.prescriptions) == [sweep.runs()[2].arm, "late"]
    assert trial.tried.about == {"late": "epochs 9; rotation from 0 to 60, one for each class"}
