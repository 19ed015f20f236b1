"""The page as a file: what it says without scripts, what strangers cannot do to it, how large it is."""

import base64
import hashlib
import html.parser
import json
import re
import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest

import barnspider as barn
from barnspider import words as barn_words
from barnspider.gate import Gate
from barnspider.preservation import preservation
from barnspider.report import Study, contents, gather, packing, page, words

HOSTILE = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "{{7*7}} ${1}", "\u202eevil", "a\x00\n\u2028",
    "&lt;b&gt;", "x" * 10_000, "\ud800",
)  # fmt: skip


def effects_of(*args, **options):
    return study_of(*args, **options).effects


def study_of(classes=8, *, names=None, doses=(0.0, 0.3, 0.9), images=40, runs=2, seed=0):
    rng = np.random.default_rng(seed)
    change = rng.uniform(-0.3, 0.15, (len(doses) - 1, classes))
    sim = barn.simulate(classes=classes, images=images, runs=runs, effect=change, doses=doses, seed=seed)
    p = sim.predictions
    if names is None:
        return gather(p, barn.estimate(p, baseline=doses[0]))
    arms = {f"<b>{arm}": p.guess[p.rows(arm)] for arm in p.arms}
    named = barn.Predictions.from_arrays(
        p.label, arms, classes=names, dose=dict(zip(arms, doses, strict=True)), on="<i>set</i>"
    )
    return gather(named, barn.estimate(named, baseline=0.0))


