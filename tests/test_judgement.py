"""A judgement from answers alone: of every arm, as a text, as tables for documents, as JSON and as a page."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from barnspider import InputError, Predictions, simulate
from barnspider.effects import estimate
from barnspider.joining import concat
from barnspider.prescribe import COMPOSED, compose, judge
from barnspider.prescribe.written import lines, to_latex, to_markdown
from barnspider.prescription import Prescription
from barnspider.report import Study, write_report
from barnspider.report.tried_table import ORDERED, packed, table
from barnspider.simulate import Noise
from barnspider.stats.intervals import wilson
from barnspider.tables.tried_file import read_tried
from barnspider.tried import Round, Tried

sys.path.insert(0, str(Path(__file__).parent))

from browser import Browser, needs_browser

LATEX = shutil.which("pdflatex")
HOSTILE = ("<img src=x onerror=alert(1)>", "a|b \\input{x} $1$ @you", "\x1b[31mred", "x" * 10_000, "pays & [1]")
EFFECT = [[0.04] * 4 + [-0.1], [0.08] * 4 + [-0.3]]
DOSES = (0.0, 0.3, 0.6)
RX = Prescription(
    "crop", HOSTILE, (0.6, 0.6, 0.6, 0.6, 0.0), "harmed & <b>receivers", 0.6, DOSES, why=("",) * 4 + ("is harmed -0.3",)
)
ROUNDS = (Round((0.6,) * 5, HOSTILE[4:], HOSTILE[:1], "weaker"), Round(RX.doses, (), (), "nobody: the loop ends"))
TRIED = Tried(
    {"mild|": RX}, ROUNDS, {"own best": 0.6}, {"mild|": 12, "baseline": 0}, {"mild|": "crop <i>for some"}, 0.6,
    ("clam is not tried: it is <late>",),
)  # fmt: skip


def answers(seed, on):
    made = simulate(
        classes=5, images=800, runs=4, effect=EFFECT, doses=DOSES, seed=seed, paired=True, noise=Noise(run=0.05)
    )
    return replace(made.predictions, classes=HOSTILE, on=on)


@pytest.fixture(scope="module")
def sides():
    """Answers that judge, an arm of a dose for each class among them; and answers that chose."""
    fresh = answers(2, "test")
    mild = compose(fresh, RX.doses).where(arms=[COMPOSED])
    return concat([fresh, replace(mild, arm=("mild|",) * 4)]), answers(1, "validation")


@pytest.fixture(scope="module")
def judged(sides):
    return judge(*sides, "baseline", at=0.6, cost=TRIED.cost)


def test_every_number_is_that_of_the_effects(sides, judged):
    fresh, _ = sides
    effects = estimate(fresh, "baseline")
    strong = judged.of("arm 2")
    assert strong.harmed == (HOSTILE[4],)
    a = effects.place("arm 2")
    assert strong.losses[0].change == pytest.approx(effects.effect[a, 4])
    assert strong.against_off == pytest.approx((effects.overall[a], effects.overall_low[a], effects.overall_high[a]))
    assert strong.largest_toll == strong.tolls[0]
    assert strong.largest_toll.low < strong.largest_toll.change < strong.largest_toll.high < 0
    assert [x.change for x in strong.tolls] == sorted(x.change for x in strong.tolls)
    assert (judged.of("mild|").cost, judged.of("arm 1").cost) == (12, None)
    assert judged.own == ("arm 2",) * 4 + ("baseline",)
    with pytest.raises(InputError, match="arm='mild' is unknown"):
        judged.of("mild")


def test_the_aim_is_reached_by_who_spares_the_one_that_pays(judged):
    assert [x.arm for x in judged.good()] == ["mild|"]
    assert not judged.of("arm 2").reached
    assert "* reaches the aim" in str(judged)
    assert f"changes of {100 * judged.detectable():.1f} points or more" in judged.least()


def test_the_interval_of_an_average_is_at_least_that_of_its_images(sides, judged):
    """Runs scatter, too, so that the answers of all runs are worth less than so many images."""
    fresh, _ = sides
    for x in judged.arms:
        correct = fresh.correct()[fresh.rows(x.arm)]
        assert x.mean[0] == pytest.approx(correct.mean())
        low, high = wilson(int(correct.sum()), correct.size, 0.95)
        assert x.mean[1] <= low < x.mean[0] < high <= x.mean[2]


def test_it_is_said_where_the_same_runs_chose_and_judge(sides, judged):
    fresh, chooser = sides
    assert judged.judged_on == "test, 4 runs of each arm, some of which chose on other images"
    other = replace(chooser, seed=tuple(seed + 10 for seed in chooser.seed))
    assert judge(fresh, other, "baseline").judged_on == "test, 4 runs of each arm that chose nothing"
    with pytest.raises(InputError, match="chose on the very images that are to judge"):
        judge(fresh, fresh, "baseline")


def test_markdown_holds_every_arm_and_no_markup_of_strangers(judged):
    text = to_markdown(judged, TRIED)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(judged.arms)
    cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    assert set(cells) == {13}
    for forbidden in ("<img", "\x1b", "@you", "<late>", "x" * 100):
        assert forbidden not in text
    assert "| \N{BLACK STAR} | mild\\| |" in text
    assert "own best: every class has 0.6: not trained by itself" in text
    assert "validation" in text


def test_latex_sets_names_as_they_are(judged):
    text = to_latex(judged, TRIED)
    assert r"\input" not in text.replace(r"\input{a}", "").replace("textbackslash{}input", "")
    assert r"pays \& {[}1{]}" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].replace(r"\&", "")
    assert [row.count("&") for row in body.splitlines() if row.endswith(r"\\")] == [11] * len(judged.arms)
    assert r"mild\textbar{}" in text


@pytest.mark.skipif(LATEX is None, reason="no pdflatex on this machine")
def test_latex_sets_it(judged, tmp_path):
    (tmp_path / "judgement.tex").write_text(to_latex(judged, TRIED), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,rotating,amssymb}\\begin{document}\\input{judgement.tex}\\end{document}"
    )
    command = [LATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_cells_name_the_worst_and_count_the_rest(judged):
    strong = lines(judged, 0)[2]
    assert (strong.arm, strong.harmed.count, strong.harmed.classes, strong.harmed.more) == ("arm 2", "1", (), 1)


def test_the_document_is_read_again(judged, tmp_path):
    path = tmp_path / "judgement.json"
    path.write_text(json.dumps(judged.to_json() | TRIED.to_json(), allow_nan=False))
    assert read_tried(path) == TRIED
    document = json.loads(path.read_text())
    arm = {x["arm"]: x for x in document["arms"]}["arm 2"]
    assert (arm["harmed"], arm["reached"], arm["cost"]) == ([HOSTILE[4]], False, None)
    assert set(arm["largest_toll"]) == {"name", "change", "low", "high"}
    assert 0 < document["detectable"] < 1


@pytest.mark.parametrize(
    ("name", "chosen_in", "baseline", "good"),
    [
        ("heal-digits", "heal-digits", "translation=0", {"own best", "group-dro", "mean answers"}),
        (
            "heal-fashion-mnist", "heal-fashion-mnist", "crop=0",
            {"label preservation", "longer", "mean answers", "moved logits"},
        ),
        ("heal-cifar10", "heal-cifar10", "crop=0", {"crop=0.2", "mean answers"}),
        (
            "heal-fashion-mnist-at-0.2", "heal-fashion-mnist", "crop=0",
            {"label preservation", "mean answers", "moved logits"},
        ),
    ],
)  # fmt: skip
def test_committed_answers_make_the_committed_table(name, chosen_in, baseline, good):
    judged = Path(__file__).parents[1] / "studies" / "judged"
    tried = read_tried(judged / name / "judgement.json")
    fresh = Predictions.load(judged / name / "fresh.npz")
    chooser = Predictions.load(judged / chosen_in / "chooser.npz")
    made = judge(fresh, chooser, baseline, at=tried.at, cost=tried.cost)
    assert to_markdown(made, tried) == (judged / name / "judgement.md").read_text()
    assert {x.arm for x in made.good()} == good


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema": "barnspider/effects/1"}', "is no judgement: schema"),
        ('{"schema": "barnspider/judgement/1", "rounds": [{"doses": []}]}', "is no judgement: rounds.0"),
        ('{"schema": "barnspider/judgement/1", "cost": {"a": "b"}}', "is no judgement: cost.a"),
    ],
)
def test_what_is_no_judgement_is_said(tmp_path, text, said):
    path = tmp_path / "j.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        read_tried(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_tried(tmp_path / "absent.json")


def test_a_strip_of_many_classes_stands_in_the_order_of_its_doses():
    many = ORDERED + 50
    names = tuple(map(str, range(many)))
    rx = Prescription("crop", names, tuple(float(c % 3) for c in range(many)), "own best", 2.0, (0.0, 1.0, 2.0))
    told = table(None, Tried({"own best": rx}))["prescriptions"][0]
    assert [(x["at"], x["wide"], x["shade"]) for x in told["strip"]] == [
        (0, 100, "0"),
        (100, 100, "0.5"),
        (200, 100, "1"),
    ]
    assert (len(told["changed"]), told["more"]) == (12, 188)
    own = replace(rx, doses=tuple(c / many for c in range(many)))
    told = table(None, Tried({"own best": own}))["prescriptions"][0]
    assert (len(told["strip"]), told["counts"]) == (ORDERED, "300 doses, from 0 to 0.997")
    assert sum(x["wide"] for x in told["strip"]) == many
    effects = estimate(simulate(classes=2, images=20, runs=2).predictions, "baseline")
    assert packed(Tried({"own best": rx}), effects) == []  # of other classes than the page's


class Outline(HTMLParser):
    """The tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


