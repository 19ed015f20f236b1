"""A user's own trainer is given a dose for each class as a file, checked against the classes once they are known."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, TrainingError
from barnspider.lab import CommandSweep, Store, read_study, run
from barnspider.lab.command.outlook import outlook
from barnspider.prescription import Prescription
from barnspider.tables.prescription_file import write_prescription
from trainer import SCRIPT, STUDY, lay_out

CLASSES = ("cat", "cow", "dog")
RX = Prescription("noise", CLASSES, (0.5, 0.0, 0.5), "receivers", 0.5, (0.0, 0.5), seeds=(0, 1))
OBEDIENT = (
    SCRIPT.replace('parser.add_argument("--out")', 'parser.add_argument("--out")\nparser.add_argument("--rx")')
    .replace(
        "rows = []",
        "import json\n"
        "given = json.load(open(args.rx))['classes'] if args.rx else []\n"
        "doses = {row['class']: row['dose'] for row in given}\n"
        "rows = []",
    )
    .replace("args.noise * (label", "doses.get(label, args.noise) * (label")
)
COMMAND = "{python} train.py --noise {dose} --rx {prescription} --seed {seed} --out {out}"
TEXT = re.sub('command = ".*"', f'command = "{COMMAND}"', STUDY).replace("[0, 0.5]", '[0, 0.5, "rx.json"]')


def planned(folder, rx=RX, text=TEXT):
    write_prescription(rx, folder / "rx.json")
    return read_study(lay_out(folder, OBEDIENT, text))


def test_the_command_gets_the_file_and_its_arm_is_judged(tmp_path):
    sweep, store = planned(tmp_path), Store(tmp_path / "runs")
    preds = run(sweep, store, workers=2)
    assert preds.arms[:2] == ("noise=0", "noise=0.5")
    assert preds.arms[2].startswith("noise=per class")
    assert preds.dose_of(preds.arms[2]) is None
    cows = preds.label == preds.classes.index("cow")
    wrong = {arm: 1 - preds.correct()[preds.rows(arm)][:, cows].mean() for arm in preds.arms}
    assert wrong[preds.arms[2]] == wrong["noise=0"] < wrong["noise=0.5"]  # cows were spared
    assert len(list((tmp_path / "runs" / "prescriptions").iterdir())) == 3
    (tmp_path / "rx.json").unlink()
    assert CommandSweep.from_dict(json.loads(json.dumps(sweep.as_dict()))).runs() == sweep.runs()


def test_the_key_knows_the_doses_and_nothing_else_of_the_file(tmp_path):
    def keys(rx):
        return [run.key for run in planned(tmp_path, rx).runs()[:3]]

    first = keys(RX)
    assert keys(replace(RX, why=("x", "", ""), chosen_on="others", rule="by hand")) == first
    other = keys(replace(RX, doses=(0.5, 0.2, 0.5)))
    assert other[:2] == first[:2]
    assert other[2] != first[2]


def test_plan_shows_where_the_file_will_stand(tmp_path):
    said = str(outlook(planned(tmp_path), Store(tmp_path / "runs")))
    assert "--noise 0.5 --rx {prescription} --seed 0" in said


@pytest.mark.parametrize(
    ("rx", "text", "said"),
    [
        (RX, TEXT.replace("--rx {prescription} ", ""), r"command has no \{prescription\}"),
        (RX, TEXT.replace('vary = "noise"', 'vary = "crop"'), "a prescription of 'noise' was given for 'crop'"),
        (replace(RX, doses=(0.5,) * 3), TEXT, "'rx.json' prescribes 0.5 for every class, which is a dose already"),
        (replace(RX, doubt="train more"), TEXT, "prescribes nothing: train more"),
        (RX, TEXT.replace("[sweep]", 'classes = ["cat", "cow"]\n[sweep]'), "other classes: there is no 'dog'"),
        (RX, TEXT.replace('"rx.json"', "[0.5, 0, 0.5]"), "a command takes one number, or the name of a prescription"),
        (RX, TEXT.replace("{dose}", "0.1"), "all 2 doses would be the same|all 3 doses would be the same"),
    ],
)
def test_what_cannot_be_given_is_refused_before_it_starts(tmp_path, rx, text, said):
    with pytest.raises(InputError, match=said):
        planned(tmp_path, rx, text)


def test_other_classes_are_refused_as_soon_as_they_are_known(tmp_path):
    """By the first run that is sealed; and before anything is started, where a run is there."""
    sweep = planned(tmp_path, replace(RX, classes=("cat", "cow", "fox")))
    store = Store(tmp_path / "runs")
    with pytest.raises(TrainingError, match=r"it was not started: .*'dog' has none, and there is no 'fox'"):
        run(sweep, store)
    assert len(store.missing(sweep.runs())) == 3
    with pytest.raises(InputError, match="'dog' has none, and there is no 'fox'"):
        run(sweep, store)


def test_where_the_prescribed_run_comes_first_its_answers_say_the_classes(tmp_path):
    text = TEXT.replace('[0, 0.5, "rx.json"]', '["rx.json", 0]').replace("seeds = 3", "seeds = 1")
    sweep = planned(tmp_path, replace(RX, classes=("cat", "cow", "fox")), text)
    with pytest.raises(TrainingError, match="'dog' has none"):
        run(sweep, Store(tmp_path / "runs"))


def test_a_single_dose_beside_it_needs_no_other_placeholder(tmp_path):
    text = (
        TEXT.replace('[0, 0.5, "rx.json"]', '[0, "rx.json"]').replace("{dose}", "0").replace("seeds = 3", "seeds = 1")
    )
    preds = run(planned(tmp_path, RX, text), Store(tmp_path / "runs"))
    assert np.unique(preds.guess, axis=0).shape[0] == 1  # a dose of 0 for cows is no noise, as is none
