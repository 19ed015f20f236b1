"""Groups in the place of classes: pooled images, answers judged by class, everything else as ever."""

import numpy as np
import pytest

from barnspider import Gate, InputError, Predictions, concat, estimate, flows, grouped, write_table
from barnspider.doses import best_doses, tolls
from barnspider.inequality import inequality
from barnspider.predictions import with_classes
from barnspider.report.study import gather
from barnspider.simulate import simulate


@pytest.fixture
def sim():
    return simulate(classes=6, images=50, runs=3, effect=[-0.3, -0.3, -0.3, 0, 0, 0], doses=(0, 1), seed=2).predictions


HALVES = {f"class {c}": "low" if c < 3 else "high" for c in range(6)}


def test_a_group_pools_the_images_of_its_classes(sim):
    e = estimate(grouped(sim, HALVES, by="half"), "baseline")
    one = estimate(sim, "baseline")
    assert (e.classes, e.n.tolist()) == (("high", "low"), [150, 150])
    np.testing.assert_allclose(e.effect[0], [one.effect[0, 3:].mean(), one.effect[0, :3].mean()])
    assert e.overall == pytest.approx(one.overall)
    assert e.harmed.tolist() == [[False, True]]
    assert "1 of 2 groups harmed" in e.headline("arm 1")
    assert "Images are grouped by 'half'; an answer is right by its class, as without groups" in str(e)
    assert e.sentence("arm 1", "low").startswith("Group 'low' lost")
    assert e.to_json()["method"]["by"] == "half"


def test_classes_as_their_own_groups_change_nothing(sim):
    same = estimate(grouped(sim, {name: name for name in sim.classes}), "baseline")
    for name in ("effect", "low", "high", "q", "tau", "before"):
        np.testing.assert_array_equal(getattr(same, name), getattr(estimate(sim, "baseline"), name), err_msg=name)


def test_a_wrong_class_of_the_right_group_is_wrong():
    p = grouped(Predictions.from_arrays([0, 1], {"a": [[1, 1]]}, classes=["x", "y"]), {"x": "g", "y": "g"})
    assert p.correct().tolist() == [[False, True]]
    assert (p.units, p.unit.tolist(), p.classes) == (("g",), [0, 0], ("x", "y"))


def test_groups_of_samples_stay_with_their_samples(sim, tmp_path):
    place = [str(i % 3) for i in range(len(sim.label))]
    p = grouped(sim, place, by="camera")
    part = p.where(samples=np.arange(len(place))[::-1])
    assert [part.groups[g] for g in part.group] == place[::-1]
    assert Predictions.load(p.save(tmp_path / "p.npz")).units == ("0", "1", "2")
    both = concat([p.where(arms=["baseline"]), part.where(arms=["arm 1"])])
    np.testing.assert_array_equal(both.group, p.group)
    np.testing.assert_array_equal(with_classes(p, [*p.classes, "more"]).unit, p.group)
    with pytest.raises(InputError, match="grouped in different ways"):
        concat([p.where(arms=["baseline"]), sim.where(arms=["arm 1"])])
    with pytest.raises(InputError, match=r"a table has no place for groups \('camera'\)"):
        write_table(p, tmp_path / "p.csv")


def test_every_question_can_be_asked_of_groups(sim):
    p = grouped(sim, HALVES, by="half")
    e = estimate(p, "baseline")
    assert Gate(max_drop=0.1, budgets={"low": 0.5}).check(e, p).status == "pass"
    assert Gate(max_drop=0.1).check(e, p).status == "fail"
    assert best_doses(p).classes == tolls(p).classes == ("high", "low")
    assert inequality(p, "baseline").worst_pair[0].name == "cannot tell"
    with pytest.raises(InputError, match="grouped by 'half'; expected classes"):
        flows(p, e)
    assert gather(p, e).flows is None


def test_what_has_no_group_is_named(sim):
    with pytest.raises(InputError, match=r"by='g' has no group for 5 of 6 classes: 'class 1', 'class 2'"):
        grouped(sim, {"class 0": "a"}, by="g")
    with pytest.raises(InputError, match=r"by='group' has 1 groups; expected 300"):
        grouped(sim, ["a"])
    assert grouped(sim, ["", *["a"] * 299]).units == ("(none)", "a")


def test_one_group_and_ten_thousand():
    label = np.arange(10_000)
    p = Predictions.from_arrays(label, {"a": [label], "b": [label]})
    assert estimate(grouped(p, ["all"] * 10_000), "a").n.tolist() == [10_000]
    assert estimate(grouped(p, [str(i) for i in range(10_000)]), "a").effect.shape == (1, 10_000)
