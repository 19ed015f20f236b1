"""Example images in a real browser: drawn, the right ones, following what the reader chooses, asking for nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

import barnspider as barn
from barnspider.report import gather
from barnspider.report.pictures import shown_classes

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import Browser, needs_browser
from pictured import LEVEL, SIZE, pictured

pytestmark = needs_browser

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "\u202etfel-ot-thgir", "x" * 10_000)
GREY = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"


@pytest.fixture(scope="module")
def browser():
    with Browser() as started:
        yield started


def answers(names=None, classes=8, seed=0):
    change = np.random.default_rng(seed).uniform(-0.6, 0.3, (3, classes))
    sim = barn.simulate(
        classes=classes, images=60, runs=3, accuracy=0.65, effect=change, doses=(0.0, 0.2, 0.4, 0.8), seed=seed
    )
    p = sim.predictions
    if names is None:
        return p
    guess = {arm: p.guess[p.rows(arm)] for arm in p.arms}
    ids = [f"<b onclick=alert(7)>{i}" + "/long" * 90 for i in range(len(p.label))]
    return barn.Predictions.from_arrays(
        p.label, guess, classes=names, sample=ids, dose=dict(zip(guess, (0, 0.2, 0.4, 0.8), strict=True))
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    p = answers()
    effects = barn.estimate(p, baseline=0.0)
    drawn = pictured(p, "baseline", shown_classes(effects))
    path = barn.write_report(tmp_path_factory.mktemp("page") / "r.html", gather(p, effects, examples=drawn))
    return path, effects, drawn


def settled(page):
    page.wait("document.querySelector('.examples').ariaBusy === 'false'")


def choose(page, arm):
    page.run(
        f"(s => {{ s.value = '{arm}'; s.dispatchEvent(new Event('change')) }})(document.querySelector('.pick-arm'))"
    )
    settled(page)


def press(page, name):
    page.run(f"[...document.querySelectorAll('.tabs button')].find(b => b.textContent.endsWith('{name}')).click()")
    settled(page)


def levels(page, where):
    """The grey level of each picture; every pixel of one must have it."""
    found = page.run(f"[...document.querySelectorAll('{where} canvas')].map(c => [...new Set(({GREY})(c))])")
    assert all(set(each) <= {each[0], 255} for each in found)
    return [each[0] for each in found]


def calm(page):
    assert page.errors == []
    assert page.dialogs == []
    assert len(page.requests) == 1


def shown(page):
    return page.run("document.querySelector('.examples .seen h4 bdi').textContent")


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_drawn_and_fit(browser, study, width, dark):
    path, _, drawn = study
    page = browser.open(path, width=width, dark=dark)
    assert page.run("document.querySelectorAll('.examples .tabs button').length") == len(drawn.classes)
    each = next(each for each in drawn.classes if each.name == shown(page))
    cells = each.seen.T.ravel() * LEVEL % 256
    assert levels(page, ".examples .doses") == cells.tolist()
    assert page.run("document.documentElement.scrollWidth") <= width
    inside = "c => c.getBoundingClientRect().right <= document.querySelector('.examples').getBoundingClientRect().right"
    assert page.run(f"[...document.querySelectorAll('.examples canvas')].every({inside})")
    ratio = page.run("(c => c.clientHeight / c.clientWidth)(document.querySelector('.examples canvas'))")
    assert ratio == pytest.approx(SIZE[0] / SIZE[1], abs=0.02)
    assert page.run("getComputedStyle(document.querySelector('.examples canvas')).imageRendering") == "pixelated"
    calm(page)


def test_pictures_follow_the_arm_and_the_class(browser, study):
    path, effects, drawn = study
    page = browser.open(path)
    told = 0
    for each in drawn.classes:
        press(page, each.name)
        assert shown(page) == each.name
        assert page.run("document.querySelector('.detail h3').textContent") == each.name
        assert page.run("document.querySelectorAll('.tabs [aria-pressed=true]').length") == 1
        for a, arm in enumerate(effects.arms):
            choose(page, a)
            here = page.run("[...document.querySelectorAll('.doses .here figcaption')].map(f => f.textContent)")
            assert len(here) == 1
            assert here[0] in page.run("document.querySelector('.pick-arm').selectedOptions[0].textContent")
            for side, changes in (("lost", each.lost), ("gained", each.gained)):
                first = changes[arm].first
                expected = [each.tested[t.sample] * LEVEL % 256 for t in first]
                assert levels(page, f".examples .{side}") == expected
                words = page.run(f"[...document.querySelectorAll('.examples .{side} li')].map(l => l.textContent)")
                for t, text in zip(first, words, strict=True):
                    assert f"Baseline: right in {t.before} of 3 runs" in text
                    assert f"Here: {t.after} of 3" in text
                    wrong = 3 - t.after if side == "lost" else 3 - t.before
                    assert f"{t.times} of {wrong} wrong answers say {t.called}" in text
                    assert text.startswith(t.sample)
                head = page.run(f"document.querySelector('.examples .{side} > p').textContent")
                total = changes[arm].total
                assert head.startswith(f"{total or 'None'} of 60 images of this class")
                assert ("most runs of the baseline get" in head) == (total > 0)
                told += len(first)
    assert told > 10
    calm(page)


def test_a_class_chosen_elsewhere_is_shown_and_one_without_pictures_changes_nothing(browser, study):
    path, effects, drawn = study
    page = browser.open(path)
    names = [each.name for each in drawn.classes]
    other = next(name for name in effects.classes if name not in names)
    for name, expected in ((names[1], names[1]), (other, names[1]), (names[-1], names[-1])):
        search = "document.querySelector('.pick-class')"
        page.run(f"(i => {{ i.value = '{name}'; i.dispatchEvent(new Event('change')) }})({search})")
        settled(page)
        assert shown(page) == expected
    calm(page)


def test_keys_reach_a_class_and_every_picture_is_told(browser, study):
    page = browser.open(study[0])
    before = shown(page)
    page.run("document.querySelectorAll('.tabs button')[0].focus()")
    page.press("Tab")
    page.press("Enter")
    settled(page)
    focused = page.run("document.activeElement.querySelector('bdi').textContent")
    assert shown(page) == focused
    assert focused != before or page.run("document.activeElement.ariaPressed") == "true"
    told = page.run("[...document.querySelectorAll('.examples canvas')].map(c => c.role + ' ' + c.ariaLabel)")
    assert all(text.startswith(("img Training image train ", "img Image ")) for text in told)
    calm(page)


def test_hostile_names_and_ids_are_text(browser, tmp_path):
    p = answers(HOSTILE, classes=4)
    effects = barn.estimate(p, baseline="baseline")
    path = barn.write_report(tmp_path / "r.html", gather(p, effects, examples=pictured(p, "baseline", HOSTILE)))
    page = browser.open(path, width=400)
    for k in range(4):
        page.run(f"document.querySelectorAll('.tabs button')[{k}].click()")
        settled(page)
        for a in range(3):
            choose(page, a)
            assert (
                page.run("document.querySelectorAll('.examples img, .examples script, .examples [onclick]').length")
                == 0
            )
            assert page.run("document.documentElement.scrollWidth") <= 400
    assert page.run("document.querySelector('.turned bdi').textContent.startsWith('<b onclick')")
    calm(page)


def test_a_knob_that_does_not_act_on_images_is_said(browser, tmp_path):
    from dataclasses import replace

    p = answers()
    effects = barn.estimate(p, baseline=0.0)
    drawn = pictured(p, "baseline", ["class 1"], images=0)
    drawn = replace(drawn, arms=(), why_none="weight_decay does not act on images.", classes=tuple(
        replace(each, seen=np.zeros((0, 0), int)) for each in drawn.classes
    ))  # fmt: skip
    page = browser.open(barn.write_report(tmp_path / "r.html", gather(p, effects, examples=drawn)))
    assert page.run("document.querySelector('.examples .seen p').textContent") == "weight_decay does not act on images."
    assert page.run("document.querySelectorAll('.examples .seen canvas').length") == 0
    calm(page)


def test_pictures_are_printed(browser, study):
    page = browser.open(study[0], dark=True)
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.querySelector('.examples canvas')).display") == "block"
    assert page.run("document.querySelector('.examples canvas').clientWidth") > 20
    assert len(page.call("Page.printToPDF", printBackground=True)["data"]) > 50_000
    calm(page)
