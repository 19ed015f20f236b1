"""Any text as a name, through everything that the gate writes."""

import json
from datetime import date
from xml.etree import ElementTree as ET

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import barnspider as barn
from barnspider import Gate, estimate
from barnspider.gate import Allowance, read_allowances, read_budgets
from barnspider.gate.comment import comment
from barnspider.gate.junit import junit
from barnspider.names import visible

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NAMES = st.lists(TEXT, min_size=3, max_size=3, unique=True)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def harm(names, arms, reason):
    label = np.repeat([0, 1, 2], 20)
    guess = {arms[0]: [label, label], arms[1]: [np.roll(label, 20)] * 2}
    effects = estimate(barn.Predictions.from_arrays(label, guess, classes=names), arms[0])
    allowed = (Allowance(names[0], reason, date(2030, 1, 1)),)
    return Gate(0.02, allowances=allowed).check(effects, today=date(2026, 1, 1)), effects


@settings(deadline=None, max_examples=60)
@given(NAMES, NAMES, TEXT.filter(str.strip))
def test_any_text_is_shown_and_does_nothing(names, arms, reason):
    verdict, effects = harm(names, arms, reason)
    assert len(verdict.findings) == 2
    assert len(verdict.excused) == 1
    lines = str(verdict).split("\n")
    assert len(lines) == 4
    assert all(visible(line, longest=10_000) == line for line in lines)
    root = ET.fromstring(junit(verdict, effects).encode())
    assert [root.get(x) for x in ("tests", "failures", "skipped")] == ["3", "2", "1"]
    html = MARKDOWN.render(comment(verdict))
    assert (html.count("<table>"), html.count("<tr>"), html.count("<td")) == (2, 5, 7 + 7 + 9)
    for tag in ("<a", "<img", "<em", "<strong>" * 2, "<s>", "<code>" * 2, "<h1", "<ul", "<hr", "<blockquote"):
        assert tag not in html
    assert json.loads(json.dumps(verdict.to_json()))["excused"][0]["reason"] == reason


@settings(deadline=None, max_examples=60)
@given(NAMES, TEXT.filter(str.strip))
def test_any_text_is_read_back(tmp_path_factory, names, reason):
    path = tmp_path_factory.mktemp("rules") / "gate.json"
    row = {"class": names[1], "reason": reason, "expires": "never"}
    path.write_text(json.dumps({"max_drop": {names[0]: 0.1}, "allow": [row]}))
    assert read_budgets(path, names) == {names[0]: 0.1}
    assert read_allowances(path, names) == (Allowance(names[1], reason, None),)
