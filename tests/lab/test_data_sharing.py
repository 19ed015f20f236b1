import shutil
import threading
import time

import numpy as np
import pytest

from barnspider.errors import StoreError
from barnspider.lab.data import Dataset, Split, load, once
from barnspider.lab.data.once import NAME, lay_once
from barnspider.lab.data.sharing import PARTS, share, shared


def equal(one, other):
    assert (one.name, one.classes, one.fingerprint) == (other.name, other.classes, other.fingerprint)
    for part in PARTS:
        a, b = getattr(one, part), getattr(other, part)
        assert np.array_equal(a.images, b.images)
        assert np.array_equal(a.labels, b.labels)
        assert a.sample.tolist() == b.sample.tolist()
    return True


def test_what_was_in_memory_is_mapped(tmp_path):
    digits = load("digits")
    share(digits, tmp_path)
    mapped = shared(tmp_path)
    assert equal(digits, mapped)
    assert all(isinstance(getattr(mapped, part).pixels, np.memmap) for part in PARTS)


def test_a_packed_set_is_mapped_again_and_never_copied(tmp_path):
    pixels = np.memmap(tmp_path / "images", np.uint8, "w+", offset=64, shape=(30, 8, 8, 3))
    pixels[:] = np.random.default_rng(0).integers(256, size=pixels.shape, dtype=np.uint8)
    pixels.flush()
    pixels = np.memmap(tmp_path / "images", np.uint8, "r", offset=64, shape=(30, 8, 8, 3))
    names = np.array([f"ünï-{i}" for i in range(30)])
    whole = Split(pixels, np.arange(30) % 3, names)
    parts = {part: whole.take(np.arange(i, 30, 3)) for i, part in enumerate(PARTS)}
    packed = Dataset("packed", ("a", "<b>", "ç"), "f", **parts)
    (tmp_path / "shared").mkdir()
    share(packed, tmp_path / "shared")
    assert equal(packed, shared(tmp_path / "shared"))
    assert not list((tmp_path / "shared").glob("*pixels*"))


def test_a_slice_of_a_map_is_written_down(tmp_path):
    digits = load("digits")
    share(digits, tmp_path)
    mapped = shared(tmp_path)
    half = Split(mapped.train.pixels[400:], mapped.train.labels[400:], mapped.train.ids[400:])
    (tmp_path / "again").mkdir()
    share(Dataset("half", digits.classes, "f", half, mapped.validation, mapped.test), tmp_path / "again")
    assert np.array_equal(shared(tmp_path / "again").train.images, digits.train.images[400:])


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="cannot write"):
        share(load("digits"), tmp_path / "file" / "inside")


@pytest.fixture
def digits(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return load("digits")


def test_workers_of_one_machine_load_a_set_once_and_need_not_outlive_each_other(tmp_path, digits):
    loaded: list[int] = []
    folders = [tmp_path / f"barnspider-{i}" / NAME for i in range(4)]

    def slowly():
        time.sleep(0.05)
        loaded.append(1)
        return digits

    workers = [threading.Thread(target=lay_once, args=(each, digits.fingerprint, slowly)) for each in folders]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert len(loaded) == 1
    assert {file.stat().st_nlink for file in folders[0].glob("*.npy")} == {4}
    for each in folders[:3]:
        shutil.rmtree(each.parent)
    assert equal(digits, shared(folders[3]))


def test_what_is_of_other_data_or_not_whole_is_not_shared(tmp_path, digits):
    first, second, third = (tmp_path / f"barnspider-{i}" / NAME for i in range(3))
    assert lay_once(first, digits.fingerprint, lambda: digits)
    assert lay_once(second, "another", lambda: digits)
    for each in (first, second):
        (each / "test-ids.npy").unlink()
    assert lay_once(third, digits.fingerprint, lambda: digits)
    assert equal(digits, shared(third))
    shutil.rmtree(first.parent)
    (third / "about.json").write_text("{}")
    assert lay_once(first, digits.fingerprint, lambda: digits)


def test_a_set_that_cannot_be_laid_down_is_read_by_each_worker(tmp_path, digits, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["once", str(tmp_path / "no store"), "x", str(tmp_path / "a" / NAME), "f"])
    once.main()
    assert "note: each worker of a node reads the data itself: " in capsys.readouterr().err
    assert not (tmp_path / "a" / NAME).exists()
