"""The page as a file: what it says without scripts, what strangers cannot do to it, how large it is."""

import base64
import hashlib
import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import barnspider as barn
from barnspider.gate import Gate
from barnspider.report import contents, page, words

HOSTILE = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "{{7*7}} ${1}", "\u202eevil", "a\x00\n\u2028",
    "&lt;b&gt;", "x" * 10_000, "\ud800",
)  # fmt: skip


def effects_of(classes=8, *, names=None, doses=(0.0, 0.3, 0.9), images=40, runs=2, seed=0):
    rng = np.random.default_rng(seed)
    change = rng.uniform(-0.3, 0.15, (len(doses) - 1, classes))
    sim = barn.simulate(classes=classes, images=images, runs=runs, effect=change, doses=doses, seed=seed)
    p = sim.predictions
    if names is None:
        return barn.estimate(p, baseline=doses[0])
    arms = {f"<b>{arm}": p.guess[p.rows(arm)] for arm in p.arms}
    named = barn.Predictions.from_arrays(
        p.label, arms, classes=names, dose=dict(zip(arms, doses, strict=True)), on="<i>set</i>"
    )
    return barn.estimate(named, baseline=0.0)


class Reader(html.parser.HTMLParser):
    """Collects a page's elements and attributes as a browser would see them."""

    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag
        if tag in {"script", "style"}:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in {"script", "style"}:
            self.scripts[-1] += data
        else:
            self.text += data


def read(path):
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return reader


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    effects = effects_of(names=HOSTILE)
    path = tmp_path_factory.mktemp("page") / "report.html"
    return barn.write_report(
        path, {"<u>one": effects, "two": effects}, title="<script>alert(3)</script>", story=["<b>bold</b> {{1+1}}"],
        verdict=Gate(max_drop=0.02).check(effects), provenance={"<a href=//x>": "\u202e<form>"},
    )  # fmt: skip


def test_strangers_add_no_element_and_no_attribute(hostile):
    tags = read(hostile).tags
    assert sum(tag == "script" for tag, _ in tags) == 3
    assert not {tag for tag, _ in tags} & {"img", "form", "b>", "u", "i", "iframe", "object", "link", "base"}
    for tag, attributes in tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src"}], tag
        assert attributes.get("href", "#").startswith("#")


def test_strangers_words_are_there_as_text(hostile):
    text = read(hostile).text
    for words_ in (
        "<script>alert(3)</script>",
        "<b>bold</b> {{1+1}}",
        "<u>one",
        "<a href=//x>",
        "<b>arm 1",
        "<i>set</i>",
    ):
        assert words_ in text


