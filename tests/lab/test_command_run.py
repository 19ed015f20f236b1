import errno
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, StoreError, TrainingError
from barnspider.lab import Store, read_study, run, train_missing
from barnspider.lab.command import slot as slot_room
from barnspider.lab.command import start as start_room
from barnspider.lab.command.outlook import outlook
from barnspider.lab.command.start import KEPT, append_to, last_lines, run_to_end
from barnspider.refine import Question, refine
from trainer import SCRIPT, STUDY, lay_out


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def study(folder, script=SCRIPT, text=STUDY, **changes):
    sweep = read_study(lay_out(folder, script, text))
    base = {name: changes.pop(name) for name in list(changes) if hasattr(sweep.base, name)}
    return replace(sweep, base=replace(sweep.base, **base), **changes)


def python(code: str, **changes):
    """Return changes of a study that start this code in place of the script."""
    code = code.replace("{", "{{").replace("}", "}}")
    return {"words": ("{python}", "-c", code, "{dose}", "{seed}", "{out}"), **changes}


def test_commands_are_started_checked_and_sealed_once(tmp_path, store):
    sweep = study(tmp_path)
    predictions = run(sweep, store)
    assert predictions.arms == ("noise=0", "noise=0.5")
    assert (predictions.dose[:2], predictions.seed[:3]) == ((0.0, 0.5), (0, 0, 1))
    assert (predictions.classes, predictions.on, predictions.paired) == (("cat", "cow", "dog"), "pets/test", False)
    assert predictions.p_label is not None
    assert set(np.unique(predictions.p_label)) == {0.25, 0.75}
    right = predictions.correct()
    cows = predictions.label == predictions.classes.index("cow")
    assert right[1::2][:, cows].mean() < right[::2][:, cows].mean() - 0.2
    (tmp_path / "train.py").write_text("raise SystemExit('not again')")
    assert train_missing(sweep, store).here == 0


def test_a_run_says_what_it_was_and_its_log_is_kept(tmp_path, store):
    sweep = study(tmp_path)
    train_missing(sweep, store)
    cell = sweep.runs()[1]
    document = store.document(cell.key)
    assert document["command"] == "{python} train.py --noise 0.5 --seed 0 --out {out}"
    assert (document["dose"], document["seed"], document["attempts"]) == (0.5, 0, 1)
    assert 0 < document["seconds"] < 60
    said = (store.root / "logs" / f"{cell.key}.txt").read_text()
    assert said.startswith(f"[attempt 1, in {tmp_path}]\n$ ")
    assert said.endswith("training with noise 0.5\n")
    assert not list((store.root / "building").iterdir())
    assert not list((store.root / "claims").iterdir())


def test_it_is_paired_where_the_study_says_so_and_nothing_is_run_again(tmp_path, store):
    sweep = study(tmp_path)
    assert not run(sweep, store).paired
    paired = replace(sweep, paired=True)
    assert train_missing(paired, store).here == 0
    assert run(paired, store).paired
    assert store.load(store.study().cells).paired


def test_a_run_without_probabilities(tmp_path, store):
    script = SCRIPT.replace(', "p_label"]', "]").replace(", 0.25 if wrong else 0.75]", "]")
    assert run(study(tmp_path, script), store).p_label is None


def test_validation_images_are_kept_too(tmp_path, store):
    script = (
        SCRIPT
        + "pathlib.Path(args.out).with_name('validation.csv').write_text('sample,label,prediction\\nv,cat,dog\\n')"
    )
    text = STUDY.replace("--out {out}", "--out {out} --other={out_validation}").replace("\nname", "\nname")
    script = script.replace(
        'parser.add_argument("--out")', 'parser.add_argument("--out"); parser.add_argument("--other")'
    )
    sweep = study(tmp_path, script, text)
    assert run(sweep, store, split="validation").sample.tolist() == ["v"]
    assert run(sweep, store).on == "pets/test"


