"""`python two_nodes.py SCENARIO FOLDER`: two nodes of a Ray cluster on loopback, one of which is lost in mid-study.

To be started where it is alone: with a network, and with processes, of its own. What it starts ends with it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from barnspider.lab.claims import holders

STUDY = """
name = "small"
[recipe]
dataset = "digits"
network = "mlp"
width = 32
epochs = {epochs}
train_images = 600
[sweep]
vary = "rotation"
doses = [0, 60]
seeds = {seeds}
"""
HEAD = "127.0.0.1:6379"
PATIENCE = 300.0
RAY = Path(sys.executable).with_name("ray")


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def commands() -> dict[int, tuple[int, str]]:
    """Every process: its parent, and its command line."""
    found: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found[int(folder.name)] = (parent, line)
    return found


def cpu_of(pid: int) -> float:
    """The seconds that a process has worked."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def raylets() -> dict[int, str]:
    return {pid: line for pid, (_, line) in commands().items() if "/raylet/raylet " in line}


def raylet_of(address: str) -> int:
    return next(pid for pid, line in raylets().items() if f"node_ip_address={address}" in line)


def trainers(raylet: int) -> list[int]:
    """The engine's own workers on a node: children of a worker of Ray's, which is a child of the raylet."""
    there = commands()
    rays = {pid for pid, (parent, _) in there.items() if parent == raylet}
    return [pid for pid, (parent, line) in there.items() if parent in rays and "barnspider.lab.worker" in line]


@contextmanager
def paused(address: str) -> Generator[None]:
    """Let a node's workers do nothing for a while, so that the study is not over before the other node is there."""
    until(lambda: trainers(raylet_of(address)), "nobody works")
    stopped = trainers(raylet_of(address))
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)


def lose(address: str) -> None:
    """Kill a node's raylet and its workers, as a machine does that loses its power; what they started is left."""
    raylet = raylet_of(address)
    for pid in [raylet, *(pid for pid, (parent, _) in commands().items() if parent == raylet)]:
        os.kill(pid, signal.SIGKILL)


