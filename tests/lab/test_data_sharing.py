import numpy as np
import pytest

from barnspider.errors import StoreError
from barnspider.lab.data import Dataset, Split, load
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
