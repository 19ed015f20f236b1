"""A study is solved on a linear model before it is trained; and afterwards set beside what came of it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barnspider import BarnspiderError, InputError
from barnspider.cli import app
from barnspider.cli.theories import theory

QUICK = {"count": 80, "draws": 1, "runs": 2, "features": "fourier"}


def test_before_it_is_trained(study, tmp_path):
    asked = ("--count", 80, "--draws", 2, "--runs", 2, "--growth", 180)
    first = CliRunner().invoke(app, ["theory", *map(str, (study, *asked))], catch_exceptions=False)
    assert first.exit_code == 0
    assert "small on a linear model: ridge regression on 80 random convolutions; 2 runs, each of 100 tr" in first.stdout
    assert "The optimum of the average lies at the weakest of these doses" in first.stdout
    assert "Classes at risk" in first.stdout
    assert "Weight decay, which is the penalty, at 'rotation=0'." in first.stdout
    assert "learns no features" in first.stdout
    assert "With more training images" in first.stdout
    assert "Nothing was trained or stored" in first.stderr
    assert not list(tmp_path.glob("runs"))


def test_after_it_was_trained(study, small_store, capsys):
    theory(study, store=small_store, as_json=True, **QUICK | {"features": "pixels"})
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "barnspider/theory/1"
    assert [x["arm"] for x in found["beside"]] == ["rotation=60", "rotation=180"]
    assert (found["count"], found["images"], found["doses"]) == (64, 100, [0, 60, 180])
    assert [len(found["accuracy"]), len(found["accuracy"][0]), len(found["accuracy"][0][0])] == [3, 17, 10]
    assert found["growth"] is None
    assert all(-1 <= x["correlation"]["rho"] <= 1 for x in found["beside"])


def test_weight_decay_has_no_path_beside_its_doses(study, capsys):
    study.write_text(study.read_text().replace('"rotation"', '"weight_decay"').replace("[0, 60, 180]", "[0, 0.01, 1]"))
    theory(study, **QUICK)
    text = capsys.readouterr().out
    assert "weight_decay=0.01" in text
    assert "which is the penalty, at" not in text


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"doses": "a"}, "doses='a'; expected numbers with commas"),
        ({"doses": "0,999"}, "rotation=999.0 is out of range"),
        ({"doses": "0"}, "doses=0.0; expected two or more"),
        ({"growth": 0.0}, "growth=0 is the baseline"),
        ({"growth": 500.0}, "rotation=500.0 is out of range"),
        ({"images": 150}, "no two runs share any"),
        ({"count": 9999}, "count=9999; expected at most 4,096"),
        ({"level": 2.0}, "level=2.0"),
        ({"store": Path("nowhere")}, "nowhere"),
    ],
)
def test_mistakes(study, asked, message):
    with pytest.raises(BarnspiderError, match=message):
        theory(study, **QUICK | asked)


def test_studies_that_no_linear_model_can_tell_of(study, small_store):
    text = study.read_text()
    study.write_text(text.replace("width = 16", "width = 17"))
    with pytest.raises(InputError, match="has no two arms of this study"):
        theory(study, store=small_store)
    study.write_text(text.replace('"rotation"', '"stochastic_depth"').replace("[0, 60, 180]", "[0, 0.5]"))
    with pytest.raises(InputError, match="means nothing to a linear model"):
        theory(study)
    study.write_text('command = "train {dose} {seed} {out}"\n[sweep]\nvary = "x"\ndoses = [0, 1]\nseeds = 1\n')
    with pytest.raises(InputError, match="is a study of a command"):
        theory(study)
