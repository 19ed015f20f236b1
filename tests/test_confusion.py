"""The whole explanation of a harm: text, Markdown and JSON tell the same, and every name is inert."""

import json

import numpy as np
import pytest

from barnspider import InputError, Predictions, confusion, estimate, with_label_sets
from barnspider.markdown import LIMIT

HOSTILE = ("<b>|*cat*", "\x1b[31mdog", "@cow", "=2+2")


def study(runs=2, names=HOSTILE):
    """Images of the first class are taken for the second; the third gives to the fourth, where both are right."""
    label = np.arange(4).repeat(60)
    on = np.where((np.arange(240) < 30) | ((label == 2) & (np.arange(240) < 150)), label + 1, label)
    more = np.where(label == 1, 0, label)
    preds = Predictions.from_arrays(label, {"off": [label] * runs, "on": [on] * runs, "more": [more] * runs},
                                    classes=names, on="test")  # fmt: skip
    sets = [[int(x)] for x in label]
    sets[120:150] = [[2, 3]] * 30
    return with_label_sets(preds, sets)


def found(preds=None, **options):
    preds = study() if preds is None else preds
    return confusion(preds, estimate(preds, "off"), **options)


def test_label_sets_tell_kinds_and_hide_no_confusion():
    c = found()
    assert c.effects.method.labels == "single"
    pairs = c.to_json()["arms"][0]["flows"]
    assert [(p["source"], p["target"], p["change"], p["kind"]) for p in pairs[:2]] == [
        (HOSTILE[0], HOSTILE[1], 0.5, "fine-grained or unrelated"),
        (HOSTILE[2], HOSTILE[3], 0.5, "ambiguous or co-occurring"),
    ]


def test_json_is_whole_and_strict():
    document = found(against="own best").to_json()
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    assert (document["schema"], document["against"], document["chosen_on"]) == (
        "barnspider/flows/1", "own best", "the other half"
    )  # fmt: skip
    assert document["own_best"][HOSTILE[0]] == "off"
    for arm in document["arms"]:
        assert len(arm["flows"]) == document["pairs"]
        assert len(arm["receivers"]) == 4
        assert {x["class"] for x in arm["receivers"]} == set(HOSTILE)
        for x in (*arm["flows"], *arm["net"], *(r["false"] for r in arm["receivers"])):
            assert {"change", "low", "high", "p", "q"} <= set(x)
    assert sum(k["pairs"] for k in document["arms"][0]["kinds"]) == document["pairs"]


def test_of_some_classes_and_some_rows():
    c = found()
    document = c.to_json(1, [HOSTILE[3]])
    assert [x["class"] for x in document["arms"][0]["receivers"]] == [HOSTILE[3]]
    assert all(HOSTILE[3] in (x["source"], x["target"]) for x in document["arms"][0]["flows"])
    assert len(document["arms"][0]["flows"]) == 1
    said = c.text(classes=[HOSTILE[0]])
    assert "lost 50.0 points" in said
    assert "its images are taken for" in said
    assert "\\x1b[31mdog" in said
    assert "taken for it are images of" in said
    assert "False answers of a run, against the baseline: +60.0" in said  # all of the second class, at "more"
    with pytest.raises(InputError, match="class='newt' is unknown"):
        c.text(classes=["newt"])


def test_the_own_best_arm_is_said():
    said = found(against="own best").text(classes=[HOSTILE[1]])
    assert "Its own best arm is off." in said
    assert "each class's own best arm" in said


def test_names_are_inert():
    c = found(groups={HOSTILE[0]: "pet", HOSTILE[1]: "pet"})
    for text in (str(c), c.to_markdown()):
        assert "\x1b" not in text
    marked = c.to_markdown()
    assert "<b>" not in marked
    assert "@cow" not in marked
    assert "\\|" in marked
    assert "<b>" not in c._repr_html_()


def test_markdown_has_the_tables():
    marked = found().to_markdown(2)
    assert marked.count("| images of | taken for | n | before | change | q | kind |") == 2
    assert "| kind | pairs |" in marked
    assert len(marked) < LIMIT
    only = found().to_markdown(classes=[HOSTILE[3]])
    assert "| kind | pairs |" not in only


def test_without_anything_that_tells_kinds_there_are_none():
    preds = Predictions.from_arrays([0, 1], {"off": [[0, 1]], "on": [[0, 0]]})
    c = found(preds)
    assert c.kinds is None
    assert c.to_json()["kinds"] is None
    assert c.to_json()["arms"][0]["kinds"] is None
    assert "nan" not in str(c)


def test_one_class():
    c = found(Predictions.from_arrays([0, 0], {"off": [[0, 0]], "on": [[0, 0]]}, classes=["only"]))
    assert "0 pairs of 0 certainly changed" in str(c)
    assert "no other" in c.text(classes=["only"])
    json.dumps(c.to_json(), allow_nan=False)
