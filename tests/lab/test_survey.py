"""A data set that is not decoded yet is counted as it will be, and some of it decoded."""

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import DataError
from barnspider.lab.data import load, packing
from barnspider.lab.data.survey import LOOKED, survey

pytestmark = pytest.mark.usefixtures("nowhere")


def write(root, parts, count=40, mode="RGB"):
    for part in parts:
        for number, name in enumerate(("cat", "dog")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new(mode, (24, 16), 10 * number + i).save(folder / f"{i}.png")
    return root


@pytest.mark.parametrize("parts", [("train", "val"), ("train", "val", "test"), ("",)])
def test_parts_are_counted_as_they_will_be(tmp_path, parts):
    name = f"{write(tmp_path / 'photos', parts)}?size=12"
    before = survey(name)
    assert not list((tmp_path / "cache").rglob("images")), "nothing is packed"
    data = load(name)
    assert (before.train, before.validation, before.test) == (len(data.train), len(data.validation), len(data.test))
    assert before.sample.shape == data.shape == (3, 12, 12)
    assert before.sample.classes == data.classes
    assert before.waiting == sum(map(len, (data.train, data.validation, data.test)))
    assert before.bytes == before.waiting * 3 * 12 * 12
    assert before.decoding > 0
    after = survey(name)
    assert (after.train, after.waiting, after.decoding) == (len(data.train), 0, 0)


def test_what_is_looked_at_is_what_will_be_decoded(tmp_path, monkeypatch):
    monkeypatch.setitem(LOOKED, "train", 20)
    name = f"{write(tmp_path / 'photos', ('train', 'val'))}?size=8"
    found = survey(name)
    data = load(name)
    assert len(found.sample.train) == 20 < len(data.train)
    assert found.looked == 20 + len(data.validation) + LOOKED["test"]
    assert set(found.sample.train.labels.tolist()) == {0, 1}
    rows = [data.train.sample.tolist().index(name) for name in found.sample.train.sample]
    assert np.array_equal(found.sample.train.labels, data.train.labels[rows])
    assert np.array_equal(found.sample.train.images, data.train.images[rows])


def test_grey_images_have_one_channel(tmp_path):
    assert survey(f"{write(tmp_path / 'photos', ('train', 'val'), mode='L')}?size=8").sample.shape == (1, 8, 8)


def test_bad_images_are_passed_over_and_nothing_but_bad_ones_refused(tmp_path):
    root = write(tmp_path / "photos", ("train", "val"), count=10)
    files = sorted(root.rglob("*.png"))
    files[0].write_bytes(b"no image")
    for file in (root / "val").rglob("*.png"):
        file.write_bytes(b"no image")
    found = survey(f"{root}?size=8")
    assert (found.train, len(found.sample.test)) == (18, 1)
    for file in files:
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"none of \d+ images that were looked at can be decoded: it is no image"):
        survey(f"{root}?size=8")


@pytest.mark.parametrize("size", [7, 257])
def test_sizes_have_limits_here_too(tmp_path, size):
    with pytest.raises(DataError, match=f"size={size}; expected 8 to 256 pixels"):
        survey(f"{write(tmp_path / 'photos', ('train', 'val'), count=2)}?size={size}")


def test_the_room_is_that_of_the_disk_where_the_cache_will_be(tmp_path, monkeypatch):
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "not" / "there"))
    assert packing.room() > 0
    assert not (tmp_path / "not").exists()
