"""Charts that explain a harm, and what the page knows of it: drawn is what was found, strangers' names stay text."""

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import barnspider as barn
from barnspider import figures
from barnspider.figures import explained, paper
from barnspider.figures.captions import method
from barnspider.figures.paper import write_figures
from barnspider.grouping import grouped
from barnspider.kinds import kinds
from barnspider.preservation import foretold, preservation
from barnspider.report import contents, gather, kinds_table, packing, preservation_table
from barnspider.simulate import Noise

DOSES = (0.0, 0.5, 1.0)
HOSTILE = ("<img src=x onerror=alert(1)>", r"\input{/etc/passwd} *b*", "\u202eevil", "50 % & $x_1$ #~^")
LOST = (0.4, 0.0, 0.02, 0.3)  # to the change of the images, at dose 1
HARM = (-0.4, -0.3, 0.0, 0.02)  # of training with it: the second class is harmed although its label is kept
EDGE = "\ufdd0"  # a name that is no character, for a class without images


def named(sim, names=HOSTILE):
    p = sim.predictions
    arms = {f"crop={p.dose_of(arm):g}": arm for arm in p.arms}
    return barn.Predictions.from_arrays(
        p.label, {name: p.guess[p.rows(arm)] for name, arm in arms.items()}, classes=[*names, EDGE],
        dose={name: p.dose_of(arm) for name, arm in arms.items()}, on="made up/test",
    )  # fmt: skip


def answers(ends, seed, runs=2, images=400, classes=4):
    noise = Noise(run=0, run_class=0)
    change = [[end * dose for end in ends] for dose in DOSES[1:]]
    return barn.simulate(
        classes=classes, images=images, runs=runs, effect=change, doses=DOSES, noise=noise, seed=seed
    )  # fmt: skip


@pytest.fixture(scope="module")
def asked():
    references = {f"<b>net {seed}": named(answers([-x for x in LOST], seed)) for seed in (1, 2)}
    return preservation(references)


@pytest.fixture(scope="module")
def preds():
    return named(answers(HARM, 3))


@pytest.fixture(scope="module")
def effects(preds):
    return barn.estimate(preds, 0.0)


@pytest.fixture(scope="module")
def study(preds, effects, asked):
    return gather(preds, effects, preservation=asked, groups={HOSTILE[0]: "<i>", HOSTILE[1]: "<i>"})


def test_a_point_for_each_class_and_the_surprising_ones_are_marked_and_named(asked, effects):
    told = next(x for x in foretold(asked, effects) if x.dose == 1)
    drawn = explained.foretold_rows(asked, effects, told)
    by_name = {row["name"]: row for row in drawn["rows"]}
    assert len(by_name) == len(HOSTILE)  # the class without images has no point
    one = by_name["50 % & $x_1$ #~^"]
    assert (one["cost"], one["effect"]) == pytest.approx(
        (100 * asked.at(1.0)[0][3], 100 * effects.effect[1, 3]), abs=0.001
    )
    assert one["cost_low"] < one["cost"] < one["cost_high"]
    assert [row["name"] for row in drawn["odd"]] == [r"\input{/etc/passwd} *b*"]
    assert drawn["odd"][0] in drawn["texts"]
    assert drawn["lost"] == [{"cost": -5.0}]


def test_many_classes_are_thinned_but_never_the_marked_ones(monkeypatch, asked, effects):
    monkeypatch.setattr(explained, "DRAWN", 2)
    monkeypatch.setattr(explained, "NAMED", 1)
    told = foretold(asked, effects)[-2]
    drawn = explained.foretold_rows(asked, effects, told)
    assert len(drawn["rows"]) == 3
    assert drawn["texts"] == drawn["odd"]
    assert len(drawn["odd"]) == 1


def test_a_class_has_two_curves_from_zero(asked, effects):
    drawn = explained.kept_rows(asked, effects, HOSTILE[0], 1, "crop=1")
    assert [row["dose"] for row in drawn["asked"]] == [row["dose"] for row in drawn["own"]] == list(DOSES)
    assert drawn["asked"][0]["effect"] == drawn["own"][0]["effect"] == 0
    assert drawn["asked"][-1]["effect"] == pytest.approx(100 * asked.effects[1].effect[1, 0], abs=0.001)
    assert drawn["here"] == [{"dose": 1.0}]
    assert explained.kept_rows(asked, effects, EDGE)["asked"] == []
    with pytest.raises(barn.InputError, match="has no image"):
        figures.kept_curve(asked, effects, EDGE)


def test_receivers_stand_below_the_class_that_lost(study, effects):
    found = study.flows
    lost, *others = explained.received_rows(found, effects, "crop=1", most=1, each=2)["rows"]
    worst = effects.worst_first("crop=1")[0]
    assert (lost["status"], lost["effect"]) == ("harmed", pytest.approx(100 * effects.effect[1, worst], abs=0.001))
    assert len(others) == 2
    assert all(row["effect"] > 0 and row["name"].startswith("→ ") for row in others)
    assert others[0]["status"] == "certain"
    calm = replace(effects, q=np.ones_like(effects.q))
    with pytest.raises(barn.InputError, match="no class is harmed"):
        figures.received(found, calm, arm="crop=1")


