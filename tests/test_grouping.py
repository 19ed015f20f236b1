"""Groups in the place of classes: pooled images, answers judged by class, everything else as ever."""

from dataclasses import replace

import numpy as np
import pytest

from barnspider import Gate, InputError, Predictions, concat, estimate, flows, grouped, write_table
from barnspider.doses import best_doses, tolls
from barnspider.inequality import inequality
from barnspider.joining import with_classes
from barnspider.report.study import gather
from barnspider.simulate import simulate
from barnspider.sources import read_beside


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
    assert inequality(p, "baseline").worst_pair[0].name == "high / low"
    assert gather(p, e).flows is not None


def test_groups_of_images_leave_out_what_is_told_of_answers(sim):
    p = grouped(sim, [str(i % 2) for i in range(len(sim.label))], by="camera")
    e = estimate(p, "baseline")
    assert p.answered is None
    with pytest.raises(InputError, match=r"no flows: an answer is a class, .* one by one, by 'camera'; group the cl"):
        flows(p, e)
    found = inequality(p, "baseline")
    assert (found.worst_pair[0].name, found.worst_precision[0].name) == ("cannot tell", "cannot tell")
    said = str(found)
    assert "Left out: precision and confused pairs, since an answer is a class" in said
    assert "worst group" in said
    assert "most confused pair" not in said
    assert gather(p, e).flows is None


TRIPLES = {"class 0": "a", "class 1": "a", "class 2": "b", "class 3": "b", "class 4": "c", "class 5": "c"}


def by_hand(p, arm, group):
    """The answers of an arm about the images of a group: class of the image, class of the answer, its group."""
    rows = [(int(c), int(g)) for r in p.rows(arm) for c, g in zip(p.label, p.guess[r], strict=True)]
    return [(c, g, TRIPLES[p.classes[g]]) for c, g in rows if TRIPLES[p.classes[c]] == group]


def test_flows_between_groups_by_loops(sim):
    p = grouped(sim, TRIPLES, by="kind")
    e = estimate(p, "baseline")
    f = flows(p, e)
    assert {(f.classes[s], f.classes[t]) for s, t in zip(f.source, f.target, strict=True)} == {
        (s, t) for s in "abc" for t in "abc"
    }
    for i, (s, t) in enumerate(zip(f.source, f.target, strict=True)):
        before, after = (
            [g != c and other == f.classes[t] for c, g, other in by_hand(sim, arm, f.classes[s])]
            for arm in ("baseline", "arm 1")
        )
        assert f.before[i] == pytest.approx(np.mean(before))
        assert f.change[0, i] == pytest.approx(np.mean(after) - np.mean(before))
        assert f.low[0, i] <= f.change[0, i] <= f.high[0, i]
    np.testing.assert_allclose(f.rest, 0, atol=1e-12)
    assert "a -> a (another class of it)" in f.text(20)


def test_precision_and_confused_pairs_of_groups_by_loops(sim):
    found = inequality(grouped(sim, TRIPLES, by="kind"), "baseline")
    assert (found.by, found.left_out) == ("kind", "")
    every = [x for group in "abc" for x in by_hand(sim, "arm 1", group)]
    precision = {group: np.mean([c == g for c, g, other in every if other == group]) for group in "abc"}
    worst = min(precision, key=precision.__getitem__)
    assert found.worst_precision[1].name == worst
    assert found.worst_precision[1].naive == pytest.approx(precision[worst])
    confused = {}
    for one, two in (("a", "b"), ("a", "c"), ("b", "c")):
        both = [{TRIPLES[sim.classes[c]], other} == {one, two} for c, _, other in every
                if TRIPLES[sim.classes[c]] in {one, two}]  # fmt: skip
        confused[f"{one} / {two}"] = np.mean(both)
    assert found.worst_pair[1].name == max(confused, key=confused.__getitem__)
    assert found.worst_pair[1].naive == pytest.approx(max(confused.values()))


def test_classes_as_their_own_groups_have_the_same_flows(sim):
    same = grouped(sim, {name: name for name in sim.classes})
    one, two = (flows(p, estimate(p, "baseline")) for p in (sim, same))
    for name in ("source", "target", "before", "change", "low", "high", "q"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    for name in ("worst_precision", "worst_pair"):
        assert getattr(inequality(sim, "baseline"), name) == getattr(inequality(same, "baseline"), name)


def test_a_class_that_is_only_answered_has_a_group_too(tmp_path):
    p = Predictions.from_arrays(["cat", "dog"], {"a": [["cat", "cow"]], "b": [["elk", "cow"]]})
    g = grouped(p, {"cat": "pet", "dog": "pet", "cow": "farm"}, by="kind")
    assert g.groups == ("(none)", "farm", "pet")
    assert [g.groups[k] for k in g.answered] == ["pet", "farm", "pet", "(none)"]
    again = Predictions.load(g.save(tmp_path / "p.npz"))
    np.testing.assert_array_equal(again.answered, g.answered)
    more = with_classes(grouped(p, dict.fromkeys(p.classes, "all")), [*p.classes, "owl"])
    assert [more.groups[k] for k in more.answered] == ["all", "all", "all", "all", "(none)"]
    for arm in ("a", "b"):
        write_table(p.where(arms=[arm]), tmp_path / f"{arm}.csv")
    (tmp_path / "kinds.json").write_text('{"cat": "pet", "dog": "pet", "cow": "farm", "elk": "wild"}')
    both, _ = read_beside([tmp_path / "a.csv", tmp_path / "b.csv"], by=tmp_path / "kinds.json")
    assert both.groups == ("farm", "pet", "wild")


def test_groups_that_contradict_the_classes_are_refused(sim):
    p = grouped(sim, HALVES)
    with pytest.raises(InputError, match="group_of puts images into other groups"):
        replace(p, group=1 - np.asarray(p.group))
    with pytest.raises(InputError, match=r"group_of has shape \(2,\); expected \(6,\)"):
        replace(p, group_of=np.array([0, 1]))
    with pytest.raises(InputError, match="group_of must hold places in groups, 2 distinct names"):
        replace(p, group_of=np.array([1, 1, 1, 0, 0, 2]))


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
