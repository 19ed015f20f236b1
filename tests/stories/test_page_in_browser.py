"""The page in a real browser: it draws, answers, fits, and strangers' names do nothing."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import barnspider as barn
from barnspider.dose_axis import DoseAxis, Usual
from barnspider.figures import rows
from barnspider.report import gather

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import Browser, needs_browser

pytestmark = needs_browser

HOSTILE = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "{{constructor.constructor('alert(3)')()}}",
    "\u202etfel-ot-thgir", "שלום", "x" * 10_000, "'\"><svg onload=alert(4)>", "javascript:alert(5)",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with Browser() as started:
        yield started


def answers(classes, *, doses, names=None, images=50, seed=0):
    """Answers drawn directly: quick for many classes. A third of the classes pays at the strongest doses."""
    rng = np.random.default_rng(seed)
    label = np.arange(classes).repeat(images)
    before = rng.uniform(0.6, 0.9, classes)
    pays = np.arange(classes) % 3 == 0
    guess = {}
    for dose in doses:
        level = dose / max(doses)
        right = rng.random((2, len(label))) < (before + 0.08 * level - np.where(pays, 0.5, 0.02) * level**2)[label]
        guess[f"crop={dose:g}"] = np.where(right, label, (label + 1) % classes)
    preds = barn.Predictions.from_arrays(
        label, guess, classes=names or [f"class {c}" for c in range(classes)], dose={f"crop={d:g}": d for d in doses},
        on="made up/test",
    )  # fmt: skip
    return preds, barn.estimate(preds, baseline=f"crop={doses[0]:g}")


def study(*args, **options):
    return answers(*args, **options)[1]


def whole(*args, **options):
    """A study with all that can be known of it."""
    return gather(*answers(*args, **options))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    crop = study(10, doses=(0.0, 0.2, 0.4, 0.6, 0.8), images=200)
    decay = study(10, doses=(0.0, 1e-4, 1e-3, 1e-2), images=200, seed=1)
    verdict = barn.Gate(max_drop=0.02).check(crop)
    return barn.write_report(
        folder / "r.html", {"Crop": crop, "Weight decay": decay}, verdict=verdict, story=["Some pay."]
    )


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    made = whole(1_000, doses=tuple(i / 12 for i in range(13)))
    return barn.write_report(tmp_path_factory.mktemp("thousand") / "r.html", made)


def calm(page):
    """Nothing asked, nothing said, nothing fetched but the page itself."""
    assert page.errors == []
    assert page.dialogs == []
    assert len(page.requests) == 1


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_all_charts_are_drawn_and_fit(browser, small, width, dark):
    page = browser.open(small, width=width, dark=dark)
    assert page.run("document.querySelectorAll('.chart svg').length") == 8
    assert page.run("document.querySelectorAll('.curves svg path').length") > 40
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run(
        "[...document.querySelectorAll('.chart svg')].every(s => s.clientWidth <= s.parentNode.clientWidth)"
    )
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 20, 26)" if dark else "rgb(246, 247, 249)")
    calm(page)


def test_tables_fit_a_window(browser, small):
    page = browser.open(small, width=1400)
    assert page.run("[...document.querySelectorAll('.scroll')].every(s => s.scrollWidth <= s.clientWidth)")


def test_hostile_names_are_text_and_nothing_else(browser, tmp_path):
    effects = whole(len(HOSTILE), doses=(0.0, 0.4, 0.8), names=HOSTILE, images=100)
    path = barn.write_report(
        tmp_path / "r.html", effects, title=HOSTILE[1], story=HOSTILE[:3], provenance={HOSTILE[0]: HOSTILE[1]}
    )
    page = browser.open(path)
    page.run("document.querySelectorAll('.table tbody button').forEach(b => b.click())")
    page.run("document.querySelector('.pick-class').value = '<img'")
    page.run("document.querySelector('.pick-class').dispatchEvent(new Event('change'))")
    assert page.run("document.querySelector('.detail h3').textContent") == HOSTILE[0]
    shown = page.run("[...document.querySelectorAll('.table tbody bdi')].map(b => b.textContent)")
    for name in (*HOSTILE[:3], HOSTILE[4], *HOSTILE[6:]):
        assert name in shown
    assert "\\u202etfel-ot-thgir" in shown
    drawn = page.run("[...document.querySelectorAll('.heat svg text')].map(t => t.textContent)")
    assert "שלום" in drawn
    assert "שלום" in page.run("[...document.querySelectorAll('.tolls svg text')].map(t => t.textContent)")
    assert "Its smooth curve peaks" in page.run("document.querySelector('.detail').textContent")
    flows = page.run("[...document.querySelectorAll('.flows tbody bdi')].map(b => b.textContent)")
    assert {HOSTILE[0], HOSTILE[1]} <= set(flows)
    assert page.run("document.querySelectorAll('img, iframe, .chart a, svg[onload]').length") == 0
    assert page.run("document.documentElement.scrollWidth") <= 1600
    calm(page)


def test_a_script_that_is_not_ours_would_not_run(browser, small):
    page = browser.open(small)
    page.run("const s = document.createElement('script'); s.textContent = 'window.theirs = 1'; document.body.append(s)")
    assert page.run("window.theirs") is None
    assert page.run("fetch('https://example.org').then(() => 'went', () => 'stopped')") == "stopped"
    assert "Content Security Policy" in page.errors[0]


def test_where_the_answers_went(browser, tmp_path):
    page = browser.open(barn.write_report(tmp_path / "r.html", whole(10, doses=(0.0, 0.4, 0.8), images=200)))
    rows = "[...document.querySelectorAll('.pairs-table tbody tr')].map(r => [...r.children].map(c => c.textContent))"
    first = page.run(rows)
    assert (first[0][0], first[0][1], first[0][4]) == ("class 9", "class 0", "● certain")
    arm = "document.querySelector('.pick-arm')"
    for number in "01":
        page.run(f"{arm}.value = {number}")
        page.run(f"{arm}.dispatchEvent(new Event('change'))")
        assert (page.run(rows) == first) == (number == "1")
    page.run("document.querySelector('.flows tbody th button').click()")
    assert page.run("document.querySelector('.detail h3').textContent") == "class 9"
    lists = page.run("[...document.querySelectorAll('.detail ol')].map(l => l.textContent)")
    assert lists[0].startswith("●class 0+")
    assert "class 8" in lists[1]
    calm(page)
    assert page.run("document.querySelectorAll('.pairs svg').length") == 1
    shapes = page.run("[...document.querySelectorAll('.arrows polygon')].map(p => p.getAttribute('class'))")
    assert "grows sure" in shapes
    texts = page.run("[...document.querySelectorAll('.arrows text')].map(t => t.textContent)")
    assert "class 0" in texts
    assert texts[texts.index("class 0") + 1] == lists[0].split(" (")[0].removeprefix("●class 0")
    got = page.run(
        "[...document.querySelectorAll('.receivers tbody tr')].map(r => [...r.children].map(c => c.textContent))"
    )
    assert len(got) == 8
    assert got[0][2].startswith("+")
    assert got[0][5] == "● certain"


@pytest.mark.parametrize("width", [400, 1400])
def test_arrows_are_as_wide_as_their_card(browser, tmp_path, width):
    """Their width follows the window; a long name is cut, and no line leaves the picture."""
    names = ["a name that is far too long for the side of a picture", "b", *(f"class {i}" for i in range(2, 6))]
    path = barn.write_report(tmp_path / "r.html", whole(6, doses=(0.0, 0.8), images=100, names=names))
    page = browser.open(path, width=width)
    page.run("document.querySelector('.pick-class').value = 'b'")
    page.run("document.querySelector('.pick-class').dispatchEvent(new Event('change'))")
    inside = """[...document.querySelectorAll('.arrows text, .arrows polygon')].every(node => {
        const box = node.getBoundingClientRect(), card = document.querySelector('.detail').getBoundingClientRect();
        return box.left >= card.left && box.right <= card.right; })"""
    assert page.run(inside)
    assert "…" in page.run("document.querySelector('.arrows').textContent")
    page.resize(2000 - width, 1000)
    page.wait(
        "document.querySelector('.arrows svg').clientWidth > 0.95 * document.querySelector('.arrows').clientWidth"
    )
    assert page.run(inside)
    calm(page)


def test_choosing_a_dose_tells_all_parts(browser, small):
    page = browser.open(small)
    choose = "const s = document.querySelector('.pick-arm'); s.value = '3'; s.dispatchEvent(new Event('change'))"
    page.run(f"(() => {{ {choose} }})()")
    assert int(page.run("document.querySelector('.t-harmed').textContent")) == 4
    assert "crop=0.8" in page.run("document.querySelector('.lead').textContent")
    assert page.run("document.querySelectorAll('.table')[0].querySelectorAll('.status-harmed').length") == 4
    page.wait("document.querySelectorAll('.curves')[0].querySelectorAll('path[stroke=\"var(--harm)\"]').length >= 4")
    calm(page)


def test_search_shows_the_class_and_its_curve(browser, small):
    page = browser.open(small)
    page.run("document.querySelector('.pick-class').focus()")
    page.call("Input.insertText", text="class 7")
    assert page.run("document.querySelector('.detail h3').textContent") == "class 7"
    page.wait("[...document.querySelectorAll('.curves svg text')].some(t => t.textContent === 'class 7')")
    calm(page)


def test_a_click_on_a_curve_picks_its_class(browser, small):
    page = browser.open(small)
    page.run("scrollTo(0, document.querySelector('.curves').getBoundingClientRect().top - 120)")
    before = page.run("document.querySelector('.detail h3').textContent")
    box = page.run("Object.values(document.querySelector('.curves svg').getBoundingClientRect().toJSON())")
    x = box[0] + box[2] - 95
    found = set()
    for share in np.linspace(0.05, 0.85, 12):
        page.mouse("click", x, box[1] + share * box[3])
        found.add(page.run("document.querySelector('.detail h3').textContent"))
    assert len(found - {before}) >= 3
    calm(page)


def test_pointing_at_a_curve_names_its_class_and_leaving_forgets_it(browser, small):
    page = browser.open(small)
    page.run("scrollTo(0, document.querySelector('.curves').getBoundingClientRect().top - 120)")
    x, y, width, height = page.run(
        "Object.values(document.querySelector('.curves svg').getBoundingClientRect().toJSON())"
    )[:4]
    ticks = "[...document.querySelectorAll('.curves .role-axis-label text')].map(t => t.textContent).join()"
    axis = page.run(ticks)
    names = set()
    for share in np.linspace(0.1, 0.8, 8):
        page.mouse("move", x + width - 95, y + share * height)
        page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if not page.run("document.querySelector('.tip').hidden"):
            names.add(page.run("document.querySelector('.tip bdi').textContent"))
            assert page.run(ticks) == axis
    assert len(names) >= 3
    page.mouse("move", 5, 5)
    page.wait("document.querySelector('.tip').hidden === true")
    calm(page)


def test_the_table_sorts_searches_and_filters(browser, thousand):
    page = browser.open(thousand)
    assert page.run("document.querySelectorAll('.table tbody tr').length") == 50
    cells = "[...document.querySelectorAll('.table tbody tr td:nth-child(3)')]"
    effects = f"{cells}.map(c => parseFloat(c.textContent.replace('−', '-')))"
    head = "[...document.querySelectorAll('.table thead button')].find(b => b.textContent.startsWith('change'))"
    first = page.run(effects)
    page.run(f"{head}.click()")
    last = page.run(effects)
    assert first == sorted(first)
    assert last == sorted(last, reverse=True)
    assert last[0] > first[-1]
    assert page.run(f"{head}.parentNode.ariaSort") == "descending"
    page.run("document.querySelector('.table input[value=helped]').click()")
    assert set(page.run("[...document.querySelectorAll('.table td.status')].map(c => c.textContent)")) == {"▲ helped"}
    page.run("document.querySelector('.table input[value=all]').click()")
    page.run("document.querySelector('.table input[type=search]').focus()")
    page.call("Input.insertText", text="class 99")
    assert page.run("document.querySelector('.table [role=status]').textContent") == "1 to 11 of 11 classes"
    calm(page)


def test_keys_alone_reach_a_class(browser, small):
    page = browser.open(small)
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    page.run("document.querySelector('.table tbody button').focus()")
    page.press("Tab")
    name = page.run("document.activeElement.textContent")
    page.press("Enter")
    assert page.run("document.querySelector('.detail h3').textContent") == name
    assert page.run("document.activeElement.textContent") == name
    operable = "[...document.querySelectorAll('button, input, select, [role=img]')]"
    unnamed = f"{operable}.filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))"
    assert page.run(f"{unnamed}.length") == 0
    calm(page)


def test_a_thousand_classes_open_quickly(browser, thousand):
    assert thousand.stat().st_size < 2e6
    page = browser.open(thousand)
    assert page.run("document.querySelectorAll('.chart svg').length") == 7
    assert page.run("Number(document.documentElement.dataset.drawn)") < 2_000 * slowness()
    calm(page)


def slowness():
    """How much slower than a quiet core this machine is just now: other tests may share it."""
    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def test_ten_thousand_classes_stay_usable(browser, tmp_path):
    effects = whole(10_000, doses=tuple(i / 12 for i in range(13)), images=4)
    path = barn.write_report(tmp_path / "r.html", effects)
    assert path.stat().st_size < 5e6
    page = browser.open(path)
    assert page.run("document.querySelectorAll('*').length") < 20_000
    assert "600 lowest and the 600 highest" in page.run("document.querySelector('.drawn').textContent")
    assert page.run("document.querySelector('.thinned').textContent") == " (of 10,000, every 10th)"
    assert "10,000 classes" in page.run("document.querySelector('.table [role=status]').textContent")
    page.run("document.querySelector('.table input[type=search]').focus()")
    page.call("Input.insertText", text="class 9876")
    assert page.run("document.querySelectorAll('.table tbody tr').length") == 1
    page.run("document.querySelector('.table tbody button').click()")
    page.wait("[...document.querySelectorAll('.curves svg text')].some(t => t.textContent === 'class 9876')")
    calm(page)


def test_arms_without_doses_and_a_class_without_images(browser, tmp_path):
    rng = np.random.default_rng(0)
    label = np.arange(3).repeat(80)
    right = rng.random((2, 3, 240)) < np.where(label == 0, 0.5, 0.9)
    guess = {arm: np.where(rows, label, (label + 1) % 3) for arm, rows in zip(("plain", "mixup"), right, strict=True)}
    preds = barn.Predictions.from_arrays(label, guess, classes=["a", "b", "c", "never seen"])
    page = browser.open(barn.write_report(tmp_path / "r.html", barn.estimate(preds, baseline="plain")))
    assert page.run("document.querySelectorAll('.chart svg').length") == 1
    page.run("document.querySelector('.pick-class').value = 'never'")
    page.run("document.querySelector('.pick-class').dispatchEvent(new Event('change'))")
    assert "Cannot tell: there is no image of this class." in page.run("document.querySelector('.detail').textContent")
    assert "NaN" not in page.run("document.querySelector('main').innerText")
    calm(page)


def test_the_page_says_what_the_command_line_says(browser, tmp_path):
    effects = study(12, doses=(0.0, 0.3, 0.6, 0.9), images=300).within(0.1)
    assert set(effects.findings().ravel()) == {"harmed", "helped", "unchanged", "cannot tell"}
    page = browser.open(barn.write_report(tmp_path / "r.html", effects))
    for a, arm in enumerate(effects.arms):
        page.run(
            f"(s => {{ s.value = '{a}'; s.dispatchEvent(new Event('change')) }})(document.querySelector('.pick-arm'))"
        )
        told = page.run(
            "[...document.querySelectorAll('.table tbody tr')].map(r =>"
            " [r.querySelector('th').textContent, r.querySelector('td.words').textContent])"
        )
        assert len(told) == 12
        for name, sentence in told:
            first, rest = effects.sentence(arm, name).split(f"'{name}'")[1].lstrip(": ").split(" ", 1)
            opening = {"cannot": "Cannot", "is": "It is"}.get(first, f"It {first}")
            assert sentence.replace("−", "-") == f"{opening} {rest}"
    calm(page)


def test_the_four_findings_can_be_filtered(browser, tmp_path):
    effects = study(12, doses=(0.0, 0.3, 0.6, 0.9), images=300).within(0.1)
    page = browser.open(barn.write_report(tmp_path / "r.html", effects))
    first = int(np.argmax(effects.overall))
    for finding in ("harmed", "helped", "unchanged", "cannot tell"):
        page.run(f"document.querySelector('.table input[value=\"{finding}\"]').click()")
        shown = page.run("document.querySelectorAll('.table tbody tr').length")
        assert shown == (effects.findings()[first] == finding).sum()
    calm(page)


def test_a_class_shows_its_smooth_curve_and_its_measured_points(browser, tmp_path):
    made = whole(10, doses=(0.0, 0.2, 0.4, 0.6, 0.8), images=200)
    page = browser.open(barn.write_report(tmp_path / "r.html", made))
    violet = "document.querySelectorAll('.curves svg path[fill=\"var(--chosen)\"]').length"
    assert page.run(violet) >= 5 + 1
    text = page.run("document.querySelector('.detail').textContent")
    for part in (
        "Against the average",
        "Chance of harm",
        "Its own best is",
        "Toll of",
        "Its smooth curve peaks at dose",
    ):
        assert part in text
    calm(page)


def test_the_usual_parameter_stands_below_each_dose(browser, tmp_path):
    preds, effects = answers(10, doses=(0.0, 0.2, 0.4, 0.6, 0.92))
    axis = DoseAxis("crop", Usual.parse("torchvision's scale = 1 - dose"))
    page = browser.open(barn.write_report(tmp_path / "r.html", gather(preds, effects, axis=axis)), width=400)
    texts = "[...document.querySelectorAll('.curves .role-axis-label text')]"
    labels = page.run(f"{texts}.map(t => [...t.children].map(line => line.textContent))")
    assert ["0.92", "0.08"] in labels
    assert ["0", "1"] in labels
    title = page.run("[...document.querySelectorAll('.curves .role-axis-title')].map(t => t.textContent).join(' ')")
    assert "dose of crop" in title
    assert "below: torchvision's scale" in title
    assert "0.08" not in page.run("document.querySelector('.heat').textContent")
    assert page.run("document.documentElement.scrollWidth") <= 400
    calm(page)


def test_arms_that_no_other_beats_are_filled(browser, tmp_path):
    effects = study(10, doses=(0.0, 0.2, 0.4, 0.6, 0.92))
    page = browser.open(barn.write_report(tmp_path / "r.html", effects))
    filled = "document.querySelectorAll('.worst svg .mark-symbol path[fill=\"var(--ink)\"]').length"
    assert page.run(filled) == sum(row["front"] for row in rows.worst_rows(effects)) < 5
    calm(page)


def test_it_prints_in_ink_on_paper(browser, small):
    page = browser.open(small, dark=True)
    pdf = page.call("Page.printToPDF", printBackground=True)["data"]
    assert len(pdf) > 50_000
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    calm(page)
