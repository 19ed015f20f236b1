"""What chooses never judges; objectives and rules choose what they say; few runs choose nothing."""

import numpy as np
import pytest

from barnspider import InputError, Predictions, simulate
from barnspider.effects import estimate
from barnspider.prescribe import COMPOSED, OBJECTIVES, Ladder, choose, compose, judged_by, part, prescribe
from barnspider.prescribe.together import LARGEST, grouped
from barnspider.simulate import Noise

DOSES = (0.0, 0.3, 0.6)
QUIET = Noise(run=0.05, run_class=0.05)


def swept(effect, *, classes=5, images=1500, runs=4, seed=1, doses=DOSES, noise=QUIET):
    made = simulate(
        classes=classes, images=images, runs=runs, effect=effect, doses=doses, seed=seed, paired=True, noise=noise
    )
    return made.predictions


@pytest.fixture(scope="module")
def one_suffers():
    """All gain by the dose, but the last class loses."""
    return swept([[0.04] * 4 + [-0.06], [0.08] * 4 + [-0.25]])


def flowing():
    """Class 2 loses its images to class 0 at the strong dose; class 1 gains. Nobody else is answered falsely more."""
    label = np.repeat([0, 1, 2], 300)
    rng = np.random.default_rng(0)
    arms = {}
    for arm, (lost, gained) in {"off": (0.05, 0.0), "weak": (0.05, 0.15), "strong": (0.5, 0.4)}.items():
        guess = np.tile(label, (4, 1))
        guess[:, label == 2] = np.where(rng.random((4, 300)) < lost, 0, 2)
        guess[:, label == 1] = np.where(rng.random((4, 300)) < 0.45 - gained, 2, 1)
        arms[arm] = guess
    doses = {"off": 0.0, "weak": 0.3, "strong": 0.6}
    return Predictions.from_arrays(label, arms, dose=doses, classes=["cat", "dog", "fox"])


# What chooses and what judges.


def test_no_image_both_chooses_and_judges(one_suffers):
    parted = part(one_suffers)
    assert not set(parted.choose.sample.tolist()) & set(parted.judge.sample.tolist())
    assert len(parted.choose.label) + len(parted.judge.label) == len(one_suffers.label)
    assert np.bincount(parted.choose.label).tolist() == [750] * 5
    assert parted.judged_on == "the other images of simulated, the same runs"


def test_runs_are_halved_by_seed_where_there_are_enough():
    preds = swept([[0.0] * 5], doses=(0.0, 1.0), runs=8, images=20)
    parted = part(preds)
    assert parted.runs_apart
    assert (sorted(set(parted.choose.seed)), sorted(set(parted.judge.seed))) == ([0, 2, 4, 6], [1, 3, 5, 7])
    assert parted.chosen_on.endswith("seeds 0, 2, 4, 6")
    assert part(preds, runs="all").choose.arm == preds.arm


def test_validation_images_choose(one_suffers):
    other = swept([[0.04] * 4 + [-0.06], [0.08] * 4 + [-0.25]], seed=2)
    parted = part(one_suffers, Predictions(**{**vars(other), "on": "validation"}))
    assert (parted.choose.on, parted.judge.on) == ("validation", "simulated")
    assert len(parted.judge.label) == len(one_suffers.label)


def test_what_judges_may_not_choose(one_suffers):
    with pytest.raises(InputError, match="choose_on holds the images that judge"):
        part(one_suffers, one_suffers)
    half = one_suffers.where(samples=np.arange(100))
    with pytest.raises(InputError, match="choose_on holds the images that judge"):
        part(one_suffers, half)
    other = Predictions(**{**vars(one_suffers), "on": "x", "sample": np.array([f"v{i}" for i in range(7500)])})
    with pytest.raises(InputError, match="choose_on lacks baseline seed 0; expected the same runs"):
        part(one_suffers, other.where(runs=[1, 2, 3, *range(4, 12)]))
    with pytest.raises(InputError, match="choose_on has other classes: class 0, one"):
        part(one_suffers, Predictions(**{**vars(other), "classes": ("one", *other.classes[1:])}))


