"""Packed sets: decoded once, in parallel, resumed after kill -9, verified; and what zip files must not do."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import DataError
from barnspider.lab import Recipe, Store, Sweep, download, run
from barnspider.lab.data import load, packing
from barnspider.lab.data.decoder import COLOUR, WAITING
from barnspider.lab.data.listing import list_folder, list_zip
from barnspider.lab.data.packing import packed

pytestmark = pytest.mark.usefixtures("nowhere")

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
TINY = SHARED / "tinyimagenet64_40.zip"
needs_tiny = pytest.mark.skipif(not TINY.exists(), reason="../shared/data is absent")


def encoded(shade: int, kind: str = "png", size=(12, 10)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (shade % 256, 40, 90)).save(file, kind)
    return file.getvalue()


def a_zip(path, names=None, **more):
    names = names or [f"photos/{c}/{i}.png" for c in ("cat", "dog") for i in range(20)]
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(name, encoded(i))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def many(root, count=600):
    for i in range(count):
        file = root / "ab"[i % 2] / f"{i}.webp"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(i, "webp"))
    return root


def forbid_decoding(monkeypatch):
    monkeypatch.setattr(packing, "_pack", None)


def test_a_zip_is_what_its_folder_is(tmp_path):
    with zipfile.ZipFile(a_zip(tmp_path / "photos.zip")) as archive:
        archive.extractall(tmp_path)
    one, other = load(str(tmp_path / "photos.zip"), size=9), load(str(tmp_path / "photos"), size=9)
    assert one.classes == other.classes == ("cat", "dog")
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(one, part).images, getattr(other, part).images)
    assert one.train.sample[0].removeprefix("photos/") == other.train.sample[0]


def test_a_second_load_decodes_nothing_and_maps_the_same_file(tmp_path, monkeypatch):
    path = str(a_zip(tmp_path / "x.zip"))
    first = load(path)
    forbid_decoding(monkeypatch)
    again = load(path)
    assert again.fingerprint == first.fingerprint
    assert isinstance(again.train.pixels, np.memmap)
    assert again.train.pixels.filename == again.test.pixels.filename
    assert isinstance(again.train.take(np.array([2, 0])).pixels, np.memmap)
    assert np.array_equal(again.train.read(np.array([2, 0])), first.train.images[[2, 0]])
    with pytest.raises(ValueError, match="read-only"):
        again.train.pixels[0] = 0


def test_the_cache_may_be_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "mine"))
    load(str(a_zip(tmp_path / "x.zip")))
    assert len(list((tmp_path / "mine" / "packed").iterdir())) == 1


def test_another_size_or_source_is_another_set(tmp_path):
    path = a_zip(tmp_path / "x.zip")
    found = {load(f"{path}?size={size}").fingerprint for size in (8, 16)}
    a_zip(path, [f"{c}/{i}.png" for c in ("eel", "cat") for i in range(15)])
    found.add(load(f"{path}?size=8").fingerprint)
    assert len(found) == 3
    assert len(list((download.cache_folder() / "packed").iterdir())) == 3


@pytest.mark.parametrize("size", [7, 257])
def test_sizes_have_limits(tmp_path, size):
    with pytest.raises(DataError, match=f"size={size}; expected 8 to 256 pixels"):
        load(str(a_zip(tmp_path / "x.zip")), size=size)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sise=3", "option sise is unknown; expected size, bad"),
        ("size=big", "size='big'; expected a number of pixels"),
        ("bad=ignore", "bad='ignore'; expected one of refuse, leave-out"),
    ],
)
def test_wrong_options_say_what_is_right(tmp_path, option, message):
    with pytest.raises(DataError, match=message):
        load(f"{a_zip(tmp_path / 'x.zip')}?{option}")


# --- kill, damage, full disks ---------------------------------------------------------------------------------------


def test_several_processes_give_the_same_bytes_as_one(tmp_path, monkeypatch):
    source = list_folder(many(tmp_path / "many"))
    alone = packed(source, 8, workers=1)
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "other"))
    together = packed(source, 8, workers=3)
    assert together.sha256 == alone.sha256
    assert np.array_equal(together.pixels[7], alone.pixels[7])


def test_what_is_decoded_is_not_decoded_again(tmp_path):
    source = list_folder(many(tmp_path / "many", 30))
    folder = download.cache_folder() / "packed" / packing._key(source, 8)
    building = folder.with_name(folder.name + ".building")
    packing._prepare(source, 8, building)
    with (building / "states").open("r+b") as states:
        states.write(bytes([COLOUR] * 10))
    images = packed(source, 8).pixels
    assert not images[:10].any()  # taken for decoded, although nothing is there
    assert images[10:].any(axis=(1, 2, 3)).all()


@needs_tiny
@pytest.mark.skipif(sys.platform != "linux", reason="kills a process group")
@pytest.mark.slow
def test_kill_9_loses_no_more_than_the_images_in_flight(tmp_path):
    code = f"from barnspider.lab.data import load; load({str(TINY)!r}, size=16)"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL)
    root = download.cache_folder() / "packed"
    deadline, done = time.monotonic() + 60, 0
    while done < 1000 and time.monotonic() < deadline:
        time.sleep(0.02)
        done = sum(int((np.fromfile(f, np.uint8) != WAITING).sum()) for f in root.glob("*.building/states"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 1000 <= done < 22_000
    source = list_zip(TINY)
    found = packed(source, 16)
    assert not list(root.glob("*.building"))
    assert not found.bad
    row = 12_345
    with zipfile.ZipFile(TINY) as archive, archive.open(str(source.names[row])) as member:
        from barnspider.lab.data.pictures import decode

        assert np.array_equal(decode(member.read(), 16)[0], found.pixels[row])


def test_two_commands_may_decode_the_same_set_at_once(tmp_path):
    root = many(tmp_path / "many", 520)
    code = f"from barnspider.lab.data import load; print(load({str(root)!r}, size=8).fingerprint)"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate() for process in processes]
    assert len({out for out, _ in said}) == 1, said
    assert said[0][0].strip() == load(str(root), size=8).fingerprint, said
    assert len(list((download.cache_folder() / "packed").iterdir())) == 1


@pytest.mark.parametrize("file", ["images", "states", "names.npy", "about.json"])
def test_a_flipped_bit_is_noticed_and_the_set_made_again(tmp_path, file, capsys):
    path = str(a_zip(tmp_path / "x.zip"))
    before = load(path).fingerprint
    [folder] = (download.cache_folder() / "packed").iterdir()
    content = bytearray((folder / file).read_bytes())
    content[0 if file == "about.json" else len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    assert load(path).fingerprint == before
    assert f"is damaged ({file}); it is decoded again" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write .*Not a directory.*BARNSPIDER_CACHE says where"):
        load(str(a_zip(tmp_path / "x.zip")))


def test_a_full_disk_is_known_before_work_begins(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        load(str(a_zip(tmp_path / "x.zip")))


def test_a_source_that_changes_meanwhile_is_an_error(tmp_path):
    root = many(tmp_path / "many", 12)
    source = list_folder(root)
    (root / "a" / "4.webp").unlink()
    with pytest.raises(DataError, match=r"changed, or cannot be read.*4\.webp"):
        packed(source, 8)


# --- zip files that mean harm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../cat/1.png", "/etc/1.png", "cat/../../1.png", "C:/cat/1.png", "a/" * 20 + "1.png"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="which leads elsewhere; expected plain relative names"):
        load(str(a_zip(tmp_path / "x.zip", [name, "dog/2.png"])))


def test_links_in_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(a_zip(tmp_path / "x.zip"), "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"'cat/link.png', a link; expected plain files"):
        load(str(tmp_path / "x.zip"))


def test_a_zip_bomb_is_refused_by_what_it_says(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/big.png", bytes(200_000_001))
    with pytest.raises(DataError, match=r"'cat/big.png' of 200,000,001 bytes; expected at most 200,000,000"):
        load(str(tmp_path / "x.zip"))


def test_a_zip_with_a_damaged_image_names_it(tmp_path):
    path = a_zip(tmp_path / "x.zip")
    content = bytearray(path.read_bytes())
    content[content.index(b"photos/cat/3.png") + 60] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1 of 40 .*photos/cat/3.png \(it is empty, or damaged in its archive\)"):
        load(str(path))


def test_what_is_no_zip_is_named(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no")
    with pytest.raises(DataError, match=r"x.zip' cannot be read as a zip file"):
        load(str(tmp_path / "x.zip"))


# --- layouts as published -------------------------------------------------------------------------------------------


def test_tiny_imagenet_as_published(tmp_path, monkeypatch):
    root, wnids = tmp_path / "tiny-imagenet-200", ("n01443537", "n01629819")
    names = [f"train/{w}/images/{w}_{i}.JPEG" for w in wnids for i in range(20)]
    names += [f"val/images/val_{i}.JPEG" for i in range(6)] + ["test/images/test_0.JPEG"]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(i, "jpeg", (64, 64)))
    lines = [f"val_{i}.JPEG\t{wnids[i % 2]}\t0\t32\t44\t62\n" for i in range(6)]
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    (root / "words.txt").write_text("n01443537\tgoldfish, Carassius auratus\nn01629819\tEuropean fire salamander\n")
    monkeypatch.setenv("BARNSPIDER_DATA", str(tmp_path))
    found = load("tiny-imagenet?size=64")
    assert found.classes == ("goldfish", "European fire salamander")
    assert [len(p) for p in (found.train, found.validation, found.test)] == [36, 4, 6]
    assert found.test.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.test.sample[1] == "val/images/val_1.JPEG"


def test_imagenet_and_inaturalist_as_torchvision_keeps_them(tmp_path):
    for home, parts in (("imagenet", ("train", "val")), ("inaturalist", ("2021_train_mini", "2021_valid"))):
        for part in parts:
            for name in ("n01440764", "n01443537"):
                folder = tmp_path / home / part / name
                folder.mkdir(parents=True)
                for i in range(12):
                    (folder / f"{i}.JPEG").write_bytes(encoded(i, "jpeg"))
    (tmp_path / "imagenet" / "test").mkdir()
    (tmp_path / "imagenet" / "test" / "unlabelled.JPEG").write_bytes(encoded(0, "jpeg"))
    (tmp_path / "imagenet" / "LOC_synset_mapping.txt").write_text("n01440764 crane, bird\nn01443537 crane, machine\n")
    names = load("imagenet?size=8", folder=tmp_path).classes
    assert names == ("crane (n01440764)", "crane (n01443537)")
    found = load("inaturalist?size=8", folder=tmp_path)
    assert [len(p) for p in (found.train, found.validation, found.test)] == [22, 2, 24]


def test_named_data_that_is_not_there_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"'imagenet' is not there; looked for .*ILSVRC2012.*BARNSPIDER_DATA"):
        load("imagenet", folder=tmp_path)


@needs_tiny
def test_the_whole_of_the_small_tiny_imagenet():
    found = load(f"{TINY}?size=16")
    assert [len(p) for p in (found.train, found.validation, found.test)] == [18_000, 2000, 2000]
    assert found.classes[:2] == ("goldfish", "European fire salamander")
    assert np.bincount(found.validation.labels).tolist() == [50] * 40
    [folder] = (download.cache_folder() / "packed").iterdir()
    assert json.loads((folder / "about.json").read_text())["shape"] == [22_000, 16, 16, 3]


@pytest.mark.skipif(not (SHARED / "monkeys10_160.zip").exists(), reason="../shared/data is absent")
def test_monkeys():
    found = load(f"{SHARED / 'monkeys10_160.zip'}?size=32")
    assert found.classes[0] == "mantled_howler"
    assert [len(p) for p in (found.train, found.validation, found.test)] == [988, 109, 272]


def test_a_study_on_a_zip_file(tmp_path):
    path = a_zip(tmp_path / "x.zip", [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(30)])
    sweep = Sweep(Recipe(f"{path}?size=8", width=4, epochs=1), vary="flip", doses=(0, 0.5), seeds=(0,))
    predictions = run(sweep, Store(tmp_path / "runs"), workers=1)
    assert predictions.classes == ("cat", "dog")
    assert predictions.guess.shape == (2, 12)
