"""Somebody else's trainer from the command line: what goes wrong is said, and the others go on."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from trainer import SCRIPT, STUDY, lay_out

EXAMPLES = Path(__file__).parents[2] / "studies" / "examples"


@pytest.fixture
def pets(tmp_path) -> Path:
    return lay_out(tmp_path)


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "barnspider", "run", "pets.toml", "--store", "runs", *args]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(what, patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sealed(folder: Path) -> int:
    return len(list((folder / "runs").glob("runs/*/seal")))


def answers(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("runs/runs/*/*.npz"))}


def test_plan_run_and_everything_downstream(barnspider, pets, tmp_path):
    planned = barnspider("plan", "pets.toml").stdout
    assert "6 planned (3 seeds for each arm), 0 there, 6 missing" in planned
    assert "{python} train.py --noise 0.5 --seed 0 --out {out}" in planned
    assert not (tmp_path / "runs").exists()
    ran = barnspider("run", "pets.toml")
    assert ran.stdout == ""
    assert "6 of 6 runs trained now, all 6 are in runs/" in ran.stderr
    assert "6 of 6, 0 s left" in ran.stderr
    assert "0 of 6 runs trained now" in barnspider("run", "pets.toml").stderr
    assert "(mean of 6 runs there)" in barnspider("plan", "pets.toml").stdout
    assert "6 done" in barnspider("status", "runs").stdout
    table = json.loads(barnspider("audit", "runs", "--json").stdout)
    assert table["baseline"] == "noise=0"
    cow = next(c for c in table["arms"][0]["classes"] if c["class"] == "cow")
    assert cow["effect"] < -0.2
    assert barnspider("gate", "runs", "--max-drop", "0.02", check=None).returncode in (1, 3)
    said = barnspider("report", "runs", "-o", "page.html").stderr
    assert said.count("note:") == 1
    assert "no example images: the study's runs were trained by a command" in said
    assert "train.py --noise {dose}" in (tmp_path / "page.html").read_text()
    barnspider("doses", "runs")


def test_more_doses_start_only_the_new_ones(barnspider, pets):
    barnspider("run", "pets.toml")
    pets.write_text(STUDY.replace("[0, 0.5]", "[0, 0.25, 0.5]"))
    assert "3 of 9 runs trained now" in barnspider("run", "pets.toml").stderr


def test_fewer_doses_or_seeds_than_before_are_said(barnspider, pets, tmp_path):
    pets.write_text(STUDY.replace("[0, 0.5]", "[0, 0.25, 0.5]"))
    assert "note:" not in barnspider("run", "pets.toml").stderr
    pets.write_text(STUDY.replace("seeds = 3", "seeds = 2"))
    note = (
        "note: 5 runs of earlier plans of this study are in the store and read, too:"
        " noise=0.25 (seeds 0, 1, 2), noise=0 (seed 2), noise=0.5 (seed 2)"
    )
    assert f"{note}; a new store holds only" in barnspider("run", "pets.toml").stderr
    pets.write_text(STUDY.replace("seeds = 3", "seeds = 2").replace("doses = [0,", "doses = [0, 0.75,"))
    (tmp_path / "train.py").write_text("raise SystemExit(1)")
    assert note in barnspider("run", "pets.toml", check=2).stderr, "also where runs have failed"
    for command in (["audit"], ["report", "--no-images"]):
        assert f"{note}\n" in barnspider(*command, "runs").stderr


def test_where_to_go_next_is_quoted_for_a_shell(barnspider, pets):
    said = barnspider("run", "pets.toml", "--store", "my 'runs'").stderr.rpartition("Next: barnspider audit ")[2]
    assert shlex.split(said) == ["my 'runs'"]


def test_a_store_may_hold_studies_of_both_kinds(barnspider, pets, tmp_path, small_store):
    shutil.copytree(small_store, tmp_path / "runs")
    barnspider("run", "pets.toml")
    assert "cow" in barnspider("audit", "runs", "--study", "pets").stdout
    assert "rotation=60" in barnspider("audit", "runs", "--study", "small").stdout


def test_a_wrong_command_is_said_and_the_exit_code_says_so(barnspider, pets):
    pets.write_text(STUDY.replace('"{python} train.py', '"pyhton train.py'))
    assert "warning    'pyhton' is no program that can be started here" in barnspider("plan", "pets.toml").stdout
    said = barnspider("run", "pets.toml", check=2).stderr
    why = "cannot be started: No such file or directory: pyhton"
    assert said.count("failed: ") == 6
    assert f"error: 6 of 6 runs failed; the first: noise=0, seed 0: {why}" in said
    assert why in barnspider("status", "runs").stdout


FAULTS = {
    1: ("print('oops'); sys.exit(3)", "ended with exit code 3"),
    2: ("pathlib.Path(args.out + '.csv').unlink()", "it left no file at {out}"),
    3: ("open(args.out + '.csv', 'a').write('60.png,cat\\n')", "'predictions.csv', line 62: the row has 2 fields; exp"),
    4: (
        "open(args.out + '.csv', 'a').write('60.png,cat,dog,0.5\\n')",
        "it answers 61 test images, the runs before it 60",
    ),
    5: (
        "open(args.out + '.csv', 'w').write(cows)",
        "it labels test image '0.png' 'cow', the runs before it 'cat' (40 such",
    ),
    6: ("time.sleep(60)", "was stopped after 5 s, its timeout"),
    7: ("print('\\x1b[31m[/red] \\u202e <img>'); os.kill(0, 9)", "was ended by SIGKILL"),
    8: ("sys.exit(not pathlib.Path('x').exists() and pathlib.Path('x').touch() is None)", ""),
}
"""What goes wrong in the run of noise 0.5 and this seed, and what is said of it; the last goes well the second time."""


def test_what_goes_wrong_is_said_of_its_cell_and_the_others_go_on(barnspider, pets, tmp_path):
    cows = "sample,label,prediction,p_label\n" + "".join(f"{n}.png,cow,cow,0.5\n" for n in range(60))
    faults = "".join(f"if args.seed == {seed} and args.noise: {code}\n" for seed, (code, _) in FAULTS.items())
    (tmp_path / "train.py").write_text(f"import os\ncows = {cows!r}\n{SCRIPT}{faults}")
    pets.write_text("timeout = 5\nretries = 1\n" + STUDY.replace("seeds = 3", "seeds = 9"))
    done = barnspider("run", "pets.toml", "--workers", "3", check=2)
    assert sealed(tmp_path) == 18 - 7
    assert "again: noise=0.5, seed 8: ended with exit code 1; attempt 2 of 2 begins" in done.stderr
    looked = barnspider("status", "runs").stdout
    left_out = barnspider("audit", "runs").stdout.partition("Left out: ")[2]
    assert "noise=0.5 seed 1 (failed: ended with exit code 3 (attempt 2 of 2); log: logs/" in left_out
    assert "11 done, 7 failed" in looked
    for seed, (_, why) in FAULTS.items():
        assert not why or f"failed: noise=0.5, seed {seed}: {why}" in done.stderr
        assert not why or why in looked
    assert "running: 11 done, 7 failed of 18, 0 s left" in done.stderr
    assert "error: 7 of 18 runs failed; the first: noise=0.5, seed " in done.stderr
    assert "  | oops\n" in done.stderr
    assert r"last line: \x1b[31m[/red] \u202e <img>" in looked
    for sign in ("\x1b", "\u202e"):
        assert sign not in done.stderr + looked
    (tmp_path / "train.py").write_text(SCRIPT)
    assert "7 of 18 runs trained now" in barnspider("run", "pets.toml").stderr
    assert "18 done" in barnspider("status", "runs").stdout


def test_a_mistake_in_the_study_file_is_said_before_anything_is_started(barnspider, pets, tmp_path):
    pets.write_text(STUDY.replace("--noise {dose}", "--noise {doze}"))
    for command in ("plan", "run"):
        said = barnspider(command, "pets.toml", check=2).stderr
        assert "'pets.toml': placeholder='doze' is unknown; expected one of: dose, seed" in said
    assert not (tmp_path / "runs").exists()


def test_options_that_are_for_our_own_trainings_are_refused(barnspider, pets):
    assert "a command chooses its own" in barnspider("run", "pets.toml", "--device", "cuda", check=2).stderr
    assert "is a study of a command" in barnspider("doctor", "pets.toml", check=2).stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    """The answers of a study that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lay_out(folder)
    process = start(folder)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return answers(folder)