def test_the_policy_allows_exactly_our_scripts_and_style(hostile):
    reader = read(hostile)
    policy = next(a["content"] for tag, a in reader.tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy
    style, data, bundle, app = reader.scripts
    json.loads(data)
    for text in (style, bundle, app):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_data_in_a_script_is_inert_and_exact(hostile):
    data = next(text for text in read(hostile).scripts if text.startswith('{"studies"'))
    assert not re.search("[<>&\u2028\u2029]", data)
    study = json.loads(data)["studies"][0]
    assert study["classes"][2] == "{{7*7}} ${1}"
    assert len(study["classes"][6]) == contents.LONGEST
    assert study["arms"][0]["name"] == "<b>arm 1"


def test_numbers_survive_the_packing():
    effects = effects_of()
    study = json.loads(page.for_script(contents.study("", effects, 0)))
    low = np.frombuffer(base64.b64decode(study["cells"]["low"]), "<i2") / contents.SHARE
    assert low == pytest.approx(effects.low.ravel().clip(-1, 1), abs=0.5 / contents.SHARE)
    codes = np.array([int(c) for c in study["status"]]).reshape(effects.effect.shape)
    assert ((codes == 1) == effects.harmed).all()
    assert ((codes == 2) == effects.helped).all()


def test_the_headline_and_every_arm_are_there_without_scripts(tmp_path):
    effects = effects_of()
    text = " ".join(read(barn.write_report(tmp_path / "r.html", effects)).text.split())
    best = effects.arms[words.focus(effects)]
    assert effects.headline(best).replace("-", "−") in text
    assert "new images and new runs of the same recipe" in text
    for arm in effects.arms:
        assert arm in text


@pytest.mark.parametrize(("drop", "badge"), [(0.0, "✕ Fail"), (0.99, "✓ Pass"), (0.25, "? Cannot tell")])
def test_the_three_verdicts(tmp_path, drop, badge):
    sim = barn.simulate(classes=3, images=60, runs=3, effect=[-0.3, 0.0, 0.0])
    effects = barn.estimate(sim.predictions, baseline="baseline")
    path = barn.write_report(tmp_path / "r.html", effects, verdict=Gate(max_drop=drop).check(effects))
    assert badge in read(path).text


def test_what_is_not_known_is_cannot_tell_and_never_nan(tmp_path):
    label = np.zeros(1, dtype=int)
    preds = barn.Predictions.from_arrays(label, {"a": [[0]], "b": [[0]]}, classes=["only", "never"])
    path = barn.write_report(tmp_path / "r.html", barn.estimate(preds, baseline="a"))
    text = read(path).text
    assert "NaN" not in text
    assert "nan" not in re.findall(r"\w+", text)
    assert "unknown" not in text
    assert "cannot tell" in text


def test_an_arm_is_called_by_its_dose_where_its_name_does_not_tell_it():
    arms = contents.study("", effects_of(doses=(0.0, 0.5, 1.0)), 0)["arms"]
    assert [arm["title"] for arm in arms] == ["arm 1 (dose 0.5)", "arm 2 (dose 1)"]
    label = np.arange(3).repeat(4)
    guess = {arm: [label, label] for arm in ("crop=0", "crop=0.25")}
    preds = barn.Predictions.from_arrays(label, guess, dose={"crop=0": 0, "crop=0.25": 0.25})
    assert contents.study("", barn.estimate(preds, baseline=0), 0)["arms"][0]["title"] == "crop=0.25"


def test_left_out_runs_are_named(tmp_path):
    effects = effects_of()
    from dataclasses import replace

    left = tuple(barn.LeftOut("<b>", seed, "diverged") for seed in range(30))
    text = " ".join(read(barn.write_report(tmp_path / "r.html", replace(effects, left_out=left))).text.split())
    assert "<b>, seed 19: diverged; and 10 more runs" in text


@pytest.mark.parametrize(("classes", "limit"), [(1_000, 2e6), (10_000, 5e6)])
def test_size(tmp_path, classes, limit):
    names = [f"a class with a name of usual length {i}" for i in range(classes)]
    label = np.arange(classes).repeat(2)
    rng = np.random.default_rng(0)
    guess = {f"crop={d}": rng.choice([0, 1], (2, len(label))) for d in range(13)}
    preds = barn.Predictions.from_arrays(label, guess, classes=names, dose={f"crop={d}": d for d in range(13)})
    path = barn.write_report(tmp_path / "r.html", barn.estimate(preds, baseline="crop=0"))
    assert path.stat().st_size < limit


def test_nothing_to_report_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(barn.InputError, match="no study"):
        barn.write_report(tmp_path / "r.html", {})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(barn.StoreError, match="cannot write"):
        barn.write_report(tmp_path / "file" / "r.html", effects_of())


def test_the_page_does_not_name_this_machine(tmp_path):
    text = barn.write_report(tmp_path / "r.html", effects_of()).read_text("utf-8")
    assert str(tmp_path) not in text
    assert "/home/" not in text
    assert page.__file__ not in text


def test_importing_the_report_loads_no_charts():
    code = "import sys, barnspider.report; print('altair' in sys.modules, 'jinja2' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )


def test_the_lead_says_who_pays_in_plain_words():
    change = [[0.05, 0.05, 0.05], [-0.5, 0.06, 0.06]]
    sim = barn.simulate(classes=3, images=400, runs=4, effect=change, doses=(0.0, 0.5, 1.0), paired=True)
    effects = barn.estimate(sim.predictions, baseline=0.0)
    assert words.lead(effects, 1).startswith("Lowers accuracy by ")
    assert "1 class pays: '\u2068class 0\u2069' (−" in words.lead(effects, 1)
    assert "none can be shown to pay" in words.lead(effects, 0).lower().replace("no class", "none")
    assert words.elsewhere(effects, 0, ["weak", "strong"]).startswith("Most classes pay at strong. 1 class pays")
    assert words.elsewhere(effects, 1, ["weak", "strong"]) == ""


def test_where_no_arm_beats_the_baseline_the_most_harmful_is_shown():
    sim = barn.simulate(classes=3, images=400, runs=4, effect=[[-0.1, -0.02, -0.02], [-0.5, -0.4, -0.1]], paired=True)
    effects = barn.estimate(sim.predictions, baseline="baseline")
    assert words.focus(effects) == 1
    assert words.elsewhere(effects, 1, ["a", "b"]) == "On average no arm is better here than the baseline."


def test_every_number_of_the_lead_is_there():
    effects = effects_of(seed=3)
    for a in range(len(effects.arms)):
        text = words.lead(effects, a)
        harmed, helped = int(effects.harmed[a].sum()), int(effects.helped[a].sum())
        assert (f"{harmed} class" in text) == (harmed > 0)
        assert (f"{helped} of 8 classes" in text) == (helped > 0)
        assert (f"other {8 - harmed - helped} the data" in text) == (0 < harmed + helped < 8)


def test_words_say_cannot_tell():
    assert words.points(float("nan")) == words.between(0.1, float("nan")) == "cannot tell"
