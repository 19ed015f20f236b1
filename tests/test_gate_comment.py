import re
from datetime import date

import numpy as np
import pytest
from markdown_it import MarkdownIt

import barnspider as barn
from barnspider import Gate, estimate, simulate
from barnspider.gate import Allowance
from barnspider.gate.comment import comment
from barnspider.markdown import LIMIT

HOSTILE = [
    "a|b", "`x`", "<img src=x onerror=alert(1)>", "</details>", "@everyone", "#1", "[link](https://evil.example)",
    "https://evil.example", "www.evil.example", "line\nbreak", "\x1b[31m", "**bold**", "\u202egnp", "::set-output::x",
    "&lt;", "\\|", "~~no~~", "$x$", "NA", " ",
]  # fmt: skip


def rendered(text):
    """Return what a reader of Markdown sees, as HTML."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def cells(text):
    """Return the rows of all tables as lists of cells."""
    rows = re.findall(r"<tr>(.*?)</tr>", rendered(text), re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows if "<td" in row]


def test_harm_first_then_what_is_excused_then_what_is_open():
    sim = simulate(classes=4, images=400, runs=4, effect=[-0.4, -0.3, 0.0, 0.0], seed=1)
    allowed = (
        Allowance("class 1", "labels | wrong @me", date(2030, 1, 1)),
        Allowance("class 2", "old", date(2020, 1, 1)),
    )
    verdict = Gate(0.02, allowances=allowed).check(estimate(sim.predictions, "baseline"), today=date(2026, 1, 1))
    text = comment(verdict)
    assert text.startswith("### ❌ Fail, 1 excused: who pays against `baseline`?\n")
    assert verdict.judged in text
    order = [text.index(x) for x in ("Lost more than the margin", "Excused", "Allowances that expired", "Cannot tell")]
    assert order == sorted(order)
    rows = cells(text)
    assert rows[0][:3] == ["arm 1", "class 0", "400"]
    assert rows[1][-2:] == ["labels | wrong @me", "2030-01-01"]
    assert all(len(row) in {4, 7, 9} for row in rows)


@pytest.mark.parametrize(("treated", "said"), [("pass", "The exit code is 0"), ("fail", "The exit code is 1")])
def test_what_an_inconclusive_verdict_counts_for_is_said(treated, said):
    sim = simulate(classes=2, images=20, runs=2, seed=1)
    text = comment(Gate(0.02, inconclusive=treated).check(estimate(sim.predictions, "baseline")))
    assert text.startswith("### ❔ Cannot tell: ")
    assert said in text


@pytest.mark.parametrize("relative", [False, True])
def test_several_arms_stand_in_a_table(relative):
    sim = simulate(classes=2, images=400, runs=3, effect=[[-0.3, 0.0], [0.0, 0.0]], seed=1)
    text = comment(Gate(0.05, relative=relative).check(estimate(sim.predictions, "baseline")))
    assert ["arm 1", "fail"] in [row[:2] for row in cells(text)]
    assert ("The average itself was not judged" in text) == relative


def test_names_are_inert():
    label = np.repeat(np.arange(len(HOSTILE)), 30)
    good, bad = label[None].repeat(2, 0), np.roll(label, 30)[None].repeat(2, 0)
    preds = barn.Predictions.from_arrays(label, {"`a`|<b>": good, "b|@you\n#1": bad}, classes=HOSTILE)
    verdict = Gate(0.02).check(estimate(preds, "`a`|<b>"))
    text = comment(verdict, rows=100)
    assert len(cells(text)) == len(HOSTILE)
    assert all(len(row) == 7 for row in cells(text))
    html = rendered(text)
    assert not re.search(r"<(img|a|details|/details|strong>bold|b>|em|del)\b", html)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not re.search(r"(?<![\w&#;])@\w", text), "somebody would be mentioned"
    assert "://" not in text
    assert "www." not in text


@pytest.mark.parametrize("arms", [1, 3])
def test_it_fits_into_a_comment_with_10_000_classes_and_long_hostile_names(arms):
    count = 10_000
    names = [f"{c:05}" + ("|@<`*" * 2000 if c % 2 else "\U0001f600\u202e" * 5000) for c in range(count)]
    label = np.arange(2 * count) % count
    guess = {
        f"{a}{'&' * 10_000}": np.where(np.arange(2 * count) % 3, label, 0)[None].repeat(2, 0) for a in range(arms + 1)
    }
    guess[f"{arms}{'&' * 10_000}"][:] = 0
    effects = estimate(barn.Predictions.from_arrays(label, guess, classes=names), next(iter(guess)))
    allowed = tuple(Allowance(name, "@<|`" * 500, None) for name in names[:5000])
    text = comment(Gate(0.02, allowances=allowed).check(effects), rows=10_000)
    assert len(text) < LIMIT
    assert "more; all are in the JSON" in text
    assert all(len(row) in {4, 7, 8, 9} for row in cells(text))
