import io

import numpy as np
import pytest
from PIL import Image

from barnspider.examples import COLUMNS
from barnspider.lab import sprites
from barnspider.lab.sprites import Sheet, fitted, pitch, smaller


def pictures(count, height=20, width=12, channels=3, seed=0):
    """Smooth ones, all different: what codecs are made for."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(256, size=(count, 3, 3, channels), dtype=np.uint8)
    rows, columns = np.arange(height) * 3 // height, np.arange(width) * 3 // width
    return coarse[:, rows][:, :, columns]


def cut(content, size, cell_size):
    """Every cell of an encoded sprite."""
    with Image.open(io.BytesIO(content)) as image:
        whole = np.asarray(image).reshape(image.height, image.width, -1)
    high, wide = cell_size
    assert whole.shape[1] == COLUMNS * wide
    return [
        whole[row * high :, column * wide :][: size[0], : size[1]]
        for row in range(whole.shape[0] // high)
        for column in range(COLUMNS)
    ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 16, 37])
def test_a_png_holds_the_very_pixels(count, channels):
    made, sheet = pictures(count, channels=channels), Sheet()
    places = [sheet.place(picture) for picture in made]
    cells = cut(sheet.encoded("png"), (20, 12), pitch((20, 12), "png"))
    for picture, place in zip(made, places, strict=True):
        assert np.array_equal(cells[place], picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_webp_is_near_and_no_cell_bleeds_into_its_neighbour(channels):
    black, white = np.zeros((20, 12, channels), np.uint8), np.full((20, 12, channels), 255, np.uint8)
    sheet = Sheet()
    assert [sheet.place(picture) for picture in (black, white)] == [0, 1]
    content = sheet.encoded("webp")
    assert content[8:12] == b"WEBP"
    cells = cut(content, (20, 12), pitch((20, 12), "webp"))
    assert cells[0].max() <= 3
    assert cells[1].min() >= 252


def test_equal_pictures_share_a_cell():
    one, two = pictures(2)
    sheet = Sheet()
    assert [sheet.place(picture) for picture in (one, two, one.copy())] == [0, 1, 0]


def test_no_picture_is_no_file():
    assert Sheet().encoded("png") == b""


def test_smaller_pictures_look_alike_and_small_ones_are_left_alone():
    made = pictures(3, height=90, width=60)
    half = smaller(made, 45)
    assert half.shape == (3, 45, 30, 3)
    assert np.abs(half[:, 7::15, 5::10].astype(int) - made[:, 15::30, 10::20]).max() <= 8
    assert smaller(made, 90) is made
    assert smaller(made[:0], 45).shape == (0, 45, 30, 3)
    assert fitted((1, 1000), 32) == (1, 32)


def test_lossy_is_png_only_where_pillow_knows_no_webp():
    assert sprites.LOSSY == "webp"
