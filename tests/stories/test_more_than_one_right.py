"""More than one answer may be right: a person audits, judges and reports by label sets."""

import json

import numpy as np
import pytest

HOSTILE = "<script>alert(1)</script> | \x1b[31m*desk*"


@pytest.fixture
def work(tmp_path):
    """Of desks, one model answers 'screen' on half; on 20 of 200 images both are right, and on 5 images nothing is."""
    label = np.repeat([HOSTILE, "screen", "dog"], 200)
    new = label.copy()
    new[:100] = "screen"
    for arm, guess in (("plain", label), ("new", new)):
        lines = [f'"{s}","{a}","{b}"' for s, (a, b) in enumerate(zip(label, guess, strict=True))]
        (tmp_path / f"{arm}.csv").write_text("sample,label,prediction\n" + "\n".join(lines) + "\n")
    sets = {i: ([HOSTILE, "screen"] if i < 50 else [x]) for i, x in enumerate(label.tolist())}
    sets |= {i: [] for i in range(595, 600)}
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    return tmp_path


AUDIT = ("audit", "*.csv", "--baseline", "plain", "--label-sets", "sets.json")


def test_the_table_shows_both_readings_and_what_the_sets_explain(barnspider, work):
    said = barnspider(*AUDIT).stdout
    assert "5 images without a right label are left out" in said
    assert "50 of 595 images have several" in said
    assert "Of 1 class harmed by the single label, 1 is still harmed by the sets." in said
    row = next(line for line in said.splitlines() if "desk" in line)
    assert "-50.0" in row
    assert "-25.0" in row
    assert "50 % (" in row
    assert "harmed -> harmed" in row
    assert "\x1b" not in said


def test_json_and_markdown_have_both(barnspider, work):
    found = json.loads(barnspider(*AUDIT, "--json").stdout)
    assert (found["schema"], found["method"]["labels"], found["method"]["unlabelled"]) == (
        "barnspider/effects/1",
        "sets",
        5,
    )
    assert found["label_sets"]["several"] == 50
    arm = found["arms"][0]
    assert (arm["still_harmed"], arm["single"]["findings"]["harmed"]) == (1, 1)
    own = next(c for c in arm["classes"] if c["class"] == HOSTILE)
    assert (own["effect"], own["single"]["effect"], own["explained"]["share"]) == pytest.approx((-0.25, -0.5, 0.5))
    assert own["explained"]["share_low"] < 0.5 < own["explained"]["share_high"]
    assert next(c for c in arm["classes"] if c["class"] == "dog")["explained"]["share"] is None
    text = barnspider(*AUDIT, "--markdown").stdout
    assert "**Of 1 class harmed by the single label, 1 is still harmed by the sets.**" in text
    assert "<script" not in text
    said = barnspider(*AUDIT, "--class", HOSTILE).stdout
    assert "By the single label: " in said
    assert "the sets explain 50 % (" in said


def test_the_gate_and_the_page_judge_by_the_sets(barnspider, work):
    gate = ("gate", "plain.csv", "new.csv", "--max-drop", "0.4", "--json")
    assert json.loads(barnspider(*gate, check=1).stdout)["status"] == "fail"
    judged = json.loads(barnspider(*gate, "--label-sets", "sets.json").stdout)
    assert (judged["status"], judged["labels"], judged["unlabelled"]) == ("pass", "sets", 5)
    assert "5 images without a right label are left out." in barnspider(*gate[:-1], "--label-sets", "sets.json").stdout
    barnspider("report", *AUDIT[1:], "-o", "page.html")
    page = (work / "page.html").read_text()
    assert "By the single label and by label sets" in page
    assert "Of 1 class harmed by the single label, 1 is still harmed by the sets" in page
    assert "5 images without a right label are left out" in page
    assert "<script>alert" not in page
    assert "What kind of confusion that is" in page
    assert "Without superclasses or similarities, two pairs of kinds cannot be told apart" in page


def test_a_store_takes_sets_too(barnspider, small_store, work):
    from barnspider import read_predictions

    preds = read_predictions(small_store)
    sets = {
        s: [] if i == 0 else [preds.classes[c]] for i, (s, c) in enumerate(zip(preds.sample, preds.label, strict=True))
    }
    (work / "store.json").write_text(json.dumps(sets))
    said = barnspider("audit", small_store, "--label-sets", "store.json").stdout
    assert "1 image without a right label is left out" in said
    for command in ("doses", "inequality"):
        assert (
            "1 image without a right label is left out"
            in barnspider(command, small_store, "--label-sets", "store.json").stdout
        )
        found = json.loads(barnspider(command, small_store, "--label-sets", "store.json", "--json").stdout)
        assert (found["labels"], found["unlabelled"]) == ("sets", 1)


def test_sets_that_do_not_fit_are_bad_input(barnspider, work):
    (work / "sets.json").write_text('{"7": ["dog"]}')
    said = barnspider(*AUDIT, check=2).stderr
    assert "'sets.json' has no entry for sample '0' (599 of 600 samples)" in said
    (work / "sets.json").write_text("[[0], 1]")
    assert "'sets.json', entry 1 (from 0) has no list of labels" in barnspider(*AUDIT, check=2).stderr
