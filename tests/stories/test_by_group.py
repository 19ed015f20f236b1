"""The same audit by superclass, or by any column of the answers."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

from browser import Browser, needs_browser


@pytest.fixture
def work(tmp_path):
    """Two arms of one file; the new one fails on images of camera B only."""
    rng = np.random.default_rng(0)
    label = np.repeat(["husky", "malamute", "tabby", "siamese"], 100)
    camera = np.tile(["A", "B"], 200)
    rows = ["arm,sample,label,prediction,camera"]
    for arm in ("plain", "new"):
        for i, (true, own) in enumerate(zip(label, camera, strict=True)):
            fails = rng.random() < (0.5 if arm == "new" and own == "B" else 0.05)
            rows.append(
                f"{arm},{i},{true},{'tabby' if fails and true != 'tabby' else 'husky' if fails else true},{own}"
            )
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def audit(barnspider, by, source="all.csv", **more):
    return json.loads(barnspider("audit", source, "--baseline", "plain", "--by", by, "--json", **more).stdout)


def found(document):
    return {c["class"]: (c["n"], c["finding"]) for c in document["arms"][0]["classes"]}


def test_by_a_column_of_the_answers(barnspider, work):
    document = audit(barnspider, "camera")
    assert document["method"]["by"] == "camera"
    assert found(document)["B"] == (200, "harmed")
    assert found(document)["A"][1] != "harmed"
    said = barnspider("audit", "all.csv", "--baseline", "plain", "--by", "camera").stdout
    assert "2 groups, 400 images" in said
    assert "Images are grouped by 'camera'" in said
    judged = barnspider("gate", "all.csv", "--baseline", "plain", "--by", "camera", check=1).stdout
    assert "Of 2 groups, 1 lost more than 2.0 points" in judged
    assert "Images are grouped by 'camera'" in judged
    barnspider("report", "all.csv", "--baseline", "plain", "--by", "camera", "-o", "page.html")
    assert "Images are grouped by" in (work / "page.html").read_text()
    assert barnspider("doses", "all.csv", "--by", "camera").stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.csv", "class,group\nhusky,dog\nmalamute,dog\ntabby,cat\nsiamese,cat\nlion,cat\n"),
        ("g.toml", 'husky = "dog"\nmalamute = "dog"\ntabby = "cat"\nsiamese = "cat"\n'),
        ("g.toml", 'dog = ["husky", "malamute"]\ncat = ["tabby", "siamese"]\n'),
        ("g.json", '{"dog": ["husky", "malamute"], "cat": ["tabby", "siamese"]}'),
    ],
)
def test_by_a_file_of_superclasses(barnspider, work, name, text):
    (work / name).write_text(text)
    assert {group: n for group, (n, _) in found(audit(barnspider, name)).items()} == {"dog": 200, "cat": 200}


def test_by_a_file_of_samples_and_by_the_labels_file_and_npz(barnspider, work):
    table = pl.read_csv(work / "all.csv", schema_overrides={"sample": pl.String})
    table.unique("sample").select("sample", group="camera").write_parquet(work / "cameras.parquet")
    assert found(audit(barnspider, "cameras.parquet"))["B"] == (200, "harmed")
    (work / "apart").mkdir()
    table.unique("sample").select("sample", "label", "camera").write_csv(work / "apart" / "labels.csv")
    for arm in ("plain", "new"):
        own = table.filter(pl.col("arm") == arm).select("sample", "prediction")
        own.write_csv(work / "apart" / f"{arm}.csv")
    assert found(audit(barnspider, "camera", "apart"))["B"] == (200, "harmed")
    both = [table.filter(pl.col("arm") == arm)["prediction"].to_list() for arm in ("plain", "new")]
    rows = table.filter(pl.col("arm") == "new")
    names = sorted(set(rows["label"]))
    np.savez(
        work / "all.npz", guess=[[names.index(x) for x in own] for own in both], arm=["plain", "new"], classes=names,
        label=[names.index(x) for x in rows["label"]], camera=rows["camera"].to_list(),
    )  # fmt: skip
    assert found(audit(barnspider, "camera", "all.npz"))["B"] == (200, "harmed")


KINDS = '{"canine kind": ["husky", "malamute"], "feline kind": ["tabby", "siamese"]}'

# What speaks of real classes on a page about groups.
REAL = (
    "an answer is right by its class, as without groups", "unfair to classes", "are Class Dependent",
    "another class of the same group", "an answer is a class, and which group that is of is not known",
)  # fmt: skip


def without_real_classes(text):
    for words in REAL:
        text = text.replace(words, "")
    return text


ALL_THAT_IS_SAID = """
[document.body.innerText, ...[...document.querySelectorAll("[aria-label],[placeholder],[title],[alt]")].flatMap(
  (node) => ["aria-label", "placeholder", "title", "alt"].map((name) => node.getAttribute(name) ?? ""))].join("\\n")