class Study:
    """A small study in a folder, the nodes on which it is made, and what was said."""

    def __init__(self, folder: Path, epochs: int, seeds: int) -> None:
        self.folder, self.runs, self.planned = folder, folder / "kept" / "cluster" / "runs", 2 * seeds
        (folder / "kept").mkdir()
        (folder / "small.toml").write_text(STUDY.format(epochs=epochs, seeds=seeds))
        self.ray = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # names of sockets must be short
        self.said = folder / "said.txt"

    def head(self) -> None:
        start = [RAY, "start", "--head", "--node-ip-address=127.0.0.1", "--port=6379", "--include-dashboard=false"]
        self._start([*start, f"--temp-dir={self.ray}", *SMALL])

    def growing(self) -> None:
        """Start a head without a core, on which Ray's own pretence of a cloud brings up to two nodes by demand."""
        os.environ |= {"AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1", "RAY_TMPDIR": str(self.ray)}
        config = self.folder / "cloud.json"
        config.write_text(json.dumps(CLOUD))
        start = [RAY, "start", "--head", "--node-ip-address=127.0.0.1", "--port=6379", "--include-dashboard=false"]
        self._start([*start, f"--autoscaling-config={config}", *SMALL, "--num-cpus=0"])

    def status(self) -> str:
        """What Ray's autoscaler says."""
        done = subprocess.run([RAY, "status", f"--address={HEAD}"], capture_output=True, text=True, check=False)
        return done.stdout

    def second(self, hidden: Path | None = None) -> None:
        """Have a second node join, which does not see what is in a hidden folder."""
        start = [RAY, "start", f"--address={HEAD}", "--node-ip-address=127.0.0.2", *SMALL]
        hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hidden] if hidden else []
        self._start([*hide, *start])

    def _start(self, command: list[object]) -> None:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stdout + done.stderr

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the study on the cluster."""
        command = self._command("run", "small.toml", "--store", "kept/cluster", "--on", "ray", "--address", HEAD)
        with self.said.open("ab") as said:
            return subprocess.Popen(command, cwd=self.folder, stdout=said, stderr=said)

    def _command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "barnspider", *args]

    def is_sealed(self, count: int) -> bool:
        return len(list(self.runs.glob("*"))) >= count

    def claimed_by(self, pids: list[int]) -> set[str]:
        """The keys of the runs that some processes have claimed right now."""
        with suppress(OSError, ValueError):
            claims = self.runs.parent.glob("claims/*")
            return {claim.name for claim in claims if json.loads(claim.read_text())["pid"] in pids}
        return set()

    def well_begun(self, pid: int, address: str) -> str:
        """Wait until a node has worked for seconds on a run that a process has claimed; return its key."""
        begun: dict[str, float] = {}

        def worked() -> bool:
            cpu = sum(map(cpu_of, trainers(raylet_of(address))))
            there = {key: begun.get(key, cpu) for key in self.claimed_by([pid])}
            begun.clear()
            begun.update(there)
            return any(cpu > since + 3 for since in begun.values())

        until(worked, "nobody works for long")
        return next(iter(begun))

    def check_table(self) -> None:
        """The table is that of the same study on one machine, to the last byte."""
        plain = self._command("run", "small.toml", "--store", "plain", "--workers", "2")
        subprocess.run(plain, cwd=self.folder, check=True, stderr=subprocess.DEVNULL)
        tables = [
            subprocess.run(self._command("audit", store, "--json"), cwd=self.folder, check=True, capture_output=True)
            for store in ("kept/cluster", "plain")
        ]
        assert tables[0].stdout == tables[1].stdout
        assert len(list(self.runs.glob("*"))) == self.planned
        assert not holders(self.runs.parent)
        assert not list(self.runs.parent.glob("jobs/.writing-*"))

    def check_nobody_is_left(self) -> None:
        until(lambda: not any("barnspider.lab" in line for _, line in commands().values()), "a worker is left behind")


CLOUD = {
    "cluster_name": "pretended",
    "max_workers": 2,
    "idle_timeout_minutes": 0.05,
    "upscaling_speed": 1.0,
    "provider": {"type": "fake_multinode", "disable_node_updaters": True},
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "small": {"resources": {"CPU": 1, "object_store_memory": 10**8}, "node_config": {}, "max_workers": 2},
    },
    "head_node_type": "ray.head.default",
    "auth": {},
    **{name: {} for name in ("file_mounts", "docker")},
    **{
        f"{part}_commands": []
        for part in ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    },
    **{name: [] for name in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
    "file_mounts_sync_continuously": False,
}
SMALL = ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=100000000", "--disable-usage-stats"]


def seen(study: Study) -> str:
    """Both nodes see the store; one is killed while its worker makes a run."""
    study.head()
    study.second()
    driver = study.begin()
    until(lambda: study.is_sealed(1) or driver.poll() is not None, "nothing is sealed")
    with paused("127.0.0.1"):
        there = len(list(study.runs.glob("*")))
        until(lambda: study.is_sealed(there + 2), "the second node does nothing")
        until(lambda: study.claimed_by(trainers(raylet_of("127.0.0.2"))), "the second node has nothing to do")
        lose("127.0.0.2")
    assert driver.wait(PATIENCE) == 0, study.said.read_text()
    study.check_nobody_is_left()
    said = study.said.read_text()
    assert len(re.findall("is made again: its worker on node .*127.0.0.2", said)) == 1, said
    assert "does not see the store" not in said
    return said


def unseen(study: Study) -> str:
    """A node that does not see the store joins in mid-study, has sent a run back, and is killed while it makes one."""
    study.head()
    driver = study.begin()
    until(lambda: study.is_sealed(1) or driver.poll() is not None, "nothing is sealed")
    with paused("127.0.0.1"):
        study.second(hidden=study.folder / "kept")
        there = len(list(study.runs.glob("*")))
        until(lambda: study.is_sealed(there + 2), "nothing was sent")
        # What is made where the store is out of sight is claimed by the driver.
        until(lambda: study.claimed_by([driver.pid]), "the second node has nothing to do")
        lose("127.0.0.2")
    assert driver.wait(PATIENCE) == 0, study.said.read_text()
    study.check_nobody_is_left()
    said = study.said.read_text()
    assert "(127.0.0.2) does not see the store; its runs are sent back" in said, said
    assert len(re.findall("is made again: its worker on node .*127.0.0.2", said)) == 1, said
    return said


def stopped(study: Study) -> str:
    """Ctrl-C, then SIGUSR1; states come back from where the store is not seen; a plain command makes what is left."""
    study.head()
    study.second(hidden=study.folder / "kept")
    for sign, code, count in ((signal.SIGINT, 130, 1), (signal.SIGUSR1, 75, 3)):
        driver = study.begin()
        until(lambda c=count, d=driver: study.is_sealed(c) or d.poll() is not None, "nothing is sealed")
        key = study.well_begun(driver.pid, "127.0.0.2")
        driver.send_signal(sign)
        assert driver.wait(60) == code, study.said.read_text()
        study.check_nobody_is_left()
        assert not holders(study.runs.parent)
        assert (study.runs.parent / "checkpoints" / key).exists(), study.said.read_text()
    assert "starts again" not in study.said.read_text()
    rest = [sys.executable, "-m", "barnspider", "run", "small.toml", "--store", "kept/cluster"]
    subprocess.run(rest, cwd=study.folder, check=True, stderr=subprocess.DEVNULL)
    return study.said.read_text()


def grown(study: Study) -> str:
    """A cluster without a core grows by what the study needs, and is asked for nothing when that is stopped or made."""
    study.growing()
    for sign, code in ((signal.SIGINT, 130), (None, 0)):
        driver = study.begin()
        until(lambda: " from request_resources()" in study.status(), "nothing is asked for")
        until(lambda: len(raylets()) == 3, "it does not grow")
        if sign:
            until(lambda: study.is_sealed(1), "nothing is sealed")
            driver.send_signal(sign)
        assert driver.wait(PATIENCE) == code, study.said.read_text()
        until(lambda: "From request_resources:\n (none)" in study.status(), "something is asked for at the end")
        study.check_nobody_is_left()
    return study.said.read_text()


def main() -> None:
    scenario, folder = sys.argv[1:]
    socket.sethostname("nodes")  # claims, and what lies in temporary folders, are told apart by host and process
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    long = scenario == "stopped"
    study = Study(Path(folder), epochs=600 if long else 80, seeds=4 if long else 6)
    try:
        said = {"seen": seen, "unseen": unseen, "stopped": stopped, "grown": grown}[scenario](study)
        study.check_table()
        print(said)
    finally:
        shutil.rmtree(study.ray, ignore_errors=True)


if __name__ == "__main__":
    main()
