"""kill -9 at named points and at random moments: the table is the same to the last byte, and nothing is left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"
KILLS = int(os.environ.get("BARNSPIDER_KILLS", "10"))
"""One at each point; the long form is `BARNSPIDER_KILLS=50`."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_killed_again_and_again_a_study_gives_the_same_table():
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", str(KILLS)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *points, last = done.stdout.splitlines()
    found = re.fullmatch(r"(\d+) kills in (\d+) studies of 8 runs: \d+ trainings repeated, (\d+) of \2 tables .*", last)
    assert found, done.stdout
    assert int(found[1]) >= KILLS
    assert found[2] == found[3]
    assert not [line for line in points if line.split()[0] == "0"], "every point was met"
