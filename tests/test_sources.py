from dataclasses import replace

import pytest

import barnspider as barn
from barnspider.dose_axis import UNKNOWN, DoseAxis, Usual
from barnspider.sources import default_baseline, dose_axis, provenance, read_beside
from barnspider.store import Cell, Store


def one_arm(path, arm, guess=(0, 1, 1)):
    barn.write_table(barn.Predictions.from_arrays([0, 1, 0], {arm: [list(guess)]}, classes=["x", "y"]), path)
    return path


def test_two_files_of_one_arm_each(tmp_path):
    preds, base = read_beside([one_arm(tmp_path / "a.csv", "main"), one_arm(tmp_path / "b.csv", "pr", (0, 0, 0))])
    assert (base, preds.arms) == ("main", ("main", "pr"))


def test_two_files_of_the_same_arm_are_named_by_their_place(tmp_path):
    preds, base = read_beside([one_arm(tmp_path / "a.csv", "main"), one_arm(tmp_path / "b.csv", "main")])
    assert (base, preds.arms) == ("base", ("base", "candidate"))


def test_several_files_are_named_by_their_arms_or_else_by_themselves(tmp_path):
    base, one, two = (
        one_arm(tmp_path / f"{name}.csv", arm) for name, arm in zip("abc", ("main", "pr", "pr"), strict=True)
    )
    assert read_beside([base, one, two])[0].arms == ("main", "b.csv", "c.csv")
    (tmp_path / "other").mkdir()
    same = one_arm(tmp_path / "other" / "b.csv", "pr")
    assert read_beside([base, one, same])[0].arms == (str(base), str(one), str(same))
    with pytest.raises(barn.InputError, match=r"b.csv' was given twice; expected each file once"):
        read_beside([base, one, one])


def test_a_file_with_several_arms_is_refused(tmp_path):
    barn.write_table(barn.Predictions.from_arrays([0, 1], {"a": [[0, 1]], "b": [[0, 1]]}), tmp_path / "ab.csv")
    with pytest.raises(barn.InputError, match="holds the arms a, b; expected one"):
        read_beside([tmp_path / "ab.csv", tmp_path / "ab.csv"])


def test_the_default_baseline_is_dose_zero():
    doses = {"off": 0.0, "on": 1.0}
    preds = barn.Predictions.from_arrays([0, 1], {"on": [[0, 1]], "off": [[0, 1]]}, dose=doses)
    assert default_baseline(preds) == "off"
    with pytest.raises(barn.InputError, match="only one arm, on; give a candidate"):
        default_baseline(preds.where(arms=["on"]))


@pytest.mark.parametrize(("plan", "arm"), [({"baseline": 10}, "epochs=10"), ({"baseline": [1, 2]}, "per class")])
def test_the_baseline_that_a_plan_states_is_taken(tmp_path, plan, arm):
    store = Store(tmp_path)
    cells = [Cell("epochs=5", 5.0, 0, "k0"), Cell("epochs=10", 10.0, 0, "k1"), Cell("per class", None, 0, "k2")]
    store.plan("s", cells, {"doses": [5, 10, [1, 2]], **plan})
    arms = {cell.arm: [[0, 1]] for cell in cells}
    preds = barn.Predictions.from_arrays([0, 1], arms)
    assert default_baseline(preds, tmp_path) == default_baseline(preds, tmp_path, study="s") == arm
    with pytest.raises(barn.InputError, match="only one arm, epochs=5"):
        default_baseline(preds.where(arms=["epochs=5"]), tmp_path)


def test_a_baseline_of_which_no_run_is_left_is_named(tmp_path):
    cells = [Cell("crop=0", 0.0, 0, "k0"), Cell("crop=1", 1.0, 0, "k1")]
    Store(tmp_path).plan("s", cells, {"vary": "crop"})
    left = (barn.LeftOut("crop=0", 0, "diverged"),)
    preds = replace(barn.Predictions.from_arrays([0, 1], {"crop=1": [[0, 1]]}), left_out=left)
    with pytest.raises(barn.InputError, match=r"no run is left of the baseline crop=0: seed 0 \(diverged\); run it"):
        default_baseline(preds, tmp_path)