def slow(folder: Path) -> None:
    """Let every run take a while, with a helper of its own, and say when it begins and that it is alive."""
    helper = "import time, pathlib\nwhile True: pathlib.Path('alive').touch(); time.sleep(0.05)"
    beginning = f"import subprocess\nsubprocess.Popen([sys.executable, '-c', {helper!r}])\n"
    (folder / "train.py").write_text(SCRIPT.replace('print("tr', beginning + 'time.sleep(0.5)\nprint("tr'))


def is_alive(folder: Path) -> bool:
    """Whether a helper of a command goes on working."""
    (folder / "alive").unlink(missing_ok=True)
    time.sleep(0.4)
    return (folder / "alive").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_us_ends_the_commands_too_and_the_same_command_goes_on(
    barnspider, pets, tmp_path, undisturbed, sign
):
    slow(tmp_path)
    process = start(tmp_path, "--workers", "2")
    wait_for(lambda: sealed(tmp_path) >= 1)
    wait_for((tmp_path / "alive").exists)
    os.killpg(process.pid, sign)
    _, said = process.communicate(timeout=60)
    if sign == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert "stopped; what was finished is kept" in said
    assert "Traceback" not in said
    wait_for(lambda: not is_alive(tmp_path))
    before = sealed(tmp_path)
    assert 1 <= before < 6
    (tmp_path / "train.py").write_text(SCRIPT)
    assert f"{6 - before} of 6 runs trained now" in barnspider("run", "pets.toml").stderr
    assert not list((tmp_path / "runs" / "building").iterdir())
    assert not list((tmp_path / "runs" / "claims").iterdir())
    assert set(answers(tmp_path).values()) == set(undisturbed.values()), "killed or not, the answers are the same"


