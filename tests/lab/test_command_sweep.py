import json
from dataclasses import replace
from pathlib import Path

import pytest

from barnspider import InputError
from barnspider.lab import Command, CommandSweep, read_study
from trainer import STUDY, lay_out

COMMAND = Command("python train.py --noise {dose} --seed {seed} --out {out}")
SWEEP = CommandSweep(COMMAND, vary="noise", doses=(0, 0.5), seeds=(0, 1))


def keys(sweep) -> list[str]:
    return [run.key for run in sweep.runs()]


def test_a_study_file_with_a_command_is_a_sweep_of_commands(tmp_path):
    sweep = read_study(lay_out(tmp_path))
    assert isinstance(sweep, CommandSweep)
    assert (sweep.name, sweep.vary, sweep.doses, sweep.seeds, sweep.paired) == (
        "pets",
        "noise",
        (0, 0.5),
        (0, 1, 2),
        False,
    )
    assert sweep.base.folder == tmp_path
    assert (sweep.base.workers, sweep.base.retries, sweep.base.timeout) == (1, 0, None)


def test_everything_that_can_be_said_of_a_command(tmp_path):
    options = """
command = ["sh", "-c", "echo {dose} {seed}; touch {out}"]
files = ["*.py"]
classes = ["cat", "dog"]
on = "pets"
paired = true
timeout = 60
retries = 2
workers = 4
"""
    study = STUDY.replace('command = "{python} train.py --noise {dose} --seed {seed} --out {out}"', options)
    sweep = read_study(lay_out(tmp_path, study=study + "[environment]\nOMP_NUM_THREADS = 1\nDOSE = '{dose}'\n"))
    base = sweep.base
    assert base.words == ("sh", "-c", "echo {dose} {seed}; touch {out}")
    assert base.environment == {"OMP_NUM_THREADS": "1", "DOSE": "{dose}"}
    assert (base.classes, base.on, base.timeout, base.retries, base.workers) == (("cat", "dog"), "pets", 60.0, 2, 4)
    assert sweep.paired
    assert list(base.sums()) == ["train.py"]
    assert CommandSweep.from_dict(json.loads(json.dumps(sweep.as_dict()))) == sweep


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{out}", "x", r"command has no \{out\}"),
        ("{dose}", "1", r"command has no \{dose\}, so all 2 doses would be the same"),
        ("{seed}", "1", r"command has no \{seed\}, so all 3 seeds would be the same"),
        ("{seed}", "{sead}", r"placeholder='sead' is unknown.*Did you mean 'seed'"),
        ("{dose}", "{1/dose}", r"\{1/dose\} in '\{1/dose\}' cannot be reckoned at dose=0: division by zero$"),
        ("\n[sweep]", "\nfiles = ['nofile.py']\n[sweep]", r"pets\.toml': files has 'nofile\.py', and there is no such"),
        ("\n[sweep]", "\nrecipe = 'digits'\n[sweep]", "'recipe' has 'digits'; expected either a command or a table"),
        (
            "seeds = 3",
            "seeds = 3\n[environment]\nGPU = 0.5",
            "'environment.GPU' has 0.5; expected variables, each text",
        ),
        ("--noise", "| --noise", "is for a shell"),
        ("doses = [0, 0.5]", "doses = [0.1, 0.5]", r"vary='noise' has no dose 0, so it needs a baseline.*0.1, 0.5"),
        ("doses = [0, 0.5]", "doses = [0, 0.5]\nbaseline = 0.7", "baseline=0.7 is not in the sweep"),
        ("doses = [0, 0.5]", "doses = [0, [0.5, 1]]", "one number per class; a command takes one number"),
        ("doses = [0, 0.5]", "doses = [0, nan]", "dose=nan; expected a number"),
        ("doses = [0, 0.5]", "doses = [0, 0]", "holds the same value twice"),
        ("seeds = 3", "seeds = 0", "seeds=0; expected how many"),
        ("seeds = 3", "seeds = [-1]", "seed=-1"),
        ('"noise"', '" "', "vary=' '; expected what the knob"),
        ('name = "pets"', "retries = -1", "retries=-1; expected a whole number from 0 up"),
        ('name = "pets"', "workers = 0", "workers=0; expected a whole number from 1 up"),
        ('name = "pets"', "timeout = 0", "timeout=0.0; expected seconds, more than 0"),
        ('name = "pets"', "timeout = 'long'", "field 'timeout' has 'long'; expected seconds"),
        (
            'name = "pets"',
            "retry = 1",
            "field 'retry' is unknown; expected one of: name, keep, recipe, command, sweep, paired, e",
        ),
        ("seeds = 3", "seeds = 3\nworkers = 2", r"field 'sweep.workers' is unknown; write it above the tables in \[\]"),
        ('name = "pets"', "environment = {'A=B' = 'x'}", "environment has 'A=B'"),
        ('name = "pets"', "classes = ['a', 'a']", "holds the same value twice"),
        ("[sweep]", "[recipe]\ndataset = 'digits'\n[sweep]", r"both \[recipe\] and command"),
        (
            'command = "{python} train.py --noise {dose} --seed {seed} --out {out}"',
            "",
            r"nothing says what is to be tr",
        ),
        (
            'command = "{python} train.py --noise {dose} --seed {seed} --out {out}"',
            "command = 3",
            "command=3; expected one",
        ),
        ('command = "{python} train.py --noise {dose} --seed {seed} --out {out}"', "command = ''", "command is empty"),
        (
            'command = "{python} train.py --noise {dose} --seed {seed} --out {out}"',
            "retries = 1\n[recipe]\ndataset = 'digits'",
            "field 'retries' goes with a command",
        ),
    ],
)
def test_mistakes_are_said_with_the_file(tmp_path, old, new, message):
    assert old in STUDY
    path = lay_out(tmp_path, study=STUDY.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_study(path)
    assert "pets.toml" in str(caught.value)


def test_the_key_is_a_hash_of_what_is_started():
    assert len(set(keys(SWEEP))) == 4
    others = [
        replace(SWEEP, base=Command("python train.py --noise {dose} --seed {seed} --out {out} --epochs 3")),
        replace(SWEEP, base=replace(COMMAND, environment={"A": "1"})),
        replace(SWEEP, base=replace(COMMAND, classes=("cat", "dog"))),
    ]
    for other in others:
        assert not set(keys(other)) & set(keys(SWEEP))


def test_what_changes_no_answer_changes_no_key():
    patient = replace(COMMAND, timeout=5.0, retries=3, workers=7, folder=Path("elsewhere"), on="pets")
    assert keys(replace(SWEEP, base=patient, name="other", paired=True)) == keys(SWEEP)
    written = Command("python  'train.py' --noise {dose} --seed {seed}   --out {out}")
    assert keys(replace(SWEEP, base=written)) == keys(SWEEP)
    slots = replace(COMMAND, environment={"GPU": "{worker}"})
    assert len(set(keys(replace(SWEEP, base=slots)))) == 4


def test_the_same_command_is_the_same_run_in_another_study():
    """Both studies have the plain baseline; it is run once."""
    one = CommandSweep(Command("t --a {dose} --b 0 --seed {seed} {out}"), vary="a", doses=(0, 1), seeds=(0,))
    two = CommandSweep(Command("t --a 0 --b {dose} --seed {seed} {out}"), vary="b", doses=(0, 1), seeds=(0,))
    assert keys(one)[0] == keys(two)[0]
    assert keys(one)[1] != keys(two)[1]


def test_a_file_that_is_listed_is_part_of_the_key(tmp_path):
    (tmp_path / "train.py").write_text("1")
    command = replace(COMMAND, folder=tmp_path, files=("train.py",))
    before = keys(replace(SWEEP, base=command))
    (tmp_path / "train.py").write_text("2")
    assert not set(before) & set(keys(replace(SWEEP, base=command)))
    with pytest.raises(InputError, match=r"files has 'lib/\*\.py', and there is no such file in"):
        replace(SWEEP, base=replace(command, files=("lib/*.py",))).runs()


def test_runs_come_seed_by_seed_and_the_baseline_is_dose_zero_or_stated():
    assert [(run.arm, run.seed) for run in SWEEP.runs()][:3] == [("noise=0", 0), ("noise=0.5", 0), ("noise=0", 1)]
    assert SWEEP.baseline == "noise=0"
    assert replace(SWEEP, baseline_dose=0.5).baseline == "noise=0.5"
    assert not any(run.paired for run in SWEEP.runs())


def test_studies_that_may_be_joined_have_one_identity():
    assert SWEEP.with_doses((0, 1)).identity == SWEEP.with_seeds(range(9)).identity == SWEEP.identity
    assert replace(SWEEP, base=replace(COMMAND, environment={"A": "1"})).identity != SWEEP.identity


def test_one_dose_and_one_seed_need_no_placeholder():
    assert len(CommandSweep(Command("t {out}"), vary="x", doses=(0,), seeds=(0,)).runs()) == 1
