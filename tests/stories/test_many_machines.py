"""Many commands make one study: each takes what is missing, gives way when asked, and the table is as if one had."""

import os
import signal
import subprocess
import sys
import time

import pytest

from barnspider.lab import Store, read_study
from trainer import STUDY, lay_out

SLOW = STUDY.replace("{out}", "{out} --seconds 60")


@pytest.fixture
def planned(tmp_path):
    """A study of commands, planned in a store, of which nothing is made."""
    sweep = read_study(lay_out(tmp_path))
    Store(tmp_path / "runs").plan(sweep.identity, sweep.runs(), sweep.as_dict())
    return sweep


def test_shares_together_are_the_study(barnspider, tmp_path):
    lay_out(tmp_path)
    said = [barnspider("run", "pets.toml", "--store", "shares", "--shard", f"{k}/2").stderr for k in (1, 2)]
    assert "shard 1/2: 3 of 6 runs, 1 or 2 of each arm, of 3 seeds" in said[0]
    assert "3 of 3 runs trained now, all 3 of shard 1/2 are in shares/. Next: barnspider status shares" in said[0]
    assert "3 of 3 runs trained now, all 3 of shard 2/2" in said[1]
    barnspider("run", "pets.toml", "--store", "whole")
    tables = [barnspider("audit", store, "--json").stdout for store in ("shares", "whole")]
    assert tables[0] == tables[1]


def test_workers_take_what_is_missing_until_nothing_is(barnspider, planned):
    said = barnspider("work", "runs", "--limit", "2").stderr
    assert f"{planned.identity}: 2 runs made now, 2 of 6 there, 4 missing\nNext: barnspider status runs" in said
    assert "status runs" in barnspider("work", "runs", "--for", "0").stderr
    said = barnspider("work", "runs", "--study", "pets", "--workers", "2").stderr
    assert f"{planned.identity}: 4 runs made now, 6 of 6 there\nNext: barnspider audit runs" in said
    assert "0 runs made now" in barnspider("work", "runs").stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["work", "nowhere"], "is no store"),
        (["work", "runs", "--study", "pest"], "study='pest' is unknown"),
        (["work", "runs", "--for", "nan"], "for=nan; expected minutes"),
        (["run", "pets.toml", "--store", "runs", "--shard", "3"], "shard='3'; expected which share of how many"),
        (["run", "pets.toml", "--store", "runs", "--shard", "1/2", "--refine"], "so it has no shares"),
    ],
)
def test_what_cannot_be_done_is_told(barnspider, planned, args, said):
    assert said in barnspider(*args, check=2).stderr


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGUSR1, 75), (signal.SIGTERM, 130)])
def test_asked_to_give_way_it_ends_what_it_does_gives_its_claim_back_and_says_so(tmp_path, sign, code):
    sweep = read_study(lay_out(tmp_path, study=SLOW))
    store = Store(tmp_path / "runs")
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    process = subprocess.Popen(
        [sys.executable, "-m", "barnspider", "work", "runs"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while not list(store.root.glob("logs/*.txt")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sign)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopped; what was finished is kept. Run the same command to go on." in said
    assert "Traceback" not in said
    assert not list(store.root.glob("claims/*")) + list(store.root.glob("building/*"))
