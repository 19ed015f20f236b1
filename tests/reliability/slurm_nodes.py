"""`python slurm_nodes.py SCENARIO FOLDER`: a real SLURM of two nodes on loopback, and all that it does to its jobs.

To be started where it is alone: with a network, with processes and a host name of its own. What it starts ends with it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from two_nodes import commands, until

from barnspider.lab.claims import holders

ADDRESS = "10.77.0.1"
"""Of the loopback device: SLURM looks addresses up, for which 127.0.0.1 is none."""

NODES = ("n1", "n2")

CONFIGURATION = """
ClusterName=small
SlurmctldHost=nodes({address})
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MailProg=/bin/true
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=nodes NodeAddr={address} Port=7818 CPUs=1
NodeName=n2 NodeHostname=nodes NodeAddr={address} Port=7819 CPUs=1
PartitionName=usual Nodes=n1,n2 Default=YES PriorityTier=1
PartitionName=urgent Nodes=n1,n2 PriorityTier=2 PreemptMode=OFF
"""

STUDY = """
name = "small"
[recipe]
dataset = "digits"
network = "slow_net:build"
epochs = 2
batch = 32
train_images = 320
[sweep]
vary = "rotation"
doses = [0, 60]
seeds = 6
"""
STEPS = 2 * 320 // 32
"""Steps of each run."""

NETWORK = """
import os, pathlib, time
import torch

FOLDER = pathlib.Path(__file__).parent


class Net(torch.nn.Sequential):
    def forward(self, images):
        if self.training and len(images) == 32:  # a batch, and not a look at the network
            with (FOLDER / "steps").open("a") as steps:
                steps.write(f"{os.getpid()}\\n")
            if not (FOLDER / "quick").exists():
                time.sleep(2.5)
        return super().forward(images)


def build(shape, n_classes, width):
    return Net(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, n_classes))
"""

SUBMIT = """
import submitit
from jobs import Work

executor = submitit.AutoExecutor("submitit", slurm_max_num_timeout=100)
executor.update_parameters(timeout_min=10, slurm_partition="usual")
with executor.batch():
    jobs = [executor.submit(Work("kept", "--no-wait")) for _ in range(2)]