def test_one_run_cannot_be_halved():
    preds = Predictions.from_arrays([0, 1], {"a": [[0, 1]], "b": [[1, 1], [0, 1]]})
    with pytest.raises(InputError, match="arm 'a' has no run left to judge when runs are halved"):
        part(preds, runs="half")


def test_runs_that_chose_may_not_judge_the_same_images(one_suffers):
    first, rest = (one_suffers.where(runs=np.array(one_suffers.seed) % 2 == k) for k in (0, 1))
    assert judged_by(first, rest) is rest
    with pytest.raises(InputError, match="seed 0 chose on the very images"):
        judged_by(first, one_suffers)


# One dose for all.


def test_each_objective_chooses_by_what_it_says(one_suffers):
    made = choose(one_suffers, "baseline")
    assert {c.objective: c.arm for c in made.choices} == {
        "mean": "arm 1", "safe": "baseline", "worst class": "baseline", "worst tenth": "baseline",
        "worst twentieth": "baseline", "harmonic mean": "arm 1",
    }  # fmt: skip
    assert [c.objective for c in made.choices] == list(OBJECTIVES)
    text = str(made)
    assert "the best mean" in text
    assert "1 of 5" in text
    document = made.to_json()
    assert [arm["arm"] for arm in document["arms"]] == ["baseline", "arm 1", "arm 2"]
    assert document["arms"][0]["chosen"]["change"] is None
    assert document["arms"][1]["judged"]["harmed"] == 1


def test_a_safe_dose_that_is_better_is_taken():
    made = choose(swept([[0.05] * 5, [0.08] * 4 + [-0.25]]), "baseline", margin=0.02)
    assert made.of("safe").arm == "arm 1"
    assert made.of("mean").arm == "arm 1"


def test_too_few_runs_and_images_choose_nothing():
    made = choose(swept([[0.07] * 5, [0.08] * 5], images=30, runs=3, noise=Noise()), "baseline")
    assert "train some" in made.of("mean").doubt
    assert set(made.of("mean").rivals) | {made.of("mean").arm} >= {"arm 1", "arm 2"}
    assert "whether" in made.of("safe").doubt
    assert "cannot tell: averages are known to within" in str(made)
    alone = choose(swept([[0.01] * 5], images=30, runs=1, doses=(0.0, 1.0), noise=Noise()), "baseline")
    assert "one run in an arm says nothing of other runs" in alone.of("mean").doubt


def test_a_choice_looks_better_where_it_was_made():
    """Eight arms of the same recipe: what is chosen seems better than the baseline, and is judged not to be."""
    chosen, judged = [], []
    for seed in range(30):
        noisy = Noise(run=0.02, run_class=0.02)
        preds = swept([[0.0] * 2] * 7, classes=2, images=60, runs=2, seed=seed, doses=tuple(range(8)), noise=noisy)
        parted = part(preds)
        means = [np.mean(parted.choose.where(arms=[a]).correct()) for a in preds.arms]
        best = preds.arms[int(np.argmax(means))]
        for part_, found in ((parted.choose, chosen), (parted.judge, judged)):
            found.append(np.mean(part_.where(arms=[best]).correct()) - np.mean(part_.correct()))
    error = np.std(judged) / np.sqrt(len(judged))
    assert np.mean(chosen) > 0.02
    assert abs(np.mean(judged)) < 3 * error


def test_only_a_baseline_leaves_no_choice():
    preds = Predictions.from_arrays([0, 1], {"a": [[0, 1], [1, 1]]})
    with pytest.raises(InputError, match="the only arm is the baseline 'a'"):
        choose(preds, "a")


# One dose for each class.


def test_own_best_gives_the_class_that_suffers_another_dose(one_suffers):
    rx = prescribe(one_suffers, "crop", at=0.6)
    assert rx.doses == (0.6, 0.6, 0.6, 0.6, 0.0)
    assert rx.why[4].startswith("gained 2")
    assert rx.judged is not None
    assert rx.judged.against_all[1] > 0.02
    assert (rx.judged.harmed, rx.judged.harmed_at) == (0, 1)
    assert rx.studied == DOSES
    assert rx.seeds == (0, 1, 2, 3)


