"""A real SLURM of two nodes, which loses one, and preempts, requeues and cancels: no step is taken twice."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alone import ALONE, no_network

DAEMONS = ("munged", "slurmctld", "slurmd")

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


def lacking() -> str:
    """Return what is not here that the tests need; "" when all is."""
    absent = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=PATH) is None]
    if absent:
        return f"there is no {absent[0]}; SLURM and munge are Debian's slurm-wlm and munge"
    if importlib.util.find_spec("submitit") is None:
        return "submitit is not installed"
    return no_network()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["mishaps", "submitit"])
def test_a_study_survives_what_slurm_does_to_its_jobs(tmp_path, scenario):
    if why := lacking():
        pytest.skip(why)
    command = [*ALONE, sys.executable, str(Path(__file__).with_name("slurm_nodes.py")), scenario, str(tmp_path)]
    environment = os.environ | {"PATH": PATH, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert not done.returncode, done.stdout + done.stderr
