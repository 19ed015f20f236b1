"""The composite GitHub Action, as far as it runs without the service: its steps, in bash, with files of their own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import barnspider as barn

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, JUDGE = ACTION["runs"]["steps"]
WORKFLOW = yaml.safe_load(re.search(r"```yaml\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)[1])


@pytest.fixture
def act(tmp_path):
    """Run a step of the action with these inputs, as a runner would; returns the finished process and its outputs."""
    work = tmp_path / "work dir"
    bin_ = tmp_path / "temp dir" / "barnspider" / "bin"
    bin_.mkdir(parents=True)
    work.mkdir()
    (bin_ / "python").symlink_to(sys.executable)
    (bin_ / "barnspider").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m barnspider "$@"\n')
    (bin_ / "barnspider").chmod(0o755)

    def run(step, **inputs):
        given = {name: about.get("default", "") for name, about in ACTION["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        env = {name: expanded(value, given) for name, value in step["env"].items()}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            (tmp_path / name).write_text("")
            env[name] = str(tmp_path / name)
        env["RUNNER_TEMP"] = str(tmp_path / "temp dir")
        # As the runner does: bash --noprofile --norc -eo pipefail FILE
        (tmp_path / "step.sh").write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", tmp_path / "step.sh"],
            cwd=work, env=dict(os.environ) | env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
        return done, dict(line.split("=", 1) for line in lines)

    run.work, run.summary, run.command = work, tmp_path / "GITHUB_STEP_SUMMARY", bin_ / "barnspider"
    return run


def expanded(value, given):
    """Return what the service puts in the place of an expression."""
    name = re.fullmatch(r"\$\{\{ (?:inputs\.([\w-]+)|github\.action_path) \}\}", value)
    assert name, f"{value}: only whole inputs are passed on"
    return str(ROOT) if name[1] is None else given[name[1]]


def write(folder, name, lost=0, n=2000, classes=("cat", "dog")):
    label = np.tile([0, 1], n)
    guess = np.where((label == 1) & (np.arange(2 * n) % 100 < lost), 0, label)
    barn.write_table(barn.Predictions.from_arrays(label, {name: [guess] * 2}, classes=classes), folder / f"{name}.csv")


def test_no_input_is_part_of_a_script():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"], "expressions in scripts are how names of branches and files are made to run"
        assert step["shell"] == "bash"
    used = {
        re.search(r"inputs\.([\w-]+)", v)[1]
        for s in ACTION["runs"]["steps"]
        for v in s["env"].values()
        if "inputs" in v
    }
    assert used == set(ACTION["inputs"])
    assert all(about["description"] for about in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))


def test_a_change_that_passes(act):
    write(act.work, "base")
    write(act.work, "new")
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", junit="gate.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS. Of 2 classes" in done.stdout
    assert (outputs["verdict"], outputs["exit-code"]) == ("pass", "0")
    assert json.loads(Path(outputs["json"]).read_text())["status"] == "pass"
    assert Path(outputs["markdown"]).read_text() == act.summary.read_text()
    assert act.summary.read_text().startswith("### ✅ Pass")
    assert (act.work / "gate.xml").is_file()


def test_a_change_that_harms_one_of_several_candidates(act):
    for name, lost in (("base", 0), ("new", 0), ("other one", 20)):
        write(act.work, name, lost)
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv\nother one.csv\n\n", max_drop="0.05")
    assert (done.returncode, outputs["verdict"], outputs["exit-code"]) == (1, "fail", "1")
    assert "other one, dog: lost more than 5.0 points" in done.stdout
    assert "❌ Fail" in act.summary.read_text()


@pytest.mark.parametrize(("treated", "code"), [("", 3), ("pass", 0), ("fail", 1)])
def test_a_change_that_cannot_be_told(act, treated, code):
    write(act.work, "base", n=20)
    write(act.work, "new", n=20)
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", inconclusive=treated)
    assert (done.returncode, outputs["verdict"], outputs["exit-code"]) == (code, "inconclusive", str(code))


def test_rules_and_flags_are_passed_on(act):
    write(act.work, "base")
    write(act.work, "new", lost=20)
    (act.work / "gate rules.toml").write_text(
        "[max_drop]\ndog = 0.5\n[[allow]]\nclass = 'cat'\nreason = 'x'\nexpires = 'never'\n"
    )
    rules = {"budgets": "gate rules.toml", "allow": "gate rules.toml"}
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", level="0.9", paired="true", **rules)
    assert done.returncode == 0, done.stdout
    document = json.loads(Path(outputs["json"]).read_text())
    assert (document["level"], document["budgets"], len(document["unused"])) == (0.9, {"dog": 0.5}, 1)
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", relative="true")
    assert json.loads(Path(outputs["json"]).read_text())["relative"] is True
    assert done.returncode == 1


def test_label_sets_and_groups_are_passed_on(act):
    write(act.work, "base")
    write(act.work, "new", lost=20)
    (act.work / "right too.json").write_text(json.dumps([["cat"], ["cat", "dog"]] * 2000))
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", label_sets="right too.json")
    assert done.returncode == 0, done.stdout
    assert json.loads(Path(outputs["json"]).read_text())["labels"] == "sets"
    (act.work / "kinds of pets.toml").write_text('pet = ["cat", "dog"]\n')
    done, outputs = act(JUDGE, base="base.csv", candidate="new.csv", by="kinds of pets.toml")
    assert done.returncode == 1
    assert "candidate, pet: lost more" in done.stdout or "new, pet: lost more" in done.stdout
    assert json.loads(Path(outputs["json"]).read_text())["by"] == "kinds of pets.toml"
    assert "| arm | group |" in act.summary.read_text()


def test_one_file_with_all_arms(act):
    label = np.tile([0, 1], 2000)
    made = barn.Predictions.from_arrays(label, {"a": [label] * 2, "b": [label] * 2}, classes=["cat", "dog"])
    barn.write_table(made, act.work / "all.parquet")
    done, outputs = act(JUDGE, base="all.parquet", baseline="a")
    assert (done.returncode, outputs["verdict"]) == (0, "pass")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"candidate": "none.csv"}, "'none.csv' does not exist"),
        ({"candidate": "base.csv", "max_drop": "2%"}, "max_drop='2%25'; expected a proportion"),
        ({"candidate": "base.csv", "max_drop": ""}, "max_drop=''; expected a proportion from 0, below 1 (0.02 is two"),
        ({"candidate": "base.csv", "max_drop": "2"}, "max_drop=2.0; expected a proportion"),
        ({"candidate": "base.csv", "relative": "yes"}, "the input relative=yes; expected true or false"),
        ({"candidate": "base.csv", "inconclusive": "maybe"}, "'maybe' is not one of"),
    ],
)
def test_mistakes_are_no_verdict(act, inputs, said):
    write(act.work, "base")
    done, outputs = act(JUDGE, base="base.csv", **inputs)
    assert (done.returncode, outputs) == (2, {"exit-code": "2"})
    assert said in done.stdout + done.stderr
    annotated = [line for line in done.stdout.splitlines() if line.startswith("::error::")]
    assert len(annotated) == 1
    assert said.split(" and ")[0] in annotated[0]
    assert act.summary.read_text().startswith("### No verdict from the gate\n\n    ")
    assert said.replace("%25", "%") in act.summary.read_text()


def test_blanks_around_names_and_capitals_of_flags_do_not_matter(act):
    write(act.work, "base")
    write(act.work, "new")
    done, outputs = act(JUDGE, base="base.csv", candidate="  new.csv \r\n\t\r\n", relative="True")
    assert done.returncode == 0, done.stdout
    assert json.loads(Path(outputs["json"]).read_text())["relative"] is True


EVIL = "$(touch hit)`touch hit`; touch hit '$(touch hit)' \\"
OPTIONS = {
    "max-drop", "level", "generalize-to", "samples", "baseline", "budgets", "allow", "inconclusive", "junit",
    "label-sets", "by",
}  # fmt: skip


def test_inputs_reach_the_command_as_they_are(act):
    """In the place of barnspider stands what writes down its arguments."""
    log = act.work / "arguments"
    act.command.write_text(f"#!/bin/bash\nprintf '%s\\0' \"$@\" > '{log}'\nexit 2\n")
    files = [EVIL, "--help", "-x", "a b.csv"]
    done, outputs = act(JUDGE, base="--json", candidate="\n".join(files), **dict.fromkeys(OPTIONS, EVIL))
    assert (done.returncode, outputs) == (2, {"exit-code": "2"})
    command, *given = log.read_text().removesuffix("\0").split("\0")
    assert command == "gate"
    place = given.index("--")
    assert given[place + 1 :] == ["--json", *files]
    told = dict(option.removeprefix("--").split("=", 1) for option in given[:place])
    assert {name: told[name] for name in OPTIONS} == dict.fromkeys(OPTIONS, EVIL)
    assert set(told) == OPTIONS | {"json-file", "summary"}
    for flag in ("relative", "paired"):
        assert act(JUDGE, base="a", candidate="b", **{flag: EVIL})[0].returncode == 2
    assert not list(act.work.glob("hit*"))


def test_names_of_classes_are_no_commands_to_the_runner(act):
    names = ("::set-env name=X::y", "##[add-mask]dog")
    write(act.work, "base", classes=names)
    write(act.work, "new", lost=50, classes=names)
    done, _ = act(JUDGE, base="base.csv", candidate="new.csv")
    lines = done.stdout.splitlines()
    stop = next(line for line in lines if line.startswith("::stop-commands::"))
    start, end = lines.index(stop), lines.index(f"::{stop.removeprefix('::stop-commands::')}::")
    assert len(stop) == len("::stop-commands::") + 32
    assert all("add-mask" not in line for line in lines[:start] + lines[end:])
    assert any("add-mask" in line for line in lines[start:end])
    assert act(JUDGE, base="base.csv", candidate="new.csv")[0].stdout.splitlines()[start] != stop


FAKE = """#!/bin/bash
printf '%s|' "$@" >> "$LOG"; echo >> "$LOG"
if [ "$1" = -c ]; then exit "$OLD"; fi
if [ "$2" = venv ]; then mkdir -p "$3/bin"; rm -f "$3/bin/python"; cp "$0" "$3/bin/python"; fi
"""


@pytest.mark.parametrize("old", [0, 1])
def test_it_installs_from_its_own_checkout(act, tmp_path, monkeypatch, old):
    """The interpreter is a stand-in that writes down what it is asked; a real installation needs a network."""
    fake = tmp_path / "python of mine"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("OLD", str(old))
    done, _ = act(INSTALL, python=str(fake))
    asked = (tmp_path / "log").read_text().splitlines()[1:]
    if old:
        assert (done.returncode, asked) == (2, [])
        assert "needs Python 3.11 or newer" in done.stdout
        return
    assert done.returncode == 0, done.stderr
    venv, pip = asked
    assert venv == f"-m|venv|{tmp_path}/temp dir/barnspider|"
    assert pip.startswith("-m|pip|install|")
    assert pip.endswith(f"|--constraint|{ROOT}/constraints.txt|{ROOT}|")


def test_the_documented_workflow_uses_what_there_is():
    steps = WORKFLOW["jobs"]["gate"]["steps"]
    ours = next(step for step in steps if "barnspider" in step.get("uses", ""))
    assert set(ours["with"]) <= set(ACTION["inputs"])
    assert all(ours["with"].get(name) for name, about in ACTION["inputs"].items() if about.get("required"))
    outputs = set(re.findall(r"steps\.gate\.outputs\.([\w-]+)", str(steps)))
    assert outputs
    assert outputs <= set(ACTION["outputs"])
    assert all("${{" not in step.get("run", "") for step in steps)
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}
    for step in steps:
        script = step.get("run", "true")
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    documented = (ROOT / "docs/ci.md").read_text()
    assert all(f"`{name}`" in documented for name in (*ACTION["inputs"], *ACTION["outputs"]))
