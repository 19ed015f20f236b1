"""A worker as a job of submitit: preempted in the middle of a training, requeued, and done to the same bits."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from barnspider.lab import Recipe, Store, Sweep, worker
from barnspider.lab.data import load
from barnspider.lab.images import describe

submitit = pytest.importorskip("submitit")

DOCS = Path(__file__).parents[2] / "docs" / "machines.md"

NETWORK = """
import pathlib, time
import torch

STEPS = pathlib.Path(__file__).with_name("steps")


class Net(torch.nn.Sequential):
    def forward(self, images):
        if self.training and len(images) == 32:  # a batch, and not a look at the network
            with STEPS.open("a") as steps:
                steps.write("step\\n")
            if not STEPS.with_name("quick").exists():
                time.sleep(0.1)
        return super().forward(images)


def build(shape, n_classes, width):
    return Net(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, n_classes))
"""


def planned(root: Path, sweep: Sweep) -> Store:
    store = Store(root)
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    describe(store, load("digits"))
    return store


def answers(store: Store) -> dict[str, bytes]:
    return {str(p.relative_to(store.root)): p.read_bytes() for p in sorted(store.root.glob("runs/*/*.npz"))}


def tasks_of(controller: int) -> list[int]:
    """Return the processes that submitit's own controller has started."""
    return [int(pid) for pid in Path(f"/proc/{controller}/task/{controller}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for a job's process in /proc")
def test_a_job_that_is_preempted_saves_its_state_is_requeued_and_ends_with_the_same_bits(tmp_path, monkeypatch):
    (tmp_path / "counting_net.py").write_text(NETWORK)
    (tmp_path / "jobs.py").write_text(re.search(r"```python\n(import signal.*?)```", DOCS.read_text(), re.DOTALL)[1])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    from jobs import Work

    base = Recipe("digits", network="counting_net:build", epochs=2, batch=32, train_images=320)
    sweep = Sweep(base, vary="rotation", doses=(0, 90), seeds=(0,))
    store = planned(tmp_path / "runs", sweep)
    executor = submitit.LocalExecutor(tmp_path / "submitit")
    executor.update_parameters(timeout_min=20)
    job = executor.submit(Work(str(store.root)))
    steps = tmp_path / "steps"
    while not steps.exists() or steps.read_text().count("step") < 3:
        assert job.state == "RUNNING", job.stderr()
        time.sleep(0.05)
    (task,) = tasks_of(job._process.pid)
    os.kill(task, signal.SIGUSR2)
    while not list(store.root.glob("checkpoints/*")):
        assert job.state == "RUNNING", job.stderr()
        time.sleep(0.01)
    (tmp_path / "quick").touch()
    job.result()
    assert "Requeued job" in job.stdout()
    assert steps.read_text().count("step") == 2 * 2 * 10, "no step was taken twice"
    assert not store.missing(sweep.runs())
    assert not list(store.root.glob("checkpoints/*")) + list(store.root.glob("claims/*"))
    undisturbed = planned(tmp_path / "undisturbed", sweep)
    worker.work(undisturbed, sweep.identity, load("digits"))
    assert answers(store) == answers(undisturbed)
