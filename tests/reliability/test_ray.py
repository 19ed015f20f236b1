"""Two real nodes of a Ray cluster, one of them killed in mid-study: nothing is lost, and the table is the same."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alone import ALONE, no_network


def lacking() -> str:
    """Return what is not here that the tests need; "" when all is."""
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed"
    return no_network()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["seen", "unseen", "stopped", "grown"])
def test_a_study_survives_its_nodes(tmp_path, scenario):
    if why := lacking():
        pytest.skip(why)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0a" * 32, "OMP_NUM_THREADS": "1"}
    (tmp_path / "tmp").mkdir()
    token |= {"TMPDIR": str(tmp_path / "tmp")}
    command = [*ALONE, sys.executable, str(Path(__file__).with_name("two_nodes.py")), scenario, str(tmp_path)]
    done = subprocess.run(command, env=os.environ | token, capture_output=True, text=True, check=False, timeout=900)
    assert not done.returncode, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