def opened(text):
    """What the page's scripts are given."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def data_of(study, verdict=None):
    return opened(packing.sealed(contents.study("", study, 0, verdict)))


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
    study = study_of(names=HOSTILE)
    path = tmp_path_factory.mktemp("page") / "report.html"
    return barn.write_report(
        path, {"<u>one": study, "two": study}, title="<script>alert(3)</script>", story=["<b>bold</b> {{1+1}}"],
        verdict=Gate(max_drop=0.02).check(study.effects), provenance={"<a href=//x>": "\u202e<form>"},
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
    assert opened(data)["studies"]
    for text in (style, opened(bundle), app):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_data_in_a_script_is_inert_and_exact(hostile):
    data = read(hostile).scripts[1]
    assert re.fullmatch("[A-Za-z0-9+/=]+", data)
    study = opened(data)["studies"][0]
    assert study["classes"][2] == "{{7*7}} ${1}"
    assert len(study["classes"][6]) == contents.LONGEST
    assert study["arms"][0]["name"] == "<b>arm 1"


def test_numbers_survive_the_packing():
    study = study_of()
    effects, data = study.effects, data_of(study)
    low = np.frombuffer(base64.b64decode(data["cells"]["low"]), "<i2") / packing.SHARE
    assert low == pytest.approx(effects.low.ravel().clip(-1, 1), abs=1 / packing.SHARE)
    codes = np.array([ord(c) - 48 for c in data["codes"]]).reshape(effects.effect.shape)
    assert (np.array(contents.CODES)[codes & 3] == effects.findings()).all()
    assert ((codes & 4 > 0) == effects.negligible).all()
    assert ((codes & 8 > 0) == (effects.relative_findings() != "cannot tell")).all()


def test_only_the_surest_flows_are_kept(monkeypatch):
    monkeypatch.setattr(contents, "FLOWS", 8)
    study = study_of(classes=6)
    flows, kept = study.flows, data_of(study)["flows"]
    assert kept["arms"] == [0, 4, 8]
    target = np.frombuffer(base64.b64decode(kept["target"]), "<u4")
    for a, arm in enumerate(flows.arms):
        assert target[4 * a : 4 * a + 4].tolist() == flows.target[flows.surest(arm)[:4]].tolist()
    change = np.frombuffer(base64.b64decode(kept["change"]), "<i2") / packing.SHARE
    assert change[0] == pytest.approx(flows.change[0, flows.surest(flows.arms[0])[0]], abs=0.0006)


def test_the_page_names_who_receives_most():
    study = study_of(classes=12)
    got = data_of(study)["flows"]["got"]
    assert [len(x) for x in got] == [8, 8]
    for a, arm in enumerate(study.receivers.arms):
        order = study.receivers.order(arm)[:8]
        assert [x["cls"] for x in got[a]] == order.tolist()
        assert got[a][0]["words"][0] == f"{study.receivers.before[order[0]] * study.receivers.others[order[0]]:.1f}"
    bare = replace(study, receivers=None)
    assert data_of(bare)["flows"]["got"] == [[], []]


def test_the_page_rounds_as_the_command_line():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.integers(-2000, 2001, 5000) / 2000, rng.uniform(-1, 1, 5000), [1e-9, -1e-9, 1, -1]])
    numbers = np.frombuffer(base64.b64decode(packing.shares(values)), "<i2")
    shown = [round(10 * float(f"{100 * x:.1f}")) for x in values]
    assert np.floor(numbers / 20 + 0.5).tolist() == shown
    assert np.sign(numbers).tolist() == np.sign(values).tolist()
    q = np.concatenate([rng.uniform(0, 1, 5000), rng.uniform(0, 0.002, 5000), np.arange(2001) / 2000])
    kept = np.frombuffer(base64.b64decode(packing.chances(q)), "<i2") / packing.CHANCE
    assert [barn_words.chance(x) for x in kept] == [barn_words.chance(x) for x in q]


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
    arms = data_of(study_of(doses=(0.0, 0.5, 1.0)))["arms"]
    assert [arm["title"] for arm in arms] == ["arm 1 (dose 0.5)", "arm 2 (dose 1)"]
    label = np.arange(3).repeat(4)
    guess = {arm: [label, label] for arm in ("crop=0", "crop=0.25")}
    preds = barn.Predictions.from_arrays(label, guess, dose={"crop=0": 0, "crop=0.25": 0.25})
    assert data_of(Study(barn.estimate(preds, baseline=0)))["arms"][0]["title"] == "crop=0.25"


def test_left_out_runs_are_named(tmp_path):
    effects = effects_of()
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
    kept = preservation({"net": preds})
    study = gather(preds, barn.estimate(preds, baseline="crop=0"), preservation=kept)
    path = barn.write_report(tmp_path / "r.html", study)
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
    assert "No class can be shown to pay; 3 of 3 classes gain." in words.lead(effects, 0)
    elsewhere = words.elsewhere(effects, 0, ["weak", "strong"])
    assert elsewhere.startswith(
        "strong lowers the average most: by 12.9 points (−15.0 to −10.7). At strong, 1 class pays: "
    )
    assert words.elsewhere(effects, 1, ["weak", "strong"]) == "Best on average is weak (+5.1 points)."


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
        unclear = int((effects.findings()[a] == "cannot tell").sum())
        assert ("the data cannot tell." in text) == (unclear > 0)
        assert (f" {unclear} the data cannot tell." in text) == (unclear > 1)


def test_words_say_cannot_tell():
    assert words.points(float("nan")) == words.between(0.1, float("nan")) == "cannot tell"


def test_the_lead_counts_the_unchanged():
    sim = barn.simulate(classes=3, images=2_000, runs=4, effect=[[-0.3, 0.0, 0.0]], paired=True, seed=1)
    effects = barn.estimate(sim.predictions, baseline="baseline").within(0.1)
    assert effects.findings()[0].tolist() == ["harmed", "unchanged", "unchanged"]
    assert "none can be shown to gain. 2 certainly change by less than 10 points." in words.lead(effects, 0)


def test_a_page_that_failed_opens_on_the_arm_that_failed_worst(tmp_path):
    sim = barn.simulate(classes=3, images=400, runs=4, effect=[[0.1, 0.1, 0.1], [-0.4, 0.05, 0.05]], paired=True)
    effects = barn.estimate(sim.predictions, baseline="baseline")
    verdict = Gate(max_drop=0.02).check(effects)
    assert words.focus(effects) == 0
    assert words.focus(effects, verdict) == 1
    assert words.role(effects, 0, verdict) == "best on average"
    assert words.role(effects, 1, verdict) == "failed the gate worst"
    assert words.elsewhere(effects, 1, ["a", "b"]).startswith("Best on average is a (+")
    other = barn.estimate(barn.simulate(classes=3, images=400, runs=4, seed=9).predictions, baseline="baseline")
    assert words.failed_worst(other, verdict) is None
    text = " ".join(read(barn.write_report(tmp_path / "r.html", effects, verdict=verdict)).text.split())
    assert "arm 2 (failed the gate worst): " in text


def test_gather_finds_all_that_can_be_known():
    full = study_of(doses=(0.0, 0.3, 0.6, 0.9))
    assert None not in (full.best, full.tolls, full.curves, full.inequality)
    assert study_of(doses=(0.0, 0.3)).curves is None
    for options in ({"classes": 2}, {"runs": 1}, {"runs": 1, "images": 1}):
        assert study_of(**options).tolls is not None


def test_gather_keeps_to_the_arms_of_the_effects():
    p = barn.simulate(classes=3, images=50, runs=2, effect=[[0.0] * 3] * 3, doses=(0, 1, 2, 3)).predictions
    study = gather(p, barn.estimate(p, baseline=0, arms=["arm 1"]), choose_on=p)
    assert study.best.arms == study.tolls.arms == study.inequality.arms == ("baseline", "arm 1")
    assert study.curves is None


def test_the_toll_is_told_with_its_naive_twin_and_its_images(tmp_path):
    sim = barn.simulate(classes=3, images=900, runs=6, effect=[[-0.3, 0.15, 0.15]], paired=True)
    study = gather(sim.predictions, barn.estimate(sim.predictions, baseline="baseline"))
    text = " ".join(read(barn.write_report(tmp_path / "r.html", study)).text.split())
    assert "What the best average costs each class" in text
    assert re.search(
        r"1 of 3 classes pays a toll: '\u2068class 0\u2069' [\d.]+ points \([\d.]+ to [\d.]+; naive [\d.]+\)", text
    )
    assert "Best on average: arm 1" in text
    assert "one half of the images" in text
    validation = gather(sim.predictions, study.effects, choose_on=replace(sim.predictions, on="made up/validation"))
    assert "Chosen on made up/validation" in words.chosen_and_measured(validation.tolls)


def test_inequality_is_told_where_it_is_known(tmp_path):
    text = " ".join(read(barn.write_report(tmp_path / "r.html", study_of())).text.split())
    for name in ("How unequal the classes are", "standard deviation", "Gini", "worst tenth", "lowest precision"):
        assert name in text


def test_one_class_alone_has_a_page(tmp_path):
    label = np.zeros(20, dtype=int)
    preds = barn.Predictions.from_arrays(label, {"a": [label, label], "b": [label, label]}, classes=["only"])
    study = gather(preds, barn.estimate(preds, "a"))
    text = read(barn.write_report(tmp_path / "r.html", study)).text
    assert "cannot tell" in words.unequal(study.inequality, 1)
    assert not {"nan", "NaN", "unknown", "inf"} & set(re.findall(r"\w+", text))


def test_the_head_says_what_the_page_speaks_for(tmp_path):
    text = " ".join(read(barn.write_report(tmp_path / "r.html", effects_of(runs=1))).text.split())
    head = text[: text.index("Findings")]
    assert "This page speaks for new images, but only these very models: not the recipe." in head


def test_an_undosed_arm_is_joined_by_no_line():
    sim = barn.simulate(classes=3, images=40, runs=2, effect=[[0.0] * 3, [0.1] * 3])
    data = data_of(Study(barn.estimate(sim.predictions, baseline="baseline")))
    assert [row["dose"] for row in data["worst"]] == [None] * 3
    assert [row["dose"] for row in data_of(study_of())["worst"]] == [0.0, 0.3, 0.9]


def test_a_design_that_finds_nothing_says_so_in_its_tile():
    assert words.typical(np.array([[0.04, np.nan]]), 0.8) == "a change of 4.0 points is found 80 % of the time"
    assert words.typical(np.array([[1.0, 1.0]]), 0.8) == "no change, however large, is found 80 % of the time"


def test_where_nobody_gains_or_can_be_shown_to_pay_the_page_opens_on_the_certain_loss():
    rng = np.random.default_rng(1)
    label = np.arange(20).repeat(12)
    guess = {
        a: np.where(rng.random((3, 240)) < p, label, (label + 1) % 20)
        for a, p in (("off", 0.75), ("on", 0.7), ("more", 0.6))
    }
    preds = barn.Predictions.from_arrays(label, guess)
    effects = barn.estimate(preds, "off").corrected("holm")
    assert not effects.harmed.any()
    assert effects.overall_high[1] < 0
    assert effects.arms[words.focus(effects)] == "more"
    assert "more lowers the average most" in words.elsewhere(effects, 0, ["on", "more"])


def test_what_one_class_by_itself_would_show_is_said():
    effects = study_of(classes=30, images=40, runs=3, seed=4).effects
    alone = (effects.findings() == "cannot tell") & ((effects.low > 0) | (effects.high < 0))
    a, c = np.argwhere(alone)[0]
    said = effects.sentence(effects.arms[a], effects.classes[c])
    assert "which of one class by itself would be a finding, but is none among so many" in said