def test_the_folder_has_figures_that_explain_and_names_are_inert_in_every_caption(
    study, effects, tmp_path, monkeypatch
):
    monkeypatch.setattr(paper, "_of_all", lambda *_: [])  # the other figures have tests of their own
    made = write_figures(
        tmp_path, effects, arm="crop=1", flows=study.flows, preserved=study.preservation, classes=[HOSTILE[1]]
    )
    names = [file.name for file in made.files]
    assert {"receivers.svg", "label-preservation-1.svg", "label-preservation-2.svg"} <= set(names)
    assert "class-1-input-etc-passwd-b-preservation-1.svg" in names
    drawn = " ".join(ET.parse(tmp_path / "receivers.svg").getroot().itertext())
    assert "\u202e" not in drawn
    assert "\\u202eevil" in drawn
    plain, markdown, latex = ((tmp_path / f"captions.{kind}").read_text("utf-8") for kind in ("txt", "md", "tex"))
    assert "rank correlation" in plain
    assert "Harmed although the label is kept" in plain
    assert "<b>net" in plain
    assert "<b>net" not in markdown + latex
    assert "&lt;b&gt;net" in markdown
    assert not re.search(r"\\input", latex)
    assert r"\textbackslash{}input" in latex
    assert latex.count(r"\caption{") == len([x for x in names if x.endswith(".svg")]) + 1


def test_what_cannot_be_drawn_is_said(effects, study, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "save", lambda chart, path, dpi: path)
    halves = preservation({"net": named(answers([-x for x in LOST], 1)).where(arms=["crop=0", "crop=0.5"])})
    made = write_figures(tmp_path, effects, arm="crop=1", flows=study.flows, preserved=halves)
    assert made.left_out["label-preservation"] == "the references were not asked at the drawn arm's dose"
    calm = replace(effects, q=np.ones_like(effects.q))
    assert "no class is harmed" in write_figures(tmp_path, calm, flows=study.flows).left_out["receivers"]


def test_captions_say_what_label_sets_left_out(preds):
    sets = [[preds.classes[c]] if i else [] for i, c in enumerate(preds.label)]
    real = barn.with_label_sets(preds, sets)
    assert "1 image without a right label is left out." in method(barn.estimate(real, 0.0))
    assert "right label" not in method(barn.estimate(preds, 0.0))


def test_the_page_knows_what_was_foretold(asked, effects):
    made = preservation_table.packed(asked, effects)
    assert [(x["arm"], x["network"], x["dose"]) for x in made["told"]] == [(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1)]
    assert made["told"][2]["odd"] == [1]
    assert made["told"][2]["words"] == preservation_table.table(asked, effects, {a: a for a in effects.arms})["told"][2]
    cost = np.frombuffer(base64.b64decode(made["networks"][1]["effect"]), "<i2") / packing.SHARE
    known = asked.effects[1].effect.ravel()
    assert cost[~np.isnan(known)] == pytest.approx(known[~np.isnan(known)], abs=0.0006)


def test_of_very_many_classes_not_every_architecture_is_drawn(monkeypatch, asked, effects):
    monkeypatch.setattr(preservation_table, "NUMBERS", 1)
    made = preservation_table.packed(asked, effects)
    assert [x["name"] for x in made["networks"]] == ["<b>net 1"]
    assert {x["network"] for x in made["told"]} == {0}
    assert preservation_table.table(asked, effects, {a: a for a in effects.arms})["drawn"] == 1


def test_flows_are_there_from_each_class_own_best_arm(study):
    known = contents.study("", study, 0)
    own, found = known["ownFlows"], study.own_flows
    assert own["from"].startswith("Measured from each class's own best arm (chosen on")
    assert known["flows"]["from"] == ""
    first = found.surest("crop=0.5")[0]
    before = np.frombuffer(base64.b64decode(own["before"]), "<i2") / packing.SHARE
    assert before[0] == pytest.approx(found.before[first], abs=0.0006)
    assert own["got"] == [[], []]


def test_every_pair_has_its_kind(study, preds, effects):
    known = contents.study("", study, 0)
    told = kinds(preds, effects, groups={HOSTILE[0]: "<i>", HOSTILE[1]: "<i>"})
    by_pair = {(s, t): told.of(i) for i, (s, t) in enumerate(zip(told.source, told.target, strict=True))}
    sources, targets = (np.frombuffer(base64.b64decode(known["flows"][x]), "<u4") for x in ("source", "target"))
    for code, *pair in zip(known["flows"]["kind"], sources.tolist(), targets.tolist(), strict=True):
        assert known["kinds"]["names"][int(code)] == by_pair[tuple(pair)]
    row = known["kinds"]["arms"][1][0]
    assert row[0] == "ambiguous or fine-grained"
    few = replace(told, source=told.source[:1], target=told.target[:1], kind=told.kind[:1])
    assert kinds_table.codes(few, study.flows, np.arange(3)) == "0  "


@pytest.mark.parametrize("classes", [1, 2])
def test_very_few_classes_have_a_page(classes):
    def first(ends, seed):
        made = named(answers(ends, seed, images=100, classes=2), ["class 0", "class 1"])
        return made.where(samples=np.flatnonzero(made.label < classes))

    preds = first(HARM[:2], 3)
    kept = preservation({"net": first([-x for x in LOST[:2]], 1)})
    made = gather(preds, barn.estimate(preds, 0.0), preservation=kept)
    known = contents.study("", made, 0)
    assert packing.sealed(known)  # refuses what is no number
    assert "nobody can tell from so few classes" in contents.summary(made, known)["preservation"]["told"][0]


def test_groups_have_flows_from_their_own_best_arm_and_no_kinds(preds):
    both = grouped(preds, {name: "ab"[c % 2] for c, name in enumerate(preds.classes)})
    effects = barn.estimate(both, 0.0)
    made = gather(both, effects)
    assert made.kinds is None
    assert made.own_flows.against == "own best"
    with pytest.raises(barn.InputError, match="group"):
        gather(both, effects, groups={"a": "b"})