def test_where_classes_do_not_differ_all_keep_the_best_dose():
    rx = prescribe(swept([[0.05] * 5, [0.08] * 5]), "crop")
    assert rx.dose == 0.6
    assert rx.changed() == []


def test_receivers_get_the_strongest_dose_at_which_they_do_not_receive():
    rx = prescribe(flowing(), "crop", rule="receivers", at=0.6)
    assert rx.doses == (0.3, 0.6, 0.6)
    assert rx.why == ("receives answers of harmed classes at 0.6", "", "")
    both = prescribe(flowing(), "crop", rule="harmed and receivers", at=0.6)
    assert both.doses == (0.3, 0.6, 0.3)
    assert "is harmed at 0.6" in both.text()


def test_confused_classes_get_one_dose():
    both = prescribe(flowing(), "crop", rule="harmed groups", at=0.6)
    assert both.doses == (0.3, 0.3, 0.3)  # dogs are taken for foxes, foxes for cats
    assert both.why[1] == "is confused with a class that is harmed or receives"
    apart = prescribe(flowing(), "crop", rule="harmed groups", at=0.6, together=1.0)
    assert apart.doses == prescribe(flowing(), "crop", rule="harmed and receivers", at=0.6).doses
    with pytest.raises(InputError, match="together=0; expected a share above 0"):
        prescribe(flowing(), "crop", rule="harmed groups", together=0)


def test_groups_are_those_of_a_square_table():
    """Against a confusion matrix and its transitive closure, computed the long way."""
    preds = swept([[0.0] * 5, [-0.1] * 5], images=50)
    ladder = Ladder.of(preds, "baseline", 0.6, 0.95, together=0.11)
    linked = np.eye(5, dtype=bool)
    for arm in ("baseline", "arm 2"):
        table = np.zeros((5, 5))
        for row in preds.rows(arm):
            np.add.at(table, (preds.label, preds.guess[row]), 1 / (4 * 50))
        linked |= (table >= 0.11) | (table >= 0.11).T
    for _ in range(5):
        linked = linked @ linked
    groups = ladder.groups().of
    assert np.array_equal(groups[:, None] == groups, linked)
    assert len(set(groups.tolist())) > 1


def test_where_nobody_is_harmed_it_is_said_what_would_find_harm():
    rx = prescribe(swept([[0.05] * 5, [0.08] * 5], images=40), "crop", rule="receivers")
    assert rx.dose == 0.6
    assert rx.doubt.startswith("no class is certain to be harmed at 0.6. To find a change of 2.0 points")
    assert "cannot tell: no class is certain" in str(rx)


def test_labels_that_are_kept_decide():
    preds = swept([[0.04] * 5, [0.08] * 5], images=300)
    lost = swept([[-0.02] * 3 + [-0.2, 0.0], [-0.03] * 3 + [-0.4, 0.0]], images=300, seed=3, noise=Noise(run=0))
    asked = {"mlp": Predictions(**{**vars(lost), "on": "others"})}
    rx = prescribe(preds, "crop", rule="label preservation", preserved=asked)
    assert rx.doses[:3] == (0.6, 0.6, 0.6)
    assert 0 < rx.doses[3] < 0.3
    assert rx.why[3].startswith("label kept to 0.")


def test_references_may_not_look_at_what_judges():
    preds = swept([[0.04] * 5, [0.08] * 5], images=20)
    with pytest.raises(InputError, match="needs what references answered"):
        prescribe(preds, "crop", rule="label preservation")
    other = Predictions(**{**vars(swept([[0.04] * 5, [0.08] * 5], images=20, seed=2)), "on": "validation"})
    with pytest.raises(InputError, match="mlp was asked about the very images that judge; leave choose_on out"):
        prescribe(preds, "crop", rule="label preservation", choose_on=other, preserved={"mlp": preds})
    wrong = swept([[0.04] * 3, [0.08] * 3], classes=3, images=20)
    with pytest.raises(InputError, match="other classes"):
        prescribe(preds, "crop", rule="label preservation", preserved={"x": Predictions(**{**vars(wrong), "on": "v"})})


