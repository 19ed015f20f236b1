"""Faults before every single touch of the disk: whatever makes, writes, renames or removes a file in a store.

The long form tries all of them, in many minutes: `python -m pytest tests/reliability/test_touches.py -m slow -s`.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import forked

AT_ONCE = {"claims.UNSIGNED": 0.0}
"""A claim that its owner had no time to sign is void at once: nobody else is there."""


class Child:
    """A process that goes on with the study in a store, as `barnspider run` does."""

    def __init__(self, zygote, study: Path, store: Path, fault: str | None, at: int, constants: dict[str, float]):
        self.log = store.parent / f"child-{next(zygote.numbers)}.log"
        order = {"store": str(store), "study": str(study), "log": str(self.log), "fault": fault, "at": at}
        self.zygote, self.pid = zygote, zygote.ask({**order, "set": constants})["pid"]

    def wait(self) -> int | None:
        """Return its exit code, or minus the signal that killed it; None when it has stopped."""
        status = self.zygote.ask({"wait": self.pid})["status"]
        assert "Traceback" not in self.log.read_text(), self.log.read_text()
        return status

    def said(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


class Zygote:
    """Makes such processes; see zygote.py."""

    def __init__(self, process: subprocess.Popen[str], study: Path) -> None:
        self.process, self.study, self.numbers = process, study, itertools.count()

    def ask(self, order: dict) -> dict:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, store: Path, fault: str | None = None, at: int = 1, **constants: float) -> Child:
        return Child(self, self.study, store, fault, at, AT_ONCE | constants)

    def finish(self, store: Path) -> Child:
        child = self.start(store)
        assert child.wait() == 0, child.log.read_text()
        return child


@pytest.fixture(scope="module")
def zygote(undisturbed, tmp_path_factory):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path_factory.mktemp("shared"))}
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Zygote(process, undisturbed.folder / "tiny.toml")
        process.stdin.close()


@pytest.fixture(scope="module")
def touches(zygote, tmp_path_factory) -> int:
    """How often the whole study touches the disk."""
    return zygote.finish(tmp_path_factory.mktemp("whole") / "runs").said()[-1]["touches"]


def table(store: Path) -> str:
    done = forked.run(["audit", str(store), "--json"], store)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_whole(store: Path, undisturbed: Path, at: object = "") -> None:
    """Assert that a store holds what an undisturbed one holds, and nothing else."""
    patterns = ("building/*", "claims/*", "checkpoints/*", "failed/*", "set-aside/*", "**/.writing-*")
    assert not [path for pattern in patterns for path in store.glob(pattern)], at
    bytes_of = [{str(p.relative_to(s)): p.read_bytes() for p in s.glob("runs/*/*.npz")} for s in (store, undisturbed)]
    assert bytes_of[0] == bytes_of[1], at


def sealed(store: Path) -> int:
    runs = list(store.glob("runs/*"))
    assert all((run / "seal").exists() for run in runs), "a torn run"
    return len(runs)


def kill_and_go_on(zygote: Zygote, store: Path, undisturbed: Path, at: int) -> None:
    """Kill a worker before its touch number `at`; a second one before a third of that; let a third one finish."""
    assert zygote.start(store, "kill", at).wait() == -signal.SIGKILL, at
    before = sealed(store)
    zygote.start(store, "kill", max(1, at // 3)).wait()
    assert sealed(store) >= before, at
    zygote.finish(store)
    check_whole(store, undisturbed, at)


def test_killed_before_some_touch(zygote, touches, tmp_path, undisturbed, expected):
    places = sorted(random.Random(1).sample(range(1, touches + 1), 2))
    for at in places:
        kill_and_go_on(zygote, tmp_path / f"at-{at}", undisturbed.store, at)
    assert table(tmp_path / f"at-{places[-1]}") == expected


@pytest.mark.slow
def test_killed_before_every_touch(zygote, touches, tmp_path, undisturbed, expected):
    for at in range(1, touches + 1):
        kill_and_go_on(zygote, tmp_path / f"at-{at}", undisturbed.store, at)
    assert {table(tmp_path / f"at-{at}") for at in range(1, touches, 10)} == {expected}
    print(f"\nkilled before each of {touches} touches, and once more")


def fill_and_go_on(zygote: Zygote, store: Path, undisturbed: Path, at: int, runs: int = 4) -> None:
    """Let the disk be full from a touch on; then go on with room."""
    child = zygote.start(store, "full", at)
    status, said = child.wait(), child.said()
    left = [path for pattern in ("building/*", "claims/*", "**/.writing-*") for path in store.glob(pattern)]
    assert not left, (at, left)
    if status:
        assert status == 2
        assert "No space left on device; free some space, then run the same again" in said[-1]["error"], at
    else:
        assert sealed(store) == runs, "nothing more was written"
    zygote.finish(store)
    check_whole(store, undisturbed, at)


def test_a_disk_that_is_full_from_some_touch_on(zygote, touches, tmp_path, undisturbed):
    for at in random.Random(2).sample(range(1, touches + 1), 4):
        fill_and_go_on(zygote, tmp_path / f"at-{at}", undisturbed.store, at)


@pytest.mark.slow
def test_a_disk_that_is_full_from_any_touch_on(zygote, touches, tmp_path, undisturbed):
    for at in range(1, touches + 1):
        fill_and_go_on(zygote, tmp_path / f"at-{at}", undisturbed.store, at)
    print(f"\nfull from each of {touches} touches on")


def pause_and_replace(zygote: Zygote, store: Path, undisturbed: Path, at: int, told: int = 4) -> None:
    """Stop a worker before a touch for longer than its lease, let another do all the work, and let the first go on."""
    lease = {"claims.LEASE": 0.3}
    paused = zygote.start(store, "stop", at, **lease)
    assert paused.wait() is None, "it has not stopped"
    time.sleep(0.4)
    other = zygote.start(store, **lease)
    assert other.wait() == 0, other.log.read_text()
    inodes = {path: path.stat().st_ino for path in store.glob("runs/*/seal")}
    os.kill(paused.pid, signal.SIGCONT)
    status = paused.wait()
    assert status == 0, (at, paused.log.read_text())
    assert {path: path.stat().st_ino for path in store.glob("runs/*/seal")} == inodes, at
    said = [said["event"] for child in (paused, other) for said in child.said()]
    assert said.count("sealed") == told, at
    check_whole(store, undisturbed, at)


def test_a_worker_that_is_paused_before_some_touch(zygote, touches, tmp_path, undisturbed):
    for at in random.Random(3).sample(range(30, touches + 1), 2):
        pause_and_replace(zygote, tmp_path / f"at-{at}", undisturbed.store, at)


@pytest.mark.slow
def test_a_worker_that_is_paused_before_any_touch(zygote, touches, tmp_path, undisturbed):
    for at in range(1, touches + 1):
        pause_and_replace(zygote, tmp_path / f"at-{at}", undisturbed.store, at)
    print(f"\npaused before each of {touches} touches")


STRANGER = """
retries = 1
command = ["sh", "-c", '''
tried=${{1%/building/*}}/tried-$2
rows='sample,label,prediction\\na,cat,cat\\nb,dog,cat\\nc,dog,dog\\n'
if [ $2 = 1 ] && ! [ -e $tried ]; then touch $tried; rows='sample,label\\n'; fi
printf "$rows" > $1.csv
''', "sh", "{out}", "{dose}"]
[sweep]
vary = "noise"
doses = [0, 1]
seeds = 1
"""
"""Two runs of a command; what it leaves the first time at dose 1 is refused and kept, and the second time is not."""


@dataclass(frozen=True)
class Stranger:
    """That study: who makes its runs, how often this touches the disk, and a store in which nobody disturbed it."""

    zygote: Zygote
    touches: int
    undisturbed: Path

    def some(self, count: int) -> list[int]:
        return sorted(random.Random(4).sample(range(1, self.touches + 1), count))


@pytest.fixture(scope="module")
def stranger(zygote, tmp_path_factory) -> Stranger:
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "stranger.toml").write_text(STRANGER)
    own = Zygote(zygote.process, folder / "stranger.toml")
    touches = own.finish(folder / "runs").said()[-1]["touches"]
    assert list(folder.glob("runs/tried-1"))
    return Stranger(own, touches, folder / "runs")


def disturb_commands(stranger: Stranger, folder: Path, fault: str, at: int) -> None:
    """Let this happen before a touch of the disk while commands are run; nothing is lost, and nothing is left."""
    store = folder / f"{fault}-{at}"
    if fault == "kill":
        kill_and_go_on(stranger.zygote, store, stranger.undisturbed, at)
    elif fault == "full":
        fill_and_go_on(stranger.zygote, store, stranger.undisturbed, at, runs=2)
    else:
        pause_and_replace(stranger.zygote, store, stranger.undisturbed, at, told=0)
    assert not [path for path in store.glob("logs/*") if path.suffix != ".txt"], (fault, at)


@pytest.mark.parametrize(("fault", "count"), [("kill", 6), ("full", 6), ("stop", 3)])
def test_a_fault_before_some_touch_while_commands_are_run(stranger, tmp_path, fault, count):
    for at in stranger.some(count):
        disturb_commands(stranger, tmp_path, fault, at)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill", "full", "stop"])
def test_a_fault_before_every_touch_while_commands_are_run(stranger, tmp_path, fault):
    for at in range(1, stranger.touches + 1):
        disturb_commands(stranger, tmp_path, fault, at)
    print(f"\n{fault} before each of {stranger.touches} touches")