def test_a_page_without_a_judgement_tells_what_each_arm_is(sides, tmp_path):
    fresh, _ = sides
    study = Study(estimate(fresh, "baseline"), tried=TRIED)
    text = write_report(tmp_path / "r.html", study).read_text()
    assert "What was tried" in text
    assert "crop &lt;i&gt;for some" in text
    assert 'class="chart tradeoff"' not in text
    assert "img" not in Outline(text).tags


@needs_browser
def test_the_page_draws_what_was_tried_and_follows_the_reader(judged, tmp_path):
    study = Study(judged.effects, tried=TRIED, judgement=judged)
    path = write_report(tmp_path / "r.html", study)
    with Browser() as browser:
        page = browser.open(path, width=1400)
        assert (page.errors, page.dialogs, page.requests[1:]) == ([], [], [])
        for name in ("tradeoff", "payers"):
            marks = f"document.querySelectorAll('.{name} svg .mark-text.role-mark text').length"
            assert page.run(marks) == len(judged.arms)
        section = page.run("document.querySelector('.tried').textContent")
        assert "The aim is reached by mild|" in " ".join(section.split())
        assert page.run("document.querySelectorAll('.tried .doses-strip').length") == 3  # a prescription, two rounds
        assert page.run("document.querySelectorAll('.tried tbody tr').length") == len(judged.arms) + 1 + 2
        page.run("document.querySelector('.pick-class').value = 'pays & [1]'")
        page.run("document.querySelector('.pick-class').dispatchEvent(new Event('change'))")
        assert "Prescribed for it: crop mild| 0." in page.run("document.querySelector('.detail').textContent")
        page.resize(420, 900)
        assert page.run("document.documentElement.scrollWidth") <= 420
