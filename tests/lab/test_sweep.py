import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider import InputError
from barnspider.lab import Recipe, Sweep

BASE = Recipe(dataset="digits", network="mlp")


def sweep(**changes):
    return Sweep(**({"base": BASE, "vary": "rotation", "doses": (0, 30), "seeds": (0, 1)} | changes))


def test_seeds_are_interleaved_so_that_early_tables_are_balanced():
    assert [(r.seed, r.dose) for r in sweep().runs()] == [(0, 0.0), (0, 30.0), (1, 0.0), (1, 30.0)]


def test_key_depends_on_all_that_can_change_the_answer_and_on_nothing_else():
    key = sweep().runs()[0].key
    assert key == sweep(doses=(0, 90), name="other").runs()[0].key
    assert key == sweep(vary="crop", doses=(0,)).runs()[0].key, "dose 0 is dose 0 of every knob"
    others = [sweep(seeds=(5,)), sweep(doses=(1,)), sweep(base=Recipe(dataset="digits", epochs=3))]
    assert key not in {other.runs()[0].key for other in others}


def test_keys_are_stable():
    """A key that changes orphans every run that users have: if this fails, raise TRAINING_VERSION and say so."""
    assert sweep().runs()[1].key == Sweep.from_dict(json.loads(json.dumps(sweep().as_dict()))).runs()[1].key


@given(st.lists(st.floats(0, 180), min_size=1, max_size=5, unique=True), st.sets(st.integers(0, 2**63 - 1), min_size=1))
def test_a_sweep_survives_json(doses, seeds):
    one = sweep(doses=tuple(doses), seeds=tuple(seeds))
    two = Sweep.from_dict(json.loads(json.dumps(one.as_dict())))
    assert one == two
    assert len({run.arm for run in one.runs()}) == len(doses), "different doses have different names"


def test_per_class_doses_are_arms_like_any_other():
    doses = (0, (0.1, 0.6), (0.6, 0.1))
    runs = sweep(vary="crop", doses=doses, seeds=(0,)).runs()
    assert len({run.arm for run in runs}) == 3
    assert [run.dose for run in runs] == [0.0, None, None]
    assert runs[1].recipe.crop == (0.1, 0.6)


def test_per_class_doses_must_fit_the_classes():
    with pytest.raises(InputError, match="crop has 2 doses; expected one for each of 3 classes"):
        sweep(vary="crop", doses=((0.1, 0.6),)).check_classes(["a", "b", "c"])


def test_sweeps_that_may_be_joined_have_one_identity():
    assert sweep().identity == sweep(doses=(0, 180), seeds=(9,)).identity
    assert sweep().identity != sweep(base=Recipe(dataset="digits", epochs=3)).identity
    assert sweep().identity.startswith("digits-rotation-")


def test_baseline_is_dose_zero_or_the_first():
    assert sweep(doses=(30, 0)).baseline == "rotation=0"
    assert sweep(doses=(30, 60)).baseline == "rotation=30"


def test_a_stated_baseline_wins():
    stated = sweep(doses=(0, 30, 60), baseline_dose=30)
    assert stated.baseline == "rotation=30"
    assert Sweep.from_dict(json.loads(json.dumps(stated.as_dict()))) == stated
    assert "baseline" not in sweep().as_dict(), "old plans stay what they were"


def test_the_plan_says_the_usual_parameter_and_changes_no_key_and_no_identity():
    crop = sweep(vary="crop", doses=(0, 0.92))
    assert crop.as_dict()["usual"] == "smallest share of the area kept (torchvision's scale) = 1 - dose"
    assert "usual" not in sweep().as_dict(), "where the dose is what everybody calls it"
    assert (crop.identity, crop.runs()[1].key) == ("digits-crop-5db5b5", "d8a16cea549a63ce14e7eecb59e18106")
    old = {name: value for name, value in crop.as_dict().items() if name != "usual"}
    assert Sweep.from_dict(crop.as_dict()) == Sweep.from_dict(old) == crop


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("epochs", (5, 10.0)),
        ("batch", (32, 64)),
        ("width", (4, 8)),
        ("train_images", (100, 200)),
        ("lr", (0.05, 1)),
        ("momentum", (0, 0.9)),
    ],
)
def test_a_plain_field_is_an_axis_with_a_stated_baseline(field, values):
    plain = sweep(vary=field, doses=values, baseline_dose=values[0])
    assert [getattr(run.recipe, field) for run in plain.runs()] == [*values, *values]
    assert [run.dose for run in plain.runs()[:2]] == list(values)
    assert plain.baseline == f"{field}={values[0]:g}"
    assert plain.identity == sweep(vary=field, doses=values[1:], baseline_dose=values[1]).identity
    assert Sweep.from_dict(json.loads(json.dumps(plain.as_dict()))) == plain


def test_a_plain_field_and_a_recipe_that_says_the_same_are_one_run():
    varied = sweep(vary="epochs", doses=(3.0,), baseline_dose=3, seeds=(0,)).runs()[0]
    assert varied.key == sweep(base=Recipe(dataset="digits", network="mlp", epochs=3), doses=(0,)).runs()[0].key


def test_identities_are_those_of_the_first_release():
    assert sweep().identity == "digits-rotation-9f310a"
    assert sweep().runs()[1].key == "84c36914728cf73f04393fe33d4b6343"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vary": "epoch"}, "vary='epoch' is unknown"),
        ({"doses": ()}, "doses is empty"),
        ({"seeds": ()}, "seeds is empty"),
        ({"doses": (0, 0.0)}, "holds the same value twice"),
        ({"seeds": (1, 1)}, "holds the same value twice"),
        ({"seeds": (-1,)}, "seed=-1; expected a whole number"),
        ({"seeds": (1.5,)}, r"seed=1\.5"),
        ({"doses": (0, 200)}, "rotation=200 is out of range"),
        ({"baseline_dose": 10}, "baseline=10.0 is not in the sweep; expected one of the doses: 0.0, 30.0"),
        ({"vary": "epochs", "doses": (5, 10)}, "vary='epochs' needs a baseline, since 0 does not mean off"),
        ({"vary": "epochs", "doses": (5.5,), "baseline_dose": 5.5}, r"epochs=5\.5; expected a whole number"),
        ({"vary": "epochs", "doses": ((5, 6),), "baseline_dose": 5}, r"epochs=\(5, 6\); expected a whole number"),
        ({"vary": "train_images", "doses": (0, 9), "baseline_dose": 9}, "train_images=0 means all of them"),
        ({"vary": "split_seed", "doses": (0, 1)}, "vary='split_seed' is unknown"),
    ],
)
def test_bad_sweeps_are_said(changes, message):
    with pytest.raises(InputError, match=message):
        sweep(**changes)


def test_a_sweep_over_colour_is_refused_on_grey_images():
    coloured = sweep(vary="hue", doses=(0, 0.1))
    coloured.check_channels(3)
    with pytest.raises(InputError, match=r"hue=0\.1 does nothing to grey images"):
        coloured.check_channels(1)
