from dataclasses import replace

import pytest

from barnspider import TrainingError
from barnspider.lab import Store, read_study, train_missing
from trainer import SCRIPT, lay_out


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_seeds_that_gave_the_same_answers_are_said_once(tmp_path, store, capsys):
    script = SCRIPT.replace("random.Random(args.seed)", "random.Random(max(args.seed, 1) if args.noise else 7)")
    sweep = read_study(lay_out(tmp_path, script))
    train_missing(sweep, store)
    said = capsys.readouterr().err
    assert said.count("note: ") == 1
    assert "same answers to every image: noise=0 (seeds 0, 1, 2), noise=0.5 (seeds 0, 1). Does the command use" in said
    (tmp_path / "train.py").write_text(script + "sys.exit(1)")
    with pytest.raises(TrainingError):
        train_missing(replace(sweep, seeds=(0, 1, 2, 3)), store)
    assert "noise=0 (seeds 0, 1, 2), noise" in capsys.readouterr().err, "also where runs have failed"


ALIKE = {
    "some right": ("", ""),
    "all right": ('chance.random() < 0.1 + args.noise * (label == "cow")', "False"),
    "other probabilities": ("random.Random(args.seed)", "random.Random(7)"),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_seeds_that_may_well_agree_are_not_called_copies(tmp_path, store, capsys, kind):
    script = SCRIPT.replace(*ALIKE[kind]).replace("else 0.75", "else 0.75 + args.seed / 100")
    train_missing(read_study(lay_out(tmp_path, script)).with_doses([0]), store)
    assert "note: " not in capsys.readouterr().err
