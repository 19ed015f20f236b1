"""The gate as a pipeline uses it: several candidates, budgets, allowances, and files for the CI service."""

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import barnspider as barn

HOSTILE = ("=x|<img src=x>", "::add-mask::@you", "\x1b[31mred\ufffe")


@pytest.fixture
def files(tmp_path):
    """base.csv; same.csv and worse.csv of one arm name, the second with every fourth dog lost; few.csv."""
    label = np.repeat([0, 1, 2], 2000)
    lost = np.where((label == 1) & (np.arange(6000) % 4 == 0), 0, label)
    for name, arm, guess in (("base", "main", label), ("same", "pr", label), ("worse", "pr", lost)):
        made = barn.Predictions.from_arrays(label, {arm: [guess] * 3}, classes=["cat", "dog", "::cow|"])
        barn.write_table(made, tmp_path / f"{name}.csv")
    for name in ("few", "little"):
        made = barn.Predictions.from_arrays([0] * 20, {name: [[0] * 20]}, classes=["x", "y"])
        barn.write_table(made, tmp_path / f"{name}.csv")
    return tmp_path


def test_several_candidates_are_judged_at_once(barnspider, files):
    done = barnspider("gate", "base.csv", "same.csv", "worse.csv", check=1)
    assert "By arm: same.csv pass, worse.csv fail." in done.stdout
    assert "  - worse.csv, dog: lost more than 2.0 points; change -25.0 points" in done.stdout
    document = json.loads(barnspider("gate", "base.csv", "same.csv", "worse.csv", "--json", check=1).stdout)
    assert document["baseline"] == "main"
    assert [(x["arm"], x["status"], x["runs"]) for x in document["arms"]] == [
        ("same.csv", "pass", 3), ("worse.csv", "fail", 3)
    ]  # fmt: skip


def test_budgets_and_allowances_of_one_file(barnspider, files):
    rules = "[max_drop]\ndog = 0.3\n[[allow]]\nclass = 'dog'\nreason = 'wrong labels | #12'\nexpires = 9999-12-31\n"
    (files / "gate.toml").write_text(rules)
    assert barnspider("gate", "base.csv", "worse.csv", "--budgets", "gate.toml").stdout.startswith("PASS. ")
    done = barnspider("gate", "base.csv", "worse.csv", "--allow", "gate.toml")
    assert done.stdout.startswith("PASS, 1 excused. ")
    assert "lost more than 2.0 points" in done.stdout
    assert "allowed until 9999-12-31: wrong labels | #12" in done.stdout
    (files / "late.csv").write_text("class,reason,expires\ndog,wrong labels,2020-01-01\n")
    assert (
        "it was allowed until 2020-01-01"
        in barnspider("gate", "base.csv", "worse.csv", "--allow", "late.csv", check=1).stdout
    )


def test_against_the_average(barnspider, files):
    done = barnspider("gate", "base.csv", "worse.csv", "--relative", check=1)
    assert "fell behind by more than 2.0 points; change against the average -16.7 points" in done.stdout
    assert "The average itself was not judged; it changed by -8.3 points" in done.stdout


@pytest.mark.parametrize(("treated", "code"), [("pass", 0), ("fail", 1)])
def test_an_inconclusive_verdict_may_count_for_another(barnspider, files, treated, code):
    done = barnspider("gate", "few.csv", "little.csv", "--inconclusive", treated, check=code)
    assert done.stdout.startswith("INCONCLUSIVE. ")
    assert f"The exit code is {code}, since an inconclusive verdict was asked to {treated}" in done.stdout
    barnspider("gate", "base.csv", "worse.csv", "--inconclusive", treated, check=1)


