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
    ],
)
def test_bad_sweeps_are_said(changes, message):
    with pytest.raises(InputError, match=message):
        sweep(**changes)
