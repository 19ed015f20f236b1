"""The cache is listed and emptied; nothing of others, and nothing that a live process is making, ever goes."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import InputError
from barnspider.lab import download
from barnspider.lab.data import cache, load
from barnspider.lab.holds import held

pytestmark = pytest.mark.usefixtures("nowhere")

DAY = 86_400


def photos(root, count=30):
    for i in range(count):
        file = root / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), i).save(file)
    return root


def entry(name, size, days):
    return cache.Entry(name, "packed", f"/data/{name}.zip at 8x8", size, 100 * DAY - days * DAY, ())


FOUND = (entry("aaa", 50, 40), entry("bbb", 30, 20), entry("ccc", 20, 1))


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ({}, []),
        ({"names": ["bb"]}, ["bbb"]),
        ({"names": ["/data/ccc.zip", "/data/aaa.zip at 8x8"]}, ["aaa", "ccc"]),
        ({"older_than": 30 * DAY}, ["aaa"]),
        ({"most": 100}, []),
        ({"most": 50}, ["aaa"]),
        ({"most": 49}, ["aaa", "bbb"]),
        ({"most": 0}, ["aaa", "bbb", "ccc"]),
        ({"names": ["bbb"], "most": 60}, ["aaa", "bbb"]),
    ],
)
def test_what_is_to_go(asked, gone):
    assert [e.name for e in cache.choose(FOUND, 100 * DAY, **asked)] == gone


@pytest.mark.parametrize("name", ["zzz", ""])
def test_a_name_that_is_not_there_is_named(name):
    with pytest.raises(InputError, match="is not in the cache; it has aaa, bbb, ccc"):
        cache.choose(FOUND, 0, names=[name])


@pytest.mark.parametrize(
    ("text", "read"), [("10", cache.read_size), ("x GB", cache.read_size), ("30 m", cache.read_time)]
)
def test_sizes_and_times_that_are_none_are_named(text, read):
    with pytest.raises(InputError, match="expected a "):
        read(text)


def test_a_packed_set_is_listed_used_and_removed_and_its_source_stays(tmp_path):
    root = photos(tmp_path / "photos")
    fingerprint = load(str(root), size=8).fingerprint
    [found] = cache.entries()
    assert (found.kind, found.source) == ("packed", f"{root} at 8x8")
    assert found.size >= 30 * 64
    os.utime(f"{found.paths[0]}/about.json", (1000, 1000))
    assert cache.entries()[0].used == 1000
    data = load(str(root), size=8)
    assert time.time() - cache.entries()[0].used < 60
    assert cache.remove(found)
    assert cache.entries() == ()
    assert data.train.read(np.arange(3)).shape == (3, 8, 8, 1)  # who has it open goes on reading
    assert len(list(root.rglob("*.png"))) == 30
    assert load(str(root), size=8).fingerprint == fingerprint


def test_what_a_running_process_is_making_stays(tmp_path):
    building = download.cache_folder() / "packed" / f"{'ab' * 16}.building"
    building.mkdir(parents=True)
    (building / "job.json").write_text('{"root": "/data/x.zip", "size": 64}')
    [found] = cache.entries()
    assert (found.kind, found.source) == ("half-built", "/data/x.zip at 64x64")
    with held(building / "job.json"):
        assert not cache.remove(found)
    code = (
        "import sys, time; from pathlib import Path; from barnspider.lab.holds import held\n"
        "with held(Path(sys.argv[1])):\n print('now', flush=True)\n time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(building / "job.json")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "now\n"
        assert not cache.remove(found)
    finally:
        process.kill()
        process.communicate()
    assert cache.remove(found)  # kill -9 gives the lock back
    assert not building.exists()


def test_a_set_is_held_while_it_is_made(tmp_path, monkeypatch):
    from barnspider.lab.data import packing

    seen = []
    decode = packing._decode

    def meanwhile(building, workers):
        seen.extend(cache.remove(found) for found in cache.entries())
        decode(building, workers)

    monkeypatch.setattr(packing, "_decode", meanwhile)
    load(str(photos(tmp_path / "photos")), size=8)
    assert seen == [False]


def test_only_what_this_tool_made_is_listed_and_links_are_not_followed(tmp_path):
    root = download.cache_folder()
    mine = tmp_path / "mine"
    for folder in (root / "packed" / "holiday", root / "cifar-10-batches-py", mine, root / "fashion-mnist"):
        folder.mkdir(parents=True)
        (folder / "photo.jpg").write_text("mine")
    (root / "packed" / ("ab" * 16)).symlink_to(mine)
    (root / "fashion-mnist" / "t10k-labels-idx1-ubyte").symlink_to(mine / "photo.jpg")
    assert cache.entries() == ()
    (root / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").write_text("x")
    [found] = cache.entries()
    assert (found.name, found.kind) == ("fashion-mnist", "download")
    assert cache.remove(found)
    assert len(list(tmp_path.rglob("photo.jpg"))) == 4


def test_what_was_removed_meanwhile_is_no_error(tmp_path):
    load(str(photos(tmp_path / "photos")), size=8)
    [found] = cache.entries()
    assert cache.remove(found)
    assert not cache.remove(found)


def test_a_download_in_flight_stays():
    part = download.cache_folder() / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz.part"
    part.parent.mkdir(parents=True)
    part.write_text("x")
    [found] = cache.entries()
    with held(part):
        assert not cache.remove(found)
    assert cache.remove(found)
