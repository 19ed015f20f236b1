"""From a store, and from tables that people bring: the tables, the verdict, the page."""

import json

import numpy as np
import pytest

import barnspider as barn


@pytest.fixture
def brought(tmp_path):
    """A CSV with an arm that ruins class "dog", and helps nobody."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1, 2], 200)
    plain = np.where(rng.random((4, 600)) < 0.9, label, (label + 1) % 3)
    harm = np.where((label == 1) & (rng.random((4, 600)) < 0.4), 2, plain)
    predictions = barn.Predictions.from_arrays(
        label, {"plain": plain, "mixup": harm, "same": plain[:, ::1]}, classes=["cat", "dog", "=SUM(A1)"]
    )
    barn.write_table(predictions, tmp_path / "brought.csv")
    return tmp_path / "brought.csv"


def test_audit_of_a_store_prints_the_table(barnspider, small_store):
    said = barnspider("audit", small_store).stdout
    assert "rotation=180" in said
    assert "class dependence tau" in said
    assert "new images and new runs" in said


def test_audit_json_is_what_the_schema_says(barnspider, small_store):
    document = json.loads(barnspider("audit", small_store, "--json").stdout)
    assert document["schema"] == "barnspider/effects/1"
    assert document["baseline"] == "rotation=0"
    assert document["level"] == 0.95
    assert document["generalizes_to"] == "images and runs"
    arm = document["arms"][1]
    assert (arm["arm"], arm["dose"], arm["runs"]) == ("rotation=180", 180.0, 3)
    assert set(arm["overall"]) >= {"effect", "low", "high", "p"}
    assert set(arm["class_dependence"]) >= {"tau", "low", "high", "p"}
    row = arm["classes"][0]
    assert set(row) >= {"class", "n", "before", "effect", "low", "high", "p", "q", "shrunk", "prob_harm"}
    assert -1 <= row["low"] <= row["effect"] <= row["high"] <= 1


def test_validation_images_are_other_images(barnspider, small_store):
    test, validation = (
        json.loads(barnspider("audit", small_store, "--json", "--split", split).stdout)
        for split in ("test", "validation")
    )
    assert test["arms"][0]["classes"][0]["n"] != validation["arms"][0]["classes"][0]["n"]


def test_audit_names_who_is_harmed(barnspider, brought):
    document = json.loads(barnspider("audit", brought, "--baseline", "plain", "--json").stdout)
    arms = {arm["arm"]: arm for arm in document["arms"]}
    harmed = {c["class"] for c in arms["mixup"]["classes"] if c["q"] < 0.05 and c["effect"] < 0}
    assert harmed == {"dog"}
    assert all(c["effect"] == 0 for c in arms["same"]["classes"])


def test_audit_as_markdown(barnspider, brought):
    said = barnspider("audit", brought, "--baseline", "plain", "--markdown").stdout
    assert "| dog |" in said
    assert len(said) < 65_536


def test_audit_says_how_it_judges(barnspider, brought):
    args = ("audit", brought, "--baseline", "plain")
    strict = barnspider(*args, "--correction", "holm", "--bands", "--margin", "0.05").stdout
    assert "Holm p: Holm over 2 arms" in strict
    assert "for all classes and arms at once" in strict
    assert "3 unchanged within 5.0 points" in strict
    assert "against average" in barnspider(*args, "--relative").stdout
    assert barnspider(*args, "--top", "1").stdout.count("... and 2 more") == 2
    assert "... and" not in barnspider(*args, "--all").stdout


def test_audit_of_single_classes(barnspider, brought):
    said = barnspider("audit", brought, "--baseline", "plain", "--class", "dog", "--class", "cat").stdout.splitlines()
    assert len(said) == 4
    assert said[0].startswith("mixup: Class 'dog' lost ")
    assert said[2].startswith("mixup: Class 'cat' is unchanged")


def test_audit_json_says_what_was_found(barnspider, brought):
    done = barnspider("audit", brought, "--baseline", "plain", "--json", "--margin", "0.02", "--correction", "holm")
    document = json.loads(done.stdout)
    assert (document["margin"], document["correction"], document["method"]["paired"]) == (0.02, "holm", False)
    arm = document["arms"][0]
    assert arm["findings"] == {"harmed": 1, "helped": 0, "unchanged": 2, "cannot tell": 0}
    dog = next(c for c in arm["classes"] if c["class"] == "dog")
    assert dog["finding"] == "harmed"
    assert dog["q"] == dog["p_holm"]
    assert dog["relative"]["finding"] == "worse than average"
    assert dog["band_low"] <= dog["low"] <= dog["effect"]


def test_options_of_a_file_and_what_is_said_of_them(barnspider, tmp_path):
    head, rows = "arm,seed,sample,label,prediction\n", []
    for arm, first in (("a", 0), ("b", 10)):
        rows += [f"{arm},{first + seed},{i},x,{'xy'[(i + seed) % 2]}\n" for seed in range(2) for i in range(6)]
    (tmp_path / "short.csv").write_text(head + "".join(rows[:-1]))
    (tmp_path / "names.txt").write_text("y\nx\nz\n")
    assert "--samples common" in barnspider("audit", "short.csv", "--baseline", "a", check=2).stderr
    args = ("short.csv", "--baseline", "a", "--samples", "common", "--classes", "names.txt", "--paired")
    done = barnspider("audit", *args, "--json")
    assert [c["class"] for c in json.loads(done.stdout)["arms"][0]["classes"]] == ["y", "x", "z"]
    assert "note: 1 of 6 samples are left out" in done.stderr
    assert "note: --paired pairs runs of equal seed, but b and a have fewer than two seeds in common" in done.stderr
    gate = barnspider("gate", *args, check=None)
    assert "b, z: cannot tell, there is no evidence (0 images)" in gate.stdout


def test_power_of_a_design_that_was_run(barnspider, brought):
    said = barnspider("power", "--like", brought, "--baseline", "plain", "--arm", "mixup", "--effect", "0.03").stdout
    assert "mixup against plain, 4 runs in each arm: what finds a change of 3.0 points" in said
    assert said.index("dog") < said.index("cat")
    document = json.loads(barnspider("power", "--like", brought, "--baseline", "plain", "--json").stdout)
    assert document["schema"] == "barnspider/needs/1"
    assert [arm["arm"] for arm in document["arms"]] == ["mixup", "same"]
    assert document["arms"][0]["classes"][0].keys() == {"class", "n", "detectable", "runs_needed", "images_needed"}


def test_the_version(barnspider):
    import barnspider as package

    assert barnspider("--version").stdout == f"barnspider {package.__version__}\n"
    assert "--version" in barnspider("--help").stdout


def test_gate_fails_on_harm(barnspider, brought):
    done = barnspider("gate", brought, "--baseline", "plain", "--max-drop", "0.1", check=1)
    assert done.stdout.startswith("FAIL")
    assert "dog" in done.stdout


def test_gate_cannot_tell_with_few_images(barnspider, small_store):
    done = barnspider("gate", small_store, "--max-drop", "0.9", check=None)
    assert done.returncode in {0, 3}
    document = json.loads(barnspider("gate", small_store, "--max-drop", "0.02", "--json", check=None).stdout)
    assert document["schema"] == "barnspider/verdict/1"
    assert document["status"] in {"fail", "inconclusive"}


def one_arm(arm, harmed, path):
    label = np.repeat([0, 1], 3000)
    guess = np.where((label == 1) & (np.arange(6000) % 10 < harmed), 0, label)
    barn.write_table(barn.Predictions.from_arrays(label, {arm: [guess, guess, guess]}, classes=["cat", "dog"]), path)


def test_gate_compares_two_files(barnspider, tmp_path):
    one_arm("main", 1, tmp_path / "base.csv")
    one_arm("main", 1, tmp_path / "same.csv")
    one_arm("main", 3, tmp_path / "worse.parquet")
    assert barnspider("gate", "base.csv", "same.csv", "--max-drop", "0.02").stdout.startswith("PASS")
    assert barnspider("gate", "base.csv", "worse.parquet", check=1).stdout.startswith("FAIL")


def test_gate_of_one_model_on_few_images_is_inconclusive(barnspider, tmp_path):
    for name, last in (("a", 0), ("b", 1)):
        guess = [0] * 19 + [last]
        barn.write_table(
            barn.Predictions.from_arrays([0] * 20, {name: [guess]}, classes=["x", "y"]), tmp_path / f"{name}.csv"
        )
    done = barnspider("gate", "a.csv", "b.csv", check=3)
    assert done.stdout.startswith("INCONCLUSIVE")


def test_report_of_a_store_and_of_a_table(barnspider, small_store, brought, tmp_path):
    barnspider("report", small_store, "-o", "store.html", "--max-drop", "0.02")
    barnspider("report", brought, "--baseline", "plain", "-o", "brought.html")
    page = (tmp_path / "store.html").read_text()
    assert "rotation=180" in page
    assert (tmp_path / "brought.html").stat().st_size < 3_000_000


def test_ten_lines_of_python(tmp_path):
    label = np.repeat([0, 1], 50)
    plain, mixup = np.tile(label, (3, 1)), np.tile(np.where(np.arange(100) % 5, label, 0), (3, 1))
    preds = barn.Predictions.from_arrays(label, {"plain": plain, "mixup": mixup}, classes=["cat", "dog"], on="test")
    barn.write_table(preds, tmp_path / "preds.parquet")
    effects = barn.estimate(barn.read_predictions(tmp_path / "preds.parquet"), baseline="plain", level=0.95)
    assert effects.low.shape == effects.high.shape == effects.q.shape == (1, 2)
    assert effects.tau.shape == (1,)
    verdict = barn.Gate(max_drop=0.02).check(effects)
    barn.write_report(tmp_path / "report.html", effects, verdict=verdict)
    assert verdict.status in {"fail", "inconclusive"}


def test_doses_of_a_store_are_chosen_on_validation_and_measured_on_test(barnspider, small_store):
    said = barnspider("doses", small_store, "--delta", "0.05").stdout
    assert "loses 5.0 points from dose" in said
    assert "Best on average: rotation=" in said
    assert "chosen on digits/validation, measured on digits/test" in said
    assert "points from dose" in said
    document = json.loads(barnspider("doses", small_store, "--json").stdout)
    assert document["schema"] == "barnspider/doses/1"
    assert len(document["tolls"]["toll"]) == len(document["curves"]["classes"]) == 10


def test_without_three_doses_there_are_a_best_arm_and_tolls_and_no_curves(barnspider, brought):
    said = barnspider("doses", brought).stdout
    assert "% for new images and new runs)." in said
    assert "Toll of " in said
    assert "intervals generalize to new images and new runs\n" in said
    assert "\n\nNo curves over the doses: doses are not given; expected three different ones or more" in said
    document = json.loads(barnspider("doses", brought, "--json").stdout)
    assert document["curves"] is None
    assert len(document["tolls"]["toll"]) == 3


def test_inequality_of_a_table(barnspider, brought):
    said = barnspider("inequality", brought, "--baseline", "plain").stdout
    assert "worst class" in said
    assert "most confused pair" in said
    assert "intervals generalize to new images and new runs\n" in said
    document = json.loads(barnspider("inequality", brought, "--baseline", "plain", "--json").stdout)
    assert document["arms"][0] == "plain"


def test_power_before_a_study(barnspider):
    args = ("power", "--images", "1000", "--runs", "5", "--classes", "10", "--effect", "0.02")
    assert "A change of 2.0 points in any class needs" in barnspider(*args).stdout
    document = json.loads(barnspider(*args, "--json").stdout)
    assert 0 < document["detectable"] < document["detectable_any"] < 0.1
    assert "effect=2.0; expected a proportion" in barnspider(*args[:-1], "2", check=2).stderr


def test_the_page_judges_as_it_was_asked_to(barnspider, brought, tmp_path):
    page = tmp_path / "strict.html"
    args = ("--baseline", "plain", "--correction", "holm", "--bands", "--margin", "0.05", "-o", page)
    assert barnspider("report", brought, *args).returncode == 0
    text = page.read_text("utf-8")
    assert "Holm over" in text
    assert "unchanged within 5.0 points" in text
