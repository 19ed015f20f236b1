from datetime import date
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import barnspider as barn
from barnspider import Gate, estimate, simulate
from barnspider.gate import Allowance
from barnspider.gate.junit import CASES, junit

# The elements, their attributes and their order as in the schema of Jenkins' JUnit plugin (jenkins-junit.xsd).
ATTRIBUTES = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time", "disabled"}, set()),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"name", "tests"},
    ),
    "properties": (set(), set()),
    "property": ({"name", "value"}, {"name", "value"}),
    "testcase": ({"name", "classname", "time", "assertions", "status"}, {"name", "classname"}),
    "failure": ({"message", "type"}, {"message", "type"}),
    "skipped": ({"message", "type"}, {"message"}),
    "system-out": (set(), set()),
}
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "testcase": ["skipped", "error", "failure", "system-out", "system-err"],
}


def checked(text):
    """Parse, and hold every element to the schema's shape and every count to what is there."""
    root = ET.fromstring(text.encode())
    for element in root.iter():
        allowed, required = ATTRIBUTES[element.tag]
        assert required <= set(element.attrib) <= allowed
        kinds = [CHILDREN[element.tag].index(child.tag) for child in element]
        assert kinds == sorted(kinds)
    for element in [root, *root]:
        cases = list(element.iter("testcase"))
        for name, tag in (("tests", None), ("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            assert int(element.get(name)) == sum(tag is None or case.find(tag) is not None for case in cases)
        ids = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(ids)) == len(ids)
    return root


def outcomes(root):
    return {case.get("name"): case[0].tag if len(case) else "passed" for case in root.iter("testcase")}


def study(**asked):
    sim = simulate(classes=4, images=100, runs=4, effect=[-0.4, -0.3, -0.02, 0.15], seed=1)
    effects = estimate(sim.predictions, "baseline")
    gate = Gate(0.02, allowances=(Allowance("class 1", "labels are wrong", None),), **asked)
    return checked(junit(gate.check(effects, today=date(2026, 1, 1)), effects))


def test_one_test_for_each_class():
    root = study()
    assert outcomes(root) == {"class 0": "failure", "class 1": "skipped", "class 2": "skipped", "class 3": "passed"}
    case = {case.get("name"): case for case in root.iter("testcase")}
    assert case["class 0"].get("classname") == "gate.arm 1"
    assert "lost more than 2.0 points; change -" in case["class 0"][0].get("message")
    assert case["class 0"][0].text == case["class 0"][0].get("message")
    assert "allowed for ever: labels are wrong" in case["class 1"][0].get("message")
    assert "cannot tell" in case["class 2"][0].get("message")
    about = {x.get("name"): x.get("value") for x in root.iter("property")}
    assert (about["verdict"], about["baseline"], about["max_drop"]) == ("fail", "baseline", "0.02")
    assert root[0][-1].text.startswith("Of 3 classes, 1 lost more")


def test_an_undecided_class_fails_where_that_was_asked():
    assert outcomes(study(inconclusive="fail"))["class 2"] == "failure"
    assert outcomes(study(inconclusive="pass"))["class 2"] == "skipped"


def test_one_suite_for_each_arm_and_classes_without_images_are_no_tests():
    label = np.repeat([0, 1], 300)
    arms = {arm: [label, label] for arm in ("a", "b", "c")}
    effects = estimate(barn.Predictions.from_arrays(label, arms, classes=["x", "y", "unseen"]), "a")
    root = checked(junit(Gate(0.05).check(effects), effects))
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("b", "2"), ("c", "2")]
    assert "1 class without images" in [x.get("value") for x in root.iter("property")]


def test_names_that_xml_has_not():
    names = [
        "\x00",
        "\x0b",
        "\ufffe",
        "\uffff",
        "\x1b[2J",
        "]]>",
        "<b>&\"'",
        "\n\t",
        "\u2028",
        "\U0001f600",
        "a" * 9000,
    ]
    names.append("a" * 9001)
    label = np.repeat(np.arange(len(names)), 30)
    guess = {"\x00base": [label, label], "\x08arm\uffff": [np.roll(label, 30)] * 2}
    effects = estimate(barn.Predictions.from_arrays(label, guess, classes=names), "\x00base")
    root = checked(junit(Gate(0.02).check(effects), effects))
    assert int(root.get("failures")) == len(names)
    shown = list(outcomes(root))
    assert {
        r"\x00",
        r"\x0b",
        r"\ufffe",
        r"\uffff",
        r"\x1b[2J",
        "]]>",
        "<b>&\"'",
        r"\n\t",
        r"\u2028",
        "\U0001f600",
    } <= set(shown)
    assert root[0].get("name") == r"\x08arm\uffff"


@pytest.mark.parametrize("arms", [1, 3])
def test_beyond_many_classes_stand_together(arms):
    count = 10_000
    label = np.arange(2 * count) % count
    rng = np.random.default_rng(0)
    guess = {f"arm {a}": np.where(rng.random(2 * count) < 0.9, label, 0)[None].repeat(2, 0) for a in range(arms + 1)}
    names = [f"{c} " + "<" * 300 for c in range(count)]
    effects = estimate(barn.Predictions.from_arrays(label, guess, classes=names), "arm 0")
    verdict = Gate(0.02).check(effects)
    text = junit(verdict, effects)
    root = checked(text)
    assert CASES <= int(root.get("tests")) <= CASES + 4 * arms
    assert len(text) < 25_000_000
    together = [case for case in root.iter("testcase") if case.get("name").startswith("... and ")]
    told = sum(int(case.get("name").split()[2].replace(",", "")) for case in together)
    assert told == arms * count - CASES
    assert len(together) == (0 if arms == 1 else 2 * arms), "undecided, and passed"
