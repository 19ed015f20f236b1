"""A full disk, a store that cannot be written: one clear error, nothing half-written, and the same command goes on."""

import os
import shutil
import subprocess
import sys

import pytest

from barnspider.lab import Store


def mount(folder, *options) -> None:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(commands):
    """A store's folder on a disk of its own, of 512 kB."""
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("only root on Linux may mount a small disk")
    commands.store.mkdir()
    mount(commands.store, "-t", "tmpfs", "-o", "size=512k", "tmpfs")
    yield commands.store
    subprocess.run(["umount", str(commands.store)], check=True)


def sealed(store) -> int:
    return len(list(store.glob("runs/*/seal")))


def test_a_full_disk_is_said_and_with_room_the_same_command_goes_on(commands, disk, undisturbed, expected):
    shutil.copytree(undisturbed.store, disk, dirs_exist_ok=True)
    first = next(iter(Store(disk).study().cells))
    assert sealed(disk) == 4
    for folder in list(disk.glob("runs/*")):
        if folder.name != first.key:
            shutil.rmtree(folder)
    intact = {p: p.read_bytes() for p in disk.glob("runs/*/*")}
    fill(disk, leave=8)
    said = commands.run(check=2)
    assert "No space left on device; free some space, then run the same again" in said
    assert not commands.half_written()
    assert {p: p.read_bytes() for p in disk.glob("runs/*/*")} == intact
    (disk / "filling").unlink()
    assert "3 of 4 runs trained now" in commands.run()
    assert commands.table() == expected


def fill(disk, leave: int) -> None:
    """Leave so many kB free."""
    free = shutil.disk_usage(disk).free
    (disk / "filling").write_bytes(bytes(free - leave * 1024))


def test_a_disk_that_was_always_full_is_said(commands, disk):
    fill(disk, leave=0)
    (disk / "filling").rename(disk / ".writing-filling")  # not somebody else's folder: a store that just began
    assert "No space left on device; free some space" in commands.run(check=2)
    assert [path.name for path in disk.rglob("*") if path.is_file()] == [".writing-filling"]


@pytest.mark.parametrize("blocks", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_files_that_may_not_grow_are_said(commands, expected, blocks):
    """The portable form: a limit on the size of a file, of nothing and of 1 kB. Answers need more than that."""
    said = commands.run(check=2, limit=f"ulimit -f {blocks}; trap '' XFSZ;")
    assert "error: " in said
    assert "cannot write" in said
    assert not commands.half_written()
    assert sealed(commands.store) == 0
    commands.run()
    assert commands.table() == expected


@pytest.mark.slow
def test_a_store_that_can_only_be_read_is_said_and_can_be_audited(commands, disk, undisturbed, expected):
    shutil.copytree(undisturbed.store, disk, dirs_exist_ok=True)
    mount(disk, "-o", "remount,ro")
    assert commands.table() == expected
    assert "0 of 4 runs trained now" in commands.run()
    mount(disk, "-o", "remount,rw")
    shutil.rmtree(next(disk.glob("runs/*")))
    mount(disk, "-o", "remount,ro")
    said = commands.run(check=2)
    assert "Read-only file system; choose another place, then run the same again" in said
    mount(disk, "-o", "remount,rw")
    assert "1 of 4 runs trained now" in commands.run()
    assert commands.table() == expected
