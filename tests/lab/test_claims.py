import errno
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from barnspider import StoreError
from barnspider.files import owner, process_space
from barnspider.lab.claims import LEASE, LostClaim, claimed, clear_abandoned, clear_shared


@pytest.fixture
def root(tmp_path):
    (tmp_path / "claims").mkdir()
    return tmp_path


def test_a_claim_excludes_others_and_is_given_back(root):
    with claimed(root, "k") as mine, claimed(root, "k") as second:
        assert (mine is not None, second) == (True, None)
    assert not list((root / "claims").iterdir())
    with claimed(root, "k") as again:
        assert again


def test_a_claim_is_given_back_when_the_work_fails(root):
    with pytest.raises(RuntimeError), claimed(root, "k"):
        raise RuntimeError
    assert not list((root / "claims").iterdir())


def leave(root, *, host, pid, age=0.0, **more):
    path = root / "claims" / "k"
    path.write_text(json.dumps({"host": host, "pid": pid, **more}))
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_claim_of_a_dead_process_is_void(root):
    leave(root, host=socket.gethostname(), pid=dead_pid())
    with claimed(root, "k") as mine:
        assert mine


def test_a_process_of_another_container_with_our_host_name_may_be_alive(root):
    number = dead_pid()
    leave(root, host=socket.gethostname(), pid=number, space="1")
    with claimed(root, "k") as mine:
        assert not mine
    leave(root, host=socket.gethostname(), pid=number, space=process_space())
    with claimed(root, "k") as mine:
        assert mine
        signed = json.loads((root / "claims" / "k").read_text())
        assert (signed["pid"], signed["space"]) == (os.getpid(), process_space())
    leave(root, host=socket.gethostname(), pid=number, space="1", age=LEASE + 5)
    with claimed(root, "k") as mine:
        assert mine


def test_a_living_owner_keeps_its_claim(root):
    leave(root, host=socket.gethostname(), pid=os.getpid())
    with claimed(root, "k") as mine:
        assert not mine
    assert (root / "claims" / "k").exists()


def test_an_owner_elsewhere_keeps_its_claim_for_the_lease(root):
    leave(root, host="elsewhere", pid=1, age=LEASE / 2)
    with claimed(root, "k") as mine:
        assert not mine
    leave(root, host="elsewhere", pid=1, age=LEASE + 5)
    with claimed(root, "k") as mine:
        assert mine


def test_of_many_that_take_over_at_most_one_succeeds_at_a_time(root):
    leave(root, host="elsewhere", pid=1, age=LEASE + 5)
    holders, most = [], []

    def take(_):
        with claimed(root, "k") as mine:
            if mine:
                holders.append(1)
                most.append(len(holders))
                holders.pop()
            return mine is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(64))) >= 1
    assert max(most) == 1
    assert not list((root / "claims").iterdir())


def test_half_built_runs_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path):
    here = socket.gethostname()
    names = {f"k-{here}-{dead_pid()}-aa": False, f"k-{here}-{os.getpid()}-bb": True, "k-else-where-1-cc": True}
    for name in names:
        (tmp_path / "building" / name).mkdir(parents=True)
        (tmp_path / "building" / name / "test.npz").write_text("half")
    clear_abandoned(tmp_path)
    assert {name: (tmp_path / "building" / name).exists() for name in names} == names
    os.utime(tmp_path / "building" / "k-else-where-1-cc", (0, 0))
    clear_abandoned(tmp_path)
    assert not (tmp_path / "building" / "k-else-where-1-cc").exists()


def test_claims_of_the_dead_are_removed_and_those_of_the_living_kept(root):
    leave(root, host=socket.gethostname(), pid=os.getpid())
    clear_abandoned(root)
    assert (root / "claims" / "k").exists()
    leave(root, host=socket.gethostname(), pid=dead_pid())
    clear_abandoned(root)
    assert not list((root / "claims").iterdir())


