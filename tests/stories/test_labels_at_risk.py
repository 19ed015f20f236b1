"""Before a study is run its classes at risk are named; after it, what that foretold."""

import json

from barnspider import read_predictions


def test_before_and_after(barnspider, study, tmp_path):
    first = barnspider("preserve", study, "--draws", "1", "--workers", "1")
    assert "One architecture was asked" in first.stdout
    assert "kept to dose, by mlp" in first.stdout
    assert "rotation=180: 9" in first.stdout
    assert "not trained yet" in first.stderr
    assert "small-preserved-mlp" in first.stderr
    barnspider("run", study, "--workers", "1")
    after = barnspider("preserve", study, "--draws", "1", "--json")
    found = json.loads(after.stdout)
    assert [x["network"] for x in found["networks"]] == ["mlp"]
    assert {(x["arm"], x["network"]) for x in found["foretold"]} == {
        (f"rotation={dose}", network) for dose in (60, 180) for network in ("mlp",)
    }
    assert [x["dose"] for x in found["strength"]] == [0, 60, 180]
    assert "training" not in after.stderr
    told = barnspider("audit", "runs", "--study", "small-preserved-mlp").stdout
    assert "these models, not the recipe" in told
    assert "rotation=180 (dose 180, 1 run)" in told
    assert "rotation=180 (dose 180, 3 runs)" in barnspider("audit", "runs").stdout
    shown_in_figures_and_by_label_sets(barnspider, tmp_path)
    by_sets = barnspider("preserve", study, "--draws", "1", "--label-sets", "sets.json")
    assert "(600 of 600 images have several). An answer is right if it is any of the labels" in by_sets.stdout
    assert "kept to dose, by mlp, single label  kept to dose, by mlp, label sets" in by_sets.stdout
    assert "by the sets 0 of these do" in by_sets.stdout
    assert "No class is among those that certainly lose their label." in by_sets.stdout
    assert "asking" not in by_sets.stderr
    (tmp_path / "sets.json").write_text('{"0": [1]}')
    assert (
        "has no entry for sample"
        in barnspider("preserve", study, "--draws", "1", "--label-sets", "sets.json", check=2).stderr
    )


def shown_in_figures_and_by_label_sets(barnspider, folder):
    """What was foretold is drawn; on a page by sets in which every answer is right, nothing loses its label."""
    drawn = barnspider("figures", "runs", "--study", "small", "--arm", "180", "-o", "out")
    assert "left out: label-preservation" not in drawn.stderr
    assert (folder / "out/label-preservation.svg").exists()
    captions = (folder / "out/captions.txt").read_text("utf-8")
    assert "What changing the test images as at rotation=180 costs each class" in captions
    preds = read_predictions(folder / "runs", study="small")
    (folder / "sets.json").write_text(json.dumps({s: list(range(10)) for s in preds.sample.tolist()}))
    barnspider("report", "runs", "-o", "page.html", "--study", "small", "--label-sets", "sets.json", "--no-images")
    said = (folder / "page.html").read_text("utf-8")
    assert "Does losing the label foretell harm?" in said
    assert "No class is among those that certainly lose their label." in said


def test_mistakes(barnspider, study, tmp_path):
    def said(*args):
        return barnspider("preserve", study, *args, check=2).stderr

    assert "doses='a'; expected numbers with commas" in said("--doses", "a")
    assert "rotation=999.0 is out of range" in said("--doses", "999")
    assert "cannot be imported" in said("--pretrained", "nowhere:net")
    study.write_text(study.read_text().replace('"rotation"', '"mixup"').replace("[0, 60, 180]", "[0, 0.5]"))
    assert "makes one image of two" in said()
    study.write_text('command = "train {dose} {seed} {out}"\n[sweep]\nvary = "x"\ndoses = [0, 1]\nseeds = 1\n')
    assert "is a study of a command" in said()
    assert not list(tmp_path.glob("runs/runs/*"))
