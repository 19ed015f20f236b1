r"""The LaTeX table: numbers are those of the effects, and no name is a command. Set by LaTeX where there is one."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import barnspider as barn
from barnspider.latex import escaped, to_latex

NAMES = (
    r"\input{/etc/passwd}", "50 % off", "$x_1^2$", "a & b # c", "~tilde^hat", "{open", "close}", r"end\\", "[opt]",
    "*star", " dog  house ", "a--b---c", "<<x>>", 'say "so"', "``q''", r"\end{tabular}", "%", "x" * 500, "?`!`",
    "a\x00b\nc\x1b[31m", "\u202eevil",
)  # fmt: skip
COMMANDS = {
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textasciigrave",
}  # fmt: skip
LATEX = shutil.which("pdflatex")


def effects_of(names, images=40):
    classes = len(names)
    rng = np.random.default_rng(0)
    label = np.arange(classes).repeat(images)
    right = rng.random((2, 2, len(label))) < np.array([0.9, 0.6])[:, None, None]
    guess = {arm: np.where(rows, label, (label + 1) % classes) for arm, rows in zip(("a_1", "50%"), right, strict=True)}
    return barn.estimate(barn.Predictions.from_arrays(label, guess, classes=names), baseline="a_1")


def rows_of(text):
    return [line for line in text.splitlines() if line.endswith("\\\\") and line.count(" & ") == 6][1:]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_a_command(name):
    text = escaped(name)
    known = re.compile(r"\\(?:([a-z]+)(?:\{\}|34\{\})|[{}$&#_% ])")
    assert {found for found in known.findall(text) if found} <= COMMANDS | {"char"}
    bare = known.sub("", text).replace("{[}", "").replace("{]}", "").replace("{*}", "").replace("{}", "")
    assert not set(bare) & set('\\{}$&#_%~^<>|"`[]*\n\x00\x1b')
    assert bare.isprintable()
    assert "--" not in text
    assert "  " not in text


def test_what_is_beyond_ascii_stays():
    assert escaped("שלום 猫 é") == "שלום 猫 é"
    assert escaped("\ud800") == r"\textbackslash{}ud800"


def test_numbers_are_those_of_the_effects():
    effects = effects_of(["cat", "dog", "eel"])
    order = effects.worst_first("50%")
    rows = rows_of(to_latex(effects, "50%", caption="", rows=None))
    assert [row.split(" & ")[0] for row in rows] == [effects.classes[c] for c in order]
    name, n, before, change, interval, q, finding = rows[0].removesuffix(" \\\\").split(" & ")
    worst = order[0]
    assert (name, n, finding) == (effects.classes[worst], "40", effects.findings()[0, worst])
    assert float(before) == pytest.approx(100 * effects.before[worst], abs=0.051)
    assert float(change.strip("$")) == pytest.approx(100 * effects.effect[0, worst], abs=0.051)
    low, high = (float(end.strip("$")) for end in interval.split(" to "))
    assert (low, high) == pytest.approx((100 * effects.low[0, worst], 100 * effects.high[0, worst]), abs=0.051)
    assert q == "$< 0.001$" or float(q.strip("$")) == pytest.approx(effects.q[0, worst], abs=0.00051)


def test_the_middle_is_left_out_and_counted():
    effects = effects_of([f"class {i}" for i in range(30)])
    text = to_latex(effects, "50%", caption="", rows=4)
    order = [effects.classes[c] for c in effects.worst_first("50%")]
    assert [row.split(" & ")[0] for row in rows_of(text)] == order[:4] + order[-4:]
    assert "22 more between" in text
    assert "between" not in to_latex(effects, "50%", caption="", rows=15)


def test_more_than_a_page_breaks_over_pages():
    effects = effects_of([f"class {i}" for i in range(60)])
    text = to_latex(effects, "50%", caption="c", rows=None)
    assert r"\usepackage{longtable}" in text
    assert len(rows_of(text)) == 60 + 1  # the head stands twice


def test_a_class_without_images_is_no_number():
    label = np.zeros(20, dtype=int)
    preds = barn.Predictions.from_arrays(
        label, {"off": np.zeros((2, 20), int), "on": np.ones((2, 20), int)}, classes=["a", "b"]
    )
    text = to_latex(barn.estimate(preds, baseline="off"), "on", caption="")
    assert "nan" not in text.lower()
    assert r"b & 0 & \multicolumn{5}{l}{cannot tell: no image} \\" in text


@pytest.mark.skipif(LATEX is None, reason="no pdflatex on this machine")
@pytest.mark.parametrize("rows", [None, 3])
def test_latex_sets_it(tmp_path, rows):
    names = [name for name in NAMES if name.isascii()] + [f"class {i}" for i in range(40)]
    table = to_latex(effects_of(names), "50%", caption=f"Of {names[0]} {names[1]}", rows=rows)
    (tmp_path / "effects.tex").write_text(table, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,longtable}\\begin{document}\\input{effects.tex}\\end{document}"
    )
    command = [LATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "root:" not in done.stdout