def test_of_three_files_the_one_that_does_not_fit_is_named(tmp_path):
    a, b = (one_arm(tmp_path / f"{name}.csv", name) for name in "ab")
    (tmp_path / "c.csv").write_text("arm,seed,sample,label,prediction\nc,0,0,x,x\nc,0,1,x,y\nc,0,2,x,x\n")
    said = r"a.csv' and '.*c.csv': the parts label sample '1' differently .*: 'y' in the first, 'x' in the later"
    with pytest.raises(barn.InputError, match=said):
        read_beside([a, b, tmp_path / "c.csv"])


def test_the_axis_of_doses_is_known_of_a_store_and_not_of_a_file(tmp_path):
    store, cells = Store(tmp_path / "runs"), [Cell("crop=0", 0.0, 0, "k0"), Cell("crop=0.9", 0.9, 0, "k1")]
    store.plan("old", cells, {"vary": "crop"})
    store.plan("new", cells, {"vary": "crop", "usual": "torchvision's scale = 1 - dose"})
    assert dose_axis(store.root, study="old") == DoseAxis("crop")
    assert dose_axis(store.root, study="new") == DoseAxis("crop", Usual("torchvision's scale", 1, -1))
    assert provenance(store.root, study="new")["usual"] == "torchvision's scale = 1 - dose"
    assert dose_axis(one_arm(tmp_path / "a.csv", "main")) == UNKNOWN


def test_a_plan_from_before_there_were_usual_parameters_gets_a_plan_beside_it_and_loses_nothing(tmp_path):
    store, cells = Store(tmp_path), [Cell("crop=0", 0.0, 0, "k0"), Cell("crop=0.9", 0.9, 0, "k1")]
    store.plan("s", cells, {"vary": "crop"})
    first = (tmp_path / "studies/s/0001.json").read_bytes()
    for _ in range(2):
        store.plan("s", cells, {"vary": "crop", "usual": "a = 1 - dose"})
    assert sorted(path.name for path in (tmp_path / "studies/s").iterdir()) == ["0001.json", "0002.json"]
    assert (tmp_path / "studies/s/0001.json").read_bytes() == first
    assert store.study("s").cells == tuple(cells)


def test_what_a_file_must_be_told_a_store_knows(tmp_path):
    Store(tmp_path).plan("s", [Cell("a", 0.0, 0, "k0")], {})
    told = {
        "paired": True, "samples": "common", "on": "test", "classes": ["x"], "labels": "y.csv", "format": "timm",
        "columns": {"arm": "model"}, "scores": "logits", "pattern": "{arm}", "mapping": "m.csv",
    }  # fmt: skip
    for name, value in told.items():
        with pytest.raises(barn.InputError, match=f"knows by itself what {name} .* leave out --{name}"):
            barn.read_predictions(tmp_path, **{name: value})


def test_options_reach_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("arm,seed,sample,label,prediction\na,0,0,x,x\na,0,1,x,x\nb,0,0,x,x\n")
    with pytest.raises(barn.InputError, match="--samples common"):
        barn.read_predictions(tmp_path / "a.csv")
    with pytest.warns(UserWarning, match="1 of 2 samples"):
        preds = barn.read_predictions(tmp_path / "a.csv", samples="common", classes=["y", "x"])
    assert (len(preds.label), preds.classes) == (1, ("y", "x"))


def test_two_files_on_common_samples(tmp_path):
    one_arm(tmp_path / "a.csv", "main")
    (tmp_path / "b.csv").write_text("arm,seed,sample,label,prediction\npr,0,0,x,x\npr,0,1,y,x\n")
    with pytest.warns(UserWarning, match="1 of 3 samples"):
        preds, _ = read_beside([tmp_path / "a.csv", tmp_path / "b.csv"], samples="common")
    assert len(preds.label) == 2