def test_a_process_that_only_waits_for_its_parent_is_dead(root):
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet noticed: a zombie
    leave(root, host=socket.gethostname(), pid=process.pid)
    with claimed(root, "k") as mine:
        assert mine
    process.wait()


def test_a_claim_that_was_never_signed_is_soon_void(root):
    path = root / "claims" / "k"
    path.touch()
    with claimed(root, "k") as mine:
        assert not mine
    os.utime(path, (0, 0))
    with claimed(root, "k") as mine:
        assert mine


def test_checkpoints_of_sealed_runs_are_removed_and_others_stay(tmp_path):
    for name in ("sealed", "open"):
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / name).write_bytes(b"")
    (tmp_path / "runs" / "sealed").mkdir(parents=True)
    clear_abandoned(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["open"]


@pytest.mark.parametrize("content", [b'{"host": "h"', b"[]", b"7", b'{"host": "h", "pid": "x"}', b"\xff\xfe"])
def test_a_damaged_claim_is_void_after_the_lease_and_not_before(root, content):
    path = root / "claims" / "k"
    path.write_bytes(content)
    with claimed(root, "k") as mine:
        assert not mine
    os.utime(path, (0, 0))
    with claimed(root, "k") as mine:
        assert mine


def test_who_was_paused_and_taken_over_leaves_the_others_claim_alone(root):
    path = root / "claims" / "k"
    with claimed(root, "k") as mine:
        assert mine
        leave(root, host="elsewhere", pid=1)
    assert json.loads(path.read_text())["host"] == "elsewhere"


def test_the_heart_notices_that_a_claim_is_anothers_and_nothing_may_be_written(root, monkeypatch):
    monkeypatch.setattr("barnspider.lab.claims.LEASE", 0.06)
    with claimed(root, "k") as claim:
        claim.look()
        leave(root, host="elsewhere", pid=1)
        while not claim.lost:
            time.sleep(0.005)
        for ask in (claim.look, claim.look_if_late, claim.beat):
            with pytest.raises(LostClaim):
                ask()
    assert "elsewhere" in (root / "claims" / "k").read_text()


def test_after_a_pause_the_disk_is_asked_and_before_it_is_not(root, monkeypatch):
    with claimed(root, "k") as claim:
        leave(root, host="elsewhere", pid=1)
        claim.look_if_late()
        claim.seen -= LEASE + 1
        with pytest.raises(LostClaim):
            claim.look_if_late()


def test_a_disk_that_does_not_answer_is_an_error_and_no_lost_claim(root, monkeypatch):
    with claimed(root, "k") as claim:
        with monkeypatch.context() as patch:
            patch.setattr("barnspider.lab.claims._read", raise_stale)
            with pytest.raises(StoreError, match="Stale file handle"):
                claim.look()
        claim.look()


def raise_stale(_):
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def test_a_claim_that_cannot_be_written_is_an_error_and_leaves_nothing(root, monkeypatch):
    (root / "claims").rmdir()
    with pytest.raises(StoreError, match="cannot write"), claimed(root, "k"):
        pass


def test_half_written_files_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path):
    folders = [tmp_path, tmp_path / "checkpoints", tmp_path / "studies" / "s", tmp_path / "images" / "i"]
    dead = f".writing-{socket.gethostname()}-{dead_pid()}-0a"
    names = {dead: False, f".writing-{owner()}-0b": True, ".writing-else-where-1-0c": True}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).touch()
    clear_abandoned(tmp_path)
    for folder in folders:
        assert {name: (folder / name).exists() for name in names} == names


def test_data_that_a_killed_command_shared_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = f"barnspider-{socket.gethostname()}-{dead_pid()}-x_1"
    names = {dead: False, f"barnspider-{owner()}-x": True, "barnspider-of-somebody": True}
    here, number = socket.gethostname(), dead_pid()
    names |= {f"barnspider-{here}-{number}.1-x": True, f"barnspider-{here}-{number}.{process_space()}-x": False}
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "train-pixels.npy").touch()
    clear_shared()
    assert {name: (tmp_path / name).exists() for name in names} == names