FAILURES = {
    "no such program": (
        ("pyhton", "{dose}", "{seed}", "{out}"),
        "cannot be started: No such file or directory: pyhton",
    ),
    "exit code": (("sh", "-c", "echo why; exit 3", "{dose}{seed}{out}"), "ended with exit code 3"),
    "signal": (("sh", "-c", "kill -9 $$", "{dose}{seed}{out}"), "was ended by SIGKILL"),
    "no file": (("true", "{dose}{seed}{out}"), r"it left no file at \{out\}"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_command_that_fails_is_said_noted_and_tried_again_later(tmp_path, store, kind, capsys):
    words, message = FAILURES[kind]
    sweep = study(tmp_path, words=words)
    with pytest.raises(TrainingError, match=f"6 of 6 runs failed; the first: noise=0, seed 0: {message}"):
        train_missing(sweep, store)
    notes = store.failures()
    assert len(notes) == 6
    assert all(f"logs/{key}.txt" in note.reason for key, note in notes.items())
    said = capsys.readouterr().err
    assert said.count("failed: ") == 6
    if kind == "exit code":
        assert said.count("  | why\n") == 3, "the last lines of the first three"
        assert f"  in {tmp_path}: sh -c 'echo why; exit 3' 00" in said
        assert all("last line: why" in note.reason for note in notes.values())
    assert not list((store.root / "building").iterdir())
    assert not list((store.root / "claims").iterdir())
    assert train_missing(replace(study(tmp_path), name=sweep.name), store).here == 6
    assert outlook(sweep, store).failed[0].startswith("noise=0, seed 0: ")


def test_one_run_that_fails_does_not_stop_the_others(tmp_path, store, capsys):
    script = SCRIPT.replace('print("tr', 'if args.seed == 1 and args.noise: raise SystemExit("no luck")\nprint("tr')
    sweep = study(tmp_path, script)
    with pytest.raises(
        TrainingError, match=r"1 of 6 runs failed; the first: noise=0.5, seed 1: ended with exit code 1\."
    ):
        train_missing(sweep, store)
    assert [(r.arm, r.seed) for r in store.missing(sweep.runs())] == [("noise=0.5", 1)]
    assert "  | no luck" in capsys.readouterr().err
    (tmp_path / "train.py").write_text(SCRIPT)
    assert train_missing(sweep, store).here == 1
    assert store.failures() == {}


def test_it_is_tried_again_as_often_as_the_study_says(tmp_path, store, capsys):
    code = (
        "mark = pathlib.Path(f'tried-{args.noise}-{args.seed}')\nif not mark.exists():\n    mark.touch(); sys.exit(9)\n"
    )
    sweep = study(tmp_path, SCRIPT.replace('print("tr', code + 'print("tr'), retries=1)
    assert train_missing(sweep, store).here == 6
    said = capsys.readouterr().err
    assert said.count("again: ") == 6
    assert "noise=0, seed 0: ended with exit code 9; attempt 2 of 2 begins" in said
    assert {store.document(cell.key)["attempts"] for cell in sweep.runs()} == {2}
    with pytest.raises(TrainingError, match=r"ended with exit code 1 \(attempt 3 of 3\)"):
        train_missing(study(tmp_path, "raise SystemExit(1)", retries=2, doses=(0, 9)), store)


def test_a_command_that_takes_too_long_is_stopped_with_all_that_it_started(tmp_path, store):
    mark = tmp_path / "grandchild"
    script = f"sleep 1; touch {mark}"
    sweep = study(tmp_path, words=("sh", "-c", f"({script}) & sleep 60", "{dose}{seed}{out}"), timeout=0.3, doses=(0,))
    began = time.monotonic()
    with pytest.raises(TrainingError, match=r"noise=0, seed 0: was stopped after 0.3 s, its timeout"):
        train_missing(replace(sweep, seeds=(0,)), store)
    assert time.monotonic() - began < 30
    time.sleep(1.2)
    assert not mark.exists()


def test_what_a_command_left_and_was_refused_is_kept_until_it_does_better(tmp_path, store, capsys):
    bad = "mark = pathlib.Path('left'); mark.write_text(mark.read_text() + '.') if mark.exists() else mark.touch()\n"
    bad += "pathlib.Path(args.out + '.csv').open('a').write(f'odd{mark.read_text()}\\n')\n"
    sweep = study(tmp_path, SCRIPT + bad, doses=(0,), seeds=(0,), retries=1)
    with pytest.raises(TrainingError, match=r"'predictions.csv', line 62: the row has 1 field"):
        train_missing(sweep, store)
    kept = store.root / "logs" / sweep.runs()[0].key
    assert (kept / "predictions.csv").read_text().endswith("\nodd.\n"), "of the last attempt"
    assert [path.name for path in kept.iterdir()] == ["predictions.csv"]
    assert f"  what it left: {kept}\n" in capsys.readouterr().err
    assert store.failures()[kept.name].reason.endswith(
        f"; what it left: logs/{kept.name}; last line: training with noise 0.0"
    )
    (tmp_path / "train.py").write_text("raise SystemExit(1)")
    with pytest.raises(TrainingError, match="exit code 1"):
        train_missing(sweep, store)
    assert not kept.exists(), "the last attempt left nothing"
    (tmp_path / "train.py").write_text(SCRIPT + bad)
    with pytest.raises(TrainingError, match="line 62"):
        train_missing(sweep, store)
    (tmp_path / "train.py").write_text(SCRIPT)
    assert train_missing(sweep, store).here == 1
    assert not kept.exists()


def test_a_run_about_other_images_fails_and_says_the_difference(tmp_path, store):
    script = SCRIPT.replace("range(60)", "range(60 if args.seed == 0 else 59)")
    with pytest.raises(
        TrainingError, match=r"seed 1: it answers 59 test images, the runs before it 60; it lacks '59.png'"
    ):
        train_missing(study(tmp_path, script), store)
    assert len(store.failures()) == 4


def test_the_images_of_a_study_stay_what_its_first_run_said(tmp_path, store):
    train_missing(study(tmp_path), store)
    with pytest.raises(TrainingError, match=r"labels test image '0.png' 'dog', the runs before it 'cat' \(40 such"):
        train_missing(study(tmp_path, SCRIPT.replace('("cat", "dog"', '("dog", "cat"'), doses=(0, 0.25)), store)


def test_of_two_first_runs_one_decides(tmp_path, store):
    """Both end at the same time and are about different images."""
    script = SCRIPT.replace("range(60)", "range(60 + args.seed)") + "time.sleep(0.3)"
    with pytest.raises(TrainingError, match="1 of 2 runs failed"):
        train_missing(study(tmp_path, script, doses=(0,), seeds=(0, 1)), store, workers=2)
    assert len(store.load(store.study().cells).left_out) == 1


def test_side_by_side_up_to_the_limit(tmp_path, store):
    script = """
import pathlib, sys, time
mark = pathlib.Path("busy") / sys.argv[2]
mark.touch()
time.sleep(0.4)
seen = len(list(mark.parent.iterdir()))
mark.unlink()
pathlib.Path(sys.argv[3] + ".csv").write_text("sample,label,prediction\\na,cat,dog\\n")
pathlib.Path(f"seen-{sys.argv[2]}").write_text(str(seen))
"""
    (tmp_path / "busy").mkdir()
    sweep = study(tmp_path, **python(script), doses=(0,), seeds=tuple(range(6)), workers=3)
    train_missing(sweep, store)
    assert max(int((tmp_path / f"seen-{seed}").read_text()) for seed in range(6)) in (2, 3)
    train_missing(replace(sweep, seeds=(6, 7)), store, workers=1)
    assert {(tmp_path / f"seen-{seed}").read_text() for seed in (6, 7)} == {"1"}


def test_each_place_has_its_number_and_commands_their_environment(tmp_path, store, monkeypatch):
    monkeypatch.setenv("FROM_OUTSIDE", "seen")
    code = (
        "import os, pathlib, sys; pathlib.Path(sys.argv[3] + '.csv').write_text('sample,label,prediction\\na,x,x\\n');"
        "print(os.environ['GPU'], os.environ['FROM_OUTSIDE'], os.getcwd())"
    )
    sweep = study(tmp_path, **python(code, environment={"GPU": "{worker}"}), doses=(0,), workers=2)
    train_missing(sweep, store)
    ends = {last_lines(path, 1)[0] for path in (store.root / "logs").iterdir()}
    assert ends <= {f"0 seen {tmp_path}", f"1 seen {tmp_path}"}


def test_a_listed_file_that_changes_meanwhile_ends_the_study_at_once(tmp_path, store, capsys):
    sweep = study(tmp_path, SCRIPT + "pathlib.Path('train.py').write_text('2')", files=("train.py",), seeds=(0,))
    with pytest.raises(TrainingError, match=r"^'train.py', which the study lists, was changed while it ran"):
        train_missing(sweep, store)
    assert capsys.readouterr().err.count("train.py") == 0, "said once, by the error"
    assert len(list((store.root / "logs").iterdir())) == 1, "the second run was not begun"
    assert store.failures() == {}


def test_what_others_hold_is_left_to_them_and_waited_for(tmp_path, store):
    sweep = study(tmp_path, SCRIPT + "open('begun', 'a').write(f'{args.noise} {args.seed}\\n')")
    threads = [threading.Thread(target=train_missing, args=(sweep, Store(store.root))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun = (tmp_path / "begun").read_text().splitlines()
    assert len(begun) == len(set(begun)) == 6
    assert not store.missing(sweep.runs())


def test_a_store_that_cannot_be_written_stops_everything(tmp_path, store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(slot_room, "append_to", full)
    with pytest.raises(StoreError, match="No space left on device; free some space, then run the same again"):
        train_missing(study(tmp_path), store, workers=2)
    assert not list((store.root / "building").iterdir())
    assert not list((store.root / "claims").iterdir())
    assert store.failures() == {}


def test_our_own_workers_refuse_a_study_of_commands(tmp_path, store):
    from barnspider.lab.worker import work

    train_missing(study(tmp_path), store)
    with pytest.raises(InputError, match="is of a command"):
        work(store, "pets")


def test_a_device_is_the_commands_own_matter(tmp_path, store):
    with pytest.raises(InputError, match="a command chooses its own"):
        train_missing(study(tmp_path), store, device="cuda")


def test_images_that_are_damaged_are_said_and_mended_by_the_next_run(tmp_path, store):
    sweep = study(tmp_path)
    train_missing(sweep, store)
    path = next(store.root.glob("images/*/test.npz"))
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(StoreError, match="is damaged; remove the folder of one run"):
        train_missing(sweep, store)
    shutil.rmtree(next(store.root.glob("runs/*")))
    assert train_missing(sweep, store).here == 1
    assert path.read_bytes() == whole


def test_an_adaptive_study_of_commands(tmp_path, store):
    sweep = study(tmp_path, doses=(0, 0.1, 0.5, 0.9), seeds=tuple(range(6)))
    last = refine(sweep, store, Question(0.1, 24))
    assert not last.arms
    plan = store.study().sweep
    assert plan["refine"]["rounds"]
    assert plan["command"].startswith("{python} train.py")
    with pytest.raises(InputError, match="class='cat' is none of"):
        refine(replace(sweep, base=replace(sweep.base, classes=("dog", "cow"))), store, Question(0.1, 24, ("cat",)))


def test_the_outlook_shows_what_would_be_started(tmp_path, store):
    sweep = study(tmp_path, environment={"GPU": "{worker}"})
    said = str(outlook(sweep, store))
    assert "6 planned (3 seeds for each arm), 0 there, 6 missing" in said
    assert "  GPU={worker} {python} train.py --noise 0 --seed 0 --out {out}\n" in said
    assert "  and 3 more" in said
    assert "nobody knows how long it takes until one is there" in said
    assert "warning" not in said
    assert not store.root.exists()
    train_missing(replace(sweep, seeds=(0,)), store)
    later = outlook(sweep, store, workers=2)
    assert (later.there, later.missing) == (2, 4)
    assert "(mean of 2 runs there)" in str(later)
    assert "with 2 side by side" in str(later)
    lost = study(tmp_path, words=("pyhton", "{dose}{seed}{out}"))
    assert "warning    'pyhton' is no program that can be started here" in str(outlook(lost, store))


def to_end(words, folder, *, timeout=None, log="log"):
    return run_to_end(words, folder, {}, log=folder / log, timeout=timeout, unwanted=threading.Event())


def test_the_end_of_a_log_is_kept(tmp_path):
    log = tmp_path / "log"
    code = f"for n in range({KEPT // 4}): print('line', n)"
    ended = to_end((sys.executable, "-c", code), tmp_path)
    assert ended.why == ""
    assert KEPT / 2 < log.stat().st_size < 2 * KEPT + 2**17
    assert log.read_text().startswith("[the beginning was dropped]\nline ")
    assert last_lines(log, 2) == [f"line {KEPT // 4 - 2}", f"line {KEPT // 4 - 1}"]


def test_last_lines_are_those_that_say_something(tmp_path):
    append_to(tmp_path / "log", b"one\r\n\n  \n10%\r20%\rdone \n\xff\n")
    assert last_lines(tmp_path / "log", 3) == ["20%", "done", "\ufffd"]
    assert last_lines(tmp_path / "log", 9, after=len("one")) == ["10%", "20%", "done", "\ufffd"]
    assert last_lines(tmp_path / "nowhere", 3) == []


def test_a_log_that_cannot_be_written_is_an_error_and_the_command_ends(tmp_path):
    with pytest.raises(StoreError, match="cannot write"):
        to_end(("sh", "-c", "yes | head -100000"), tmp_path, timeout=60, log="no/log")


def test_a_command_that_ignores_requests_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(start_room, "PATIENCE", 0.3)
    words = ("sh", "-c", "trap '' TERM INT HUP; echo ready; while true; do sleep 0.1; done")
    ended = to_end(words, tmp_path, timeout=0.5)
    assert ended.why == "was stopped after 0.5 s, its timeout"
    assert ended.seconds < 20


def test_a_command_is_asked_before_it_is_killed(tmp_path):
    ended = to_end(("sh", "-c", "trap 'echo asked; exit 0' TERM; while true; do sleep 0.1; done"), tmp_path, timeout=1)
    assert ended.why == "was stopped after 1 s, its timeout"
    assert last_lines(tmp_path / "log", 1) == ["asked"]


def test_what_outlives_its_command_is_ended(tmp_path):
    ended = to_end(("sh", "-c", f"(sleep 1; touch {tmp_path}/late) & exit 0"), tmp_path, timeout=60)
    assert ended.why == ""
    time.sleep(1.3)
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize(
    ("words", "folder", "message"),
    [
        (("nothing", "x"), ".", "No such file or directory: nothing"),
        (("./text", "x"), ".", "Permission denied: ./text"),
        (("true", "x"), "nowhere", "No such file or directory: .*nowhere"),
        (("true", "x\0"), ".", "embedded null byte"),
    ],
)
def test_what_cannot_be_started(tmp_path, words, folder, message):
    (tmp_path / "text").write_text("hello")
    ended = run_to_end(words, tmp_path / folder, {}, log=tmp_path / "log", timeout=60, unwanted=threading.Event())
    assert re.match(f"cannot be started: .*{message}", ended.why)


def test_whoever_reads_the_store_needs_no_torch_nor_do_commands(tmp_path):
    lay_out(tmp_path)
    code = (
        "import sys\nfor name in ('torch', 'sklearn', 'PIL', 'safetensors'): sys.modules[name] = None\n"
        "from barnspider.cli import main\nsys.argv = ['barnspider', 'run', 'pets.toml']\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs trained now" in done.stderr
    assert json.loads(next((tmp_path / "runs").glob("studies/*/0001.json")).read_text())["cells"][0]["paired"] is False
