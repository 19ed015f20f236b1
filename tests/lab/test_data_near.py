"""Pictures that were compressed, scaled or brightened again are found among colour photographs; others are not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barnspider.errors import InputError
from barnspider.lab.data import examine, from_arrays, load
from barnspider.lab.data.marks import marks
from barnspider.lab.data.near import near_pairs, thumbnails

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def photographs(count):
    """Smooth colour images: noise of 8x8 pixels, made large."""
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(256, size=(8, 8, 3), dtype=np.uint8)) for _ in range(count)]
    return np.stack([np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)) for image in small])


def compressed(image, quality=75):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def scaled(image):
    return np.asarray(Image.fromarray(image).resize((24, 24)).resize((32, 32)))


def arrays():
    images = photographs(500)
    return {"x_train": images[:400].copy(), "x_test": images[400:].copy()} | {
        "y_train": np.arange(400) % 2, "y_test": np.arange(100) % 2
    }  # fmt: skip


def found(given):
    return [f for f in examine(from_arrays(given), near=True).findings if f.kind == "near"]


def test_nothing_is_found_among_different_pictures():
    assert found(arrays()) == []


@pytest.mark.parametrize("change", [compressed, scaled, lambda x: np.clip(x * 1.1, 0, 255).astype(np.uint8)])
def test_a_picture_that_was_changed_a_little_is_found_in_another_part(change):
    given = arrays()
    given["x_test"][7] = change(given["x_train"][32])
    [near] = found(given)
    assert (near.wrong, near.count, near.names) == (True, 1, ("test-00007",))
    assert near.text.startswith("1 of 100 test images is nearly a copy of train images, 1 of them under another label;")
    assert near.lines == ("test-00007 (test, 1) is like train-00032 (train, 0)",)


def test_exact_copies_are_not_found_again():
    given = arrays()
    given["x_test"][7] = given["x_train"][32]
    given["x_test"][9] = compressed(given["x_train"][32])
    assert [(f.count, f.names) for f in found(given)] == [(1, ("test-00009",)), (1, ("test-00009",))]  # of both


def test_many_copies_and_blank_images_take_no_longer():
    given = arrays()
    given["x_train"][:200] = given["x_train"][0]
    given["x_train"][200:300] = np.arange(100)[:, None, None, None]
    assert found(given) == []


def test_grey_images_are_refused():
    given = arrays()
    grey = given | {"x_train": given["x_train"][..., 0], "x_test": given["x_test"][..., 0]}
    with pytest.raises(InputError, match="among colour photographs; grey drawings are too much alike"):
        examine(from_arrays(grey), near=True)


def test_the_second_look_is_told_too():
    told = []
    examine(from_arrays(arrays()), near=True, watch=told.append)
    assert told == sorted(told)
    assert told[-1] == 1500


@pytest.mark.parametrize("side", [8, 13, 16, 33])
def test_thumbnails_of_any_size_have_length_1(side):
    images = np.random.default_rng(0).integers(256, size=(3, side, side, 3), dtype=np.uint8)
    assert np.allclose(np.linalg.norm(thumbnails(images), axis=1), 1)
    assert not thumbnails(np.full_like(images, 9)).any()


def test_a_thumbnail_is_the_mean_of_blocks():
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, 2:4, 6:8] = 255  # one block of a thumbnail of 16x16
    thumb = thumbnails(image).reshape(16, 16, 3)
    assert np.unravel_index(thumb[..., 0].argmax(), (16, 16)) == (1, 3)
    assert len(np.unique(thumb.round(5))) == 2


@pytest.mark.usefixtures("nowhere")
@pytest.mark.skipif(not (SHARED / "monkeys10_160.zip").exists(), reason="../shared/data is absent")
def test_a_fifth_of_the_test_photographs_of_monkeys_were_trained_on():
    data = load(f"{SHARED / 'monkeys10_160.zip'}?size=64")
    assert len(near_pairs(data, marks(data))) == 95  # looked at, every one: the same picture
    [tested] = [f for f in examine(data, near=True).findings if f.text.startswith("50 of 272 test images are nearly")]
    assert tested.wrong