def test_files_are_written_beside_what_is_printed(barnspider, files):
    (files / "summary.md").write_text("# Before")
    (files / "out").mkdir()
    written = ("--junit", "out/gate.xml", "--summary", "summary.md", "--json-file", "gate.json")
    done = barnspider("gate", "base.csv", "worse.csv", *written, check=1)
    assert done.stdout.startswith("FAIL")
    assert ET.parse(files / "out" / "gate.xml").getroot().get("failures") == "1"
    assert (files / "summary.md").read_text().startswith("# Before\n### ❌ Fail: who pays against `main`?\n")
    printed = barnspider("gate", "base.csv", "worse.csv", "--json", check=1).stdout
    assert json.loads((files / "gate.json").read_text()) == json.loads(printed)
    markdown = barnspider("gate", "base.csv", "worse.csv", "--markdown", check=1).stdout
    assert (files / "summary.md").read_text() == "# Before\n" + markdown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--budgets", "none.csv"), "'none.csv' cannot be opened"),
        (("--budgets", "points.csv"), "'points.csv', line 2: max_drop=2.0; expected a proportion"),
        (("--allow", "points.csv"), "'points.csv', header: column='max_drop' is unknown"),
        (("--allow", "typo.csv"), "'typo.csv', line 2: class='dgo' is unknown"),
        (("--json", "--markdown"), "--json and --markdown were both given"),
        (("--junit", "base.csv"), "--junit='base.csv' is a file that is read"),
        (("--summary", "./same.csv"), "--summary='same.csv' is a file that is read"),
        (("--budgets", "points.csv", "--json-file", "points.csv"), "--json-file='points.csv' is a file that is read"),
        (("--junit", "x", "--json-file", "./x"), "--junit and --json-file both name 'x'"),
        (("--junit", "new/x.xml"), "--junit='new/x.xml' cannot be written: there is no folder 'new'; make it first"),
        (("--json-file", "base.csv/x.json"), "there is no folder 'base.csv'"),
        (("--summary", "base.csv/x.md"), "there is no folder 'base.csv'"),
        (("--max-drop", "2%"), "max_drop='2%'; expected a proportion from 0, below 1 (0.02 is two points)"),
        (("--max-drop", ""), "max_drop=''; expected a proportion"),
        (("--baseline", "main"), "baseline='main' was given with several files"),
        (("little.csv",), "'base.csv' and 'little.csv': the parts are about different samples"),
        (("little.csv",), "compare on the samples that all answered: --samples common"),
        (("mixed.csv",), "'base.csv' and 'mixed.csv': the parts label sample '0' differently (1 such samples): 'cat'"),
        (("--relative", "--max-drop", "5"), "max_drop=5.0; expected a proportion"),
        (("same.csv",), "'same.csv' was given twice"),
    ],
)
def test_mistakes(barnspider, files, args, message):
    (files / "points.csv").write_text("class,max_drop\ndog,2\n")
    (files / "mixed.csv").write_text(
        (files / "base.csv").read_text().replace(",0,cat,", ",0,dog,").replace("main", "x")
    )
    (files / "typo.csv").write_text("class,reason,expires\ndgo,x,never\n")
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    done = barnspider("gate", "base.csv", "same.csv", *args, check=2)
    assert (done.stdout, done.stderr.count("error: ")) == ("", 1)
    assert message in done.stderr
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_one_file_of_one_arm_asks_for_a_candidate(barnspider, files):
    said = barnspider("gate", "base.csv", check=2).stderr
    assert "error: only one arm, main; give a candidate: gate BASE CANDIDATE" in said


def test_a_class_of_which_no_sample_is_common_is_no_pass(barnspider, files):
    lines = (files / "same.csv").read_text().splitlines(keepends=True)
    (files / "catless.csv").write_text("".join(line for line in lines if ",cat," not in line))
    asked = ("gate", "base.csv", "catless.csv", "--samples", "common")
    done = barnspider(*asked, "--json", "--junit", "gate.xml", check=3)
    document = json.loads(done.stdout)
    assert "pr, cat: cannot tell, there is no evidence (0 images)" in document["findings"][0]["sentence"]
    assert document["notes"][0].startswith("2000 of 6000 samples are left out")
    assert "2000 of 6000 samples are left out" in done.stderr
    assert "2000 of 6000 samples are left out" in barnspider(*asked, "--markdown", check=3).stdout
    assert "2000 of 6000 samples are left out" in (files / "gate.xml").read_text()


def test_wrong_treatment_is_exit_2(barnspider, files):
    assert (
        "'maybe' is not one of" in barnspider("gate", "base.csv", "same.csv", "--inconclusive", "maybe", check=2).stderr
    )


def test_names_cannot_act_wherever_they_are_shown(barnspider, tmp_path):
    label = np.repeat([0, 1, 2], 50)
    for arm, guess in (("main\x1b[2J", label), ("::error::pr\ufffe", (label + 1) % 3)):
        made = barn.Predictions.from_arrays(label, {arm: [guess, guess]}, classes=HOSTILE)
        made.save(tmp_path / ("base.npz" if arm.startswith("main") else "pr.npz"))
    (tmp_path / "allow.json").write_text(
        json.dumps({"allow": [{"class": HOSTILE[1], "reason": "\x1b[31m@you\n::error::", "expires": "never"}]})
    )
    args = ("gate", "base.npz", "pr.npz", "--allow", "allow.json", "--junit", "gate.xml", "--summary", "summary.md")
    for form in ((), ("--json",), ("--markdown",)):
        done = barnspider(*args, *form, check=1)
        assert "\x1b" not in done.stdout + done.stderr
        assert not [line for line in done.stdout.splitlines() if line.lstrip().startswith("::")]
    assert ET.parse(tmp_path / "gate.xml").getroot().get("skipped") == "1"
    summary = (tmp_path / "summary.md").read_text()
    assert "\x1b" not in summary
    assert "@you" not in summary
    assert "<img" not in summary


def test_a_store_holds_all_arms(barnspider, small_store, tmp_path):
    done = barnspider("gate", small_store, "--relative", "--junit", "gate.xml", "--max-drop", "0.9", check=None)
    assert done.returncode in {0, 1, 3}
    suites = [suite.get("name") for suite in ET.parse(tmp_path / "gate.xml").getroot()]
    assert suites == ["rotation=60", "rotation=180"]