"""


@needs_browser
@pytest.mark.parametrize("by", ["kinds.json", "camera"])
def test_a_page_of_groups_speaks_of_groups(barnspider, work, by):
    (work / "kinds.json").write_text(KINDS)
    asked = ("all.csv", "--baseline", "plain", "--by", by)
    barnspider("report", *asked, "--max-drop", "0.02", "--bands", "-o", "page.html")
    with Browser() as browser:
        page = browser.open(work / "page.html")
        said = page.run(ALL_THAT_IS_SAID)
        drawn = page.run("[...document.querySelectorAll('.chart text')].map((node) => node.textContent).join(' ')")
        assert page.errors == []
    names = ("canine kind", "feline kind") if by == "kinds.json" else ("A", "B")
    for name in names:
        assert f"\n{name}\n" in said
    assert "2 groups" in said
    assert "group dependence" in said.lower()
    left = without_real_classes(said)
    assert "class" not in left.lower(), [line for line in left.splitlines() if "class" in line.lower()]
    assert "accuracy that the group loses" in drawn
    assert "class" not in drawn.lower()
    assert ("are taken for" in said) == (by == "kinds.json")
    assert ("Left out, as are the lowest precision" in said) == (by == "camera")


def test_the_gate_and_the_audit_speak_of_groups(barnspider, work):
    (work / "kinds.json").write_text(KINDS)
    (work / "rules.toml").write_text("[max_drop]\nB = 0.01\n[[allow]]\nclass = 'A'\nreason = 'x'\nexpires = 'never'\n")
    for by, name, rules in (("kinds.json", "canine kind", ()), ("camera", "B", ("rules.toml",))):
        asked = ("all.csv", "--baseline", "plain", "--by", by)
        more = [x for file in rules for x in ("--budgets", file, "--allow", file)]
        judged = barnspider("gate", *asked, *more, "--junit", "gate.xml", "--summary", f"{by}.md", check=1)
        said = {
            "verdict": judged.stdout,
            "relative": barnspider("gate", *asked, "--relative", check=None).stdout,
            "comment": (work / f"{by}.md").read_text(),
            "audit": barnspider("audit", *asked, "--bands").stdout,
            "markdown": barnspider("audit", *asked, "--bands", "--markdown").stdout,
            "sentences": barnspider("audit", *asked, "--class", name).stdout,
            "doses": barnspider("doses", *asked[:1], "--by", by).stdout,
            "inequality": barnspider("inequality", *asked).stdout,
        }
        for what, text in said.items():
            assert what in {"relative", "inequality", "doses"} or name in text, what
            assert "group" in text.lower(), what
            assert "class" not in without_real_classes(text).lower(), (what, text)
        root = ET.parse(work / "gate.xml").getroot()
        assert name in {case.get("name") for case in root.iter("testcase")}
        heard = [node.text or "" for node in root.iter()] + [
            value for node in root.iter() for key, value in node.items() if key != "classname"
        ]
        assert "class" not in without_real_classes(" ".join(heard)).lower()
        assert "| arm | group | images" in said["comment"]


def test_power_of_what_was_run_reads_as_the_audit_does(barnspider, work):
    asked = ("power", "--like", "all.csv", "--baseline", "plain", "--effect", "0.05")
    said = barnspider(*asked, "--by", "camera").stdout
    assert "in one group, 4 times in 5" in said
    assert "2 groups are measured finely enough" in said
    document = json.loads(barnspider(*asked, "--by", "camera", "--json").stdout)
    assert document["arms"][0]["by"] == "camera"
    assert [(c["class"], c["n"]) for c in document["arms"][0]["classes"]] == [("A", 200), ("B", 200)]
    (work / "sets.json").write_text(json.dumps([[0, 1, 2, 3]] * 300 + [[]] * 100))
    (work / "names.txt").write_text("husky\nmalamute\ntabby\nsiamese\n")
    document = json.loads(barnspider(*asked, "--label-sets", "sets.json", "--classes", "names.txt", "--json").stdout)
    assert [(c["class"], c["n"]) for c in document["arms"][0]["classes"]] == [
        ("husky", 100), ("malamute", 100), ("tabby", 100), ("siamese", 0),
    ]  # fmt: skip
    (work / "apart").mkdir()
    table = pl.read_csv(work / "all.csv", schema_overrides={"sample": pl.String})
    table.unique("sample").select("sample", "label").write_csv(work / "truth.csv")
    for arm in ("plain", "new"):
        own = table.filter(pl.col("arm") == arm).select(image="sample", answer="prediction")
        own.write_csv(work / "apart" / f"{arm}_0.csv")
    said = barnspider(
        "power", "--like", "apart", "--baseline", "plain", "--labels", "truth.csv", "--pattern", "{arm}_{seed}.csv",
        "--columns", "sample=image,prediction=answer",
    ).stdout  # fmt: skip
    assert "new against plain" in said


def test_figures_of_groups_speak_of_groups(barnspider, work):
    (work / "kinds.json").write_text(KINDS)
    barnspider("figures", "all.csv", "--baseline", "plain", "--by", "kinds.json", "-o", "figures")
    captions = (work / "figures/captions.txt").read_text()
    assert "Change of each group's accuracy" in captions
    assert "Images are grouped by 'kinds.json'" in captions
    drawn = " ".join(
        "".join(node.itertext())
        for path in (work / "figures").glob("*.svg")
        for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    )
    assert "canine kind" in drawn
    table = (work / "figures/effects.tex").read_text()
    assert "\ngroup & images" in table
    for text in (captions, drawn, table):
        assert "class" not in without_real_classes(text).lower(), text


def test_by_something_that_does_not_fit_is_bad_input(barnspider, work):
    def said(by):
        return barnspider("audit", "all.csv", "--baseline", "plain", "--by", by, check=2).stderr

    assert "by='kamera' is no file, and no column of the answers" in said("kamera")
    assert "by='none.csv' does not exist or is no file" in said("none.csv")
    (work / "g.csv").write_text("class,group\nhusky,dog\n")
    assert "has no group for 3 of 4 classes: 'malamute', 'siamese', 'tabby'" in said("g.csv")
    (work / "g.csv").write_text("class,group\nhusky,dog\nhusky,cat\n")
    assert "'g.csv', line 3: class 'husky' has group='cat' here and 'dog' elsewhere" in said("g.csv")
    (work / "g.csv").write_text("name,group\nhusky,dog\n")
    assert "expected the columns class (or sample) and group" in said("g.csv")
    (work / "g.toml").write_text('dog = ["husky"]\ncat = ["husky"]\n')
    assert "'husky' is in 'dog' and in 'cat'" in said("g.toml")
    (work / "g.json").write_text('{"dog": 3}')
    assert "'dog' is 3; expected a group, or a list of classes" in said("g.json")
    (work / "g.json").write_text('{"a": "x", "a": "y"}')
    assert "'a' stands twice in one object" in said("g.json")
    (work / "all.csv").write_text((work / "all.csv").read_text().replace("new,7,husky,", "new,7,husky,", 1))
    text = (work / "all.csv").read_text().splitlines()
    text[1] = text[1].rsplit(",", 1)[0] + ",C"
    (work / "all.csv").write_text("\n".join(text) + "\n")
    assert "'all.csv', line 402: sample '0' has camera='A' here and 'C' elsewhere" in said("camera")


def test_a_store_is_grouped_by_a_file(barnspider, small_store, work):
    (work / "g.json").write_text(json.dumps({"even": list("02468"), "odd": list("13579")}))
    said = barnspider("audit", small_store, "--by", "g.json").stdout
    assert "2 groups, 600 images" in said
    assert barnspider("doses", small_store, "--by", "g.json").stdout
    assert "a store has no columns" in barnspider("audit", small_store, "--by", "camera", check=2).stderr
