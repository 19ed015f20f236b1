"""Exact copies across parts are found and told; copies within a part are not."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barnspider.lab.data import from_arrays, load, named, told, twins

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def arrays(**changes):
    rng = np.random.default_rng(0)
    parts = {"train": 60, "test": 20}
    images = {f"x_{k}": rng.integers(256, size=(n, 8, 8, 3), dtype=np.uint8) for k, n in parts.items()}
    return images | {f"y_{k}": np.arange(n) % 2 for k, n in parts.items()} | {"class_names": ["cat", "dog"]} | changes


def test_copies_in_another_part_are_found_with_their_labels():
    given = arrays()
    given["x_test"][4] = given["x_train"][33]
    given["x_test"][7] = given["x_test"][8]  # within one part
    data = from_arrays(given)
    [twin] = twins(data)
    assert (twin.part, twin.sample, twin.label) == ("test", "test-00004", "cat")
    assert (twin.first_sample, twin.first_label) == ("train-00033", "dog")
    words = told((twin,), data)
    assert words.startswith("1 of 20 test images and 0 of 6 validation images are exact copies")
    assert "1 of them under another label: test-00004 (test, cat) is train-00033" in words


def test_one_other_pixel_is_another_image():
    given = arrays()
    given["x_test"][4] = given["x_train"][33]
    given["x_test"][4, 3, 3, 1] ^= 1
    assert twins(from_arrays(given)) == ()


@pytest.mark.usefixtures("nowhere")
def test_packed_sets_are_read_through_their_rows(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for i in range(40):
            with archive.open(f"{'train' if i < 30 else 'test'}/{'ab'[i % 2]}/{i}.png", "w") as file:
                Image.new("L", (8, 8), 7 if i in (3, 33) else i + 100).save(file, "png")
    [twin] = twins(load(str(tmp_path / "x.zip"), size=8))
    assert (twin.sample, twin.first_sample) == ("test/b/33.png", "train/b/3.png")


@pytest.mark.skipif(not (named.SYSTEM / "fashion-mnist").is_dir(), reason="dataset-fashion-mnist is absent")
def test_70_000_images_take_a_moment():
    data, start = load("fashion-mnist"), time.process_time()
    assert twins(data) == ()
    assert time.process_time() - start < 3


@pytest.mark.usefixtures("nowhere")
@pytest.mark.skipif(not (SHARED / "monkeys10_160.zip").exists(), reason="../shared/data is absent")
def test_some_photographs_of_monkeys_are_there_twice():
    found = twins(load(f"{SHARED / 'monkeys10_160.zip'}?size=64"))
    assert len(found) == 14
    assert {twin.part for twin in found} == {"validation"}
