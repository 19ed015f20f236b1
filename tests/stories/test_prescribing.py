"""Doses are chosen with every class in view, written to a file, and trained from it with fresh seeds."""

import json

STUDY = """\
name = "{name}"
[recipe]
dataset = "digits"
epochs = 3
[sweep]
vary = "rotation"
doses = {doses}
seeds = {seeds}
"""


def test_from_a_sweep_to_a_dose_per_class(barnspider, tmp_path):
    sweep, fixed = tmp_path / "sweep.toml", tmp_path / "fixed.toml"
    sweep.write_text(STUDY.format(name="sweep", doses="[0, 60, 180]", seeds="4"))
    barnspider("run", sweep, "--workers", "1")
    compared = barnspider("prescribe", "runs", "--runs", "half").stdout
    assert "Chosen on digits/validation, seeds 0, 2; judged on digits/test, seeds 1, 3" in compared
    document = json.loads(barnspider("prescribe", "runs", "--json").stdout)
    assert document["schema"] == "barnspider/choices/1"
    assert [arm["dose"] for arm in document["arms"]] == [0.0, 60.0, 180.0]
    said = barnspider("prescribe", "runs", "--rule", "harmed and receivers", "--at", "180", "-o", "rx.json")
    assert "is harmed at 180" in said.stdout
    assert "a study takes it as a dose: doses = [0, 'rx.json']" in said.stderr
    fixed.write_text(STUDY.format(name="fixed", doses='[0, "rx.json"]', seeds="[20, 21]"))
    barnspider("run", fixed, "--workers", "1")
    fixed.write_text(fixed.read_text().replace("[20, 21]", "[0, 20]"))
    assert "note: 1 seed (0) chose the doses of 'harmed and receivers'" in barnspider("plan", fixed).stderr
    audited = json.loads(barnspider("audit", "runs", "--study", "fixed", "--json").stdout)
    assert audited["arms"][0]["arm"].startswith("rotation=per class")


def test_misuse_is_refused(barnspider, tmp_path, small_store):
    def said(*args, check=2):
        return barnspider("prescribe", small_store, *args, check=check).stderr

    assert "--rule and --objective were both given" in said("--rule", "own best", "--objective", "mean")
    assert "--out goes with something prescribed" in said("-o", "x.json")
    study = tmp_path / "s.toml"
    rows = [{"class": f"x{i}", "dose": 30 * i} for i in range(3)]
    rx = {"schema": "barnspider/prescription/1", "vary": "rotation", "at": 0, "studied": [0, 90], "classes": rows}
    (tmp_path / "rx.json").write_text(json.dumps(rx))
    study.write_text(STUDY.format(name="s", doses='[0, "rx.json"]', seeds="2"))
    assert "prescribed for other classes" in barnspider("run", study, check=2).stderr
    study.write_text(study.read_text().replace('"rotation"', '"crop"'))
    assert "a prescription of 'rotation' was given for 'crop'" in barnspider("run", study, check=2).stderr
    assert not list(tmp_path.glob("runs/runs/*"))


def test_healing_states_its_bill_before_anything_is_trained(barnspider, study, tmp_path):
    said = barnspider("heal", study, "--plan", "--rounds", "2", "--method", "clam").stderr
    assert "in all: at most 51 runs" in said
    assert "budget=10 is less than 50 runs" in barnspider("heal", study, "--budget", "10", check=2).stderr
    assert "method='calm' is unknown" in barnspider("heal", study, "--method", "calm", check=2).stderr
    assert not (tmp_path / "runs").exists()
