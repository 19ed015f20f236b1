"""A person asks the page why a class was harmed: was the label lost, who received the answers, of what kind is that?"""

import sys
from pathlib import Path

import numpy as np
import pytest

import barnspider as barn
from barnspider.preservation import preservation
from barnspider.report import gather

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import Browser, needs_browser

pytestmark = needs_browser

HOSTILE = ("<img src=x onerror=alert(1)>", "{{constructor.constructor('alert(3)')()}}", "שלום", "x" * 10_000)
DOSES = (0.0, 0.4, 0.8)


def answers(ends, names, *, runs, seed):
    """Answers drawn directly: at the strongest dose each class loses so much of its accuracy, 0.9."""
    rng, classes = np.random.default_rng(seed), len(names)
    label = np.arange(classes).repeat(600)
    guess = {}
    for dose in DOSES:
        right = rng.random((runs, len(label))) < (0.9 - dose / 0.8 * np.asarray(ends))[label]
        guess[f"crop={dose:g}"] = np.where(right, label, (label + 1) % classes)
    dose = {f"crop={d:g}": d for d in DOSES}
    return barn.Predictions.from_arrays(label, guess, classes=names, dose=dose, on="made up/test")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Of four classes the first loses its label and is harmed, the second is harmed although it keeps its label."""
    preds = answers([0.4, 0.3, 0.0, 0.0], HOSTILE, runs=3, seed=1)
    asked = {
        "<b>net": answers([0.5, 0.0, 0.0, 0.2], HOSTILE, runs=2, seed=2),
        "other": answers([0.3, 0.2, 0.0, 0.0], HOSTILE, runs=2, seed=3),
    }
    likeness = {HOSTILE[0]: "<i>pair</i>", HOSTILE[1]: "<i>pair</i>"}
    effects = barn.estimate(preds, 0.0)
    made = gather(preds, effects, preservation=preservation(asked), groups=likeness)
    path = barn.write_report(tmp_path_factory.mktemp("page") / "r.html", made)
    with Browser() as browser:
        yield lambda width=1400: browser.open(path, width=width)


def pick(page, selector, value):
    page.run(f"document.querySelector('{selector}').value = '{value}'")
    page.run(f"document.querySelector('{selector}').dispatchEvent(new Event('change'))")


def texts(page, selector):
    return page.run(f"[...document.querySelectorAll('{selector}')].map(n => n.textContent)")


def test_harmed_although_the_label_is_kept_is_marked_and_named(page):
    opened = page()
    pick(opened, ".preserved .pick-asked", "1")
    told = texts(opened, ".t-foretold")[0]
    assert "by <b>net: losing the label and losing accuracy go together with rank correlation" in told
    assert f"Harmed although the label is kept: {HOSTILE[1]}." in told
    opened.wait("[...document.querySelectorAll('.foretold svg text')].some(t => t.textContent.startsWith('{{con'))")
    titles = texts(opened, ".smalls figcaption")
    assert sum("harmed although the label is kept" in title for title in titles) == 1
    assert opened.run("document.querySelectorAll('.smalls svg').length") == 4
    pick(opened, ".preserved .pick-network", "1")
    assert "by other:" in texts(opened, ".t-foretold")[0]
    assert not any("although" in title for title in texts(opened, ".smalls figcaption"))
    assert opened.errors == opened.dialogs == []


def test_the_card_follows_the_dose_and_the_class_of_the_page(page):
    opened = page()
    for arm in "01":
        pick(opened, ".pick-arm", arm)
        assert opened.run("document.querySelector('.preserved .pick-asked').value") == arm
    opened.run("document.querySelectorAll('.smalls button')[2].click()")
    chosen = texts(opened, ".detail h3")[0]
    assert [name[:30] for name in texts(opened, ".smalls figure.here button")] == [chosen[:30]]
    assert opened.errors == []


def test_flows_are_measured_from_the_baseline_or_from_each_class_own_best(page):
    opened = page()
    pick(opened, ".pick-arm", "1")
    rows = ".pairs-table tbody tr"
    assert "Measured from" not in texts(opened, ".t-flows")[0]
    received = texts(opened, ".receivers tbody tr")
    pick(opened, ".pick-from", "own")
    assert "Measured from each class's own best arm (chosen on half of the images" in texts(opened, ".t-flows")[0]
    assert "Confusion: measured from each class's own best arm" in texts(opened, ".detail")[0]
    assert any("ambiguous or fine-grained" in row and "● certain" in row for row in texts(opened, rows))
    assert texts(opened, ".receivers tbody tr") == received
    assert texts(opened, ".kinds tbody th") == ["ambiguous or fine-grained", "co-occurring or unrelated"]
    opened.wait("document.querySelectorAll('.pairs svg text').length > 8")
    assert opened.errors == []


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_and_strangers_names_do_nothing(page, width):
    opened = page(width)
    assert opened.run("document.documentElement.scrollWidth") <= width
    assert opened.run(
        "[...document.querySelectorAll('.chart svg')].every(s => s.clientWidth <= s.parentNode.clientWidth)"
    )
    assert opened.run("document.querySelectorAll('img, iframe, .chart a, svg[onload], b > b, i').length") == 0
    assert HOSTILE[0] in texts(opened, ".smalls bdi")
    assert "<b>net" in texts(opened, ".pick-network option")
    assert opened.errors == opened.dialogs == []
    assert len(opened.requests) == 1