def test_two_commands_on_one_store_share_the_work(pets, tmp_path):
    script = SCRIPT.replace(
        'print("tr', 'time.sleep(0.2)\nopen("begun", "a").write(f"{args.noise} {args.seed}\\n")\nprint("tr'
    )
    (tmp_path / "train.py").write_text(script)
    both = [start(tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    begun = (tmp_path / "begun").read_text().splitlines()
    assert len(begun) == len(set(begun)) == 6
    assert not list((tmp_path / "runs" / "set-aside").glob("*"))
    own = [int(re.search(r"(\d) of 6 runs trained now", text)[1]) for text in said]
    others = [int((re.search(r"now, (\d) by others meanwhile, all 6", text) or "00")[1]) for text in said]
    assert sum(own) == 6
    assert max(map(sum, zip(own, others, strict=True))) == 6, "whoever came first saw that all were missing"


def test_an_adaptive_study_of_commands(barnspider, pets):
    said = barnspider("run", "pets.toml", "--refine", "--margin", "0.1").stderr
    assert "over: " in said
    assert "note: An adaptive study" in barnspider("gate", "runs", "--max-drop", "0.1", check=None).stderr


def small(folder: Path, name: str, doses: str, seeds: int) -> None:
    """Lay out one of the examples with fewer runs."""
    text = (EXAMPLES / f"{name}.toml").read_text()
    lines = [
        f"doses = {doses}" if line.startswith("doses") else f"seeds = {seeds}" if line.startswith("seeds") else line
        for line in text.splitlines()
    ]
    (folder / f"{name}.toml").write_text("\n".join(lines))
    for script in EXAMPLES.glob("*.py"):
        (folder / script.name).write_bytes(script.read_bytes())


@pytest.mark.parametrize(
    ("name", "doses"),
    [("logistic", "[1, 30]"), pytest.param("plain-torch", "[0, 0.9]", marks=pytest.mark.slow), ("timm", "[0, 1]")],
)
def test_the_examples_run_to_a_report(barnspider, tmp_path, name, doses):
    if name == "timm" and find_spec("timm") is None:
        pytest.skip("timm is not installed")
    small(tmp_path, name, doses, seeds=2)
    assert "4 of 4 runs trained now" in barnspider("run", f"{name}.toml").stderr
    assert "10 classes, 899 images" in barnspider("audit", "runs").stdout
    barnspider("report", "runs")