print(jobs[0].job_id.partition("_")[0])
"""

SETTLED = 15.0
"""Seconds until the controller knows what runs on a node that has come back: a job that begins before is ended."""

DOCS = Path(__file__).parents[2] / "docs" / "machines.md"


def said_by(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert not done.returncode, (command, done.stdout + done.stderr)
    return done.stdout.strip()


class Slurm:
    """A controller and two nodes, the second of which has a host name of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "state").mkdir()
        (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, address=ADDRESS))
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        files = {"key-file": key, "socket": "munge.socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        said_by("munged", "--force", *(f"--{name}={folder / file}" for name, file in files.items()))
        said_by("slurmctld")
        self.start(*NODES)

    def start(self, *nodes: str) -> None:
        for node in nodes:
            said_by("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec slurmd -N "$0"', node)
        for node in nodes:
            until(lambda n=node: said_by("sinfo", "-h", "-n", n, "-o", "%t") == "idle", "a node does not come up")

    def tasks(self) -> dict[str, str]:
        """Return the state of each job and task of an array that is not over."""
        return dict(line.split() for line in said_by("squeue", "-h", "-r", "-o", "%i %T").splitlines())

    def again(self) -> None:
        """Let tasks that are requeued begin at once, and not in two minutes; wait until all work."""

        def all_run() -> bool:
            for task, state in (there := self.tasks()).items():
                if state == "PENDING":  # it may begin at this very moment, and scontrol would say so
                    now = ["scontrol", "update", f"JobId={task}", "StartTime=now"]
                    subprocess.run(now, check=False, capture_output=True)
            return set(there.values()) == {"RUNNING"}

        until(all_run, "a requeued job does not begin")

    def lose(self, node: str) -> None:
        """Kill all that a node runs, as when its machine loses its power."""
        there = commands()
        of_jobs = {pid for pid in there if f"SLURMD_NODENAME={node}" in variables(pid)}
        steps = {there[pid][0] for pid in of_jobs}
        daemon = {pid for pid, (_, line) in there.items() if f"slurmd -N {node}" in line}
        for pid in daemon | of_jobs | {pid for pid in steps if "slurmstepd" in there[pid][1]}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def variables(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return []


class Study:
    """A study whose every step is counted, and takes its time until it is told to be quick."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "kept"
        (folder / "small.toml").write_text(STUDY)
        (folder / "slow_net.py").write_text(NETWORK)
        (folder / "jobs.py").write_text(re.search(r"```python\n(import signal.*?)```", DOCS.read_text(), re.DOTALL)[1])
        os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        os.chdir(folder)

    def say(self, *words: str) -> str:
        return said_by(sys.executable, "-m", "barnspider", *words)

    def sealed(self) -> int:
        return len(list(self.store.glob("runs/*")))

    def claims(self) -> dict[str, dict[str, object]]:
        """What is in each claim, by the key of its run."""
        with suppress(OSError, ValueError):
            return {path.name: json.loads(path.read_text()) for path in self.store.glob("claims/*")}
        return {}

    def hosts(self) -> set[object]:
        return {claim["host"] for claim in self.claims().values()}

    def steps(self) -> Counter[int]:
        """How many steps each process has taken."""
        with suppress(OSError):
            return Counter(map(int, Path("steps").read_text().split()))
        return Counter()

    def both_work(self) -> None:
        until(lambda: self.hosts() == set(NODES), "not both nodes work")
        before = self.steps()
        until(lambda: len(self.steps() - before) == 2, "not both nodes take steps")

    def all_saved(self, what: str) -> None:
        until(lambda: not self.claims(), f"{what}: claims are not given back")
        assert len(list(self.store.glob("checkpoints/*"))) >= 1, f"{what}: no state is saved"

    def finish(self, slurm: Slurm) -> None:
        """Let all that is left be made, quickly; the table is that of the same study on one machine."""
        Path("quick").touch()
        until(lambda: not slurm.tasks(), "the jobs do not end")
        assert self.sealed() == 12, f"{self.sealed()} runs are sealed"
        assert not holders(self.store)
        assert not list(self.store.glob("checkpoints/*"))
        taken = self.steps().total()
        assert taken == 12 * STEPS + self.lost, "steps were taken twice"
        self.say("run", "small.toml", "--store", "plain")
        assert self.say("audit", "kept", "--json") == self.say("audit", "plain", "--json")

    lost = 0
    """Steps that a node took with it."""


def mishaps(slurm: Slurm, study: Study) -> None:
    """A node is lost, both jobs must make room for an urgent one, their time is over, and one is cancelled."""
    said = study.say("run", "small.toml", "--store", "kept", "--on", "slurm", "--jobs", "2", "--time", "4", "--submit")
    job = said.split()[0]
    study.both_work()

    (worker,) = {claim["pid"] for claim in study.claims().values() if claim["host"] == "n2"}
    slurm.lose("n2")
    study.lost = study.steps()[int(str(worker))] % STEPS
    until(lambda: "PENDING" in slurm.tasks().values(), "the lost task is not requeued")
    slurm.start("n2")
    time.sleep(SETTLED)
    slurm.again()
    study.both_work()

    urgent = said_by("sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--wrap=sleep 1")
    until(lambda: slurm.tasks().get(urgent, "RUNNING") != "PENDING", "nobody makes room")
    study.all_saved("an urgent job")
    until(lambda: urgent not in slurm.tasks(), "the urgent job does not end")
    slurm.again()
    study.both_work()

    until(lambda: not study.claims(), "no time is over")
    study.all_saved("time is over")
    slurm.again()
    study.both_work()

    said_by("scancel", f"{job}_0")
    until(lambda: len(slurm.tasks()) == 1, "it cannot be cancelled")
    (script,) = study.store.glob(
        "jobs/*.sh"
    )  # again, beside the job that runs, which does not wait for what is given back
    said_by("sbatch", script)
    study.finish(slurm)


def with_submitit(slurm: Slurm, study: Study) -> None:
    """Jobs of submitit, by the code in the docs, one of them told that its time is over."""
    study.say("run", "small.toml", "--store", "kept", "--on", "slurm")
    job = said_by(sys.executable, "-c", SUBMIT)
    study.both_work()
    said_by("scancel", "--signal=USR2", f"{job}_0")
    until(lambda: len(study.claims()) == 1, "its claim is not given back")
    until(lambda: "PENDING" in slurm.tasks().values(), "it is not requeued")
    slurm.again()
    study.both_work()
    study.finish(slurm)


def main() -> None:
    scenario, folder = sys.argv[1:]
    socket.sethostname("nodes")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    study = Study(Path(folder))
    {"mishaps": mishaps, "submitit": with_submitit}[scenario](Slurm(Path(folder) / "slurm"), study)


if __name__ == "__main__":
    main()