def test_an_objective_prescribes_one_dose(one_suffers):
    rx = prescribe(one_suffers, "crop", rule="worst tenth")
    assert rx.dose == 0.0
    assert rx.text().startswith("worst tenth: crop 0 for every class; the best mean has 0.3")


def test_a_composed_arm_takes_each_class_from_its_own_arm(one_suffers):
    composed = compose(one_suffers, (0.6, 0.0, 0.25, 0.3, 0.6))
    e = estimate(composed, "baseline")
    of = dict(zip(e.arms, e.effect, strict=True))
    assert of[COMPOSED].tolist() == [of["arm 2"][0], 0.0, of["arm 1"][2], of["arm 1"][3], of["arm 2"][4]]


def test_mistakes_are_said(one_suffers):
    with pytest.raises(InputError, match=r"rule='own bets' is unknown.*Did you mean 'own best'"):
        prescribe(one_suffers, "crop", rule="own bets")
    with pytest.raises(InputError, match=r"at=0.5 was not studied; expected one of the doses 0, 0.3, 0.6"):
        prescribe(one_suffers, "crop", at=0.5)
    with pytest.raises(InputError, match=r"baseline=0.7 is the dose of 0 arms"):
        prescribe(one_suffers, "crop", 0.7)
    plain = Predictions.from_arrays([0, 1], {"a": [[0, 1]], "b": [[1, 1]]})
    with pytest.raises(InputError, match="doses are not given"):
        prescribe(plain, "crop", "a")
    apart = Predictions.from_arrays(
        [0, 1, 0, 1], {"a": [[0, 1, 0, 1]] * 2, "b": [[1, 1, 1, 1]] * 2}, dose={"a": 0, "b": 1},
        seeds={"a": [0, 1], "b": [2, 3]},
    )  # fmt: skip
    with pytest.raises(InputError, match="no seed was run at every dose"):
        prescribe(apart, "crop", "a")


@pytest.mark.parametrize("classes", [1, 2])
def test_few_classes_and_images_give_an_answer(classes):
    label = np.tile(np.arange(classes), 2)
    preds = Predictions.from_arrays(
        label, {"a": [label] * 2, "b": [label * 0] * 2}, dose={"a": 0.0, "b": 1.0},
        classes=["only", "<b>other</b>"][:classes],
    )  # fmt: skip
    rx = prescribe(preds, "crop")
    assert len(rx.doses) == classes
    assert all(np.isfinite(rx.doses))
    assert "nan" not in str(choose(preds, "a")).lower()


def test_groups_stay_small_and_say_whom_they_part():
    """A thousand classes in a chain, each confused with the next, most of all the first with the second of a pair."""
    first = np.arange(999)
    found = grouped(first, first + 1, np.where(first % 2 == 0, 0.2, 0.1), classes=1000)
    sizes = np.bincount(found.of)
    assert sizes.max() == LARGEST
    assert found.pairs == 999
    assert found.apart == np.count_nonzero(np.diff(found.of))
    assert all(found.of[0::2] == found.of[1::2])  # the most confused stay together
    assert f"{found.apart} of 999 pairs of confused classes are in two groups" in found.note()
    assert grouped(first, first + 1, np.full(999, 0.1), classes=1000, most=1000).note() == ""


def test_a_prescription_tells_where_confused_classes_are_parted(monkeypatch):
    monkeypatch.setattr("barnspider.prescribe.rules.grouped", lambda *args: grouped(*args, most=2))
    rx = prescribe(flowing(), "crop", rule="harmed groups", at=0.6)
    assert "pairs of confused classes are in two groups" in rx.note
    assert f"note: {rx.note[:100]}" in str(rx)
